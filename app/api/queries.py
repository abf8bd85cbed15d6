"""A validated request of the API as the domain's query."""

from __future__ import annotations

from app.api.schemas import RecommendationBody, RecommendationParams, to_minor
from app.domain import ranking


def query_from(
    wanted: RecommendationParams | RecommendationBody,
    currency: str,
    cart: tuple[str, ...] = (),
    exclude_ids: tuple[str, ...] = (),
    filters: ranking.Filters | None = None,
) -> ranking.Query:
    """The query; what only a body can say is passed beside it. Raises ApiError for a budget that can't be money."""
    return ranking.Query(
        user_id=wanted.user_id,
        anonymous_id=wanted.anonymous_id,
        session_id=wanted.session_id,
        limit=wanted.limit,
        placement=wanted.placement,
        product_id=wanted.product_id,
        cart=cart,
        budget_minor=to_minor(wanted.budget, currency, "budget"),
        text=wanted.query,
        reasons=wanted.reasons,
        deadline_ms=wanted.deadline_ms,
        exclude_ids=exclude_ids,
        filters=ranking.Filters() if filters is None else filters,
    )
