"""Recommendations, and why (not)."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request
from starlette.responses import Response

from app.api.answer_schemas import SlateAnswer, WhyAnswer
from app.api.answers import note, respond, why_answer
from app.api.context import ApiContext, Caller, Context, CurrentCaller
from app.api.errors import Code
from app.api.openapi import answers, body_codes
from app.api.parameters import SingleValues
from app.api.queries import query_from
from app.api.quick_route import QuickRoute
from app.api.rendering import Asked
from app.api.schemas import Identifier, RecommendationBody, RecommendationParams, WhyParams, to_minor
from app.domain import ranking
from app.domain.deadline import Deadline
from app.domain.errors import UnknownProduct, UnknownRecommendation

router = APIRouter(prefix="/api/recommendations", tags=["recommendations"], route_class=QuickRoute)


@router.get(
    "",
    operation_id="getRecommendations",
    responses=answers(SlateAnswer, Code.SHOPPER_TOKEN_REQUIRED, Code.UNKNOWN_PRODUCT),
    dependencies=[SingleValues],
)
async def get_recommendations(
    request: Request, context: Context, caller: CurrentCaller, params: Annotated[RecommendationParams, Query()]
) -> Response:
    """Ranked products for a shopper, a visitor or a session, each with a true reason."""
    query = query_from(params, context.currency)
    route = {name: request.scope[name] for name in ("endpoint", "route") if name in request.scope}
    context.asked.remember(request.scope["query_string"], Asked(query, route))
    return await _answer(request, context, caller, query)


@router.post(
    "",
    operation_id="postRecommendations",
    responses=answers(SlateAnswer, Code.SHOPPER_TOKEN_REQUIRED, Code.UNKNOWN_PRODUCT, *body_codes()),
    dependencies=[SingleValues],
)
async def post_recommendations(
    request: Request, context: Context, caller: CurrentCaller, body: Annotated[RecommendationBody, Body()]
) -> Response:
    """The same with a cart, products to leave out, and filters."""
    price = body.filters.price
    filters = ranking.Filters(
        categories=tuple(body.filters.categories),
        brands=tuple(body.filters.brands),
        price_min_minor=to_minor(price.min, context.currency, "filters.price.min"),
        price_max_minor=to_minor(price.max, context.currency, "filters.price.max"),
    )
    query = query_from(body, context.currency, tuple(body.cart), tuple(body.exclude_ids), filters)
    return await _answer(request, context, caller, query)


async def _answer(request: Request, context: ApiContext, caller: Caller, query: ranking.Query) -> Response:
    if query.user_id is not None:
        caller.require_shopper(query.user_id)
    deadline_ms = context.default_deadline_ms if query.deadline_ms is None else query.deadline_ms
    payer = caller.payer(query.user_id, query.anonymous_id, query.session_id)
    slate = await context.service.recommend(query, Deadline.after_ms(deadline_ms), payer)
    note(request.scope, slate)
    return Response(context.renderer.body(slate, secret=caller.is_secret), media_type="application/json")


@router.get(
    "/{recommendationId}/why/{productId:path}",
    operation_id="getWhy",
    responses=answers(WhyAnswer, Code.SHOPPER_TOKEN_REQUIRED, Code.UNKNOWN_PRODUCT, Code.UNKNOWN_RECOMMENDATION),
    dependencies=[SingleValues],
)
async def get_why(
    context: Context,
    caller: CurrentCaller,
    recommendation_id: Annotated[Identifier, Path(alias="recommendationId")],
    product_id: Annotated[Identifier, Path(alias="productId")],
    params: Annotated[WhyParams, Query()],
) -> Response:
    """Why a product is in a served recommendation, or which rule or stage kept it out."""
    shopper = None if caller.is_secret else caller.shopper()
    # Asked first, so that "unknown product" never tells that somebody else's recommendation exists.
    if product_id not in await asyncio.to_thread(context.service.products, [product_id]):
        raise UnknownProduct(product_id)
    explanation = await context.service.fate(recommendation_id, product_id)
    if not caller.is_secret and not _belongs_to(explanation.slate.query, shopper, params):
        raise UnknownRecommendation(recommendation_id)
    public_reasons = None if caller.is_secret else context.public_reasons
    return respond(why_answer(explanation, currency=context.currency, public_reasons=public_reasons))


def _belongs_to(query: ranking.Query, shopper: str | None, params: WhyParams) -> bool:
    """Whether a recommendation was made for this caller; one made for nobody in particular is open to who knows its id.

    A shopper's needs the token. A visitor's or session's needs each id that it was made for.
    """
    if query.user_id is not None:
        return shopper == query.user_id
    if query.anonymous_id is not None and params.anonymous_id != query.anonymous_id:
        return False
    return query.session_id is None or params.session_id == query.session_id
