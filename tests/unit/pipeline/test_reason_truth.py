"""Every figure, name and comparison of thousands of compiled sentences, read back and recomputed from raw inputs.

The reader below shares no code with the compiler: it knows English phrases and the raw numbers of the case, nothing of
Evidence.
"""

from __future__ import annotations

import random
import re
import statistics
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from app.adapters.reason_files import load_reasons
from app.domain.catalog import Product
from app.domain.interactions import EventKind
from app.domain.ranking import Evidence
from app.pipeline.evidence import collect_evidence
from app.pipeline.evidence_catalogue import query_terms
from app.pipeline.evidence_facts import (
    ActivePromotion,
    Affinity,
    CategoryPrice,
    ItemFacts,
    Partner,
    RecentProduct,
    RequestFacts,
    ShopperFacts,
    TrendRank,
)
from app.pipeline.reasons import CompiledReason, ItemEvidence, compile_reasons

CONFIG = load_reasons(Path(__file__).resolve().parents[3] / "rules")
NOW = 1_795_000_000.0
DAY = 86_400.0
DECIMALS = {"EUR": 2, "JPY": 0, "KWD": 3}

CATEGORIES = {
    "Electronics > Headphones": ["Over-Ear Headphones", "Wireless Buds", "Studio Monitor"],
    "Home > Kitchen > Coffee Machines": ["Espresso Machine", "Filter Brewer", "Moka Pot"],
    "Toys & Games > Board Games": ["Harbour of Crates", "Fox in the Orchard", "Night Train"],
    "Fashion Women > Dresses": ["Linen Midi Dress", "Wrap Dress", "Women's Evening Dress"],
    "Sports > Running": ["Trail Shoes", "Running Belt", "Reflective Vest"],
    "Health > Tests": ["Pregnancy Test", "Blood Pressure Monitor", "Test Strips"],
    "Baby > Care": ["Soft Blanket", "Bottle Set", "Nappy Bag"],
    "Books": ["Holy Bible Illustrated", "Atlas of Rivers", "Get Out of Debt"],
}
BRANDS = ["Aurel", "Saltmark", "Nordlicht 7", "adidas", "Brand <b>x</b>", "Women & Co", None]
HOSTILE = [
    "50% cheaper, best price!",
    "<script>alert(1)</script>",
    "\u202egnp.exe\u200b",
    "visit www.evil.example",
    "A" * 90,
]
TAGS = ["wireless", "gift", "travel", "waterproof", "sustainable", "family", "medical", "children", "minimalist"]
QUERIES = [
    "wireless headphones",
    "gift for my brother who likes running",
    "pregnancy test",
    "women's dress",
    "espresso",
]
SENSITIVE = re.compile(
    r"\b(health|pregnan\w*|blood|bible|debt|baby|napp\w*|medical|wom[ae]n\w*|children|kids?|because|margin|cost\w*"
    r"|profit|cure|best|senior\w*|age|gender)\b"
)

SENSITIVE_ITEM = re.compile(r"Health|Baby|Bible|Debt|Pregnancy|Blood|Nappy|medical")
BEHAVIOUR = {"bought_together", "same_brand", "category_affinity", "attribute_match", "query_match", "trending"}


@dataclass(frozen=True)
class Case:
    """One item of a slate with the raw numbers that its sentence may only restate."""

    item: Product
    category_prices: list[int]
    facts: ItemFacts
    evidence: tuple[Evidence, ...]
    promoted: bool


@dataclass(frozen=True)
class SlateCase:
    """A random slate with what was compiled for it."""

    currency: str
    shopper: ShopperFacts
    request: RequestFacts
    cases: list[Case]
    reasons: tuple[CompiledReason, ...]


def make_slate(rng: random.Random) -> SlateCase:
    """A random shopper, request and slate of 1 to 12 items, compiled."""
    currency = rng.choice(["EUR", "EUR", "JPY", "KWD"])
    products = [make_product(rng, f"p{i}") for i in range(40)]
    if rng.random() < 0.1:  # twins, of which nearly the same is true
        products = [replace(products[0], product_id=p.product_id) for p in products]
    shopper = make_shopper(rng, products)
    query = rng.choice([None, None, *QUERIES])
    request = RequestFacts(
        now=NOW,
        currency=currency,
        budget_minor=rng.choice([None, rng.randint(0, 40_000), products[0].price_minor]),
        budget_source=rng.choice(["request", "preferences"]),
        query_terms=() if query is None else query_terms(query),
    )
    cases = []
    for row, item in enumerate(products[: rng.randint(1, 12)], start=1):
        others = [rng.randint(100, 40_000) for _ in range(rng.choice([0, 5, 6, 7, 12, 60]))]
        prices = others if item.price_minor is None else [*others, item.price_minor]
        facts = make_facts(rng, item, prices, products)
        evidence = collect_evidence(item, row, facts, shopper, request, CONFIG)
        cases.append(Case(item, prices, facts, evidence, rng.random() < 0.1))
    items = [
        ItemEvidence(
            c.item.product_id,
            c.item.name,
            c.evidence,
            currency,
            c.item.brand,
            c.item.category,
            c.item.price_minor,
            c.promoted,
        )
        for c in cases
    ]
    return SlateCase(currency, shopper, request, cases, compile_reasons(items, seed=str(rng.random()), config=CONFIG))


