"""Judged queries as files state them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.domain.errors import ImportRejected
from evals.search.judgements import read_judgements

ICECAT = Path(__file__).resolve().parents[5] / "shared" / "data" / "icecat"


def _write(folder, *rows):
    names = ("query_id", "query", "product_id", "grade")
    pq.write_table(
        pa.table({name: [row[at] for row in rows] for at, name in enumerate(names)}), folder / "judgements.parquet"
    )


def test_queries_with_their_grades(tmp_path):
    """One entry per query, by id; answerable only with a product that is good at all."""
    _write(tmp_path, ("q2", "tv", "a", 0), ("q1", "lamp", "a", 3), ("q1", "lamp", "b", 1))
    first, second = read_judgements(tmp_path)
    assert (first.text, dict(first.grades), first.answerable) == ("lamp", {"a": 3, "b": 1}, True)
    assert (second.query_id, second.answerable) == ("q2", False)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([("q", "tv", "a", 4)], "grade"),
        ([("q", "tv", "", 1)], "product_id"),
        ([("q", "tv", "a", 1), ("q", "tv", "a", 2)], "judged twice"),
        ([("q", "tv", "a", 1), ("q", "radio", "b", 2)], "query changes"),
    ],
)
def test_what_is_no_judgement_is_refused(tmp_path, rows, problem):
    """The message names the file and what is wrong."""
    _write(tmp_path, *rows)
    with pytest.raises(ImportRejected, match=problem):
        read_judgements(tmp_path)


def test_a_missing_or_damaged_file_is_refused(tmp_path):
    """One sentence, no traceback of the library."""
    with pytest.raises(ImportRejected, match="can't be read"):
        read_judgements(tmp_path)
    (tmp_path / "judgements.parquet").write_bytes(b"no parquet")
    with pytest.raises(ImportRejected, match="can't be read"):
        read_judgements(tmp_path)


@pytest.mark.realdata
@pytest.mark.skipif(not ICECAT.is_dir(), reason="the real data sets are not on this machine")
def test_the_real_judgements():
    """135 queries, 116 of them with a good answer, 3,668 judgements."""
    judged = read_judgements(ICECAT)
    assert len(judged) == 135
    assert sum(query.answerable for query in judged) == 116
    assert sum(len(query.grades) for query in judged) == 3_668
