"""What is measured, on a made-up catalogue whose answers are known."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from app.adapters.bm25_index import DETAILS_SHARE
from app.pipeline.query_match import WORDS_SHARE
from evals.search.judgements import JudgedQuery
from evals.search.measure import (
    CROSS_VALIDATED,
    FUSED,
    REFERENCES,
    SERVED,
    SETTINGS,
    SINGLE,
    by_ranks,
    measure,
    mixed,
)
from evals.search.page import missed_targets, print_figures, write_figures
from evals.search.shop import Scored

N = 40


def _floats(values):
    return np.asarray(values, dtype=np.float32)


class Shop:
    """Product i answers "query i": words know it and its neighbour alike, meaning knows it and all others a little."""

    def __init__(self, served_as_mixed=True):
        self.n = N
        self.row_of = {f"p{i}": i for i in range(N)}
        self._served_as_mixed = served_as_mixed

    def scored(self, text):
        """Scores of "query i"; a mistyped one is unknown to every retriever but meaning."""
        at = int(text.split()[1])
        known = text.startswith("query ")
        words, meaning = np.zeros(N), np.linspace(0.35, 0.3, N)
        if known:
            words[[at - 1, at]] = 2.0
        meaning[at] = 0.8
        scored = Scored(
            _floats(words), _floats(np.zeros(N)), _floats(meaning), _floats(meaning), _floats(words), _floats(words)
        )
        served = mixed(scored, WORDS_SHARE, DETAILS_SHARE) if self._served_as_mixed else _floats(words)
        return Scored(_floats(words), _floats(np.zeros(N)), _floats(meaning), _floats(meaning), _floats(words), served)


JUDGED = [JudgedQuery(f"q{i}", f"query {i}", {f"p{i}": 3, f"p{i - 1}": 0, "gone": 2}) for i in range(1, 21)]


@pytest.fixture(scope="module")
def figures():
    """Twenty answerable queries, and one without a good answer."""
    return measure(Shop(), [*JUDGED, JudgedQuery("q0", "query 0", {"p0": 0})], seed=3)


def test_counts_what_it_could_not_use(figures):
    """Queries without a good answer and judged products that the catalogue lacks are counted, not scored."""
    assert (figures.queries, figures.left_out, figures.unknown_judged, figures.products) == (20, 1, 20, N)


def test_each_way_gets_what_it_deserves(figures):
    """Words tie the answer with its neighbour, which comes first; meaning and the mix put the answer first."""
    second = 1 / np.log2(3)
    assert [e.value for e in figures.ndcg[SINGLE[0]]] == pytest.approx([second] * 3)
    for name in (SINGLE[1], SERVED, CROSS_VALIDATED):
        assert [e.value for e in figures.ndcg[name]] == pytest.approx([1.0] * 3)
    assert [e.value for e in figures.against[SINGLE[0]]] == pytest.approx([1 - second] * 3)
    assert figures.against[SINGLE[0]][2].above_zero
    assert sum(figures.chosen.values()) == 25
    assert set(figures.chosen) <= set(SETTINGS)


def test_the_service_is_compared_with_the_exact_mix(figures):
    """An order that differs from the mix over the whole catalogue is seen, and measured as it is served."""
    assert figures.same_top == 1.0
    other = measure(Shop(served_as_mixed=False), JUDGED, seed=3)
    assert other.same_top == 0.0
    assert other.ndcg[SERVED][0].value == pytest.approx(1.0)
    assert other.ndcg[SERVED][1].value == pytest.approx(1 / np.log2(3))


def test_typing_errors_are_measured_beside_the_meant_query(figures):
    """Every query has a long word; mistyped, the words find nothing and meaning still does."""
    meant, typed = figures.typed[SINGLE[0]]
    assert meant.n == 20
    assert typed.value < meant.value
    assert figures.typed[SINGLE[1]][1].value == pytest.approx(1.0)


def test_the_same_seed_measures_the_same():
    """Folds, typing errors and bootstrap all come from the seed."""
    assert measure(Shop(), JUDGED, seed=9) == measure(Shop(), JUDGED, seed=9)


def test_fusion_by_ranks():
    """First in both lists is first; what a list does not hold gains nothing from it."""
    fused = by_ranks(_floats([3, 2, 0]), _floats([0, 9, 1]))
    assert fused.tolist() == pytest.approx([1 / 61, 1 / 62 + 1 / 61, 1 / 62])


def test_targets_are_checked_against_every_single_retriever(figures):
    """A hybrid that is no better than a single retriever is reported by name."""
    assert missed_targets(figures) == [
        f"mean of both counts is not above {name}" for name in (SINGLE[1], REFERENCES[1])
    ]


def test_json_page_and_table_say_the_same(figures, tmp_path):
    """All three hold every way; the JSON names counts and settings."""
    write_figures(figures, tmp_path / "a" / "search.json", tmp_path / "b" / "page.md")
    document = json.loads((tmp_path / "a" / "search.json").read_text())
    assert document["ndcg"][SERVED]["mean"]["value"] == pytest.approx(1.0)
    assert document["missedTargets"] == missed_targets(figures)
    page = (tmp_path / "b" / "page.md").read_text()
    console = Console(record=True, width=200, file=io.StringIO())
    print_figures(figures, console)
    table = console.export_text()
    for name in (CROSS_VALIDATED, SERVED, FUSED, *SINGLE, *REFERENCES):
        assert f"| {name} |" in page
        assert name in table
