"""Whether a sentence about one product would be as true of another: what makes a reason no reason."""

from __future__ import annotations

from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence
from app.pipeline.proof import prove, resolve_citations
from evals.prompts.checks.sentences import Said, backed_figures, figures, own_facts, record_texts
from evals.prompts.checks.shipped_rules import reason_config
from evals.prompts.outcome import Outcome
from evals.prompts.scenario import Candidate

OTHERS_MAX = 8
"""Other candidates that a sentence is held against; more say little more and cost a proof each."""


def fits_others(outcome: Outcome, said: Said) -> float:
    """Share of the other candidates of which the sentence would be proved too, citing their facts of the same kinds.

    The first eight others in baseline order are asked. 0 where there is no other candidate.
    """
    others = [c for c in outcome.scenario.candidates if c is not said.candidate and not c.forbidden][:OTHERS_MAX]
    if not others:
        return 0.0
    return sum(_fits(outcome, said, other) for other in others) / len(others)


def _fits(outcome: Outcome, said: Said, other: Candidate) -> bool:
    own = own_facts(outcome, said)
    profile = outcome.posed.given.profile_of
    by_kind = {fact.kind: fact for fact in reversed(other.facts)}
    meant: dict[str, Evidence | ProfileFact] = {}
    for cite in said.cites:
        if cite in profile:
            meant[cite] = profile[cite]
        elif cite in own and own[cite].kind in by_kind:
            meant[cite] = by_kind[own[cite].kind]
        else:
            return False  # the other has no such fact
    facts = [fact for fact in meant.values() if isinstance(fact, Evidence)]
    held = {figure.number for figure in backed_figures(_texts(other, meant), facts, outcome.scenario.currency)}
    if any(figure.number not in held for figure in figures(said.bare)):
        return False  # the cheap half of a proof
    resolved = resolve_citations(said.text, meant)
    return prove(
        resolved.sentence,
        item=other.product,
        cited=resolved.evidence,
        profile_facts=resolved.profile_facts,
        config=reason_config(),
        currency=outcome.scenario.currency,
        citations=resolved.citations,
    ).ok


def _texts(other: Candidate, meant: dict[str, Evidence | ProfileFact]) -> list[str]:
    return [*record_texts(other), *(fact.text for fact in meant.values())]
