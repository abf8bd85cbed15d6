"""A verdict that is remembered is the verdict that would be reached again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.reason_files import load_reasons
from app.domain.catalog import Product
from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence
from app.pipeline import proof_memo, slate_items
from app.pipeline.proof import Proof
from app.pipeline.proof_memo import ProofMemo
from app.pipeline.slate_items import sentence_proof

CONFIG = load_reasons(Path(__file__).resolve().parents[3] / "rules")
KETTLE = Product("kettle", "Flux Kettle", category="Home > Kitchen", price_minor=2_490)
RATED = Evidence("e1_1", "rating", "rated 4.8 out of 5 by 351 shoppers", {
    "rating": "4.8", "scale": 5, "count": 351, "source": "catalogue",
})  # fmt: skip
LIKES = (ProfileFact("u1", "interest", "tea"),)
GOOD = "Rated 4.8 out of 5  [rating]."
LIE = "Rated 4.9 out of 5, and waterproof [rating]."
FOREIGN = "Rated 4.8 out of 5 [B2]."


def proved(text: str, memo: ProofMemo | None, *, lore: int = 1, evidence: tuple[Evidence, ...] = (RATED,)) -> Proof:
    """The verdict on a sentence about the kettle."""
    return sentence_proof(text, KETTLE, evidence, LIKES, config=CONFIG, currency="EUR", memo=memo, lore=lore)


@pytest.mark.parametrize("text", [GOOD, LIE, FOREIGN])
def test_a_remembered_verdict_is_the_one_that_was_reached(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proved or not, the second answer says the same without reading the sentence again, and shows the same text."""
    memo, anew = ProofMemo(), proved(text, None)
    assert proved(text, memo) == anew
    monkeypatch.setattr(slate_items, "_read", None)  # a call would fail
    again = proved(text, memo)
    assert (again.ok, again.evidence_ids) == (anew.ok, anew.evidence_ids)
    assert [failure.kind for failure in again.failures] == [failure.kind for failure in anew.failures]
    assert not anew.ok or again.text == anew.text


def test_a_verdict_holds_wherever_the_item_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids of facts go by the item's place in its slate; the same facts under other ids need no second reading."""
    memo = ProofMemo()
    assert proved(GOOD, memo).evidence_ids == ("e1_1",)
    monkeypatch.setattr(slate_items, "_read", None)
    assert proved(GOOD, memo, evidence=(replace(RATED, id="e7_3"),)).evidence_ids == ("e7_3",)


def test_whatever_the_verdict_follows_from_is_in_its_key() -> None:
    """Another figure of a fact, another lore (record, rules or currency changed), other lines about the shopper."""
    memo = ProofMemo()
    assert proved(GOOD, memo).ok
    lower = replace(RATED, value={**RATED.value, "rating": "4.1"})
    assert not proved(GOOD, memo, evidence=(lower,)).ok
    proved(GOOD, memo, lore=2)
    sentence_proof(GOOD, KETTLE, (RATED,), (), config=CONFIG, currency="EUR", memo=memo, lore=1)
    assert len(memo) == 4


def test_nothing_that_a_sentence_says_is_kept() -> None:
    """What stays in memory are digests, kinds of facts and kinds of failure; an erasure finds nothing here."""
    memo = ProofMemo()
    for text in (GOOD, LIE):
        proved(text, memo)
    assert len(memo) == 2
    assert not any(word in repr(memo._verdicts) for word in ("Rated", "waterproof", "4.8", "tea", "kettle"))


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is emptied before it holds more than it may."""
    monkeypatch.setattr(proof_memo, "VERDICTS_KEPT", 3)
    memo = ProofMemo()
    for lore in range(10):
        proved(GOOD, memo, lore=lore)
        assert len(memo) <= 3
