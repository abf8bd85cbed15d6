"""Rows of a shop's customers: what they prefer and what they agreed to."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from app.domain.imports import StatedShopper
from app.domain.interactions import Consent, Personalization, Preferences
from app.ingest.column_names import snake_case
from app.ingest.fields import Identifier, Moment, Money, Texts, clean_text, json_object

_MAX_EXTRA, _MAX_EXTRA_TEXT = 50, 500


def _snake_keys(value: object) -> object:
    value = json_object(value)
    if not isinstance(value, dict):
        return value
    return {snake_case(str(key)): entry for key, entry in value.items() if entry is not None}


class PreferencesRow(BaseModel):
    """Stated preferences; keys that the service has no field for are kept as they are, as text."""

    budget: Money | None = None
    interests: Texts = ()
    style_tags: Texts = ()
    sizes: Texts = ()
    avoid: Texts = ()
    segments: Texts = ()
    country: Annotated[str, Field(max_length=100), BeforeValidator(clean_text)] | None = None
    age_band: Annotated[str, Field(max_length=50), BeforeValidator(clean_text)] | None = None
    updated_at: Moment | None = None
    extra: Annotated[dict[str, Annotated[str, Field(max_length=_MAX_EXTRA_TEXT)]], Field(max_length=_MAX_EXTRA)] = (
        Field(default_factory=dict)
    )

    @model_validator(mode="before")
    @classmethod
    def _gather_extra(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        extra = {key: clean_text(value) for key, value in values.items() if key not in cls.model_fields}
        return {key: value for key, value in values.items() if key in cls.model_fields} | {"extra": extra}

    def preferences(self) -> Preferences:
        """What the row states."""
        return Preferences(
            budget_minor=self.budget,
            interests=self.interests,
            style_tags=self.style_tags,
            sizes=self.sizes,
            avoid=self.avoid,
            segments=self.segments,
            country=self.country,
            age_band=self.age_band,
            extra=self.extra,
            updated_at=self.updated_at,
        )


class ConsentRow(BaseModel):
    """Stated consent; a model provider may see a profile only where that is said."""

    personalization: Personalization
    llm_processing: bool = False


class ShopperRow(BaseModel):
    """One customer of a file; preferences and consent as objects, or their fields as columns."""

    user_id: Identifier
    preferences: Annotated[PreferencesRow, BeforeValidator(_snake_keys)] | None = None
    consent: Annotated[ConsentRow, BeforeValidator(_snake_keys)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _nest(cls, values: Any) -> Any:
        """Columns beside user_id go where they belong; an object's own entry goes before a column."""
        if not isinstance(values, dict):
            return values
        nested = {"user_id": values.get("user_id")}
        for part, row in (("preferences", PreferencesRow), ("consent", ConsentRow)):
            columns = {key: value for key, value in values.items() if key in row.model_fields and key != "extra"}
            stated = _snake_keys(values[part]) if part in values else None
            if stated is not None and not isinstance(stated, dict):
                raise ValueError(f"{part} is not an object")
            if columns or stated is not None:
                nested[part] = columns | (stated or {})
        return nested

    def shopper(self) -> StatedShopper:
        """What the row states."""
        return StatedShopper(
            self.user_id,
            None if self.preferences is None else self.preferences.preferences(),
            None if self.consent is None else Consent(self.consent.personalization, self.consent.llm_processing),
        )
