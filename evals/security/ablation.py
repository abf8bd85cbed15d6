"""Each defence of the rerank surface taken away: what gets through then is what it is there for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from app.pipeline.fusion import fuse
from app.pipeline.prompt_input import PromptItem, field_text
from app.pipeline.proof import Proof
from app.pipeline.proof_text import resolve_citations
from app.pipeline.rules import Eligibility, eligible
from evals.prompts.scenario import Scenario
from evals.security.attacks import Attack, Place


@dataclass(frozen=True, slots=True)
class Defence:
    """One or more defences that are done without together."""

    name: str
    does: str  # in a line, for the table
    without: Mapping[str, Callable[..., Any]]  # dotted name in the product → what stands in its place


def _unbounded(baseline: Sequence[int], order: Sequence[int], w: float, _max_lift: int) -> tuple[int, ...]:
    return fuse(baseline, order, w, len(baseline))


def _believed(text: str, _product: Any, evidence: Any, profile: Any, **_: Any) -> Proof:
    resolved = resolve_citations(text, {fact.kind: fact for fact in evidence} | {fact.id: fact for fact in profile})
    return Proof(ok=True, text=resolved.sentence, evidence_ids=(), failures=())


def _fit(_text: str) -> None:
    return None


def _raw(text: str, limit: int) -> str:
    return text[:limit]


def _uncapped(text: str, _limit: int) -> str:
    return field_text(text, 1_000_000)


def _everything(rules: Any, context: Any, rows: Any = None) -> Eligibility:
    found = eligible(rules, context, rows)
    mask = found.mask.copy()
    mask[:] = True
    return replace(found, mask=mask)


_PROOF: Mapping[str, Callable[..., Any]] = {"app.pipeline.slate_items.sentence_proof": _believed}
_FILTER: Mapping[str, Callable[..., Any]] = {"app.pipeline.repair._unfit": _fit}
_CLEANING: Mapping[str, Callable[..., Any]] = {"app.pipeline.prompt_input.field_text": _raw}
_CAPS: Mapping[str, Callable[..., Any]] = {"app.pipeline.prompt_input.field_text": _uncapped}

_RULES_BEFORE: Mapping[str, Callable[..., Any]] = {"app.pipeline.ranker.eligible": _everything}
_RULES_AFTER: Mapping[str, Callable[..., Any]] = {"app.pipeline.slate.eligible": _everything}

DEFENCES: tuple[Defence, ...] = (
    Defence("none taken away", "as it is served", {}),
    Defence("maxLift", "bounds what any reply can move", {"app.pipeline.model_order.fuse": _unbounded}),
    Defence("proof", "shows a model's sentence only where every word is proved", _PROOF),
    Defence("reason filter", "drops markup, links, control characters, length (repair)", _FILTER),
    Defence("proof and reason filter", "both: each covers markup for the other", {**_PROOF, **_FILTER}),
    Defence("rules before the model", "stock, margin and budget decide what a model may order", _RULES_BEFORE),
    Defence("rules on the slate", "the same once more when the slate is composed", _RULES_AFTER),
    Defence("both sets of rules", "each covers for the other", {**_RULES_BEFORE, **_RULES_AFTER}),
    Defence("cleaning of fields", "no delimiter, label, role or hidden character in a prompt's field", _CLEANING),
    Defence("caps of fields", "a field is at most 110 characters long", _CAPS),
    Defence("allow-list of fields", "no description and no tag in a prompt", {}),
)
"""What is tried, in the order of the table. The allow-list is a type without such a field; `described` makes one."""


@contextmanager
def without(defence: Defence) -> Iterator[None]:
    """The service's code without a defence, for as long as the block runs. Not for more than one thread."""
    with ExitStack() as stack:
        for name, stand_in in defence.without.items():
            stack.enter_context(patch(name, stand_in))
        if defence.name == "allow-list of fields":
            stack.enter_context(patch("evals.prompts.posing.PromptItem", _described))
        yield


_texts: dict[str, str] = {}


def _described(product_id: str, name: str, brand: str | None, category: str | None, facts: Any) -> PromptItem:
    return PromptItem(product_id, f"{name[:10]} {_texts.get(product_id, '')}", brand, category, facts)


def told_of(planted: Sequence[tuple[Attack, Place, Scenario]]) -> None:
    """Notes the free texts of these scenarios' products, for the ablation that lets them into a prompt."""
    _texts.clear()
    for _, place, scenario in planted:
        product = next(one.product for one in scenario.candidates if one.hostile)
        if place in ("description", "tag"):
            _texts.setdefault(product.product_id, " ".join((*product.tags[-1:], product.description)))
