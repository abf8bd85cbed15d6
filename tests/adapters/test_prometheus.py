"""What is counted, and that no label can grow without end."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from app.adapters import metric_labels
from app.adapters.prometheus import Metrics
from app.domain.chat import Talker
from app.domain.interactions import Consent, EventKind, Interaction
from app.domain.model_calls import LedgerRow
from app.domain.ranking import Query, RankedItem, Slate
from app.observer import ChatTold, RequestTold, ToolTold

ROOT = Path(__file__).resolve().parents[2]
CANARY = "canary-ada@example.com"

SLATE = Slate(
    recommendation_id="r1",
    query=Query(user_id=CANARY, text=CANARY, placement="search"),
    items=(
        RankedItem("p1", 1, 0.9, reason="True.", reason_source="llm"),
        RankedItem("p2", 2, 0.8, reason="Plain.", reason_source="template", refused=("unit", "unknown_word")),
    ),
    served_at=0.0,
    strategy="llm",
    fallback_reason=None,
    excluded={"stock": 3, CANARY: 1},
    latency_ms={"total": 12.0, "rerank": 7.5, CANARY: 1.0},
    sentences=2,
)
ROW = LedgerRow(
    call_id="c1",
    at=0.0,
    day="2026-09-30",
    request_id="r1",
    purpose="rerank",
    placement="search",
    model="openai/small",
    prompt_id="rerank/v1",
    prompt_hash="h",
    outcome="complete",
    input_tokens=1500,
    output_tokens=200,
    cached_tokens=1000,
    cost_usd=0.0003,
    seconds=1.25,
)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(models=["openai/small"], rules=["stock"], now=lambda: 1000.0)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """A sample of what this process has counted."""
    return metrics.registry.get_sample_value(f"shelfwise_{name}", labels)


def test_a_slate_is_counted_by_where_its_order_came_from(metrics: Metrics) -> None:
    """With its stages in seconds, the wait for the model, and what became of the model's sentences."""
    metrics.request_ended(RequestTold(SLATE))
    metrics.request_ended(RequestTold(replace(SLATE, strategy="cache", sentences=0)))
    late = replace(SLATE, strategy="baseline", fallback_reason="timeout", sentences=0)
    metrics.request_ended(RequestTold(late))
    named = {"list": "recommendations", "placement": "search"}
    assert value(metrics, "slates_total", **named, strategy="llm", fallback_reason="none") == 1
    assert value(metrics, "slates_total", **named, strategy="baseline", fallback_reason="timeout") == 1
    assert value(metrics, "stage_seconds_sum", list="recommendations", stage="total") == pytest.approx(0.036)
    assert value(metrics, "model_wait_seconds_sum", strategy="llm") == pytest.approx(0.0075)
    assert value(metrics, "model_wait_seconds_count", strategy="cache") is None
    assert [value(metrics, "order_cache_lookups_total", result=r) for r in ("hit", "stale", "miss")] == [1, None, 2]
    assert value(metrics, "model_sentences_total", purpose="rerank", outcome="shown") == 1
    assert value(metrics, "model_sentences_total", purpose="rerank", outcome="replaced") == 1
    assert value(metrics, "proof_failures_total", purpose="rerank", kind="unit") == 1
    assert value(metrics, "excluded_products_total", rule="stock") == 9


@pytest.mark.parametrize("reason", sorted(metric_labels.BY_DESIGN))
def test_a_slate_without_a_model_by_design_looks_nothing_up(metrics: Metrics, reason: str) -> None:
    """It is no miss of the cache and nobody waited."""
    metrics.request_ended(RequestTold(replace(SLATE, strategy="baseline", fallback_reason=reason, sentences=0)))  # type: ignore[arg-type]
    assert value(metrics, "order_cache_lookups_total", result="miss") is None
    assert value(metrics, "model_wait_seconds_count", strategy="baseline") is None


def test_a_refused_call_is_no_wait(metrics: Metrics) -> None:
    """While the breaker is open nobody waits: its zeros would hide slow calls."""
    metrics.request_ended(RequestTold(replace(SLATE, strategy="baseline", fallback_reason="circuit_open")))
    assert value(metrics, "order_cache_lookups_total", result="miss") == 1
    assert value(metrics, "model_wait_seconds_count", strategy="baseline") is None


def test_a_call_is_counted_with_tokens_and_dollars(metrics: Metrics) -> None:
    """An unknown cost is counted as such and never as 0; a call that was not made took no time."""
    metrics.call_ended(ROW)
    metrics.call_ended(replace(ROW, cost_usd=None, outcome="timeout"))
    metrics.call_ended(replace(ROW, cost_usd=0.0, outcome="circuit_open"))
    assert value(metrics, "model_calls_total", purpose="rerank", model="openai/small", outcome="complete") == 1
    assert value(metrics, "model_calls_total", purpose="rerank", model="openai/small", outcome="circuit_open") == 1
    assert value(metrics, "model_cost_usd_total", purpose="rerank", placement="search", model="openai/small") == 0.0003
    assert value(metrics, "model_calls_unpriced_total") == 1
    assert value(metrics, "model_tokens_total", purpose="rerank", model="openai/small", type="input") == 3000
    assert value(metrics, "model_call_seconds_count", purpose="rerank", outcome="complete") == 1
    assert value(metrics, "model_call_seconds_count", purpose="rerank", outcome="circuit_open") is None


