"""The items of a slate with their reasons, from the ranking, the records of the products, and the model's sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.domain.catalog import Product
from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence, RankedItem
from app.pipeline.item_evidence import RowEvidence, Scene, evidence_of_rows
from app.pipeline.model_order import ModelOrder
from app.pipeline.proof import Failure, Proof, prove
from app.pipeline.proof_memo import ProofMemo, proof_key
from app.pipeline.proof_text import mended, resolve_citations, without_citations
from app.pipeline.ranker import Ranking
from app.pipeline.reasons import ItemEvidence, compile_reasons, wording_seed
from app.pipeline.reasons_schema import ReasonConfig


def slate_items(
    scene: Scene, ranking: Ranking, order: ModelOrder, known: Mapping[int, RowEvidence] | None = None
) -> tuple[RankedItem, ...]:
    """The slate in order. Each item has the model's sentence if it is proved, else one compiled from its evidence.

    An item without a record was deleted a moment ago and is left out; the positions close up.

    Args:    known: what `evidence_of_rows` told of every row of the slate before, in the same scene.
    Returns: positions from 1; `evidence` holds the facts that the sentence states; without reasons wanted, neither.
    """
    composition = ranking.composition
    ids = scene.shelf.snapshot.product_ids
    placed = [
        _Placed(row, ids[row], relevance, promoted)
        for row, relevance, promoted in zip(
            composition.rows.tolist(), composition.relevance.tolist(), composition.promoted.tolist(), strict=True
        )
        if ids[row] in scene.products
    ]
    if scene.query.reasons == "none" or not placed:
        return tuple(_item(item, n, order) for n, item in enumerate(placed, start=1))
    rows = [item.row for item in placed]
    found = evidence_of_rows(scene, rows) if known is None else [known[row] for row in rows]
    proofs = [_proved(scene, order, row, *told) for row, told in zip(rows, found, strict=True)]
    compiled = compile_reasons(
        [
            ItemEvidence(
                product_id=product.product_id,
                name=product.name,
                evidence=evidence,
                currency=scene.currency,
                brand=product.brand,
                category=product.category,
                price_minor=product.price_minor,
                promoted=item.promoted,
            )
            for item, (product, evidence) in zip(placed, found, strict=True)
        ],
        seed=wording_seed(scene.query, known=scene.profile.used),
        config=scene.config,
    )
    said: set[str] = set()
    finished = []
    for n, (item, (_, evidence), proof, reason) in enumerate(
        zip(placed, found, proofs, compiled, strict=True), start=1
    ):
        if proof is not None and proof.ok and proof.text not in said and not item.promoted:
            finished.append(_item(item, n, order, proof.text, "llm", _cited(evidence, proof.evidence_ids)))
        else:
            failed = () if proof is None else tuple(dict.fromkeys(failure.kind for failure in proof.failures))
            cited = _cited(evidence, reason.evidence_ids)
            finished.append(_item(item, n, order, reason.text, "template", cited, failed))
        said.add(finished[-1].reason or "")
    return tuple(finished)


@dataclass(frozen=True, slots=True)
class _Placed:
    """One position of a composition."""

    row: int
    product_id: str
    relevance: float
    promoted: bool


def _item(
    placed: _Placed,
    position: int,
    order: ModelOrder,
    reason: str | None = None,
    source: Literal["llm", "template"] | None = None,
    evidence: tuple[Evidence, ...] = (),
    refused: tuple[str, ...] = (),
) -> RankedItem:
    return RankedItem(
        product_id=placed.product_id,
        position=position,
        relevance=placed.relevance,
        ranked_by="llm" if order.ranks(placed.product_id) else "baseline",
        promoted=placed.promoted,
        reason=reason,
        reason_source=source,
        evidence=evidence,
        refused=refused,
    )


def _cited(evidence: Sequence[Evidence], ids: Sequence[str]) -> tuple[Evidence, ...]:
    return tuple(fact for fact in evidence if fact.id in ids)


def sentence_proof(
    text: str,
    product: Product,
    evidence: Sequence[Evidence],
    profile_facts: Sequence[ProfileFact],
    *,
    config: ReasonConfig,
    currency: str,
    memo: ProofMemo | None = None,
    lore: int | None = None,
) -> Proof:
    """The verdict on a model's sentence about an item: the one way to it, for slates and evaluations.

    Args:    text: with its citations, those of the item's own facts by kind ("[rating]", see model_order.portable);
             evidence: everything that is true of the item; profile_facts: what "[u1]" cites.
             memo, lore: where verdicts are kept, and the number of the lore that was made of this very product,
             config and currency; without either the sentence is read anew.
    Returns: not `ok` as well where a citation stands for nothing, with the failure `wrong_citation`.
    """
    if memo is None or lore is None:
        return _read(text, product, evidence, profile_facts, config, currency)
    key = proof_key(lore, text, evidence, profile_facts)
    proof = memo.recall(key, mended(without_citations(text)), evidence)
    if proof is None:
        proof = _read(text, product, evidence, profile_facts, config, currency)
        memo.keep(key, proof, evidence)
    return proof


def _read(
    text: str,
    product: Product,
    evidence: Sequence[Evidence],
    profile_facts: Sequence[ProfileFact],
    config: ReasonConfig,
    currency: str,
) -> Proof:
    by_citation = {fact.id: fact for fact in profile_facts} | {fact.kind: fact for fact in evidence}
    resolved = resolve_citations(text, by_citation)
    if resolved.unknown:
        return Proof(False, resolved.sentence, (), (Failure("wrong_citation", ", ".join(resolved.unknown)),))
    return prove(
        resolved.sentence,
        item=product,
        cited=resolved.evidence,
        profile_facts=resolved.profile_facts,
        config=config,
        currency=currency,
        citations=resolved.citations,
    )


def _proved(
    scene: Scene, order: ModelOrder, row: int, product: Product, evidence: tuple[Evidence, ...]
) -> Proof | None:
    """Whether every word of the model's sentence about an item follows from what it cites; None where it wrote none."""
    text = order.prose.get(product.product_id)
    if text is None or scene.query.reasons != "llm":
        return None
    lore = scene.lore.get(row)
    known = lore is not None and lore.is_of(product, scene.config, scene.currency)
    return sentence_proof(
        text,
        product,
        evidence,
        order.profile_facts,
        config=scene.config,
        currency=scene.currency,
        memo=scene.proofs,
        lore=lore.number if lore is not None and known else None,
    )
