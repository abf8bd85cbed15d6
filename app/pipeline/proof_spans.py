"""Which citation a figure stands before: what a sentence says, it says of the fact that it cites there."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.ranking import EvidenceKind
from app.pipeline.proof_facts import Backing
from app.pipeline.proof_text import CitedAt

_PRICES: frozenset[EvidenceKind] = frozenset({"price_vs_budget", "price_vs_category", "discount", "promotion"})
_RANKS: frozenset[EvidenceKind] = frozenset({"price_vs_category", "trending", "discount"})
_DAYS: frozenset[EvidenceKind] = frozenset({"new_arrival", "back_in_stock", "promotion"})
_FAMILIES = (_PRICES, _RANKS, _DAYS)

Groups = Sequence[tuple[int, frozenset[str]]]


def groups_of(citations: Sequence[CitedAt]) -> Groups:
    """(index of the token that follows, ids of the facts) of every group of citations, in order."""
    groups: list[tuple[int, frozenset[str]]] = []
    for cited in citations:
        if groups and groups[-1][0] == cited.at:
            groups[-1] = (cited.at, groups[-1][1] | set(cited.fact_ids))
        else:
            groups.append((cited.at, frozenset(cited.fact_ids)))
    return groups


def cited_elsewhere(groups: Groups, start: int, end: int, fact_id: str, backing: Backing) -> bool:
    """Whether the figure at start..end is cited as another fact's: its own fact comes only after that citation.

    A citation behind several statements covers them all, and so does one that stands before the figure. Facts of one
    family may hold the same figure (a price, a day, a number of products).
    """
    kind_of = {held: kind for kind, held in backing.kinds.items()}
    facts = {q.fact_id for q in backing.quantities} | kind_of.keys()
    following = next((ids for place, ids in groups if place >= end), None)
    if following is None or fact_id in following:
        return False
    if any(fact_id in ids for place, ids in groups if place <= start):
        return False
    others = {kind_of[held] for held in following & facts if held in kind_of}
    if not others:
        return False  # a line about the shopper, cited in passing
    kind = kind_of.get(fact_id)
    return not any(kind in family and others & family for family in _FAMILIES)
