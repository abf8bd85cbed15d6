"""The ASGI application: middleware, routers, and the lifespan that starts and stops what they use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

import structlog
import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.middleware import Middleware

from app.admission import Door
from app.api import (
    chat,
    costs,
    errors,
    events,
    feedback,
    health,
    metrics,
    metrics_business,
    privacy,
    products,
    reading,
    recommendations,
    search,
    shelves,
    shoppers,
    stream,
    widgets,
)
from app.api.answers import API_VERSION
from app.api.context import ApiContext, Assisting, Health, Metering, Recommending, Shelving, SlateLog
from app.api.cross_origin import CrossOrigin
from app.api.door import AdmitAtDoor
from app.api.head import HeadOfPages
from app.api.keys import KeyRing, check_bind
from app.api.limits import Addresses, Limits
from app.api.middleware import BodyBuffer, Gate, RateLimits, RequestContext, TimeLimit
from app.api.openapi import describe_problems
from app.api.punctual import PunctualProtocol
from app.api.rendering import Renderer
from app.api.repeated import Repeated
from app.api.storefront import install as install_storefront
from app.api.storefront import open_storefront, routers
from app.api.storefront.door import Browses
from app.api.tokens import ShopperTokens
from app.domain.errors import ConfigurationError
from app.domain.ranking import PublicReason
from app.ingest.catalogue import CatalogueEditor
from app.ingest.intake import EventIntake
from app.ports import Clock, RateCounter, ShopStore
from app.privacy import PersonalData
from app.report import ReportDesk
from app.server import Server
from app.settings import Settings
from app.telemetry import LINES_WAIT_S, configure_logging, settle_logs


class Application(Protocol):
    """What app.bootstrap builds, as far as the HTTP side needs it."""

    @property
    def settings(self) -> Settings:
        """The settings that it was built from."""
        ...

    @property
    def service(self) -> Recommending:
        """Answers requests for recommendations."""
        ...

    @property
    def shelves(self) -> Shelving:
        """Answers requests for similar, bought together, trending and search."""
        ...

    @property
    def assistant(self) -> Assisting:
        """Answers shoppers' messages."""
        ...

    @property
    def browsing(self) -> Browses:
        """What the demo storefront's pages browse."""
        ...

    @property
    def store(self) -> ShopStore:
        """Products and shoppers."""
        ...

    @property
    def intake(self) -> EventIntake:
        """The way in for events."""
        ...

    @property
    def slates(self) -> SlateLog:
        """Served slates."""
        ...

    @property
    def catalogue(self) -> CatalogueEditor:
        """Changes products."""
        ...

    @property
    def reports(self) -> ReportDesk:
        """Business reports."""
        ...

    @property
    def privacy(self) -> PersonalData:
        """Export and erasure."""
        ...

    @property
    def metering(self) -> Metering:
        """Counts requests, and tells Prometheus."""
        ...

    @property
    def rates(self) -> RateCounter | None:
        """Counts calls for all workers; None where nothing is limited."""
        ...

    @property
    def door(self) -> Door:
        """Who is worked on, who waits and who is refused."""
        ...

    @property
    def clock(self) -> Clock:
        """The service's clock (AS_OF)."""
        ...

    @property
    def rules_public_reasons(self) -> Mapping[str, PublicReason]:
        """Rule id → what a shopper may know of it."""
        ...

    def health(self) -> Health:
        """Whether requests can be answered."""
        ...

    async def start(self) -> None:
        """Opens files and starts background work."""
        ...

    async def close(self) -> None:
        """Writes what is queued and stops."""
        ...


