"""What figures are read with: the words after one, and the fact of a unit and value."""

from __future__ import annotations

from app.domain.ranking import Evidence
from app.pipeline.proof_context import after_of, found
from app.pipeline.proof_facts import backing_of
from app.pipeline.proof_numbers import Mention, mentions
from app.pipeline.proof_text import tokens_of

RATING = Evidence("e1", "rating", "rated 4.6 out of 5 by 80 shoppers", {"rating": "4.6", "scale": 5, "count": 80})
BACKING = backing_of([RATING], [], "EUR")


def mention_of(text: str) -> Mention:
    """The first figure of a text."""
    mention = next(iter(mentions(tokens_of(text), "EUR")))
    assert isinstance(mention, Mention)
    return mention


def test_words_after_end_with_the_sentence() -> None:
    """Nothing past a full stop belongs to a figure."""
    assert [t.text for t in after_of(tokens_of("80 shoppers. More"), 1, 5)] == ["shoppers"]


def test_a_figure_is_found_by_unit_and_value() -> None:
    """80 raters are the fact's, 81 are not, and 80 days are not raters."""
    assert found(mention_of("80"), BACKING, "raters", 80, None, "unit").fact_id == "e1"
    assert found(mention_of("81"), BACKING, "raters", 81, None, "unit").failure == "unit"
    assert found(mention_of("80"), BACKING, "days", 80, None, "unit").failure == "unit"
