"""Slate composition: pinned products, caps and diversity over an order that is already final in every other respect.

Positions are filled one after the other. Rules have the last word: whatever is in the order or pinned is checked
for eligibility here, on the snapshot of this moment.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import BoolArray, FloatArray, IntArray
from app.pipeline.rules import CompiledRules, Eligibility, RuleContext, eligible
from app.pipeline.rules_schema import Cap, Diversity, Pin, SlateRule
from app.pipeline.scoring import relevance_scores

VectorsOf = Callable[[IntArray], NDArray[np.float32]]
"""rows (k,) → unit vectors (k, d); zeros where a product has none."""

PAGE = 10
"""A cap's `max` holds for each ten positions."""

DIVERSITY_POOL = 50
"""How far down the order diversity looks (twice the limit, where that is more)."""


@dataclass(frozen=True, slots=True)
class Composition:
    """A slate as snapshot rows, with what the slate rules did. Arrays have the shape (k,), k ≤ limit."""

    rows: IntArray
    promoted: BoolArray  # placed by a pin
    relevance: FloatArray  # 0..1, non-increasing; see scoring.relevance_scores
    eligibility: Eligibility  # of the order and the active pins, repeats removed
    dropped: Mapping[
        int, str
    ]  # row within the first `limit` of the order, not in the slate → slate rule that took it out
    relaxed: Mapping[str, int]  # cap id → positions at which it gave way, since nothing within it was left
    pinned: Mapping[int, str]  # promoted row → pin id


NOTHING = Composition(
    rows=np.empty(0, dtype=np.int32),
    promoted=np.empty(0, dtype=np.bool_),
    relevance=np.empty(0),
    eligibility=Eligibility(
        rows=np.empty(0, dtype=np.int32),
        mask=np.empty(0, dtype=np.bool_),
        rule=np.empty(0, dtype=np.int32),
        rule_ids=(),
        public_reasons={},
    ),
    dropped={},
    relaxed={},
    pinned={},
)
"""The slate of an order that was not composed yet."""


def compose(
    order: IntArray,
    percentiles: FloatArray,
    limit: int,
    rules: CompiledRules,
    context: RuleContext,
    *,
    vectors: VectorsOf | None = None,
    slate_rules: Sequence[SlateRule] | None = None,
) -> Composition:
    """Fills up to `limit` positions.

    Pins first take their positions: each eligible one whose dates, placement and audience fit, at its position or the
    next free one. They count towards the caps but are never held back by them. Every other position gets, of the
    candidates that break the fewest caps (none, while there are such), the one with the highest maximal marginal
    relevance (Carbonell & Goldstein 1998), λ·relevance - (1 - λ)·(cosine to the nearest product of the slate).
    Relevance is here 1 at the top of the order, falling evenly to 0 at the end of the pool: the order may come from a
    model, so scores can't say it. Caps give way before a slate stays short.

    Args:    order: rows, best first (a repeat counts once); percentiles: user-match percentile per element of
             `order`, NaN = unknown; limit: ≥ 1; vectors: None = no diversity; slate_rules: instead of the shop's.
    Returns: deterministic; ties go to the earlier in the order. Fewer than `limit` rows only when fewer are eligible.
    """
    given = rules.rules.shop.slate if slate_rules is None else slate_rules
    here = [rule for rule in given if context.placement in rule.placements]
    listed = order.tolist()
    ordered = list(dict.fromkeys(listed))
    pins = {} if limit < 1 else dict(_active_pins(here, rules, context))
    examined = list(dict.fromkeys([*ordered, *pins])) if pins else ordered
    verdict = eligible(rules, context, np.asarray(examined, dtype=np.int32))
    allowed = set(examined) if verdict.mask.all() else set(verdict.eligible_rows().tolist())
    placed = _positions({row: pin for row, pin in pins.items() if row in allowed}, limit)
    promoted_rows = set(placed.values())
    filler = _Filler(
        free=[row for row in ordered if row in allowed and row not in promoted_rows],
        pinned=list(placed.values()),
        caps=tuple(rule for rule in here if isinstance(rule, Cap)),
        diversity=next((rule for rule in here if isinstance(rule, Diversity)), None),
        rules=rules,
        vectors=vectors,
        limit=limit,
    )
    rows: list[int] = []
    for position in range(1, limit + 1):
        row = placed.get(position)
        if row is None:
            row = filler.take(position)
        if row is not None:
            rows.append(row)
    pinned = {row: pins[row].id for row in rows if row in promoted_rows}
    promoted = np.asarray([row in pinned for row in rows], dtype=np.bool_)
    known = set(ordered)
    shown = np.asarray([percentiles[listed.index(row)] if row in known else np.nan for row in rows], dtype=np.float64)
    near_misses = [row for row in ordered[:limit] if row in allowed and row not in rows]
    return Composition(
        rows=np.asarray(rows, dtype=np.int32),
        promoted=promoted,
        relevance=relevance_scores(shown, promoted),
        eligibility=verdict,
        dropped={row: filler.why_not(row, pinned) for row in near_misses},
        relaxed=filler.relaxed,
        pinned=pinned,
    )


def _active_pins(here: Sequence[SlateRule], rules: CompiledRules, context: RuleContext) -> Iterator[tuple[int, Pin]]:
    """(row, pin) in the order of the file; a product that is pinned twice keeps its first pin."""
    seen: set[int] = set()
    for rule in here:
        if not isinstance(rule, Pin):
            continue
        row = rules.snapshot.row_of.get(rule.product_id)
        if row is not None and row not in seen and rule.active(context.now) and rule.audience.holds(context.segments):
            seen.add(row)
            yield row, rule


