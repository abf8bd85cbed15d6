"""From retrieved lists to the ordered, rule-abiding rows of a slate."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.domain.catalog import FloatArray, IntArray
from app.domain.ranking import Query
from app.pipeline.candidates import Candidates, FloatScores, Retrieved, merge, widened
from app.pipeline.profile import Profile
from app.pipeline.rules import CompiledRules, Eligibility, RuleContext, eligible
from app.pipeline.scoring import by_relevance, freshness_factor, inventory_factor, percentile, score, season_factor
from app.pipeline.shelf import Shelf
from app.pipeline.slate import NOTHING, Composition, compose

ENOUGH = 50
"""Eligible candidates under which the whole catalogue is searched: the slate rules need some to choose from."""


SHOP_HEAD = 25
"""Best matches that the shop's interest may reorder in `mode: shop`, and whose percentiles it weighs; what follows
stays in the order of the match. Fewer keep more relevance and gain less margin (docs/decisions/011)."""

MODEL_CANDIDATES = 24
"""Best candidates that a model gets to see, and that the cache keeps (DESIGN: prompt, cache)."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Everything that happened to the candidates of one request. Rows are snapshot rows."""

    profile: Profile
    context: RuleContext
    candidates: Candidates
    eligibility: Eligibility
    order: IntArray  # eligible rows, best first
    percentiles: FloatArray  # user-match percentile of each element of `order`
    composition: Composition
    excluded: Mapping[str, int]  # rule id → candidates that it excluded

    def head(self) -> tuple[int, ...]:
        """The rows that a model may order: the best eligible candidates, in baseline order."""
        return tuple(self.order[:MODEL_CANDIDATES].tolist())


def rank(
    rules: CompiledRules,
    shelf: Shelf,
    query: Query,
    profile: Profile,
    *,
    sources: Mapping[str, Retrieved],
    asked: Retrieved | None,
    personal: FloatScores,
    around: FloatScores | None,
    beside: FloatScores | None,
    content: FloatScores | None,
    context: IntArray,
    now: float,
    compose_now: bool = True,
) -> Ranking:
    """Merges, applies the eligibility rules, scores and composes.

    Args: sources, asked, personal, around, beside, content: see `candidates.merge` (`asked` is its `query`);
          context: rows of page and cart; compose_now: False leaves the slate to `reordered`, once a model has answered.
    """
    rule_context = rules_see(shelf, query, profile, context, now)
    merged = functools.partial(
        merge, shelf, profile=profile, personal=personal, context=around, beside=beside, content=content
    )
    candidates = merged(sources, query=asked)
    eligibility = eligible(rules, rule_context, candidates.rows)
    if asked is None and int(eligibility.mask.sum()) < max(ENOUGH, query.limit):
        everything = eligible(rules, rule_context)
        if int(everything.mask.sum()) > int(eligibility.mask.sum()):
            wider = {**sources, "widened": widened(shelf, personal, everything.mask)}
            size = sum(len(s.rows) for s in wider.values())
            candidates = merged(wider, query=None, size=size)
            eligibility = eligible(rules, rule_context, candidates.rows)
    rows = eligibility.eligible_rows()
    match = candidates.match[eligibility.mask].astype(np.float64)
    percentiles = percentile(match)
    scores = _scores(rules, shelf, rows, match, percentiles, now)
    by_score = np.lexsort((rows, -match, -scores))
    ranking = Ranking(
        profile=profile,
        context=rule_context,
        candidates=candidates,
        eligibility=eligibility,
        order=rows[by_score],
        percentiles=percentiles[by_score],
        composition=NOTHING,
        excluded=eligibility.excluded_counts(),
    )
    return _composed(ranking, rules, shelf, query.limit) if compose_now else ranking


def remembered(
    rules: CompiledRules,
    shelf: Shelf,
    query: Query,
    profile: Profile,
    *,
    candidates: Sequence[str],
    percentiles: Sequence[float],
    context: IntArray,
    now: float,
) -> Ranking:
    """The ranking of candidates whose baseline order is known from a cached answer; rules are applied as of now.

    Args: candidates: product ids in baseline order; percentiles: of each, how well it matched when it was asked about.
    """
    row_of = shelf.snapshot.row_of
    known = [(row_of[p], match) for p, match in zip(candidates, percentiles, strict=True) if p in row_of]
    rows = np.asarray([row for row, _ in known], dtype=np.int32)
    matches = np.asarray([match for _, match in known], dtype=np.float64)
    rule_context = rules_see(shelf, query, profile, context, now)
    eligibility = eligible(rules, rule_context, rows)
    return Ranking(
        profile=profile,
        context=rule_context,
        candidates=Candidates(rows=rows, match=matches.astype(np.float32)),
        eligibility=eligibility,
        order=eligibility.eligible_rows(),
        percentiles=matches[eligibility.mask],
        composition=NOTHING,
        excluded=eligibility.excluded_counts(),
    )


