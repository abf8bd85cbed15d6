"""What a shopper does over HTTP changes that shopper's next slate, on this worker and on another, cached orders too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from app.bootstrap import Application, build
from app.main import create_app
from tests.conftest import demo_settings
from tests.support.simulated_provider import start_simulated

FULL = {"personalization": "full", "llmProcessing": True}
GAMER = {"user_id": "gamer", "anonymous_id": None, "session_id": None}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The base URL of a program that plays a model provider."""
    with start_simulated(ttft_ms=0, tokens_per_s=0, quality=1.0) as running:
        yield running.base_url


class Worker:
    """One running service and a client that calls it as the shop itself."""

    def __init__(self, application: Application, client: httpx.AsyncClient) -> None:
        self.application, self.client = application, client

    async def slate(self, **asked: object) -> dict[str, object]:
        """A slate; the model, where there is one, is waited for."""
        params = {"limit": 5, "deadlineMs": 2000, **asked}
        answer = await self.client.get("/api/recommendations", params=params)  # type: ignore[arg-type]
        assert answer.status_code == 200
        return dict(answer.json())

    async def did(self, **event: object) -> None:
        """One event, accepted."""
        answer = await self.client.post("/api/events", json={"events": [event]})
        assert answer.json() == {"accepted": 1, "duplicates": 0, "rejected": []}


def _served(slate: dict[str, object]) -> list[str]:
    return [item["productId"] for item in slate["recommendations"]]  # type: ignore[attr-defined, misc]


def _strategy(slate: dict[str, object]) -> str:
    return str(slate["meta"]["strategy"])  # type: ignore[index]


@pytest.fixture
async def start(demo_copy: Path) -> AsyncIterator[object]:
    """Starts services on one data folder: `await start()`, `await start(llm_api_base=...)`."""
    async with AsyncExitStack() as stack:

        async def run(**changes: object) -> Worker:
            application = build(demo_settings(demo_copy, **changes))
            app = create_app(lambda: application)
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app)
            client = await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30)
            )
            return Worker(application, client)

        yield run


async def test_a_dismissal_leaves_the_next_slate_on_every_worker(start) -> None:
    """Also on a worker that has served the same shopper before and learned nothing since."""
    one, other = await start(), await start()
    before = _served(await other.slate(userId="gamer"))
    await one.did(type="dismiss", userId="gamer", productId=before[0])
    for worker in (one, other):
        assert before[0] not in _served(await worker.slate(userId="gamer"))


async def test_a_cached_order_honours_what_was_dismissed_since(start, provider: str) -> None:
    """The same stored order goes on, without the product."""
    worker = await start(
        llm_model="openai/simulated-ranker",
        llm_api_base=provider,
        llm_api_key="none",
        llm_price_input_usd=0.15,
        llm_price_output_usd=0.6,
    )
    await worker.slate(userId="gamer")
    cached = await worker.slate(userId="gamer")
    assert _strategy(cached) == "cache"
    # One that nothing was done to before: without it the profile, which is part of the key, is the same.
    known = {i.product_id for i in worker.application.store.interactions(**GAMER, limit=1000)}
    gone = next(product for product in _served(cached) if product not in known)
    await worker.did(type="dismiss", userId="gamer", productId=gone)
    after = await worker.slate(userId="gamer")
    assert _strategy(after) == "cache"
    assert gone not in _served(after)
    # What changes who the shopper is asks the model anew: from here on this is somebody with a longer history.
    await worker.client.put("/api/users/fresh/consent", json=FULL)
    await worker.slate(userId="fresh", query="tea")
    assert _strategy(await worker.slate(userId="fresh", query="tea")) == "cache"
    for number, product in enumerate(_served(cached)[1:5]):
        await worker.did(type="add_to_cart", userId="fresh", productId=product, eventId=f"cart-{number}")
    assert _strategy(await worker.slate(userId="fresh", query="tea")) == "llm"


async def test_what_a_visitor_did_follows_them_when_they_sign_in(start) -> None:
    """From the event that names both ids, on every worker and without the visitor's id."""
    one, other = await start(), await start()
    await one.client.put("/api/users/newcomer/consent", json=FULL)
    stranger = await other.slate(userId="newcomer")
    wanted = _served(await one.slate(userId="gamer"))
    for product in wanted[:3]:
        await one.did(type="purchase", anonymousId="browser", productId=product)
    assert _served(await other.slate(userId="newcomer")) == _served(stranger)
    await one.did(type="view", userId="newcomer", anonymousId="browser", productId=wanted[3])
    known = await other.slate(userId="newcomer")
    assert _served(known) != _served(stranger)
    assert not set(wanted[:3]) & set(_served(known))  # owned


async def test_a_vote_counts_at_once(start) -> None:
    """Dismissed by feedback: out of the next slate; voted down: liked less than before, and never owned."""
    worker = await start()
    slate = await worker.slate(userId="gamer")
    vote = {"recommendationId": slate["recommendationId"], "productId": _served(slate)[0], "vote": "dismiss"}
    answer = await worker.client.post("/api/feedback", json=vote | {"note": "no more of these"})
    assert answer.status_code == 202
    assert _served(slate)[0] not in _served(await worker.slate(userId="gamer"))


async def test_an_event_without_a_time_leaves_the_shop_in_its_season(start) -> None:
    """Under AS_OF=last-event it happens now by the shop's clock; one that says when it happened moves that clock."""
    worker = await start()
    clock = worker.application.clock
    before = clock.now()
    await worker.did(type="view", userId="gamer", productId="x1")
    assert clock.now() == before
    await worker.did(type="view", userId="gamer", productId="x1", timestamp=before + 60)
    assert clock.now() == before + 60
