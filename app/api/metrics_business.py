"""What recommendations brought in: for the shop only, never for a publishable key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.api.answers import respond
from app.api.context import Context, CurrentCaller
from app.api.errors import Code
from app.api.openapi import answers
from app.api.parameters import SingleValues
from app.api.report_answers import report_answer
from app.api.report_schemas import ReportAnswer, ReportParams
from app.report import period_of

router = APIRouter(prefix="/api/metrics", tags=["metrics"])


@router.get(
    "/business",
    operation_id="getBusinessMetrics",
    responses=answers(ReportAnswer, Code.SECRET_KEY_REQUIRED, Code.OVERLOADED, Code.UNAVAILABLE),
    dependencies=[SingleValues],
)
async def get_business_metrics(
    context: Context, caller: CurrentCaller, params: Annotated[ReportParams, Query()]
) -> Response:
    """Click-through, conversion, revenue and the rest of served slates, with intervals; at most a minute old."""
    caller.require_secret()
    period = period_of(params.since, params.until, context.now())
    return respond(report_answer(await context.reports.business(period, params.group_by), context.currency))
