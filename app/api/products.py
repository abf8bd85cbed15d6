"""The catalogue, one product at a time."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from app.api.answers import product_answer, respond
from app.api.context import Context, CurrentCaller
from app.api.errors import Code
from app.api.openapi import answers
from app.api.schemas import Identifier, ProductAnswer
from app.domain.errors import UnknownProduct

router = APIRouter(prefix="/api/products", tags=["products"])


# `:path` because an article number may hold a slash; a route below a product must be registered before this one.
@router.get("/{productId:path}", operation_id="getProduct", responses=answers(ProductAnswer, Code.UNKNOWN_PRODUCT))
async def get_product(
    context: Context, caller: CurrentCaller, product_id: Annotated[Identifier, Path(alias="productId")]
) -> Response:
    """A product as the shop describes it, also one that is sold out or no longer offered (`available` false)."""
    found = await asyncio.to_thread(context.store.products, [product_id])
    if product_id not in found:
        raise UnknownProduct(product_id)
    return respond(product_answer(found[product_id], currency=context.currency, with_cost=caller.is_secret))
