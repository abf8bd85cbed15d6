"""First places are claimed of the cited category only."""

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
        ("ho-0055", "The lowest price of the 14 products in Kitchen Appliances in our range [C3]."),
        ("bo-0029", "Ranks first in Non-Fiction by growth in interest [C2]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("ho-0055", "The lowest price in the shop [C3]."),
        ("ho-0055", "The cheapest product we sell [C3]."),
        ("bo-0029", "First in the shop for growth in interest [C2]."),
        ("fw-0006", "Cheaper than 83% of dresses in other shops [C2]."),
        ("el-0071", "First in Gaming Accessories by rating, 4.6 of 5 [C3] [C5]."),
        ("el-0031", "Only 5 left at this price [C5]."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert not proof_of(product_id, text).ok
