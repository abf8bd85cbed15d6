"""True and false cited sentences about items of the demo shop, as a model would write them; written before the prover.

A truth states facts that it cites, in one of many wordings and number formats. A lie is the same kind of sentence with
exactly one thing wrong, and says which. Both are drawn with a seed: the same arguments give the same sentences.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.domain.catalog import Product
from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence
from app.pipeline.evidence_draft import counted
from app.pipeline.reason_slots import variant_of
from app.pipeline.reasons_schema import ReasonConfig
from evals.proofs import spoken
from evals.proofs.shop_cases import Fact, Subject, subjects

HERE = Path(__file__).parent
TRUTHS = 5_000
LIES = 300
SEED = 20_260_930
ALIASES = "ABCDEFGHJKLM"
_CLAIM_CHARS = 250  # longer sentences are drawn again: a reason has at most 300 characters

Value = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Case:
    """One sentence with its citations, what it may cite, and whether it is a lie (and of which type)."""

    text: str
    item: Product
    facts: Mapping[str, Fact]  # by citation: "C1" → evidence, "u2" → profile fact
    currency: str
    lie: str | None = None


class Unsuitable(Exception):
    """This subject has nothing of what the sentence needs; another is drawn."""


@lru_cache(maxsize=1)
def phrasings() -> dict[str, Any]:
    """Wordings of true facts, from phrasings.yaml."""
    return dict(yaml.safe_load((HERE / "phrasings.yaml").read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def lie_clauses() -> dict[str, Any]:
    """Wordings of false clauses by type, from lies.yaml."""
    return dict(yaml.safe_load((HERE / "lies.yaml").read_text(encoding="utf-8")))


class Writer:
    """Words for one subject: three of its facts, an alias, and a random source."""

    def __init__(self, subject: Subject, rng: random.Random) -> None:
        self.subject = subject
        self.rng = rng
        self.currency = subject.currency
        self.money_currency = subject.currency  # a lie about the currency writes amounts in another one
        self.alias = rng.choice(ALIASES)
        self.evidence = rng.sample(subject.evidence, min(3, len(subject.evidence)))
        self.facts: dict[str, Fact] = {f"{self.alias}{i}": e for i, e in enumerate(self.evidence, start=1)}
        self.facts |= {fact.id: fact for fact in subject.profile[:4]}
        self.hedging = True
        self.said = ""  # the wording used last, with its slots

    def cite(self, fact: Fact) -> str:
        """The citation of one of this item's facts."""
        return next(key for key, value in self.facts.items() if value is fact)

    def case(self, text: str, lie: str | None = None) -> Case:
        """The finished sentence. Raises Unsuitable when it is too long for a reason."""
        if len(text) > _CLAIM_CHARS:
            raise Unsuitable
        return Case(text[0].upper() + text[1:], self.subject.item, self.facts, self.currency, lie)

    def own(self) -> dict[str, str]:
        """Slots that the item's own record fills."""
        item, rng = self.subject.item, self.rng
        words = [*item.tags, *(v for v in item.attributes.values() if isinstance(v, str))]
        usable = [w for w in words if w.replace("-", " ").replace(" ", "").isalpha() and w not in ("yes", "no", "none")]
        return {
            "name": item.name,
            "brand": item.brand or item.name,
            "leaf": (item.category or item.name).rsplit(">", 1)[-1].strip(),
            "word": rng.choice(usable) if usable else item.name,
        }

    def slots(self, kind: str, value: Value) -> dict[str, str]:
        """Slot → text of a fact's value, each in a drawn form."""
        rng = self.rng
        slots: dict[str, str] = {}
        for key, held in value.items():
            if key.endswith("_minor") and isinstance(held, int):
                slots[key.removesuffix("_minor")] = spoken.amount(held, self.money_currency, rng)
                slots["~" + key.removesuffix("_minor")] = self._hedged(held, money=True)
            elif key in ("percent", "pricier", "count", "orders", "n", "left") and isinstance(held, int):
                written = spoken.percent if key == "percent" else spoken.number
                slots[key] = written(held, rng)
                slots["~" + key] = slots[key] if key == "percent" else self._hedged(held, money=False)
            elif isinstance(held, str):
                slots[key] = held
        if "category" in value:
            shop_wide = value.get("scope") == "shop"
            slots["category"] = "our shop" if shop_wide else str(value["category"] or "its category")
        for key in ("seen", "partner", "title"):
            if key in slots:
                slots[key] = spoken.quoted(slots[key], rng)
        for key in ("since", "until"):
            if key in slots:
                slots[key] = spoken.day(slots[key], rng)
        if kind == "rating":
            slots |= {"rating": spoken.rating(slots["rating"], rng), "scale": rng.choice(["5", "5", "five"])}
        if kind == "trending":
            slots |= {
                "rank": spoken.number(_int(value, "rank"), rng),
                "ordinal": spoken.ordinal(_int(value, "rank"), rng),
            }
        if "window_days" in value:
            days = _int(value, "window_days")
            slots["window"] = f"{spoken.number(days, rng)} days"
        if kind == "bought_together":
            orders = _int(value, "orders")
            slots |= {"orders": _counted(slots["orders"], orders, "order"), "times": f"{slots['orders']} times"}
            slots["~orders"] = _counted(slots["~orders"], orders, "order")
        if kind == "low_stock":
            slots["pieces"] = _counted(slots["left"], _int(value, "left"), "piece")
        if kind == "query_match":
            terms, fields = _texts(value, "terms"), _texts(value, "fields")
            joined = " and ".join(f"“{t}”" for t in terms) if rng.random() < 0.5 else " ".join(terms)
            slots |= {"terms": joined, "fields": " and ".join(fields)}
        return slots

    def _hedged(self, held: int, *, money: bool) -> str:
        exact = spoken.amount(held, self.money_currency, self.rng) if money else spoken.number(held, self.rng)
        if not self.hedging or self.rng.random() < 0.7:
            return exact
        hedge = self.rng.choice(list(spoken.HEDGES))
        if money:
            return spoken.hedged_amount(held, self.money_currency, hedge, self.rng) or exact
        return spoken.hedged_number(held, hedge, self.rng) or exact

    def wording(self, fact: Evidence, shape: str, value: Value | None = None) -> str:
        """A predicate or fragment that states the fact, or another value in its place."""
        said = phrasings()["facts"][fact.kind][variant_of(fact.kind, fact.value)][shape]
        self.said = str(self.rng.choice(said))
        return self.said.format(**self.slots(fact.kind, fact.value if value is None else value))

    def citation(self, *facts: Fact) -> str:
        """The facts as citations, in one of the forms that models use."""
        names = [self.cite(fact) for fact in facts]
        return self.rng.choice([" [" + ", ".join(names) + "]", " " + "".join(f"[{n}]" for n in names)])

    def subject_words(self) -> str:
        """What a sentence calls the item."""
        return str(self.rng.choice(phrasings()["subjects"])).format(**self.own())

    def single(self, fact: Evidence, value: Value | None = None) -> str:
        """One fact, one sentence, without the full stop."""
        if self.rng.random() < 0.5:
            return self.wording(fact, "fragments", value) + self.citation(fact)
        return f"{self.subject_words()} {self.wording(fact, 'predicates', value)}{self.citation(fact)}"

    def sentence(self) -> str:
        """A true sentence about one or two facts, with its citations."""
        rng = self.rng
        fact, others = self.evidence[0], self.evidence[1:]
        draw = rng.random()
        if draw < 0.18 and self.subject.profile:
            line = rng.choice(self.subject.profile[:4])
            opening = self.profile_words(line) + self.citation(line)
            return f"{opening}, and {self._it()} {self.wording(fact, 'predicates')}{self.citation(fact)}."
        if draw < 0.30:
            own = str(rng.choice(phrasings()["own"])).format(**self.own())
            return f"{own} that {self.wording(fact, 'predicates')}{self.citation(fact)}."
        if draw < 0.62 and others:
            join = str(rng.choice(phrasings()["joins"]))
            return f"{self.single(fact)}{join}{self.wording(others[0], 'predicates')}{self.citation(others[0])}."
        if draw < 0.68 and others:
            first = self.wording(fact, "predicates")
            second = self.wording(others[0], "predicates")
            return f"{self.subject_words()} {first} and {second}{self.citation(fact, others[0])}."
        return f"{rng.choice(phrasings()['openers'])}{self.single(fact)}."

    def profile_words(self, line: ProfileFact, text: str | None = None) -> str:
        """What a sentence says of the shopper from one profile line."""
        said = text if text is not None else line.text
        if line.kind in ("bought", "viewed", "cart"):
            said = spoken.quoted(said, self.rng)
        money = ""
        if line.kind == "budget":
            digits = "".join(c for c in line.text.split()[0] if c.isdigit())
            money = spoken.amount(int(digits), self.money_currency, self.rng)
        return str(self.rng.choice(phrasings()["profile"][line.kind])).format(text=said, money=money)

    def _it(self) -> str:
        return self.rng.choice(["this", "it", "this one"])

    def of_kind(self, *kinds: str) -> Evidence:
        """A shown fact of one of the kinds. Raises Unsuitable when there is none."""
        for fact in self.evidence:
            if fact.kind in kinds:
                return fact
        raise Unsuitable


