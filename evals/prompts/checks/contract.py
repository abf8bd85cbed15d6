"""Whether a reply keeps to the form that was asked for. Repair mends much of it, and every mending is counted.

What repair counted decides (app/pipeline/repair.py says what each kind means), so a check says exactly what the service
would have had to set right. A reply that the provider never gave says nothing about the prompt and is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from app.pipeline.repair import ORDER_MAX
from evals.prompts.checks.family import answered, counted, judged
from evals.prompts.finding import Check, Finding
from evals.prompts.outcome import Outcome

SCHEMA_REPAIRS = (
    "byte_order_mark fence thinking prose no_object second_object malformed too_deep duplicate_key missing_order "
    "wrong_type extra_key"
).split()
FORM_REPAIRS = ("reason_markup", "reason_characters", "reason_length", "reason_empty")
_WORD_LIMIT = re.compile(r"\bat most (\d{1,3}) words\b", re.IGNORECASE)
_CITED = re.compile(r"\[[^\[\]]{1,80}\]")
_TOLERANCE = 1.25
"""A sentence may be a quarter longer than asked for: the limit keeps sentences short, and is no figure to count to."""

Judge = Callable[[Outcome], Finding]


def per_outcome(judge: Judge) -> Callable[[Sequence[Outcome]], Sequence[Finding]]:
    """A check of the plain outcome alone."""
    return lambda outcomes: [judge(outcomes[0])] if outcomes else []


def schema(outcome: Outcome) -> Finding:
    """The reply is one JSON object of the schema and nothing else."""
    found = [kind for kind in SCHEMA_REPAIRS if outcome.read.repairs.get(kind)]
    return counted("contract.schema", outcome, found, "departures from the schema")


def usable(outcome: Outcome) -> Finding:
    """The service could use the reply at all."""
    return counted("contract.usable", outcome, 0 if outcome.order else 1, "unusable reply")


def unknown_alias(outcome: Outcome) -> Finding:
    """Only aliases that were dealt, in the order and in the reasons."""
    return counted("contract.unknown_alias", outcome, outcome.read.repairs.get("unknown_alias", 0), "unknown aliases")


def duplicate_alias(outcome: Outcome) -> Finding:
    """Each alias once, in the order and in the reasons."""
    n = outcome.read.repairs.get("duplicate_alias", 0)
    return counted("contract.duplicate_alias", outcome, n, "aliases named twice")


def complete_order(outcome: Outcome) -> Finding:
    """As many places as were asked for."""
    asked = min(ORDER_MAX, len(outcome.posed.given.product_of))
    missing = max(0, asked - len(outcome.read.order)) + outcome.read.repairs.get("too_many", 0)
    return counted("contract.complete_order", outcome, missing, "places missing or too many")


def truncated(outcome: Outcome) -> Finding:
    """The reply was finished."""
    cut = outcome.reply.outcome == "cut" or outcome.read.repairs.get("truncated", 0) > 0
    return counted("contract.truncated", outcome, int(cut), "reply cut off")


def reasons_given(outcome: Outcome) -> Finding:
    """A sentence for each of the first places, as many as were asked for."""
    asked = outcome.read.order[: outcome.posed.reasons]
    missing = [alias for alias in asked if alias not in outcome.read.why]
    if not asked:
        missing = ["all"]
    return counted("contract.reasons_given", outcome, missing, "places without a reason")


def reason_form(outcome: Outcome) -> Finding:
    """No reason holds markup, a link or hidden characters, is empty or far too long."""
    found = [kind for kind in FORM_REPAIRS for _ in range(outcome.read.repairs.get(kind, 0))]
    return counted("contract.reason_form", outcome, found, "reasons unfit for a page")


def word_limit(outcome: Outcome) -> Finding:
    """Sentences keep the length that the prompt names, with a quarter of tolerance."""
    said = _WORD_LIMIT.findall("\n".join(m.content for m in outcome.posed.call.messages if m.role == "system"))
    if not said:
        return judged("contract.word_limit", outcome, value=None, passed=None, detail="the prompt names no limit")
    limit = int(said[-1])
    long = [alias for alias, text in outcome.read.why.items() if _words(text) > _TOLERANCE * limit]
    return counted("contract.word_limit", outcome, long, f"reasons over {limit} words")


def _words(text: str) -> int:
    return sum(any(c.isalnum() for c in word) for word in _CITED.sub(" ", text).split())


def repairs(outcome: Outcome) -> Finding:
    """How many things had to be set right, of any kind."""
    if not answered(outcome):
        return judged("contract.repairs", outcome, value=None, passed=None, detail="no reply")
    total = sum(outcome.read.repairs.values())
    kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(outcome.read.repairs.items()))
    return judged("contract.repairs", outcome, value=float(total), passed=None, detail=kinds)


def _check(name: str, judge: Judge) -> Check:
    return Check(f"contract.{name}", "contract", "lower", per_outcome(judge), explains=(judge.__doc__ or "").strip())


CHECKS: tuple[Check, ...] = (
    _check("schema", schema),
    _check("usable", usable),
    _check("unknown_alias", unknown_alias),
    _check("duplicate_alias", duplicate_alias),
    _check("complete_order", complete_order),
    _check("truncated", truncated),
    _check("reasons_given", reasons_given),
    _check("reason_form", reason_form),
    _check("word_limit", word_limit),
    _check("repairs", repairs),
)
