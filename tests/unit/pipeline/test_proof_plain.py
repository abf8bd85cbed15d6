"""Words that claim nothing in their place."""

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
        ("el-0031", "Falls within your budget of 200.00 EUR, leaving 21.00 EUR unspent [u1] [C2]."),
        ("el-0003", "A strong rating of 4.8 out of 5 from 351 shoppers [C5]."),
        ("el-0003", "Hundreds of shoppers rated these 4.8 out of 5 [C5]."),
        ("el-0003", "Not only rated 4.8 out of 5 [C5] but also €31 under your budget [C2]."),
        ("el-0133", "One of our latest additions, since 23 September [C3]."),
        ("fw-0037", "Complements your cosy style [u6] [C1]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("el-0031", "Falls apart within your budget [C2]."),
        ("el-0003", "Strong headphones, rated 4.8 out of 5 [C5]."),
        ("ga-0009", "An excellent 4.0 out of 5 from 407 shoppers [C4]."),
        ("el-0003", "Thousands of shoppers rated these 4.8 out of 5 [C5]."),
        ("el-0003", "Not rated 4.8 out of 5 but €31 under your budget [C2] [C5]."),
        ("el-0133", "The latest phone, in the range since 23 September [C3]."),
        ("fw-0008", "Available in all sizes, S included [C5]."),
        ("el-0003", "Because music is one of your interests, these cost 10% less [C1] [C4]."),
        ("el-0031", "Limited edition, with only 5 left [C5]."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert not proof_of(product_id, text).ok
