"""The lines about a shopper that a prompt may hold: only what consent allows, nothing sensitive, no id, no place."""

from __future__ import annotations

from collections.abc import Iterator

from app.domain.interactions import Consent, EventKind
from app.domain.model_calls import ProfileFact
from app.domain.money import format_minor
from app.domain.ranking import Query
from app.pipeline.facts import Records
from app.pipeline.profile import Profile
from app.pipeline.seller_text import plain
from app.pipeline.shelf import Shelf

INTERESTS = 6
CATEGORIES = 2
BRANDS = 2
BOUGHT = 3
LOOKED_AT = 2

_Draft = tuple[str, str]


def profile_facts(
    query: Query, profile: Profile, consent: Consent, *, shelf: Shelf, records: Records, currency: str
) -> tuple[ProfileFact, ...]:
    """Facts u1, u2, … in a stated order: the request's first, then stated preferences, then behaviour.

    Without consent to `llmProcessing` only what the request itself says is told. Country and age band are never read;
    what touches a sensitive subject is left out.

    Args: records: of `facts.cited_ids`; products without a record are not named.
    """
    drafts = list(_from_request(query, records, currency))
    if consent.llm_processing:
        drafts += _stated(query, profile, records, currency)
        drafts += _behaviour(profile, shelf, records)
    facts = [
        ProfileFact(f"u{i}", kind, text)  # type: ignore[arg-type]
        for i, (kind, text) in enumerate(dict.fromkeys(drafts), start=1)
    ]
    return tuple(facts)


def _from_request(query: Query, records: Records, currency: str) -> Iterator[_Draft]:
    if query.text:
        yield "query", query.text
    if query.budget_minor is not None:
        yield "budget", f"{format_minor(query.budget_minor, currency)} {currency}"
    for kind, ids in (("page", [query.product_id]), ("cart", list(query.cart)[:3])):
        for product_id in ids:
            name = _name(product_id, records)
            if name is not None:
                yield kind, name


def _stated(query: Query, profile: Profile, records: Records, currency: str) -> Iterator[_Draft]:
    preferences = profile.preferences
    if query.budget_minor is None and preferences.budget_minor is not None:
        yield "budget", f"{format_minor(preferences.budget_minor, currency)} {currency}"
    for kind, texts in (
        ("interest", preferences.interests),
        ("style", preferences.style_tags),
        ("size", preferences.sizes),
    ):
        for text in texts[:INTERESTS]:
            if records.sensitivity.speakable(text):
                yield kind, plain(text)


def _behaviour(profile: Profile, shelf: Shelf, records: Records) -> Iterator[_Draft]:
    categories = [c for c in profile.categories if not records.sensitivity.sensitive_category(c)]
    for category in categories[:CATEGORIES]:
        yield "category", plain(category.replace(">", "/"))
    for brand in [b for b in profile.brands if records.sensitivity.speakable(b)][:BRANDS]:
        yield "brand", plain(brand)
    told = {"bought": 0, "viewed": 0}
    for row in profile.rows.tolist():
        kind = "bought" if profile.strongest[row] is EventKind.PURCHASE else "viewed"
        if told[kind] >= (BOUGHT if kind == "bought" else LOOKED_AT):
            continue
        name = _name(shelf.snapshot.product_ids[row], records)
        if name is not None:
            told[kind] += 1
            yield kind, name


def _name(product_id: str | None, records: Records) -> str | None:
    product = None if product_id is None else records.products.get(product_id)
    if product is None or records.sensitivity.sensitive_product(product):
        return None
    return plain(product.name) or None
