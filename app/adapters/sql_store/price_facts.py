"""What the price and stock histories say about a product now. Pure."""

from __future__ import annotations

from collections.abc import Sequence

REFERENCE_WINDOW_S = 30 * 86_400.0


def price_facts(history: Sequence[tuple[float, int]], current_minor: int | None) -> tuple[float | None, int | None]:
    """When the current price took effect, and the lowest price of the 30 days before that.

    The second is the price that a reduction must be announced against (Directive 98/6/EC, article 6a). The window
    holds every price that was in force at any moment of it, also one set earlier. A product that was sold for
    less than 30 days before the change has the lowest price since it was first seen.

    Args:    history: (valid from in epoch seconds, price), oldest first. Entries after the last one with the
             current price (planned prices, for example) are left out.
    Returns: (None, None) when the current price is unknown or not in the history; the second is None when the
             history begins with the current price.
    """
    last = len(history) - 1
    while last >= 0 and history[last][1] != current_minor:
        last -= 1
    if current_minor is None or last < 0:
        return None, None
    first = last
    while first > 0 and history[first - 1][1] == current_minor:
        first -= 1
    since = history[first][0]
    window_start = since - REFERENCE_WINDOW_S
    lowest: int | None = None
    for position in range(first - 1, -1, -1):
        price = history[position][1]
        lowest = price if lowest is None else min(lowest, price)
        if history[position][0] <= window_start:
            break
    return since, lowest


def restocked_at(history: Sequence[tuple[float, int]]) -> float | None:
    """When stock last went from none to some, None when it never did; history: (at, stock), oldest first."""
    for position in range(len(history) - 1, 0, -1):
        if history[position][1] > 0 and history[position - 1][1] <= 0:
            return history[position][0]
    return None
