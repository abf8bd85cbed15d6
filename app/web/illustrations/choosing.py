"""Which drawing stands for a product, and in which colours."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from app.domain.catalog import Product
from app.web.illustrations.ink import HUES, NAMED, Ink, light, mix, oval, rect
from app.web.illustrations.subjects import Drawing, drawings_of

_SURFACE = {
    "Electronics": "#e6ecf5", "Computers": "#e4e9f3", "Fashion Women": "#f7e9e6", "Fashion Men": "#e9ecef",
    "Shoes": "#f2ebe0", "Furniture": "#eef0e6", "Home": "#f5eee2", "Garden": "#e7f0e2", "Grocery": "#fbf0dc",
    "Health": "#e4f1f0", "Beauty": "#f8e8ec", "Baby": "#e9f1f6", "Books": "#f3ecdf", "Toys & Games": "#fdf0d5",
    "Pet Supplies": "#efece2", "Sports & Outdoor": "#e5eff1", "Stationery & Office": "#edeaf4",
}  # fmt: skip
_OWN_HUE = {  # drawings whose colours the catalogue never names
    "Fiction", "Non-Fiction", "Children's Books", "Cookery & Gardening", "Running Shoes", "Puzzles", "Video Games",
    "Sweets & Snacks", "Haircare", "Skincare", "Fragrance", "Seeds & Bulbs", "Running",
}  # fmt: skip
_QUIET = {
    "Electronics": "#4b505b",
    "Computers": "#4b505b",
    "Garden": "#6d7f4a",
    "Baby": "#9db08f",
    "Grocery": "#c96a4a",
}
_FOODS = {
    "tomato": "#c8452f", "arrabbiata": "#b83a28", "pesto": "#7f9a3d", "mushroom": "#a98560", "puttanesca": "#8f3b2e",
    "honey": "#e0a02f", "salt": "#d7dde2", "paprika": "#b5452a", "olive oil": "#8a9340", "vinegar": "#5a3238",
}  # fmt: skip
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)?")


@lru_cache(maxsize=4096)
def picture(product_id: str, name: str, category: str, words: str) -> str:
    """The SVG document for a product described by these strings."""
    number = int.from_bytes(hashlib.blake2b(product_id.encode(), digest_size=4).digest(), "big")
    top, _, leaf = (part.strip() for part in category.partition(">"))
    leaf = leaf.rsplit(">", 1)[-1].strip() if leaf else top
    said = f"{words} {name}".casefold()
    drawing = _drawing(category, leaf, said)
    accent = HUES[number % len(HUES)]
    main = _colour(said) or (HUES[(number // 9) % len(HUES)] if leaf in _OWN_HUE else _QUIET.get(top, accent))
    if leaf in ("Pasta & Sauces", "Oils & Larder"):
        main = next((colour for word, colour in _FOODS.items() if word in said), main)
    if accent == main:  # what is drawn on a thing must differ from it
        accent = HUES[(number + 4) % len(HUES)]
    surface = _SURFACE.get(top, "#ecebe6")
    if abs(light(main) - light(surface)) < 0.1:  # a white lamp needs something to stand out from
        surface = mix(surface, mix(accent, "#1c2030", 0.15), 0.22)
    ink = Ink(main=main, accent=accent, variant=number // 81, label=name)
    drawn = drawing(ink)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 240" width="480" height="480">'
        + rect(0, 0, 240, 240, surface)
        + oval(120, 120, 104, 104, mix(surface, "#ffffff", 0.45))
        + oval(120, 204, 84, 9, mix(surface, "#1c2030", 0.14))
        + drawn
        + "</svg>"
    )


def illustrate(product: Product) -> str:
    """A picture of a product: an SVG document of a square, the same every time."""
    words = " ".join(
        f"{name} {value if isinstance(value, str) else ' '.join(value)};" for name, value in product.attributes.items()
    )
    return picture(product.product_id, product.name, product.category or "", words)


def _drawing(category: str, leaf: str, said: str) -> Drawing:
    drawn = drawings_of(category, leaf)
    # The longest word that fits says most: "wool coat" before "coat".
    fitting = [word for word in drawn if word in said]
    return drawn[max(fitting, key=len)]


def _colour(said: str) -> str | None:
    """The colour that the attributes name, else the material's, else a colour in the name."""
    attributes = dict(part.strip().split(" ", 1) for part in said.split(";") if " " in part.strip())
    for attribute in ("colour", "shade", "ink_colour", "material", "cover", "finish"):
        found = _named(attributes.get(attribute, ""))
        if found is not None:
            return found
    return None


def _named(text: str) -> str | None:
    """The first colour that a text names; two words are looked for before one."""
    words = _WORD.findall(text)
    for size in (2, 1):
        for start in range(len(words) - size + 1):
            if (found := NAMED.get(" ".join(words[start : start + size]))) is not None:
                return found
    return None
