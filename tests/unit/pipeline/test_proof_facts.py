"""What the facts that a sentence cites support."""

from __future__ import annotations

from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence
from app.pipeline.proof_facts import Name, Quantity, backing_of


def test_a_fact_gives_its_figures_with_unit_and_role() -> None:
    """A budget fact holds price, budget and distance, and what share of the budget the price is."""
    value = {"price_minor": 1290, "budget_minor": 2000, "under_minor": 710, "currency": "EUR"}
    backing = backing_of([Evidence("e1", "price_vs_budget", "", value)], [], "EUR")
    assert Quantity("money", "under", 710, "e1") in backing.quantities
    assert Quantity("share", "share", 6450, "e1") in backing.quantities


def test_a_count_of_dearer_products_is_a_portion_too() -> None:
    """6 of 8 is three quarters for a fraction in words; no percentage is held."""
    value = {"price_minor": 100, "median_minor": 200, "below_minor": 100, "n": 8, "pricier": 6, "category": "Bags"}
    backing = backing_of([Evidence("e1", "price_vs_category", "", value)], [], "EUR")
    assert Quantity("portion", "pricier", 7500, "e1") in backing.quantities
    assert all(held.unit != "percent" for held in backing.quantities)


def test_the_shoppers_own_words_are_kept_apart_from_the_items() -> None:
    """A search of the profile backs no word of the item: only a query_match does."""
    backing = backing_of([], [ProfileFact("u1", "query", "small kettle")], "EUR")
    assert backing.terms == {}
    assert backing.wished == {"small": "u1", "kettle": "u1"}


def test_names_hold_what_the_shopper_did() -> None:
    """A product bought before is a name with a deed."""
    backing = backing_of([], [ProfileFact("u1", "bought", "Iron Tide")], "EUR")
    assert backing.names == [Name(("iron", "tide"), "u1", "bought")]
