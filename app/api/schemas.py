"""What clients send, as pydantic models: the source of both validation and the OpenAPI document."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StrictBool,
    StrictInt,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from app.api.patterns import AMOUNT, NAMED_VALUE, NOT_BLANK, ONE_LINE, says
from app.domain.errors import BadInput
from app.domain.interactions import Personalization
from app.domain.money import format_minor, parse_minor
from app.domain.ranking import (
    MAX_ID_CHARS,
    MAX_QUERY_CHARS,
    Placement,
    ReasonsWanted,
)

MAX_LIMIT = 50
# Half a surrogate pair, which JSON text can carry escaped, is no character: no database and no tokenizer takes it.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}")
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")


def _no_control_characters(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must not contain control characters or halves of surrogate pairs")
    return text


def _one_line(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value


def _whole_number(value: object) -> object:
    """Query strings hold text: only plain digits become a number ("5.0", " 5" and "1_000" do not)."""
    if not isinstance(value, str) or not _WHOLE_NUMBER.fullmatch(value):
        raise ValueError("must be a whole number")
    return int(value)


def _amount(value: object) -> Decimal:
    """A finite amount, 0 or more, from a JSON number or plain decimal text; never from true, NaN or "1e3"."""
    if isinstance(value, str):
        readable = _AMOUNT.fullmatch(value) is not None
    else:
        readable = isinstance(value, int | float) and not isinstance(value, bool)
    amount = Decimal(value if isinstance(value, str) else repr(value)) if readable else Decimal("NaN")
    if not amount.is_finite() or amount < 0 or amount.adjusted() > 15:
        raise ValueError("must be an amount of money, such as 129.90")
    return amount


Identifier = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_ID_CHARS, strict=True),
    AfterValidator(_no_control_characters),
    says(ONE_LINE),
]
Label = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, strict=True),
    AfterValidator(_no_control_characters),
    says(ONE_LINE),
]
SearchText = Annotated[
    str,
    BeforeValidator(_one_line),
    StringConstraints(min_length=1, max_length=MAX_QUERY_CHARS, strict=True),
    AfterValidator(_no_control_characters),
    says(NOT_BLANK),
]
Amount = Annotated[
    Decimal,
    PlainValidator(_amount),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1e10}, {"type": "string", "pattern": AMOUNT}]}
    ),
]
Labels = Annotated[list[Label], Field(max_length=50)]
CategoryPath = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strict=True),
    AfterValidator(_no_control_characters),
    says(ONE_LINE),
]


def _true_or_false(value: object) -> object:
    """Query strings hold text: only these two words are read ("1", "yes" and "on" are not)."""
    if value not in ("true", "false", True, False):
        raise ValueError("must be true or false")
    return value in ("true", True)


def _named_value(value: str) -> str:
    name, colon, content = value.partition(":")
    if not colon or not name.strip() or not content.strip():
        raise ValueError("must be name:value, as in colour:black")
    return value


StrictBoolText = Annotated[bool, BeforeValidator(_true_or_false)]
AttributeFilter = Annotated[
    str,
    StringConstraints(min_length=3, max_length=200, strict=True),
    AfterValidator(_no_control_characters),
    AfterValidator(_named_value),
    says(NAMED_VALUE),
]


def to_minor(amount: Decimal | None, currency: str, field: str) -> int | None:
    """An amount in minor units; a request is never rounded.

    Raises: BadInput: too large, or finer than the currency's smallest unit; names `field`.
    """
    if amount is None:
        return None
    try:
        minor = parse_minor(amount, currency)
    except BadInput as error:
        raise BadInput(str(error), field=field) from error
    if Decimal(format_minor(minor, currency)) != amount:
        raise BadInput(f"{amount} is finer than the smallest unit of {currency}", field=field)
    return minor


class CamelModel(BaseModel):
    """Fields in camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, allow_inf_nan=False)


class _Wanted(CamelModel):
    """What GET and POST recommendations have in common."""

    user_id: Identifier | None = Field(None, description="A shopper of the shop; an unknown one is a new shopper.")
    anonymous_id: Identifier | None = Field(None, description="A visitor without an account.")
    session_id: Identifier | None = None
    placement: Placement = "home"
    product_id: Identifier | None = Field(None, description="The product that is looked at.")
    budget: Amount | None = Field(None, description="Highest price per item; overrides the stored one.")
    query: SearchText | None = None
    reasons: ReasonsWanted = Field("llm", description="Where reasons come from; never changes the order.")


