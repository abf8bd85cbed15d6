"""The words of generated scenarios that no generator makes: presents, seasons, sizes, and other languages."""

from __future__ import annotations

from dataclasses import dataclass

from evals.prompts.hidden_taste import Asked

GIFTS: tuple[tuple[str, str, int], ...] = (  # what is typed, the persona that it is for, budget in euros
    ("birthday present for my sister who loves gardening", "gardener", 50),
    ("gift for my brother, he plays video games every evening", "gamer", 70),
    ("something for my mother who bakes every Sunday", "cook", 40),
    ("present for my father, retired, always reading", "reader", 30),
    ("gift for a girlfriend who runs marathons", "runner", 90),
    ("thank you present for our neighbour who looks after our dog", "pet_owner", 30),
    ("gift for my grandson, he is four", "parent", 35),
    ("gift for my granddaughter, she is four", "parent", 35),
    ("housewarming present for Anna and Tom", "nester", 60),
    ("leaving gift for Mrs Keller from the office", "home_office", 45),
    ("leaving gift for Mr Keller from the office", "home_office", 45),
    ("birthday of my boyfriend, he takes photos of birds", "photographer", 120),
    ("something small for my wife, she likes organic things", "eco", 40),
    ("present for Peter who goes camping with the scouts", "camper", 60),
    ("for my uncle who cooks Italian", "cook", 50),
    ("gift for my niece who has just started university", "student", 35),
)

IN_SEASON: tuple[tuple[str, Asked], ...] = (
    ("warm jumper for autumn", Asked(("womens_knitwear", "mens_knitwear"), seasons=("autumn", "winter"))),
    ("bulbs to plant now for spring", Asked(("bulbs",), seasons=("autumn",))),
    ("winter coat", Asked(("womens_coats", "mens_coats"), seasons=("winter",))),
    ("boots for rainy days", Asked(("boots",), seasons=("autumn", "winter"))),
    ("getting ready for the ski holidays", Asked(("ski_gear",), seasons=("winter",))),
    ("cosy blanket for cold evenings", Asked(("throws", "duvets"))),
    ("back to school", Asked(("school", "notebooks", "pens"))),
    ("rake leaves in the garden", Asked(("garden_tools",), ("rake",))),
    ("warm winter duvet", Asked(("duvets",), ("duvet",))),
)

NEEDS: tuple[tuple[str, Asked], ...] = (  # what somebody wants to do, without the name of a thing
    ("something to read on long train rides", Asked(("novels", "e_readers", "knowledge_books"))),
    ("my back hurts when I work from home", Asked(("office_chairs",))),
    ("keep up with my running in winter", Asked(("running_wear", "running_shoes"))),
    ("rainy afternoons with two small children", Asked(("craft_kits", "building_sets", "board_games", "puzzles"))),
    ("sleep outdoors for the first time", Asked(("tents", "sleeping_bags", "camp_gear"))),
    ("better coffee than the office machine", Asked(("coffee_grinders", "coffee_beans", "coffee_machines"))),
    ("phone dies before the evening", Asked(("power_banks",))),
    ("hear nothing of the open-plan office", Asked(("headphones", "earbuds"), ("cancelling",))),
    ("a balcony full of flowers next spring", Asked(("bulbs", "pots", "compost"))),
    ("grow my own tomatoes", Asked(("seeds", "compost", "pots"), ("tomato",))),
    ("dinner for eight on Saturday", Asked(("tableware", "pasta", "olive_oil"))),
    ("the kitten arrives tomorrow", Asked(("cat_food", "cat_litter", "pet_gear"))),
    ("heating bill is too high", Asked(("thermostats", "duvets", "throws"))),
    ("meetings on video all day", Asked(("webcams", "headphones"))),
    ("cook with less fat", Asked(("pans", "appliances"))),
    ("somewhere to put all these books", Asked(("bookcases",))),
    ("photos of the stars", Asked(("tripods", "cameras", "lenses"))),
    ("get fit at home without machines", Asked(("fitness",))),
    ("dry skin in winter", Asked(("moisturisers",))),
    ("the dog needs walking in the dark", Asked(("pet_gear",))),
    ("write letters by hand again", Asked(("pens", "notebooks"))),
    ("faster computer without buying a new one", Asked(("ssds", "graphics_cards"))),
    ("wifi does not reach the bedroom", Asked(("routers",))),
    ("first flat, empty kitchen", Asked(("pans", "knives", "tableware", "appliances"))),
    ("sleep cooler in summer", Asked(("bed_linen", "duvets"))),
    ("cycle to work all year", Asked(("cycling", "backpacks"))),
)

SEASONAL_SHELVES = ("Garden", "Fashion Women", "Sports & Outdoor", "Fashion Men", "Shoes")

