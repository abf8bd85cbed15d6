"""Two workers, one scrape and one log: what each counts and writes is there whoever is asked, and at the end."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running_workers import RunningWorkers, start_workers, wait_for

pytestmark = pytest.mark.slow

ENDPOINT = "/api/recommendations"
SEEN_S = 6.0
"""A worker brings what it counts where the others see it every 2 s."""


@pytest.fixture
def service(demo_data_dir: Path, tmp_path: Path) -> Iterator[RunningWorkers]:
    """Two workers without a model."""
    with start_workers(Path(shutil.copytree(demo_data_dir, tmp_path / "data"))) as running:
        yield running


def scrape(service: RunningWorkers, pid: int) -> str:
    """What this worker answers Prometheus."""
    service.connect()
    connection = service.connections[pid]
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.status == 200
    return answer.read().decode()


def value(text: str, name: str, **labels: str) -> float:
    """The sum of a metric's series that have these labels; 0 where there is none."""
    found = 0.0
    for series in re.finditer(rf"^shelfwise_{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE):
        named = dict(re.findall(r'(\w+)="([^"]*)"', series[1] or ""))
        if labels.items() <= named.items():
            found += float(series[2])
    return found


def counted(text: str) -> tuple[float, float, float, float]:
    """Requests, their observed durations, slates, and observed totals of slates: one each for each request."""
    return (
        value(text, "http_requests_total", endpoint=ENDPOINT, method="GET", status="2xx"),
        value(text, "http_request_seconds_count", endpoint=ENDPOINT),
        value(text, "slates_total", list="recommendations"),
        value(text, "stage_seconds_count", list="recommendations", stage="total"),
    )


def ask(service: RunningWorkers, pid: int, times: int) -> None:
    """The same question: the first answer is composed, the others are remembered."""
    for _ in range(times):
        service.ask(pid, f"{ENDPOINT}?userId=gamer")


def test_any_worker_answers_a_scrape_for_all(service: RunningWorkers) -> None:
    """Sums, not those of the worker that happens to be asked; what a dead worker had counted stays."""
    service.connect()
    first, second = sorted(service.workers())
    ask(service, first, 7)
    ask(service, second, 5)
    for pid in (first, second):
        assert wait_for(lambda pid=pid: counted(scrape(service, pid)) == (12,) * 4, f"sum at {pid}", SEEN_S)
        assert value(scrape(service, pid), "workers") == 2
    os.kill(second, signal.SIGKILL)
    service.forget(second)
    assert wait_for(lambda: len(service.workers() - {second}) == 2, "another worker", 60)
    assert counted(scrape(service, first)) == (12,) * 4
    ask(service, first, 1)
    [third] = service.workers() - {first, second}
    assert wait_for(lambda: counted(scrape(service, third)) == (13,) * 4, "sum at the new worker", SEEN_S)


def test_no_line_of_the_log_is_lost_at_the_end(service: RunningWorkers) -> None:
    """Lines wait for each other for a moment; a service that is told to end writes them first, those of all workers."""
    service.connect()
    for pid in sorted(service.workers()):
        ask(service, pid, 30)
    service.process.send_signal(signal.SIGTERM)
    service.process.wait(30)
    lines = [line for line in service.events("request") if line["endpoint"] == ENDPOINT]
    assert len(lines) == 60
    assert len({line["request_id"] for line in lines}) == 60
    assert {line["status"] for line in lines} == {200}
