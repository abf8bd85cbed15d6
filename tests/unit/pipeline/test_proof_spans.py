"""A figure is told of the fact whose citation follows it."""

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
        ("el-0031", "416 shoppers rated it 4.8 out of 5 [C3], €10 below the median [C4]."),
        ("el-0031", "Rated 4.8 out of 5 and €10 below the median [C3] [C4]."),
        ("el-0072", "Tagged gaming [u2] [C2] and number 4 in Gaming Accessories for growth in interest [C5]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("el-0031", "416 shoppers rated it 4.8 out of 5 [C4], €10 below the median [C3]."),
        ("el-0072", "Number 4 for growth in interest [C2], tagged gaming [C5]."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert "wrong_citation" in {failure.kind for failure in proof_of(product_id, text).failures}
