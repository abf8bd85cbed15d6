"""What is true about an item for this shopper and this request, strongest first."""

from __future__ import annotations

from itertools import chain

from app.domain.catalog import Product
from app.domain.ranking import Evidence
from app.pipeline.evidence_behaviour import behaviour_drafts
from app.pipeline.evidence_catalogue import catalogue_drafts
from app.pipeline.evidence_draft import Draft, Subject
from app.pipeline.evidence_facts import ItemFacts, RequestFacts, ShopperFacts
from app.pipeline.evidence_price import price_drafts
from app.pipeline.reason_slots import variant_of
from app.pipeline.reasons_schema import KINDS, ReasonConfig

_KIND_ORDER = {kind: place for place, kind in enumerate(KINDS)}


def collect_evidence(
    item: Product,
    row: int,
    facts: ItemFacts,
    shopper: ShopperFacts,
    request: RequestFacts,
    config: ReasonConfig,
) -> tuple[Evidence, ...]:
    """Every fact that may be said about one item of a slate. Pure: the same arguments give the same facts.

    A sensitive item gets only price_vs_category, discount, rating, new_arrival, back_in_stock and low_stock: nothing
    that the shopper has any part in, be it budget, segment, query or history. Cost, margin, country and age band are
    never read.

    Args:    row: any number that no other item of the slate has; it makes the ids unique ("e3_1").
    Returns: at most one fact of each kind, by descending strength (rules/reasons.yaml), ties in the
             order of EvidenceKind; empty when nothing is known.
    """
    subject = Subject(item, facts, shopper, request, config, config.sensitivity.sensitive_product(item))
    drafts = list(chain(price_drafts(subject), behaviour_drafts(subject), catalogue_drafts(subject)))
    drafts.sort(key=lambda draft: _place(draft, config))
    return tuple(Evidence(f"e{row}_{i}", d.kind, d.text, d.value) for i, d in enumerate(drafts, start=1))


def _place(draft: Draft, config: ReasonConfig) -> tuple[int, int]:
    return -config.strength[draft.kind, variant_of(draft.kind, draft.value)], _KIND_ORDER[draft.kind]
