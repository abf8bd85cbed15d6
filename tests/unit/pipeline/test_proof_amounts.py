"""Which amount of a cited fact an amount of the sentence is."""

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
        ("el-0031", "It costs €179, €21 under your €200 budget [C2]."),
        ("el-0003", "Now €119 rather than €189 [C3]."),
        ("el-0003", "Save €70 against its recent low [C3]."),
        ("ho-0055", "No other kitchen appliance here costs less than its €16.90 [C3]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("el-0031", "It costs €200, €21 under your budget [C2]."),
        ("el-0003", "Now €189 rather than €119 [C3]."),
        ("co-0003", "Reduced by €101 from its previous low [C3] [C2]."),
        ("el-0031", "You wanted to spend €179 [C2]."),
        ("el-0031", "It saves you €179 compared to your €200 budget [C2]."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert not proof_of(product_id, text).ok
