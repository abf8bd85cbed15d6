"""What the routers work with: the services behind them, and who is calling."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader
from starlette.types import Scope

from app.admission import Door
from app.api.errors import ApiError, Code
from app.api.keys import KeyRing, KeyScope
from app.api.limits import NO_PROXIES, OFF, Addresses, Limits
from app.api.rendering import AskedBefore, Renderer
from app.api.tokens import ShopperTokens, TokenRefused
from app.domain.budgets import NOBODY, PartyKind, Payer
from app.domain.catalog import Product
from app.domain.chat import ChatPart, ChatTurn
from app.domain.deadline import Deadline
from app.domain.ranking import Explanation, PublicReason, Query, Slate
from app.ingest.catalogue import CatalogueEditor
from app.ingest.intake import EventIntake
from app.ports import ShopStore
from app.privacy import PersonalData
from app.report import ReportDesk
from app.shelves import Shelved
from app.work import Streamed


class Recommending(Protocol):
    """The recommendation service, as far as HTTP needs it."""

    async def recommend(self, query: Query, deadline: Deadline, payer: Payer = NOBODY) -> Slate:
        """The slate for a query, by the deadline. Raises: UnknownProduct for the query's product."""
        ...

    def again(self, query: Query) -> Slate | None:
        """The slate for a query where it is remembered, under a new id; None where it must be made. Never waits."""
        ...

    def stream(
        self, query: Query, deadline: Deadline, until: Deadline, payer: Payer = NOBODY
    ) -> AsyncIterator[Streamed]:
        """`baseline`, `slate`, `reason`… for a query. Raises: UnknownProduct, on the first step."""
        ...

    def products(self, product_ids: Sequence[str]) -> Mapping[str, Product]:
        """Current products by id; unknown ids are left out."""
        ...

    async def fate(self, recommendation_id: str, product_id: str) -> Explanation:
        """What became of a product in a served slate. Raises: UnknownRecommendation, UnknownProduct."""
        ...


class SlateLog(Protocol):
    """Served slates, as far as HTTP needs them."""

    def get(self, recommendation_id: str) -> Slate | None:
        """A served slate, None when unknown or past retention."""
        ...


class Shelving(Protocol):
    """The shelves, as far as HTTP needs them."""

    async def show(self, query: Query) -> Shelved:
        """The shelf that `query.shelf` names. Raises: UnknownProduct for the query's product."""
        ...


class Assisting(Protocol):
    """The shopping assistant, as far as HTTP needs it."""

    def answer(self, turn: ChatTurn) -> AsyncIterator[ChatPart]:
        """The parts of the answer to one message."""
        ...


