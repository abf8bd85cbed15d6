"""Slate composition: pinned products, caps and diversity over an order that is already final in every other respect.

Positions are filled one after the other. Rules have the last word: whatever is in the order or pinned is checked
for eligibility here, on the snapshot of this moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    order, first_at = _without_repeats(order)
    pins = {} if limit < 1 else dict(_active_pins(here, rules, context))
    verdict = eligible(rules, context, _without_repeats(np.concatenate([order, _int_rows(pins)]))[0])
    allowed = set(verdict.eligible_rows().tolist())
    placed = _positions({row: pin for row, pin in pins.items() if row in allowed}, limit)
    percentile_of = dict(zip(order.tolist(), np.asarray(percentiles)[first_at].tolist(), strict=True))
    free = np.asarray([row for row in order.tolist() if row in allowed and row not in placed.values()], dtype=np.int32)
    filler = _Filler(
        free=free,
        pinned=_int_rows(placed.values()),
        caps=tuple(rule for rule in here if isinstance(rule, Cap)),
        diversity=next((rule for rule in here if isinstance(rule, Diversity)), None),
        rules=rules,
        vectors=vectors,
        pool=max(DIVERSITY_POOL, 2 * limit),
    )
    rows: list[int] = []
    for position in range(1, limit + 1):
        row = placed.get(position)
        if row is None:
            row = filler.take(position)
        if row is not None:
            rows.append(row)
    pinned = {row: pins[row].id for row in rows if row in placed.values()}
    promoted = np.asarray([row in pinned for row in rows], dtype=np.bool_)
    shown = np.asarray([percentile_of.get(row, np.nan) for row in rows], dtype=np.float64)
    near_misses = [row for row in order[:limit].tolist() if row in allowed and row not in rows]
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
    """Hands out the free candidates one by one."""

    def __init__(
        self,
        *,
        free: IntArray,
        pinned: IntArray,
        caps: tuple[Cap, ...],
        diversity: Diversity | None,
        rules: CompiledRules,
        vectors: VectorsOf | None,
        pool: int,
    ) -> None:
        self.relaxed: dict[str, int] = {}
        self._passed_over: dict[int, str] = {}  # index into free → slate rule
        self._free = free
        self._left = np.ones(len(free), dtype=np.bool_)
        self._caps = caps
        self._diversity = diversity
        both = np.concatenate([free, pinned])
        self._groups = [_group(cap, rules, both) for cap in caps]  # per cap: group per element of `both`, -1 unknown
        self._counts = [np.zeros(int(g.max(initial=-1)) + 2, dtype=np.int64) for g in self._groups]
        for i in range(len(free), len(both)):
            self._count(i)
        self._broken = np.zeros(len(free), dtype=np.int64)
        self._relevance = 1.0 - np.arange(min(len(free), pool)) / pool
        self._vectors: NDArray[np.float32] | None = None
        self._nearest = np.zeros(len(self._relevance))
        if diversity is not None and vectors is not None and diversity.relevance_weight < 1 and len(free):
            found = vectors(np.concatenate([free[:pool], pinned]))
            self._vectors = found[: len(self._relevance)]
            for vector in found[len(self._relevance) :]:
                self._saw(vector)

    def take(self, position: int) -> int | None:
        """The row for this 1-based position; None when no candidate is left."""
        if not self._left.any():
            return None
        self._broken = self._breaches(position)
        fewest = int(self._broken[self._left].min())
        choice = self._best(self._left & (self._broken == fewest))
        for cap_id in self._full_caps(choice, position):
            self.relaxed[cap_id] = self.relaxed.get(cap_id, 0) + 1
        self._note_passed_over(choice, fewest, position)
        self._left[choice] = False
        self._count(choice)
        if self._vectors is not None and choice < len(self._vectors):
            self._saw(self._vectors[choice])
        return int(self._free[choice])

    def why_not(self, row: int, placed: Mapping[int, str]) -> str:
        """The slate rule that kept an eligible row out: the one for which it was first passed over, else a pin."""
        at = int(np.flatnonzero(self._free == row)[0])
        return self._passed_over[at] if at in self._passed_over else next(iter(placed.values()))

    def _note_passed_over(self, choice: int, fewest: int, position: int) -> None:
        """Remembers why better placed candidates were not taken: a full cap, or diversity."""
        for at in np.flatnonzero(self._left[:choice]).tolist():
            if at not in self._passed_over:
                if self._broken[at] > fewest:
                    self._passed_over[at] = next(self._full_caps(at, position))
                elif self._diversity is not None:
                    self._passed_over[at] = self._diversity.id

    def _full_caps(self, at: int, position: int) -> Iterator[str]:
        for cap, groups, counts in zip(self._caps, self._groups, self._counts, strict=True):
            if _full(cap, groups[at : at + 1], counts, position)[0]:
                yield cap.id

    def _breaches(self, position: int) -> NDArray[np.int64]:
        broken = np.zeros(len(self._free), dtype=np.int64)
        for cap, groups, counts in zip(self._caps, self._groups, self._counts, strict=True):
            broken += _full(cap, groups[: len(broken)], counts, position)
        return broken

    def _best(self, choices: BoolArray) -> int:
        """Of the choices the one with the best marginal relevance; one below the pool only when the pool has none."""
        near = choices[: len(self._relevance)]
        if self._diversity is None or self._vectors is None or not near.any():
            return int(np.argmax(choices))
        weight = self._diversity.relevance_weight
        marginal = weight * self._relevance - (1.0 - weight) * self._nearest
        return int(np.argmax(np.where(near, marginal, -np.inf)))

    def _saw(self, vector: NDArray[np.float32]) -> None:
        if self._vectors is not None:
            self._nearest = np.maximum(self._nearest, self._vectors @ vector)

    def _count(self, at: int) -> None:
        for groups, counts in zip(self._groups, self._counts, strict=True):
            if groups[at] >= 0:
                counts[groups[at]] += 1


def _full(cap: Cap, groups: IntArray, counts: NDArray[np.int64], position: int) -> BoolArray:
    """Whether one more of each group would break the cap at this position. Unknown groups are never full."""
    most = cap.max * -(-position // PAGE)
    full: BoolArray = (groups >= 0) & (counts[groups] >= most)
    return full


def _group(cap: Cap, rules: CompiledRules, rows: IntArray) -> IntArray:
    if cap.by == "brand":
        return rules.snapshot.brand[rows]
    category = rules.snapshot.category[rows]
    return category if cap.by == "category" else rules.codes.top_of(category)


def _without_repeats(rows: IntArray) -> tuple[IntArray, IntArray]:
    """The rows with only the first of repeats, and where those were."""
    _, first_at = np.unique(rows, return_index=True)
    first_at.sort()
    return rows[first_at].astype(np.int32), first_at.astype(np.int32)


def _int_rows(rows: Iterable[int]) -> IntArray:
    return np.fromiter(rows, dtype=np.int32)
