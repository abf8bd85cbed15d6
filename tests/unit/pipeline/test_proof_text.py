"""A written reason cut into words and figures."""

from __future__ import annotations

import pytest

from app.domain.model_calls import ProfileFact
from app.pipeline.proof_text import forms, markup_in, mended, resolve_citations, tokens_of


def test_citations_are_resolved_and_removed() -> None:
    """Known ids come back as facts, unknown ones by name, and brackets leave no space behind."""
    fact = ProfileFact("u1", "query", "tent")
    resolved = resolve_citations("A tent [u1], as asked [C9].", {"u1": fact})
    assert (resolved.sentence, resolved.profile_facts, resolved.unknown) == ("A tent, as asked.", (fact,), ("C9",))


@pytest.mark.parametrize(
    ("word", "base"), [("priced", "price"), ("fitting", "fit"), ("satisfied", "satisfy"), ("grown", "grow")]
)
def test_inflected_words_lead_to_their_base(word: str, base: str) -> None:
    """Regular endings and common irregular verbs."""
    assert base in forms(word)


def test_denials_are_marked() -> None:
    """ "isn't" is a negation, "it's" is not."""
    assert [t.negated for t in tokens_of("It's fine, isn't it")] == [False, False, True, False]


@pytest.mark.parametrize("text", ["a <b>", "see shop.example", "x//y", "a\u0007"])
def test_markup_and_addresses_are_found(text: str) -> None:
    """What a plain sentence doesn't hold."""
    assert markup_in(text) is not None


def test_spaces_are_mended() -> None:
    """Single spaces, none before punctuation or at the ends."""
    assert mended("  a  b , c .") == "a b, c."