class Metering(Protocol):
    """Counts requests, and tells Prometheus."""

    def http_ended(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        """A request was answered; `endpoint` is the template of its route."""
        ...

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The body of a scrape and its content type; waits for files."""
        ...


class Health(Protocol):
    """Whether requests can be answered, and which parts are missing or broken."""

    @property
    def ready(self) -> bool:
        """Whether requests can be answered."""
        ...

    @property
    def degraded(self) -> tuple[str, ...]:
        """Names of the parts that the service goes on without."""
        ...

    @property
    def details(self) -> Mapping[str, str]:
        """Part → what is wrong with it, or which version is loaded."""
        ...


@dataclass(frozen=True, slots=True)
class ApiContext:
    """Everything that a request may need, made once at start and kept in `app.state.api`."""

    service: Recommending
    store: ShopStore
    intake: EventIntake
    slates: SlateLog
    catalogue: CatalogueEditor
    reports: ReportDesk
    public_reasons: Mapping[str, PublicReason]  # rule id → what a shopper may know of it
    currency: str
    default_deadline_ms: int
    stream_deadline_ms: int
    keys: KeyRing
    tokens: ShopperTokens | None  # None: TOKEN_SECRET is not set
    health: Callable[[], Health]
    now: Callable[[], float]  # the service's clock (AS_OF), epoch seconds
    shelves: Shelving
    assistant: Assisting
    privacy: PersonalData
    metering: Metering
    renderer: Renderer
    asked: AskedBefore = field(default_factory=AskedBefore)
    metrics_token: str = ""  # opens /metrics and nothing else; "": only a secret key does
    addresses: Addresses = NO_PROXIES
    limits: Limits = OFF
    behind_tls: bool = False
    door: Door = field(default_factory=lambda: Door(places_most=0, wait_s=0.0))
    allowed_origins: frozenset[str] = frozenset()  # pages of these may call from another address

    @classmethod
    def of(cls, scope: Scope) -> ApiContext:
        """The context of the application that a request came to."""
        context: ApiContext = scope["app"].state.api
        return context


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling: the scope of the key, and the shopper token that came with it."""

    scope: KeyScope
    token: str | None
    tokens: ShopperTokens | None
    key_id: str = ""  # "" where no key is configured
    address: str | None = None
    limits: Limits = OFF

    @property
    def is_secret(self) -> bool:
        """Whether the caller is the shop itself."""
        return self.scope is KeyScope.SECRET

    def payer(self, user_id: str | None, anonymous_id: str | None, session_id: str | None) -> Payer:
        """On whose account the model calls of a request go that names these ids: the one that says most counts.

        A secret key's address is the shop's own server and counts nothing; without keys nobody is counted.

        Raises: ApiError (429 rate_limited): this shopper, visitor or session calls too often.
        """
        if not self.key_id:
            return NOBODY
        named: tuple[tuple[PartyKind, str | None], ...] = (
            ("user", user_id),
            ("anonymous", anonymous_id),
            ("session", session_id),
        )
        parties = [(kind, name) for kind, name in named if name is not None][:1]
        for kind, name in parties:
            self.limits.admit(kind, name)
        if not self.is_secret and self.address is not None:
            parties.append(("address", self.address))
        return Payer(self.key_id, tuple(parties))

    def require_secret(self) -> None:
        """Raises: ApiError (403 secret_key_required) for a publishable key."""
        if not self.is_secret:
            raise ApiError(Code.SECRET_KEY_REQUIRED, "This needs a secret key; never put one into a web page.")

    def require_shopper(self, user_id: str) -> None:
        """Raises: ApiError (403 shopper_token_required) unless the caller is the shop or this very shopper."""
        if self.is_secret:
            return
        if self.shopper() != user_id:
            detail = "Send a token of this very shopper in X-Shopper-Token; POST /api/users/{id}/token makes one."
            raise ApiError(Code.SHOPPER_TOKEN_REQUIRED, detail)

    def shopper(self) -> str | None:
        """The shopper that the token proves, None without a token.

        Raises: ApiError (403 shopper_token_required) for a token that proves nothing.
        """
        if self.token is None:
            return None
        if self.tokens is None:
            raise ApiError(Code.SHOPPER_TOKEN_REQUIRED, "This service has no TOKEN_SECRET, so no token is valid here.")
        try:
            return self.tokens.subject(self.token)
        except TokenRefused as error:
            raise ApiError(Code.SHOPPER_TOKEN_REQUIRED, str(error)) from error


# These two only describe the headers in the OpenAPI document; Gate and Caller do the checking.
_KEY_HEADER = APIKeyHeader(name="X-API-Key", scheme_name="apiKey", auto_error=False)
_TOKEN_HEADER = APIKeyHeader(name="X-Shopper-Token", scheme_name="shopperToken", auto_error=False)


async def _context(request: Request) -> ApiContext:
    return ApiContext.of(request.scope)


async def _caller(
    request: Request,
    _key: Annotated[str | None, Depends(_KEY_HEADER)],
    _token: Annotated[str | None, Depends(_TOKEN_HEADER)],
) -> Caller:
    return caller_of(request.scope)


def caller_of(scope: Scope) -> Caller:
    """Who is calling. Raises: ApiError (401 api_key_missing): nobody that the gate let in."""
    state = scope["state"]
    key_scope: KeyScope | None = state.get("key_scope")
    if key_scope is None:  # Gate has refused this already; a router mounted past it stays closed too
        raise ApiError(Code.API_KEY_MISSING, "Send a key of this service in the X-API-Key header.")
    context = ApiContext.of(scope)
    return Caller(
        key_scope,
        shopper_token(scope),
        context.tokens,
        state.get("key_id", ""),
        state.get("address"),
        context.limits,
    )


def shopper_token(scope: Scope) -> str | None:
    """The shopper's token that came with a request, None without one."""
    for name, value in scope["headers"]:
        if name == b"x-shopper-token":
            token: str = value.decode("latin-1")
            return token or None
    return None


Context = Annotated[ApiContext, Depends(_context)]
CurrentCaller = Annotated[Caller, Depends(_caller)]
