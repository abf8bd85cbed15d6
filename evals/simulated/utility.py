"""The hidden preferences that the quality knob is measured against, and the order that a knob setting gives.

The utility of a candidate for a shopper is a fixed sum over the visible lines (docs/simulated.md has it as a table),
or, where a preferences file grades candidates of the prompt, that grade.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, pstdev

from pydantic import BaseModel, ConfigDict, ValidationError

from evals.simulated.dice import Dice, fingerprint
from evals.simulated.knobs import Knobs
from evals.simulated.reading import Candidate, RerankPrompt, folded, words

_AMOUNT = re.compile(r"\d[\d.,]*")
_PRICE = re.compile(r"\bprice (\d[\d.,]*)")
_RATING = re.compile(r"\b(\d(?:\.\d)?) out of 5 by (\d+)")
_PERCENT = re.compile(r"(\d+)%")

_LINE_WEIGHT = {
    "budget": 0.0,
    "query": 3.0,
    "page": 2.0,
    "interest": 2.0,
    "cart": 1.5,
    "bought": 1.0,
    "viewed": 1.0,
    "style": 1.0,
}
_FACT_WEIGHT = {
    "query_match": 1.0,
    "bought_together": 0.8,
    "attribute_match": 0.8,
    "same_brand": 0.6,
    "category_affinity": 0.5,
    "trending": 0.4,
    "price_vs_category": 0.3,
    "promotion": 0.3,
    "new_arrival": 0.2,
    "back_in_stock": 0.1,
    "low_stock": 0.05,
}


class PreferenceRule(BaseModel):
    """Grades that hold for prompts in which `line` occurs in a shopper line (`<kind> <text>`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    line: str
    grades: dict[str, float]


class Preferences(BaseModel):
    """Planted truth: product name → grade, higher is better; the first matching rule goes before `grades`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    grades: dict[str, float] = {}
    when: tuple[PreferenceRule, ...] = ()

    def of(self, prompt: RerankPrompt) -> Mapping[str, float]:
        """Folded name → grade for one prompt; empty when nothing is planted for it."""
        shopper = folded(prompt.shopper_key)
        chosen = next((rule.grades for rule in self.when if folded(rule.line) in shopper), self.grades)
        return {folded(name): grade for name, grade in chosen.items()}


class PreferencesError(Exception):
    """A preferences file can't be used. The message names the file and what is wrong in it."""


def load_preferences(path: Path) -> Preferences:
    """A preferences file: `{"<product name>": grade, …}` or `{"grades": {…}, "when": [{"line", "grades"}, …]}`.

    Raises: PreferencesError: unreadable, not JSON, or of another shape.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        nested = isinstance(raw, dict) and any(isinstance(value, dict | list) for value in raw.values())
        return Preferences.model_validate(raw if nested else {"grades": raw})
    except (OSError, ValueError, ValidationError) as error:
        raise PreferencesError(f"{path}: not a preferences file: {error}") from error


def utilities(prompt: RerankPrompt, preferences: Preferences | None = None) -> dict[str, float]:
    """Alias → hidden utility, unitless, higher is better, comparable within one prompt."""
    seen = {candidate.alias: visible_utility(prompt, candidate) for candidate in prompt.candidates}
    planted = preferences.of(prompt) if preferences is not None else {}
    grades = {c.alias: grade for c in prompt.candidates if (grade := _grade(c, planted)) is not None}
    if not grades:
        return seen
    # What the lines say only breaks ties between equal grades; an ungraded product is worth 0.
    return {alias: grades.get(alias, 0.0) + 0.001 * math.tanh(value) for alias, value in seen.items()}


def _grade(candidate: Candidate, planted: Mapping[str, float]) -> float | None:
    name = folded(candidate.name)
    if name in planted or not name.endswith("…"):
        return planted.get(name)
    return next((grade for full, grade in planted.items() if full.startswith(name[:-1].rstrip())), None)


def visible_utility(prompt: RerankPrompt, candidate: Candidate) -> float:
    """The documented sum over what the lines say about one candidate."""
    mine = words(candidate.text)
    total = matched = 0.0
    for line in prompt.shopper:
        weight = _LINE_WEIGHT.get(line.kind, 0.5)
        wanted = words(line.text)
        total += weight if wanted else 0.0
        matched += weight * len(wanted & mine) / len(wanted) if wanted else 0.0
    value = 3.0 * matched / total if total else 0.0
    for line in prompt.shopper:
        if line.kind == "brand" and candidate.brand and folded(candidate.brand) in folded(line.text):
            value += 1.0
        if line.kind == "category" and words(line.text) & words(candidate.category):
            value += 0.7
    value += _price_part(prompt, candidate)
    for fact in candidate.facts:
        value += _FACT_WEIGHT.get(fact.kind, 0.0)
        if fact.kind == "discount" and (found := _PERCENT.search(fact.text)):
            value += int(found.group(1)) / 100
        if found := _RATING.search(fact.text):
            trust = min(1.0, math.log10(int(found.group(2)) + 1) / 2)
            value += 0.4 * (float(found.group(1)) - 3.0) * trust
    # Two candidates about which the lines say the same still have a fixed order for this shopper.
    taste = Dice("taste").share(prompt.shopper_key, candidate.name, candidate.brand)
    return value + 0.05 * taste


def _price_part(prompt: RerankPrompt, candidate: Candidate) -> float:
    """Within a stated budget +0.5, above it -2; 0 where budget or price is not known."""
    budgets = [n for line in prompt.shopper if line.kind == "budget" and (n := amount(line.text)) is not None]
    prices = [n for fact in candidate.facts if (hit := _PRICE.search(fact.text)) and (n := amount(hit[1])) is not None]
    if not budgets or not prices:
        return 0.0
    return 0.5 if prices[0] <= budgets[0] else -2.0


def amount(text: str) -> float | None:
    """The first number of a text, whichever of comma and point it groups thousands with; None when there is none."""
    found = _AMOUNT.search(text)
    if found is None:
        return None
    digits = found.group().rstrip(".,")
    decimals = re.search(r"[.,](\d{1,2})$", digits)
    whole = re.sub(r"[.,]", "", digits[: decimals.start()] if decimals else digits)
    return float(f"{whole}.{decimals.group(1)}" if decimals else whole)


def ranked(prompt: RerankPrompt, hidden: Mapping[str, float], knobs: Knobs) -> list[str]:
    """All aliases in the order that the model would give, best first.

    score = quality · standardised utility + (1 - quality) · noise - 2 · position_bias · place; at quality 1 without
    bias the order of utility itself. Noise hangs on seed, shopper and product, not on the product's place, so a
    shuffled prompt gets the same order.
    """
    dice = Dice(fingerprint("noise", knobs.seed, prompt.shopper_key))
    values = list(hidden.values())
    mean, spread = fmean(values), pstdev(values) or 1.0
    twins: Counter[tuple[str, str]] = Counter()
    scores: dict[str, float] = {}
    for place, candidate in enumerate(prompt.candidates):
        key = (candidate.name, candidate.brand)
        noise = dice.normal(*key, twins[key])
        twins[key] += 1
        bias = 2.0 * knobs.position_bias * place / max(1, len(prompt.candidates) - 1)
        standardised = (hidden[candidate.alias] - mean) / spread
        scores[candidate.alias] = knobs.quality * standardised + (1 - knobs.quality) * noise - bias
    return best_first(scores, [c.alias for c in prompt.candidates])


def best_first(scores: Mapping[str, float], aliases: Sequence[str]) -> list[str]:
    """Aliases by descending score, ties in the order given."""
    return sorted(aliases, key=lambda alias: -scores[alias])
