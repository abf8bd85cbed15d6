"""`shelfwise eval load`: what it refuses, and a short run against the real service."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn

from app.bootstrap import build
from app.domain.errors import BadInput
from app.main import create_app, server_config
from evals.load.command import Asked, chosen, run_load, wished
from evals.load.load_page import read_run
from evals.load.running import ROOT, free_port
from evals.load.scenarios import SCENARIOS
from evals.load.traffic import read_crowd
from tests.conftest import demo_settings

PLAIN = Asked(("all",), None, None, None, 5, Path("out"), Path("data"), 1, None, write=False, key_file=None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"scenarios": ("stedy",)}, "--scenario 'stedy' is none; choose from steady"),
        ({"rate": 5.0}, "--rate means something else in each scenario"),
        ({"requests": 50}, "--requests does not go with ramp"),
        ({"scenarios": ("outage",), "url": "http://127.0.0.1:1"}, "outage starts a service"),
    ],
)
def test_scenarios_that_can_not_be_run_are_refused(changes: dict[str, object], says: str) -> None:
    """One sentence that names the option, before anything is started."""
    with pytest.raises(BadInput, match=says):
        chosen(replace(PLAIN, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seconds": 5.0, "requests": 5}, "--seconds and --requests"),
        ({"write": True}, "--write and --key-file go with --url"),
        ({"url": "https://shop.example"}, "no https"),
        ({"url": "shop.example"}, "http://127.0.0.1:8000"),
        ({"url": "http://shop.example/api"}, "http://127.0.0.1:8000"),
        ({"url": "http://shop.example:99999"}, "is no address"),
        ({"url": "http://shop.example", "key_file": Path("nowhere")}, "--key-file nowhere can't be read"),
    ],
)
def test_options_that_contradict_each_other_are_refused(changes: dict[str, object], says: str) -> None:
    """So is an address or a key that can't be used."""
    with pytest.raises(BadInput, match=says):
        wished(replace(PLAIN, **changes))  # type: ignore[arg-type]


def test_a_key_is_sent_and_never_a_second_line(tmp_path: Path) -> None:
    """A key file holds one line; one with a line break inside would be another header."""
    kept = tmp_path / "key"
    kept.write_text("abc-123\n")
    asked = replace(PLAIN, url="http://shop.example", key_file=kept)
    assert wished(asked).headers == {"X-API-Key": "abc-123"}
    assert not wished(asked).writes
    kept.write_text("abc\r\nX-Other: 1")
    with pytest.raises(BadInput, match="holds no key"):
        wished(asked)


def test_all_leaves_out_what_starts_a_service() -> None:
    """Of a running service everything else is asked."""
    names = [scenario.name for scenario in chosen(replace(PLAIN, url="http://127.0.0.1:1"))]
    assert names == ["steady", "ramp", "overload", "mixed", "shoppers"]
    assert [scenario.name for scenario in chosen(PLAIN)] == list(SCENARIOS)


def test_a_folder_without_a_shop_is_refused(tmp_path: Path) -> None:
    """With a sentence that says how one is made."""
    with pytest.raises(BadInput, match="make demo"):
        read_crowd(tmp_path)
    (tmp_path / "shop.db").write_bytes(b"no database at all, but long enough to be looked at" * 40)
    with pytest.raises(BadInput, match="can't be read as a shop"):
        read_crowd(tmp_path)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """Reports that can't be written are not measured."""
    (tmp_path / "out").write_text("")
    with pytest.raises(BadInput, match=r"--out .* can't be written to: File exists"):
        run_load(replace(PLAIN, folder=tmp_path / "out"), print)


@pytest.fixture
def running(demo_copy: Path) -> Iterator[str]:
    """The address of the real service, without a model, in a thread."""
    settings = demo_settings(demo_copy)
    port = free_port()
    server = uvicorn.Server(server_config(create_app(lambda: build(settings)), settings, host="127.0.0.1", port=port))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        ends = time.monotonic() + 60.0
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < ends
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)


def test_a_short_run(running: str, demo_data_dir: Path, tmp_path: Path) -> None:
    """Every planned request is answered as it should be, and the reports say so with their plots."""
    out = tmp_path / "out"
    asked = replace(
        PLAIN, scenarios=("steady",), seconds=1.0, rate=15.0, folder=out, data=demo_data_dir, url=running, write=True
    )
    told: list[str] = []
    missed = run_load(asked, told.append)
    [result] = read_run(out).results
    slates = result.legs[0].figures.slates
    assert slates.planned >= 6
    assert result.measures["availability"] == 1.0
    assert result.measures["errors"] == 0
    assert result.legs[0].figures.fallbacks == {"no_model": slates.planned}
    assert result.legs[0].figures.kinds["events"].planned >= 2
    assert not [sentence for sentence in missed if "p99" not in sentence]
    page = (out / "load.html").read_text()
    assert page.count("<svg") == 1
    assert "SIMULATED" in page
    assert f"| steady | {slates.planned} |" in (out / "load.md").read_text()
    assert told[-1].startswith("Written: ")


@pytest.mark.slow
def test_scenarios_against_services_of_their_own(demo_data_dir: Path, tmp_path: Path) -> None:
    """The command starts what it needs, runs each for a moment and ends with 1 only for what it names."""
    names = [name for name in SCENARIOS if name not in ("ramp", "overload")]  # minutes, and more of the same processes
    command = [sys.executable, "-c", "from app.cli import main; main()", "eval", "load", "--seconds", "2"]
    command += [part for name in names for part in ("--scenario", name)]
    done = subprocess.run(
        [*command, "--data", str(demo_data_dir), "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    run = read_run(tmp_path)
    assert [result.name for result in run.results] == names
    assert done.returncode == (1 if any(result.missed for result in run.results) else 0), done.stderr
    for result in run.results:
        assert result.measures["slates"] > 0
        assert all(sentence in done.stderr.replace("\n", " ") for sentence in result.missed)
        assert result.service_cpu_ms > 0.0
    by_name = {result.name: result for result in run.results}
    assert by_name["outage"].legs[0].figures.fallbacks.keys() <= {
        "provider_error",
        "timeout",
        "circuit_open",
        "opted_out",
        "not_requested",
        "overloaded",
    }
    assert json.loads((tmp_path / "load.json").read_text())["results"]
