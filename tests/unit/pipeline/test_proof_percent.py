"""Which percentage of a cited fact a percentage states."""

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
        ("st-0002", "The Student discount saves you 10% until 31 October [C3]."),
        ("el-0003", "Its price fell 37% to €119 [C3]."),
        ("fw-0006", "Less expensive than 83% of dresses and within your budget [C2] [C1]."),
        ("to-0006", "At €24.90 it uses less than a third of your €80 budget [C5]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("el-0003", "Save 37% with the Student discount until 31 October [C3] [C4]."),
        ("el-0003", "10% below its lowest price of the last 30 days [C3] [C4]."),
        ("fw-0037", "Save 15% on everything in Autumn knitwear weeks [C4]."),
        ("fw-0082", "Leaves you with more than half of your budget [C2]."),
        ("bo-0014", "Costs less than 80% of the paperbacks in Fiction [C5]."),
        ("fw-0006", "83% cheaper than the other dresses [C2]."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert not proof_of(product_id, text).ok
