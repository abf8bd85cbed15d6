"""A small shop behind the real HTTP application: dict-backed fakes for store and service, written by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace

import httpx
import pytest
import structlog
from fastapi import FastAPI

from app.adapters.prometheus import Metrics
from app.admission import Door
from app.browse import Department, Listing, Order
from app.budgets import budgets_of
from app.domain.budgets import NOBODY, Payer
from app.domain.catalog import Product
from app.domain.deadline import Deadline
from app.domain.errors import ShopperErased, UnknownProduct, UnknownRecommendation
from app.domain.figures import AttributionRule
from app.domain.imports import Written
from app.domain.intake import Outcome
from app.domain.interactions import Consent, Interaction, Preferences, Shopper
from app.domain.privacy import ErasedKind, Erasure, Holdings, Receipt
from app.domain.ranking import Evidence, Explanation, Fate, Filters, PublicReason, Query, RankedItem, Slate
from app.domain.searching import Facets, FacetValue, PriceBand, SearchFacts
from app.ingest.catalogue import CatalogueEditor
from app.ingest.intake import EventIntake
from app.main import create_app
from app.ports import RateCounter
from app.privacy import PersonalData
from app.report import ReportDesk, ReportParts
from app.settings import Settings
from app.shelves import Shelved
from app.work import Streamed
from tests.api.chat_doubles import FakeAssistant
from tests.support.fake_attribution import FakeAttribution

NOW = 1_790_000_000.0  # 2026-09-21T14:13:20Z
SECRET = "sk-secret-0123456789"
PUBLISHABLE = "pk-publishable-0123456789"
TOKEN_SECRET = "t" * 40

PRODUCTS = {
    "p1": Product(
        product_id="p1",
        name="Headphones",
        description="Over-ear.",
        brand="Sonora",
        category="Electronics > Audio",
        price_minor=12990,
        list_price_minor=14990,
        cost_minor=4711,
        stock=7,
        image_url="https://shop.example/p1.jpg",
        url="https://shop.example/p1",
        tags=("wireless", "gift"),
        attributes={"colour": "black", "sizes": ("S", "M")},
        rating_value=4.5,
        rating_count=120,
        created_at=NOW - 86_400,
        seasons=("winter",),
    ),
    "p2": Product(product_id="p2", name="Mug", price_minor=900),
    "gone": Product(product_id="gone", name="Old radio", price_minor=2000, cost_minor=4711, available=False),
    "AB/12": Product(product_id="AB/12", name="Cable", price_minor=500),
    "free": Product(product_id="free", name="Sample"),
}


class FakeStore:
    """Products and shoppers in dicts."""

    def __init__(self) -> None:
        self.catalogue = dict(PRODUCTS)
        self.shoppers: dict[str, Shopper] = {}
        self.erased_at = 0.0  # everybody, at this time of the wall clock

    def products(self, product_ids: Sequence[str]) -> Mapping[str, Product]:
        return {p: self.catalogue[p] for p in product_ids if p in self.catalogue}

    @contextmanager
    def transaction(self) -> Iterator[FakeStore]:
        yield self

    def upsert_products(self, products: Sequence[Product], at: float) -> Written:
        new = sum(product.product_id not in self.catalogue for product in products)
        self.catalogue.update({product.product_id: product for product in products})
        return Written(inserted=new, updated=len(products) - new)

    def delete_products(self, product_ids: Sequence[str], at: float) -> int:
        return sum(self.catalogue.pop(product_id, None) is not None for product_id in product_ids)

    def shopper(self, user_id: str) -> Shopper:
        return self.shoppers.get(user_id, Shopper(user_id))

    def save_preferences(self, user_id: str, preferences: Preferences, *, asked_at: float | None = None) -> None:
        if asked_at is not None and asked_at <= self.erased_at:
            raise ShopperErased
        self.shoppers[user_id] = replace(self.shopper(user_id), preferences=preferences, known=True)

    def save_consent(self, user_id: str, consent: Consent, *, asked_at: float | None = None) -> None:
        if asked_at is not None and asked_at <= self.erased_at:
            raise ShopperErased
        self.shoppers[user_id] = replace(self.shopper(user_id), consent=consent, known=True)


class FakeRecords:
    """Shoppers of the fake store, exported and erased; `busy` keeps its files from being cleaned."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store
        self.busy = False
        self.receipts: dict[str, Receipt] = {}
        self.untrained: float | None = None
        self.held: dict[str, Holdings] = {}

    def holdings(self, user_id: str) -> Holdings:
        found = self.held.get(user_id, Holdings(self._store.shopper(user_id), False, None))
        return replace(found, shopper=self._store.shopper(user_id))

    def erase(self, subject: str, kind: ErasedKind, *, baseline_version: str | None) -> Erasure:
        held = self._store.shoppers.pop(subject, None)
        if held is None and subject in self.receipts:
            return Erasure(self.receipts[subject], ("p1:x",), (subject,), again=True)
        counts = {"events": 3, "profiles": int(held is not None)}
        receipt = Receipt(f"r-{subject}", NOW, counts, baseline_version, ("answers", "database"))
        self.receipts[subject] = receipt
        return Erasure(receipt, ("p1:x",), (subject,))

    def clean_files(self, traces: Sequence[str] | None, *, any_size: bool = False) -> bool:
        return not self.busy

    def unfinished(self) -> list[Erasure]:
        return [Erasure(receipt, ("p1:x",)) for receipt in self.receipts.values() if receipt.pending]

    def save_receipt(self, receipt: Receipt) -> None:
        self.receipts[receipt.receipt_id.removeprefix("r-")] = receipt

    def oldest_untrained(self, version: str | None) -> float | None:
        return self.untrained

    def key_problem(self) -> str | None:
        return None


