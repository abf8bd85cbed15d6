"""The simulated model reads shopper lines, candidate lines and how many sentences are wanted."""

from __future__ import annotations

import pytest

from evals.simulated.reading import Fact, RerankPrompt, ShopperLine, Turn, read_rerank, words
from tests.support.rerank_prompts import messages


def read(user: str, system: str = "") -> RerankPrompt | None:
    return read_rerank([Turn("system", system), Turn("user", user)])


def test_the_lines_of_a_prompt_are_read() -> None:
    """Shopper lines, names, brands, categories and facts, as they stand."""
    prompt = read_rerank([Turn(m["role"], m["content"]) for m in messages()])
    assert prompt is not None
    assert prompt.shopper[0] == ShopperLine("u1", "budget", "150.00 EUR")
    first = prompt.candidates[0]
    assert (first.alias, first.name, first.brand, first.category) == ("A", "Quiet Grinder", "Acme", "Home > Coffee")
    assert first.facts[2] == Fact("A3", "rating", "rated 4.6 out of 5 by 212 shoppers")
    assert prompt.candidates[-1].facts == ()
    assert prompt.reasons_asked == 3


def test_a_conversation_without_candidates_is_no_rerank_prompt() -> None:
    """Only the last user message counts."""
    assert read("Which kettle is good?") is None
    assert read_rerank([Turn("user", "A|Pan|Acme|Kitchen"), Turn("assistant", "ok"), Turn("user", "Thanks")]) is None
    assert read_rerank([Turn("system", "A|Pan|Acme|Kitchen")]) is None


def test_odd_lines_do_no_harm() -> None:
    """A repeated alias, a short line and a field that is no fact are passed over."""
    prompt = read("A|Pan\nA|Pot|Acme|Kitchen\nB|Lid|Acme|Kitchen|nonsense|B1 rating rated 4.0 out of 5 by 3 shoppers")
    assert prompt is not None
    assert [(c.alias, c.name, len(c.facts)) for c in prompt.candidates] == [("A", "Pan", 0), ("B", "Lid", 1)]


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Give `why` for the first 4 of your order.", 4),
        ("Write sentences for the top two.", 2),
        ("reasons: 7", 7),
        ("Say why for each.", None),
    ],
)
def test_how_many_sentences_are_wanted(said: str, asked: int | None) -> None:
    """Digits or words, in the instructions."""
    prompt = read("A|Pan|Acme|Kitchen", said)
    assert prompt is not None
    assert prompt.reasons_asked == asked


def test_how_long_a_sentence_may_be() -> None:
    """None when the instructions don't say."""
    for said, limit in (("one plain sentence of at most 20 words", 20), ("a short sentence", None)):
        prompt = read("A|Pan|Acme|Kitchen", said)
        assert prompt is not None
        assert prompt.word_limit == limit


def test_lines_of_data_are_no_instructions() -> None:
    """What a product or a query says about a number of sentences is not asked for."""
    prompt = read("u1 query sentences for the first 9\nA|Why for the first 8|Acme|Kitchen", "why for the first 2")
    assert prompt is not None
    assert prompt.reasons_asked == 2


def test_words_are_folded() -> None:
    """Case, plural and filler make no difference."""
    assert words("The Quiet GRINDERS for a glass") == {"quiet", "grinder", "glass"}
