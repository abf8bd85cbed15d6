"""Whether what a model says of a product is so: proved claims, exact figures, facts that hold, and of this one only.

The prover (app/pipeline/proof.py) decides what a shopper may read. These checks say how much of the model's prose that
is, and where it goes wrong; `numeric`, `citations` and `current` don't ask the prover, so that they also watch it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence
from app.pipeline.proof import Proof
from app.pipeline.proof_text import mended
from evals.prompts.checks.contract import per_outcome
from evals.prompts.checks.family import answered, judged
from evals.prompts.checks.same_reason import fits_others
from evals.prompts.checks.sentences import (
    Said,
    backed_figures,
    figures,
    own_facts,
    record_mismatches,
    record_texts,
    sentences,
    strange_citations,
)
from evals.prompts.finding import Check, Direction, Finding
from evals.prompts.outcome import Outcome

LOOSE = 1 / 3
"""A sentence that would be as true of more than a third of the other candidates is named in the detail."""
SPECIFIC_MIN = 0.4
"""Under this mean the reasons of an output say nothing of their own: six others in ten fit as well."""


def unproved_claims(outcome: Outcome, said: Said) -> tuple[int, int]:
    """(claims that are not proved, claims) of one sentence; a claim is a clause up to its citations."""
    clauses = said.clauses
    proof = outcome.proofs.get(said.candidate.product.product_id)
    if proof is not None and proof.ok:
        return 0, len(clauses)
    strange = set(strange_citations(outcome, said))
    wrong = {i for i, clause in enumerate(clauses) if strange & set(clause.cites)}
    for failure in () if proof is None else proof.failures:
        wrong |= _where(failure.span, [clause.text for clause in clauses])
    return (len(wrong) if wrong else len(clauses)), len(clauses)


def _where(span: str, clauses: Sequence[str]) -> set[int]:
    """The first clause that holds the words in question; every one where none does: it is the sentence as a whole."""
    wanted = " ".join(span.split()).casefold()
    for i, text in enumerate(clauses):
        if wanted and wanted in " ".join(text.split()).casefold():
            return {i}
    return set(range(len(clauses)))


def claim_precision(outcome: Outcome) -> Finding:
    """Share of the claims in the model's sentences that are proved."""
    told = [(unproved_claims(outcome, said), said) for said in sentences(outcome)]
    if not told:
        return _nothing("claim_precision", outcome)
    wrong, n = sum(w for (w, _), _ in told), sum(n for (_, n), _ in told)
    detail = "; ".join(_why(outcome, said) for (w, _), said in told if w)
    return judged("grounding.claim_precision", outcome, value=1 - wrong / n, passed=wrong == 0, detail=detail)


def _why(outcome: Outcome, said: Said) -> str:
    strange = strange_citations(outcome, said)
    if strange:
        return f"{said.alias} cites {', '.join(strange)}"
    proof = outcome.proofs.get(said.candidate.product.product_id)
    failures = () if proof is None else proof.failures
    return f"{said.alias} " + ", ".join(f"{f.kind} “{f.span}”" for f in failures[:2])


def coverage(outcome: Outcome) -> Finding:
    """Share of the sentences asked for that are proved, so that a shopper can read the model's own."""
    if not answered(outcome) or outcome.posed.reasons == 0:
        return _nothing("coverage", outcome)
    first = {outcome.posed.given.product_of[alias] for alias in outcome.read.order[: outcome.posed.reasons]}
    good = sum(proof.ok for product, proof in outcome.proofs.items() if product in first)
    return judged("grounding.coverage", outcome, value=good / outcome.posed.reasons, passed=None)


def shown(outcome: Outcome) -> Finding:
    """Share of the slate's first places, as many as were asked for, that carry the model's own sentence."""
    items = outcome.slate[: outcome.posed.reasons]
    if not items or not answered(outcome):
        return _nothing("shown", outcome)
    value = fmean(float(item.reason_source == "llm") for item in items)
    return judged("grounding.shown", outcome, value=value, passed=None)


def numeric(outcome: Outcome) -> Finding:
    """Share of the figures in the model's sentences that a cited fact or the product's own record holds exactly."""
    wrong: list[str] = []
    n = 0
    for said in sentences(outcome):
        held = backed_figures(_texts(outcome, said), _cited(outcome, said), outcome.scenario.currency)
        for figure in figures(said.bare):
            n += 1
            if figure not in held and not (figure.unit == "" and any(f.number == figure.number for f in held)):
                wrong.append(f"{said.alias} {figure.number:f} {figure.unit}".strip())
    if n == 0:
        return _nothing("numeric", outcome)
    return judged("grounding.numeric", outcome, value=1 - len(wrong) / n, passed=not wrong, detail=", ".join(wrong[:5]))


