"""Grounding checks: true, cited, exact and specific sentences pass; each kind of untruth fails its check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from evals.prompts.checks import grounding
from evals.prompts.checks.sentences import Figure, figures
from evals.prompts.finding import Finding
from evals.prompts.outcome import Outcome
from tests.support.prompt_outcomes import alias_of, changed, lamp, outcome, posed, rated, scenario

SCENE = scenario()
AT = posed(SCENE)
P1, P2 = alias_of(AT.given, "p1"), alias_of(AT.given, "p2")
BUDGETED = f"At 10.00 EUR it stays within your budget of 50.00 EUR [u1][{P1}2]."


def saying(text: str, **more: str) -> Outcome:
    return outcome(SCENE, why={"p1": text, **more})


FAULTY: list[tuple[Callable[[Outcome], Finding], str]] = [
    (grounding.claim_precision, f"It is waterproof to 50 metres [{P1}1]."),
    (grounding.claim_precision, f"At 10.00 EUR it is the best of all lamps [{P1}2]."),
    (grounding.numeric, f"It is rated 4.9 out of 5 by 10 shoppers [{P1}1]."),
    (grounding.numeric, f"At 12.00 EUR it stays within your budget of 50.00 EUR [u1][{P1}2]."),
    (grounding.numeric, f"At 10.00 USD it stays within your budget of 50.00 EUR [u1][{P1}2]."),
    (grounding.citations, f"It is rated 4.2 out of 5 by 20 shoppers [{P2}1]."),
    (grounding.citations, f"It is rated 4.1 out of 5 by 10 shoppers [{P1}9]."),
    (grounding.citations, "It is a lamp for you."),
]


@pytest.mark.parametrize(("judge", "text"), FAULTY, ids=lambda v: getattr(v, "__name__", "said"))
def test_an_untruth_fails_its_check(judge: Callable[[Outcome], Finding], text: str) -> None:
    """Each false, inexact, foreign or empty sentence fails, with a detail that names it."""
    found = judge(saying(text))
    assert found.passed is False
    assert found.detail


@pytest.mark.parametrize("judge", dict.fromkeys(j for j, _ in FAULTY), ids=lambda v: v.__name__)
def test_true_sentences_pass(judge: Callable[[Outcome], Finding]) -> None:
    """True sentences with their own citations pass every check."""
    assert judge(saying(BUDGETED, p2=rated(AT.given, "p2"))).passed is True


def test_precision_counts_claims_and_not_sentences() -> None:
    """One false clause beside a true one is half of a sentence."""
    text = f"It is rated 4.1 out of 5 by 10 shoppers [{P1}1], and it is waterproof [{P1}2]."
    assert grounding.claim_precision(saying(text)).value == pytest.approx(0.5)


def test_coverage_is_the_share_of_what_was_asked_for() -> None:
    """Two proved sentences of three asked for."""
    found = grounding.coverage(saying(BUDGETED, p2=rated(AT.given, "p2"), p3="It is the best."))
    assert found.value == pytest.approx(2 / 3)


def test_a_fact_that_no_longer_holds_is_found() -> None:
    """A sentence whose price was true when the prompt was made, and is not in the record now."""
    stale = changed(SCENE, "p1", product=lamp(1, price_minor=1200))
    found = grounding.current(outcome(stale, why={"p1": BUDGETED}))
    assert found.passed is False
    assert "price_minor 1000, now 1200" in found.detail
    assert grounding.current(saying(BUDGETED)).passed is True


def test_two_products_with_one_sentence_are_found() -> None:
    """Word for word the same, citations aside."""
    twice = saying(f"It is well rated [{P1}1].", p2=f"It is well rated [{P2}1].")
    assert grounding.repeated(twice).passed is False
    assert grounding.repeated(saying(BUDGETED, p2=rated(AT.given, "p2"))).passed is True


def test_only_proved_words_may_stand_on_a_slate() -> None:
    """A sentence on the slate that isn't the proved one, letter by letter, is a failure that must never be."""
    good = saying(BUDGETED)
    assert grounding.unproved_shown(good).passed is True
    first = replace(good.slate[0], reason="It is the best lamp.", reason_source="llm")
    assert grounding.unproved_shown(replace(good, slate=(first, *good.slate[1:]))).passed is False


def test_sentences_that_rest_on_the_shopper_are_counted() -> None:
    """One of two cites a line about the shopper."""
    assert grounding.profile_cited(saying(BUDGETED, p2=rated(AT.given, "p2"))).value == pytest.approx(0.5)


def test_a_reason_that_fits_all_others_is_none() -> None:
    """A sentence as true of every other candidate fails; one with the product's own figures passes."""
    four = scenario(4)
    at = posed(four)
    budget = f"[u1][{alias_of(at.given, 'p1')}2]"
    loose = outcome(four, ("p1",), why={"p1": f"It stays within your budget {budget}."})
    own = outcome(four, ("p1",), why={"p1": f"At 10.00 EUR it stays within your budget of 50.00 EUR {budget}."})
    assert grounding.specificity(loose).passed is False
    assert (grounding.specificity(own).passed, grounding.specificity(own).value) == (True, 1.0)


def test_nothing_said_is_not_computed() -> None:
    """Without a sentence there is no precision, neither 0 nor 1."""
    for judge in (grounding.claim_precision, grounding.numeric, grounding.citations, grounding.specificity):
        found = judge(outcome(SCENE, why={}))
        assert (found.value, found.passed) == (None, None)


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("12.50 EUR", "12.5", "EUR"),
        ("€12.50", "12.5", "EUR"),
        ("12,50 €", "12.5", "EUR"),
        ("1,299.00 USD", "1299", "USD"),
        ("1.299,00 EUR", "1299", "EUR"),
        ("34%", "34", "%"),
        ("34 percent", "34", "%"),
        ("4.6 out", "4.6", ""),
        ("1,250 shoppers", "1250", ""),
    ],
)
def test_figures_are_read_in_any_writing(text: str, number: str, unit: str) -> None:
    """Separators of thousands and decimals either way round, and the unit before or behind."""
    from decimal import Decimal

    assert figures(text) == [Figure(Decimal(number).normalize(), unit)]
