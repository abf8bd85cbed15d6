"""Verdicts on sentences that were proved before: a stored order is asked for again with the same sentences.

A verdict follows from the sentence, the item's record, the facts it may cite, and the configuration. It is kept under a
digest of the first and third and the number of the lore that stands for the others (facts.RowLore), so nothing that a
sentence says of a shopper stays in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence, EvidenceKind
from app.pipeline.proof import Failure, FailureKind, Proof

VERDICTS_KEPT = 20_000
"""Some 6 MB."""

Key = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class _Verdict:
    ok: bool
    stated: tuple[EvidenceKind, ...]  # facts by kind, of which an item has one each: their ids go by position
    failures: tuple[FailureKind, ...]


class ProofMemo:
    """Bounded; any thread may use it."""

    def __init__(self) -> None:
        self._verdicts: dict[Key, _Verdict] = {}

    def __len__(self) -> int:
        return len(self._verdicts)

    def recall(self, key: Key, shown: str, evidence: Sequence[Evidence]) -> Proof | None:
        """The proof kept under a key, None where there is none.

        Args:    shown: the sentence as it would be shown; evidence: as for the key.
        Returns: failures have their kind only, not the words that failed.
        """
        known = self._verdicts.get(key)
        if known is None:
            return None
        id_of = {fact.kind: fact.id for fact in evidence}
        stated = tuple(id_of[kind] for kind in known.stated)
        return Proof(known.ok, shown, stated, tuple(Failure(kind, "") for kind in known.failures))

    def keep(self, key: Key, proof: Proof, evidence: Sequence[Evidence]) -> None:
        """Keeps the verdict of a proof; `evidence` as for the key."""
        if len(self._verdicts) >= VERDICTS_KEPT:
            self._verdicts.clear()
        kinds = tuple(failure.kind for failure in proof.failures)
        kind_of = {fact.id: fact.kind for fact in evidence}
        self._verdicts[key] = _Verdict(proof.ok, tuple(kind_of[fact_id] for fact_id in proof.evidence_ids), kinds)


def proof_key(lore: int, text: str, evidence: Sequence[Evidence], facts: Sequence[ProfileFact]) -> Key:
    """What a verdict is kept under. Args: lore: number of the item's lore; text: with its citations."""
    cited = [(fact.kind, fact.text, fact.value) for fact in evidence]
    about = [(fact.id, fact.kind, fact.text) for fact in facts]
    told = repr((text, cited, about)).encode("utf-8", "surrogatepass")
    return lore, hashlib.blake2b(told, digest_size=16).digest()
