"""What a model may say in the chat."""

from pathlib import Path

import pytest

from app.adapters.reason_files import load_reasons
from app.domain.catalog import Product
from app.domain.ranking import Evidence
from app.pipeline.chat_proof import ChatProver, Subject

CONFIG = load_reasons(Path(__file__).resolve().parents[3] / "rules")
APEX = Product(
    "el-0005",
    "Auralis Apex 80 Over-Ear Headphones",
    brand="Auralis",
    category="Electronics > Headphones",
    price_minor=10900,
    stock=1,
    tags=("wireless", "music", "travel"),
    attributes={
        "battery_hours": "30",
        "noise_control": "active noise cancelling",
        "fit": "over-ear",
        "colour": "black",
        "connection": "Bluetooth 5.3",
    },
)
MIRA = Product(
    "el-0014",
    "Beatfold Mira 40 On-Ear Headphones",
    brand="Beatfold",
    category="Electronics > Headphones",
    price_minor=3890,
    stock=0,
    attributes={"battery_hours": "20", "colour": "white"},
)
RATING = Evidence("e2", "rating", "rated 4.6 out of 5 by 212 shoppers", {"rating": "4.6", "count": 212, "scale": 5})
SUBJECTS = {"A": Subject(APEX, (RATING,)), "B": Subject(MIRA)}


def prover(budget_minor: int | None = None) -> ChatProver:
    return ChatProver(
        config=CONFIG,
        currency="EUR",
        budget_minor=budget_minor,
        asked="wireless headphones for travel",
        budget_text=None if budget_minor is None else f"{budget_minor / 100:.2f} EUR",
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "The Auralis Apex 80 costs 109.00 EUR [A].",
        "I suggest the Auralis Apex 80, which has active noise cancelling and a 30-hour battery [A].",
        "A black, over-ear option at 109.00 EUR is the Auralis Apex 80 [A].",
        "It is rated 4.6 out of 5 by 212 shoppers [A].",
        "It is in stock [A].",
        "The Auralis Apex 80 is black, wireless and in stock [A].",
        "The Beatfold Mira 40 is sold out [B].",
        "You could look at the Auralis Apex 80 [A].",
    ],
)
def test_what_the_record_says_may_be_said(sentence: str) -> None:
    """Price, stock, attributes and rating, in ordinary words; the sentence is shown without its citation."""
    judged = prover().judge(sentence, SUBJECTS)
    assert judged.kind == "product", judged.failures
    assert "[" not in judged.text


@pytest.mark.parametrize(
    "sentence",
    [
        "The Auralis Apex 80 costs 99.00 EUR [A].",
        "The Auralis Apex 80 costs 38.90 EUR [A].",
        "The Auralis Apex 80 has 20 hours of battery [A].",
        "It is waterproof [A].",
        "It is the best of all [A].",
        "It's available in red [A].",
        "The Beatfold Mira 40 is in stock [B].",
        "It will be in stock tomorrow [B].",
        "The Auralis Apex 80 is sold out [A].",
        "It is not in stock [A].",
        "The Auralis Apex 80 costs less than the Beatfold Mira 40 [A][B].",
        "It is available for 50 EUR [A].",
        "The <b>Auralis</b> is black [A].",
        "Buy it at http://evil.example [A].",
        "This comes with a gift [A].",
    ],
)
def test_what_the_record_does_not_say_is_removed(sentence: str) -> None:
    """Another price, another product's facts, praise, wrong stock, comparisons and markup."""
    assert prover().judge(sentence, SUBJECTS).kind == "removed"


@pytest.mark.parametrize(
    "sentence",
    [
        "The UltraSound X9 is black.",
        "The UltraSound X9 costs 10 EUR [Z].",
        "All are free today.",
        "These are half price.",
        "We have nothing else.",
        "They ship in two days.",
        "I can't help with that.",
        "Everything is safe and healthy.",
        "These are good.",
        "Prices are low.",
        "Use the code SAVE.",
        "I give you a discount.",
        "Would you like the free ones?",
        "Do you need it before 5 o'clock?",
        "I am a person.",
        "Please tell me your name.",
        "Share your card with me.",
        "What is your name?",
        "The price is below your budget.",
        "Our prices are below others.",
    ],
)
def test_a_sentence_about_no_product_claims_nothing(sentence: str) -> None:
    """Invented products, figures, promises, negations and praise are not small talk."""
    assert prover().judge(sentence, SUBJECTS).kind == "removed"


@pytest.mark.parametrize("sentence", ["Here are some headphones.", "Let me look.", "Happy to help.", "I am a machine."])
def test_small_talk_passes(sentence: str) -> None:
    """Plain words, and the category that was asked for."""
    assert prover().judge(sentence, SUBJECTS).kind == "talk"


@pytest.mark.parametrize(
    "sentence", ["What would you like to use them for?", "Do you prefer over-ear headphones or a different style?"]
)
def test_a_question_may_name_what_the_products_have(sentence: str) -> None:
    """Words of their attributes and categories, no figure."""
    assert prover().judge(sentence, SUBJECTS).kind == "question"


def test_it_means_the_product_before() -> None:
    """A pronoun goes on with the last proved sentence's product; without one it is nobody's."""
    alone, after = prover(), prover()
    assert alone.judge("It is black.", SUBJECTS).kind == "removed"
    assert after.judge("The Auralis Apex 80 is wireless [A].", SUBJECTS).alias == "A"
    assert after.judge("It is black.", SUBJECTS).alias == "A"
    assert after.judge("It is white.", SUBJECTS).kind == "removed"


def test_nothing_is_said_of_a_product_over_the_limit() -> None:
    """Not even what is true: the code tells what it costs."""
    assert prover(5000).judge("The Auralis Apex 80 is black [A].", SUBJECTS).failures == ("over budget",)


def test_a_limit_that_was_stated_may_be_named() -> None:
    """Within it, by its own figure and no other."""
    sentence = "It costs 109.00 EUR, within your budget of {} EUR [A]."
    assert prover(15000).judge(sentence.format("150.00"), SUBJECTS).kind == "product"
    assert prover(15000).judge(sentence.format("140.00"), SUBJECTS).kind == "removed"
