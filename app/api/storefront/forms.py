"""What the forms of the pages do. They send no body: what is meant stands in the address, who means it in cookies.

Every answer sends the browser back to where it came from, so that the page is made anew with what has changed.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from app.api.storefront.door import (
    MAX_LINES,
    MAX_PIECES,
    CurrentVisit,
    Visit,
    keep_cart,
    keep_persona,
    keep_private,
)
from app.api.storefront.pages import SAID_COOKIE
from app.domain.errors import UnknownProduct
from app.domain.interactions import Consent
from app.domain.money import format_minor
from app.domain.ranking import MAX_ID_CHARS

router = APIRouter(include_in_schema=False)


@router.post("/cart/add")
async def post_add(request: Request, seen: CurrentVisit, product: str) -> RedirectResponse:
    """Puts one piece into the cart, and says so in an event. 404 for a product that the shop does not have."""
    _own(request)
    await _known(seen, product)
    cart = dict(seen.cart)
    if product in cart or len(cart) < MAX_LINES:
        cart[product] = min(MAX_PIECES, cart.get(product, 0) + 1)
    await tell(seen, {"type": "add_to_cart", "productId": product, "quantity": 1, **_credited(request)})
    answer = _back(request, "added", always="/cart")
    keep_cart(answer, cart)
    return answer


@router.post("/cart/remove")
async def post_remove(request: Request, seen: CurrentVisit, product: str) -> RedirectResponse:
    """Takes a product out of the cart, and says so in an event."""
    _own(request)
    cart = {name: pieces for name, pieces in seen.cart.items() if name != product}
    if len(cart) < len(seen.cart):
        await tell(seen, {"type": "remove_from_cart", "productId": product})
    answer = _back(request, "removed", always="/cart")
    keep_cart(answer, cart)
    return answer


@router.post("/cart/buy")
async def post_buy(request: Request, seen: CurrentVisit) -> RedirectResponse:
    """Buys what is in the cart, as far as the shop has it: one purchase event per product, one transaction."""
    _own(request)
    products = await asyncio.to_thread(seen.context.service.products, list(seen.cart))
    transaction = f"demo-{uuid.uuid4().hex}"
    lines = [
        {
            "type": "purchase",
            "productId": product_id,
            "quantity": pieces,
            "transactionId": transaction,
            **_priced(products[product_id].price_minor, seen.context.currency),
        }
        for product_id, pieces in seen.cart.items()
        if product_id in products
    ]
    await tell(seen, *lines)
    answer = _back(request, "bought" if lines else "", always="/cart")
    keep_cart(answer, {})
    return answer


@router.post("/not-for-me")
async def post_dismiss(request: Request, seen: CurrentVisit, product: str) -> RedirectResponse:
    """Dismisses a product: it is in no slate of this shopper's from the next page on."""
    _own(request)
    await _known(seen, product)
    await tell(seen, {"type": "dismiss", "productId": product, **_credited(request)})
    return _back(request, "dismissed")


@router.post("/shop-as")
async def post_shop_as(request: Request, seen: CurrentVisit, shopper: str = "") -> RedirectResponse:
    """Changes who one shops as. Only where no key is configured: this would be anybody's way into an account."""
    _own(request)
    persona = next((p for p in seen.shop.personas if p.user_id == shopper), None)
    if not seen.shop.open_books or (shopper and persona is None):
        raise HTTPException(404)
    answer = _back(request, "hello")
    keep_persona(answer, persona)
    keep_cart(answer, {})
    return answer


@router.post("/consent")
async def post_consent(request: Request, seen: CurrentVisit, level: str) -> RedirectResponse:
    """Stores what a persona agrees to; a visitor's choice stays in the browser, which then sends no id."""
    _own(request)
    if level not in ("none", "session", "full"):
        raise HTTPException(404)
    answer = _back(request, "consent")
    if seen.user_id is None:
        keep_private(answer, private=level == "none")
        return answer
    store = seen.context.store
    before = (await asyncio.to_thread(store.shopper, seen.user_id)).consent
    chosen = Consent(personalization=level, llm_processing=before.llm_processing and level != "none")  # type: ignore[arg-type]
    await asyncio.to_thread(store.save_consent, seen.user_id, chosen, asked_at=time.time())
    return answer


async def tell(seen: Visit, *events: dict[str, object]) -> None:
    """Writes events of this visit through the same intake as POST /api/events; none for one who wants no id used."""
    ids = seen.ids()
    if not ids or not events:
        return
    intake = seen.context.intake
    body = {"events": [{"eventId": f"demo-{uuid.uuid4().hex}", **ids, **event} for event in events]}
    await intake.record(await intake.read(body))


def _own(request: Request) -> None:
    """Refuses a form of another site: cookies alone would make it look like the shopper's own."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(404)


async def _known(seen: Visit, product_id: str) -> None:
    wanted = [product_id] if len(product_id) <= MAX_ID_CHARS else []
    if not await asyncio.to_thread(seen.context.service.products, wanted):
        raise UnknownProduct(product_id[:MAX_ID_CHARS])


def _credited(request: Request) -> dict[str, object]:
    """The recommendation that this comes from, where the form names one."""
    named = request.query_params.get("from", "")
    return {"recommendationId": named} if named and len(named) <= MAX_ID_CHARS and named.isprintable() else {}


def _priced(price_minor: int | None, currency: str) -> dict[str, object]:
    return {} if price_minor is None else {"price": format_minor(price_minor, currency), "currency": currency}


def _back(request: Request, said: str, *, always: str = "") -> RedirectResponse:
    """To the page that the form stood on, by its path alone: never to another site."""
    came = urlsplit(request.headers.get("referer", ""))
    here = came.path if came.path.startswith("/") and not came.path.startswith("//") else "/"
    where = always or (f"{here}?{came.query}" if came.query else here)
    answer = RedirectResponse(where, status_code=303, headers={"cache-control": "no-store"})
    if said:
        answer.set_cookie(SAID_COOKIE, said, max_age=60, path="/", httponly=True, samesite="lax")
    return answer
