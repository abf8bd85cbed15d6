"""Two workers, one shop: what one store write does to the answers of both, and what each may die of."""

from __future__ import annotations

import functools
import http.client
import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from app.adapters.sql_store.store import SqlStore
from app.bootstrap import open_store
from app.domain.interactions import EventKind, Interaction
from tests.conftest import demo_settings
from tests.support.running_workers import RunningWorkers, alive, wait_for
from tests.support.simulated_provider import SimulatedProvider

BOUND_S = 1.0
"""Within which a change is seen by every worker (the contract)."""


@pytest.fixture
def store(service: RunningWorkers) -> SqlStore:
    """The same store, written to by a process that is no worker."""
    opened = open_store(demo_settings(service.data_dir))
    yield opened
    opened.close()


def slate(service: RunningWorkers, pid: int, user: str = "gamer", **more: object) -> dict[str, object]:
    parameters = "&".join(f"{name}={value}" for name, value in {"userId": user, "limit": 5, **more}.items())
    return service.ask(pid, f"/api/recommendations?{parameters}")


def shown(answer: dict[str, object]) -> list[str]:
    return [item["productId"] for item in answer["recommendations"]]


def test_both_answer_and_one_leads(service: RunningWorkers) -> None:
    """Two processes answer on one port, Chroma runs beside them, and the lease is one worker's."""
    assert service.process.poll() is None, service.log
    workers = service.workers()
    assert len(workers) == 2
    assert service.chroma() not in workers
    assert service.leader() in workers
    for pid in workers:
        assert service.ask(pid, "/readyz")["status"] == "ok"


def test_an_answer_of_one_worker_is_read_by_the_other(service: RunningWorkers) -> None:
    """The order that a model gave to one is a cache hit for the other."""
    first, second = sorted(service.workers())
    assert wait_for(lambda: slate(service, first, "student")["meta"]["strategy"] in {"llm", "cache"}, "model's answer")
    assert wait_for(lambda: slate(service, second, "student")["meta"]["strategy"] == "cache", "hit", 5)


def test_one_question_to_both_is_one_call(service: RunningWorkers, provider: SimulatedProvider) -> None:
    """Asked of both at once: the model hears it once, both slates are ordered by its answer in time."""
    provider.turn(ttft_ms=300)
    service.connect()
    for turn in range(3):
        before = len(service.calls())
        with ThreadPoolExecutor(2) as askers:
            ask = functools.partial(
                slate, service, user=f"pair-{turn}", query=f"waterproof+tent+{turn}", deadlineMs=2000
            )
            answers = list(askers.map(ask, sorted(service.workers())))
        assert sorted(answer["meta"]["strategy"] for answer in answers) == ["cache", "llm"]
        assert len(service.calls()) == before + 1
        assert len({tuple(shown(answer)) for answer in answers}) == 1
    provider.turn(ttft_ms=0)


@pytest.mark.parametrize("change", [{"stock": 0}, {"available": False}])
def test_a_product_that_goes_is_gone_from_every_worker(
    service: RunningWorkers, store: SqlStore, change: dict[str, object]
) -> None:
    """Sold out or switched off by any process: within a second no worker shows it, cached slates included."""
    workers = sorted(service.workers())
    for pid in workers:
        wait_for(lambda pid=pid: slate(service, pid, "student")["meta"]["strategy"] == "cache", "cached slate", 10)
    product_id = shown(slate(service, workers[0], "student"))[0]
    before = store.products([product_id])[product_id]
    store.upsert_products([replace(before, **change)], at=store.last_event_at() or 0.0)
    written = time.monotonic()
    last_seen: dict[int, float] = dict.fromkeys(workers, 0.0)
    while (elapsed := time.monotonic() - written) < 2 * BOUND_S:
        for pid in workers:
            answer = slate(service, pid, "student")
            assert answer["meta"]["strategy"] in {"cache", "stale"}
            if product_id in shown(answer):
                last_seen[pid] = elapsed
    store.upsert_products([before], at=store.last_event_at() or 0.0)
    assert max(last_seen.values()) < BOUND_S
    for pid in workers:
        wait_for(lambda pid=pid: product_id in shown(slate(service, pid, "student")), "return of the product", 5)


