"""Prices and places that a sentence compares."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.adapters.reason_files import load_reasons
from app.pipeline.proof import Proof
from evals.proofs.measure import verdict
from evals.proofs.paraphrased import case_of

CONFIG = load_reasons(Path(__file__).resolve().parents[3] / "rules")


def proof_of(product_id: str, text: str) -> Proof:
    """The verdict on a sentence about a demo product."""
    proof = verdict(case_of(product_id, text), CONFIG)
    assert proof is not None
    return proof


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("fw-0082", "Six out of eight bags are pricier [C4]."),
        ("ho-0055", "Every other product in Kitchen Appliances costs more [C3]."),
        ("be-0034", "This blush is 14% cheaper than before [C1]."),
        ("be-0034", "You pay 23.90 EUR instead of 27.90 EUR, its lowest price in the 30 days before [C1]."),
        ("fw-0006", "A maxi dress that costs less than the majority of dresses here [C2]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("fw-0082", "Pricier than six of eight bags [C4]."),
        ("fw-0082", "Every other bag costs more [C4]."),
        ("be-0034", "14% cheaper than other blushes [C1]."),
        ("be-0034", "You pay 23.90 EUR, its lowest price in the 30 days before [C1]."),
        ("ho-0055", "The least expensive to run of the 14 products in Kitchen Appliances [C3]."),
        ("ho-0055", "Costs less to run than any other kitchen appliance [C3]."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert not proof_of(product_id, text).ok
