"""What a model said about one request, and the ranking that follows from it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.domain.model_calls import ProfileFact, Usage
from app.domain.ranking import FallbackReason, Strategy
from app.pipeline.fusion import fuse
from app.pipeline.gate_schema import GateLine
from app.pipeline.prompt_input import PromptInput, lines_about_shopper
from app.pipeline.ranker import Ranking, reordered
from app.pipeline.rules import CompiledRules
from app.pipeline.shelf import Shelf

_LABEL = re.compile(r"\b[A-X][0-9]{1,2}\b")
_BRACKET = re.compile(r"\[[^\[\]]{1,60}\]")


@dataclass(frozen=True, slots=True)
class ModelOrder:
    """An order with its sentences, or why there is none."""

    strategy: Strategy
    fallback: FallbackReason | None
    order: tuple[str, ...] = ()  # product ids that the model emitted, best first
    candidates: tuple[str, ...] = ()  # what it was given, in baseline order
    prose: Mapping[str, str] = field(default_factory=dict)  # product id → sentence; [rating] cites the item's own fact
    percentiles: tuple[float, ...] = ()  # user-match percentile of each candidate, of a cached answer
    reasons_asked: int = 0  # sentences that a cached answer was asked for
    fresh_s: float = 0.0  # seconds for which a cached answer stays fresh
    profile_facts: tuple[ProfileFact, ...] = ()  # what [u1] cites
    gate: GateLine | None = None
    model: str | None = None
    prompt_version: str | None = None
    usage: Usage | None = None  # of the call, where it ended in time
    call_of: str | None = None  # the recommendation that the call was made for; None: cached, or no call

    def ranks(self, product_id: str) -> bool:
        """Whether the model had a say in this product's place."""
        return self.gate is not None and self.gate.w > 0 and product_id in self.order


def fused(ranking: Ranking, order: ModelOrder, rules: CompiledRules, shelf: Shelf, limit: int) -> Ranking:
    """The ranking with the model's order fused into its head, composed again.

    The head is what the model was given, as far as it is still eligible; what follows keeps the baseline's order. So a
    product can gain at most `maxLift` positions whatever the model says (DESIGN: fusion).
    """
    if not order.order or order.gate is None:
        return reordered(ranking, (), rules, shelf, limit) if len(ranking.composition.rows) == 0 else ranking
    open_rows = set(ranking.order.tolist())
    given = [row for row in shelf.snapshot.rows(order.candidates).tolist() if row in open_rows]
    wished = shelf.snapshot.rows(order.order).tolist()
    head = fuse(given, wished, order.gate.w, order.gate.max_lift)
    return reordered(ranking, head, rules, shelf, limit)


def portable(why: Mapping[str, str], given: PromptInput) -> dict[str, str]:
    """Product id → sentence whose citations hold beyond this prompt: [C1] becomes the kind of that fact, [u1] stays.

    A label of another candidate stays as it is, and so cites nothing.
    """
    prose = {}
    for alias, text in why.items():

        def kind_of(found: re.Match[str], own: str = alias) -> str:
            label = found[0]
            fact = given.evidence_of.get(label) if label.startswith(own) else None
            return label if fact is None else fact.kind

        cited = _BRACKET.sub(lambda bracket: _LABEL.sub(kind_of, bracket[0]), text)
        prose[given.product_of[alias]] = cited
    return prose


def still_true(order: ModelOrder, now: Sequence[ProfileFact]) -> ModelOrder:
    """The order with only those lines about the shopper that hold for the one who asks now.

    A cached answer may be older than a change of mind, and one call may serve two shoppers who are alike.
    """
    holds = {(fact.kind, fact.text) for fact in lines_about_shopper(now)}
    return replace(order, profile_facts=tuple(f for f in order.profile_facts if (f.kind, f.text) in holds))
