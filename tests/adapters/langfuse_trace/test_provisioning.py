"""`shelfwise langfuse provision` and `report`, shown against the stand-in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.adapters.langfuse_trace.dashboard import DASHBOARD, widgets
from app.cli import app
from app.domain.errors import ConfigurationError, StoreUnavailable
from app.domain.interactions import EventKind
from tests.support.langfuse_stand_in import PUBLIC, SECRET, LangfuseStandIn
from tests.support.langfuse_told import NOW, event, row, slate, told, tracing

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def langfuse() -> Iterator[LangfuseStandIn]:
    with LangfuseStandIn() as running:
        yield running
        assert running.refusals == []


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of a developer


def run(langfuse: LangfuseStandIn, *arguments: str, **changes: str) -> Result:
    environment = {
        "SHELFWISE_LANGFUSE_HOST": langfuse.url,
        "SHELFWISE_LANGFUSE_PUBLIC_KEY": PUBLIC,
        "SHELFWISE_LANGFUSE_SECRET_KEY": SECRET,
        **changes,
    }
    return CliRunner(env=environment).invoke(app, ["langfuse", *arguments])


def test_a_second_run_changes_nothing(langfuse: LangfuseStandIn) -> None:
    """The first creates score configs, prompts, widgets and a dashboard that holds them all; the second only reads."""
    first = run(langfuse, "provision")
    assert first.exit_code == 0, first.output
    held = langfuse.held
    assert {one["name"]: one["dataType"] for one in held.score_configs} == dict.fromkeys(
        ("click", "add_to_cart", "purchase"), "BOOLEAN"
    )
    (board,) = held.dashboards
    assert board["name"] == DASHBOARD
    assert len(board["definition"]["widgets"]) == len(held.widgets) == len(widgets(None))
    assert {(one["name"], one["version"]) for one in held.prompts} == {("chat", 1), ("rerank", 1), ("rerank", 2)}
    assert held.prompts[1]["prompt"] == (ROOT / "prompts" / "rerank" / "v1.md").read_text()
    written = held.writes
    second = run(langfuse, "provision")
    assert second.output.splitlines() == [f"0 changes in {langfuse.url}"]
    assert held.writes == written


def test_a_changed_budget_and_sampling_are_said(langfuse: LangfuseStandIn) -> None:
    """What changed is changed in place: the same widgets and dashboard, with the new words."""
    run(langfuse, "provision")
    changed = run(langfuse, "provision", SHELFWISE_LLM_DAILY_BUDGET_USD="5", SHELFWISE_LANGFUSE_SAMPLE_RATE="0.1")
    assert "widget Shelfwise: spend per day: changed" in changed.output
    assert len(langfuse.held.widgets) == len(widgets(5.0))
    spend = next(one for one in langfuse.held.widgets if one["name"] == "Shelfwise: spend per day")
    assert "5 US dollars a day" in spend["description"]
    assert "come from the service's own figures" in langfuse.held.dashboards[0]["description"]


def test_an_older_server_is_refused() -> None:
    """SDK 5 needs 4.59: said, and nothing is written."""
    with LangfuseStandIn(version="3.120.0") as old:
        result = run(old, "provision")
        assert isinstance(result.exception, ConfigurationError)
        assert "4.59" in str(result.exception)
        assert old.held.writes == 0


@pytest.mark.parametrize(("mode", "error"), [("401", ConfigurationError), ("500", StoreUnavailable)])
def test_a_refusing_server_is_named(langfuse: LangfuseStandIn, mode: str, error: type[Exception]) -> None:
    """The message says who refused and what to look at, without the secret."""
    langfuse.mode = mode  # type: ignore[assignment]
    result = run(langfuse, "provision")
    assert isinstance(result.exception, error)
    assert langfuse.url in str(result.exception)
    assert SECRET not in str(result.exception)


def test_without_keys_the_command_says_what_to_set(langfuse: LangfuseStandIn) -> None:
    """Half a pair is refused as well."""
    for public in ("", PUBLIC):
        result = run(langfuse, "report", SHELFWISE_LANGFUSE_PUBLIC_KEY=public, SHELFWISE_LANGFUSE_SECRET_KEY="")
        assert isinstance(result.exception, ConfigurationError)
        assert "SHELFWISE_LANGFUSE_SECRET_KEY" in str(result.exception)


def test_the_report_divides_what_the_dashboard_shows(langfuse: LangfuseStandIn) -> None:
    """Cost per 1,000, cache and fallback share, p95 by model and click-through by prompt version of what was told."""
    ordered = [slate(f"{n:032x}", strategy="llm", fallback_reason=None, call_of=f"{n:032x}") for n in range(1, 5)]
    cached = [
        slate(strategy="cache", fallback_reason=None, model="openai/small", prompt_version="rerank/v1")
        for _ in range(4)
    ]
    late = slate(f"{9:032x}", fallback_reason="timeout", call_of=f"{9:032x}")
    others = [slate(fallback_reason="gate")]
    slates = {one.recommendation_id: one for one in (*ordered, *cached, late, *others)}
    with tracing(langfuse, slates.get) as listening:
        for one in slates.values():
            listening.request_ended(told(one))
        for one in (*ordered, late):
            listening.call_ended(row(one.recommendation_id))
        for one in (ordered[0], cached[0], late, others[0]):
            listening.events_taken([event(one, EventKind.CLICK)])
    day = datetime.fromtimestamp(NOW, UTC)
    period = ("--from", (day - timedelta(days=1)).isoformat(), "--to", (day + timedelta(days=1)).isoformat())
    result = run(langfuse, "report", "--json", *period, SHELFWISE_LLM_DAILY_BUDGET_USD="0.02")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["recommendations"] == 10
    assert found["cost_usd"] == pytest.approx(0.01)
    assert found["cost_per_1000_usd"] == pytest.approx(1.0)
    assert (found["cache_share"], found["fallback_share"]) == (0.4, 0.1)
    assert (found["input_tokens"], found["output_tokens"]) == (500, 50)
    assert found["by_model"] == {"openai/small": [5, pytest.approx(0.01), 400.0]}
    (version,) = found["by_version"]
    assert (version["prompt"], version["calls"], version["ordered"], version["clicked"]) == ("rerank/v1", 5, 8, 2)
    assert version["click_through"] == 0.25
    assert found["by_order"]["baseline"] == [2, pytest.approx(9.0, abs=0.1)]
    assert found["by_day"] == {day.strftime("%Y-%m-%d"): pytest.approx(0.01)}
    table = run(langfuse, "report", *period, SHELFWISE_LLM_DAILY_BUDGET_USD="0.02").output
    assert "rerank/v1" in table
    assert "50.0%" in table  # of the day's budget
