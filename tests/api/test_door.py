"""The door in front of the router: who gets in, who waits, who is refused and how, and that no place is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from app.admission import Door, Rank
from app.api.context import ApiContext
from app.api.door import AdmitAtDoor, class_of
from app.domain.budgets import NOBODY, Payer
from app.domain.deadline import Deadline
from app.domain.ranking import Query, Slate
from tests.api.conftest import Shop

HOME = "/api/recommendations?userId=123"


class Busy:
    """Takes the service's recommendations into the test's hands: each waits until it is let go."""

    def __init__(self, shop: Shop) -> None:
        self.waiting: list[asyncio.Event] = []
        self._recommend = shop.behind.service.recommend
        shop.behind.service.recommend = self.recommend  # type: ignore[method-assign]

    async def recommend(self, query: Query, deadline: Deadline, payer: Payer = NOBODY) -> Slate:
        self.waiting.append(event := asyncio.Event())
        await event.wait()
        return await self._recommend(query, deadline, payer)

    async def ask_at_once(self, query: Query) -> Slate:
        """A slate without waiting."""
        return await self._recommend(query, Deadline.after_ms(0))

    async def holds(self, n: int) -> None:
        """Until so many are in work."""
        async with asyncio.timeout(5):
            while len(self.waiting) < n:  # noqa: ASYNC110  (requests begin when they begin)
                await asyncio.sleep(0)

    def let_go(self) -> None:
        for event in self.waiting:
            event.set()


@pytest.fixture
async def full(shop: Shop) -> AsyncIterator[tuple[Shop, Busy, httpx.AsyncClient]]:
    """A shop with both of its places taken by slates, and where work is known to take a second each."""
    door = Door(places_most=2, wait_s=0.1)
    place = door.ask(Rank.SLATE, "recommendations", lambda: None)
    place.begin(time.monotonic() - 1.0)
    place.answered()
    place.end()
    shop.behind.door = door
    context: ApiContext = shop.app.state.api
    object.__setattr__(context, "door", door)
    busy = Busy(shop)
    async with shop.secret() as client:
        held = [asyncio.create_task(client.get(HOME)) for _ in range(2)]
        await busy.holds(2)
        yield shop, busy, client
        busy.let_go()
        assert [(await task).status_code for task in held] == [200, 200]
    assert (door.working, door.waiting, door.elsewhere, door.writing) == (0, 0, 0, 0)


Full = tuple[Shop, Busy, httpx.AsyncClient]


async def test_a_refusal_is_a_problem_with_a_time_to_come_back(full: Full) -> None:
    """503 in the one error shape, before routing and before the service is asked; Retry-After in whole seconds."""
    _, busy, client = full
    answer = await client.get(HOME)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert 1 <= int(answer.headers["retry-after"]) <= 4
    told = answer.json()
    assert (told["code"], told["status"], told["type"]) == ("overloaded", 503, "urn:shelfwise:problem:overloaded")
    assert told["requestId"] == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"
    assert len(busy.waiting) == 2


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_probes_and_scrapes_are_never_refused(full: Full, path: str) -> None:
    """Who watches has to know how it is just then."""
    assert (await full[2].get(path)).status_code == 200


async def test_files_of_pages_are_no_crowd(full: Full) -> None:
    """A page brings a dozen pictures at once, which must neither wait for slates nor keep them out."""
    _, busy, client = full
    answers = await asyncio.gather(*(client.get(f"/static/shop/p{n}.svg") for n in range(12)))
    assert {answer.status_code for answer in answers} <= {200, 404}
    assert len(busy.waiting) == 2


async def test_events_and_consent_come_first(full: Full) -> None:
    """What a shopper did or decided is taken while slates are refused."""
    _, _, client = full
    event = {"eventId": "e1", "type": "view", "userId": "123", "productId": "p1"}
    assert (await client.post("/api/events", json={"events": [event]})).status_code == 202
    consent = {"personalization": "none", "llmProcessing": False}
    assert (await client.put("/api/users/123/consent", json=consent)).status_code == 200
    assert (await client.delete("/api/users/123")).status_code == 200
    assert (await client.get(HOME)).status_code == 503


async def test_a_stranger_is_told_so_and_takes_no_place(full: Full) -> None:
    """Keys are looked at before the door."""
    shop, _, _ = full
    async with shop.client() as stranger:
        assert (await stranger.get(HOME)).status_code == 401


async def test_a_remembered_answer_is_given_while_others_are_refused(full: Full) -> None:
    """It costs less than a place."""
    shop, busy, client = full
    known = await busy.ask_at_once(Query(user_id="123"))
    shop.behind.service.again = lambda query: known  # type: ignore[method-assign]
    assert (await client.get(HOME)).status_code == 200
    shop.behind.service.again = lambda query: None  # type: ignore[method-assign]
    assert (await client.get(HOME)).status_code == 503


async def test_what_a_browser_fetches_on_suspicion_comes_last(shop: Shop) -> None:
    """A prefetch gets no more patience than a report does."""
    scope = {"path": "/api/search", "method": "GET", "headers": [(b"sec-purpose", b"prefetch;prerender")]}
    assert class_of(scope) == (Rank.REST, "search")
    assert class_of(scope | {"path": "/api/events", "method": "POST"}) == (Rank.WRITE, "events")


@pytest.mark.parametrize(
    ("method", "path", "rank"),
    [
        ("POST", "/api/events", Rank.WRITE),
        ("POST", "/api/feedback", Rank.WRITE),
        ("PUT", "/api/users/a/consent", Rank.WRITE),
        ("DELETE", "/api/users/a", Rank.WRITE),
        ("GET", "/api/users/a", Rank.REST),
        ("GET", "/api/users/a/preferences", Rank.SHELF),
        ("GET", "/api/recommendations", Rank.SLATE),
        ("POST", "/api/recommendations", Rank.SLATE),
        ("GET", "/api/recommendations/stream", Rank.SLATE),
        ("GET", "/api/recommendations/r1/why/p1", Rank.SHELF),
        ("GET", "/api/products/p1/similar", Rank.SHELF),
        ("GET", "/api/products/p1", Rank.SHELF),
        ("PUT", "/api/products/p1", Rank.REST),
        ("POST", "/api/products:batch", Rank.REST),
        ("GET", "/api/search", Rank.SHELF),
        ("POST", "/api/chat", Rank.CHAT),
        ("GET", "/api/metrics/business", Rank.REST),
        ("GET", "/api/costs", Rank.REST),
        ("GET", "/api/nothing", Rank.REST),
        ("GET", "/", Rank.SHELF),
    ],
)
def test_the_class_of_each_endpoint(method: str, path: str, rank: Rank) -> None:
    """The same where a proxy's prefix stands before the path."""
    scope = {"path": path, "method": method, "headers": []}
    assert class_of(scope)[0] is rank
    assert class_of(scope | {"path": "/shop" + path, "root_path": "/shop"})[0] is rank


