"""Tags, sizes and the fields in which a search matches: told only as the record has them."""

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
        ("ho-0055", "Kettle, a word of your search [u2], is in its name [C1]."),
        ("el-0072", "Gaming interests you [u2], and this controller is tagged gaming [C2]."),
        ("fm-0021", "It comes in size L, yours [u6] [C4]."),
        ("gr-0050", "This tea is cheaper than 15 of the 19 products in Coffee & Tea [C4]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("ho-0055", "The word kettle of your search is in its brand [u2] [C1]."),
        ("bo-0042", "The word bulbs of your search is in its details [u8] [C2]."),
        ("el-0072", "It is tagged computers, one of your interests [u3] [C2]."),
        ("fm-0021", "It comes in M, your size [u6] [C4]."),
        ("gr-0050", "This coffee is cheaper than 15 of the 19 products in Coffee & Tea [C4]."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert "wrong_wish" in {failure.kind for failure in proof_of(product_id, text).failures}
