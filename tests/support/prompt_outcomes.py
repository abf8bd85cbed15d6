"""Small scenarios and outcomes for the prompt suite's checks: eight lamps, true sentences, and one reply."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.domain.catalog import Product
from app.domain.model_calls import Message, ModelCall, ModelReply, ProfileFact
from app.domain.money import format_minor
from app.domain.ranking import Evidence, RankedItem, Usage
from app.pipeline.fusion import fuse
from app.pipeline.gate_schema import GateLine
from app.pipeline.model_order import portable
from app.pipeline.prompt_input import PromptInput, PromptItem, prompt_input
from app.pipeline.proof import Proof, prove, resolve_citations
from app.pipeline.repair import read_reply
from evals.prompts.checks.shipped_rules import reason_config
from evals.prompts.outcome import Outcome, Posed
from evals.prompts.scenario import Candidate, Scenario

INSTRUCTIONS = (
    "You order products of a shop for one shopper and say why in one sentence of at most 20 words for each of them."
)
BUDGET = 5000


def lamp(number: int, **changes: object) -> Product:
    """Lamp `number`: 10.00 EUR times its number, rated 4.number by ten times its number."""
    product = Product(
        product_id=f"p{number}",
        name=f"{('Amber', 'Birch', 'Cobalt', 'Dune', 'Ember', 'Fern', 'Grove', 'Hazel')[number - 1]} Lamp",
        brand=("Lumo", "Noctis")[number % 2],
        category="Home > Lamps",
        price_minor=1000 * number,
        stock=10 + number,
        rating_value=4.0 + number / 10,
        rating_count=10 * number,
    )
    return replace(product, **changes)


def facts_of(product: Product, budget: int | None = BUDGET) -> tuple[Evidence, ...]:
    """The rating, and the budget where it is kept."""
    price = product.price_minor or 0
    found = [
        Evidence(
            f"{product.product_id}_1",
            "rating",
            f"rated {product.rating_value:.1f} out of 5 by {product.rating_count} shoppers",
            {"rating": f"{product.rating_value:.1f}", "scale": 5, "count": product.rating_count, "source": "catalogue"},
        )
    ]
    if budget is not None and price < budget:
        told = [format_minor(minor, "EUR") + " EUR" for minor in (price, budget - price, budget)]
        found.append(
            Evidence(
                f"{product.product_id}_2",
                "price_vs_budget",
                f"price {told[0]}, {told[1]} under the budget of {told[2]}",
                {
                    "price_minor": price,
                    "budget_minor": budget,
                    "under_minor": budget - price,
                    "currency": "EUR",
                    "source": "request",
                },
            )
        )
    return tuple(found)


def scenario(n: int = 8, **changes: object) -> Scenario:
    """Lamps 1 to n in baseline order, graded 3 2 1 0 …, a budget of 50.00 EUR and a wish."""
    candidates = tuple(
        Candidate(product, facts_of(product), percentile=1 - i / 100, grade=max(0, 3 - i))
        for i, product in enumerate(lamp(k) for k in range(1, n + 1))
    )
    made = Scenario(
        id="lamps",
        version=1,
        shopper="s1",
        strata=frozenset({"warm", "no_query"}),
        history="11+",
        intent="stated",
        placement="home",
        limit=3,
        candidates=candidates,
        profile=(ProfileFact("u1", "budget", "50.00 EUR"), ProfileFact("u2", "interest", "lamps")),
        budget_minor=BUDGET,
    )
    return replace(made, **changes)


def changed(given: Scenario, product_id: str, **fields: object) -> Scenario:
    """The scenario with fields of one candidate changed."""
    return replace(
        given,
        candidates=tuple(replace(c, **fields) if c.product.product_id == product_id else c for c in given.candidates),
    )


def rated(given: PromptInput, product_id: str) -> str:
    """A true sentence about a lamp's rating."""
    alias = alias_of(given, product_id)
    value = given.evidence_of[f"{alias}1"].value
    return f"It is rated {value['rating']} out of 5 by {value['count']} shoppers [{alias}1]."


def alias_of(given: PromptInput, product_id: str) -> str:
    """The alias of a product in the prompt."""
    return next(alias for alias, p in given.product_of.items() if p == product_id)