def create_app(application_factory: Callable[[], Application]) -> FastAPI:
    """The ASGI application; the factory is called, and what it built started, when the server starts up."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        application = application_factory()
        try:
            app.state.api = _context(application)  # first: keys that contradict each other are found at once
            app.state.application = application
            app.state.storefront = open_storefront(application.settings, application.browsing, application.store)
            await application.start()
            if app.state.api.keys.empty:
                structlog.get_logger(__name__).warning(
                    "no_api_keys", consequence="every caller on this machine is trusted, all others are refused"
                )
            yield
        finally:
            await application.close()
            settle_logs()  # the server may end the process without another word

    app = FastAPI(
        title="Shelfwise",
        summary="Product recommendations with reasons that are true.",
        version=API_VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # The framework's own tracing would name paths, which hold shoppers' ids, and asks at every request who listens.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        middleware=[
            Middleware(RequestContext),
            Middleware(TimeLimit),
            Middleware(CrossOrigin),
            Middleware(Gate),
            Middleware(RateLimits),
            Middleware(BodyBuffer),
            Middleware(Repeated),
            Middleware(AdmitAtDoor),
            Middleware(HeadOfPages),
        ],
    )
    errors.install(app)
    install_storefront(app)
    for module in (
        stream,
        recommendations,
        shelves,
        search,
        products,
        shoppers,
        privacy,
        events,
        feedback,
        chat,
        metrics_business,
        costs,
        health,
        metrics,
        reading,
        widgets,
    ):
        app.include_router(module.router)
    for router in routers:
        app.include_router(router)
    describe_problems(app)
    return app


def _context(application: Application) -> ApiContext:
    settings = application.settings
    secret = settings.token_secret.get_secret_value()
    return ApiContext(
        service=application.service,
        store=application.store,
        intake=application.intake,
        slates=application.slates,
        catalogue=application.catalogue,
        reports=application.reports,
        public_reasons=application.rules_public_reasons,
        currency=settings.currency,
        allowed_origins=frozenset(settings.allowed_origins),
        addresses=Addresses.from_settings(settings),
        limits=Limits.from_settings(settings, application.rates),
        door=application.door,
        behind_tls=settings.behind_tls,
        default_deadline_ms=settings.llm_deadline_ms,
        stream_deadline_ms=settings.stream_deadline_ms,
        keys=KeyRing.from_settings(settings),
        tokens=ShopperTokens(secret) if secret else None,
        health=application.health,
        now=application.clock.now,
        shelves=application.shelves,
        assistant=application.assistant,
        privacy=application.privacy,
        metering=application.metering,
        metrics_token=settings.metrics_token.get_secret_value(),
        renderer=Renderer(settings.currency, application.service.products, application.rules_public_reasons),
    )


def app_factory() -> FastAPI:
    """For `uvicorn --factory app.main:app_factory --no-proxy-headers`: settings from the environment.

    Raises: ConfigurationError: a setting is wrong.
    """
    from app.bootstrap import build, open_pseudonyms  # heavy: numpy, indexes, database

    configure_logging()
    try:
        settings = Settings()
    except ValidationError as error:
        # Without the values: one of them may be a secret.
        wrong = "; ".join(
            f"SHELFWISE_{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise ConfigurationError(f"A setting is wrong. {wrong}") from None
    configure_logging(stand_in=open_pseudonyms(settings).of, lines_wait_s=LINES_WAIT_S)
    return create_app(lambda: build(settings))


def server_config(app: FastAPI, settings: Settings, *, host: str, port: int) -> uvicorn.Config:
    """How the process serves: one worker, no proxy headers believed, no access log (paths hold shoppers' ids).

    Raises: ConfigurationError: `host` is open to others and no key is configured, or the keys contradict each other.
    """
    check_bind(host, settings)
    KeyRing.from_settings(settings)
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=PunctualProtocol,
        lifespan="on",
        ws="none",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=settings.grace_s,
    )


def serve(settings: Settings, *, host: str, port: int) -> None:
    """Serves until SIGTERM or SIGINT; what is under way then is finished (app/server.py).

    Raises: ConfigurationError, as `server_config`.
    """
    from app.bootstrap import build, open_cheap_client, open_client  # heavy: numpy, indexes, database

    if settings.llm_model:
        open_client(settings)  # what is wrong with it stops the start here, in one sentence
        open_cheap_client(settings)
    app = create_app(lambda: build(settings))
    Server(server_config(app, settings, host=host, port=port), app, drain_s=settings.drain_s).run()