class FakeShelves:
    """Serves p1 and p2 on every shelf, and remembers its slates where the service does."""

    def __init__(self, service: FakeService) -> None:
        self._service = service

    async def show(self, query: Query) -> Shelved:
        slate = await self._service.recommend(query, Deadline.after_ms(0))
        facets = Facets((FacetValue("Electronics", 1),), (FacetValue("Sonora", 1),), (PriceBand(0, 20_000, 2),))
        search = SearchFacts(2, facets, read_as="headphones") if query.shelf == "search" else None
        return Shelved(slate, search, "everybody" if query.shelf == "trending" else None)


class FakeBrowsing:
    """Everything is in Electronics, and p1 and p2 are all there is."""

    def departments(self) -> tuple[Department, ...]:
        return (Department("Electronics", 2, (Department("Electronics > Headphones", 2),)),)

    def listing(self, category: str, filters: Filters, order: Order, *, offset: int, limit: int) -> Listing | None:
        return Listing(("p1", "p2")[offset : offset + limit], 2, Facets()) if category == "Electronics" else None


class FakeService:
    """Serves p1 and p2 to everybody, notes what it was asked, and remembers its slates."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store
        self.queries: list[Query] = []
        self.deadlines: list[Deadline] = []
        self.payers: list[Payer] = []
        self.slates: dict[str, Slate] = {}
        self.fails_with: Exception | None = None

    async def recommend(self, query: Query, deadline: Deadline, payer: Payer = NOBODY) -> Slate:
        self.payers.append(payer)
        if self.fails_with is not None:
            raise self.fails_with
        if query.product_id is not None and query.product_id not in self._store.catalogue:
            raise UnknownProduct(query.product_id)
        self.queries.append(query)
        self.deadlines.append(deadline)
        evidence = Evidence(
            "e1", "price_vs_budget", "costs €129.90", {"price_minor": 12990, "budget_minor": 20000, "share_used": 0.65}
        )
        items = (
            RankedItem("p1", 1, 0.98765432, reason="Fits your budget.", reason_source="template", evidence=(evidence,)),
            RankedItem("p2", 2, 0.5, promoted=True, reason="Popular.", reason_source="template"),
        )
        slate = Slate(
            recommendation_id=f"rec{len(self.slates) + 1}",
            query=query,
            items=items[: query.limit],
            served_at=NOW,
            model="secret-model",
            rules_version="r1",
            baseline_version="b1",
            candidates=240,
            excluded={"stock": 3, "margin": 4, "exclusions": 2},
            latency_ms={"total": 4.25, "profile": 1.0},
        )
        self.slates[slate.recommendation_id] = slate
        return slate

    def again(self, query: Query) -> Slate | None:
        return None

    async def stream(
        self, query: Query, deadline: Deadline, until: Deadline, payer: Payer = NOBODY
    ) -> AsyncIterator[Streamed]:
        """The same slate twice under two ids, then one item's late sentence."""
        yield Streamed("baseline", await self.recommend(query, deadline))
        slate = await self.recommend(query, until)
        yield Streamed("slate", slate)
        yield Streamed("reason", slate, replace(slate.items[0], reason="Proved late.", reason_source="llm"))

    def products(self, product_ids: Sequence[str]) -> Mapping[str, Product]:
        return self._store.products(product_ids)

    async def fate(self, recommendation_id: str, product_id: str) -> Explanation:
        if recommendation_id not in self.slates:
            raise UnknownRecommendation(recommendation_id)
        slate = self.slates[recommendation_id]
        for item in slate.items:
            if item.product_id == product_id:
                served = Fate(product_id, "served", position=item.position)
                return Explanation(slate, served, NOW, item.reason, item.reason_source, item.evidence)
        dropped = Fate(product_id, "rule", rule="margin", public_reason="shop_policy", detail="margin 0.1 under 0.25")
        return Explanation(slate, dropped, NOW)


