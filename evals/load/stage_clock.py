"""CPU time of the stages of a request, each without the stages that run inside it.

The functions that are a stage are wrapped while the clock runs; the time is the thread's own, so a stage costs the same
whichever thread it runs in and whatever else the machine does. Two readings of a clock a call: well under 1%.
"""

from __future__ import annotations

import functools
import importlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

STAGES: tuple[tuple[str, str], ...] = (
    ("app.service:RecommendationService._first", "rest of the service"),
    ("app.service:RecommendationService._begin", "rest of the service"),
    ("app.service:RecommendationService._finish", "rest of the service"),
    ("app.finder:Finder.known", "memory of the shopper"),
    ("app.finder:Finder.shopper", "shopper, from the store"),
    ("app.adapters.sql_store.store:SqlStore.interactions", "history, from the store"),
    ("app.finder:build_profile", "profile"),
    ("app.finder:Finder._by_vector", "nearest products"),
    ("app.finder:personal_scores", "personal scores"),
    ("app.adapters.baseline.forest:Forest.scores", "trees"),
    ("app.finder:behaviour_sources", "lists of candidates"),
    ("app.pipeline.ranker:merge", "merging candidates"),
    ("app.finder:rank", "baseline order"),
    ("app.pipeline.ranker:eligible", "rules"),
    ("app.pipeline.slate:eligible", "rules"),
    ("app.pipeline.ranker:compose", "slate rules"),
    ("app.finder:Finder.records", "records"),
    ("app.pipeline.slate_items:evidence_of_rows", "evidence"),
    ("app.pipeline.slate_items:compile_reasons", "sentences"),
    ("app.pipeline.slate_items:sentence_proof", "proofs"),
    ("app.service:slate_items", "items"),
)
"""(module:function, stage). Functions are named where they are called from."""


class StageClock:
    """Sums up what each stage takes, over all threads."""

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._spent_s: dict[str, float] = defaultdict(float)
        self._lock = threading.Lock()
        self._inner = threading.local()

    @contextmanager
    def running(self, stages: tuple[tuple[str, str], ...] = STAGES) -> Iterator[None]:
        """Wraps the stages' functions for as long as the block runs. Raises AttributeError: one does not exist."""
        before: list[tuple[Any, str, Any]] = []
        try:
            for path, stage in stages:
                owner, name = _owner(path)
                before.append((owner, name, getattr(owner, name)))
                setattr(owner, name, self._timed(getattr(owner, name), stage))
            yield
        finally:
            for owner, name, function in reversed(before):
                setattr(owner, name, function)

    def ms_each(self, requests: int) -> Mapping[str, float]:
        """Stage → CPU milliseconds per request, the dearest first."""
        spent = sorted(self._spent_s.items(), key=lambda entry: -entry[1])
        return {stage: round(seconds / requests * 1000.0, 4) for stage, seconds in spent}

    def _timed(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            inner: list[float] | None = getattr(self._inner, "s", None)
            if inner is None:
                inner = self._inner.s = []
            inner.append(0.0)
            began = self._clock()
            try:
                return function(*args, **kwargs)
            finally:
                took = self._clock() - began
                own = took - inner.pop()
                if inner:
                    inner[-1] += took
                with self._lock:
                    self._spent_s[stage] += own

        return timed


def _owner(path: str) -> tuple[Any, str]:
    module, _, dotted = path.partition(":")
    *outer, name = dotted.split(".")
    owner: Any = importlib.import_module(module)
    for part in outer:
        owner = getattr(owner, part)
    return owner, name
