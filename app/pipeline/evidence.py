"""What is true about an item for this shopper and this request, strongest first."""

from __future__ import annotations

from itertools import chain

from app.domain.catalog import Product
from app.domain.ranking import Evidence
from app.pipeline.evidence_behaviour import behaviour_drafts, category_path, offered_by, wishes_of
from app.pipeline.evidence_catalogue import catalogue_drafts, standing_catalogue_drafts
from app.pipeline.evidence_draft import Draft, ItemLore, Subject, Wish, spoken
from app.pipeline.evidence_facts import ItemFacts, RequestFacts, ShopperFacts
from app.pipeline.evidence_price import price_drafts, standing_price_drafts
from app.pipeline.reason_slots import variant_of
from app.pipeline.reasons_schema import KINDS, ReasonConfig

_KIND_ORDER = {kind: place for place, kind in enumerate(KINDS)}
_NOBODY = ShopperFacts()


def collect_evidence(
    item: Product,
    row: int,
    facts: ItemFacts,
    shopper: ShopperFacts,
    request: RequestFacts,
    config: ReasonConfig,
    *,
    lore: ItemLore | None = None,
    wishes: tuple[Wish, ...] | None = None,
) -> tuple[Evidence, ...]:
    """Every fact that may be said about one item of a slate. Pure: the same arguments give the same facts.

    A sensitive item gets only price_vs_category, discount, rating, new_arrival, back_in_stock and low_stock: nothing
    that the shopper has any part in, be it budget, segment, query or history. Cost, margin, country and age band are
    never read.

    Args:    row: any number that no other item of the slate has; it makes the ids unique ("e3_1"). lore: `lore_of`
             the same item, currency and config, made of the same category price and of the trend, which counts only
             where `facts` has it; wishes: `wishes_of` the shopper.
    Returns: at most one fact of each kind, by descending strength (rules/reasons.yaml), ties in the
             order of EvidenceKind; empty when nothing is known.
    """
    if lore is None:
        lore = lore_of(item, facts, request.currency, config)
    if wishes is None:
        wishes = wishes_of(shopper, config)
    subject = Subject(item, facts, shopper, request, config, lore, wishes)
    placed = [standing for standing in lore.standing if standing[1].kind != "trending" or facts.trend is not None]
    passing = chain(price_drafts(subject), behaviour_drafts(subject), catalogue_drafts(subject))
    placed += [(_place(draft, config), draft) for draft in passing]
    placed.sort(key=_by_place)
    return tuple(Evidence(f"e{row}_{i}", d.kind, d.text, d.value) for i, (_, d) in enumerate(placed, start=1))


def lore_of(item: Product, facts: ItemFacts, currency: str, config: ReasonConfig) -> ItemLore:
    """What follows from an item alone, for `collect_evidence`. Args: facts: its category price and trend are read."""
    sensitive = config.sensitivity.sensitive_product(item)
    alone = Subject(item, facts, _NOBODY, RequestFacts(0.0, currency), config, ItemLore(sensitive))
    standing = chain(standing_price_drafts(alone), standing_catalogue_drafts(alone))
    return ItemLore(
        sensitive=sensitive,
        standing=tuple((_place(draft, config), draft) for draft in standing),
        brand=spoken(item.brand, config),
        path=category_path(item, config),
        offered={} if sensitive else offered_by(item, config),
    )


def _by_place(placed: tuple[tuple[int, int], Draft]) -> tuple[int, int]:
    return placed[0]


def _place(draft: Draft, config: ReasonConfig) -> tuple[int, int]:
    return -config.strength[draft.kind, variant_of(draft.kind, draft.value)], _KIND_ORDER[draft.kind]
