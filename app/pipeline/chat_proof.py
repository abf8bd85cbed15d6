"""What the assistant's model may say: each sentence follows from one product's record, or says nothing about any.

The prover of reasons (proof.py) judges sentences about a product, with its price and what is in stock as further
facts. A sentence about no product is small talk: plain words only, no figure, no negation, no claim.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from app.domain.catalog import Product
from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence
from app.pipeline import chat_words
from app.pipeline.proof import prove
from app.pipeline.proof_facts import Quantity
from app.pipeline.proof_text import forms, markup_in, mended, tokens_of, word_set, words_of
from app.pipeline.reasons_schema import ReasonConfig

MAX_SMALL_TALK_CHARS = 200

_CITED = re.compile(r"\s*\[([^\[\]]{1,80})\]")
_ALIAS = re.compile(r"([A-Z]{1,2})\d{0,2}\Z")
_STOCKED = re.compile(
    r"\b(?:and |which |that )?(?:(?:is|are|'s|'re) )?(?:currently |now |also |still )?(?:in stock|available)"
    r"(?: (?:now|right now|today))?\b",
    re.IGNORECASE,
)
_NOT_STOCKED = re.compile(
    r"\b(?:but |and |which |that )?(?:(?:is|are) )?(?:currently |now |also )?"
    r"(?:out of stock|sold out|not in stock|not available|unavailable)\b",
    re.IGNORECASE,
)
_TIMES = word_set("will soon tomorrow later was were until again always never if unless when week weeks month days")
_PRONOUNS = word_set("it its it's they their they're he she")
_CHAT_FRAME = word_set("i me i'd i'll i'm suggest recommend consider here option look could would found")
"""Words that a sentence to a shopper begins with; none says anything about a product."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A product that a tool returned, with the facts that the model was told."""

    product: Product
    facts: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on one sentence."""

    kind: Literal["product", "talk", "question", "removed"]
    text: str = ""
    alias: str | None = None  # of the product that it is about
    failures: tuple[str, ...] = ()


class ChatProver:
    """Judges the sentences of one answer, in order: "it" is the product of the sentence before."""

    def __init__(
        self, *, config: ReasonConfig, currency: str, budget_minor: int | None, asked: str, budget_text: str | None
    ) -> None:
        neutral = config.neutral_words | _CHAT_FRAME
        self._config = replace(config, neutral_words=neutral)
        self._currency = currency
        self._profile = () if budget_text is None else (ProfileFact("u1", "budget", budget_text),)
        self._budget_minor = budget_minor
        self._asked = frozenset(words_of(asked)) - config.claim_words.keys()
        self._last: str | None = None

    def judge(self, sentence: str, subjects: Mapping[str, Subject]) -> Judged:
        """Whether a sentence may be shown, and in what words.

        Args: subjects: everything that tools have returned so far, by alias.
        """
        aliases = _aliases(sentence)
        shown = mended(_CITED.sub("", sentence))
        markup = markup_in(shown.rstrip("?!"))
        if markup is not None:
            return Judged("removed", failures=("markup",))
        unknown = [alias for alias in aliases if alias not in subjects]
        if unknown or len(aliases) > 1:
            return Judged("removed", failures=("two products" if len(aliases) > 1 else "unknown product",))
        alias = aliases[0] if aliases else _named(shown, subjects)
        if alias is None and shown.endswith("?"):
            return self._question(shown, subjects)
        told = {token.text for token in tokens_of(shown)}
        if alias is None and told & _PRONOUNS and self._last in subjects:
            alias = self._last
        if alias is not None:
            return self._about(shown, alias, subjects[alias])
        return self._talk(shown, subjects)

    def _about(self, shown: str, alias: str, subject: Subject) -> Judged:
        product = subject.product
        if self._budget_minor is not None and (product.price_minor or 0) > self._budget_minor:
            return Judged("removed", alias=alias, failures=("over budget",))  # code tells what such a product costs
        rest, stock_told, wrong = _without_stock(shown, product)
        if wrong:
            return Judged("removed", alias=alias, failures=(wrong,))
        also = [] if product.price_minor is None else [Quantity("money", "price", product.price_minor, "price")]
        proof = prove(
            rest,
            item=product,
            cited=subject.facts,
            profile_facts=self._profile,
            config=self._config,
            currency=self._currency,
            also=also,
        )
        failures = [f.kind for f in proof.failures if not (stock_told and f.kind == "no_item_fact")]
        if failures:
            return Judged("removed", alias=alias, failures=tuple(failures))
        self._last = alias
        return Judged("product", shown, alias)

    def _talk(self, shown: str, subjects: Mapping[str, Subject]) -> Judged:
        wrong = self._not_plain(shown, _category_words(subjects) & self._asked)
        return Judged("removed", failures=(wrong,)) if wrong else Judged("talk", shown)

    def _question(self, shown: str, subjects: Mapping[str, Subject]) -> Judged:
        own = {form for s in subjects.values() for form in _own_words(s.product)} - self._config.claim_words.keys()
        wrong = self._not_plain(shown, frozenset(own) | self._asked | chat_words.ASKING)
        return Judged("removed", failures=(wrong,)) if wrong else Judged("question", shown)

    def _not_plain(self, shown: str, more: frozenset[str]) -> str:
        """What makes a sentence more than small talk; "" for nothing."""
        if len(shown) > MAX_SMALL_TALK_CHARS:
            return "too long"
        if not self._config.sensitivity.speakable(shown):
            return "sensitive"
        for token in tokens_of(shown):
            if token.figure or token.sign or token.text in chat_words.NO_NUMBERS:
                return f"figure: {token.text}"
            if token.negated:
                return f"negation: {token.text}"
            allowed = any(form in chat_words.PLAIN for form in (token.text, *forms(token.word)))
            if not allowed and token.word not in more:
                return f"word: {token.text}"
        return ""


def _aliases(sentence: str) -> list[str]:
    """The products that a sentence cites, each once; "?" for a citation of something else."""
    found: dict[str, None] = {}
    for match in _CITED.finditer(sentence):
        for name in match[1].replace(",", " ").replace(";", " ").split():
            cited = _ALIAS.match(name)
            if cited is not None:
                found[cited[1]] = None
            elif not re.fullmatch(r"u\d{1,2}", name):
                found["?"] = None
    return list(found)


def _named(shown: str, subjects: Mapping[str, Subject]) -> str | None:
    """The product whose name a sentence holds, by at least two words of it; None where it is none or not clear."""
    told = tuple(token.word for token in tokens_of(shown))
    scores = {alias: _longest_run(words_of(subject.product.name), told) for alias, subject in subjects.items()}
    best = max(scores.values(), default=0)
    held = [alias for alias, score in scores.items() if score == best]
    return held[0] if best >= 2 and len(held) == 1 else None


def _longest_run(name: Sequence[str], told: Sequence[str]) -> int:
    """Words from the name's beginning, or from its second word, that stand together in the text."""
    best = 0
    for begin in (0, 1):
        for at in range(len(told)):
            n = 0
            while begin + n < len(name) and at + n < len(told) and name[begin + n] == told[at + n]:
                n += 1
            best = max(best, n)
    return best