def test_an_event_changes_the_slate_of_every_worker(service: RunningWorkers, store: SqlStore) -> None:
    """A dismissed product is not shown to that shopper again, by no worker, within a second."""
    workers = sorted(service.workers())
    product_id = shown(slate(service, workers[0], "123"))[0]
    at = store.last_event_at() or 0.0
    event = Interaction("workers-1", EventKind.DISMISS, at, user_id="123", product_id=product_id)
    with store.transaction() as transaction:
        transaction.insert_events([event])
    written = time.monotonic()
    for pid in workers:
        wait_for(lambda pid=pid: product_id not in shown(slate(service, pid, "123")), "slate without it", 5)
    assert time.monotonic() - written < BOUND_S


@pytest.mark.slow
def test_answers_go_on_without_chroma(service: RunningWorkers) -> None:
    """Killed: every request is answered meanwhile, by exact search; a new server takes its place."""
    before = service.chroma()
    os.kill(before, signal.SIGKILL)
    degraded = 0
    for turn in range(40):
        for pid in service.workers():
            assert len(shown(slate(service, pid, f"new-{turn}", query="headphones", reasons="none"))) == 5
            degraded += "index" in service.ask(pid, "/readyz")["degraded"]
    assert degraded > 0
    wait_for(lambda: service.chroma() != before, "new server")
    for pid in service.workers():
        wait_for(lambda pid=pid: service.ask(pid, "/readyz")["status"] == "ok", "worker that uses it", 10)


@pytest.mark.slow
def test_the_leaders_death(service: RunningWorkers, store: SqlStore) -> None:
    """kill -9: only requests in flight on it fail, changes go on being applied, another leads, its place is filled."""
    victim = service.leader()
    (survivor,) = service.workers() - {victim}
    failures: list[tuple[float, str]] = []
    answered: list[float] = []
    stop = threading.Event()

    def ask_on() -> None:
        """A new connection per request: none of them outlives a worker."""
        while not stop.is_set():
            began = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
            try:
                connection.request("GET", "/api/recommendations?userId=gamer&limit=3&reasons=none")
                answer = connection.getresponse()
                assert json.loads(answer.read())["recommendations"]
                answered.append(began)
            except (OSError, http.client.HTTPException) as error:
                failures.append((began, repr(error)))
            finally:
                connection.close()

    askers = [threading.Thread(target=ask_on) for _ in range(3)]
    for asker in askers:
        asker.start()
    time.sleep(0.5)
    service.forget(victim)
    killed = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    product_id = shown(slate(service, survivor))[0]
    product = store.products([product_id])[product_id]
    store.upsert_products([replace(product, stock=0)], at=store.last_event_at() or 0.0)
    wait_for(lambda: product_id not in shown(slate(service, survivor)), "change without a leader", 2)
    wait_for(lambda: service.leader() not in {None, victim}, "new leader", 10)
    led_after = time.monotonic() - killed
    wait_for(lambda: len(service.workers() - {victim}) == 2, "replacement", 30)
    service.connect()
    stop.set()
    for asker in askers:
        asker.join()
    store.upsert_products([product], at=store.last_event_at() or 0.0)
    assert led_after < 8.0
    assert not alive(victim)
    assert len(answered) > 50
    assert len(failures) <= len(askers)
    assert all(began <= killed + 0.1 for began, _ in failures), failures


def test_a_stop_lets_running_requests_end(service: RunningWorkers, provider: SimulatedProvider) -> None:
    """SIGTERM: a request that waits for the model is answered, then every process is gone."""
    provider.turn(ttft_ms=1500)
    everyone = service.family()
    answers: list[int] = []

    def ask_slowly() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
        connection.request("GET", "/api/recommendations?anonymousId=late&query=tent&limit=3")
        answers.append(connection.getresponse().status)
        connection.close()

    askers = [threading.Thread(target=ask_slowly) for _ in range(4)]
    for asker in askers:
        asker.start()
    time.sleep(0.5)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(30) == 0
    for asker in askers:
        asker.join()
    assert answers == [200] * 4
    wait_for(lambda: not any(alive(pid) for pid in everyone), "end of every process", 5)
