"""What the API answers with, as pydantic models: the source of the OpenAPI document.

Answers are written by hand (answers.py) because a response_model costs time on every request; tests check that real
answers are valid by the models here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.api.schemas import CamelModel
from app.domain.ranking import EvidenceKind, FallbackReason, PublicReason, Strategy


class EvidenceAnswer(CamelModel):
    """A checkable fact; amounts in `value` are decimal strings, with `currency` beside them."""

    id: str
    kind: EvidenceKind
    text: str
    value: dict[str, Any]


class RecommendedProduct(CamelModel):
    """One position of a slate."""

    product_id: str
    name: str
    brand: str | None
    category: str | None
    price: str | None
    currency: str
    image_url: str | None
    url: str | None
    position: Annotated[int, Field(ge=1)]
    relevance_score: Annotated[float, Field(ge=0, le=1)]
    reason: str | None
    reason_source: Literal["llm", "template"] | None
    evidence: list[EvidenceAnswer]
    ranked_by: Literal["llm", "baseline"]
    promoted: bool


class UsageAnswer(CamelModel):
    """What the model call used; null where it is not known."""

    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


class SlateMeta(CamelModel):
    """How a slate came about. `model` and `usage` are there with a secret key only."""

    strategy: Strategy
    fallback_reason: FallbackReason | None
    gate: str | None
    model: str | None = None
    prompt_version: str | None
    rules_version: str
    baseline_version: str | None
    candidates: int
    excluded: dict[str, int] = Field(description="Rule id, or with a publishable key the public reason → products.")
    latency_ms: dict[str, float]
    usage: UsageAnswer | None = None
    profiling_used: bool
    scope: Literal["everybody", "cohort", "popular"] | None = Field(
        None, description="Trending only: whose events were counted; `popular`: nothing trends."
    )
    read_as: str | None = Field(None, description="Search only: the query with its typing errors put right.")
    relaxed: bool | None = Field(
        None, description="Search only: nothing has everything that was asked for; these have a part or come near."
    )


class SlateAnswer(CamelModel):
    """The answer to a request for recommendations."""

    recommendation_id: str
    user_id: str | None
    api_version: str
    recommendations: list[RecommendedProduct]
    meta: SlateMeta


class FacetAnswer(CamelModel):
    """One value of a facet; to filter by it, send `value` back."""

    value: str
    count: int


class PriceBandAnswer(CamelModel):
    """Prices from `min` to below `max`; null: no upper end."""

    min: str
    max: str | None
    count: int


class FacetsAnswer(CamelModel):
    """Counts over all matches that may be shown, each as if its own filter were not set."""

    categories: list[FacetAnswer] = Field(description="Every level of the category paths, most products first.")
    brands: list[FacetAnswer]
    prices: list[PriceBandAnswer] = Field(description="Ascending.")


class SearchAnswer(SlateAnswer):
    """The answer to a search."""

    total: int = Field(description="Products that match and may be shown, on this page or not.")
    facets: FacetsAnswer


class RatingAnswer(CamelModel):
    """Average rating, 0 to 5, and how many gave one."""

    value: float
    count: int | None


class ProductAnswer(CamelModel):
    """A product as the shop describes it. `cost` is there with a secret key only."""

    product_id: str
    name: str
    description: str
    brand: str | None
    category: str | None
    price: str | None
    list_price: str | None
    currency: str
    cost: str | None = None
    stock: int | None
    available: bool
    image_url: str | None
    url: str | None
    tags: list[str]
    attributes: dict[str, str | list[str]]
    rating: RatingAnswer | None
    created_at: str | None
    seasons: list[str]


class WhyAnswer(CamelModel):
    """What became of one product in one served recommendation."""

    recommendation_id: str
    product_id: str
    outcome: Literal["served", "not_a_candidate", "rule", "slate_rule", "ranked_lower"]
    position: int | None
    reason: str | None
    reason_source: Literal["llm", "template"] | None
    evidence: list[EvidenceAnswer]
    rule: str | PublicReason | None = Field(description="Rule id; with a publishable key its public reason.")
    detail: str | None = Field(description="With a secret key only: rules speak of margins.")
    evaluated_at: str


class PreferencesAnswer(CamelModel):
    """What is stored for a shopper."""

    budget: str | None
    currency: str
    interests: list[str]
    style_tags: list[str]
    sizes: list[str]
    avoid: list[str]
    segments: list[str]
    country: str | None
    age_band: str | None


class RejectedEvent(CamelModel):
    """An event that was not taken; docs/events.md lists the codes."""

    index: Annotated[int, Field(ge=0)]
    code: str
    detail: str


class TakenAnswer(CamelModel):
    """What became of events; an event that names several products counts once for each of them."""

    accepted: Annotated[int, Field(ge=0)]
    duplicates: Annotated[int, Field(ge=0)]
    rejected: list[RejectedEvent]


class TokenAnswer(CamelModel):
    """A shopper token for the X-Shopper-Token header."""

    user_id: str
    token: str
    expires_at: str


class LiveAnswer(CamelModel):
    """The process runs."""

    status: Literal["ok"]


class ReadyAnswer(CamelModel):
    """Whether requests are answered in full; `details` is there with a secret key only."""

    status: Literal["ok", "degraded"]
    degraded: list[str]
    details: dict[str, str] | None = None


class ProblemError(CamelModel):
    """One wrong input."""

    field: str
    message: str


class ProblemAnswer(CamelModel):
    """RFC 9457 problem details; docs/errors.md lists the codes."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[ProblemError] | None = None
