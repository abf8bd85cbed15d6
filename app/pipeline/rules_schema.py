"""The rules of a shop as types: what rules/shop.yaml and rules/scoring.yaml may say, and nothing else.

Each list of rules is a pydantic union told apart by `type`. Unknown keys are refused; text is never read as a number.
Keys in the files are camelCase, attributes here snake_case. Loading, line numbers and suggestions: adapters/rule_files.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from app.domain.catalog import category_key
from app.domain.interactions import EventKind, Signal
from app.domain.ranking import Placement, PublicReason
from app.pipeline.decay import SessionWeight

WhenUnknown = Literal["allow", "exclude"]
CapBy = Literal["brand", "category", "topCategory"]
Mode = Literal["relevance", "shop"]
PLACEMENTS: tuple[Placement, ...] = get_args(Placement)

REQUEST_EXCLUDE = "request_exclude"
IN_CART = "in_cart"
FILTERS = "filters"
UNAVAILABLE = "unavailable"
SENSITIVE = "sensitive"
BUILT_IN: Mapping[str, PublicReason] = {
    REQUEST_EXCLUDE: "not_for_you",
    IN_CART: "not_for_you",
    FILTERS: "not_for_you",
    UNAVAILABLE: "out_of_stock",
    SENSITIVE: "shop_policy",
}
"""Rules that always apply and that no file can switch off; their ids can't be given to other rules."""


def _category_path(value: str) -> str:
    if not category_key(value):
        raise ValueError(f"{value!r} is not a category path; write it like A > B")
    return value


def _plain_title(value: str) -> str:
    if value != value.strip() or not value.isprintable():
        raise ValueError(f"{value!r} has spaces around it, line breaks or control characters")
    return value


def _day(value: object) -> object:
    """A quoted date is a date too; a moment or a number is not."""
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"{value[:40]!r} is not a day; write 2026-10-31") from error
    if value is not None and (isinstance(value, dt.datetime) or not isinstance(value, dt.date)):
        raise ValueError(f"{str(value)[:40]!r} is not a day; write 2026-10-31")
    return value


RuleId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
CategoryPath = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_category_path)]
Day = Annotated[dt.date, BeforeValidator(_day)]
Days = Annotated[int, Field(ge=0, le=36_500)]


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=False,
        allow_inf_nan=False,
    )


class _Rule(_Strict):
    """What every rule has. `id` is what answers, counts and /why name; it is the type unless the file gives one."""

    type: str
    id: RuleId = Field(default_factory=lambda data: str(data.get("type", "rule")))


# ---------------------------------------------------------------------------------------------- eligibility


class InStock(_Rule):
    """Keeps products with at least `min` pieces; products that are switched off go whatever their stock."""

    type: Literal["in_stock"]
    min: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    when_unknown: WhenUnknown = "allow"
    public_reason: PublicReason = "out_of_stock"


class MinMargin(_Rule):
    """Keeps products whose (price - cost) / price is at least `min`. Not applied where no product has a cost."""

    type: Literal["min_margin"]
    min: Annotated[float, Field(ge=-10, le=1)] = 0.25
    when_unknown: WhenUnknown = "exclude"
    public_reason: PublicReason = "shop_policy"


class WithinBudget(_Rule):
    """Keeps products whose price is at most the budget, where there is one. Unknown = the product has no price."""

    type: Literal["within_budget"]
    when_unknown: WhenUnknown = "exclude"
    public_reason: PublicReason = "over_budget"


class ExcludedCategories(_Rule):
    """Drops products of these categories and of those below them. Unknown = the product has no category."""

    type: Literal["excluded_categories"]
    categories: Annotated[tuple[CategoryPath, ...], Field(min_length=1)]
    when_unknown: WhenUnknown = "allow"
    public_reason: PublicReason = "shop_policy"


class Avoided(_Rule):
    """Drops what the shopper avoids. Unknown = the product has neither brand nor category nor tag."""

    type: Literal["avoided"]
    when_unknown: WhenUnknown = "allow"
    public_reason: PublicReason = "not_for_you"


