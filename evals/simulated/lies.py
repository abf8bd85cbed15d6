"""Plants one falsehood in a true sentence, and says which, so that a prover can be measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from evals.simulated.dice import Dice
from evals.simulated.reading import Candidate, RerankPrompt, folded
from evals.simulated.sentences import Claim, Sentence

LieKind = Literal[
    "wrong_number",
    "wrong_citation",
    "superlative",
    "invented_attribute",
    "invented_discount",
    "invented_history",
    "invented_scarcity",
]

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SUPERLATIVES = (
    "it is the best-rated of them all",
    "it is the most popular choice in the shop",
    "nothing else in its category comes close",
    "no other shop sells it for less",
)
_ATTRIBUTES = (
    "waterproof to 50 metres",
    "made of titanium",
    "hand-made in Portugal",
    "dishwasher safe",
    "certified organic",
    "covered by a ten-year warranty",
    "foldable",
)
_DISCOUNTS = ("it is {n}% off today", "it costs half of what it did last week", "you save {n}% if you order now")
_HISTORIES = ("you bought it before", "it is on your wish list", "you looked at it {n} times this week")
_SCARCITIES = ("only {n} are left", "it sells out tonight", "the last {n} are in stock")
_KINDS: tuple[LieKind, ...] = (
    "wrong_number",
    "wrong_citation",
    "superlative",
    "invented_attribute",
    "invented_discount",
    "invented_history",
    "invented_scarcity",
)


def plant_lie(prompt: RerankPrompt, candidate: Candidate, sentence: Sentence, dice: Dice) -> tuple[Sentence, LieKind]:
    """The sentence with exactly one claim that doesn't follow from the lines, and the kind of the lie.

    Kinds come in an order that the dice give; the first that can be told about this sentence is taken.
    """
    for kind in dice.shuffled(_KINDS, "lie"):
        changed = _PLANTS[kind](prompt, candidate, sentence, dice)
        if changed is not None:
            return changed, kind
    return _added(sentence, _SUPERLATIVES[0]), "superlative"


def _wrong_number(_prompt: RerankPrompt, candidate: Candidate, sentence: Sentence, dice: Dice) -> Sentence | None:
    """A number of the first claim that has one, changed to one that no line of the candidate holds."""
    said = candidate.text
    for place, claim in enumerate(sentence.claims):
        found = _NUMBER.search(claim.text)
        if found is None or not claim.cites:
            continue
        for attempt in range(20):
            wrong = _other_number(found.group(), dice, attempt)
            if wrong not in _NUMBER.findall(said) and wrong not in _NUMBER.findall(claim.text):
                text = claim.text[: found.start()] + wrong + claim.text[found.end() :]
                return _with(sentence, place, replace(claim, text=text))
    return None


def _other_number(number: str, dice: Dice, attempt: int) -> str:
    factor = 0.4 + 0.5 * dice.share("number", attempt) if dice.share("down", attempt) < 0.5 else 1.2 + attempt
    if "." not in number:
        return str(max(2, round(int(number) * factor) + 1))
    decimals = len(number.partition(".")[2])
    return f"{float(number) * factor + 0.1:.{decimals}f}"


def _wrong_citation(prompt: RerankPrompt, candidate: Candidate, sentence: Sentence, dice: Dice) -> Sentence | None:
    """The first cited claim cites a fact of another candidate that says something else, or one that doesn't exist."""
    place = next((i for i, claim in enumerate(sentence.claims) if claim.cites), None)
    if place is None:
        return None
    claim = sentence.claims[place]
    own = {folded(fact.text) for fact in candidate.facts}
    others = [
        fact.id
        for other in prompt.candidates
        if other.alias != candidate.alias
        for fact in other.facts
        if folded(fact.text) not in own
    ]
    wrong = dice.pick(others, "citation") if others and dice.share("absent") < 0.7 else f"{candidate.alias}9"
    return _with(sentence, place, replace(claim, cites=(wrong,)))


def _superlative(_prompt: RerankPrompt, candidate: Candidate, sentence: Sentence, dice: Dice) -> Sentence | None:
    if "number 1 of" in candidate.text or "the lowest of" in candidate.text:
        return None
    return _added(sentence, dice.pick(_SUPERLATIVES, "superlative"))


def _attribute(_prompt: RerankPrompt, candidate: Candidate, sentence: Sentence, dice: Dice) -> Sentence | None:
    said = folded(candidate.text)
    free = [text for text in _ATTRIBUTES if not any(word in said for word in text.split() if len(word) > 4)]
    return _added(sentence, f"it is {dice.pick(free, 'attribute')}") if free else None


def _discount(_prompt: RerankPrompt, candidate: Candidate, sentence: Sentence, dice: Dice) -> Sentence | None:
    if any(fact.kind in {"discount", "promotion"} for fact in candidate.facts):
        return None
    return _added(sentence, dice.pick(_DISCOUNTS, "discount").format(n=5 * (2 + dice.below(10, "percent"))))


def _history(prompt: RerankPrompt, candidate: Candidate, sentence: Sentence, dice: Dice) -> Sentence | None:
    if folded(candidate.name) in folded(prompt.shopper_key):
        return None
    return _added(sentence, dice.pick(_HISTORIES, "history").format(n=2 + dice.below(7, "times")))


def _scarcity(_prompt: RerankPrompt, candidate: Candidate, sentence: Sentence, dice: Dice) -> Sentence | None:
    if any(fact.kind == "low_stock" for fact in candidate.facts):
        return None
    return _added(sentence, dice.pick(_SCARCITIES, "scarcity").format(n=2 + dice.below(7, "left")))


_PLANTS: dict[LieKind, Callable[[RerankPrompt, Candidate, Sentence, Dice], Sentence | None]] = {
    "wrong_number": _wrong_number,
    "wrong_citation": _wrong_citation,
    "superlative": _superlative,
    "invented_attribute": _attribute,
    "invented_discount": _discount,
    "invented_history": _history,
    "invented_scarcity": _scarcity,
}


def _with(sentence: Sentence, place: int, claim: Claim) -> Sentence:
    claims = list(sentence.claims)
    claims[place] = claim
    return replace(sentence, claims=tuple(claims))


def _added(sentence: Sentence, text: str) -> Sentence:
    """The lie as one more claim that borrows the last citations: the usual way in which a model makes things up."""
    borrowed: Sequence[str] = sentence.claims[-1].cites[-1:]
    return replace(
        sentence,
        claims=(*sentence.claims, Claim(text, tuple(borrowed))),
        connectors=(*sentence.connectors, ", and "),
    )
