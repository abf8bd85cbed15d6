"""Words that claim something, and the places in which they may stand."""

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
        ("el-0031", "Stock is low, with 5 left [C5]."),
        ("el-0013", "Newly back in stock, since 27 September [C3]."),
        ("fu-0046", "Its price of €109 is far below the median of €374 in Tables & Beds [C2]."),
        ("bo-0029", "Interest in this book grew the most in Non-Fiction over the last 7 days [C2]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("el-0031", "A low price, with 5 left in stock [C5]."),
        ("el-0013", "Newly designed, back in stock since 27 September [C3]."),
        ("el-0133", "Far below the median of €289 in Phones [C2]."),
        ("el-0003", "Interest in these grew the most in Headphones [C7]."),
        ("fw-0037", "Our deal of the day: 15% off [C4]."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert not proof_of(product_id, text).ok
