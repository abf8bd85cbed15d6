"""What a page says about products, slates and facets, ready to print: no figure is made up here, none is hidden."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from app.domain.catalog import WORDLESS_ATTRIBUTES, Product
from app.domain.money import format_minor
from app.domain.ranking import Slate

_SIGNS = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥"}
_LOW_STOCK = 5
_RULE_WORDS = {
    "in_stock": "not in stock",
    "min_margin": "earns the shop too little",
    "within_budget": "over the shopper's budget",
    "owned": "bought before",
    "dismissed": "not wanted",
    "sensitive": "too personal to suggest",
    "diversity": "too much of one kind",
    "avoided": "on the shopper's list of things to avoid",
    "out_of_season": "out of season",
}


@dataclass(frozen=True, slots=True)
class Saving:
    """A proved price cut: against the lowest price of the 30 days before the current one took effect."""

    before: str
    percent: int


@dataclass(frozen=True, slots=True)
class Stock:
    """What is left, in words, and which of three colours they have."""

    text: str
    tone: str  # good | low | none


@dataclass(frozen=True, slots=True)
class Rating:
    """Mean stars, how many shoppers gave them, and the filled share of the five stars in px of 100."""

    value: str
    count: int
    filled: int


@dataclass(frozen=True, slots=True)
class Card:
    """One product on a page."""

    product_id: str
    name: str
    brand: str
    category: str
    url: str
    image: str
    price: str
    saving: Saving | None
    stock: Stock
    rating: Rating | None
    reason: str = ""
    reason_source: str = ""
    evidence: tuple[str, ...] = ()
    ranked_by: str = ""
    promoted: bool = False
    position: int = 0
    recommendation_id: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """What happened on the way to a slate; for the shop's own eyes."""

    title: str
    recommendation_id: str
    strategy: str
    facts: tuple[tuple[str, str], ...]
    stages: tuple[tuple[str, str], ...]
    excluded: tuple[tuple[str, str, int], ...]  # rule, in words, products


@dataclass(frozen=True, slots=True)
class Shelf:
    """A titled list of cards, with what happened on the way to it where that may be shown."""

    title: str
    note: str
    cards: tuple[Card, ...]
    recommendation_id: str = ""
    panel: Panel | None = None
    personal: bool = False  # made for this shopper, from what is held about them


def money(minor: int | None, currency: str) -> str:
    """An amount as shops write it: €64.90, or 64.90 CHF where the currency has no sign here."""
    if minor is None:
        return "Price on request"
    amount = format_minor(minor, currency)
    sign = _SIGNS.get(currency)
    return f"{sign}{amount}" if sign else f"{amount} {currency}"


def product_url(product_id: str) -> str:
    """The address of a product's page."""
    return f"/product/{quote(product_id, safe='')}"


def category_url(path: str) -> str:
    """The address of a category's page: /category/Home/Lighting."""
    return "/category/" + "/".join(quote(part.strip(), safe="") for part in path.split(">"))


def image_of(product: Product) -> str:
    """The product's picture: the shop's own where it is an address that a page may load, else the drawn one."""
    given = product.image_url or ""
    if given.startswith("https://") or (given.startswith("/") and not given.startswith("//")):
        return given
    return f"/static/shop/{quote(product.product_id, safe='')}.svg"


def card_of(product: Product, currency: str) -> Card:
    """The card of a product that nobody recommends."""
    return Card(
        product_id=product.product_id,
        name=product.name,
        brand=product.brand or "",
        category=product.category or "",
        url=product_url(product.product_id),
        image=image_of(product),
        price=money(product.price_minor, currency),
        saving=saving_of(product, currency),
        stock=stock_of(product),
        rating=rating_of(product),
    )