class Dismissed(_Rule):
    """Drops what the shopper dismissed. Nothing is ever unknown here: `whenUnknown` may be stated, without effect."""

    type: Literal["dismissed"]
    when_unknown: WhenUnknown = "allow"
    public_reason: PublicReason = "not_for_you"


class Owned(_Rule):
    """Drops what the shopper bought less than the repurchase interval ago. Unknown = the purchase has no date."""

    type: Literal["owned"]
    repurchase_days: dict[CategoryPath, Days | None] = Field(default_factory=dict)
    default_days: Days | None = None
    when_unknown: WhenUnknown = "exclude"
    public_reason: PublicReason = "already_owned"


EligibilityRule = Annotated[
    InStock | MinMargin | WithinBudget | ExcludedCategories | Avoided | Dismissed | Owned,
    Field(discriminator="type"),
]


# ------------------------------------------------------------------------------------- promotions and slate


class Audience(_Strict):
    """Who something is for. No segments = everybody."""

    segments: tuple[Name, ...] = ()

    def holds(self, segments: tuple[str, ...]) -> bool:
        """Whether a shopper of these segments belongs to it. Case-insensitive."""
        wanted = {s.strip().casefold() for s in self.segments}
        return not wanted or any(s.strip().casefold() in wanted for s in segments)


class _Dated(_Strict):
    starts: Day | None = Field(default=None, alias="from")
    ends: Day | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _check_order(self) -> _Dated:
        if self.starts is not None and self.ends is not None and self.starts > self.ends:
            raise ValueError(f"ends ({self.ends}) before it begins ({self.starts}); swap from and to")
        return self

    def active(self, now: float) -> bool:
        """Whether `now` (epoch seconds) lies on or between both days, in UTC; a missing day is no limit."""
        day = dt.datetime.fromtimestamp(now, dt.UTC).date()
        return (self.starts is None or self.starts <= day) and (self.ends is None or day <= self.ends)


class Promotion(_Dated):
    """A dated offer. It gives evidence for a reason; it changes neither a rank nor a price.

    A product takes part when any of the three lists names it; with no list at all every product does.
    """

    id: RuleId
    title: Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_plain_title)]
    percent_off: Annotated[float, Field(gt=0, le=100)]
    starts: Day = Field(alias="from")
    ends: Day = Field(alias="to")
    audience: Audience = Audience()
    categories: tuple[CategoryPath, ...] = ()
    products: tuple[Name, ...] = ()
    brands: tuple[Name, ...] = ()


class Cap(_Rule):
    """At most `max` products of one brand or category in each ten positions: 10 → max, 20 → 2·max, and so on."""

    type: Literal["cap"]
    by: CapBy
    max: Annotated[int, Field(ge=1, le=50)]
    placements: tuple[Placement, ...] = PLACEMENTS


class Diversity(_Rule):
    """Maximal marginal relevance over item vectors. lambda 1 keeps the order, smaller values mix more."""

    type: Literal["diversity"]
    relevance_weight: Annotated[float, Field(alias="lambda", ge=0, le=1)]
    placements: tuple[Placement, ...] = PLACEMENTS


class Pin(_Rule, _Dated):
    """Puts one eligible product at a fixed position; the item is marked `promoted`."""

    type: Literal["pin"]
    product_id: Name
    position: Annotated[int, Field(ge=1, le=50)]
    placements: tuple[Placement, ...] = ("home",)
    audience: Audience = Audience()


SlateRule = Annotated[Cap | Diversity | Pin, Field(discriminator="type")]


class ShopRules(_Strict):
    """rules/shop.yaml: what may be shown, what is on offer, and what a slate looks like."""

    version: Literal[1]
    eligibility: tuple[EligibilityRule, ...] = ()
    promotions: tuple[Promotion, ...] = ()
    slate: tuple[SlateRule, ...] = ()


# ---------------------------------------------------------------------------------------------------- scoring

Weight = Annotated[float, Field(ge=0, le=1000)]