class FakeEventLog:
    """Events in a list; one whose id is there already is a duplicate."""

    def __init__(self) -> None:
        self.events: list[Interaction] = []
        self.fails_with: Exception | None = None

    def offer(self, events: Sequence[Interaction]) -> Future[Sequence[Outcome]]:
        if self.fails_with is not None:
            raise self.fails_with
        outcomes: list[Outcome] = []
        for event in events:
            held = any(event.event_id == other.event_id for other in self.events)
            outcomes.append("duplicate" if held else "accepted")
            if not held:
                self.events.append(event)
        result: Future[Sequence[Outcome]] = Future()
        result.set_result(outcomes)
        return result


@dataclass
class FakeHealth:
    """What readyz reports."""

    ready: bool = True
    degraded: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=lambda: {"baseline": "v1"})


class FixedClock:
    """Always NOW."""

    def now(self) -> float:
        return NOW


class FakeApplication:
    """What bootstrap would build."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = FakeStore()
        self.service = FakeService(self.store)
        self.slates = self.service.slates
        self.events = FakeEventLog()
        self.intake = EventIntake(
            self.events,
            currency=settings.currency,
            clock=FixedClock(),
            known_products=lambda: self.store.catalogue,
            wall=FixedClock().now,
        )
        self.shelves = FakeShelves(self.service)
        self.browsing = FakeBrowsing()
        self.records = FakeRecords(self.store)
        self.privacy = PersonalData(
            records=self.records,
            forget_answers=lambda _pseudonyms: 2,
            forget_rejects=lambda _traces: 1,
            baseline_version=lambda: "v1",
            wall=lambda: NOW,
        )
        self.rates: RateCounter | None = None
        self.door = Door(places_most=8, wait_s=0.1)
        self.assistant = FakeAssistant()
        self.attribution = FakeAttribution()
        rule = AttributionRule(window_s=7 * 86_400.0)
        parts = ReportParts(
            self.attribution, rule, settings.currency, FixedClock().now, self.attribution, budgets_of(settings)
        )
        self.reports = ReportDesk(parts, ThreadPoolExecutor(1))
        self.clock = FixedClock()
        self.metering = Metrics()
        self.changes = 0
        self.catalogue = CatalogueEditor(self.store, now=self.clock.now, changed=self._note_change)  # type: ignore[arg-type]
        self.rules_public_reasons: Mapping[str, PublicReason] = {"stock": "out_of_stock", "margin": "shop_policy"}
        self.state = FakeHealth()
        self.log: list[str] = []

    def _note_change(self) -> None:
        self.changes += 1

    def health(self) -> FakeHealth:
        return self.state

    async def start(self) -> None:
        self.log.append("start")

    async def close(self) -> None:
        self.log.append("close")


@dataclass
class Shop:
    """A running application: the fakes behind it and clients of every kind."""

    app: FastAPI
    behind: FakeApplication

    def client(self, *, address: str = "127.0.0.1", host: str = "localhost", **headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 4000))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.AsyncClient(transport=transport, base_url=f"http://{host}", headers=named)

    def secret(self) -> httpx.AsyncClient:
        return self.client(x_api_key=SECRET)

    def publishable(self, token: str | None = None) -> httpx.AsyncClient:
        return self.client(x_api_key=PUBLISHABLE, **({} if token is None else {"x_shopper_token": token}))

    async def token(self, user_id: str) -> str:
        async with self.secret() as client:
            answer = await client.post(f"/api/users/{user_id}/token")
        return str(answer.json()["token"])


def settings_with(**values: object) -> Settings:
    """Settings that ignore the environment and any .env file."""
    return Settings(_env_file=None, **values)  # type: ignore[call-arg, arg-type]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Shop]:
    """The application between its start and its end."""
    behind = FakeApplication(settings)
    app = create_app(lambda: behind)
    async with app.router.lifespan_context(app):
        yield Shop(app, behind)


OpenShop = Callable[..., AbstractAsyncContextManager[Shop]]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import os

    for name in [n for n in os.environ if n.startswith("SHELFWISE_")]:
        monkeypatch.delenv(name)
    yield
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def open_shop() -> OpenShop:
    """Starts an application with the settings given: `async with open_shop(currency="JPY") as shop`."""

    @asynccontextmanager
    async def start(**values: object) -> AsyncIterator[Shop]:
        async with running(settings_with(**values)) as shop:
            yield shop

    return start


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """With a secret key, a publishable key and a token secret."""
    async with running(
        settings_with(api_keys_secret=SECRET, api_keys_publishable=PUBLISHABLE, token_secret=TOKEN_SECRET)
    ) as shop:
        yield shop


@pytest.fixture
async def open_(open_shop: OpenShop) -> AsyncIterator[Shop]:
    """Without any key: this machine only."""
    async with open_shop() as shop:
        yield shop
