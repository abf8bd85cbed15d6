"""Whether the demo storefront is served, to whom, and the services that its pages ask."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.cookies import CookieError, SimpleCookie
from typing import Annotated, Literal, Protocol
from urllib.parse import quote, unquote

from fastapi import Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.context import ApiContext
from app.browse import Department, Listing, Order
from app.domain.ranking import MAX_ID_CHARS, Filters, Query
from app.ports import ShopStore
from app.settings import Settings

_SHOPPER, _VISITOR, _CART, _PRIVATE = "shelf_shopper", "shelf_visitor", "shelf_cart", "shelf_private"
_KEPT_S = 30 * 86_400
MAX_LINES = 20
MAX_PIECES = 9


class Browses(Protocol):
    """The categories of the shop, as far as pages need them."""

    def departments(self) -> tuple[Department, ...]:
        """The two upper levels of the category tree."""
        ...

    def listing(self, category: str, filters: Filters, order: Order, *, offset: int, limit: int) -> Listing | None:
        """One page of a category, None for one that the shop does not have."""
        ...


@dataclass(frozen=True, slots=True)
class Persona:
    """A shopper of the demo shop that one may shop as."""

    user_id: str
    name: str
    about: str


PERSONAS = (
    Persona("gamer", "Gamer", "consoles, keyboards, up to €2,000"),
    Persona("student", "Student", "study and pasta, up to €40"),
    Persona("123", "Home lover", "home, kitchen, coffee; avoids leather"),
    Persona("parent", "Parent", "children and family, up to €80"),
    Persona("runner", "Runner", "running, skiing, fitness"),
    Persona("cook", "Cook", "cooking, baking, coffee"),
    Persona("gardener", "Gardener", "gardening, birds, outdoors"),
    Persona("reader", "Reader", "crime novels and tea"),
    Persona("eco", "Eco", "organic and slow fashion"),
)


@dataclass(frozen=True, slots=True)
class Storefront:
    """The pages' side of a running service."""

    served: bool
    open_books: bool  # no keys: this machine only, so pages may show personas, cost and exclusions
    personas: tuple[Persona, ...]  # those whom the shop knows; none where keys are configured
    publishable_key: str  # for the scripts of pages, where keys are configured; "" where there is none
    browsing: Browses


def open_storefront(settings: Settings, browsing: Browses, store: ShopStore) -> Storefront:
    """The storefront as DEMO_STOREFRONT says: auto serves it only while no API key is configured.

    Raises: StoreUnavailable: the database can't be read.
    """
    wanted: Literal["auto", "on", "off"] = settings.demo_storefront
    keys = settings.api_keys_publishable
    return Storefront(
        served=wanted == "on" or (wanted == "auto" and not settings.has_keys),
        open_books=not settings.has_keys,
        personas=() if settings.has_keys else tuple(p for p in PERSONAS if store.shopper(p.user_id).known),
        publishable_key=keys[0].get_secret_value() if keys else "",
        browsing=browsing,
    )


@dataclass(frozen=True, slots=True)
class Visit:
    """Who is looking at a page, by the cookies of the browser, and the services that answer."""

    context: ApiContext
    shop: Storefront
    persona: Persona | None
    visitor: str
    private: bool  # asked for no personalisation: no id of this browser is used
    cart: Mapping[str, int]  # product id → pieces, in the order in which they were put in

    @property
    def user_id(self) -> str | None:
        """The shopper's id, None for a visitor."""
        return None if self.persona is None else self.persona.user_id

    @property
    def anonymous_id(self) -> str | None:
        """The visitor's id; None for a known shopper and for one who wants no personalisation."""
        return None if self.persona is not None or self.private else self.visitor

    def asks(self, query: Query) -> Query:
        """The query as this shopper's."""
        return replace(query, user_id=self.user_id, anonymous_id=self.anonymous_id, session_id=self.anonymous_id)

    def ids(self) -> dict[str, str]:
        """The ids that an event of this shopper carries; empty for one who wants none."""
        if self.user_id is not None:
            return {"userId": self.user_id}
        return {} if self.anonymous_id is None else {"anonymousId": self.anonymous_id, "sessionId": self.anonymous_id}


async def visit(request: Request) -> Visit:
    """The visit that a request belongs to. Raises HTTPException (404) where the storefront is not served."""
    shop: Storefront = request.app.state.storefront
    if not shop.served:
        raise HTTPException(404)
    cookies = _cookies(request)
    wanted = cookies.get(_SHOPPER, "")
    persona = next((p for p in shop.personas if p.user_id == wanted), None)
    visitor = cookies.get(_VISITOR, "")
    if not (visitor.startswith("v-") and visitor[2:].isalnum() and len(visitor) <= 40):
        visitor = f"v-{secrets.token_hex(12)}"
    return Visit(
        context=ApiContext.of(request.scope),
        shop=shop,
        persona=persona,
        visitor=visitor,
        private=_PRIVATE in cookies,
        cart=_read_cart(cookies.get(_CART, "")),
    )


CurrentVisit = Annotated[Visit, Depends(visit)]


def _cookies(request: Request) -> Mapping[str, str]:
    jar = SimpleCookie()
    try:
        jar.load(request.headers.get("cookie", "")[:8192])
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _read_cart(text: str) -> dict[str, int]:
    """The cart that a cookie holds; whatever is not one is left out, since anybody can write a cookie."""
    cart: dict[str, int] = {}
    for part in text.split("/")[:MAX_LINES]:
        name, colon, pieces = part.rpartition(":")
        product_id = unquote(name)
        if colon and product_id and len(product_id) <= MAX_ID_CHARS and pieces.isdigit() and len(pieces) < 3:
            cart[product_id] = min(MAX_PIECES, max(1, int(pieces)))
    return cart


def keep_visitor(response: Response, seen: Visit) -> None:
    """Remembers the visitor's id in the browser, unless none is wanted."""
    if not seen.private:
        _keep(response, _VISITOR, seen.visitor)


def keep_cart(response: Response, cart: Mapping[str, int]) -> None:
    """Remembers the cart in the browser."""
    lines = list(cart.items())[:MAX_LINES]
    _keep(response, _CART, "/".join(f"{quote(product_id, safe='')}:{pieces}" for product_id, pieces in lines))


def keep_persona(response: Response, persona: Persona | None) -> None:
    """Remembers whom one shops as; None: a visitor with a new id, as if nobody had been here."""
    if persona is None:
        response.delete_cookie(_SHOPPER, path="/")
        response.delete_cookie(_VISITOR, path="/")
    else:
        _keep(response, _SHOPPER, persona.user_id)


def keep_private(response: Response, *, private: bool) -> None:
    """Remembers that this browser wants no personalisation, and forgets its id; or the opposite."""
    if private:
        _keep(response, _PRIVATE, "1")
        response.delete_cookie(_VISITOR, path="/")
    else:
        response.delete_cookie(_PRIVATE, path="/")


def _keep(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=_KEPT_S, path="/", httponly=True, samesite="lax")
