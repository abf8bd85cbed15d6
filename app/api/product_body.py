"""A product as a client writes it: the import's own product schema, named and bounded as the contract says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from app.api.answer_schemas import ProductAnswer
from app.api.answers import product_answer
from app.api.errors import ApiError, Code, FieldError
from app.api.patterns import AMOUNT, STORED_ID, VISIBLE
from app.domain.catalog import SEASONS, Product
from app.domain.money import exponent
from app.ingest.fields import MAX_ID, RowContext, context_of
from app.ingest.products import ProductRow

_FIELDS = frozenset(to_camel(name) for name in ProductAnswer.model_fields)
_STORED_AS = {"rating": ("rating_value", "rating_count"), "currency": ()} | {
    field: (f"{name}_minor" if name in {"price", "list_price", "cost"} else name,)
    for name, field in ((name, to_camel(name)) for name in ProductAnswer.model_fields)
    if name not in {"rating", "currency"}
}
"""Field of a body → fields of Product that it states."""

EXAMPLE: Mapping[str, Any] = {
    "name": "Desk lamp",
    "brand": "Lumen",
    "category": "Home > Lamps",
    "price": "39.90",
    "cost": "18.00",
    "stock": 12,
    "tags": ["dimmable"],
    "attributes": {"colour": "black"},
}
"""A product, for readers of the document."""

_MAX_ERRORS = 20
_MAX_DEPTH = 5  # attributes → list → text are three
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class ProductBody(ProductRow):
    """The body of PUT, and of PATCH once it is merged. Stricter than a file's row where a program is to blame."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    @field_validator("price", "list_price", "cost", mode="before")
    @classmethod
    def _not_rounded(cls, value: object, info: ValidationInfo) -> object:
        currency = context_of(info).currency
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            try:
                amount = Decimal(value.strip() if isinstance(value, str) else repr(value))
            except InvalidOperation:
                return value  # said in the words of the field itself
            if amount.is_finite() and abs(amount) < 10**15 and amount != round(amount, exponent(currency)):
                raise ValueError(f"is finer than the smallest unit of {currency}")
        return value

    @field_validator("tags", "seasons", mode="before")
    @classmethod
    def _a_list(cls, value: object) -> object:
        if not isinstance(value, (list, tuple)):
            raise ValueError("must be a list")  # noqa: TRY004
        return value

    @field_validator("attributes", mode="before")
    @classmethod
    def _flat(cls, value: object) -> object:
        if not isinstance(value, dict):
            raise ValueError("must be an object")  # noqa: TRY004
        for name, stated in value.items():
            if isinstance(stated, dict) or (
                isinstance(stated, list) and any(isinstance(v, (dict, list)) for v in stated)
            ):
                raise ValueError(f"{name[:100]!r} must be a text or a list of texts")
        return value


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """A product that can't be stored, with every wrong field as the client wrote it."""

    errors: tuple[FieldError, ...]

    def as_api_error(self) -> ApiError:
        """The same as the answer to a request for this one product."""
        names = ", ".join(dict.fromkeys(error.field for error in self.errors))
        return ApiError(Code.INVALID_REQUEST, f"Not valid: {names}.", errors=self.errors)


def product_of(body: Mapping[str, Any], currency: str, *, product_id: str | None = None) -> Product:
    """The product that a body states whole; what it leaves out is unknown.

    Args:    product_id: of the address; a body may leave its own out but not state another.
    Raises:  Refused.
    """
    if errors := _faults(body):
        raise Refused(tuple(errors[:_MAX_ERRORS]))
    return _product(body, currency, product_id)


def _product(body: Mapping[str, Any], currency: str, product_id: str | None) -> Product:
    stated = dict(body)
    errors = []
    if product_id is not None and stated.setdefault("productId", product_id) != product_id:
        errors.append(FieldError("productId", f"must be that of the address, {product_id!r}, or be left out"))
    if errors:
        raise Refused(tuple(errors[:_MAX_ERRORS]))
    try:
        row = ProductBody.model_validate(stated, context=RowContext(currency))
    except ValidationError as error:
        raise Refused(_field_errors(error)) from error
    if product_id is not None and row.product_id != product_id:
        raise Refused((FieldError("productId", "must not begin or end with white space"),))
    return row.product()


def merged(product: Product, patch: Mapping[str, Any], currency: str) -> Product:
    """The product after a merge patch (RFC 7396): null takes a field or an attribute away, the rest stays as stored.

    Raises: Refused, also for what the patched product would break.
    """
    if errors := _faults(patch):
        raise Refused(tuple(errors[:_MAX_ERRORS]))
    document = product_answer(product, currency=currency, with_cost=True)
    whole = _product(merge_patch(document, patch), currency, product.product_id)
    # Only what the patch names: reading a field back from its JSON may round it (a time to the second).
    named = [field for name in patch for field in _STORED_AS[name]]
    return replace(product, **{field: getattr(whole, field) for field in named})


def merge_patch(target: object, patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396, section 2; neither argument is changed."""
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = merge_patch(result.get(name), value)
        else:
            result[name] = deepcopy(value)
    return result


def body_schema() -> dict[str, Any]:
    """JSON Schema of the body, references resolved, for the OpenAPI document.

    Texts are cleaned and then measured, so their schema asks for a character that stays, where one is needed.
    """
    schema = ProductBody.model_json_schema()
    rating = schema.pop("$defs")["Rating"]
    properties: dict[str, Any] = {k: v for k, v in schema["properties"].items() if k in _FIELDS}
    properties["productId"] |= {"minLength": 1, "maxLength": MAX_ID, "pattern": STORED_ID}
    properties["name"] |= {"pattern": VISIBLE}
    properties["rating"] = {"anyOf": [rating, {"type": "null"}]}
    for amount in ("price", "listPrice", "cost"):
        properties[amount]["anyOf"][:2] = [
            {"type": "string", "pattern": AMOUNT},
            {"type": "number", "minimum": 0, "maximum": 1e10},
        ]
    properties["seasons"]["items"] = {"enum": [*SEASONS, "fall"]}
    required = [name for name in schema["required"] if name != "productId"]
    return {**schema, "properties": properties, "required": required, "examples": [EXAMPLE]}


def _field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    found: Sequence[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    return tuple(
        FieldError(".".join(str(part) for part in e["loc"]) or "body", e["msg"].removeprefix("Value error, "))
        for e in found[:_MAX_ERRORS]
    )


def _faults(body: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with a body before any field is looked at."""
    errors = []
    for name, value in body.items():
        if name not in _FIELDS:
            errors.append(FieldError(name, "is no field of a product"))
        elif (fault := _fault(value)) is not None:
            errors.append(FieldError(name, fault))
        elif (
            name == "category"
            and isinstance(value, str)
            and value.strip()
            and not all(map(str.strip, value.split(">")))
        ):
            errors.append(FieldError(name, "has an empty part; write A > B"))  # feeds leave such parts out
    return errors


def _fault(value: object) -> str | None:
    """Why no product can hold this value, whatever its field; walks without recursion, whatever its depth."""
    level: list[object] = [value]
    for _ in range(_MAX_DEPTH):
        below: list[object] = []
        for one in level:
            if isinstance(one, str) and not one.isascii() and _LONE_SURROGATE.search(one):
                return "holds half of a character pair"
            if isinstance(one, dict):
                below += [*one.keys(), *one.values()]
            elif isinstance(one, list):
                below += one
        if not below:
            return None
        level = below
    return "is nested too deeply"
