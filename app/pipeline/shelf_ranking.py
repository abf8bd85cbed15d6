"""From what a shelf found to its slate: the rules of recommendations over a list that is in order already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import IntArray
from app.domain.ranking import Query
from app.pipeline.candidates import Candidates, FloatScores
from app.pipeline.profile import Profile
from app.pipeline.ranker import Ranking, rules_see, with_slate_rules
from app.pipeline.rules import CompiledRules, Eligibility, eligible
from app.pipeline.rules_schema import Pin, SlateRule
from app.pipeline.scoring import percentile
from app.pipeline.shelf import Shelf
from app.pipeline.slate import DIVERSITY_POOL, compose
from app.pipeline.variants import Group

VARIANTS = "variants"
"""What a product is left out by when another variant of it is listed."""

COMPOSED = 24
"""Best eligible products, one of each group of variants, that the slate is made of (at least twice the limit).
Each one's record is read for its group, so many of them would cost more than finding them."""

GroupsOf = Callable[[Sequence[int]], Mapping[int, Group]]
"""Snapshot rows → what each one's variants share; rows without a record are left out."""


def shelf_ranking(
    rules: CompiledRules,
    shelf: Shelf,
    query: Query,
    profile: Profile,
    *,
    rows: IntArray,
    match: FloatScores,
    context: IntArray,
    now: float,
    order: IntArray | None = None,
    verdict: Eligibility | None = None,
    groups: GroupsOf | None = None,
    listed: frozenset[Group] = frozenset(),
    slate_rules: Sequence[SlateRule] | None = None,
) -> Ranking:
    """Applies the eligibility rules, collapses variants and composes.

    Args:    rows: what was found, each once; match: how well each fits, higher is better;
             order: rows to rank, best first, where that is not all of `rows` by `match`; ineligible ones are dropped;
             verdict: the rules on `rows`, where they were asked before;
             context: rows of the page; groups: None = variants stay; listed: groups that are on the page already;
             slate_rules: instead of the shop's.
    """
    at = rules_see(shelf, query, profile, context, now)
    if verdict is None:
        verdict = eligible(rules, at, rows)
    if order is None:
        by_match = np.lexsort((rows, -match))
        order = rows[by_match][verdict.mask[by_match]]
    else:
        allowed = np.zeros(len(shelf.snapshot), dtype=np.bool_)
        allowed[verdict.eligible_rows()] = True
        order = order[allowed[order]]
    of_row = np.full(len(shelf.snapshot), np.nan)
    of_row[rows] = match
    percentiles = percentile(of_row[order])
    wanted = max(COMPOSED, 2 * query.limit)
    best = np.arange(min(len(order), max(DIVERSITY_POOL, wanted)))
    variants: tuple[int, ...] = ()
    if groups is not None:
        best, variants = _one_of_each(order, groups, listed, wanted)
    composition = compose(
        order[best],
        percentiles[best],
        query.limit,
        rules,
        at,
        vectors=None if shelf.vectors is None else lambda wanted: shelf.item_vectors(wanted)[0],
        slate_rules=slate_rules,
    )
    composition = replace(composition, dropped={**composition.dropped, **dict.fromkeys(variants, VARIANTS)})
    return Ranking(
        profile=profile,
        context=at,
        candidates=Candidates(rows=rows, match=match),
        eligibility=verdict,
        order=order,
        percentiles=percentiles,
        composition=composition,
        excluded=with_slate_rules(verdict.excluded_counts(), composition),
    )


def search_rules(rules: Sequence[SlateRule]) -> tuple[SlateRule, ...]:
    """The slate rules that hold for a search page: pins, and caps and diversity only where they name `search`.

    Whoever searches for a brand wants that brand; a cap that holds everywhere was written for browsing.
    """
    return tuple(rule for rule in rules if isinstance(rule, Pin) or "placements" in rule.model_fields_set)


def _one_of_each(
    rows: IntArray, groups: GroupsOf, listed: frozenset[Group], wanted: int
) -> tuple[NDArray[np.intp], tuple[int, ...]]:
    """Positions of the first of each group, and the rows before the last of them that are left out.

    A row without a group stays. Rows are looked at in parts, until `wanted` are found or none is left.
    """
    seen = set(listed)
    kept: list[int] = []
    left_out: list[int] = []
    for start in range(0, len(rows), wanted):
        part = rows[start : start + wanted].tolist()
        found = groups(part)
        for position, row in enumerate(part, start):
            group = found.get(row)
            if group is not None and group in seen:
                left_out.append(row)
                continue
            if group is not None:
                seen.add(group)
            kept.append(position)
        if len(kept) >= wanted:
            break
    return np.asarray(kept, dtype=np.intp), tuple(left_out)
