"""What the shopper did, and what goes with what."""

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
        ("el-0101", "Goes along with the Silverlark Delta 20 Mirrorless Camera you are viewing [C1] [u1]."),
        ("el-0031", "A match for the headphones in your cart: 4 orders contain both [C1]."),
        ("el-0071", "Same brand as the Drakkon Spectre 30 Gaming Headset you saved [C2]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("el-0031", "You’re viewing the Tonal & Pine Aria 40 Over-Ear Headphones, which 4 orders pair with this [C1]."),
        ("el-0031", "Contains the headphones in your cart [C1]."),
        ("el-0071", "Works with the Spectre 30 headset you saved [C2]."),
        ("gr-0050", "You bought this Assam before [C1]."),
        ("fw-0082", "You saved on the Calla Street Juno Tote Bag [C1]."),
        ("el-0101", "The camera on this page needs this card, as 5 orders show [C1]."),
        ("el-0072", "Your console is in your cart, and so is this controller [C1]."),
        ("fw-0082", "Goes with the Calla Street Juno Tote Bag you saved [C1]."),
        (
            "el-0031",
            "A match for the headphones in your cart: 4 orders contain both [C1], and it is on your wish list.",
        ),
        ("el-0031", "4 orders contain both [C1], and you told us that you wanted it."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert not proof_of(product_id, text).ok
