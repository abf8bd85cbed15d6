"""The suite evaluated: planted faults are caught, good outputs are left alone. A failure here fails CI."""

from __future__ import annotations

from collections import Counter

import pytest

from evals.prompts.checks import ALL
from evals.prompts.planted.good import Desk
from evals.prompts.planted.measure import DETECTION_MIN, FAULTS, PER_SENTENCE, Table, measure
from evals.prompts.planted.page import as_json, page


@pytest.fixture(scope="module")
def sample() -> Table:
    """A case of every kind and a few good outputs: what fits into CI. The slow test and the command do all."""
    return measure(cases=1, clean=6, scenarios=70, own_only=True)


def test_a_sample_of_every_kind_is_caught(sample: Table) -> None:
    """Every kind could be planted, and nearly all of the sample was caught by the checks whose own fault it is."""
    assert [name for name, kind in sample.kinds.items() if kind.planted < 1] == []
    planted = sum(kind.planted for kind in sample.kinds.values())
    caught = sum(kind.caught for kind in sample.kinds.values())
    assert caught / planted >= DETECTION_MIN, {n: k.missed for n, k in sample.kinds.items() if k.missed}


def test_a_sample_of_good_outputs_is_left_alone(sample: Table) -> None:
    """At most one false alarm of a check in the few good outputs of the sample."""
    assert {n: a.examples for n, a in sample.alarms.items() if a.false > 1} == {}


@pytest.mark.slow
def test_every_kind_is_caught_and_good_outputs_are_left_alone() -> None:
    """All kinds with thirty cases: at least 95% caught of each; at most 2% false alarms of each check."""
    table = measure(own_only=True)
    assert table.misses() == []


def test_there_are_enough_kinds_and_every_check_named_exists() -> None:
    """Twenty kinds at least, no name twice, caught by checks that there are."""
    assert len(FAULTS) >= 20
    assert [n for n, k in Counter(f.name for f in FAULTS).items() if k > 1] == []
    assert {name for fault in FAULTS for name in fault.caught_by} <= {check.name for check in ALL}


def test_good_outputs_differ_and_are_the_same_twice() -> None:
    """Orders and sentences vary from scenario to scenario; the same seed gives the same, another seed another."""
    from evals.prompts.golden import load_rerank

    some, desk = load_rerank()[:6], Desk()
    texts = [[good.parts.text for good in desk.goods(some, seed=seed)] for seed in (0, 0, 1)]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]
    assert len(set(texts[0])) == len(texts[0])


def test_the_page_tells_what_was_missed(sample: Table) -> None:
    """The table is honest: a missed kind and a false alarm are named on the page."""
    kind = sample.kinds["wrong_price"]
    kept = (kind.caught, list(kind.missed))
    kind.caught, kind.missed = 0, ["some-scenario"]
    try:
        text = page(sample, None)
        assert "wrong_price: some-scenario" in text
        assert "wrong_price: 0 of 1 caught" in sample.misses(cases=1)
    finally:
        kind.caught, kind.missed = kept
    assert PER_SENTENCE in as_json(sample)["falseAlarmsBySentence"]
