"""The prover measured by the grammar that was written before it."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.reason_files import load_reasons
from app.domain.catalog import Product
from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence
from app.pipeline.proof import prove
from evals.proofs.measure import NATURAL_SECOND, Tally, measure, natural_cases, verdict
from evals.proofs.paraphrased import case_of, paraphrased_cases

CONFIG = load_reasons(Path(__file__).resolve().parents[3] / "rules")
MUG = Product("m", "Blue Stoneware Mug", brand="Kiln", category="Home > Tableware", price_minor=1290)
RATING = Evidence("e1", "rating", "rated 4.6 out of 5 by 80 shoppers", {"rating": "4.6", "scale": 5, "count": 80})
PRICE = Evidence(
    "e2",
    "price_vs_budget",
    "price 12.90 EUR, 7.10 EUR under the budget of 20.00 EUR",
    {"price_minor": 1290, "budget_minor": 2000, "under_minor": 710, "currency": "EUR", "source": "request"},
)


def proved(text: str, *cited: Evidence) -> bool:
    """Whether the sentence is proved by the facts."""
    return prove(text, item=MUG, cited=cited, config=CONFIG, currency="EUR").ok


def share(tally: Tally) -> float:
    """Share that was judged right."""
    return tally.right / tally.n


@pytest.mark.parametrize(("truths", "lies"), [(400, 100), pytest.param(5000, 300, marks=pytest.mark.slow)])
def test_lies_are_caught_and_truths_are_kept(truths: int, lies: int) -> None:
    """At least 98% of planted lies are refused, at most 2% of generated truths, and no unproved figure passes."""
    figures = measure(CONFIG, n_truths=truths, n_lies=lies)
    planted = list(figures.lies.values())
    assert sum(t.right for t in planted) / sum(t.n for t in planted) >= 0.98
    assert share(figures.truths) >= 0.98
    assert share(figures.compiled) >= 0.99
    assert figures.unproved_figures == 0


@pytest.mark.parametrize(
    "text",
    [
        "Rated 4.6 out of 5 by 80 shoppers.",
        "Shoppers rate this mug 4.6 out of 5.",
        "The Blue Stoneware Mug by Kiln is rated 4.6 by eighty shoppers.",
    ],
)
def test_what_the_fact_says_is_proved(text: str) -> None:
    """Digits or words, with the item's own name."""
    assert proved(text, RATING)


@pytest.mark.parametrize(
    "text",
    [
        "Rated 4.7 out of 5 by 80 shoppers.",
        "Rated 4.6 out of 5 by 800 shoppers.",
        "Not rated 4.6 out of 5 by 80 shoppers.",
        "The best mug in the shop, rated 4.6 out of 5 by 80 shoppers.",
        "Rated 4.6 out of 5 by 80 shoppers and dishwasher safe.",
        "Rated 4.6 out of 5 by 80 shoppers, good for your health.",
        "Rated 4.6 out of 5 by 80 shoppers <b>now</b>.",
        "Because you are pregnant: rated 4.6 out of 5 by 80 shoppers.",
        "A nice mug.",
    ],
)
def test_what_it_does_not_say_is_refused(text: str) -> None:
    """Wrong figures, negation, superlatives, invented traits, health, markup, inference, and no fact at all."""
    assert not proved(text, RATING)


def test_money_needs_its_fact_currency_and_direction() -> None:
    """12.90 € is the price; 12.90 $ is not, and under is not over."""
    assert proved("At €12.90 it is 7.10 EUR under your budget of 20.00 EUR.", PRICE)
    assert proved("At 12,90 € it stays within your budget of 20,00 €.", PRICE)
    assert not proved("At $12.90 it stays within your budget.", PRICE)
    assert not proved("At 12.90 EUR it is 7.10 EUR over your budget.", PRICE)
    assert not proved("At 12.90 EUR it stays within your budget.", RATING)


@given(st.text(max_size=400))
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_it(text: str) -> None:
    """Any text has a verdict; one that is proved is shown as plain text of at most 300 characters."""
    proof = prove(text, item=MUG, cited=(RATING, PRICE), config=CONFIG, currency="EUR")
    if proof.ok:
        assert len(proof.text) <= 300
        assert not set("<>{}[]|`") & set(proof.text)


WORDS = (
    "this the a your you like tagged tag size S M L bought viewed in cart with from by brand category name its is and "
    ", ; search for interest one of 5 25 % EUR € [C1] [C2] [u1] [u2] both same orders rated out less than fits"
).split()


@given(st.lists(st.sampled_from(WORDS), max_size=40), st.sampled_from(["el-0072", "fm-0021", "bo-0042", "ga-0070"]))
@settings(max_examples=300, deadline=None)
def test_no_order_of_words_breaks_it(words: list[str], product_id: str) -> None:
    """Words that the rules look for have a verdict in any order, with the facts and names of a real case."""
    case = case_of(product_id, " ".join(words))
    names = [fact.text for fact in case.facts.values() if isinstance(fact, ProfileFact)]
    for text in (case.text, f"{names[-1]} {case.text}", f"{case.text} {names[0]} {names[-1]}"):
        proof = verdict(replace(case, text=text), CONFIG)
        assert proof is None or not proof.ok or len(proof.text) <= 300


def test_second_natural_set_is_judged_as_its_writer_did() -> None:
    """At least 95% of its true sentences are accepted and all but 2% of its false ones refused: no step back."""
    right, total = {True: 0, False: 0}, {True: 0, False: 0}
    for case, truth, _ in natural_cases(NATURAL_SECOND):
        proof = verdict(case, CONFIG)
        total[truth] += 1
        right[truth] += (proof is not None and proof.ok) == truth
    assert total == {True: 113, False: 103}
    assert right[True] / total[True] >= 0.95
    assert right[False] / total[False] >= 0.98


def test_paraphrases_are_judged_as_written() -> None:
    """At least 94% of paraphrased truths are accepted and 97% of paraphrased falsehoods refused: no step back."""
    right = {True: 0, False: 0}
    total = {True: 0, False: 0}
    for _, case, truth in paraphrased_cases():
        proof = verdict(case, CONFIG)
        total[truth] += 1
        right[truth] += (proof is not None and proof.ok) == truth
    assert right[True] / total[True] >= 0.94
    assert right[False] / total[False] >= 0.97
