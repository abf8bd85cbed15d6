"""The pages on which one looks for things: home, categories, search, a product."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.storefront.door import CurrentVisit, Visit
from app.api.storefront.pages import filters_of, listed_shelf, note_time, page, slate_shelf, words_of
from app.browse import ORDERS, Order
from app.domain.errors import UnknownProduct, UnknownRecommendation
from app.domain.money import format_minor
from app.domain.ranking import MAX_ID_CHARS, Explanation, Filters, Query
from app.domain.searching import Facets
from app.web.storefront.cards import attributes_of, card_of, crumbs_of, image_of, money

router = APIRouter(include_in_schema=False)

PAGE_SIZE = 24
SEARCH_SIZE = 48


@router.get("/")
async def get_home(request: Request, seen: CurrentVisit) -> Response:
    """The shopper's own slate, what trends, and the departments with something to look at."""
    shelf, (trending, _) = await asyncio.gather(
        slate_shelf(seen, Query(limit=8, placement="home"), _greeting(seen), note=_promise(seen)),
        listed_shelf(
            seen,
            Query(limit=6, placement="home", shelf="trending", reasons="template"),
            "Trending this week",
            note="What more shoppers take up now than before.",
        ),
    )
    note_time(request, shelf)
    return page("home.html", request, seen=seen, shelf=shelf, trending=trending, fronts=await _fronts(seen))


def _greeting(seen: Visit) -> str:
    return (
        "Popular and diverse, to begin with" if seen.persona is None else f"Picked for the {seen.persona.name.lower()}"
    )


def _promise(seen: Visit) -> str:
    if seen.persona is not None:
        return "From what this shopper did and said. Each reason is proved against the catalogue."
    if seen.private:
        return "Nothing about you is used: you turned personalisation off."
    return "Look at a few things: the next time this page is made it knows."


async def _fronts(seen: Visit) -> list[tuple[str, int, str]]:
    """(department, products, picture) of each department; the picture is of what sells best there."""
    departments = seen.shop.browsing.departments()
    best = []
    for department in departments:
        listing = seen.shop.browsing.listing(department.path, Filters(), "popular", offset=0, limit=1)
        best.append(listing.product_ids[0] if listing is not None and listing.product_ids else "")
    products = await asyncio.to_thread(seen.context.service.products, [product_id for product_id in best if product_id])
    return [
        (department.path, department.count, image_of(products[product_id]) if product_id in products else "")
        for department, product_id in zip(departments, best, strict=True)
    ]


