"""What model calls cost, from the ledger: for the shop only."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from app.api.answers import Json, moment, respond
from app.api.context import Context, CurrentCaller
from app.api.errors import Code
from app.api.openapi import answers
from app.api.parameters import SingleValues
from app.api.report_schemas import Day
from app.domain.model_calls import CostGroup, CostGrouping
from app.report import CostReport

router = APIRouter(prefix="/api/costs", tags=["metrics"])


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, allow_inf_nan=False)


class CostParams(_Model):
    """GET /api/costs."""

    since: Day | None = Field(None, alias="from", description="A day (UTC) or a time with zone; 30 days when absent.")
    until: Day | None = Field(None, alias="to", description="The same, excluded; without end when absent.")
    group_by: CostGrouping = "model"


class CostGroupAnswer(_Model):
    """What the calls of one group came to. `charged` holds worst cases where a cost is unknown or still open."""

    group: str
    calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost: float
    charged: float
    unknown_cost: int
    pending: int
    lost: int
    background: int


class BudgetAnswer(_Model):
    """A budget in US dollars a UTC day, and what is charged to it today, worst cases of open calls included."""

    scope: str  # "total", a placement, "chat", or "key:" and the start of an API key's SHA-256
    day: str
    charged: float
    soft: float | None
    hard: float | None
    soft_exceeded: bool  # the alert: from now on the cheap model is asked, where there is one
    exhausted: bool  # from now on no model is asked


class CostsAnswer(_Model):
    """Model calls that began in the period, the dearest group first."""

    since: str = Field(alias="from")
    until: str | None = Field(alias="to")
    currency: Literal["USD"]
    group_by: CostGrouping
    groups: list[CostGroupAnswer]
    total: CostGroupAnswer
    budgets: list[BudgetAnswer]


@router.get(
    "",
    operation_id="getCosts",
    responses=answers(CostsAnswer, Code.SECRET_KEY_REQUIRED, Code.UNAVAILABLE),
    dependencies=[SingleValues],
)
async def get_costs(context: Context, caller: CurrentCaller, params: Annotated[CostParams, Query()]) -> Response:
    """Tokens and US dollars per model, placement, prompt or day, from the ledger of every call."""
    caller.require_secret()
    return respond(costs_answer(await context.reports.costs(params.since, params.until, params.group_by)))


def costs_answer(report: CostReport) -> Json:
    """The report as JSON; the command line prints the same."""
    return {
        "from": moment(report.period.since),
        "to": None if report.period.until is None else moment(report.period.until),
        "currency": "USD",
        "groupBy": report.grouping,
        "groups": [_group(group) for group in report.groups],
        "total": _group(report.total),
        "budgets": [
            {
                "scope": standing.budget.scope,
                "day": standing.day,
                "charged": round(standing.charged_usd, 9),
                "soft": standing.budget.soft_usd,
                "hard": standing.budget.hard_usd,
                "softExceeded": standing.soft_exceeded,
                "exhausted": standing.exhausted,
            }
            for standing in report.budgets
        ],
    }


def _group(group: CostGroup) -> Json:
    return {
        "group": group.name,
        "calls": group.calls,
        "inputTokens": group.input_tokens,
        "outputTokens": group.output_tokens,
        "cachedTokens": group.cached_tokens,
        "cost": round(group.cost_usd, 9),
        "charged": round(group.charged_usd, 9),
        "unknownCost": group.unknown_cost,
        "pending": group.pending,
        "lost": group.lost,
        "background": group.background,
    }
