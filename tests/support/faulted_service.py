"""The real service on loopback, in a thread of this process, before a provider that misbehaves.

One service serves a whole module: a case takes a fresh model client (own connections, own breaker, own retry budget)
with `provider`, and a shopper whom nobody asked for before with `shopper`, so that no case sees another's cache entry.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import structlog
import uvicorn

from app.adapters.llm import LiteLlmClient
from app.adapters.llm_library import import_litellm, rehearse
from app.bootstrap import Application, build
from app.domain.deadline import Deadline
from app.domain.model_calls import ModelCall, ModelReply
from app.main import create_app, server_config
from tests.conftest import demo_settings
from tests.support.loop_thread import LoopThread

_T = TypeVar("_T")

MODEL = "openai/fault-model"
PRICE_USD = (0.15, 0.60)


class MovedClock:
    """The monotonic clock, moved on by hand where a case waits for a cool-down."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return time.monotonic() + self.ahead_s


class SwitchedClient:
    """`app.ports.ModelClient` that hands everything to the client in force: the real one, another one per case."""

    model = MODEL

    def __init__(self, first: LiteLlmClient) -> None:
        self.now = first

    def refusal(self) -> Any:
        return self.now.refusal()

    def start(self, call: ModelCall, deadline: Deadline, on_end: Callable[[ModelReply], None]) -> Any:
        return self.now.start(call, deadline, on_end)

    def worst_case_usd(self, call: ModelCall) -> float:
        return self.now.worst_case_usd(call)

    def price_of(self, model: str | None = None) -> tuple[float, float] | None:
        return self.now.price_of(model)

    async def warm(self, schemas: Mapping[str, Mapping[str, object]] | None = None) -> None:
        """Nothing: clients are warmed where they are made."""

    async def close(self) -> None:
        await self.now.close()

    def __getattr__(self, name: str) -> Any:
        """Whatever else is asked of a client: gauges look at its breaker and its places."""
        return getattr(self.now, name)


