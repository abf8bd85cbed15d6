"""The order of the slate from two orders, the baseline's and the model's, with a bound on what the model can move."""

from __future__ import annotations

from collections.abc import Sequence


def fuse(baseline: Sequence[int], model_order: Sequence[int], w: float, max_lift: int) -> tuple[int, ...]:
    """The baseline's items in the order of (1-w)·b + w·m, none lifted by more than `max_lift` positions.

    b is the 1-based position in the baseline, m the one in the model's order, completed with the rest in baseline
    order. Items are sorted by the weighted mean, ties by b; then position p takes the first remaining item with
    b ≤ p + max_lift. There always is one: of the items that remain, one has b ≤ p. Weighted means of positions are
    Borda's count; the window makes a seller's gain from a manipulated model finite (DESIGN.md, Fusion).

    Args:    baseline: distinct items, best first; model_order: any of them, best first; items that are not in the
             baseline (dropped by the rules since) and repetitions are passed over; w: 0..1, the model's share;
             max_lift: 0 or more; 0 gives the baseline.
    Returns: a permutation of `baseline`.
    Raises:  ValueError: w, max_lift or the baseline is outside its range.
    """
    if not 0.0 <= w <= 1.0 or max_lift < 0:
        raise ValueError(f"w must be 0..1 and max_lift 0 or more, not {w} and {max_lift}")
    b = {item: position for position, item in enumerate(baseline, start=1)}
    if len(b) != len(baseline):
        raise ValueError("the baseline names an item twice")
    ranked = dict.fromkeys(item for item in model_order if item in b)
    completed = [*ranked, *(item for item in baseline if item not in ranked)]
    m = {item: position for position, item in enumerate(completed, start=1)}
    waiting = sorted(baseline, key=lambda item: ((1.0 - w) * b[item] + w * m[item], b[item]))
    fused: list[int] = []
    for position in range(1, len(baseline) + 1):
        chosen = next(i for i, item in enumerate(waiting) if b[item] <= position + max_lift)
        fused.append(waiting.pop(chosen))
    return tuple(fused)
