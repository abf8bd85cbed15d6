"""What the shopper searched, likes or wears."""

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
        ("ho-0055", "You searched for a small kettle [u2]; this has kettle in its name [C1]."),
        ("el-0003", "Study is one of your interests [u2], and these are rated 4.8 out of 5 [C5]."),
        ("el-0013", "The wireless over-ear headphones you were looking for [u1] [C1]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("ho-0055", "A small kettle, as you searched [u2] [C1]."),
        ("ho-0055", "The small kettle you searched for [u2] [C1]."),
        ("el-0003", "Made for study and rated 4.8 by 351 shoppers [u2] [C5]."),
        ("el-0003", "Fits your interest in budget cooking [u3] and is rated 4.8 [C5]."),
        ("el-0003", "Comes in your size M and is rated 4.8 [u6] [C5]."),
        ("el-0162", "Skiing is one of your interests, and this watch is made for it [u3] [C2]."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert not proof_of(product_id, text).ok