class FactorWeights(_Strict):
    """How much each factor says in `mode: shop`. They need not add up to 1: they are normalised."""

    user_match: Weight = 0.4
    trend: Weight = 0.2
    inventory: Weight = 0.1
    margin: Weight = 0.1
    freshness: Weight = 0.1
    season: Weight = 0.1

    @model_validator(mode="after")
    def _check_sum(self) -> FactorWeights:
        if sum(self.as_mapping().values()) <= 0:
            raise ValueError("all 0; give at least one factor a weight above 0")
        return self

    def as_mapping(self) -> Mapping[str, float]:
        """Factor, by its name in the file ("userMatch", …) → weight."""
        return {to_camel(name): float(getattr(self, name)) for name in type(self).model_fields}


class SignalWeight(_Strict):
    """What one interaction of a kind says, and after how many days half of that is forgotten."""

    weight: Annotated[float, Field(ge=-1000, le=1000)]
    half_life_days: Annotated[float, Field(gt=0, le=36_500)]


class SignalWeights(_Strict):
    """Signal per kind of event, named as events are. An absent kind says nothing; `search` speaks for no product."""

    model_config = ConfigDict(alias_generator=None)

    view: SignalWeight | None = None
    click: SignalWeight | None = None
    add_to_cart: SignalWeight | None = None
    remove_from_cart: SignalWeight | None = None
    purchase: SignalWeight | None = None
    refund: SignalWeight | None = None
    wishlist: SignalWeight | None = None
    rating: SignalWeight | None = None
    review: SignalWeight | None = None
    dismiss: SignalWeight | None = None
    impression: SignalWeight | None = None


class SessionRules(_Strict):
    """How much more counts what is done in the visit under way, and after how many minutes half of that is over."""

    boost: Annotated[float, Field(ge=0, le=100)] = 1.0
    half_life_minutes: Annotated[float, Field(gt=0, le=1440)] = 30.0


class ScoringRules(_Strict):
    """rules/scoring.yaml: how candidates are ordered before a model sees them, and what an interaction says."""

    version: Literal[1]
    mode: Mode = "relevance"
    weights: FactorWeights = FactorWeights()
    signals: SignalWeights
    session: SessionRules = SessionRules()

    def session_weight(self) -> SessionWeight:
        """For pipeline/profile."""
        return SessionWeight(self.session.boost, self.session.half_life_minutes * 60.0)

    def signal_map(self) -> Mapping[EventKind, Signal]:
        """Kind → signal, for pipeline/decay; kinds that the file leaves out are left out."""
        stated = {EventKind(name): getattr(self.signals, name) for name in SignalWeights.model_fields}
        return {kind: Signal(s.weight, s.half_life_days) for kind, s in stated.items() if s is not None}


# ------------------------------------------------------------------------------------------------------ loaded

Location = tuple[str | int, ...]
"""Keys and indexes from the top of a file to a value: ("eligibility", 1, "min")."""


@dataclass(frozen=True, slots=True)
class RulesFile:
    """A file that was read: its name as messages show it, and the 1-based line of each key and list element."""

    name: str
    lines: Mapping[Location, int]

    def at(self, location: Location) -> str:
        """`rules/shop.yaml:17` for the nearest enclosing value that has a line."""
        for end in range(len(location), -1, -1):
            if location[:end] in self.lines:
                return f"{self.name}:{self.lines[location[:end]]}"
        return f"{self.name}:1"


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of one folder. `version` is a short hash of the content of every YAML file in it."""

    shop: ShopRules
    scoring: ScoringRules
    version: str
    shop_file: RulesFile
    scoring_file: RulesFile


def public_reasons(rules: Rules) -> Mapping[str, PublicReason]:
    """Rule id → what a shopper may know of it, for every rule that can keep a product out of a slate."""
    slate: dict[str, PublicReason] = {rule.id: "shop_policy" for rule in rules.shop.slate}
    return {**BUILT_IN, **slate, **{rule.id: rule.public_reason for rule in rules.shop.eligibility}}
