"""What a reply makes of a scenario, by the code that serves shoppers: repair, fusion, rules, proof, reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.adapters.gate_file import load_gate
from app.adapters.reason_files import load_reasons
from app.adapters.rule_files import load_rules
from app.domain.model_calls import ModelReply
from app.domain.ranking import Query
from app.flight import FALLBACK_OF, Asked, order_of, usable_text
from app.pipeline.columns import snapshot_of
from app.pipeline.gate_schema import Gate, gate_line
from app.pipeline.item_evidence import RowEvidence, Scene
from app.pipeline.model_order import ModelOrder, fused
from app.pipeline.profile import Profile
from app.pipeline.proof import Proof
from app.pipeline.ranker import Ranking, remembered
from app.pipeline.reasons_schema import ReasonConfig
from app.pipeline.repair import read_reply
from app.pipeline.rules import CompiledRules
from app.pipeline.rules_schema import IN_CART, REQUEST_EXCLUDE, Rules
from app.pipeline.sensitivity import sensitive_rows
from app.pipeline.shelf import build_shelf
from app.pipeline.slate_items import sentence_proof, slate_items
from evals.prompts.outcome import Outcome, Posed, Source
from evals.prompts.scenario import Scenario

NOW = 1_790_726_400.0
"""30 September 2026, UTC: the day of the demo shop's newest events, so that its promotions are as they were."""
OWNED, DISMISSED = "owned", "dismissed"
"""Rules of rules/shop.yaml that look at the shopper; a scenario that plants such a product names them so."""
SLATE_MAX = 10
"""Items of the slate that is judged; more where a scenario asks for more."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a reply came: from whom, and how long its order took."""

    model: str
    source: Source
    seconds_to_order: float | None = None
    deadline_s: float | None = None  # how long a request waits; None = it is not judged


@dataclass(frozen=True, slots=True)
class _Stand:
    """A scenario as the service holds a request: everything that does not depend on the reply."""

    scenario: Scenario
    scene: Scene
    ranking: Ranking
    percentiles: tuple[float, ...]
    known: Mapping[int, RowEvidence]  # row → record and facts


class Judge:
    """Judges replies under one shop's rules. Not for more than one thread at a time."""

    def __init__(self, rules: Rules, reasons: ReasonConfig, gate: Gate) -> None:
        self._rules = rules
        self._reasons = reasons
        self._gate = gate
        self._stands: dict[int, _Stand] = {}
        self._known_names: dict[str, bool] = {}

    @classmethod
    def of(cls, rules_dir: Path) -> Judge:
        """Raises RulesError: a file of the folder can't be used."""
        return cls(load_rules(rules_dir), load_reasons(rules_dir), load_gate(rules_dir))

    def judge(self, posed: Posed, reply: ModelReply, told: Told) -> Outcome:
        """The outcome of one reply.

        The slate is made as for a cached answer: the rules are asked again, so a product that they forbid since can't
        be in it, whatever the reply says. `fused` is the order before caps and diversity.
        """
        scenario = posed.scenario
        stand = self._stand(scenario)
        candidates = tuple(c.product.product_id for c in scenario.candidates)
        asked = Asked(posed.given, candidates, stand.percentiles, posed.reasons)
        line = gate_line(self._gate, scenario.history, scenario.intent, told.model, posed.call.prompt_hash)
        read = read_reply(usable_text(reply), posed.given.product_of, complete=True, limit=scenario.limit)
        order = order_of(read, asked, gate=line, fallback=FALLBACK_OF[reply.outcome])
        scene = stand.scene
        ranking = fused(stand.ranking, order, scene.rules, scene.shelf, max(SLATE_MAX, scenario.limit))
        ids = scene.shelf.snapshot.product_ids
        return Outcome(
            posed=posed,
            model=told.model,
            source=told.source,
            reply=reply,
            read=read,
            order=order.order,
            slate=slate_items(scene, ranking, order, stand.known),
            proofs=_proofs(stand, order),
            prose=order.prose,
            slot=posed.slot,
            deadline_kept=_kept(told, complete=read.complete_order),
            seconds_to_order=told.seconds_to_order,
            fused=tuple(ids[row] for row in ranking.order.tolist()),
            strategy=order.strategy,
            gate=line,
        )

    def _stand(self, scenario: Scenario) -> _Stand:
        found = self._stands.get(id(scenario))  # kept with its scenario: an id is not used again while that lives
        if found is None:
            found = self._stands[id(scenario)] = self._made(scenario)
        return found

    def _made(self, scenario: Scenario) -> _Stand:
        products = [c.product for c in scenario.candidates]
        snapshot = snapshot_of(products, 1)
        shelf = build_shelf(snapshot, None, None)
        rules = CompiledRules(
            self._rules, snapshot, sensitive_rows(snapshot, self._reasons.sensitivity, self._known_names)
        )
        query = Query(
            user_id=scenario.shopper,
            limit=scenario.limit,
            placement=scenario.placement,
            budget_minor=scenario.budget_minor,
            text=scenario.query,
            cart=_forbidden(scenario, IN_CART),
            exclude_ids=_forbidden(scenario, REQUEST_EXCLUDE),
        )
        profile = Profile(
            owned=dict.fromkeys(snapshot.rows(_forbidden(scenario, OWNED)).tolist(), NOW),
            dismissed=snapshot.rows(_forbidden(scenario, DISMISSED)),
        )
        scene = Scene(
            shelf=shelf,
            rules=rules,
            query=query,
            profile=profile,
            products={product.product_id: product for product in products},
            config=self._reasons,
            now=NOW,
            currency=scenario.currency,
        )
        percentiles = tuple(c.percentile for c in scenario.candidates)
        ranking = remembered(
            rules,
            shelf,
            query,
            profile,
            candidates=snapshot.product_ids,
            percentiles=percentiles,
            context=np.empty(0, dtype=np.int32),
            now=NOW,
        )
        known = {row: (c.product, (*c.facts, *c.more)) for row, c in enumerate(scenario.candidates)}
        return _Stand(scenario, scene, ranking, percentiles, known)


def _forbidden(scenario: Scenario, rule: str) -> tuple[str, ...]:
    """Candidates that a scenario plants against a rule which looks at the request or the shopper, not the record."""
    return tuple(c.product.product_id for c in scenario.candidates if c.forbidden == rule)


def _proofs(stand: _Stand, order: ModelOrder) -> Mapping[str, Proof]:
    """Product id → the verdict on the model's sentence, also of products that the slate does not show."""
    scene = stand.scene
    proofs = {}
    for product_id, text in order.prose.items():
        product, facts = stand.known[scene.shelf.snapshot.row_of[product_id]]
        proofs[product_id] = sentence_proof(
            text, product, facts, order.profile_facts, config=scene.config, currency=scene.currency
        )
    return proofs


def _kept(told: Told, *, complete: bool) -> bool | None:
    if told.deadline_s is None or (complete and told.seconds_to_order is None):
        return None
    return complete and told.seconds_to_order is not None and told.seconds_to_order <= told.deadline_s
