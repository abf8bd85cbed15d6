"""What is summed before it reaches the metrics is what the metrics would have counted."""

from __future__ import annotations

import random

import pytest
from prometheus_client import CollectorRegistry, Histogram

from app.adapters.prometheus import Metrics, SpreadHistogram
from app.adapters.tallies import Spread

BOUNDS = (0.001, 0.01, 0.5, 2.0)


def test_a_spread_is_what_the_library_would_have_observed() -> None:
    """Bucket for bucket: bounds belong to their bucket, what is above all of them to the last; twice adds up."""
    values = [*BOUNDS, -1.0, 0.0, 3.0, 1e9, *(random.Random(4).expovariate(2.0) for _ in range(200))]
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    direct = Histogram("x", "x", ["a"], buckets=BOUNDS, registry=theirs).labels("1")
    summed = SpreadHistogram("x", "x", ["a"], buckets=BOUNDS, registry=ours).labels("1")
    for _ in range(2):
        spread = Spread(BOUNDS)
        for value in values:
            direct.observe(value)
            spread.add(value)
        summed.take(spread)
    samples = [
        {(s.name, s.labels.get("le")): s.value for s in next(iter(r.collect())).samples if s.name != "x_created"}
        for r in (theirs, ours)
    ]
    assert samples[0] == pytest.approx(samples[1])
    assert samples[0][("x_bucket", "0.01")] > 0


def test_a_fold_is_counted_once() -> None:
    """What was added is gone from the sums."""
    metrics = Metrics()
    metrics.http_ended("/api/search", "GET", 200, 0.02)
    labels = {"endpoint": "/api/search", "method": "GET", "status": "2xx"}
    for _ in range(2):
        assert metrics.registry.get_sample_value("shelfwise_http_requests_total", labels) == 1
    metrics.http_ended("/api/search", "GET", 204, 0.02)
    assert metrics.registry.get_sample_value("shelfwise_http_requests_total", labels) == 2
    assert b'shelfwise_http_request_seconds_count{endpoint="/api/search"} 2.0' in metrics.exposition()[0]
