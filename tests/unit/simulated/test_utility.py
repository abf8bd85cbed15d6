"""Hidden preferences, and how the quality knob follows them."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import pytest

from evals.simulated.dice import Dice
from evals.simulated.knobs import Knobs
from evals.simulated.reading import Candidate, Fact, RerankPrompt, ShopperLine
from evals.simulated.utility import (
    Preferences,
    PreferencesError,
    amount,
    load_preferences,
    ranked,
    utilities,
)

WORDS = ("coffee", "desk", "garden", "lamp", "music", "pan", "quiet", "red", "shoe", "tea", "wool", "yoga")


def drawn_prompt(number: int, candidates: int = 24) -> RerankPrompt:
    """A shopper and candidates that share some words."""
    dice = Dice(f"prompt {number}")
    shopper = (
        ShopperLine("u1", "query", " ".join(dice.shuffled(WORDS, "query")[:2])),
        ShopperLine("u2", "interest", dice.pick(WORDS, "interest")),
        ShopperLine("u3", "budget", f"{20 + dice.below(80, 'budget')}.00 EUR"),
    )
    return RerankPrompt(shopper, tuple(_drawn(dice, chr(ord("A") + i)) for i in range(candidates)), reasons_asked=None)


def _drawn(dice: Dice, alias: str) -> Candidate:
    rating = f"rated {3 + dice.below(20, alias, 'r') / 10:.1f} out of 5 by {dice.below(300, alias, 'n')} shoppers"
    name = " ".join(dice.shuffled(WORDS, alias)[:3])
    return Candidate(
        alias, f"{name} {alias}", "Acme", dice.pick(WORDS, alias, "c"), (Fact(f"{alias}1", "rating", rating),)
    )


def ndcg_at_10(order: Sequence[str], utility: Mapping[str, float]) -> float:
    """NDCG@10 with the utility above the worst candidate's as linear gain, discount 1/log2(position + 1)."""
    floor = min(utility.values())
    gains = [utility[alias] - floor for alias in order]
    best = sorted((value - floor for value in utility.values()), reverse=True)
    return _dcg(gains) / _dcg(best)


def _dcg(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains[:10]))


def mean_ndcg(knobs: Knobs, prompts: int = 60) -> float:
    return fmean(_one(knobs, drawn_prompt(i)) for i in range(prompts))


def _one(knobs: Knobs, prompt: RerankPrompt) -> float:
    hidden = utilities(prompt)
    return ndcg_at_10(ranked(prompt, hidden, knobs), hidden)


def test_ndcg_rises_with_the_quality_knob() -> None:
    """From the order of chance at 0 to the hidden order exactly at 1."""
    curve = [mean_ndcg(Knobs(quality=step / 5)) for step in range(6)]
    assert all(low < high for low, high in itertools.pairwise(curve))
    assert curve[-1] == pytest.approx(1.0)
    chance = fmean(_random_ndcg(drawn_prompt(i), i) for i in range(60))
    assert curve[0] == pytest.approx(chance, abs=0.06)


def _random_ndcg(prompt: RerankPrompt, number: int) -> float:
    hidden = utilities(prompt)
    return ndcg_at_10(Dice(f"shuffle {number}").shuffled(list(hidden), "order"), hidden)


def test_position_bias_prefers_early_lines() -> None:
    """The mean place of what ends in the first five falls with the knob, and so does quality."""

    def mean_place(bias: float) -> float:
        knobs = Knobs(quality=0.5, position_bias=bias)
        prompts = [drawn_prompt(i) for i in range(40)]
        tops = [ranked(prompt, utilities(prompt), knobs)[:5] for prompt in prompts]
        return fmean(ord(alias) - ord("A") for top in tops for alias in top)

    assert mean_place(0) == pytest.approx(11.5, abs=2)
    assert mean_place(1) < mean_place(0.5) < mean_place(0)


