"""The model's answer to a rerank prompt, with the truth about every sentence of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evals.simulated.dice import Dice, fingerprint
from evals.simulated.knobs import Knobs
from evals.simulated.lies import plant_lie
from evals.simulated.obedience import Obeyed, instructions_of, obey_order
from evals.simulated.reading import RerankPrompt, Turn
from evals.simulated.sentences import write_sentence
from evals.simulated.utility import Preferences, ranked, utilities

DEFAULT_REASONS = 5


@dataclass(frozen=True, slots=True)
class Told:
    """One sentence and the truth about it."""

    alias: str
    name: str
    text: str
    cites: tuple[str, ...]
    lie: str | None  # kind of the planted falsehood, "obeyed" for text dictated by product text, None = true


@dataclass(frozen=True, slots=True)
class RerankAnswer:
    """What the model answers."""

    order: tuple[str, ...]  # best first; invented aliases included
    why: tuple[Told, ...]
    hidden: Mapping[str, float]  # alias → hidden utility
    whole: str | None = None  # an obeyed instruction replaced the complete reply by this text

    @property
    def text(self) -> str:
        """The reply as the wire carries it: compact JSON, `order` first."""
        if self.whole is not None:
            return self.whole
        return compact({"order": list(self.order), "why": [{"id": told.alias, "text": told.text} for told in self.why]})


def compact(value: object) -> str:
    """JSON without spaces, characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def answer_rerank(
    prompt: RerankPrompt, turns: Sequence[Turn], knobs: Knobs, preferences: Preferences | None = None
) -> RerankAnswer:
    """Order and sentences for a prompt; a pure function of its arguments."""
    hidden = utilities(prompt, preferences)
    order = ranked(prompt, hidden, knobs)
    obeyed = instructions_of(prompt, turns) if knobs.obey else Obeyed()
    order = obey_order(order, obeyed)[: knobs.order_length]
    dice = Dice(fingerprint("answer", knobs.seed, prompt.shopper_key, *(c.text for c in prompt.candidates)))
    wanted = knobs.reasons if knobs.reasons is not None else prompt.reasons_asked
    told = [
        _tell(prompt, alias, knobs, obeyed, dice) for alias in order[: DEFAULT_REASONS if wanted is None else wanted]
    ]
    return RerankAnswer(tuple(_with_inventions(prompt, order, knobs, dice)), tuple(told), hidden, obeyed.whole)


def _tell(prompt: RerankPrompt, alias: str, knobs: Knobs, obeyed: Obeyed, dice: Dice) -> Told:
    candidate = next(c for c in prompt.candidates if c.alias == alias)
    if alias in obeyed.says:
        return Told(alias, candidate.name, obeyed.says[alias], (), "obeyed")
    own = Dice(fingerprint(dice.seed, candidate.name))
    sentence = write_sentence(prompt, candidate, knobs.verbosity, own)
    lie: str | None = None
    if own.share("lies") < knobs.lie_rate:
        sentence, lie = plant_lie(prompt, candidate, sentence, own)
    return Told(alias, candidate.name, sentence.text, sentence.cites, lie)


def _with_inventions(prompt: RerankPrompt, order: Sequence[str], knobs: Knobs, dice: Dice) -> list[str]:
    """The order with invented aliases before some places: letters that were not dealt, or made-up ids."""
    dealt = {candidate.alias for candidate in prompt.candidates}
    letters = [letter for letter in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if letter not in dealt]
    told: list[str] = []
    for place, alias in enumerate(order):
        if dice.share("invent", place) < knobs.hallucination:
            made_up = f"P-{1000 + dice.below(9000, 'id', place)}"
            told.append(dice.pick([*letters, made_up], "alias", place))
        told.append(alias)
    return told
