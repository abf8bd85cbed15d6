"""The tools as a model sees them, and what of its arguments is taken: exactly these fields, within these bounds.

No tool has an argument for who is asking: that is the session's, and a call that brings an id of a person is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.domain.chat import ToolName
from app.domain.errors import BadInput
from app.domain.model_calls import ToolCall, ToolSpec

MAX_ARGUMENT_CHARS = 4000

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strict=True)]
Price = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class ToolArguments(BaseModel):
    """Base of all: nothing but the fields named."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SearchArguments(ToolArguments):
    """search_products"""

    query: Text = Field(description="What the shopper looks for, in a few words, without the price.")
    max_price: Price | None = Field(None, description="Highest price, where the shopper named one.")
    min_price: Price | None = None
    brands: Annotated[list[Text], Field(max_length=5)] = []


class RecommendArguments(ToolArguments):
    """recommend"""

    max_price: Price | None = None


class ProductArguments(ToolArguments):
    """get_product, why"""

    product: Text = Field(description="An id from a line, or the product's name.")


class CompareArguments(ToolArguments):
    """compare_products"""

    products: Annotated[list[Text], Field(min_length=2, max_length=4)]


class SimilarArguments(ToolArguments):
    """similar_products"""

    product: Text = Field(description="An id from a line, or the product's name.")
    max_price: Price | None = None


class NoArguments(ToolArguments):
    """get_preferences"""


class PreferenceArguments(ToolArguments):
    """set_preference"""

    name: Literal["budget", "avoid"]
    value: Text


class CartArguments(ToolArguments):
    """add_to_cart"""

    product: Text = Field(description="An id from a line.")
    quantity: Annotated[int, Field(ge=1, le=10, strict=True)] = 1


_TOOLS: Mapping[ToolName, tuple[type[ToolArguments], str]] = {
    "search_products": (SearchArguments, "Finds products for words; shows them as cards."),
    "recommend": (RecommendArguments, "Products for this shopper when nothing is named; shows them as cards."),
    "get_product": (ProductArguments, "One product's record, sold out or not."),
    "compare_products": (CompareArguments, "Shows a table of two to four products' attributes."),
    "similar_products": (SimilarArguments, "Products like one; shows them as cards."),
    "why": (ProductArguments, "Tells the shopper why a product is, or is not, among the cards."),
    "get_preferences": (NoArguments, "What the shopper has stated before."),
    "set_preference": (PreferenceArguments, "Saves what the shopper asked to save, in the shopper's own words."),
    "add_to_cart": (CartArguments, "Proposes a product for the cart; the shopper confirms it."),
}


def tool_specs() -> tuple[ToolSpec, ...]:
    """Every tool, for a model."""
    return tuple(ToolSpec(name, says, _schema(model)) for name, (model, says) in _TOOLS.items())


def read_call(call: ToolCall) -> tuple[ToolName, ToolArguments]:
    """The tool and its checked arguments.

    Raises: BadInput: no such tool, arguments that are no JSON object, too long, or other than the tool takes. The
            message is for the model: it holds nothing of what it sent.
    """
    name = next((known for known in get_args(ToolName) if known == call.name), None)
    if name is None:
        raise BadInput(f"There is no such tool; there are {', '.join(_TOOLS)}.")
    if len(call.arguments) > MAX_ARGUMENT_CHARS:
        raise BadInput("The arguments are too long.")
    try:
        given = orjson.loads(call.arguments or "{}")
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise BadInput("The arguments are not JSON.") from error
    if not isinstance(given, dict):
        raise BadInput("The arguments must be a JSON object.")
    model, _ = _TOOLS[name]
    try:
        return name, model.model_validate(given)
    except ValidationError as error:
        known = set(model.model_fields)
        wrong = sorted({str(e["loc"][0]) for e in error.errors() if e["loc"]} & known)
        what = f"Wrong: {', '.join(wrong)}. " if wrong else ""
        raise BadInput(f"{what}The tool takes exactly {', '.join(sorted(known)) or 'no arguments'}.") from error


def _schema(model: type[ToolArguments]) -> dict[str, Any]:
    """The JSON schema without titles and the class's own description: each word of it is paid for in every call."""
    schema = model.model_json_schema()
    schema.pop("description", None)
    return {"type": "object", **_lean({k: v for k, v in schema.items() if k != "title"})}


def _lean(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: _lean(v) for k, v in node.items() if not (k == "title" and isinstance(v, str)) and k != "default"}
    return [_lean(v) for v in node] if isinstance(node, list) else node