def _positions(pins: Mapping[int, Pin], limit: int) -> dict[int, int]:
    """Position → row. A pin beyond the slate is left out; one whose position is taken gets the next free one."""
    placed: dict[int, int] = {}
    for row, pin in pins.items():
        position = pin.position
        while position in placed:
            position += 1
        if position <= limit:
            placed[position] = row
    return placed


class _Filler:
    """Hands out the free candidates one by one.

    Plain lists and sets: for the few positions of a slate they take a third of the time of arrays.
    """

    def __init__(
        self,
        *,
        free: list[int],
        pinned: list[int],
        caps: tuple[Cap, ...],
        diversity: Diversity | None,
        rules: CompiledRules,
        vectors: VectorsOf | None,
        limit: int,
    ) -> None:
        self.relaxed: dict[str, int] = {}
        self._passed_over: dict[int, str] = {}  # index into free → slate rule
        self._free = free
        self._left = list(range(len(free)))  # indexes into free, ascending
        self._limit = limit
        self._caps = caps
        self._diversity = diversity
        both = np.asarray([*free, *pinned], dtype=np.int32)
        self._groups = [_group(cap, rules, both).tolist() for cap in caps]  # per cap, -1 unknown
        self._counts: list[Counter[int]] = [Counter(groups[len(free) :]) for groups in self._groups]
        pool = max(DIVERSITY_POOL, 2 * limit)
        self._pool = min(len(free), pool)
        self._vectors: NDArray[np.float32] | None = None
        if diversity is not None and vectors is not None and diversity.relevance_weight < 1 and free:
            found = vectors(np.concatenate([both[: self._pool], both[len(free) :]]))
            self._vectors = found[: self._pool]
            self._nearest = np.zeros(self._pool)
            self._weighed = diversity.relevance_weight * (1.0 - np.arange(self._pool) / pool)
            self._unseen = list(found[self._pool :])  # vectors of the slate that are not in `nearest` yet

    def take(self, position: int) -> int | None:
        """The row for this 1-based position; None when no candidate is left."""
        if not self._left:
            return None
        full = self._full(position)
        fewest, choice = self._chosen(full)
        if fewest:
            for cap, groups, over in zip(self._caps, self._groups, full, strict=True):
                if groups[choice] in over:
                    self.relaxed[cap.id] = self.relaxed.get(cap.id, 0) + 1
        self._note_passed_over(choice, fewest, full)
        self._left.remove(choice)
        for groups, counts in zip(self._groups, self._counts, strict=True):
            counts[groups[choice]] += 1
        if self._vectors is not None and choice < self._pool:
            self._unseen.append(self._vectors[choice])
        return self._free[choice]

    def why_not(self, row: int, placed: Mapping[int, str]) -> str:
        """The slate rule that kept an eligible row out: the one for which it was first passed over, else a pin."""
        at = self._free.index(row)
        return self._passed_over[at] if at in self._passed_over else next(iter(placed.values()))

    def _full(self, position: int) -> list[set[int]]:
        """Per cap the groups of which one more would break it at this position. Unknown groups are never full."""
        pages = -(-position // PAGE)
        return [
            {group for group, n in counts.items() if n >= cap.max * pages and group >= 0}
            for cap, counts in zip(self._caps, self._counts, strict=True)
        ]

    def _chosen(self, full: Sequence[set[int]]) -> tuple[int, int]:
        """How many caps the best of the least offending candidates breaks, and which it is."""
        near = bisect_left(self._left, self._pool)
        within = self._within(self._left[:near], full) or self._within(self._left[near:], full)
        if within:
            return 0, self._best(within)
        breaches = [self._breaches(at, full) for at in self._left]
        fewest = min(breaches)
        return fewest, self._best([at for at, n in zip(self._left, breaches, strict=True) if n == fewest])

    def _within(self, choices: list[int], full: Sequence[set[int]]) -> list[int]:
        """Those of the choices that break no cap."""
        for groups, over in zip(self._groups, full, strict=True):
            if over:
                choices = [at for at in choices if groups[at] not in over]
        return choices

    def _breaches(self, at: int, full: Sequence[set[int]]) -> int:
        return sum(groups[at] in over for groups, over in zip(self._groups, full, strict=True))

    def _note_passed_over(self, choice: int, fewest: int, full: Sequence[set[int]]) -> None:
        """Remembers why better placed candidates were not taken: a full cap, or diversity. Of the first `limit` only,
        which are those that anybody asks about.
        """
        for at in self._left:
            if at >= choice or at >= self._limit:
                return
            if at in self._passed_over:
                continue
            if self._breaches(at, full) > fewest:
                fulls = zip(self._caps, self._groups, full, strict=True)
                self._passed_over[at] = next(cap.id for cap, groups, over in fulls if groups[at] in over)
            elif self._diversity is not None:
                self._passed_over[at] = self._diversity.id

    def _best(self, choices: Sequence[int]) -> int:
        """Of the choices, ascending, the one with the best marginal relevance; one below the pool only when the pool
        has none.
        """
        if self._diversity is None or self._vectors is None or choices[0] >= self._pool:
            return choices[0]
        for vector in self._unseen:
            self._nearest = np.maximum(self._nearest, self._vectors @ vector)
        self._unseen.clear()
        marginal = self._weighed - (1.0 - self._diversity.relevance_weight) * self._nearest
        near = choices[: bisect_left(choices, self._pool)]
        return near[int(np.argmax(marginal[near]))]


def _group(cap: Cap, rules: CompiledRules, rows: IntArray) -> IntArray:
    if cap.by == "brand":
        return rules.snapshot.brand[rows]
    category = rules.snapshot.category[rows]
    return category if cap.by == "category" else rules.codes.top_of(category)
