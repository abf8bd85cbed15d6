"""How every page is made: rendered, with the headers that keep a browser from running anything but our own files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.api.storefront.door import Storefront, Visit, keep_visitor
from app.domain.deadline import Deadline
from app.domain.errors import BadInput
from app.domain.money import parse_minor
from app.domain.ranking import MAX_QUERY_CHARS, Filters, Query, Slate
from app.shelves import Shelved
from app.telemetry import note_stages
from app.web.storefront.cards import Shelf, category_url, shelf_of
from app.web.storefront.rendering import render

HEADERS = {
    # Nothing inline, nothing from elsewhere: a product text that became markup could still run nothing.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "private, no-store",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
}
SAID = {
    "added": "It is in your cart.",
    "removed": "It is out of your cart.",
    "bought": "Thank you! That was a purchase of the demo: nothing is charged or sent, but the next slate knows.",
    "dismissed": "Noted. You won't be shown that again.",
    "consent": "Your choice holds from this page on.",
    "hello": "Look around: every slate on these pages is made for this shopper.",
}
SAID_COOKIE = "shelf_said"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Address:
    """A page's address whose parameters templates change one at a time."""

    path: str
    pairs: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, request: Request) -> Address:
        """The address that was asked for."""
        return cls(request.url.path, tuple(parse_qsl(request.url.query[:4000], max_num_fields=60)))

    def toggled(self, name: str, value: str) -> str:
        """The same with this value taken out where it is set, else put in; from the first page on."""
        kept = [pair for pair in self.pairs if pair != (name, value) and pair[0] != "page"]
        if (name, value) not in self.pairs:
            kept.append((name, value))
        return self._with(kept)

    def setting(self, name: str, value: str) -> str:
        """The same with this parameter set to one value, or without it for ""."""
        kept = [pair for pair in self.pairs if pair[0] not in (name, "page")]
        return self._with([*kept, (name, value)] if value else kept)

    def between(self, low: str, high: str) -> str:
        """The same with these prices as limits."""
        kept = [pair for pair in self.pairs if pair[0] not in ("min", "max", "page")]
        return self._with(kept + [(n, v) for n, v in (("min", low), ("max", high)) if v])

    def has(self, name: str, value: str) -> bool:
        """Whether this value is set."""
        return (name, value) in self.pairs

    def _with(self, pairs: Sequence[tuple[str, str]]) -> str:
        return f"{self.path}?{urlencode(pairs)}" if pairs else self.path


def page(
    template: str, request: Request, *, status: int = 200, seen: Visit | None = None, **values: object
) -> Response:
    """A page of the storefront.

    Args: seen: whose visit it is; None for an error page, which asks nothing of the services.
    """
    shop: Storefront = request.app.state.storefront
    said = request.cookies.get(SAID_COOKIE, "")
    text = render(
        template,
        **values,
        seen=seen,
        shop=shop,
        personas=shop.personas,
        departments=() if seen is None else shop.browsing.departments(),
        category_url=category_url,
        here=Address.of(request),
        said=SAID.get(said, ""),
        pieces=0 if seen is None else sum(seen.cart.values()),
    )
    response = HTMLResponse(text, status_code=status, headers=HEADERS)
    if said:
        response.delete_cookie(SAID_COOKIE, path="/")
    if seen is not None:
        keep_visitor(response, seen)
    return response


async def slate_shelf(seen: Visit, query: Query, title: str, *, note: str = "") -> Shelf:
    """Recommendations for this shopper, ready to print. Raises UnknownProduct."""
    context = seen.context
    slate = await context.service.recommend(seen.asks(query), Deadline.after_ms(context.default_deadline_ms))
    return await _printed(seen, slate, title, note)


async def listed_shelf(seen: Visit, query: Query, title: str, *, note: str = "") -> tuple[Shelf, Shelved]:
    """Similar, bought together, trending or search, ready to print. Raises UnknownProduct."""
    shelved = await seen.context.shelves.show(seen.asks(query))
    return await _printed(seen, shelved.slate, title, note), shelved


async def _printed(seen: Visit, slate: Slate, title: str, note: str) -> Shelf:
    ids = [item.product_id for item in slate.items]
    products = await asyncio.to_thread(seen.context.service.products, ids)
    return shelf_of(title, slate, products, seen.context.currency, note=note, open_books=seen.shop.open_books)


def note_time(request: Request, shelf: Shelf) -> None:
    """Adds the slate's stages to the page's Server-Timing, where they may be shown."""
    if shelf.panel is not None:
        note_stages(request.scope, {name: float(ms.removesuffix(" ms")) for name, ms in shelf.panel.stages})


def words_of(request: Request, name: str = "q") -> str:
    """A search text of the address: one line, no control characters, of bounded length."""
    text = " ".join(_CONTROL.sub(" ", request.query_params.get(name, "")).split())
    return text.encode("utf-8", "ignore").decode()[:MAX_QUERY_CHARS]


def filters_of(request: Request, currency: str, categories: tuple[str, ...] = ()) -> Filters:
    """The filters of the address. What can't be read as one is left out: an address is easily mistyped."""
    wanted = request.query_params
    return Filters(
        categories=categories or tuple(c for c in wanted.getlist("category")[:20] if c),
        brands=tuple(b for b in wanted.getlist("brand")[:20] if b),
        price_min_minor=_amount(wanted, "min", currency),
        price_max_minor=_amount(wanted, "max", currency),
        in_stock=wanted.get("stock") == "1",
    )


def _amount(wanted: Mapping[str, str], name: str, currency: str) -> int | None:
    text = wanted.get(name, "").strip()
    if not text:
        return None
    try:
        return parse_minor(text, currency)
    except BadInput:
        return None
