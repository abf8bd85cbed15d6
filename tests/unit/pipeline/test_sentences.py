"""Sentences of a growing text."""

from app.pipeline.sentences import MAX_SENTENCE_CHARS, SentenceReader


def read(text: str, step: int = 1) -> list[str]:
    """The sentences of a text that arrives in pieces of `step` characters."""
    reader, found = SentenceReader(), []
    for end in range(step, len(text) + step, step):
        found += reader.complete(text[:end], ended=end >= len(text))
    return found


def test_each_sentence_once_however_the_text_arrives() -> None:
    """Character by character or all at once, the same sentences in the same order."""
    text = "Hi there. It costs 109.00 EUR [A]. Is that fine? Yes! And more"
    expected = ["Hi there.", "It costs 109.00 EUR [A].", "Is that fine?", "Yes!", "And more"]
    assert all(read(text, step) == expected for step in (1, 3, 7, 100))


def test_a_sentence_is_given_before_the_next_one_begins() -> None:
    """As soon as its end is certain."""
    reader = SentenceReader()
    assert reader.complete("It is black. ", ended=False) == ["It is black."]
    assert reader.complete("It is black. It", ended=False) == []


def test_marks_of_lists_and_emphasis_are_left_out() -> None:
    """Bold names, bullets, numbers and headings are only words."""
    assert read("# Title\n- **Apex** is *black*.\n1. «Second» one.") == ["Title", "Apex is black.", "Second one."]


def test_a_citation_after_the_full_stop_is_nobodys() -> None:
    """It would be taken for the next sentence's product."""
    assert read("It is black. [A] It is white [B].") == ["It is black.", "It is white [B]."]


def test_abbreviations_and_figures_end_nothing() -> None:
    """ "e.g. this" and "4.5" stay whole."""
    assert read("Rated 4.5 e.g. by many. Done.") == ["Rated 4.5 e.g. by many.", "Done."]


def test_an_endless_sentence_is_cut() -> None:
    """A megabyte without a full stop is pieces, not a memory."""
    assert all(len(piece) <= MAX_SENTENCE_CHARS for piece in read("a" * 5000, 500))
