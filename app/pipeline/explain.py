"""Why a product is in a slate, and why another is not."""

from __future__ import annotations

from app.domain.catalog import Snapshot
from app.domain.ranking import Explanation, Fate, RankedItem, Slate
from app.pipeline.ranker import Ranking


def served(slate: Slate, item: RankedItem, now: float, *, repeat: bool = True) -> Explanation:
    """The explanation of an item that the slate holds: the reason and evidence it was served with.

    Args: repeat: False for a shopper who has opted out since of the profile that the reason was made from.
    """
    if not repeat:
        told = f"Served at position {item.position}; the shopper has opted out since, so the reason is not repeated."
        return Explanation(slate, Fate(item.product_id, "served", position=item.position, detail=told), now)
    fate = Fate(item.product_id, "served", position=item.position, detail=f"Served at position {item.position}.")
    return Explanation(slate, fate, now, item.reason, item.reason_source, item.evidence)


def dropped(slate: Slate, ranking: Ranking, row: int, snapshot: Snapshot, now: float) -> Explanation:
    """The first stage that drops the product when the slate's query is asked again now.

    Stages in their order: not retrieved, an eligibility rule, a slate rule, ranked below the slate's end; `served`
    with the position it would have now, when things have changed since.
    """
    return Explanation(slate, _fate(ranking, row, snapshot), now)


def _fate(ranking: Ranking, row: int, snapshot: Snapshot) -> Fate:
    product_id = snapshot.product_ids[row]
    if row not in ranking.candidates.rows:
        return Fate(product_id, "not_a_candidate", detail="Not among the products retrieved for this request.")
    rule = ranking.eligibility.rule_of(row)
    if rule is not None:
        reason = ranking.eligibility.public_reasons[rule]
        return Fate(product_id, "rule", rule=rule, public_reason=reason, detail=f"Excluded by the rule {rule}.")
    slate = ranking.composition.rows.tolist()
    if row in slate:
        position = slate.index(row) + 1
        return Fate(
            product_id,
            "served",
            position=position,
            detail=f"Not in the slate as it was served; asked again now it would be at position {position}.",
        )
    order = ranking.order.tolist()
    position = order.index(row) + 1 if row in order else None  # a shelf orders only the best of what it found
    ranked = "Not among the best" if position is None else f"Ranked {position}"
    rule = ranking.composition.dropped.get(row)
    if rule is not None:
        return Fate(
            product_id,
            "slate_rule",
            rule=rule,
            public_reason="shop_policy",
            position=position,
            detail=f"{ranked}, left out of the slate by {rule}.",
        )
    return Fate(product_id, "ranked_lower", position=position, detail=f"{ranked}, after the slate's end.")
