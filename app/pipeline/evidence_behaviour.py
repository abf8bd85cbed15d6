"""Facts from behaviour and profile: bought together, brand and category affinity, stated interests.

Nothing here touches a sensitive product, category or term, and nothing is drawn from a profile without consent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.domain.catalog import Product, category_key
from app.domain.interactions import EventKind
from app.pipeline.evidence_draft import Draft, Subject, Wish, counted, spoken
from app.pipeline.evidence_facts import Affinity, Partner, RecentProduct, ShopperFacts
from app.pipeline.reasons_schema import ReasonConfig
from app.pipeline.seller_text import folded_words, plain
from app.pipeline.sensitivity import Sensitivity, attribute_values

DID = {
    EventKind.PURCHASE: "bought",
    EventKind.ADD_TO_CART: "put in your cart",
    EventKind.WISHLIST: "saved",
    EventKind.CLICK: "looked at",
    EventKind.VIEW: "looked at",
}
"""What a sentence says the shopper did; other kinds of interaction are never cited."""

_STATED = {"interest": "one of your interests", "style": "one of your styles", "size": "your size"}
_SOURCES = ("page", "cart", "history")  # the nearer to what the shopper does now, the better


def behaviour_drafts(subject: Subject) -> Iterator[Draft]:
    """Every true fact from orders, behaviour and stated interests; none for a sensitive item."""
    if subject.sensitive:
        return
    yield from _bought_together(subject)
    if subject.personal:
        yield from _brand(subject)
        yield from _category(subject)
        yield from _attribute(subject)


def _bought_together(subject: Subject) -> Iterator[Draft]:
    limits = subject.config.thresholds
    usable = [
        (partner, name)
        for partner in subject.facts.partners
        if partner.orders >= limits.min_together_orders
        and partner.lift > limits.min_together_lift
        and (name := _partner_name(subject, partner)) is not None
    ]
    if not usable:
        return
    partner, name = min(usable, key=lambda u: (_SOURCES.index(u[0].source), -u[0].orders, u[0].product_id))
    value: dict[str, object] = {
        "partner_id": partner.product_id,
        "partner": name,
        "orders": partner.orders,
        "lift": round(partner.lift, 2),
        "source": partner.source,
    }
    where = {"page": "the product on this page", "cart": "in your cart"}.get(partner.source, "")
    if partner.source == "history" and partner.interaction is not None:
        value["did"] = DID[partner.interaction]
        where = f"which you {value['did']}"
    yield Draft(
        "bought_together", f"bought together with “{name}”, {where}, in {counted(partner.orders, 'order')}", value
    )


def _partner_name(subject: Subject, partner: Partner) -> str | None:
    if partner.sensitive or partner.product_id == subject.item.product_id:
        return None
    if partner.source == "history" and (not subject.personal or partner.interaction not in DID):
        return None
    if subject.config.sensitivity.sensitive_category(partner.category):
        return None
    return subject.name(partner.name)


def _brand(subject: Subject) -> Iterator[Draft]:
    brand, label = subject.item.brand, subject.lore.brand
    if brand is None or label is None or not _strong(subject, subject.shopper.brand_affinity.get(brand)):
        return
    value: dict[str, object] = {
        "brand": label,
        "interactions": subject.shopper.brand_affinity[brand].count,
        "source": "profile",
    }
    text = f"brand {label}, which you come back to"
    seen = _seen(subject, [p for p in subject.shopper.recent if p.brand == brand])
    if seen is not None:
        product, name = seen
        value |= {"seen_id": product.product_id, "seen": name, "did": DID[product.interaction]}
        text = f"brand {label}, also of “{name}”, which you {DID[product.interaction]}"
    yield Draft("same_brand", text, value)


def _category(subject: Subject) -> Iterator[Draft]:
    """The deepest part of the item's category path for which the shopper has shown interest."""
    affinity = subject.shopper.category_affinity
    path, label = next((told for told in subject.lore.path if _strong(subject, affinity.get(told[0]))), ("", ""))
    if not path:
        return
    value: dict[str, object] = {
        "category": label,
        "interactions": affinity[path].count,
        "source": "profile",
    }
    text = f"category {label}, which you come back to"
    key = category_key(path)
    inside = [
        p
        for p in subject.shopper.recent
        if p.category is not None
        and (category_key(p.category) == key or category_key(p.category).startswith(key + " > "))
    ]
    seen = _seen(subject, inside)
    if seen is not None:
        product, name = seen
        value |= {"seen_id": product.product_id, "seen": name, "did": DID[product.interaction]}
        text = f"category {label}, also of “{name}”, which you {DID[product.interaction]}"
    yield Draft("category_affinity", text, value)