def _without_stock(shown: str, product: Product) -> tuple[str, bool, str]:
    """The sentence without what it says about stock, whether it said any, and "" or why that is wrong."""
    told = {token.text for token in tokens_of(shown)}
    stocked = product.available and product.stock is not None and product.stock > 0
    gone = not product.available or product.stock == 0
    rest, denied = _NOT_STOCKED.subn(" ", shown)
    rest, claimed = _STOCKED.subn(" ", rest)
    if not denied and not claimed:
        return shown, False, ""
    if told & _TIMES:
        return shown, True, "stock at another time"
    if (claimed and not stocked) or (denied and not gone):
        return shown, True, "stock"
    if any(token.negated or token.text in ("not", "no", "only", "last") for token in tokens_of(rest)):
        return shown, True, "stock"
    return mended(rest), True, ""


def _category_words(subjects: Mapping[str, Subject]) -> frozenset[str]:
    return frozenset(w for s in subjects.values() for w in words_of((s.product.category or "").replace(">", " ")))


def _own_words(product: Product) -> frozenset[str]:
    texts = [product.category or "", *product.tags, *(name.replace("_", " ") for name in product.attributes)]
    texts += [v for value in product.attributes.values() for v in ((value,) if isinstance(value, str) else value)]
    return frozenset(word for text in texts for word in words_of(text) if not word[:1].isdigit())