def posed(scene: Scenario, slot: int = 0) -> Posed:
    """The scenario as it is sent."""
    items = [
        PromptItem(c.product.product_id, c.product.name, c.product.brand, c.product.category, c.facts)
        for c in scene.candidates
    ]
    given = prompt_input(items, scene.profile, seed=f"{scene.seed}/{slot}")
    user = "\n".join((*given.profile_lines, *given.candidate_lines))
    call = ModelCall(
        call_id=scene.id,
        request_id=scene.id,
        purpose="rerank",
        placement=scene.placement,
        prompt_id="rerank/v1",
        prompt_hash="0" * 16,
        messages=(Message("system", INSTRUCTIONS), Message("user", user)),
        max_output_tokens=400,
    )
    return Posed(scene, given, call, min(scene.limit, len(scene.candidates)))


def reply_text(
    at: Posed, order: Sequence[str], why: Mapping[str, str] | None = None, *, raw_order: Sequence[str] | None = None
) -> str:
    """A reply that puts product ids in this order, with true ratings as reasons unless `why` (by product id) says."""
    aliases = [alias_of(at.given, p) for p in order]
    told = {p: rated(at.given, p) for p in order[: at.reasons]} if why is None else why
    rows = [{"id": alias_of(at.given, p), "text": text} for p, text in told.items()]
    return json.dumps({"order": list(aliases if raw_order is None else raw_order), "why": rows}, ensure_ascii=False)


def outcome(
    scene: Scenario | None = None,
    order: Sequence[str] = ("p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"),
    *,
    text: str | None = None,
    why: Mapping[str, str] | None = None,
    slot: int = 0,
    ended: str = "complete",
    **changes: object,
) -> Outcome:
    """The outcome of a reply, read, proved and fused (w 0.8, lift 5) as the service does; no slate rules."""
    scene = scenario() if scene is None else scene
    at = posed(scene, slot)
    said = reply_text(at, order, why) if text is None else text
    read = read_reply(said, at.given.product_of, complete=True, limit=10)
    ranked = tuple(at.given.product_of[alias] for alias in read.order)
    prose = portable(read.why, at.given)
    proofs = {p: proof for p in prose if (proof := _proof(scene, at, p, prose[p])) is not None}
    line = GateLine(scene.history, scene.intent, 0.8, 5, "prior")
    ids = [c.product.product_id for c in scene.candidates]
    eligible = [c.product.product_id for c in scene.candidates if not c.forbidden]
    fused = [ids[i] for i in fuse([ids.index(p) for p in eligible], [ids.index(p) for p in ranked], 0.8, 5)]
    items = tuple(
        RankedItem(
            p, position=i, relevance=1 - i / 100, ranked_by="llm" if p in ranked else "baseline", **_shown(p, proofs)
        )
        for i, p in enumerate(fused[:10], start=1)
    )
    usage = Usage(input_tokens=900, output_tokens=120, cost_usd=0.0002)
    found = Outcome(
        posed=at,
        model="simulated",
        source="simulated",
        reply=ModelReply(ended, said, usage, "simulated", 0.8, 0.2),
        read=read,
        order=ranked,
        slate=items,
        proofs=proofs,
        prose=prose,
        slot=slot,
        fused=tuple(fused),
        gate=line,
    )
    return replace(found, **changes)


def _proof(scene: Scenario, at: Posed, product_id: str, text: str) -> Proof | None:
    candidate = next(c for c in scene.candidates if c.product.product_id == product_id)
    by_citation = {**at.given.profile_of, **{fact.kind: fact for fact in candidate.facts}}
    resolved = resolve_citations(text, by_citation)
    if resolved.unknown:
        return None
    return prove(
        resolved.sentence,
        item=candidate.product,
        cited=resolved.evidence,
        profile_facts=resolved.profile_facts,
        config=reason_config(),
        currency=scene.currency,
        citations=resolved.citations,
    )


def _shown(product_id: str, proofs: Mapping[str, Proof]) -> dict[str, object]:
    proof = proofs.get(product_id)
    if proof is None or not proof.ok:
        return {"reason": "From our range.", "reason_source": "template"}
    return {"reason": proof.text, "reason_source": "llm"}