class Entrance:
    """The middleware alone, in front of an application of the test's own."""

    def __init__(self, shop: Shop, door: Door, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        object.__setattr__(shop.app.state.api, "door", door)
        self._middleware, self._shop = AdmitAtDoor(app), shop
        self.sent: list[Message] = []

    async def __call__(self, path: str = "/api/recommendations") -> int | None:
        """The status of an answer; None: none was begun."""
        scope: Scope = {"type": "http", "app": self._shop.app, "method": "GET", "path": path, "headers": []}
        status = None

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            self.sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request"}

        await self._middleware(scope, receive, send)
        return status


async def _answered(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


@pytest.fixture
def door() -> Door:
    """Two places, and two seconds of patience: a test that is slow must not look like a crowd."""
    return Door(places_most=8, wait_s=2.0)


def empty(door: Door) -> bool:
    """Whether nobody has a place or waits for one."""
    return (door.working, door.waiting, door.elsewhere, door.writing) == (0, 0, 0, 0)


async def test_who_waits_is_served_when_a_place_is_free(shop: Shop, door: Door) -> None:
    """No refusal, and no place lost."""
    entrance = Entrance(shop, door, _answered)
    others = [door.ask(Rank.SLATE, "any", lambda: None) for _ in range(2)]
    waiting = asyncio.create_task(entrance())
    await asyncio.sleep(0)
    assert door.waiting == 1
    others[0].end()
    assert await waiting == 200
    others[1].end()
    assert empty(door)


async def test_a_wait_ends_with_a_refusal(shop: Shop) -> None:
    """When no place becomes free in time."""
    door = Door(places_most=2, wait_s=0.001)
    others = [door.ask(Rank.SLATE, "any", lambda: None) for _ in range(2)]
    assert await Entrance(shop, door, _answered)() == 503
    for place in others:
        place.end()
    assert empty(door)


async def test_a_client_that_leaves_while_it_waits_leaves_no_place_behind(shop: Shop, door: Door) -> None:
    """Neither before a place was granted nor in the moment in which it is."""
    entrance = Entrance(shop, door, _answered)
    others = [door.ask(Rank.SLATE, "any", lambda: None) for _ in range(2)]
    for granted_first in (False, True):
        waiting = asyncio.create_task(entrance())
        await asyncio.sleep(0)
        assert door.waiting == 1
        if granted_first:
            others[0].end()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert door.waiting == 0
    others[1].end()
    assert empty(door)
    assert not entrance.sent


@pytest.mark.parametrize("begun", [False, True])
async def test_a_handler_that_raises_leaves_no_place_behind(shop: Shop, door: Door, begun: bool) -> None:
    """Before its answer began and after."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        if begun:
            await _answered(scope, receive, send)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        await Entrance(shop, door, broken)()
    assert empty(door)


async def test_a_stream_holds_its_place_until_it_begins(shop: Shop, door: Door) -> None:
    """Afterwards it is only counted, until its end."""
    goes_on = asyncio.Event()

    async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
        assert door.working == 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        assert (door.working, door.elsewhere) == (0, 1)
        await goes_on.wait()

    running = asyncio.create_task(Entrance(shop, door, stream)("/api/recommendations/stream"))
    await asyncio.sleep(0)
    assert door.elsewhere == 1
    goes_on.set()
    await running
    assert empty(door)


async def test_readyz_says_that_the_service_ends(shop: Shop) -> None:
    """A load balancer looks elsewhere; who still asks is answered, but no chat is begun."""
    shop.app.state.api.door.draining = True
    async with shop.secret() as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get(HOME)).status_code == 200
        chat = await client.post("/api/chat", json={"id": "c1", "messages": []})
        assert (chat.status_code, chat.json()["code"]) == (503, "overloaded")
        assert "is ending" in chat.json()["detail"]
        assert (await client.get("/api/recommendations/stream?userId=123")).status_code == 503
