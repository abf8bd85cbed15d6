"""The most that a shopper wants to pay, other than by the word budget."""

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
        ("el-0031", "It won’t exceed your 200 EUR budget: it costs 179 EUR [C2]."),
        ("el-0031", "You wanted to spend no more than €200 [u1]; this comes to €179 [C2]."),
        ("el-0031", "A Nordvik speaker priced within what you plan to spend [C2]."),
        ("co-0003", "€101 under the amount you set aside [C2]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("el-0031", "It won’t exceed your 150 EUR budget: it costs 179 EUR [C2]."),
        ("el-0031", "You wanted to spend no more than €150 [u1]; this comes to €179 [C2]."),
        ("el-0031", "It exceeds your 200 EUR budget [C2]."),
        ("ho-0055", "It doesn’t exceed 800 watts or your budget [C2]."),
        ("el-0031", "Your budget will never be exceeded [C2]."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert not proof_of(product_id, text).ok
