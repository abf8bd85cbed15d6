"""Similar, bought together and trending: lists for product pages and home pages."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.api.answer_schemas import SlateAnswer
from app.api.answers import Json, note, respond, slate_answer
from app.api.context import ApiContext, Caller, Context, CurrentCaller
from app.api.errors import Code
from app.api.openapi import answers
from app.api.parameters import SingleValues
from app.api.quick_route import QuickEncodedIdRoute
from app.api.schemas import Identifier, ShelfParams, TrendingParams, to_minor
from app.domain import ranking
from app.shelves import Shelved

router = APIRouter(tags=["shelves"], route_class=QuickEncodedIdRoute)


@router.get(
    "/api/products/{productId:path}/similar",
    operation_id="getSimilar",
    responses=answers(SlateAnswer, Code.SHOPPER_TOKEN_REQUIRED, Code.UNKNOWN_PRODUCT),
    dependencies=[SingleValues],
)
async def get_similar(
    request: Request,
    context: Context,
    caller: CurrentCaller,
    product_id: Annotated[Identifier, Path(alias="productId")],
    params: Annotated[ShelfParams, Query()],
) -> Response:
    """Products like this one, by what they are and by who looks at them; one of each group of variants."""
    query = shelf_query(params, context.currency, "similar", "product", product_id=product_id)
    return respond((await show(request, context, caller, query))[1])


@router.get(
    "/api/products/{productId:path}/bought-together",
    operation_id="getBoughtTogether",
    responses=answers(SlateAnswer, Code.SHOPPER_TOKEN_REQUIRED, Code.UNKNOWN_PRODUCT),
    dependencies=[SingleValues],
)
async def get_bought_together(
    request: Request,
    context: Context,
    caller: CurrentCaller,
    product_id: Annotated[Identifier, Path(alias="productId")],
    params: Annotated[ShelfParams, Query()],
) -> Response:
    """What shoppers bought in one order with this product more often than chance; empty where too few did."""
    query = shelf_query(params, context.currency, "bought_together", "product", product_id=product_id)
    return respond((await show(request, context, caller, query))[1])


@router.get(
    "/api/trending",
    operation_id="getTrending",
    responses=answers(SlateAnswer, Code.SHOPPER_TOKEN_REQUIRED),
    dependencies=[SingleValues],
)
async def get_trending(
    request: Request, context: Context, caller: CurrentCaller, params: Annotated[TrendingParams, Query()]
) -> Response:
    """What more shoppers take up this week than before, in the shop or in one category."""
    categories = () if params.category is None else (params.category,)
    filters = ranking.Filters(categories=categories)
    query = shelf_query(params, context.currency, "trending", "home", filters=filters)
    shelved, body = await show(request, context, caller, query)
    meta = body["meta"]
    assert isinstance(meta, dict)
    meta["scope"] = shelved.scope
    return respond(body)


def shelf_query(
    params: ShelfParams,
    currency: str,
    shelf: ranking.ShelfKind,
    placement: ranking.Placement,
    *,
    product_id: str | None = None,
    text: str | None = None,
    filters: ranking.Filters | None = None,
) -> ranking.Query:
    """A shelf's parameters as the domain's query. Raises BadInput for a budget that can't be money."""
    return ranking.Query(
        user_id=params.user_id,
        anonymous_id=params.anonymous_id,
        session_id=params.session_id,
        limit=params.limit,
        placement=placement,
        product_id=product_id,
        budget_minor=to_minor(params.budget, currency, "budget"),
        text=text,
        reasons=params.reasons,
        filters=ranking.Filters() if filters is None else filters,
        shelf=shelf,
    )


async def show(request: Request, context: ApiContext, caller: Caller, query: ranking.Query) -> tuple[Shelved, Json]:
    """The shelf and its answer in the shape of recommendations.

    Raises: ApiError (403 shopper_token_required): the query names a shopper that the caller does not speak for.
    """
    if query.user_id is not None:
        caller.require_shopper(query.user_id)
    shelved = await context.shelves.show(query)
    slate = shelved.slate
    note(request.scope, slate)
    products = await asyncio.to_thread(context.service.products, [item.product_id for item in slate.items])
    public_reasons = None if caller.is_secret else context.public_reasons
    return shelved, slate_answer(slate, products, currency=context.currency, public_reasons=public_reasons)
