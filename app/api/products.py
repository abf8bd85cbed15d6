"""The catalogue: read by everybody with a key, changed by the shop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Path, Request
from starlette.responses import Response

from app.api.answer_schemas import ProductAnswer
from app.api.answers import Json, product_answer, respond
from app.api.context import ApiContext, Context, CurrentCaller
from app.api.encoded_ids import ProductRoute
from app.api.errors import Code
from app.api.openapi import answers, body_codes
from app.api.patterns import ENTITY_TAGS, STORED_ID, says
from app.api.preconditions import Preconditions, entity_tag
from app.api.product_batch import MAX_ITEMS, BatchAnswer, carry_out
from app.api.product_body import Refused, body_schema, merged, product_of
from app.api.schemas import Identifier
from app.domain.catalog import Product
from app.domain.errors import UnknownProduct
from app.ingest.catalogue import Changes

router = APIRouter(prefix="/api/products", tags=["products"], route_class=ProductRoute)

ProductId = Annotated[Identifier, Path(alias="productId")]
NewProductId = Annotated[Identifier, says(STORED_ID), Path(alias="productId")]
JsonObject = Annotated[dict[str, Any], Body()]

_TAGS = {"type": "string", "pattern": ENTITY_TAGS, "examples": ["*", '"0123abcd"']}
_CONDITIONS = [
    {
        "name": name,
        "in": "header",
        "required": False,
        "schema": {"type": "string", "pattern": ENTITY_TAGS},
        "description": meaning,
    }
    for name, meaning in (
        ("If-Match", "An ETag as GET gave it: refused with 412 when the product has changed since."),
        ("If-None-Match", "`*`: refused with 412 when the product exists; with GET an ETag: 304 while it holds."),
    )
]
_CHANGED = (Code.SECRET_KEY_REQUIRED, Code.PRECONDITION_FAILED)


def _takes(schema: Mapping[str, Any], *media_types: str) -> dict[str, Any]:
    """What the OpenAPI document says of a body, and of the conditions that a write may carry."""
    content = {media_type: {"schema": dict(schema)} for media_type in media_types}
    return {"requestBody": {"required": True, "content": content}, "parameters": _CONDITIONS}


# Before the routes below: their path takes any id, "…:batch" among them.
@router.post(
    ":batch",
    operation_id="postProductsBatch",
    responses=answers(BatchAnswer, Code.SECRET_KEY_REQUIRED, Code.TOO_MANY_PRODUCTS, *body_codes()),
    openapi_extra={
        "requestBody": {
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["products"],
                        "additionalProperties": False,
                        "properties": {
                            "mode": {"enum": ["replace", "merge"], "default": "replace"},
                            "products": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": MAX_ITEMS,
                                # What can't be stored is listed in the answer, and the rest is stored.
                                "items": {"anyOf": [body_schema(), {}]},
                            },
                        },
                    }
                }
            }
        }
    },
)
async def post_batch(context: Context, caller: CurrentCaller, body: JsonObject) -> Response:
    """Stores or patches many products in one transaction; what can't be stored is listed and the rest is.

    `mode` is `replace` (each product as PUT takes it) or `merge` (each as PATCH takes it, with its `productId`). Of two
    with one id the first counts, the later is rejected. At most 500 products and 1 MiB.
    """
    caller.require_secret()
    return respond(await asyncio.to_thread(carry_out, context.catalogue, body, context.currency))


# `:path` because an article number may hold a slash; a route below a product must be registered before these.
@router.get(
    "/{productId:path}",
    operation_id="getProduct",
    responses=answers(ProductAnswer, Code.UNKNOWN_PRODUCT) | {304: {"description": "As you know it."}},
    openapi_extra={"parameters": [_CONDITIONS[1]]},
)
async def get_product(context: Context, caller: CurrentCaller, request: Request, product_id: ProductId) -> Response:
    """A product as the shop describes it, also one that is sold out or no longer offered (`available` false).

    With If-None-Match the answer is 304 while the ETag holds.
    """
    conditions = Preconditions.of(request)
    found = await asyncio.to_thread(context.store.products, [product_id])
    if product_id not in found:
        raise UnknownProduct(product_id)
    body = _written(found[product_id], context, with_cost=caller.is_secret)
    if conditions.not_modified(entity_tag(body)):
        return Response(status_code=304, headers=_headers(body))
    return Response(body, media_type="application/json", headers=_headers(body))


@router.put(
    "/{productId:path}",
    operation_id="putProduct",
    # An address with a line break in it is no route's.
    responses=answers(ProductAnswer, Code.UNKNOWN_ROUTE, *_CHANGED, *body_codes()) | {201: {"model": ProductAnswer}},
    openapi_extra=_takes(body_schema(), "application/json"),
)
async def put_product(
    context: Context, caller: CurrentCaller, request: Request, product_id: NewProductId, body: JsonObject
) -> Response:
    """Stores a product whole: what the body leaves out is unknown from now on. 201 for a new one.

    The next recommendation follows within a second; its words are searched and compared a little later.
    """
    caller.require_secret()
    conditions = Preconditions.of(request)
    product = _or_refuse(product_of, body, context.currency, product_id=product_id)
    before: list[Product | None] = []  # not from what was written: a product that was deleted has a row still

    def decide(held: Mapping[str, Product]) -> Changes:
        before[:] = [held.get(product_id)]
        _check(conditions, before[0], context)
        return Changes(store=(product,))

    await asyncio.to_thread(context.catalogue.edit, [product_id], decide)
    return _answer(product, context, status=201 if before[0] is None else 200)


@router.patch(
    "/{productId:path}",
    operation_id="patchProduct",
    responses=answers(ProductAnswer, Code.UNKNOWN_PRODUCT, *_CHANGED, *body_codes()),
    openapi_extra=_takes({**body_schema(), "required": []}, "application/merge-patch+json", "application/json"),
)
async def patch_product(
    context: Context, caller: CurrentCaller, request: Request, product_id: ProductId, body: JsonObject
) -> Response:
    """Changes what the body names and nothing else (JSON merge patch, RFC 7396): null takes a field away."""
    caller.require_secret()
    conditions = Preconditions.of(request)
    patched: list[Product] = []

    def decide(held: Mapping[str, Product]) -> Changes:
        before = held.get(product_id)
        if before is None:
            raise UnknownProduct(product_id)
        _check(conditions, before, context)
        patched.append(_or_refuse(merged, before, body, context.currency))
        return Changes(store=patched)

    await asyncio.to_thread(context.catalogue.edit, [product_id], decide)
    return _answer(patched[0], context)


@router.delete(
    "/{productId:path}",
    operation_id="deleteProduct",
    status_code=204,
    responses=answers(ProductAnswer, Code.UNKNOWN_PRODUCT, *_CHANGED, *body_codes()) | {204: {}},
    openapi_extra={"parameters": _CONDITIONS[:1]},
)
async def delete_product(context: Context, caller: CurrentCaller, request: Request, product_id: ProductId) -> Response:
    """Takes a product out of every list at once. Its past events stay; stored again it goes on where it was."""
    caller.require_secret()
    conditions = Preconditions.of(request)

    def decide(held: Mapping[str, Product]) -> Changes:
        if product_id not in held:
            raise UnknownProduct(product_id)
        _check(conditions, held[product_id], context)
        return Changes(delete=(product_id,))

    await asyncio.to_thread(context.catalogue.edit, [product_id], decide)
    return Response(status_code=204)


def _or_refuse(read: Any, *given: Any, **named: Any) -> Product:
    """What `read` makes of a body. Raises: ApiError (422) naming every wrong field."""
    try:
        product: Product = read(*given, **named)
    except Refused as refused:
        raise refused.as_api_error() from refused
    return product


def _check(conditions: Preconditions, held: Product | None, context: ApiContext) -> None:
    conditions.check_write(None if held is None else lambda: entity_tag(_written(held, context)))


def _written(product: Product, context: ApiContext, *, with_cost: bool = True) -> bytes:
    answer: Json = product_answer(product, currency=context.currency, with_cost=with_cost)
    return orjson.dumps(answer)


def _answer(product: Product, context: ApiContext, *, status: int = 200) -> Response:
    body = _written(product, context)
    return Response(body, status_code=status, media_type="application/json", headers=_headers(body))


def _headers(body: bytes) -> dict[str, str]:
    # What a key sees depends on its scope: nothing shared may answer one caller with another's copy.
    return {"etag": entity_tag(body), "vary": "X-API-Key"}
