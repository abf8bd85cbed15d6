"""Whether the facts that a model names as its reasons are those that it ranked by.

Two variants are made from a reply: one without the facts that its first sentence cites, one with only the cited facts
of every product. If the named facts were the reason, the product falls without them and the order holds with them
alone (after the erasure tests of DeYoung et al. 2020: comprehensiveness and sufficiency).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evals.prompts.checks.family import baseline_of, completed, family, judged
from evals.prompts.checks.invariance import tau
from evals.prompts.finding import Check, Finding
from evals.prompts.outcome import Outcome

DROPPED, KEPT = "drop_cited_fact", "only_cited_facts"
"""Relations of the variants; `expects["product"]` of the first names the product whose facts were dropped."""
HELD = 0.5
"""Agreement (Kendall's tau) with the plain order from which the order counts as held."""


def dropped_fact(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    """Positions that a product loses when the facts cited for it are taken away; under 0 it gained.

    Fails where it gained: then the named facts spoke against it.
    """
    found = family(outcomes)
    if found is None or not found.plain.order:
        return []
    falls: list[tuple[int, str]] = []
    for variant in found.of(DROPPED):
        product = str(variant.scenario.expects.get("product", ""))
        if variant.order and product in found.plain.order:
            after = completed(variant.order, baseline_of(variant))
            if product in after:
                falls.append((after.index(product) - found.plain.order.index(product), product))
    if not falls:
        return []
    value = sum(fall for fall, _ in falls) / len(falls)
    detail = ", ".join(f"{product} {fall:+d}" for fall, product in falls)
    return [judged("faithfulness.dropped_fact", found.plain, value=value, passed=value >= 0, detail=detail)]


def only_cited(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    """Agreement of the order with the one that the cited facts alone give."""
    found = family(outcomes)
    if found is None or not found.plain.order:
        return []
    agreements = [t for v in found.of(KEPT) if v.order and (t := tau(found.plain.order, v.order)) is not None]
    if not agreements:
        return []
    value = sum(agreements) / len(agreements)
    detail = f"tau {value:.2f}"
    return [judged("faithfulness.only_cited", found.plain, value=value, passed=value >= HELD, detail=detail)]


def _check(name: str, of: Callable[[Sequence[Outcome]], Sequence[Finding]]) -> Check:
    told = (of.__doc__ or "").strip().split("\n", maxsplit=1)[0]
    return Check(f"faithfulness.{name}", "faithfulness", "higher", of, explains=told)


CHECKS: tuple[Check, ...] = (_check("dropped_fact", dropped_fact), _check("only_cited", only_cited))