def reordered(ranking: Ranking, order: Sequence[int], rules: CompiledRules, shelf: Shelf, limit: int) -> Ranking:
    """The ranking with another order of its eligible rows, composed again.

    Args: order: rows to come first; those of the ranking that it leaves out follow in their order, others are ignored.
    """
    percentile_of = dict(zip(ranking.order.tolist(), ranking.percentiles.tolist(), strict=True))
    first = [row for row in dict.fromkeys(order) if row in percentile_of]
    chosen = set(first)
    rows = first + [row for row in ranking.order.tolist() if row not in chosen]
    changed = replace(
        ranking,
        order=np.asarray(rows, dtype=np.int32),
        percentiles=np.asarray([percentile_of[row] for row in rows], dtype=np.float64),
        excluded=ranking.eligibility.excluded_counts(),
    )
    return _composed(changed, rules, shelf, limit)


def _composed(ranking: Ranking, rules: CompiledRules, shelf: Shelf, limit: int) -> Ranking:
    composition = compose(
        ranking.order,
        ranking.percentiles,
        limit,
        rules,
        ranking.context,
        vectors=None if shelf.vectors is None else lambda wanted: shelf.item_vectors(wanted)[0],
    )
    return replace(ranking, composition=composition, excluded=with_slate_rules(ranking.excluded, composition))


def rules_see(shelf: Shelf, query: Query, profile: Profile, context: IntArray, now: float) -> RuleContext:
    """What the rules look at in one request. Args: context: rows of page and cart; now: epoch seconds."""
    stored = profile.preferences
    anchor = None if query.product_id is None else shelf.snapshot.row_of[query.product_id]
    return RuleContext(
        now=now,
        budget_minor=stored.budget_minor if query.budget_minor is None else query.budget_minor,
        owned=profile.owned,
        dismissed=profile.dismissed,
        avoid=stored.avoid,
        exclude=shelf.snapshot.rows(query.exclude_ids),
        cart=shelf.snapshot.rows(query.cart),
        anchor=anchor,
        filters=query.filters,
        # Whoever types a query gets what was asked for, wherever the box stands: caps for browsing don't apply.
        placement=query.placement if query.text is None else "search",
        segments=stored.segments,
        # A home page that shows a pregnancy test says what somebody inferred; whoever asks for one gets it.
        sensitive_asked=query.text is not None or bool(query.filters.categories) or len(context) > 0,
    )


def _scores(
    rules: CompiledRules, shelf: Shelf, rows: IntArray, match: FloatArray, percentiles: FloatArray, now: float
) -> FloatArray:
    """What candidates are ordered by, shape (n,); comparable within this call only. Args: percentiles: of `match`."""
    scoring, snapshot = rules.rules.scoring, shelf.snapshot
    if scoring.mode == "relevance":
        return by_relevance(percentiles)
    weights = scoring.weights.as_mapping()
    head = np.lexsort((rows, -match))[:SHOP_HEAD]
    best = rows[head]
    trend = shelf.trend[best].astype(np.float64)
    trend[shelf.column_of_row[best] < 0] = np.nan
    factors = {
        "userMatch": match[head],
        "trend": trend,
        "inventory": inventory_factor(snapshot.stock[best]),
        "margin": snapshot.margin[best],
        "freshness": freshness_factor(snapshot.created_at[best], now),
        "season": season_factor(snapshot.season_mask[best], now),
    }
    scores = percentiles - 1.0  # below 0: behind every one of the head
    scores[head] = score(scoring.mode, weights, factors)
    return scores


def with_slate_rules(excluded: Mapping[str, int], composition: Composition) -> Mapping[str, int]:
    """The counts of excluded products with those that a slate rule took out."""
    dropped = Counter(composition.dropped.values())
    return {**excluded, **{rule_id: excluded.get(rule_id, 0) + n for rule_id, n in sorted(dropped.items())}}
