"""Sentences of a slate: different, deterministic, disclosed, varied, and neutral where nothing is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.adapters.reason_files import load_reasons
from app.domain.ranking import Evidence
from app.pipeline.reason_slots import slot_values, variant_of
from app.pipeline.reasons import MAX_CHARS, ItemEvidence, compile_reasons
from app.pipeline.reasons_schema import SLOTS

CONFIG = load_reasons(Path(__file__).resolve().parents[3] / "rules")


def rating(row: int, count: int = 128) -> Evidence:
    value = {"rating": "4.3", "scale": 5, "count": count}
    return Evidence(f"e{row}_1", "rating", f"rated 4.3 out of 5 by {count} shoppers", value)


def arrival(row: int) -> Evidence:
    return Evidence(f"e{row}_2", "new_arrival", "new since 3 November", {"since": "2026-11-03", "days": 3})


def budget(row: int) -> Evidence:
    value = {"price_minor": 2_490, "budget_minor": 4_000, "under_minor": 1_510, "currency": "EUR"}
    return Evidence(f"e{row}_0", "price_vs_budget", "", value)


def item(row: int, *evidence: Evidence, **fields) -> ItemEvidence:
    return ItemEvidence(f"p{row}", fields.pop("name", f"Kettle {row}"), evidence, "EUR", **fields)


def texts(items: list[ItemEvidence], seed: str = "s") -> list[str]:
    return [reason.text for reason in compile_reasons(items, seed=seed, config=CONFIG)]


def test_the_same_slate_reads_the_same_and_another_seed_differently() -> None:
    """Wordings follow seed and product id only."""
    slate = [item(i, rating(i), arrival(i)) for i in range(8)]
    assert texts(slate) == texts(slate)
    assert texts(slate) != texts(slate, seed="another")


def test_fifty_items_with_the_same_facts_get_fifty_sentences() -> None:
    """Equal facts and equal names, the largest slate: no sentence twice."""
    for fields in ({}, {"price_minor": 100}, {"category": "Health"}, {"brand": "Aurel", "category": "Home"}):
        slate = [item(i, name="Kettle", **fields) for i in range(50)]
        assert len(set(texts(slate))) == 50
    slate = [item(i, rating(i)) for i in range(50)]
    assert len(set(texts(slate))) == 50


def test_kinds_rotate_over_a_slate() -> None:
    """Where several kinds are there, no kind leads all sentences."""
    reasons = compile_reasons([item(i, budget(i), rating(i), arrival(i)) for i in range(6)], seed="s", config=CONFIG)
    leads = {reason.evidence_ids[0].rpartition("_")[2] for reason in reasons}
    assert leads == {"0", "1", "2"}


def test_a_sentence_cites_what_it_states() -> None:
    """Two facts of different themes make one sentence; both ids are cited, in the order said."""
    (reason,) = compile_reasons([item(1, rating(1), arrival(1))], seed="s", config=CONFIG)
    assert reason.evidence_ids == ("e1_1", "e1_2")
    assert "128 shoppers" in reason.text
    assert "3 November" in reason.text
    assert reason.text.endswith(".")


def test_promoted_items_say_so_first() -> None:
    """The disclosure opens the sentence, with facts and without."""
    facts, bare = texts([item(1, rating(1), promoted=True), item(2, promoted=True)])
    assert facts.startswith("Promoted: ")
    assert bare.startswith("Promoted: ")
    assert not facts.removeprefix("Promoted: ")[0].isupper()


def test_a_disclosure_is_not_followed_by_a_second_colon() -> None:
    """Even where a wording with a colon is the one that leaves room for a second fact."""
    value = {"value": "growing and preserving at home", "stated": "interest"}
    sold = {"partner": "Kestrel Arcade Phantom Wireless Mouse", "orders": 11, "source": "cart"}
    facts = (Evidence("e1_1", "attribute_match", "", value), Evidence("e1_2", "bought_together", "", sold))
    for i in range(40):
        assert texts([item(i, *facts, promoted=True)])[0].count(": ") == 1


def test_prices_without_a_name_are_worded_in_turn() -> None:
    """Items of which nothing but the price may be said don't all read the same."""
    slate = texts([item(i, name="Pregnancy Test", price_minor=749 + i) for i in range(5)])
    assert len({text.partition(" at ")[0] for text in slate}) == 5