class ShelfParams(CamelModel):
    """What every shelf takes. Without any id nothing is personal."""

    user_id: Identifier | None = Field(None, description="A shopper: budget, exclusions and consent are theirs.")
    anonymous_id: Identifier | None = Field(None, description="A visitor without an account.")
    session_id: Identifier | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT), BeforeValidator(_whole_number)] = 5
    budget: Amount | None = Field(None, description="Highest price per item; overrides the stored one.")
    reasons: Literal["template", "none"] = Field("none", description="`template`: each item with a true sentence.")


class TrendingParams(ShelfParams):
    """GET /api/trending."""

    category: CategoryPath | None = Field(None, description="Of this category and what is below it: `A > B`.")


class SearchParams(ShelfParams):
    """GET /api/search. Lists are given as repeated parameters."""

    q: SearchText = Field(description="What the shopper typed.")
    categories: Annotated[list[CategoryPath], Field(max_length=50)] = []
    brands: Annotated[list[Identifier], Field(max_length=50)] = []
    price_min: Amount | None = None
    price_max: Amount | None = None
    in_stock: StrictBoolText = Field(False, description="Only what the shop says it has on stock.")
    attributes: Annotated[list[AttributeFilter], Field(max_length=20)] = Field(
        [], description="`name:value`, as in `colour:midnight blue`; all of them must hold."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.price_min is not None and self.price_max is not None and self.price_min > self.price_max:
            raise ValueError("priceMin must not be above priceMax")
        return self


class RecommendationParams(_Wanted):
    """GET /api/recommendations."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT), BeforeValidator(_whole_number)] = 5
    deadline_ms: Annotated[int, Field(ge=0, le=2000), BeforeValidator(_whole_number)] | None = None


class PriceRange(CamelModel):
    """Lowest and highest price, both included."""

    min: Amount | None = None
    max: Amount | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min must not be above max")
        return self


class FilterBody(CamelModel):
    """Hard limits of one request."""

    categories: Annotated[list[CategoryPath], Field(max_length=50)] = []
    brands: Annotated[list[Identifier], Field(max_length=50)] = []
    price: PriceRange = PriceRange()


class RecommendationBody(_Wanted):
    """POST /api/recommendations."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"anonymousId": "v-1", "placement": "cart", "cart": ["sku-1"], "filters": {"price": {"max": 50}}}
            ]
        }
    )

    limit: Annotated[StrictInt, Field(ge=1, le=MAX_LIMIT)] = 5
    deadline_ms: Annotated[StrictInt, Field(ge=0, le=2000)] | None = None
    cart: Annotated[list[Identifier], Field(max_length=100)] = []
    exclude_ids: Annotated[list[Identifier], Field(max_length=200)] = []
    filters: FilterBody = FilterBody()


class WhyParams(CamelModel):
    """GET /why: with a publishable key, the ids that show whose recommendation it was."""

    anonymous_id: Identifier | None = None
    session_id: Identifier | None = None


class PreferencesBody(CamelModel):
    """PUT preferences: replaces all of them. The shop's segments stay as they are unless the shop sends them."""

    budget: Amount | None = Field(None, description="Per item.")
    currency: str | None = Field(None, description="May be sent back as it was read; no other currency is taken.")
    interests: Labels = []
    style_tags: Labels = []
    sizes: Labels = []
    avoid: Labels = Field([], description="Brands, categories or tags.")
    segments: Labels | None = Field(None, description="Set with a secret key only; otherwise kept as stored.")
    country: Label | None = None
    age_band: Label | None = None


class ConsentBody(CamelModel):
    """PUT consent, and what GET answers."""

    personalization: Personalization
    llm_processing: StrictBool


MAX_NOTE_CHARS = 1_000


class FeedbackBody(CamelModel):
    """POST feedback: what a shopper says about one product of a recommendation."""

    recommendation_id: Identifier
    product_id: Identifier
    vote: Literal["up", "down", "dismiss"]
    note: Annotated[str, StringConstraints(max_length=MAX_NOTE_CHARS, strict=True)] | None = Field(
        None, description="For people to read; no ranking, reason or prompt ever does."
    )