SIZED: tuple[tuple[str, str | None, tuple[str, ...]], ...] = (  # shelf, what is typed there, kinds on it
    ("Shoes", None, ("sneakers", "running_shoes", "boots", "heels", "sandals")),
    ("Shoes", "boots in my size", ("boots",)),
    ("Fashion Women", None, ("dresses", "womens_tops", "womens_knitwear", "womens_coats", "womens_denim")),
    ("Fashion Men", None, ("mens_shirts", "mens_knitwear", "mens_coats", "mens_denim")),
    ("Sports & Outdoor > Running", None, ("running_wear",)),
    ("Shoes", "sneakers that fit me", ("sneakers",)),
    ("Fashion Women", "knitted jumper", ("womens_knitwear",)),
    ("Fashion Men", "knitted jumper for men", ("mens_knitwear",)),
    ("Shoes", "running shoes", ("running_shoes",)),
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A query in another language, what it asks for, and interests stated in that language."""

    language: str
    text: str
    english: str  # finds the candidates
    asked: Asked
    interests: tuple[str, ...]
    euros: int | None = None


OTHER_LANGUAGES: tuple[Spoken, ...] = (
    Spoken(
        "de",
        "Kopfhörer mit Geräuschunterdrückung",
        "headphones with noise cancelling",
        Asked(("headphones",)),
        ("Musik", "Reisen"),
    ),
    Spoken("de", "Winterjacke für Herren", "winter coat for men", Asked(("mens_coats",)), ("Wandern",)),
    Spoken("de", "Gießkanne", "watering can", Asked(("mowers", "garden_tools"), ("watering",)), ("Garten", "Vögel")),
    Spoken(
        "de", "Kaffeemühle bis 80 Euro", "coffee grinder", Asked(("coffee_grinders",), ("grinder",)), ("Kaffee",), 80
    ),
    Spoken(
        "de", "Brettspiel für die Familie", "board game for the family", Asked(("board_games",)), ("Familie", "Kinder")
    ),
    Spoken("de", "Bettwäsche aus Leinen", "linen bedding", Asked(("bed_linen",), ("linen",)), ("Wohnen", "gemütlich")),
    Spoken("fr", "chaussures de course", "running shoes", Asked(("running_shoes",)), ("course à pied",)),
    Spoken(
        "fr", "écouteurs sans fil pas chers", "cheap wireless earbuds", Asked(("earbuds", "headphones")), ("musique",)
    ),
    Spoken("fr", "poêle antiadhésive", "non-stick pan", Asked(("pans",), ("pan",)), ("cuisine", "pâtisserie")),
    Spoken("fr", "robe en lin", "linen dress", Asked(("dresses",), ("linen",)), ("mode",)),
    Spoken("fr", "couette chaude", "warm duvet", Asked(("duvets",), ("duvet",)), ("maison",)),
    Spoken("fr", "jeu de société à moins de 30 €", "board game", Asked(("board_games",)), ("jeux", "famille"), 30),
    Spoken("es", "zapatillas para correr", "running shoes", Asked(("running_shoes",)), ("correr",)),
    Spoken("es", "teclado para juegos", "gaming keyboard", Asked(("gaming_keyboards",)), ("videojuegos",)),
    Spoken(
        "es", "aceite de oliva virgen extra", "extra virgin olive oil", Asked(("olive_oil",), ("olive",)), ("cocina",)
    ),
    Spoken("es", "mochila impermeable", "waterproof backpack", Asked(("backpacks",), ("backpack",)), ("senderismo",)),
    Spoken("es", "lámpara de escritorio", "desk lamp", Asked(("lamps",), ("desk",)), ("oficina en casa",)),
    Spoken("es", "vestido elegante por menos de 90 €", "elegant dress", Asked(("dresses",)), ("moda",), 90),
    Spoken("nl", "hardloopschoenen", "running shoes", Asked(("running_shoes",)), ("hardlopen",)),
    Spoken("nl", "kattenvoer voor kittens", "kitten food", Asked(("cat_food",), ("kitten",)), ("katten",)),
    Spoken("nl", "bureaustoel", "office chair", Asked(("office_chairs",)), ("thuiswerken",)),
    Spoken(
        "nl",
        "warme trui van wol",
        "warm wool jumper",
        Asked(("womens_knitwear", "mens_knitwear"), ("wool",)),
        ("mode",),
    ),
    Spoken("nl", "tent voor twee personen", "tent for two persons", Asked(("tents",), ("tent",)), ("kamperen",)),
    Spoken("nl", "koffiebonen onder de 15 euro", "coffee beans", Asked(("coffee_beans",)), ("koffie",), 15),
    Spoken("pl", "słuchawki bezprzewodowe", "wireless headphones", Asked(("headphones", "earbuds")), ("muzyka",)),
    Spoken("pl", "karma dla psa", "dog food", Asked(("dog_food",)), ("psy", "spacery")),
    Spoken("pl", "buty trekkingowe", "hiking boots", Asked(("boots",)), ("góry",)),
    Spoken("pl", "kołdra zimowa", "winter duvet", Asked(("duvets",), ("duvet",)), ("dom",)),
    Spoken("pl", "klocki dla dzieci", "building set for children", Asked(("building_sets",)), ("dzieci",)),
    Spoken("pl", "krem nawilżający", "moisturising cream", Asked(("moisturisers",)), ("pielęgnacja",)),
    Spoken("it", "macchina da caffè", "coffee machine", Asked(("coffee_machines",)), ("caffè",)),
    Spoken("it", "monitor per ufficio", "office monitor", Asked(("monitors",), ("monitor",)), ("lavoro da casa",)),
    Spoken("it", "giacca invernale da donna", "winter coat for women", Asked(("womens_coats",)), ("moda",)),
    Spoken("it", "libro giallo", "crime novel", Asked(("novels",)), ("libri",)),
    Spoken("it", "tappeto di lana", "wool rug", Asked(("rugs",), ("wool",)), ("casa",)),
    Spoken("it", "olio d'oliva", "olive oil", Asked(("olive_oil",), ("olive",)), ("cucina",)),
)