def shelf_of(
    title: str, slate: Slate, products: Mapping[str, Product], currency: str, *, note: str = "", open_books: bool
) -> Shelf:
    """A slate as a page shows it; products that have gone since ranking are left out.

    Args: open_books: whether the page may say how the slate was made, and what it cost.
    """
    cards = []
    for item in slate.items:
        product = products.get(item.product_id)
        if product is None:
            continue
        plain = card_of(product, currency)
        cards.append(
            Card(
                **{name: getattr(plain, name) for name in _PLAIN},
                reason=item.reason or "",
                reason_source=item.reason_source or "",
                evidence=tuple(evidence.text for evidence in item.evidence),
                ranked_by=item.ranked_by if open_books else "",
                promoted=item.promoted,
                position=item.position,
                recommendation_id=slate.recommendation_id,
            )
        )
    return Shelf(
        title=title,
        note=note,
        cards=tuple(cards),
        recommendation_id=slate.recommendation_id,
        panel=panel_of(title, slate) if open_books else None,
        personal=slate.profiling_used,
    )


_PLAIN = (
    "product_id", "name", "brand", "category", "url", "image", "price", "saving", "stock", "rating",
)  # fmt: skip


def panel_of(title: str, slate: Slate) -> Panel:
    """What happened on the way to a slate."""
    usage = slate.usage
    facts = [
        ("Candidates", str(slate.candidates)),
        ("Profile used", "yes" if slate.profiling_used else "no"),
        ("Model", slate.model or "none"),
        (
            "Cost",
            "no model call" if usage is None else "unknown" if usage.cost_usd is None else f"${usage.cost_usd:.5f}",
        ),
    ]
    if usage is not None:
        facts.append(("Tokens", f"{usage.input_tokens} in, {usage.output_tokens} out"))
    for name, value in (("Gate", slate.gate), ("Prompt", slate.prompt_version), ("Baseline", slate.baseline_version)):
        if value:
            facts.append((name, value))
    strategy = slate.strategy if slate.fallback_reason is None else f"{slate.strategy} ({slate.fallback_reason})"
    return Panel(
        title=title,
        recommendation_id=slate.recommendation_id,
        strategy=strategy,
        facts=tuple(facts),
        stages=tuple((name, f"{ms:.1f} ms") for name, ms in slate.latency_ms.items()),
        excluded=tuple(
            (rule, _words_of(rule), count)
            for rule, count in sorted(slate.excluded.items(), key=lambda pair: -pair[1])
            if count
        ),
    )


def _words_of(rule: str) -> str:
    return "enough of these already" if rule.startswith("cap_") else _RULE_WORDS.get(rule, "a rule of the shop")


def saving_of(product: Product, currency: str) -> Saving | None:
    """The price cut that the price history proves, None without one."""
    now, before = product.price_minor, product.reference_price_minor
    if now is None or before is None or product.price_since is None or now >= before:
        return None
    percent = 100 * (before - now) // before  # rounded down, as reasons do: a claim is never more than was cut
    return Saving(money(before, currency), percent) if percent > 0 else None


def stock_of(product: Product) -> Stock:
    """What is left, in words."""
    if not product.available or product.stock == 0:
        return Stock("Sold out", "none")
    if product.stock is None:
        return Stock("Ask us about delivery", "low")
    if product.stock <= _LOW_STOCK:
        return Stock(f"Only {product.stock} left", "low")
    return Stock("In stock", "good")


def rating_of(product: Product) -> Rating | None:
    """The rating, None where nobody rated."""
    if product.rating_value is None or not product.rating_count:
        return None
    value = min(5.0, max(0.0, product.rating_value))
    return Rating(f"{value:.1f}", product.rating_count, round(value * 20))


def attributes_of(product: Product) -> tuple[tuple[str, str], ...]:
    """What the catalogue says of a product, as (name, value) in words."""
    return tuple(
        (name.replace("_", " ").capitalize(), value if isinstance(value, str) else ", ".join(value))
        for name, value in product.attributes.items()
        if name not in WORDLESS_ATTRIBUTES and value
    )


def crumbs_of(path: str | None) -> tuple[tuple[str, str], ...]:
    """(name, address) of each category above a product or page, the widest first."""
    if not path:
        return ()
    parts = [part.strip() for part in path.split(">") if part.strip()]
    return tuple((part, category_url(" > ".join(parts[: i + 1]))) for i, part in enumerate(parts))


def in_words(names: Sequence[str] | Iterable[str]) -> str:
    """ "a, b and c"."""
    listed = list(names)
    return listed[0] if len(listed) == 1 else ", ".join(listed[:-1]) + f" and {listed[-1]}" if listed else ""
