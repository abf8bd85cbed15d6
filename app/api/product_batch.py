"""POST /api/products:batch: many products, one transaction, one result each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from app.api.answer_schemas import ProblemError
from app.api.answers import Json
from app.api.errors import ApiError, Code, FieldError
from app.api.product_body import Refused, merged, product_of
from app.domain.catalog import Product
from app.ingest.catalogue import CatalogueEditor, Changes

MAX_ITEMS = 500

Mode = Literal["replace", "merge"]
_CAMEL = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class BatchResult(BaseModel):
    """What became of one item of a batch."""

    model_config = _CAMEL

    index: int
    product_id: str | None
    status: Literal["created", "stored", "rejected"]
    code: str | None = None
    errors: list[ProblemError] | None = None


class BatchAnswer(BaseModel):
    """What became of a batch; `stored` counts products that were there before, changed or not."""

    model_config = _CAMEL

    created: int
    stored: int
    rejected: int
    results: list[BatchResult]


@dataclass(slots=True)
class _Outcome:
    """What became of the items so far, by index."""

    results: list[Json]
    products: dict[str, Product] = field(default_factory=dict)  # to store

    def reject(self, index: int, code: str, errors: tuple[FieldError, ...]) -> None:
        self.results[index] |= {
            "status": "rejected",
            "code": code,
            "errors": [{"field": _plain(e.field, 100), "message": _plain(e.message, 300)} for e in errors],
        }

    def accept(self, index: int, product: Product, before: Product | None) -> None:
        self.results[index]["status"] = "created" if before is None else "stored"
        self.products[product.product_id] = product


def carry_out(catalogue: CatalogueEditor, body: Mapping[str, Any], currency: str) -> Json:
    """Stores what can be stored and says what became of each item, in their order.

    Returns: {created, stored, rejected, results: [{index, productId, status, code?, errors?}]}; `stored` counts what
             was there before, changed or not.
    Raises:  ApiError: 422, the batch itself is wrong; 413, more than MAX_ITEMS. StoreUnavailable: nothing was stored.
    """
    items, mode = _items(body)
    outcome = _Outcome([{"index": index, "productId": _id_of(item)} for index, item in enumerate(items)])
    wanted: dict[int, Mapping[str, Any]] = {}
    first: dict[str, int] = {}
    for index, item in enumerate(items):
        product_id = _id_of(item)
        if not isinstance(item, dict):
            outcome.reject(index, Code.INVALID_REQUEST, (FieldError("products", "must be an object"),))
        elif product_id is None:
            outcome.reject(index, Code.INVALID_REQUEST, (FieldError("productId", "must be a text"),))
        elif product_id in first:
            twice = FieldError("productId", f"is in this batch already, at {first[product_id]}")
            outcome.reject(index, "duplicate_in_batch", (twice,))
        else:
            first[product_id] = index
            wanted[index] = item

    def replace(index: int, item: Mapping[str, Any], before: Product | None) -> None:
        outcome.accept(index, product_of(item, currency, product_id=_id_of(item)), before)

    def merge(index: int, item: Mapping[str, Any], before: Product | None) -> None:
        if before is None:
            outcome.reject(index, Code.UNKNOWN_PRODUCT, (FieldError("productId", "no product has this id"),))
        else:
            outcome.accept(index, merged(before, item, currency), before)

    read: Callable[[int, Mapping[str, Any], Product | None], None] = replace if mode == "replace" else merge

    def decide(held: Mapping[str, Product]) -> Changes:
        for index, item in wanted.items():
            try:
                read(index, item, held.get(str(_id_of(item))))
            except Refused as refused:
                outcome.reject(index, Code.INVALID_REQUEST, refused.errors)
        return Changes(store=tuple(outcome.products.values()))

    catalogue.edit(list(first), decide)
    counts = {s: sum(result["status"] == s for result in outcome.results) for s in ("created", "stored", "rejected")}
    return {**counts, "results": outcome.results}


def _items(body: Mapping[str, Any]) -> tuple[list[Any], Mode]:
    errors = [FieldError(name, "is no field of a batch") for name in body if name not in {"products", "mode"}]
    items, mode = body.get("products"), body.get("mode", "replace")
    if not isinstance(items, list) or not items:
        items = []
        errors.append(FieldError("products", "must be a list of at least one product"))
    if mode not in ("replace", "merge"):
        errors.append(FieldError("mode", "must be replace or merge"))
    if errors:
        raise ApiError(Code.INVALID_REQUEST, f"Not valid: {', '.join(e.field for e in errors)}.", errors=errors[:20])
    if len(items) > MAX_ITEMS:
        raise ApiError(Code.TOO_MANY_PRODUCTS, f"At most {MAX_ITEMS} products at a time; these are {len(items)}.")
    return items, "merge" if mode == "merge" else "replace"


def _id_of(item: object) -> str | None:
    """The id that an item names, None where it names none that could be one."""
    product_id = item.get("productId") if isinstance(item, dict) else None
    return product_id if isinstance(product_id, str) and _is_storable(product_id) else None


def _is_storable(product_id: str) -> bool:
    try:
        product_id.encode()
    except UnicodeEncodeError:
        return False
    return 0 < len(product_id) <= 1_000  # longer ones can't be ids, and an answer repeats them


def _plain(text: str, limit: int) -> str:
    return text.encode("utf-8", "replace").decode()[:limit]