def test_a_shuffled_prompt_gets_the_same_products_in_the_same_order() -> None:
    """Aliases and places are the caller's; taste and noise belong to the products."""
    prompt = drawn_prompt(3)
    turned = RerankPrompt(
        prompt.shopper,
        tuple(
            Candidate(chr(ord("A") + i), c.name, c.brand, c.category, c.facts)
            for i, c in enumerate(reversed(prompt.candidates))
        ),
        None,
    )
    for quality in (0.0, 0.5, 1.0):
        assert _names(prompt, Knobs(quality=quality)) == _names(turned, Knobs(quality=quality))


def _names(prompt: RerankPrompt, knobs: Knobs) -> list[str]:
    names = {c.alias: c.name for c in prompt.candidates}
    return [names[alias] for alias in ranked(prompt, utilities(prompt), knobs)]


def test_what_raises_and_lowers_utility() -> None:
    """Words of the query, ratings and facts raise it; a price above the budget lowers it."""

    def value(name: str = "Pan", kind: str = "rating", text: str = "none", line: str = "budget 50.00 EUR") -> float:
        line_kind, _, said = line.partition(" ")
        prompt = RerankPrompt(
            (ShopperLine("u1", line_kind, said),),
            (Candidate("A", name, "Acme", "Kitchen", (Fact("A1", kind, text),)),),
            None,
        )
        return utilities(prompt)["A"]

    plain = value(kind="other")
    assert value("Red Pan", line="query red pan") > value("Blue Pan", line="query red pan") + 1
    assert value(text="rated 4.8 out of 5 by 200 shoppers") > value(text="rated 4.1 out of 5 by 200 shoppers")
    assert value(text="rated 4.8 out of 5 by 200 shoppers") > value(text="rated 4.8 out of 5 by 2 shoppers")
    assert value(kind="price_vs_category", text="price 60.00 EUR, the lowest of 9 products in Pans") < plain - 1
    assert value(kind="bought_together", text="bought together") > plain + 0.5


@pytest.mark.parametrize(
    ("text", "value"),
    [("150.00 EUR", 150.0), ("1.299,00 €", 1299.0), ("1,299.50", 1299.5), ("2000", 2000.0), ("-", None)],
)
def test_amounts_are_read(text: str, value: float | None) -> None:
    """Whichever way thousands are grouped."""
    assert amount(text) == value


def test_planted_preferences_are_the_truth(tmp_path: Path) -> None:
    """Grades by name go before everything visible; a rule for a shopper goes before the general grades."""
    prompt = drawn_prompt(5)
    last, middle = prompt.candidates[-1].name, prompt.candidates[11].name
    path = tmp_path / "preferences.json"
    path.write_text(json.dumps({last.upper(): 3, middle: 2}))
    hidden = utilities(prompt, load_preferences(path))
    assert _best(prompt, hidden)[:2] == [last, middle]
    query = prompt.shopper[0].text
    path.write_text(json.dumps({"grades": {last: 3}, "when": [{"line": f"query {query}", "grades": {middle: 1}}]}))
    assert _best(prompt, utilities(prompt, load_preferences(path)))[0] == middle


def test_a_prompt_without_planted_products_is_read_as_usual() -> None:
    """Preferences for other products change nothing."""
    assert utilities(drawn_prompt(1), Preferences(grades={"Absent": 1})) == utilities(drawn_prompt(1))


def _best(prompt: RerankPrompt, hidden: Mapping[str, float]) -> list[str]:
    names = {c.alias: c.name for c in prompt.candidates}
    return [names[alias] for alias in ranked(prompt, hidden, Knobs(quality=1))]


@pytest.mark.parametrize("text", ["", "[1]", '{"when": [3]}', '{"Pan": "good"}', '{"Pan": NaN}'])
def test_a_preferences_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    """The message names the file."""
    path = tmp_path / "wrong.json"
    path.write_text(text)
    with pytest.raises(PreferencesError, match=r"wrong\.json"):
        load_preferences(path)
