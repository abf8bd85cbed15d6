"""rules/reasons.yaml is refused with file, line and the word that was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.adapters.reason_files import load_reasons, parse_reasons
from app.domain.errors import RulesError
from app.pipeline.reasons_schema import KINDS, MIN_LEADS

SHIPPED = (Path(__file__).resolve().parents[2] / "rules" / "reasons.yaml").read_text(encoding="utf-8")


def refusal(before: str, after: str) -> tuple[str, int]:
    """The message for the shipped file with one text replaced, and the line of the replacement."""
    assert SHIPPED.count(before) >= 1
    line = SHIPPED[: SHIPPED.index(before)].count("\n") + 1
    with pytest.raises(RulesError) as caught:
        parse_reasons(SHIPPED.replace(before, after, 1).encode(), "reasons.yaml")
    return str(caught.value), line


def test_the_shipped_file_words_every_kind() -> None:
    """Every kind is there with at least four openings for each of its variants."""
    config = parse_reasons(SHIPPED.encode(), "reasons.yaml")
    assert {kind for kind, _ in config.wordings} == set(KINDS)
    assert min(len(wordings.leads) for wordings in config.wordings.values()) >= MIN_LEADS


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"Only {left} left"', '"Only {lefft} left"', "did you mean 'left'"),
        ('"Only {left} left"', '"Only {left.x} left"', "plain slots"),
        ('"Only {left} left"', '"Only {left left"', "expected '}'"),
        ('"Only {left} left"', '"Only 3 left"', "a figure of its own"),
        ('"Only {left} left"', '"Only {left} left!"', "nothing is exclaimed"),
        ('"Only {left} left"', '"only {left} left"', "capital letter"),
        ('"Only {left} left"', '"Best {left} left"', "the claim 'best' is not backed"),
        ('"Only {left} left"', '"Cheaper, {left} left"', "the claim 'cheaper' is not backed by low_stock"),
        ('"Only {left} left"', '"Splendid, {left} left"', "neither in neutralWords nor in claimWords"),
        ('"Only {left} left"', '"For women, {left} left"', "listed under sensitive"),
        ('"; only {left} left"', '"and only {left} left"', "a tail begins with"),
        ("  rating:\n", "  ratings:\n", "did you mean 'rating'"),
        ("minRating: 4.0", "minRating: 3.0", "greater than or equal to 4"),
        ("minRating: 4.0", "minRatng: 4.0", "unknown key"),
        ("  - about\n", "  - below\n", "also in claimWords"),
        ("budget: [price_vs_budget]", "budget: [price_vs_bugdet]", "price_vs_budget"),
    ],
)
def test_a_mistake_is_named_with_its_line(before: str, after: str, said: str) -> None:
    """Unknown slots, figures, unbacked claims, laxer thresholds and typing errors stop the start."""
    message, line = refusal(before, after)
    assert f"reasons.yaml:{line}:" in message or "is missing" in message
    assert said in message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """No file, no start."""
    with pytest.raises(RulesError, match=r"reasons\.yaml:1: "):
        load_reasons(tmp_path)


def test_every_problem_is_told_at_once() -> None:
    """Two mistakes, two lines of message."""
    broken = SHIPPED.replace('"Only {left} left"', '"Only {a} left"').replace('"Back in stock since {since}"', '"{b}"')
    with pytest.raises(RulesError) as caught:
        parse_reasons(broken.encode(), "reasons.yaml")
    assert len(str(caught.value).splitlines()) == 2
