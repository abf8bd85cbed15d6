"""Where a sentence names other products."""

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
        ("el-0031", "Goes with the Aria 40 headphones in your cart, as 4 orders show [C1]."),
        ("el-0071", "Comes from the same brand as your saved Drakkon Spectre 30 headset [C2]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("el-0031", "Over-ear speaker bought with the headphones in your cart [C1]."),
        ("fw-0082", "A tote bag like the one you saved [C1]."),
        ("el-0071", "A headset from Drakkon, like the one you saved [C2]."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert not proof_of(product_id, text).ok