def _counted(written: str, n: int, noun: str) -> str:
    return f"{written} {counted(n, noun).split()[1]}"


def _int(value: Value, key: str) -> int:
    held = value[key]
    if not isinstance(held, int):
        raise TypeError(f"{key} is {held!r}, not a whole number")
    return held


def _texts(value: Value, key: str) -> list[str]:
    held = value[key]
    if not isinstance(held, tuple):
        raise TypeError(f"{key} is {held!r}, not a list of texts")
    return [str(text) for text in held]


def truths(n: int = TRUTHS, *, seed: int = SEED, config: ReasonConfig) -> list[Case]:
    """`n` true cited sentences, all different."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    pool = subjects(max(60, n // 4), seed, config)
    seen: dict[str, Case] = {}
    while len(seen) < n:
        writer = Writer(rng.choice(pool), rng)
        try:
            case = writer.case(writer.sentence())
        except Unsuitable:
            continue
        if config.sensitivity.speakable(case.text):
            seen.setdefault(case.text, case)
    return list(seen.values())


def lies(n: int = LIES, *, seed: int = SEED, config: ReasonConfig) -> list[Case]:
    """`n` lies, the types of `evals.proofs.lies.TYPES` in turn, all different."""
    from evals.proofs.lies import TYPES

    rng = random.Random(seed + 1)  # noqa: S311 - repeatable, not secret
    pool = subjects(max(400, n), seed + 1, config)
    seen: dict[str, Case] = {}
    makers: Sequence[tuple[str, Callable[[Writer, Sequence[Subject]], str]]] = list(TYPES.items())
    while len(seen) < n:
        lie, maker = makers[len(seen) % len(makers)]
        writer = Writer(rng.choice(pool), rng)
        try:
            case = writer.case(maker(writer, pool), lie)
        except Unsuitable:
            continue
        seen.setdefault(case.text, case)
    return list(seen.values())


def changed(fact: Evidence, **values: object) -> Value:
    """The fact's value with some entries replaced."""
    return {**replace(fact).value, **values}