def test_no_label_takes_what_it_does_not_know(metrics: Metrics) -> None:
    """Every observation at once with a canary wherever a text may stand: "other" is what remains of it."""
    told = ChatTold(
        request_id=CANARY,
        talker=Talker(user_id=CANARY),
        consent=Consent(personalization="none", llm_processing=False),
        ended_at=0.0,
        seconds=1.0,
        with_model=True,
        failure=CANARY,
        tools=(ToolTold(CANARY, "done", 0.0, 0.1),),
        sentences=1,
        removed={CANARY: 2},
    )
    metrics.request_ended(RequestTold(SLATE))
    metrics.call_ended(replace(ROW, model=CANARY, outcome=CANARY))
    metrics.chat_ended(told)
    metrics.count_repairs({CANARY: 1})
    metrics.count_events({CANARY: 1, f"rejected:{CANARY}": 1})
    metrics.http_ended("other", CANARY, 700, 0.1)
    text = metrics.exposition()[0].decode()
    assert "canary" not in text
    assert value(metrics, "model_calls_total", purpose="rerank", model="other", outcome="other") == 1
    assert value(metrics, "chat_tools_total", tool="other", outcome="done") == 1


def test_the_lag_of_events_is_that_of_the_oldest(metrics: Metrics) -> None:
    """By the shop's clock, and never below 0."""
    event = Interaction(event_id="e", kind=EventKind.VIEW, timestamp=990.0, user_id="u", product_id="p")
    metrics.events_taken([event, replace(event, timestamp=940.0)])
    metrics.events_taken([replace(event, timestamp=1500.0)])
    metrics.events_taken([])
    assert value(metrics, "event_lag_seconds_sum") == 60.0
    assert value(metrics, "event_lag_seconds_count") == 2


def test_known_repairs_are_those_that_are_made() -> None:
    """A new kind of repair must not vanish in "other"."""
    source = (ROOT / "app/pipeline/repair.py").read_text()
    made = set(re.findall(r'(?:repairs\[|return |problem = )"([a-z_]+)"', source))
    assert made <= metric_labels.REPAIRS
    assert len(made) > 15


def test_known_event_codes_are_those_of_the_intake() -> None:
    """A new code of a rejected event must not vanish in "other"."""
    made: set[str] = set()
    for name in ("event_bodies.py", "event_formats.py", "intake.py"):
        source = (ROOT / "app/ingest" / name).read_text()
        made |= set(re.findall(r'(?:_Refused|NotMapped|Rejection)\(\s*(?:i(?:ndex)?, )?"([a-z_]+)"', source))
        made |= set(re.findall(r'^    "\w+": "([a-z]+_[a-z_]+)",$', source, re.MULTILINE))
    made -= {name for name in made if name.endswith("_id")}
    assert made <= metric_labels.EVENT_CODES
    assert len(made) > 12


def test_statuses_are_told_by_class() -> None:
    """404 and 429 are one; what is no status is "other"."""
    assert [metric_labels.status_class(s) for s in (100, 204, 302, 404, 429, 503, 0, 99, 600)] == [
        "1xx", "2xx", "3xx", "4xx", "4xx", "5xx", "other", "other", "other",
    ]  # fmt: skip


def test_openmetrics_is_given_to_who_asks(metrics: Metrics) -> None:
    """Prometheus asks for it; the text format is for everybody else."""
    body, content_type = metrics.exposition("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    assert metrics.exposition("")[1].startswith("text/plain")


def documented() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Name → type and labels, of the tables of the page."""
    page = (ROOT / "docs/operations/monitoring.md").read_text()
    row = re.compile(r"^\| `(shelfwise_\w+)` \| (counter|gauge|histogram) \|([^|]*)\|", re.MULTILINE)
    return {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in row.findall(page)}


def test_the_page_lists_every_metric(metrics: Metrics) -> None:
    """Name, type and labels, none missing and none too many."""
    defined = {
        collector._name + ("_total" if collector._type == "counter" else ""): (collector._type, collector._labelnames)
        for collector in metrics.registry._collector_to_names
    }
    assert documented() == defined


def test_only_base_units_are_used(metrics: Metrics) -> None:
    """Seconds, bytes and US dollars; a ratio is 0..1."""
    names = documented()
    assert not [name for name in names if re.search(r"_(ms|milliseconds|minutes|kb|mb|cents|percent)(_|$)", name)]
    assert all(name.endswith("_seconds") for name, (kind, _) in names.items() if kind == "histogram")
    assert get_args(metric_labels.Placement)  # labels come from the types
