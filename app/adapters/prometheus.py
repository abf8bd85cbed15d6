"""Metrics for Prometheus: what is counted, under which names, and how a scrape reads it.

docs/operations/monitoring.md lists them.

Every label has a known, small set of values; what is in none of them becomes "other". No label holds a shopper, an
item or a text. Seconds, bytes and US dollars. With several workers each process writes into files of one folder and
any of them answers for all (prometheus_client's multiprocess mode); the folder belongs to the supervisor.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    multiprocess,
    values,
)
from prometheus_client.exposition import choose_encoder

from app.adapters.metric_labels import (
    BY_DESIGN,
    EVENT_CODES,
    FAILURES_OF_CHAT,
    LISTS,
    NOT_MADE,
    OUTCOMES,
    PLACEMENTS,
    PROOF_FAILURES,
    PURPOSES,
    REASONS,
    REPAIRS,
    STAGES,
    STRATEGIES,
    TOOL_OUTCOMES,
    TOOLS,
    WAITED,
    known,
    method_of,
    status_class,
)
from app.adapters.tallies import Spread, Tally
from app.admission import Rank
from app.domain.interactions import Interaction
from app.domain.model_calls import LedgerRow
from app.observer import ChatTold, RequestTold

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.7, 1.0, 2.0, 5.0)
_CALL = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
_LAG = (0.01, 0.1, 1.0, 10.0, 60.0, 300.0, 3600.0, 86_400.0, 604_800.0)

GaugeMode = Literal["livesum", "livemax", "livemostrecent"]


class SpreadHistogram(Histogram):
    """A histogram that takes many observations at once."""

    def take(self, spread: Spread) -> None:
        """Adds what was observed elsewhere, in buckets of the same bounds."""
        self._sum.inc(spread.total)
        for bucket, n in zip(self._buckets, spread.counts, strict=True):
            if n:
                bucket.inc(n)


class Metrics:
    """An `app.observer.Observer` that counts, and what a scrape is answered with. Any thread may call it.

    Nothing here waits: an observation is a sum in memory, or in a mapped file. What requests count is summed here and
    added to the metrics by `fold`: before each scrape, and every two seconds so that other workers see it (Sampler).
    """

    def __init__(
        self,
        *,
        models: Collection[str] = (),
        rules: Collection[str] = (),
        now: Callable[[], float] = time.time,
        folder: Path | None = None,
    ) -> None:
        """Takes what bounds the labels.

        Args: models: ids of the configured models; rules: ids of the rules that can exclude; now: the service's clock
              (AS_OF); folder: where several workers write, None for one process.
        """
        self._models, self._rules, self._now, self._folder = frozenset(models), frozenset(rules), now, folder
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more each that no question needs
        self._lock = threading.Lock()
        self._tally = Tally(_QUICK)  # of requests, since `fold`
        self._registry = CollectorRegistry()
        self._define_requests()
        self._define_model()
        self._define_events()
        self._define_gauges()
        self._begin_at_zero()

    @property
    def registry(self) -> CollectorRegistry:
        """What this process has counted until now; with several workers a scrape reads the folder in its place."""
        self.fold()
        return self._registry

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """The body of a scrape and its content type: OpenMetrics where `accept` asks for it, else the text format."""
        self.fold()
        encode, content_type = choose_encoder(accept)
        registry = self._registry
        if self._folder is not None:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry, path=str(self._folder))  # type: ignore[no-untyped-call]
        body: bytes = encode(registry)
        return body, content_type

    def _define_requests(self) -> None:
        self._http = self._counter(
            "http_requests", "Requests answered, by endpoint template.", "endpoint", "method", "status"
        )
        self._http_seconds = self._histogram(
            "http_request_seconds", "From the first byte of a request to the last of its answer.", _QUICK, "endpoint"
        )
        self._slates = self._counter("slates", "Slates handed out.", "list", "placement", "strategy", "fallback_reason")
        self._stages = self._histogram("stage_seconds", "Stages of a slate; total is all.", _QUICK, "list", "stage")
        self._excluded = self._counter("excluded_products", "Products that a rule kept out of a slate.", "rule")

    def _define_model(self) -> None:
        self._wait = self._histogram(
            "model_wait_seconds", "How long a slate waited for a model's order.", _QUICK, "strategy"
        )
        self._lookups = self._counter("order_cache_lookups", "Looks for a stored model order.", "result")
        self._calls = self._counter("model_calls", "Model calls that ended.", "purpose", "model", "outcome")
        self._call_seconds = self._histogram(
            "model_call_seconds", "From the start of a model call to its end.", _CALL, "purpose", "outcome"
        )
        self._tokens = self._counter(
            "model_tokens", "Tokens of model calls; cached ones are counted as input, too.", "purpose", "model", "type"
        )
        self._cost = self._counter(
            "model_cost_usd", "US dollars of calls whose cost is known.", "purpose", "placement", "model"
        )
        self._unpriced = self._counter("model_calls_unpriced", "Calls that ended with a cost that is not known.")
        self._sentences = self._counter(
            "model_sentences", "Sentences that a model wrote for what was shown.", "purpose", "outcome"
        )
        self._proofs = self._counter(
            "proof_failures", "Why sentences were not shown; one may fail in several ways.", "purpose", "kind"
        )
        self.repairs = self._counter("reply_repairs", "What was left out of or set right in model replies.", "kind")
        self._chats = self._counter("chat_answers", "Answers of the assistant.", "model", "failure")
        self._chat_seconds = self._histogram("chat_answer_seconds", "An answer of the assistant, whole.", _CALL)
        self._tools = self._counter("chat_tools", "Tools of the assistant.", "tool", "outcome")

    def _define_events(self) -> None:
        self.events = self._counter("events", "Events received.", "outcome")
        self.rejected = self._counter("events_rejected", "Events that were not taken.", "code")
        self.unknown_product = self._counter("events_unknown_product", "Accepted events of unknown products.")
        self._lag = self._histogram(
            "event_lag_seconds", "Age of the oldest event of a request when it is durable, by the shop's clock.", _LAG
        )
        self.dropped = self._counter("queue_dropped", "What a full queue lost.", "queue")
        self.refused = self._counter("refused", "Requests refused because there was too much to do.", "class")

    def _define_gauges(self) -> None:
        gauge = self._gauge
        self.build = gauge("build_info", "Always 1; the version that runs.", "livemax", "version")
        self.workers = gauge("workers", "Processes that serve.", "livesum")
        self.memory = gauge("resident_memory_bytes", "Memory of all workers.", "livesum")
        self.queue = gauge("queue_depth", "What waits in a queue, in all workers.", "livesum", "queue")
        self.queue_capacity = gauge("queue_capacity", "What a queue can hold, in all workers.", "livesum", "queue")
        self.admission_limit = gauge(
            "admission_limit", "Requests that may be worked on at a time, in all workers.", "livesum"
        )
        self.admitted = gauge("admission_requests", "Requests at the door and behind it.", "livesum", "state")
        self.breaker = gauge("model_breaker_workers", "Workers whose circuit breaker is so.", "livesum", "state")
        self.baseline_age = gauge(
            "baseline_age_seconds", "Since the baseline in use was trained; +Inf without one.", "livemax"
        )
        self.degraded = gauge("degraded", "1 where any worker does without a part.", "livemax", "part")
        self.untrained = gauge(
            "erasure_untrained_age_seconds", "Since the oldest erasure that the baseline still learned from.", "livemax"
        )
        self.budget_limit = gauge("budget_limit_usd", "Allowed per UTC day; +Inf without a cap.", "livemostrecent")
        self.budget_spent = gauge("budget_spent_usd", "Charged to this UTC day.", "livemostrecent")
        self.budget_reserved = gauge("budget_reserved_usd", "Reserved for calls under way.", "livemostrecent")
        attributed = "of slates of the last days (docs/metrics.md)."
        self.click_through = gauge("click_through_ratio", f"Clicked impressions {attributed}", "livemostrecent")
        self.conversion = gauge("conversion_ratio", f"Clicks with a purchase {attributed}", "livemostrecent")
        self.impressions = gauge("attributed_impressions", f"Impressions {attributed}", "livemostrecent")
        self.clicks = gauge("attributed_clicks", f"Clicks {attributed}", "livemostrecent")
        self.attributed_at = gauge(
            "attribution_timestamp_seconds", "When attribution was last computed, Unix time.", "livemostrecent"
        )

    def _begin_at_zero(self) -> None:
        """What happens rarely begins at 0: a series that appears with its first event shows no increase."""
        for kind in PROOF_FAILURES:
            self._proofs.labels("rerank", kind)
        for kind in REPAIRS:
            self.repairs.labels(kind)
        for outcome in ("accepted", "duplicate", "rejected"):
            self.events.labels(outcome)
        for code in EVENT_CODES:
            self.rejected.labels(code)
        for queue in ("slates", "order_cache"):
            self.dropped.labels(queue)
        for rank in Rank:
            self.refused.labels(rank.name.lower())
        for model in self._models:
            for outcome in OUTCOMES:
                self._calls.labels("rerank", model, outcome)

    def http_ended(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        """A request was answered, or broken off.

        Args: endpoint: the template of its route, never its path; "other" where it has none.
        """
        counted = (endpoint, method_of(method), status_class(status))
        with self._lock:
            self._tally.http[counted] += 1
            self._tally.http_seconds[endpoint].add(seconds)

    def request_ended(self, told: RequestTold) -> None:
        """See Observer."""
        slate = told.slate
        shown_as = slate.query.shelf or "recommendations"
        strategy, reason = slate.strategy, slate.fallback_reason or "none"
        with self._lock:
            tally = self._tally
            tally.slates[shown_as, slate.query.placement, strategy, reason] += 1
            for stage, ms in slate.latency_ms.items():
                tally.stages[shown_as, stage].add(ms / 1000.0)
            for rule, n in slate.excluded.items():
                tally.excluded[rule] += n
            if shown_as != "recommendations":
                return
            if strategy in ("cache", "stale"):
                tally.lookups["hit" if strategy == "cache" else "stale"] += 1
            elif reason not in BY_DESIGN:
                tally.lookups["miss"] += 1
                if reason in WAITED:
                    tally.wait[strategy].add(slate.latency_ms.get("rerank", 0.0) / 1000.0)
            if slate.sentences:
                shown = [item.reason_source for item in slate.items].count("llm")
                tally.sentences["shown"] += shown
                tally.sentences["replaced"] += max(0, slate.sentences - shown)
                for item in slate.items:
                    for kind in item.refused:
                        tally.proofs[kind] += 1

    def fold(self) -> None:
        """Adds what requests counted since the last time to the metrics; a scrape sees nothing else of it."""
        with self._lock:
            tally, self._tally = self._tally, Tally(_QUICK)
        for (endpoint, method, status), n in tally.http.items():
            self._http.labels(endpoint, method, status).inc(n)
        for endpoint, spread in tally.http_seconds.items():
            self._http_seconds.labels(endpoint).take(spread)
        for (shown_as, placement, strategy, reason), n in tally.slates.items():
            labels = known(shown_as, LISTS), known(placement, PLACEMENTS), known(strategy, STRATEGIES)
            self._slates.labels(*labels, reason if reason == "none" else known(reason, REASONS)).inc(n)
        for (shown_as, stage), spread in tally.stages.items():
            self._stages.labels(known(shown_as, LISTS), known(stage, STAGES)).take(spread)
        for rule, n in tally.excluded.items():
            self._excluded.labels(known(rule, self._rules)).inc(n)
        for result, n in tally.lookups.items():
            self._lookups.labels(result).inc(n)
        for strategy, spread in tally.wait.items():
            self._wait.labels(known(strategy, STRATEGIES)).take(spread)
        for outcome, n in tally.sentences.items():
            self._sentences.labels("rerank", outcome).inc(n)
        for kind, n in tally.proofs.items():
            self._proofs.labels("rerank", known(kind, PROOF_FAILURES)).inc(n)

    def call_ended(self, row: LedgerRow) -> None:
        """See Observer."""
        purpose, outcome = known(row.purpose, PURPOSES), known(row.outcome, OUTCOMES)
        model = known(row.model, self._models)
        self._calls.labels(purpose, model, outcome).inc()
        if outcome in NOT_MADE:
            return
        self._call_seconds.labels(purpose, outcome).observe(row.seconds)
        for kind, n in (("input", row.input_tokens), ("output", row.output_tokens), ("cached", row.cached_tokens)):
            self._tokens.labels(purpose, model, kind).inc(max(0, n))
        if row.cost_usd is None or row.cost_usd < 0:
            self._unpriced.inc()
        else:
            self._cost.labels(purpose, known(row.placement, PLACEMENTS), model).inc(row.cost_usd)

    def chat_ended(self, told: ChatTold) -> None:
        """See Observer."""
        self._chats.labels("yes" if told.with_model else "no", known(told.failure, FAILURES_OF_CHAT)).inc()
        self._chat_seconds.observe(told.seconds)
        for tool in told.tools:
            self._tools.labels(known(tool.name, TOOLS), known(tool.outcome, TOOL_OUTCOMES)).inc()
        if told.sentences:
            self._sentences.labels("chat", "shown").inc(told.sentences)
        for kind, n in told.removed.items():
            self._sentences.labels("chat", "replaced").inc(n)
            self._proofs.labels("chat", known(kind, PROOF_FAILURES)).inc(n)

    def events_taken(self, events: Sequence[Interaction]) -> None:
        """See Observer."""
        if events:
            self._lag.observe(max(0.0, self._now() - min(event.timestamp for event in events)))

    def count_repairs(self, more: Mapping[str, int]) -> None:
        """Adds repairs of replies, by kind."""
        for kind, n in more.items():
            self.repairs.labels(known(kind, REPAIRS)).inc(n)

    def count_events(self, more: Mapping[str, int]) -> None:
        """Adds what came of events: `accepted`, `duplicate`, `unknown_product`, `rejected:<code>`."""
        for name, n in more.items():
            what, _, code = name.partition(":")
            if what == "unknown_product":
                self.unknown_product.inc(n)
            else:
                self.events.labels(known(what, ("accepted", "duplicate", "rejected"))).inc(n)
            if what == "rejected":
                self.rejected.labels(known(code, EVENT_CODES)).inc(n)

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(f"shelfwise_{name}", says, labels, registry=self._registry)

    def _histogram(self, name: str, says: str, buckets: Sequence[float], *labels: str) -> SpreadHistogram:
        return SpreadHistogram(f"shelfwise_{name}", says, labels, registry=self._registry, buckets=buckets)

    def _gauge(self, name: str, says: str, mode: GaugeMode, *labels: str) -> Gauge:
        return Gauge(f"shelfwise_{name}", says, labels, registry=self._registry, multiprocess_mode=mode)


def make_folder(folder: Path) -> None:
    """Makes an empty folder for the metrics of several workers, named in the environment that they are started with.

    Counters begin anew with the service, as Prometheus expects of a restart.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink()
    os.environ[FOLDER_VARIABLE] = str(folder.resolve())


def worker_folder() -> Path | None:
    """Where this process writes beside others; None where it serves alone. Set before the process begins."""
    return Path(os.environ[FOLDER_VARIABLE]) if values.ValueClass._multiprocess else None


def forget_worker(folder: Path, pid: int) -> None:
    """Takes out what a dead worker was; what it counted stays."""
    multiprocess.mark_process_dead(pid, path=str(folder))  # type: ignore[no-untyped-call]
