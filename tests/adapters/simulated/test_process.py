"""The program as a process: its start, its clock, its log, its end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.support.rerank_prompts import body
from tests.support.simulated_provider import ROOT, SimulatedProvider, start_simulated


def timed(client: httpx.Client) -> tuple[float, float]:
    """Seconds to the first chunk and from there to the end, each the better of two: a busy machine only adds."""
    runs = [timed_once(client) for _ in range(2)]
    return min(first for first, _ in runs), min(rest for _, rest in runs)


def timed_once(client: httpx.Client) -> tuple[float, float]:
    started = time.perf_counter()
    first = 0.0
    with client.stream("POST", "/v1/chat/completions", json=body(stream=True)) as answer:
        for line in answer.iter_lines():
            if first == 0.0 and line.startswith("data: "):
                first = time.perf_counter() - started
    return first, time.perf_counter() - started - first


def test_the_timing_knobs_do_what_they_say(provider: SimulatedProvider, http: httpx.Client) -> None:
    """Four times the time to the first token, and a third of the speed, within a factor."""
    try:
        provider.turn(ttft_ms=80, tokens_per_s=1200)
        early, quick = timed(http)
        provider.turn(ttft_ms=320, tokens_per_s=400)
        late, slow = timed(http)
    finally:
        provider.turn(ttft_ms=0, tokens_per_s=0)
    assert 2.0 < late / early < 5
    assert 1.8 < slow / quick < 4.5


def test_an_unstreamed_answer_takes_as_long_as_its_tokens(provider: SimulatedProvider, http: httpx.Client) -> None:
    """It arrives when its last token would have."""
    try:
        provider.turn(ttft_ms=50, tokens_per_s=500)
        started = time.perf_counter()
        tokens = http.post("/v1/chat/completions", json=body()).json()["usage"]["completion_tokens"]
        took = time.perf_counter() - started
    finally:
        provider.turn(ttft_ms=0, tokens_per_s=0)
    assert took >= 0.05 + tokens / 500
    assert took < 2 * (0.05 + tokens / 500) + 0.2


def test_a_wrong_knob_is_refused_and_changes_nothing(provider: SimulatedProvider, http: httpx.Client) -> None:
    """400 with the reason; the knobs stay."""
    before = provider.status()["knobs"]
    for wrong in ({"quality": 2}, {"nonsense": 1}, [1], {"ttft_ms": "nan"}):
        assert http.post("/simulated/knobs", json=wrong).status_code == 400
    assert provider.status()["knobs"] == before


def test_a_client_that_leaves_is_counted(provider: SimulatedProvider, http: httpx.Client) -> None:
    """`left` counts it and nothing stays in flight."""
    before = provider.status()["counts"]["left"]
    with pytest.raises(httpx.ReadTimeout):
        http.post("/v1/chat/completions", json=body(), headers={"x-simulated-fault": "hang"}, timeout=0.2)
    deadline = time.monotonic() + 3
    while provider.status()["counts"]["in_flight"] > 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert provider.status()["counts"]["left"] == before + 1
    assert provider.status()["counts"]["in_flight"] == 0


def test_requests_are_kept_for_a_look(provider: SimulatedProvider, http: httpx.Client) -> None:
    """The body as it came, with the fault it met; no headers, so no keys."""
    http.post("/v1/chat/completions", json=body(user="seen"), headers={"authorization": "Bearer hush"})
    last = provider.requests()[-1]
    assert (last["body"], last["fault"]) == (body(user="seen"), None)
    assert last["seconds"] >= 0.0


def test_the_process_logs_the_truth_and_stops_cleanly(tmp_path: Path) -> None:
    """Ready line with the label, loopback only, the truth of each sentence, planted preferences, exit 0 on SIGTERM."""
    log, preferences = tmp_path / "truth.jsonl", tmp_path / "preferences.json"
    preferences.write_text(json.dumps({"Garden Hose": 3, "Toy Car": 2}))
    with start_simulated(
        ttft_ms=0, tokens_per_s=0, quality=1.0, lie_rate=1.0, log=log, preferences=preferences, fault=["error503:x@0"]
    ) as provider:
        assert "SIMULATED" in provider.ready_line
        assert provider.base_url.startswith("http://127.0.0.1:")
        answer = httpx.post(provider.base_url + "/chat/completions", json=body(), trust_env=False).json()
        reply = json.loads(answer["choices"][0]["message"]["content"])
        provider.process.send_signal(signal.SIGTERM)
        assert provider.process.wait(5) == 0
    assert reply["order"][:2] == ["F", "B"]
    order, *sentences = [json.loads(line) for line in log.read_text().splitlines()]
    assert (order["kind"], order["order"]) == ("order", reply["order"])
    assert order["utility"]["F"] > order["utility"]["B"] > order["utility"]["A"]
    assert [line["text"] for line in sentences] == [why["text"] for why in reply["why"]]
    assert all(not line["true"] and line["lie"] for line in sentences)


def test_a_stop_does_not_wait_for_an_answer_that_never_ends() -> None:
    """A hanging request holds the process for its grace and no longer."""
    with (
        start_simulated(fault="keepalives") as provider,
        httpx.stream(
            "POST", provider.base_url + "/chat/completions", json=body(stream=True), trust_env=False
        ) as answer,
    ):
        assert answer.status_code == 200
        provider.process.send_signal(signal.SIGTERM)
        assert provider.process.wait(5) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--quality", "7"], "quality"),
        (["--fault", "gremlins"], "gremlins"),
        (["--preferences", "absent.json"], "absent.json"),
    ],
)
def test_a_start_that_makes_no_sense_is_refused(arguments: list[str], said: str) -> None:
    """Exit 2, and the message says what is wrong."""
    ended = subprocess.run(
        [sys.executable, "-m", "evals.simulated", "--port", "0", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ended.returncode == 2
    assert said in ended.stderr


def test_a_port_in_use_is_refused() -> None:
    """Exit 2 rather than a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = subprocess.run(
            [sys.executable, "-m", "evals.simulated", "--port", str(taken.getsockname()[1])],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "could not start" in ended.stderr
