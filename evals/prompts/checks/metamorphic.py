"""What must follow when a scenario is changed in one known way: no grade is needed to see that an answer is wrong.

| relation | what was changed | `expects` | what must hold of the model's order |
|---|---|---|---|
| budget_cut | the budget, 30% less | | fewer products over the new budget in the first five, or none |
| price_cut | one product is cheaper | product | it does not fall |
| price_rise | one product is dearer | product | it does not rise |
| attribute_swap | a stated wish is another | product (fits the new), other (the old) | product gains or leads |
| brand_anonymised | brand names are neutral | | the order holds |
| irrelevant_history | a line that means nothing here is added | | the order holds |
| alias_relabelled | the same lines under other aliases | | the order holds |
| duplicate_item | a copy of one product under another id | product, other (the copy) | not both in the first five |
| dominated_distractor | a product is beaten in everything | product, other (the worse) | other comes behind |
| units | amounts and sizes in another unit | | the order holds |
| locale | numbers and dates as another country writes them | | the order holds |

"Holds" is a Kendall's tau of at least 0.5 with the parent's order. Each relation is a check of its own, its value the
figure in question, so that a verdict says which relation got better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evals.prompts.checks.family import baseline_of, completed, family, judged
from evals.prompts.checks.invariance import tau
from evals.prompts.finding import Check, Direction, Finding
from evals.prompts.outcome import Outcome

HELD = 0.5
"""Agreement (Kendall's tau) with the parent's order from which an order counts as held."""
HEAD = 5
"""The first places that relations about a head look at: the default limit of a request."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a relation saw of one variant."""

    value: float
    holds: bool
    detail: str = ""


Relation = Callable[[Outcome, Outcome], Seen | None]


def order_holds(plain: Outcome, variant: Outcome) -> Seen | None:
    """The order is much the same."""
    value = tau(plain.order, _renamed(plain, variant))
    return None if value is None else Seen(value, value >= HELD, f"tau {value:.2f}")


def _renamed(plain: Outcome, variant: Outcome) -> tuple[str, ...]:
    """The variant's order in the parent's product ids: `expects["renamed"]` maps ids of the variant to the parent's."""
    names = variant.scenario.expects.get("renamed")
    return tuple(str(names.get(p, p)) for p in variant.order) if isinstance(names, dict) else variant.order


def budget_cut(plain: Outcome, variant: Outcome) -> Seen | None:
    """Share of the first five that cost more than the new budget."""
    budget = variant.scenario.budget_minor
    if budget is None:
        return None
    price = {c.product.product_id: c.product.price_minor for c in plain.scenario.candidates}
    over = [[p for p in o.order[:HEAD] if (price.get(p) or 0) > budget] for o in (plain, variant)]
    value = len(over[1]) / len(variant.order[:HEAD])
    holds = not over[1] or len(over[1]) < len(over[0])
    return Seen(value, holds, f"{len(over[0])} over the new budget before, {len(over[1])} after")


def _place(outcome: Outcome, key: str, scenario: Outcome) -> int | None:
    """Place of a product that the variant's `expects` names, from 1; None where it is no candidate."""
    product = scenario.scenario.expects.get(key)
    whole = completed(outcome.order, baseline_of(outcome))
    return whole.index(str(product)) + 1 if product is not None and str(product) in whole else None


def price_cut(plain: Outcome, variant: Outcome) -> Seen | None:
    """Places that the cheaper product gained; under 0 it fell."""
    before, after = _place(plain, "product", variant), _place(variant, "product", variant)
    if before is None or after is None:
        return None
    return Seen(float(before - after), after <= before, f"from {before} to {after}")


def price_rise(plain: Outcome, variant: Outcome) -> Seen | None:
    """Places that the dearer product lost; under 0 it rose."""
    before, after = _place(plain, "product", variant), _place(variant, "product", variant)
    if before is None or after is None:
        return None
    return Seen(float(after - before), after >= before, f"from {before} to {after}")


def attribute_swap(plain: Outcome, variant: Outcome) -> Seen | None:
    """Places that what has the new wish gained on what has the old."""
    places = [_place(o, key, variant) for o in (plain, variant) for key in ("product", "other")]
    if None in places:
        return None
    before, other_before, after, other_after = (p for p in places if p is not None)
    gained = (before - other_before) - (after - other_after)
    return Seen(float(gained), gained > 0 or after < other_after, f"gained {gained} places on the other")


def duplicate_item(_plain: Outcome, variant: Outcome) -> Seen | None:
    """1 where a product and its copy both stand in the first five."""
    twins = {str(variant.scenario.expects.get(key)) for key in ("product", "other")}
    both = len(twins) == 2 and twins <= set(variant.order[:HEAD])
    return Seen(float(both), not both, "both in the first five" if both else "")


def dominated_distractor(_plain: Outcome, variant: Outcome) -> Seen | None:
    """1 where the worse product stands before the one that beats it."""
    better, worse = _place(variant, "product", variant), _place(variant, "other", variant)
    if better is None or worse is None:
        return None
    wrong = worse < better
    return Seen(float(wrong), not wrong, f"worse at {worse}, better at {better}")


RELATIONS: dict[str, tuple[Relation, Direction]] = {
    "budget_cut": (budget_cut, "lower"),
    "price_cut": (price_cut, "higher"),
    "price_rise": (price_rise, "higher"),
    "attribute_swap": (attribute_swap, "higher"),
    "brand_anonymised": (order_holds, "higher"),
    "irrelevant_history": (order_holds, "higher"),
    "alias_relabelled": (order_holds, "higher"),
    "duplicate_item": (duplicate_item, "lower"),
    "dominated_distractor": (dominated_distractor, "lower"),
    "units": (order_holds, "higher"),
    "locale": (order_holds, "higher"),
}


def _of(name: str, relation: Relation) -> Callable[[Sequence[Outcome]], Sequence[Finding]]:
    def of(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
        found = family(outcomes)
        if found is None or not found.plain.order:
            return []
        told = [seen for v in found.of(name) if v.order and (seen := relation(found.plain, v)) is not None]
        if not told:
            return []
        value = sum(seen.value for seen in told) / len(told)
        detail = "; ".join(seen.detail for seen in told if seen.detail)
        holds = all(seen.holds for seen in told)
        return [judged(f"metamorphic.{name}", found.plain, value=value, passed=holds, detail=detail)]

    return of


CHECKS: tuple[Check, ...] = tuple(
    Check(f"metamorphic.{name}", "metamorphic", better, _of(name, relation), explains=(relation.__doc__ or "").strip())
    for name, (relation, better) in RELATIONS.items()
)
