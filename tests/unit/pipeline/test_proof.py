"""Whether a written reason follows from its cited facts: one sentence for every kind of failure."""

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


def kinds(product_id: str, text: str) -> set[str]:
    """The kinds of failure of a sentence."""
    return {failure.kind for failure in proof_of(product_id, text).failures}


FAILURES = [
    ("too_long", "el-0003", "Rated 4.8 out of 5 [C5]. " + "Rated 4.8 out of 5. " * 20),
    ("markup", "el-0003", "Rated <b>4.8</b> out of 5 [C5]."),
    ("language", "el-0003", "Bewertet mit vielen Sternen von allen Kunden 4.8 [C5]."),
    ("sensitive", "el-0003", "Rated 4.8 out of 5, for a pregnancy [C5]."),
    ("negation", "el-0003", "Not rated 4.8 out of 5 [C5]."),
    ("superlative", "el-0003", "The best headphones, rated 4.8 out of 5 [C5]."),
    ("wrong_comparative", "el-0031", "It is 21 EUR over your budget [C2]."),
    ("unbacked_claim", "el-0003", "Free delivery, and rated 4.8 out of 5 [C5]."),
    ("uncited_number", "el-0003", "Rated 4.9 out of 5 [C5]."),
    ("unit", "el-0003", "351 shoppers bought these, rated 4.8 [C5]."),
    ("currency", "el-0031", "At $179 it stays within your budget [C2]."),
    ("stock", "el-0031", "Only for you at a price of €179, with 5 left in stock [C2] [C5]."),
    ("wrong_deed", "el-0031", "You bought the Tonal & Pine Aria 40 Over-Ear Headphones; 4 orders pair them [C1]."),
    ("wrong_wish", "el-0013", "You searched for waterproof headphones, and these match [C1]."),
    ("wrong_name", "el-0031", "Same brand as the Tonal & Pine Aria 40 headphones in your cart, in 4 orders [C1]."),
    ("unknown_word", "el-0003", "Waterproof, and rated 4.8 out of 5 [C5]."),
    ("no_item_fact", "el-0003", "A good choice for you [u4]."),
]


@pytest.mark.parametrize(("kind", "product_id", "text"), FAILURES, ids=[kind for kind, _, _ in FAILURES])
def test_each_kind_of_failure_is_found(kind: str, product_id: str, text: str) -> None:
    """A sentence with one fault is refused, and the fault has its name."""
    assert kind in kinds(product_id, text)


def test_the_facts_that_a_sentence_states_come_back() -> None:
    """Only cited facts that the words state are evidence, in the order of citation."""
    proof = proof_of("el-0003", "Rated 4.8 out of 5 [C5] and €31 under your budget [C2].")
    assert (proof.ok, proof.evidence_ids) == (True, ("C5", "C2"))


def test_the_text_comes_back_as_it_may_be_shown() -> None:
    """Citations are gone, spaces are single and none stands before punctuation."""
    assert proof_of("el-0003", "Rated  4.8 out of 5 [C5] .").text == "Rated 4.8 out of 5."