def test_an_item_that_may_be_named_is_named() -> None:
    """Without category and brand, as in a shop that has none, the name comes before a bare price."""
    slate = texts([item(i, price_minor=749) for i in range(5)])
    assert all(f"“Kettle {i}”" in text for i, text in enumerate(slate))


def test_no_wording_of_a_discount_ends_on_a_dangling_before() -> None:
    """The reference is the lowest price before something: a sentence says before what."""
    wordings = CONFIG.wordings["discount", "plain"]
    assert not [t.source for t in (*wordings.leads, *wordings.tails) if t.source.endswith("before")]


@pytest.mark.parametrize("name", ['Phone 6.1 "', "Phone 6.1´´", "Phone 6.1“ ,", "Phone \u2800"])
def test_no_space_is_left_before_a_comma(name: str) -> None:
    """A name that ends in an inch sign, a quote or a blank letter still meets our comma."""
    for text in texts([item(i, name=name, category="Phones", brand=name, price_minor=i + 1) for i in range(24)]):
        assert " ," not in text
        assert " ”" not in text
        assert "\u2800" not in text


def test_the_fallback_names_what_may_be_named() -> None:
    """Category, brand, price and name are enough for a true sentence; a sensitive name or category is not said."""
    known = texts([item(i, category="Electronics > Headphones", price_minor=4_990) for i in range(30)])
    assert any(text == "From our Headphones range." for text in known)
    hidden = texts([item(1, name="Pregnancy Test", category="Health", brand="Aurel", price_minor=4_990)])
    assert not any(word in hidden[0] for word in ("Pregnancy", "Health", "Aurel", "Test"))
    unspoken = texts([item(i, name="Dress", category="Fashion > Women") for i in range(9)])
    assert not any("Women" in text for text in unspoken)


@pytest.mark.parametrize("name", ["<b>Kettle</b>", "Kettle\u202e\u200b", "{price} Kettle", "see www.evil.example"])
def test_seller_text_stays_text(name: str) -> None:
    """No markup character, format character, slot or link of a name reaches a sentence."""
    for text in texts([item(i, name=name) for i in range(12)]):
        assert not set(text) & set("<>{}\u202e\u200b")
        assert "www" not in text


def test_long_names_are_cut_and_sentences_stay_short() -> None:
    """A name of 500 characters is cut at 60 with an ellipsis."""
    value = {"partner_id": "x", "partner": "Kettle " * 8 + "…", "orders": 12, "lift": 2.0, "source": "cart"}
    together = Evidence("e1_1", "bought_together", "", value)
    slate = [item(1, together, rating(1)), item(2, name="Kettle " * 70), item(3, name="K" * 500)]
    assert all(len(text) <= MAX_CHARS for text in texts(slate))


@pytest.mark.parametrize(("left", "expected"), [(1, "1 piece"), (3, "3 pieces")])
def test_plurals(left: int, expected: str) -> None:
    """One is one."""
    assert slot_values(Evidence("e", "low_stock", "", {"left": left}))["pieces"] == expected


def test_a_figure_of_the_wrong_type_is_refused() -> None:
    """A value that is no whole number never turns into text."""
    with pytest.raises(TypeError, match="left"):
        slot_values(Evidence("e", "low_stock", "", {"left": "3"}))


def test_every_variant_that_facts_can_have_is_worded() -> None:
    """The variants that code derives and those that the file words are the same."""
    assert set(CONFIG.wordings) == {(kind, variant) for kind, variants in SLOTS.items() for variant in variants}
    assert variant_of("promotion", {"percent": 5, "until": "2026-11-03"}) == "percent_until"
    assert variant_of("promotion", {}) == "plain"


def test_no_items_no_sentences() -> None:
    """An empty slate is fine."""
    assert compile_reasons([], seed="", config=CONFIG) == ()
