"""Rows of a catalogue and of its price and stock histories."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationInfo, field_validator

from app.domain.catalog import SEASONS, Product
from app.domain.imports import PriceChange, StockChange
from app.ingest.fields import (
    Count,
    Identifier,
    Moment,
    Money,
    Stars,
    Texts,
    clean_text,
    context_of,
    json_object,
    number_text,
)

_MAX_ATTRIBUTES, _MAX_ATTRIBUTE_NAME, _MAX_ATTRIBUTE_VALUE, _MAX_ATTRIBUTE_LIST = 500, 200, 10_000, 1_000
OTHER_CURRENCY = "attributes.currency is "
NESTED = "nested attributes were left out"

Season = Literal["spring", "summer", "autumn", "winter"]
Text500 = Annotated[str, Field(max_length=500), BeforeValidator(clean_text)]
Address = Annotated[str, Field(max_length=2_000, pattern=r"^(https?://|/)"), BeforeValidator(clean_text)]


class Rating(BaseModel):
    """Mean of the shoppers' ratings and how many they are."""

    value: Stars | None = None
    count: Count | None = None


def _rating(value: object) -> object:
    value = json_object(value) if isinstance(value, str) and value.lstrip().startswith("{") else value
    return value if isinstance(value, dict) else {"value": value}


class ProductRow(BaseModel):
    """One product of a file."""

    product_id: Identifier
    name: Annotated[str, Field(min_length=1, max_length=500), BeforeValidator(clean_text)]
    description: Annotated[str, Field(max_length=20_000), BeforeValidator(clean_text)] = ""
    brand: Text500 | None = None
    category: Annotated[str, Field(max_length=1_000), BeforeValidator(clean_text)] | None = None
    price: Money | None = None
    list_price: Money | None = None
    currency: str | None = None
    cost: Money | None = None
    stock: Count | None = None
    available: bool = True
    image_url: Address | None = None
    url: Address | None = None
    tags: Texts = ()
    attributes: Annotated[dict[str, str | tuple[str, ...]], BeforeValidator(json_object)] = Field(default_factory=dict)
    rating: Annotated[Rating, BeforeValidator(_rating)] = Rating()
    rating_value: Stars | None = None
    rating_count: Count | None = None
    created_at: Moment | None = None
    seasons: Texts = ()

    @field_validator("currency")
    @classmethod
    def _same_currency(cls, value: str | None, info: ValidationInfo) -> str | None:
        wanted = context_of(info).currency
        if value is not None and value.strip().upper() != wanted:
            raise ValueError(f"is {value[:10]!r}, this shop's prices are in {wanted}")
        return value

    @field_validator("seasons")
    @classmethod
    def _known_seasons(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(dict.fromkeys("autumn" if s.lower() == "fall" else s.lower() for s in value))
        if unknown := [name for name in names if name not in SEASONS]:
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(SEASONS)}")
        return names

    @field_validator("attributes", mode="before")
    @classmethod
    def _plain_attributes(cls, value: object, info: ValidationInfo) -> object:
        value = json_object(value)
        if not isinstance(value, dict):
            raise ValueError("is not an object")  # noqa: TRY004
        if len(value) > _MAX_ATTRIBUTES:
            raise ValueError(f"has more than {_MAX_ATTRIBUTES} entries")
        seen = context_of(info).seen
        plain: dict[str, str | tuple[str, ...]] = {}
        for key, stated in value.items():
            name = clean_text(key)
            if len(name) > _MAX_ATTRIBUTE_NAME:
                raise ValueError(f"has a name longer than {_MAX_ATTRIBUTE_NAME} characters")
            if name == "currency" and isinstance(stated, str):
                # Says what the price is in, nothing about the product.
                if stated != context_of(info).currency:
                    seen[OTHER_CURRENCY + stated[:10]] += 1
            elif isinstance(stated, dict):
                seen[NESTED] += 1
            elif isinstance(stated, (list, tuple)):
                parts = tuple(_attribute_text(part) for part in stated[: _MAX_ATTRIBUTE_LIST + 1] if part is not None)
                if len(parts) > _MAX_ATTRIBUTE_LIST:
                    raise ValueError(f"{name!r} has more than {_MAX_ATTRIBUTE_LIST} values")
                if parts:
                    plain[name] = parts
            elif stated is not None and (text := _attribute_text(stated)):
                plain[name] = text
        return plain

    def product(self) -> Product:
        """The product that the row states."""
        return Product(
            product_id=self.product_id,
            name=self.name,
            description=self.description,
            brand=self.brand or None,
            category=self.category or None,
            price_minor=self.price,
            list_price_minor=self.list_price,
            cost_minor=self.cost,
            stock=self.stock,
            available=self.available,
            image_url=self.image_url,
            url=self.url,
            tags=self.tags,
            attributes=self.attributes,
            rating_value=self.rating.value if self.rating_value is None else self.rating_value,
            rating_count=self.rating.count if self.rating_count is None else self.rating_count,
            created_at=self.created_at,
            seasons=self.seasons,
        )


def _attribute_text(value: Any) -> str:
    """One attribute value as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return number_text(value)
    text = clean_text(value)
    if len(text) > _MAX_ATTRIBUTE_VALUE:
        raise ValueError(f"has a value longer than {_MAX_ATTRIBUTE_VALUE:,} characters")
    return text


class PriceHistoryRow(BaseModel):
    """One past price of a file."""

    product_id: Identifier
    price: Money
    valid_from: Moment

    def change(self) -> PriceChange:
        """The change that the row states."""
        return PriceChange(self.product_id, self.valid_from, self.price)


class StockHistoryRow(BaseModel):
    """One past stock level of a file."""

    product_id: Identifier
    stock: Count
    at: Moment

    def change(self) -> StockChange:
        """The change that the row states."""
        return StockChange(self.product_id, self.at, self.stock)
