"""Search: the answer of a recommendation, with how many products match and what they have in common."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.answer_schemas import SearchAnswer
from app.api.answers import Json, respond
from app.api.context import Context, CurrentCaller
from app.api.errors import Code
from app.api.openapi import answers
from app.api.parameters import SingleValuesButLists
from app.api.quick_route import QuickRoute
from app.api.schemas import SearchParams, to_minor
from app.api.shelves import shelf_query, show
from app.domain import ranking
from app.domain.money import format_minor
from app.domain.searching import Facets, FacetValue, SearchFacts

router = APIRouter(tags=["shelves"], route_class=QuickRoute)


@router.get(
    "/api/search",
    operation_id="getSearch",
    responses=answers(SearchAnswer, Code.SHOPPER_TOKEN_REQUIRED),
    dependencies=[SingleValuesButLists],
)
async def get_search(
    request: Request, context: Context, caller: CurrentCaller, params: Annotated[SearchParams, Query()]
) -> Response:
    """Products for a text, by words and by meaning, with typing errors forgiven; filters are hard limits."""
    filters = ranking.Filters(
        categories=tuple(params.categories),
        brands=tuple(params.brands),
        price_min_minor=to_minor(params.price_min, context.currency, "priceMin"),
        price_max_minor=to_minor(params.price_max, context.currency, "priceMax"),
        in_stock=params.in_stock,
        attributes=tuple(_named(text) for text in params.attributes),
    )
    query = shelf_query(params, context.currency, "search", "search", text=params.q, filters=filters)
    shelved, body = await show(request, context, caller, query)
    facts = SearchFacts(0) if shelved.search is None else shelved.search
    meta = body["meta"]
    assert isinstance(meta, dict)
    meta["readAs"] = facts.read_as
    meta["relaxed"] = facts.relaxed
    body["total"] = facts.total
    body["facets"] = _facets(facts.facets, context.currency)
    return respond(body)


def _named(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    return name.strip(), value.strip()


def _facets(facets: Facets, currency: str) -> Json:
    return {
        "categories": [_value(value) for value in facets.categories],
        "brands": [_value(value) for value in facets.brands],
        "prices": [
            {
                "min": format_minor(band.min_minor, currency),
                "max": None if band.max_minor is None else format_minor(band.max_minor, currency),
                "count": band.count,
            }
            for band in facets.prices
        ],
    }


def _value(value: FacetValue) -> Json:
    return {"value": value.value, "count": value.count}