def _strong(subject: Subject, affinity: Affinity | None) -> bool:
    limits = subject.config.thresholds
    return (
        affinity is not None
        and affinity.share >= limits.min_affinity_share
        and affinity.count >= limits.min_affinity_count
    )


def _seen(subject: Subject, products: Sequence[RecentProduct]) -> tuple[RecentProduct, str] | None:
    """The newest product that may be named, with its name."""
    for product in products:
        if product.sensitive or product.interaction not in DID or product.product_id == subject.item.product_id:
            continue
        if subject.config.sensitivity.sensitive_category(product.category):
            continue
        name = subject.name(product.name)
        if name is not None:
            return product, name
    return None


def _attribute(subject: Subject) -> Iterator[Draft]:
    """The first stated interest, else style, else size, that an attribute of the item equals.

    `value` is what the shopper stated, in the shopper's own words; `offered` is the item's word for it.
    """
    for stated, own, wanted, wants_size in subject.wishes:
        found = subject.lore.offered.get((wanted, wants_size))
        if found is None:
            continue
        attribute, value = found
        offered_as = plain(value, subject.config.thresholds.name_length)
        text = f"{_spoken(attribute)} “{own}”, {_STATED[stated]}"
        if offered_as != own:
            text = f"“{own}”, {_STATED[stated]}, by its {_spoken(attribute)} “{offered_as}”"
        fact = {"attribute": attribute, "offered": offered_as, "value": own, "stated": stated}
        yield Draft("attribute_match", text, fact | {"source": "profile"})
        return


def wishes_of(shopper: ShopperFacts, config: ReasonConfig) -> tuple[Wish, ...]:
    """What the shopper stated and a sentence may repeat: interests, then styles, then sizes."""
    stated = (("interest", shopper.interests), ("style", shopper.style_tags), ("size", shopper.sizes))
    return tuple(
        (kind, own, wanted, kind == "size")
        for kind, wishes in stated
        for wish in wishes
        if (wanted := folded_words(wish)) and (own := spoken(wish, config)) is not None
    )


def category_path(item: Product, config: ReasonConfig) -> tuple[tuple[str, str], ...]:
    """The item's category path and those above it, deepest first, each with its last part as a sentence says it.

    Sensitive paths, and parts that no sentence may say, are left out.
    """
    told, path = [], item.category
    while path:
        if not config.sensitivity.sensitive_category(path):
            label = spoken(path.rsplit(">", 1)[-1].strip(), config)
            if label is not None:
                told.append((path, label))
        path = path.rpartition(">")[0].strip() or None
    return tuple(told)


def offered_by(item: Product, config: ReasonConfig) -> dict[tuple[tuple[str, ...], bool], tuple[str, str]]:
    """What of the item a profile may be compared with, by its folded words and whether it is a size; the first counts.

    Returns: → (attribute, value): tags, category parts, attributes, in this order.
    """
    found: dict[tuple[tuple[str, ...], bool], tuple[str, str]] = {}
    for name, value in _offered(item, config.sensitivity):
        found.setdefault((folded_words(value), name.casefold() in config.size_attributes), (name, value))
    return found


def _offered(item: Product, sensitivity: Sensitivity) -> Iterator[tuple[str, str]]:
    for tag in item.tags:
        yield "tag", tag
    if item.category is not None:
        for part in reversed(item.category.split(">")):
            yield "category", part.strip()
    for name, value in item.attributes.items():
        if name.casefold() not in sensitivity.attributes and sensitivity.speakable(name):
            for one in attribute_values(value):
                yield name, one


def _spoken(attribute: str) -> str:
    return plain(attribute.replace("_", " "), 30)