def _cited(outcome: Outcome, said: Said) -> list[Evidence]:
    own = own_facts(outcome, said)
    return [own[cite] for cite in said.cites if cite in own]


def _texts(outcome: Outcome, said: Said) -> list[str]:
    profile = outcome.posed.given.profile_of
    return [*record_texts(said.candidate), *(profile[c].text for c in said.cites if c in profile)]


def citations(outcome: Outcome) -> Finding:
    """Every sentence cites a fact of its own product, and nothing of another or that isn't there."""
    told = sentences(outcome)
    if not told:
        return _nothing("citations", outcome)
    wrong = []
    for said in told:
        if strange := strange_citations(outcome, said):
            wrong.append(f"{said.alias} cites {', '.join(strange)}")
        elif not _cited(outcome, said) and own_facts(outcome, said):
            wrong.append(f"{said.alias} cites no fact of its own")
    value = 1 - len(wrong) / len(told)
    return judged("grounding.citations", outcome, value=value, passed=not wrong, detail="; ".join(wrong))


def current(outcome: Outcome) -> Finding:
    """Every fact that a sentence or the slate rests on says what the product's record says now."""
    by_id = {c.product.product_id: c for c in outcome.scenario.candidates}
    cited = [(said.candidate, fact) for said in sentences(outcome) for fact in _cited(outcome, said)]
    cited += [(by_id[i.product_id], fact) for i in outcome.slate if i.product_id in by_id for fact in i.evidence]
    if not cited:
        return _nothing("current", outcome)
    budget = outcome.scenario.budget_minor
    wrong = {f"{c.product.product_id} {told}": None for c, fact in cited for told in record_mismatches(c, fact, budget)}
    detail = "; ".join(wrong)
    return judged("grounding.current", outcome, value=float(len(wrong)), passed=not wrong, detail=detail)


def specificity(outcome: Outcome) -> Finding:
    """One less the share of other candidates of which the model's proved sentences would be proved as well."""
    found = []
    for said in sentences(outcome):
        proof = outcome.proofs.get(said.candidate.product.product_id)
        if proof is not None and proof.ok:
            found.append((fits_others(outcome, said), said))
    if not found:
        return _nothing("specificity", outcome)
    value = 1 - fmean(share for share, _ in found)
    loose = [f"{said.alias} fits {share:.0%} of the others" for share, said in found if share > LOOSE]
    return judged("grounding.specificity", outcome, value=value, passed=value >= SPECIFIC_MIN, detail="; ".join(loose))


def repeated(outcome: Outcome) -> Finding:
    """No two products get the same sentence."""
    told = [said.bare.casefold() for said in sentences(outcome)]
    if not told:
        return _nothing("repeated", outcome)
    n = len(told) - len(set(told))
    return judged("grounding.repeated", outcome, value=float(n), passed=n == 0, detail=f"{n} repeated" if n else "")


def unproved_shown(outcome: Outcome) -> Finding:
    """Every sentence of the model on the slate is exactly what was proved."""
    wrong = []
    for item in outcome.slate:
        if item.reason_source != "llm":
            continue
        proof: Proof | None = outcome.proofs.get(item.product_id)
        if proof is None or not proof.ok or mended(item.reason or "") != proof.text:
            wrong.append(item.product_id)
    detail = f"shown without proof: {', '.join(wrong)}" if wrong else ""
    return judged("grounding.unproved_shown", outcome, value=float(len(wrong)), passed=not wrong, detail=detail)


def profile_cited(outcome: Outcome) -> Finding:
    """Share of the sentences that rest on something about the shopper, where the prompt says anything."""
    told = sentences(outcome)
    lines: Sequence[ProfileFact] = outcome.posed.given.profile_facts
    if not told or not lines:
        return _nothing("profile_cited", outcome)
    ids = {line.id for line in lines}
    value = fmean(float(bool(ids & set(said.cites))) for said in told)
    return judged("grounding.profile_cited", outcome, value=value, passed=None)


def _nothing(name: str, outcome: Outcome) -> Finding:
    return judged(f"grounding.{name}", outcome, value=None, passed=None, detail="nothing to look at")


def _check(
    name: str, judge: Callable[[Outcome], Finding], better: Direction = "higher", *, zero: bool = False
) -> Check:
    told = (judge.__doc__ or "").strip()
    return Check(f"grounding.{name}", "grounding", better, per_outcome(judge), must_be_zero=zero, explains=told)


CHECKS: tuple[Check, ...] = (
    _check("claim_precision", claim_precision),
    _check("coverage", coverage),
    _check("shown", shown),
    _check("numeric", numeric),
    _check("citations", citations),
    _check("current", current, "lower"),
    _check("specificity", specificity),
    _check("repeated", repeated, "lower"),
    _check("unproved_shown", unproved_shown, "lower", zero=True),
    _check("profile_cited", profile_cited),
)