@dataclass(frozen=True)
class Answer:
    """One answer over HTTP."""

    status: int
    body: Any
    seconds: float
    text: str

    @property
    def meta(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body["meta"]
        return found

    @property
    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body["recommendations"]
        return found

    @property
    def shown(self) -> list[str]:
        return [item["productId"] for item in self.items]


@dataclass
class FaultedService:
    """The running service and what a case does with it."""

    application: Application
    loop: LoopThread
    port: int
    client: SwitchedClient
    clock: MovedClock
    http: httpx.Client
    shoppers: Iterator[Mapping[str, str]]
    products: Mapping[str, Mapping[str, Any]]  # id → row of the catalogue
    _opened: list[LiteLlmClient] = field(default_factory=list)

    def provider(
        self, api_base: str, *, call_limit_s: float = 0.5, max_concurrency: int = 16, credit: bool = False
    ) -> None:
        """A fresh client for this provider.

        Args: call_limit_s: when a call ends, whatever drips in; credit: as after ten calls, which pay for a retry.
        """
        opened = LiteLlmClient.open(
            MODEL,
            api_base,
            "fault-key",
            max_concurrency=max_concurrency,
            explicit_price=PRICE_USD,
            clock=self.clock,
            call_limit_s=call_limit_s,
        )
        assert self.application.model is not None
        schema = self.application.model.prompt.schema or {}
        self.loop.call(opened.warm({"rerank": schema}))
        self._opened.append(opened)
        self.client.now = opened
        if credit:
            self.earn_retry()

    def earn_retry(self) -> None:
        """What ten calls pay in: the budget of retries has no other way in."""
        guard = self.client.now._guard
        for _ in range(10):
            guard.budget.note_call()

    def leave(self) -> None:
        """Closes the case's clients; no call can be made until the next `provider`."""
        while self._opened:
            self.loop.call(self._opened.pop().close())

    def shopper(self) -> Mapping[str, str]:
        """A shopper with a history and with consent, at a place where nobody asked for them before."""
        return next(self.shoppers)

    def ask(self, who: Mapping[str, str], *, deadline_ms: int = 200, limit: int = 5, **more: object) -> Answer:
        """A slate."""
        parameters = {**who, "limit": limit, "deadlineMs": deadline_ms, **more}
        began = time.monotonic()
        try:
            answer = self.http.get("/api/recommendations", params=parameters)
        except httpx.TransportError as error:
            raise AssertionError(f"no answer: {type(error).__name__}") from error
        seconds = time.monotonic() - began
        is_json = "json" in answer.headers.get("content-type", "")
        return Answer(answer.status_code, answer.json() if is_json else None, seconds, answer.text)

    def chat(self, user: str, text: str) -> list[dict[str, Any]]:
        """The parts of the assistant's answer, in order."""
        message = {"role": "user", "parts": [{"type": "text", "text": text}]}
        answer = self.http.post("/api/chat", json={"userId": user, "messages": [message]}, timeout=30)
        assert answer.status_code == 200, answer.text
        lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
        assert lines[-1] == "[DONE]"
        return [json.loads(line) for line in lines[:-1]]

    def ledger(self) -> list[dict[str, Any]]:
        """Every call in the ledger, oldest first."""
        with closing(sqlite3.connect(self.application.settings.data_dir / "shop.db")) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM model_calls ORDER BY at, call_id")]

    def settled(self, after: int, timeout_s: float = 4.0) -> list[dict[str, Any]]:
        """The calls after the first `after` of the ledger, once none of them is pending and none runs."""
        assert self.application.model is not None
        stage = self.application.model.stage
        wait_until(lambda: not stage.busy, "the end of every call", timeout_s)
        return self.ledger()[after:]

    def sockets(self) -> int:
        """Sockets that this process holds."""
        return sum(is_socket(entry) for entry in Path("/proc/self/fd").iterdir())

    def at_rest(self) -> tuple[int, int]:
        """(tasks of the service's loop, sockets)."""
        return self.loop.tasks(), self.sockets()


def is_socket(entry: Path) -> bool:
    """Whether a file descriptor under /proc is a socket; one that was closed meanwhile is none."""
    try:
        return str(entry.readlink()).startswith("socket:")
    except OSError:
        return False


def wait_until(look: Callable[[], object], what: str, timeout_s: float = 5.0) -> None:
    """Returns as soon as `look` is true; AssertionError where it is not in time."""
    ends = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < ends, f"no {what} within {timeout_s:g} s"
        time.sleep(0.005)


@contextmanager
def faulted_service(data_dir: Path, **changes: object) -> Iterator[FaultedService]:
    """The service over this data folder, which it may change. No model is reached before `provider` names one."""
    import_litellm()
    clock = MovedClock()
    first = LiteLlmClient.open(MODEL, "http://127.0.0.1:9/v1", "none", explicit_price=PRICE_USD)
    client = SwitchedClient(first)
    settings = demo_settings(data_dir, llm_model=MODEL, llm_price_input_usd=0.15, llm_price_output_usd=0.6, **changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.model_parts.open_client", lambda _settings: client)
        application = build(settings)
    hasty = pytest.MonkeyPatch()
    hasty.setattr("app.adapters.llm.rehearse", _once(rehearse))  # each case has a client, the library only one start
    hasty.setattr("app.metered.SETTLE_AFTER_S", 0.0)
    logging_before = structlog.get_config()
    structlog.configure(processors=[_unheard])  # a failure drawn with its variables takes seconds
    loop = LoopThread("service")
    config = server_config(create_app(lambda: application), settings, host="127.0.0.1", port=0)
    server = uvicorn.Server(config)
    serving = asyncio.run_coroutine_threadsafe(server.serve(), loop.loop)
    try:
        wait_until(lambda: server.started or serving.done(), "start of the service", 60)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=8) as http:
            yield FaultedService(application, loop, port, client, clock, http, _shoppers(data_dir), _products(data_dir))
    finally:
        server.should_exit = True
        with contextlib.suppress(TimeoutError):
            serving.result(20)
        loop.stop()
        hasty.undo()
        structlog.configure(**logging_before)


def _unheard(*_: object) -> dict[str, object]:
    raise structlog.DropEvent


def _once(work: Callable[..., None]) -> Callable[..., None]:
    """The same the first time, nothing after that."""
    done: list[bool] = []

    def first(*args: Any) -> None:
        if not done:
            work(*args)
            done.append(True)

    return first


def _shoppers(data_dir: Path) -> Iterator[Mapping[str, str]]:
    """Shoppers with six events or more who agreed to a model, without a budget that leaves them little choice."""
    with closing(sqlite3.connect(data_dir / "shop.db")) as connection:
        rows = connection.execute(
            "SELECT user_id FROM shoppers WHERE llm_processing = 1 AND personalization = 'full' AND "
            "(SELECT COUNT(*) FROM events WHERE events.user_id = shoppers.user_id) >= 6 "
            "AND (budget_minor IS NULL OR budget_minor > 20000) ORDER BY user_id"
        ).fetchall()
    for placement in ("home", "email", "cart", "search"):
        yield from ({"userId": row[0], "placement": placement} for row in rows)


def _products(data_dir: Path) -> Mapping[str, Mapping[str, Any]]:
    with closing(sqlite3.connect(data_dir / "shop.db")) as connection:
        connection.row_factory = sqlite3.Row
        return {row["product_id"]: dict(row) for row in connection.execute("SELECT * FROM products WHERE deleted = 0")}
