"""Which figure of a cited fact a figure states."""

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
        ("fw-0082", "Priced below 6 of the 8 bags we carry [C4]."),
        ("el-0031", "Our stock stands at 5 [C5]."),
        ("fw-0006", "One of the top five dresses for growth in interest over the last 7 days [C3]."),
        ("el-0003", "Shoppers speak well of it: 4.8 out of 5 from 351 of them [C5]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("fw-0082", "Priced below 7 of the 8 bags we carry [C4]."),
        ("el-0031", "Our stock stands at 4 [C5]."),
        ("el-0072", "A top three product in Gaming Accessories by growth in interest [C5]."),
        ("el-0003", "351 of them were sold, at 4.8 out of 5 [C5]."),
        ("fw-0065", "Rated 4.9 out of 5 for fit by shoppers of your size [C1] [C2]."),
        ("ga-0009", "You have five orders of compost in your cart [C1]."),
        ("ho-0055", "The lowest price of 14 kettles [C3]."),
        ("el-0013", "Back in stock until 27 September [C3]."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert not proof_of(product_id, text).ok
