"""Good outputs of golden scenarios: orders by grade with a model's noise, true sentences, and the same under shuffles.

The order is the simulated provider's at a high quality drawn anew for each scenario, with the grades planted as its
preferences. Sentences are the simulated provider's, which writes only what a candidate's line says; facts that no other
candidate shares come first, as a good writer chooses them. Nothing is asked of the checks or of the prover: what they
flag here is a false alarm. Scenarios are left out whose first places hold a product without any fact (a sensitive
one, say), or mostly such that have no fact of their own: nothing good can be said of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from app.domain.model_calls import ModelReply
from app.domain.ranking import Usage
from app.pipeline.repair import ORDER_MAX
from app.prompts import Prompt, load_prompt
from app.settings import shipped_directory
from evals.prompts.golden import load_rerank
from evals.prompts.judging import Judge, Told
from evals.prompts.outcome import Outcome, Posed
from evals.prompts.posing import pose
from evals.prompts.scenario import Scenario
from evals.simulated.answer import compact
from evals.simulated.dice import Dice, fingerprint
from evals.simulated.knobs import Knobs
from evals.simulated.reading import Candidate, RerankPrompt, Turn, read_rerank
from evals.simulated.sentences import write_sentence
from evals.simulated.utility import Preferences, ranked, utilities

SHUFFLES = 5
MODEL = "simulated/planted"
_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class Parts:
    """A reply before it is written out: aliases in order, and sentences by alias."""

    order: tuple[str, ...]
    why: Mapping[str, str]

    @property
    def text(self) -> str:
        """As the wire carries it."""
        return compact({"order": list(self.order), "why": [{"id": a, "text": t} for a, t in self.why.items()]})


@dataclass(frozen=True)
class Good:
    """One good output and what it was made from."""

    desk: Desk
    posed: Posed
    prompt: RerankPrompt
    parts: Parts
    dice: Dice

    @property
    def scenario(self) -> Scenario:
        """What was asked."""
        return self.posed.scenario

    @cached_property
    def outcome(self) -> Outcome:
        """The good output, judged."""
        return self.desk.judged(self.posed, self.parts.text)

    @cached_property
    def shuffled(self) -> tuple[Outcome, ...]:
        """The answers to shuffled lines: the same products in nearly the same order, neighbours sometimes swapped."""
        found = []
        for slot in range(1, SHUFFLES + 1):
            posed = pose(self.scenario, self.desk.prompt, slot)
            order = self.jittered(self.products, slot)
            found.append(self.desk.judged(posed, self.written(posed, order).text, slot=slot))
        return tuple(found)

    @property
    def products(self) -> tuple[str, ...]:
        """Product ids in the order of the reply."""
        return tuple(self.posed.given.product_of[alias] for alias in self.parts.order)

    def jittered(self, order: Sequence[str], *labels: object, share: float = 0.15) -> tuple[str, ...]:
        """The order with some neighbours swapped, the first two seldom."""
        told = list(order)
        for i in range(len(told) - 1):
            if self.dice.share("jitter", i, *labels) < (share / 3 if i == 0 else share):
                told[i], told[i + 1] = told[i + 1], told[i]
        return tuple(told)

    def written(self, posed: Posed, order: Sequence[str]) -> Parts:
        """Product ids as a reply to another posing of the scenario; its sentences are made of the same facts."""
        alias_of = {p: a for a, p in posed.given.product_of.items()}
        read = read_prompt(posed)
        aliases = tuple(alias_of[p] for p in order if p in alias_of)
        return Parts(aliases, sentences_for(read, aliases[: posed.reasons], self.dice))

    def replied(self, parts: Parts) -> Outcome:
        """Other parts as the reply to the same call, judged."""
        return self.desk.judged(self.posed, parts.text)

    def saying(self, alias: str, text: str) -> Parts:
        """The parts with another sentence of one alias."""
        return replace(self.parts, why={**self.parts.why, alias: text})


@dataclass(slots=True)
class Desk:
    """The shipped prompt and rules, and the judge that serves both."""

    prompt: Prompt = field(default_factory=lambda: load_prompt(shipped_directory("prompts"), "rerank", "v1"))
    judge: Judge = field(default_factory=lambda: Judge.of(shipped_directory("rules")))

    def judged(self, posed: Posed, text: str, *, slot: int = 0) -> Outcome:
        """A complete reply of this text, judged."""
        tokens = Usage(len("".join(m.content for m in posed.call.messages)) // 4, len(text) // 4, 0, 0.0003)
        reply = ModelReply("complete", text, tokens, MODEL, 0.9, 0.2)
        outcome = self.judge.judge(posed, reply, Told(MODEL, "simulated", 0.4, 0.5))
        return outcome if outcome.slot == slot else replace(outcome, slot=slot)

    def good(self, scenario: Scenario, seed: int = 0) -> Good | None:
        """A good output; None where nothing good can be said of the first places, or nothing is graded."""
        if max(scenario.grades.values(), default=0) <= 0:
            return None
        posed = pose(scenario, self.prompt)
        read = read_prompt(posed)
        dice = Dice(fingerprint("planted", seed, scenario.id))
        grades = {c.product.name: float(c.grade) for c in scenario.candidates if c.grade is not None}
        knobs = Knobs(seed=seed, quality=0.85 + 0.15 * dice.share("quality"))
        order = tuple(ranked(read, utilities(read, Preferences(grades=grades)), knobs)[:ORDER_MAX])
        if scenario.must_not_lead and posed.given.product_of[order[0]] in scenario.must_not_lead:
            return None
        spoken = order[: posed.reasons]
        if not all(candidate_of(read, alias).facts for alias in spoken):
            return None
        if sum(_has_own(read, alias) for alias in spoken) < 0.6 * len(spoken):
            return None
        return Good(self, posed, read, Parts(order, sentences_for(read, spoken, dice)), dice)

    def goods(self, scenarios: Sequence[Scenario] | None = None, seed: int = 0) -> Iterator[Good]:
        """A good output of every golden scenario that has one, in an order that mixes the strata."""
        found = list(load_rerank() if scenarios is None else scenarios)
        for scenario in Dice(fingerprint("goods", seed)).shuffled(found, "mixed"):
            if (good := self.good(scenario, seed)) is not None:
                yield good


def read_prompt(posed: Posed) -> RerankPrompt:
    """The prompt as the simulated provider reads it. Raises ValueError for one without a candidate."""
    read = read_rerank([Turn(message.role, message.content) for message in posed.call.messages])
    if read is None:
        raise ValueError(f"{posed.scenario.id}: the prompt holds no candidate")
    return read


def candidate_of(prompt: RerankPrompt, alias: str) -> Candidate:
    """The candidate of an alias."""
    return next(c for c in prompt.candidates if c.alias == alias)


def sentences_for(prompt: RerankPrompt, aliases: Sequence[str], dice: Dice) -> dict[str, str]:
    """A true sentence for each alias, of facts that are its own first, no two the same but for want of words."""
    shared = Counter(fact.text for candidate in prompt.candidates for fact in candidate.facts)
    told: dict[str, str] = {}
    for alias in aliases:
        candidate = candidate_of(prompt, alias)
        facts = sorted(candidate.facts, key=lambda fact: shared[fact.text])
        chosen = replace(candidate, facts=tuple(facts))
        for attempt in range(_ATTEMPTS):
            own = Dice(fingerprint(dice.seed, candidate.name, attempt))
            # What many share is said with a second fact, so that the two together are this product's.
            verbosity = 2 if facts and shared[facts[0].text] > 2 else 1 + own.below(2, "verbosity")
            told[alias] = write_sentence(prompt, chosen, verbosity, own).text
            if list(told.values()).count(told[alias]) == 1 and not _same_words(told, alias):
                break
    return told


def _has_own(prompt: RerankPrompt, alias: str) -> bool:
    """Whether a candidate has facts, and some that fewer than a third of the others have word for word."""
    candidate = candidate_of(prompt, alias)
    shared = Counter(fact.text for other in prompt.candidates for fact in other.facts)
    return any(3 * shared[fact.text] <= len(prompt.candidates) for fact in candidate.facts)


def _same_words(told: Mapping[str, str], alias: str) -> bool:
    bare = [text.replace(f"[{a}", "[") for a, text in told.items()]
    return bare.count(told[alias].replace(f"[{alias}", "[")) > 1
