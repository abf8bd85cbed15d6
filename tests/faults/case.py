"""A fault, what must come of it, and the check of both through the real service."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import Authority
from tests.support.fault_server import Fault, FaultServer
from tests.support.faulted_service import Answer, FaultedService

SLACK_S = 1.0
"""Beyond the deadline, for a machine that does other things, too; `shelfwise eval load` measures the true figure."""

MEMORY_MB = 20.0
LEAK_S = 3.0


@dataclass
class Bench:
    """What a case works with."""

    service: FaultedService
    provider: FaultServer
    elsewhere: FaultServer  # another host; nothing may ever reach it
    authority: Authority
    alarms: list[str] = field(default_factory=list)  # what the client logged as errors in this case


@dataclass(frozen=True)
class Case:
    """One fault."""

    row: int  # of the list of faults
    name: str
    fault: Fault | None
    strategy: str = "baseline"
    fallback: str | None = "provider_error"
    outcome: str | None = "provider_error"  # of the one call in the ledger; None: no call was made
    requests: int | None = 1  # that reach the provider; None: it is none to count
    deadline_ms: int = 2000  # an upper bound: the slate comes as soon as the call has ended
    call_limit_s: float = 1.5
    limit: int = 5
    credit: bool = False  # a retry is paid for
    address: Callable[[Bench], AbstractContextManager[str]] | None = None  # instead of the provider's
    also: Callable[[Bench, Answer, Mapping[str, str]], None] | None = None  # what else must hold
    memory: bool = False  # memory may not grow by more than MEMORY_MB
    cached: bool = False  # a complete answer: the next request is served from the cache
    slow: bool = False

    @property
    def id(self) -> str:
        """How it is named in a test's id and on the page."""
        return f"{self.row:02d} {self.name}"


def check(case: Case, bench: Bench) -> None:
    """Runs the case. AssertionError: something that must hold does not."""
    service = bench.service
    bench.alarms.clear()
    if case.fault is not None:
        bench.provider.fault = case.fault
    who = service.shopper()
    with contextlib.ExitStack() as stack:
        stack.enter_context(recorded_alarms(bench))
        at_rest = service.at_rest()
        known = len(service.ledger())
        base = bench.provider.url if case.address is None else stack.enter_context(case.address(bench))
        stack.callback(service.leave)
        service.provider(base, call_limit_s=case.call_limit_s, credit=case.credit)
        grown = Growth() if case.memory else None
        answer = service.ask(who, deadline_ms=case.deadline_ms, limit=case.limit)
        assert answer.status == 200, answer.text
        assert answer.seconds <= case.deadline_ms / 1000 + SLACK_S, f"{answer.seconds:.2f} s"
        holds_the_rules(answer, bench, case.limit)
        told = answer.meta["strategy"], answer.meta["fallbackReason"]
        assert told == (case.strategy, case.fallback), told
        one_call(case, bench, known)
        if grown is not None:
            megabytes = grown.megabytes()
            assert megabytes < MEMORY_MB, f"{megabytes:.0f} MB"
        if case.also is not None:
            case.also(bench, answer, who)
        service.leave()  # from here on nobody can ask a model: what is answered as a model's comes from the cache
        again = service.ask(who, deadline_ms=0, limit=case.limit)
        assert (again.meta["strategy"] in {"cache", "stale"}) == case.cached, again.meta
        service.settled(known)
    bench.provider.drop()
    nothing_left(service, at_rest)


def one_call(case: Case, bench: Bench, known: int) -> None:
    """Exactly one row of the ledger, settled, with the outcome; exactly so many requests."""
    rows = bench.service.settled(known, case.call_limit_s + 3)
    outcomes = [row["outcome"] for row in rows]
    assert outcomes == ([] if case.outcome is None else [case.outcome]), outcomes
    if case.requests is not None:
        assert len(bench.provider.requests) == case.requests, f"{len(bench.provider.requests)} requests"
    assert not bench.elsewhere.requests, "another host was asked"


def holds_the_rules(answer: Answer, bench: Bench, limit: int) -> None:
    """The slate is full, without repeats, and every item of it may be sold to this shopper."""
    products = bench.service.products
    assert len(answer.items) == limit
    assert len(set(answer.shown)) == limit
    assert [item["position"] for item in answer.items] == list(range(1, limit + 1))
    scores = [item["relevanceScore"] for item in answer.items]
    assert scores == sorted(scores, reverse=True)
    for item in answer.items:
        row = products[item["productId"]]
        assert row["available"]
        assert row["stock"] is None or row["stock"] >= 1
        assert row["cost_minor"] is not None
        assert (row["price_minor"] - row["cost_minor"]) / row["price_minor"] >= 0.25
        assert round(float(item["price"]) * 100) == row["price_minor"]  # the catalogue's, whatever was said
        assert item["reason"]
    if limit <= 10:
        brands = Counter(products[p]["brand"] for p in answer.shown if products[p]["brand"])
        assert max(brands.values(), default=0) <= 2


def nothing_left(service: FaultedService, before: tuple[int, int]) -> None:
    """Neither more tasks nor more sockets than before, as soon as what is ending has ended."""
    ends = time.monotonic() + LEAK_S
    while any(now > then for now, then in zip(service.at_rest(), before, strict=True)):
        assert time.monotonic() < ends, f"(tasks, sockets) were {before}, are {service.at_rest()}"
        time.sleep(0.005)


def recorded_alarms(bench: Bench) -> AbstractContextManager[None]:
    """Notes what the model's client logs as an error."""

    class _Log:
        def error(self, event: str, **_: object) -> None:
            bench.alarms.append(event)

        def __getattr__(self, _: str) -> Callable[..., None]:
            return lambda *_args, **_kwargs: None

    @contextlib.contextmanager
    def patched() -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.adapters.llm.log", _Log())
            yield

    return patched()


class Growth:
    """How far the process's memory rises above where it is now (Linux)."""

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        self._before = _kilobytes("VmRSS")

    def megabytes(self) -> float:
        """Of the highest point since."""
        return max(0.0, (_kilobytes("VmHWM") - self._before) / 1024)


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


@contextlib.contextmanager
def resolver(fail_after_s: float) -> Any:
    """The base URL of a name that can't be resolved, which is found out after so many seconds."""
    real = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host in ("model.invalid", b"model.invalid"):
            time.sleep(fail_after_s)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("socket.getaddrinfo", lookup)
        yield "http://model.invalid/v1"


@contextlib.contextmanager
def certified(bench: Bench, **certificate: Any) -> Any:
    """The base URL of a provider behind TLS whose authority the service trusts."""
    with pytest.MonkeyPatch.context() as patch, FaultServer(tls=bench.authority.server(**certificate)) as server:
        patch.setenv("SSL_CERT_FILE", str(bench.authority.file))
        server.fault = bench.provider.fault or _nothing
        yield server.url


async def _nothing(_: Any) -> None:
    return None
