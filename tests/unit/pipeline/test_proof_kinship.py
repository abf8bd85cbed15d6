"""Brand, category and orders are shared only with the product that a fact names."""

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
        ("el-0071", "You viewed a Drakkon gaming headset [u9]; this controller is from Drakkon too [C2]."),
        ("ga-0070", "The Linden Hand Trowel in your cart [u9] is from Gardenia & Sons, as is this compost [C3]."),
        ("bo-0014", "You bought Dead Letter Tide [u9], which is in Fiction, and so is Winter Bees [C2]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("ga-0070", "Five orders combine this compost with the Linden Hand Trowel in your cart [u9] [C1]."),
        ("ga-0070", "From the brand of the Dwarf Basil Seeds you are viewing [u10] [C3]."),
        ("fm-0021", "Same category as the Rufus Oxford Shirt you bought [u9] [C1]."),
        ("be-0005", "Your conditioner and this sun cream are both vegan [u2] [C2]."),
        ("bo-0014", "Rated 4.8 out of 5, like Dead Letter Tide, which you bought [u9] [C4]."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert "wrong_name" in {failure.kind for failure in proof_of(product_id, text).failures}
