"""A store of figures in which nothing was served."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from app.domain.budgets import Budget, BudgetStanding
from app.domain.figures import (
    ORDER_COLUMNS,
    SHOPPER_COLUMNS,
    SLATE_COLUMNS,
    VISIT_COLUMNS,
    AttributionRule,
    Grouping,
    GroupTally,
    LeftOut,
    Period,
    ShopTally,
    Tally,
    Waits,
)
from app.domain.model_calls import CostGroup, CostGrouping


class FakeAttribution:
    """Nothing was served; notes what it was asked, and fails where it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[Period, Grouping | None]] = []
        self.fails_with: Exception | None = None

    def tally(self, period: Period, grouping: Grouping | None, rule: AttributionRule) -> Tally:
        self.asked.append((period, grouping))
        if self.fails_with is not None:
            raise self.fails_with
        nothing, no_waits = np.zeros(0), Waits(np.zeros(0), np.zeros(0))
        orders, visits = dict.fromkeys(ORDER_COLUMNS, nothing), dict.fromkeys(VISIT_COLUMNS, nothing)
        group = GroupTally(dict.fromkeys(SLATE_COLUMNS, nothing), orders, visits, no_waits)
        shop = ShopTally(dict.fromkeys(SHOPPER_COLUMNS, nothing), orders, visits, no_waits)
        return Tally(group, {} if grouping is None else {"home": group}, shop, LeftOut())

    def standings(self, budgets: Iterable[Budget]) -> Sequence[BudgetStanding]:
        return [BudgetStanding(budget, "2026-09-21", 0.75) for budget in budgets]

    def costs(self, *, group_by: CostGrouping, since: float, until: float) -> Sequence[CostGroup]:
        if self.fails_with is not None:
            raise self.fails_with
        return [CostGroup("m", 2, 30, 4, 1, 0.5, 0, 0, 0, 1, 0.5), CostGroup("n", 1, 3, 4, 0, 0.0, 1, 0, 0, 0, 0.25)]
