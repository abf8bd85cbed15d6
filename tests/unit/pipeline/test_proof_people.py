"""Whom a fact is about."""

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
        ("el-0031", "Shoppers have bought this with the Tonal & Pine Aria 40 Over-Ear Headphones in 4 orders [C1]."),
        ("el-0003", "The 351 shoppers who rated it gave 4.8 out of 5 [C5]."),
    ],
)
def test_what_a_fact_says_is_accepted(product_id: str, text: str) -> None:
    """The sentence follows from what it cites."""
    assert proof_of(product_id, text).failures == ()


@pytest.mark.parametrize(
    ("product_id", "text"),
    [
        ("el-0031", "416 shoppers with the headphones in your cart rated it [C1] [C3]."),
        ("fw-0037", "Knitwear shoppers rate it 4.3 [C5] [C2]."),
        ("fw-0037", "Shoppers come back to this jumper [C2]."),
        ("bo-0014", "You liked Dead Letter Tide by Sunniva Dahl, which you bought [C2]."),
        ("bo-0014", "By the author of Dead Letter Tide, which you bought [C2]."),
        ("bo-0014", "The next book after Dead Letter Tide, which you bought [C2]."),
        ("el-0031", "Four orders a day pair it with the headphones in your cart [C1]."),
    ],
)
def test_what_no_fact_says_is_refused(product_id: str, text: str) -> None:
    """One thing in the sentence follows from nothing that it cites."""
    assert not proof_of(product_id, text).ok
