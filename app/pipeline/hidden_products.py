"""Which of the shop's rules hide most of what is in stock, and why: no rule may empty the shop silently."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.domain.catalog import BoolArray, IntArray
from app.pipeline.rules import CompiledRules, RuleContext
from app.pipeline.rules_schema import EligibilityRule, ExcludedCategories, InStock, MinMargin

MOST_HIDDEN = 0.5
"""Share of the products in stock that one rule may hide without it being said. A choice, not a measurement."""


def mostly_hidden(rules: CompiledRules) -> Mapping[str, str]:
    """Rule id → how many products in stock it hides whoever asks, for rules that hide more than MOST_HIDDEN of them.

    Only rules that say the same to everybody: what a request or a shopper excludes is no mistake in the catalogue. Of a
    rule that excludes what it does not know it is told how many that is, and what to do. Empty: nothing is in stock.
    """
    shop = rules.rules.shop.eligibility
    in_stock = rules.snapshot.available.copy()
    for rule in shop:
        if isinstance(rule, InStock):
            in_stock &= ~_hidden(rules, rule.id, in_stock)
    total = int(in_stock.sum())
    found = {}
    for rule in shop:
        if isinstance(rule, (MinMargin, ExcludedCategories)):
            hidden = _hidden(rules, rule.id, in_stock) & in_stock
            if int(hidden.sum()) > MOST_HIDDEN * total:
                found[rule.id] = _told(rule, int(hidden.sum()), total, int((hidden & _unknown(rules, rule)).sum()))
    return found


def _hidden(rules: CompiledRules, rule_id: str, like: BoolArray) -> BoolArray:
    every: IntArray = np.arange(len(rules.snapshot), dtype=np.int32)
    excluded = rules.excluded(rule_id, RuleContext(now=0.0), every)
    return np.zeros_like(like) if excluded is None else excluded


def _unknown(rules: CompiledRules, rule: EligibilityRule) -> BoolArray:
    """Where the rule has no figure to go by; such a product is hidden by it under `whenUnknown: exclude` only."""
    unknown: BoolArray = (
        np.isnan(rules.snapshot.margin) if isinstance(rule, MinMargin) else np.less(rules.snapshot.category, 0)
    )
    return unknown


def _told(rule: EligibilityRule, hidden: int, total: int, unknown: int) -> str:
    text = f"hides {hidden:,} of {total:,} products that are in stock"
    if unknown:
        missing = "cost (or price)" if isinstance(rule, MinMargin) else "category"
        text += (
            f", {unknown:,} of them because their {missing} is not known: import it, or write `whenUnknown: allow` "
            "at this rule in rules/shop.yaml"
        )
    return text