@router.get("/category/{path:path}")
async def get_category(request: Request, seen: CurrentVisit, path: str) -> Response:
    """A grid of what the category holds, sorted and filtered. 404 for one that the shop does not have."""
    category = " > ".join(part for part in path.split("/") if part)
    order = _order(request)
    number = _page_number(request)
    filters = filters_of(request, seen.context.currency, (category,))
    listing = seen.shop.browsing.listing(category, filters, order, offset=(number - 1) * PAGE_SIZE, limit=PAGE_SIZE)
    if listing is None:
        raise HTTPException(404)
    products = await asyncio.to_thread(seen.context.service.products, listing.product_ids)
    return page(
        "category.html",
        request,
        seen=seen,
        category=category,
        crumbs=crumbs_of(category),
        below=_below(listing.facets, category),
        cards=[card_of(products[p], seen.context.currency) for p in listing.product_ids if p in products],
        total=listing.total,
        order=order,
        number=number,
        pages=-(-listing.total // PAGE_SIZE),
        brands=listing.facets.brands[:12],
        bands=_bands(listing.facets, seen.context.currency),
    )


@router.get("/search")
async def get_search(request: Request, seen: CurrentVisit) -> Response:
    """What matches a text; how it was read, what the matches have in common, and a way on where there are none."""
    text = words_of(request)
    popular = Query(limit=6, placement="search", shelf="trending", reasons="template")
    if not text:
        found, _ = await listed_shelf(seen, popular, "Popular right now")
        return page("search.html", request, seen=seen, text="", shelf=None, facts=None, alternatives=found,
                    brands=(), bands=(), below=())  # fmt: skip
    filters = filters_of(request, seen.context.currency)
    query = Query(limit=SEARCH_SIZE, placement="search", shelf="search", text=text, reasons="none", filters=filters)
    shelf, shelved = await listed_shelf(seen, query, f"Results for “{text}”")
    note_time(request, shelf)
    facts = shelved.search
    poor = facts is None or facts.total < 3 or facts.relaxed
    alternatives = (await listed_shelf(seen, popular, "Popular right now"))[0] if poor else None
    return page(
        "search.html",
        request,
        seen=seen,
        text=text,
        shelf=shelf,
        facts=facts,
        alternatives=alternatives,
        brands=() if facts is None else facts.facets.brands[:12],
        bands=() if facts is None else _bands(facts.facets, seen.context.currency),
        below=() if facts is None else tuple(c for c in facts.facets.categories if ">" in c.value)[:10],
    )


@router.get("/product/{product_id:path}")
async def get_product(request: Request, seen: CurrentVisit, product_id: str) -> Response:
    """One product: what it is, what it costs, why it was shown, what is like it and what is bought with it."""
    if len(product_id) > MAX_ID_CHARS:
        raise HTTPException(404)
    product = (await asyncio.to_thread(seen.context.service.products, [product_id])).get(product_id)
    if product is None:
        raise UnknownProduct(product_id)
    beside = {"placement": "product", "product_id": product_id, "limit": 6, "reasons": "template"}
    (similar, _), (together, _), why = await asyncio.gather(
        listed_shelf(seen, Query(shelf="similar", **beside), "More like this"),  # type: ignore[arg-type]
        listed_shelf(seen, Query(shelf="bought_together", **beside), "Bought together"),  # type: ignore[arg-type]
        why_shown(seen, request.query_params.get("from", ""), product_id),
    )
    return page(
        "product.html",
        request,
        seen=seen,
        product=product,
        card=card_of(product, seen.context.currency),
        list_price=None
        if product.list_price_minor is None or product.list_price_minor <= (product.price_minor or 0)
        else money(product.list_price_minor, seen.context.currency),
        crumbs=crumbs_of(product.category),
        attributes=attributes_of(product),
        why=why,
        came_from=request.query_params.get("from", "")[:80] if why is not None else "",
        similar=similar,
        together=together,
    )


async def why_shown(seen: Visit, recommendation_id: str, product_id: str) -> Explanation | None:
    """Why a product is in a slate of this visit's own; None where it is in none."""
    if not recommendation_id or len(recommendation_id) > MAX_ID_CHARS:
        return None
    try:
        explanation = await seen.context.service.fate(recommendation_id, product_id)
    except (UnknownRecommendation, UnknownProduct):
        return None
    asked = explanation.slate.query
    mine = (asked.user_id, asked.anonymous_id) in ((seen.user_id, seen.anonymous_id), (None, None))
    return explanation if mine and explanation.reason is not None else None


def _order(request: Request) -> Order:
    wanted = request.query_params.get("sort", "popular")
    return next((order for order in ORDERS if order == wanted), "popular")


def _page_number(request: Request) -> int:
    text = request.query_params.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 5 else 1


def _below(facets: Facets, category: str) -> list[tuple[str, str, int]]:
    """(name, path, products) of the categories right below this one."""
    prefix = f"{category} > ".casefold()
    found = [c for c in facets.categories if c.value.casefold().startswith(prefix)]
    return [(c.value.rsplit(">", 1)[-1].strip(), c.value, c.count) for c in found if ">" not in c.value[len(prefix) :]]


def _bands(facets: Facets, currency: str) -> list[tuple[str, str, str, int]]:
    """(words, from, to, products) of each band of prices; the ends as an address takes them."""
    bands = []
    for band in facets.prices:
        low = format_minor(band.min_minor, currency) if band.min_minor else ""
        high = "" if band.max_minor is None else format_minor(band.max_minor - 1, currency)
        if band.max_minor is None:
            words = f"{money(band.min_minor, currency)} and more"
        elif not band.min_minor:
            words = f"Under {money(band.max_minor, currency)}"
        else:
            words = f"{money(band.min_minor, currency)} to {money(band.max_minor, currency)}"
        bands.append((words, low, high, band.count))
    return bands