def make_product(rng: random.Random, product_id: str) -> Product:
    category = rng.choice([*CATEGORIES, None])
    kind = rng.choice(CATEGORIES[category]) if category else "Thing"
    brand = rng.choice(BRANDS)
    name = f"{brand} {kind} {rng.randint(1, 900)}" if rng.random() < 0.88 else rng.choice(HOSTILE)
    price = rng.choice([rng.randint(0, 60), rng.randint(500, 40_000), rng.randint(500, 40_000), None])
    return Product(
        product_id,
        name,
        description="Cures insomnia, the best of all.",
        brand=brand,
        category=category,
        price_minor=price,
        list_price_minor=None if price is None else price * 3,
        cost_minor=987_654_321,
        stock=rng.choice([None, 0, 1, 2, 5, 6, 100]),
        available=rng.random() < 0.95,
        tags=tuple(rng.sample(TAGS, rng.randint(0, 3))),
        attributes={"colour": rng.choice(["black", "sage green"]), "size": ("S", "M", "42"), "age_from": "8"},
        rating_value=rng.choice([None, 3.9, 3.96, 4.0, round(rng.uniform(3.5, 5), 2), 5.0, 4.97]),
        rating_count=rng.choice([None, 9, 10, 11, 4_321]),
        created_at=rng.choice([None, NOW - rng.uniform(-2, 60) * DAY, NOW - 900 * DAY]),
        price_since=rng.choice([None, NOW - rng.uniform(-1, 80) * DAY]),
        reference_price_minor=None if price is None else rng.choice([None, price, price + rng.randint(1, 9_000)]),
        restocked_at=rng.choice([None, NOW - rng.uniform(-1, 30) * DAY]),
    )


def make_shopper(rng: random.Random, products: list[Product]) -> ShopperFacts:
    affinity = {c: Affinity(rng.uniform(0, 0.6), rng.randint(1, 9)) for c in [*CATEGORIES, "Fashion Women", "Sports"]}
    return ShopperFacts(
        personalised=rng.random() < 0.7,
        interests=tuple(rng.sample(["running", "board games", "gift", "children", "medical", "black"], 2)),
        style_tags=tuple(rng.sample(["minimalist", "sustainable"], rng.randint(0, 2))),
        sizes=rng.choice([(), ("M",), ("42",)]),
        segments=rng.choice([(), ("students",), ("seniors",)]),
        category_affinity={c: a for c, a in affinity.items() if rng.random() < 0.3},
        brand_affinity={b: Affinity(rng.uniform(0, 1), rng.randint(1, 9)) for b in BRANDS if b and rng.random() < 0.4},
        recent=tuple(
            RecentProduct(p.product_id, p.name, rng.choice(list(EventKind)), p.category, p.brand)
            for p in rng.sample(products, 8)
        ),
    )


def make_facts(rng: random.Random, item: Product, prices: list[int], products: list[Product]) -> ItemFacts:
    stats = None
    if item.category and item.price_minor is not None:
        pricier = sum(p > item.price_minor for p in prices)
        stats = CategoryPrice(item.category, len(prices), statistics.median(prices), pricier)
    trend = TrendRank(item.category, rng.randint(1, 8), rng.randint(5, 40), 7) if item.category else None
    partners = tuple(
        Partner(
            p.product_id,
            p.name,
            rng.randint(1, 40),
            rng.uniform(0.5, 9),
            rng.choice(["page", "cart", "history"]),
            p.category,
            rng.choice([None, *EventKind]),
        )
        for p in rng.sample(products, rng.randint(0, 3))
    )
    promotions = tuple(
        ActivePromotion(
            f"promo{i}",
            rng.choice(["Student discount", "Senior days", "Spring sale 2026"]),
            rng.choice([None, 10, 12.5, 0.4]),
            rng.choice([None, NOW + rng.uniform(-2, 40) * DAY]),
            rng.choice([(), ("students",), ("seniors",)]),
        )
        for i in range(rng.choice([0, 0, 1, 2]))
    )
    return ItemFacts(stats, trend if rng.random() < 0.4 else None, partners if rng.random() < 0.4 else (), promotions)


# ----------------------------------------------------------------------------------------------- the reader

