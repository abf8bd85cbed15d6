"""Debian's Prometheus scrapes a service under load: every query of dashboard and alert rules returns data."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

import app.metering
from app.bootstrap import build
from app.main import create_app, server_config
from tests.conftest import demo_settings
from tests.docs.test_monitoring import RULES, queries
from tests.support.simulated_provider import start_simulated

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="Debian's package prometheus is not installed"),
]
LOAD_S = 25.0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _ask(url: str, body: object = None) -> dict[str, object]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        read = answer.read()
    return json.loads(read) if answer.headers.get_content_type() == "application/json" else {}


@pytest.fixture(scope="module")
def service(demo_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with a model, attribution every second, and a budget; its address."""
    data_dir = Path(shutil.copytree(demo_data_dir, tmp_path_factory.mktemp("scraped") / "data"))
    with (
        start_simulated(ttft_ms=20, tokens_per_s=2000, quality=1.0, lie_rate=0.3) as provider,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(app.metering, "ATTRIBUTION_EVERY_S", 1.0)
        settings = demo_settings(
            data_dir,
            llm_model="openai/simulated-ranker",
            llm_api_base=provider.base_url,
            llm_api_key="none",
            llm_price_input_usd=0.15,
            llm_price_output_usd=0.6,
            llm_deadline_ms=2000,
            llm_daily_budget_usd=5.0,
        )
        port = _free_port()
        server = uvicorn.Server(
            server_config(create_app(lambda: build(settings)), settings, host="127.0.0.1", port=port)
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        until = time.monotonic() + 120
        while not server.started and time.monotonic() < until:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def prometheus(service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has scraped the service under load; its address."""
    folder = tmp_path_factory.mktemp("prometheus")
    port = _free_port()
    target = service.removeprefix("http://")
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{RULES}']\n"
        f"scrape_configs: [{{job_name: shelfwise, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _load(service)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _load(service: str) -> None:
    """Shoppers with and without an intent, shelves, the assistant, events with clicks and purchases, and rubbish."""
    until, n = time.monotonic() + LOAD_S, 0
    while time.monotonic() < until:
        n += 1
        shopper = ("gamer", "student", "123")[n % 3]
        slate = _ask(f"{service}/api/recommendations?userId={shopper}&query=lamp+{n % 40}")
        _ask(f"{service}/api/recommendations?userId={shopper}&query=chair+{n}&deadlineMs=1")  # nothing comes in time
        _ask(f"{service}/api/search?q=lamp")
        if slate["recommendations"]:  # the student may have bought every lamp within the budget by then
            _shown(service, slate, shopper, n)
        if n % 10 == 1:
            message = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "a lamp for my desk"}]}
            _ask(f"{service}/api/chat", {"id": f"c{n}", "messages": [message], "userId": shopper})


def _shown(service: str, slate: dict[str, object], shopper: str, n: int) -> None:
    product = slate["recommendations"][0]["productId"]  # type: ignore[index]
    common = {"userId": shopper, "recommendationId": slate["recommendationId"], "productId": product}
    events = [{"type": kind, **common} for kind in ("impression", "click")]
    events += [{"type": "purchase", "transactionId": f"t{n}", "quantity": 1, "price": 5, **common}, {"type": "quux"}]
    _ask(f"{service}/api/events", {"events": events})


def _values(prometheus: str, query: str) -> list[float]:
    asked = urllib.parse.urlencode({"query": query.replace("$__rate_interval", "20s")})
    found = _ask(f"{prometheus}/api/v1/query?{asked}")
    assert found["status"] == "success", query
    result = found["data"]["result"]  # type: ignore[index]
    return [float(one["value"][1]) for one in result]


def test_every_query_returns_data(prometheus: str) -> None:
    """Each panel, and each alert without its threshold, has a figure that is a number."""
    empty = []
    for where, query in queries():
        bare = query if where.startswith("panel") else _without_threshold(query)
        if not [value for value in _values(prometheus, bare) if not math.isnan(value)]:
            empty.append((where, bare))
    assert empty == []


def test_the_service_under_load_sets_off_no_alarm_but_those_of_its_figures(prometheus: str) -> None:
    """The rules are loaded by the real thing; a healthy service is told nothing."""
    groups = _ask(f"{prometheus}/api/v1/rules")["data"]["groups"]  # type: ignore[index]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == sum(where.startswith("alert") for where, _ in queries())
    assert {rule["health"] for rule in rules} == {"ok"}
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


def _without_threshold(query: str) -> str:
    """The left side of an alert's comparison."""
    first = query.split(" and ")[0].strip()
    for sign in (" == ", " > ", " < "):
        if sign in first:
            return first.rsplit(sign, 1)[0].strip()
    with contextlib.suppress(ValueError):
        return first[: first.rindex(">")].strip()
    raise AssertionError(query)