MONEY = r"(\d+(?:\.\d+)?) (?:EUR|JPY|KWD)"
DATE = r"(\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December))"


class Reader:
    """Reads one sentence against one case; what it can't account for is a failure."""

    def __init__(self, slate: SlateCase, case: Case) -> None:
        self.slate, self.case, self.item = slate, case, case.item
        self.wrong: list[str] = []

    def amount(self, minor: float | None) -> str | None:
        """The amount as decimals, by its own arithmetic."""
        if minor is None or minor < 0:
            return None
        places = DECIMALS[self.slate.currency]
        return f"{Decimal(int(minor)) / (10**places):.{places}f}"

    def read(self, sentence: str) -> list[str]:
        """What is wrong with the sentence; empty when every figure and comparison holds."""
        text = self.names(sentence)
        item, budget, price = self.item, self.slate.request.budget_minor, self.item.price_minor
        ref = item.reference_price_minor
        prices = self.case.category_prices
        median = int(statistics.median(prices)) if prices else None
        less = lambda a, b: None if a is None or b is None else a - b  # noqa: E731
        half = price if price is not None and budget is not None and price < budget / 2 else None
        under, below, saved = less(budget, price), less(median, price), less(ref, price)
        for pattern, *expected in [
            (rf"{MONEY} under your (?:budget of )?{MONEY}", under, budget),
            (rf"{MONEY} leaves {MONEY} of your {MONEY} budget", price, under, budget),
            (rf"leaves {MONEY} of your {MONEY} budget", under, budget),
            (rf"{MONEY} to spare", under),
            (rf"(?:[Aa]t )?{MONEY},? (?:is )?less than half of your (?:budget of )?{MONEY}", half, budget),
            (rf"(?:budget of|of your) {MONEY}", budget),
            (rf"exactly {MONEY}", budget),
            (rf"{MONEY},? (?:is )?exactly your budget", price if price == budget else None),
            (rf"{MONEY}, this meets your budget exactly", price if price == budget else None),
            (rf"{MONEY} below the median of {MONEY}", below, median),
            (rf"{MONEY} below the median", below),
            (rf"(?<=are ){MONEY} or more", median),
            (rf"from a lowest price of {MONEY}", ref),
            (rf"{MONEY} below (?:the|its) lowest price", saved),
            (rf"{MONEY} is the lowest price", price),
            (rf"(?:[Aa]t|Priced at|[Nn]ow|[Rr]educed to|[Dd]own to) {MONEY}", price),
        ]:
            text = self.check(text, pattern, [self.amount(e) for e in expected])
        for clause in text.split("; "):
            self.counts(clause)
        return self.wrong

    def counts(self, text: str) -> None:
        """Everything but money."""
        item, facts = self.item, self.case.facts
        prices, price = self.case.category_prices, item.price_minor
        pricier = sum(p > price for p in prices) if price is not None else 0
        ref = item.reference_price_minor
        discount = (ref - price) * 100 // ref if price is not None and ref else None
        orders = [str(p.orders) for p in facts.partners if p.orders >= 3 and p.lift > 1]
        percents = [str(int(p.percent_off)) for p in facts.promotions if p.percent_off]
        last_days = [self.day(p.ends_at - 1) for p in facts.promotions if p.ends_at and p.ends_at > NOW]
        n = [str(len(prices))]
        if re.search(r"growth|growing|grew|[Tt]rending", text):
            trend = facts.trend
            assert trend is not None
            n = [str(trend.n)]
            text = self.check(text, r"(?:[Nn]umber|[Rr]anked) (\d+)", [str(trend.rank)])
            text = self.check(text, r"over the last (\d+) days", [str(trend.window_days)])
            if re.search(r"\b[Ff]irst|[Ff]astest|[Tt]op of", text) and trend.rank != 1:
                self.wrong.append("not the first")
        superlative = re.search(r"the (?:lowest|least expensive)[^;]* of the \d+ products|None of the", text, re.I)
        if superlative and any(p <= price for p in prices[:-1]):
            self.wrong.append("not the lowest price")
        if "half of the" in text and 2 * pricier < len(prices):
            self.wrong.append("not cheaper than half")
        text = self.check(
            text, r"(?:[Cc]heaper|lower) than (\d+) of the(?= \d+ products)", [str(pricier)] if len(prices) < 20 else []
        )
        text = self.check(
            text, r"(?:[Cc]heaper|lower) than (\d+)%", [str(100 * pricier // len(prices))] if len(prices) >= 20 else []
        )
        text = self.check(text, r"(\d+)% below", [str(discount) if discount and discount >= 5 else None])
        text = self.among(text, r"(\d+)% off", percents)
        text = self.among(text, r"(\d+) products", n)
        text = self.among(text, r"(\d+) orders", orders)
        text = self.check(text, r"the (\d+) days before|THE (\d+)", ["30"])
        count, rating = item.rating_count, item.rating_value
        text = self.check(text, r"(\d+) shoppers", [str(count) if count and count >= 10 else None])
        match = re.search(r"(\d\.\d) out of 5", text)
        if match:
            if (
                rating is None
                or rating < 4
                or not -0.1 <= float(match[1]) - rating <= 0.0501
                or "5.0" == match[1] > str(rating)
            ):
                self.wrong.append(f"rating {match[1]} for {rating}")
            text = text.replace(match[0], "")
        text = self.among(text, rf"[Uu]ntil {DATE}", last_days)
        moments = {"stock|again": item.restocked_at, "new|range|arrival|Joined|Added": item.created_at}
        for words, moment in moments.items():
            text = self.check(text, rf"(?i:{words})[^;]* (?:since|on|of) {DATE}", [self.day(moment)])
        text = self.check(
            text,
            r"(\d+)(?: pieces?)? left|only (\d+) piece",
            [str(item.stock) if item.stock and item.stock <= 5 else None],
        )
        if re.search(r"[\d%]", text):
            self.wrong.append(f"unaccounted figure in {text!r}")

    def names(self, sentence: str) -> str:
        """The sentence without its quoted names and labels, all of which must come from the inputs."""
        shopper, item = self.slate.shopper, self.item
        known = [item.name, *(p.name for p in self.case.facts.partners), *(p.name for p in shopper.recent)]
        known += [p.title for p in self.case.facts.promotions] + list(self.slate.request.query_terms)
        known.append(" ".join(self.slate.request.query_terms))
        known += [*shopper.interests, *shopper.style_tags]
        for quoted in re.findall("“([^”]*)”", sentence):
            letters = re.sub(r"\W", "", quoted.rstrip("…"))
            if not any(letters in re.sub(r"\W", "", name) for name in known):
                self.wrong.append(f"the name {quoted!r} is nowhere in the inputs")
        text = re.sub("“[^”]*”", "“”", sentence)
        labels = [item.product_id, item.brand or "", *(item.category or "").split(" > ")]
        for label in sorted(filter(None, labels), key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(label)}(?!\w)", "X", text)
        for size in shopper.sizes:
            text = re.sub(rf"(?:(?<=size, )|(?<=isted in )){size}\b", "X", text)
        return text

    def check(self, text: str, pattern: str, expected: list[str | None]) -> str:
        """Takes every match out of the text; its groups must be the expected figures."""
        for match in re.finditer(pattern, text):
            found = [g for g in match.groups() if g is not None]
            if found != expected[: len(found)]:
                self.wrong.append(f"{match[0]!r}: expected {expected}")
        return re.sub(pattern, "", text)

    def among(self, text: str, pattern: str, allowed: list[str]) -> str:
        for match in re.finditer(pattern, text):
            if match[1] not in allowed:
                self.wrong.append(f"{match[0]!r}: not among {allowed}")
        return re.sub(pattern, "", text)

    @staticmethod
    def day(moment: float | None) -> str | None:
        if moment is None:
            return None
        when = datetime.fromtimestamp(moment, UTC)
        return f"{when.day} {when:%B}"


def check_slates(n_sentences: int, seed: int) -> None:
    rng = random.Random(seed)
    seen = 0
    while seen < n_sentences:
        slate = make_slate(rng)
        texts = [reason.text for reason in slate.reasons]
        assert len(set(texts)) == len(texts), texts
        for case, reason in zip(slate.cases, slate.reasons, strict=True):
            seen += 1
            assert Reader(slate, case).read(reason.text) == [], reason.text
            assert len(reason.text) <= 200
            assert reason.text.startswith("Promoted: ") == case.promoted
            assert set(reason.evidence_ids) <= {e.id for e in case.evidence}
            said = " ".join([reason.text, *(e.text for e in case.evidence)]).casefold()
            said = said.replace("50% cheaper, best price", "")  # a seller's name, quoted as such
            assert not SENSITIVE.search(said), said
            assert not re.search(r"98765|[<>\u200b\u202e{}]|www", said), said
            if SENSITIVE_ITEM.search(f"{case.item.name} {case.item.category} {case.item.tags}"):
                assert not BEHAVIOUR & {e.kind for e in case.evidence}, case.item
            assert "98765" not in str([e.value for e in case.evidence])


def test_two_thousand_sentences_state_nothing_but_their_inputs() -> None:
    """Figures, names, comparisons, sensitive words, cost digits, markup and duplicates over 2,000 sentences."""
    check_slates(2_000, seed=11)


@pytest.mark.slow
def test_five_thousand_more_sentences_state_nothing_but_their_inputs() -> None:
    """The same over 5,000 sentences of other slates."""
    check_slates(5_000, seed=12)
