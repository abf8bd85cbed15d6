"""The lines of a rerank prompt, and what the aliases and citations in them stand for.

A seller's or shopper's text is data: one field of one line, without the characters that make lines and fields, and
with nothing that could pose as one of our labels. What a model does with it all the same is bounded after the reply
(fusion, repair, proof); here it is only made harder.
"""

from __future__ import annotations

import hashlib
import random
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence
from app.pipeline.redaction import without_contacts
from app.pipeline.repair import ORDER_MAX
from app.pipeline.seller_text import plain

CANDIDATES_MAX = 24
FACTS_MAX = 3
PROFILE_LINES_MAX = 16
CHARACTERS_MAX = 4800
"""Most characters of all lines together: with the instructions under 1,900 tokens of GPT-4o (a test counts)."""

_NAME_MAX, _BRAND_MAX, _CATEGORY_MAX, _FACT_MAX, _PROFILE_MAX = 60, 24, 40, 110, 100
_UNNAMED = "unnamed product"
_STRAIGHT = str.maketrans({"“": '"', "”": '"'})  # our own quotes around names, which cleaning would take away

_CITED = re.compile(r"\[([A-X][0-9]{1,2})\]")
_LABEL = re.compile(r"(?<![\w'])(?:[A-X][0-9]{1,2}|u[0-9]{1,2})(?![\w'])")
_ROLE = re.compile(r"\b(system|assistant|user|human|developer|tool|instructions?)\s*[:：]", re.IGNORECASE)
_RULER = re.compile(r"([#=*_~-])\1{2,}")


@dataclass(frozen=True, slots=True)
class PromptItem:
    """One candidate with what may be said about it: facts strongest first, sensitive ones already left out."""

    product_id: str
    name: str
    brand: str | None = None
    category: str | None = None  # a path, "Electronics > Headphones"
    facts: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptInput:
    """Lines for the prompt, and the way back from a reply."""

    profile_lines: tuple[str, ...]  # "u1 bought Iron Pan"
    candidate_lines: tuple[str, ...]  # "A|Iron Pan|Acme|Kitchen / Pans|A1 rating rated 4.6 …"
    product_of: Mapping[str, str]  # alias → product id, in the order of the lines
    evidence_of: Mapping[str, Evidence]  # citation ("A1") → fact of that candidate
    profile_of: Mapping[str, ProfileFact]  # citation ("u1") → line about the shopper, its text as in the prompt

    @property
    def aliases(self) -> tuple[str, ...]:
        """Every alias, in the order of the lines."""
        return tuple(self.product_of)

    @property
    def profile_facts(self) -> tuple[ProfileFact, ...]:
        """The lines about the shopper, as the prompt has them."""
        return tuple(self.profile_of.values())

    def variables(self, *, limit: int) -> Mapping[str, object]:
        """The inputs of prompts/rerank: the best 10 are asked for, with reasons for the first min(limit, 10)."""
        length = min(ORDER_MAX, len(self.product_of))
        return {
            "order_length": length,
            "reason_count": min(limit, length),
            "profile_lines": self.profile_lines,
            "candidate_lines": self.candidate_lines,
        }

    def prose(self, why: Mapping[str, str]) -> dict[str, str]:
        """Product id → sentence, for reasons by alias. Citations of the item's own facts name their kind: "[rating]".

        What cites another item's fact, or none that there is, stays as it is and resolves to nothing.
        """

        def told(alias: str, text: str) -> str:
            def kind(cited: re.Match[str]) -> str:
                own = cited[1].rstrip(string.digits) == alias
                fact = self.evidence_of.get(cited[1]) if own else None
                return cited[0] if fact is None else f"[{fact.kind}]"

            return _CITED.sub(kind, text)

        return {self.product_of[alias]: told(alias, text) for alias, text in why.items()}


def prompt_input(
    items: Sequence[PromptItem],
    profile: Sequence[ProfileFact],
    *,
    seed: str,
    facts_max: int = FACTS_MAX,
    characters_max: int = CHARACTERS_MAX,
) -> PromptInput:
    """Lines and maps for at most 24 candidates, in an order that says nothing about the baseline's.

    The order is shuffled, since models favour what stands first and last; the seed makes it the same for the same
    cache key. Lines longer than allowed together lose facts: thirds first, then seconds, from the baseline's last up.

    Args:    items: best first in the baseline, at most 24; profile: lines about the shopper, most telling first, the
             first 16 are used and numbered anew u1, u2, …; seed: the cache key.
    Raises:  ValueError: more than 24 candidates.
    """
    if len(items) > CANDIDATES_MAX:
        raise ValueError(f"at most {CANDIDATES_MAX} candidates, not {len(items)}")
    order = list(range(len(items)))
    random.Random(hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest()).shuffle(order)  # noqa: S311
    shoppers = lines_about_shopper(profile)
    profile_lines = tuple(f"{fact.id} {fact.kind} {fact.text}" for fact in shoppers)
    kept = [list(item.facts[:facts_max]) for item in items]
    heads = [_head(item) for item in items]
    _fit(kept, characters_max - sum(map(len, profile_lines)) - sum(len(head) + 4 for head in heads))
    lines: list[str] = []
    product_of: dict[str, str] = {}
    evidence_of: dict[str, Evidence] = {}
    for alias, place in zip(string.ascii_uppercase, order, strict=False):
        fields = [alias, heads[place]]
        for number, fact in enumerate(kept[place], start=1):
            evidence_of[f"{alias}{number}"] = fact
            fields.append(f"{alias}{number} {fact.kind} {field_text(fact.text.translate(_STRAIGHT), _FACT_MAX)}")
        lines.append("|".join(fields))
        product_of[alias] = items[place].product_id
    return PromptInput(
        profile_lines=profile_lines,
        candidate_lines=tuple(lines),
        product_of=MappingProxyType(product_of),
        evidence_of=MappingProxyType(evidence_of),
        profile_of=MappingProxyType({fact.id: fact for fact in shoppers}),
    )


def field_text(text: str, limit: int) -> str:
    """A text as one field of a line: plain (see seller_text.plain), and with nothing like a label or a role in it.

    A label keeps its letters in quotes, "'A4' paper", so that a proof still finds the word.
    """
    cleaned = plain(text, limit)
    cleaned = _ROLE.sub(lambda found: f"{found[1]} -", cleaned)
    return _RULER.sub(r"\1", _LABEL.sub(lambda found: f"'{found[0]}'", cleaned))


def lines_about_shopper(profile: Sequence[ProfileFact]) -> tuple[ProfileFact, ...]:
    """The facts as a prompt has them: texts made fit for a line, the first 16, numbered anew u1, u2, …"""
    lines: list[ProfileFact] = []
    for fact in profile:
        text = without_contacts(fact.text) if fact.kind == "query" else fact.text
        text = field_text(text, _PROFILE_MAX)
        if text and len(lines) < PROFILE_LINES_MAX:
            lines.append(ProfileFact(f"u{len(lines) + 1}", fact.kind, text))
    return tuple(lines)


def _head(item: PromptItem) -> str:
    parts = [part.strip() for part in (item.category or "").split(">") if part.strip()]
    name = field_text(item.name, _NAME_MAX) or _UNNAMED
    return "|".join((name, field_text(item.brand or "", _BRAND_MAX), field_text(" / ".join(parts[-2:]), _CATEGORY_MAX)))


def _fit(kept: list[list[Evidence]], room: int) -> None:
    """Drops facts until the rest fits; the first fact of an item stays."""
    size = sum(_length(fact) for facts in kept for fact in facts)
    deepest = max((len(facts) for facts in kept), default=0)
    for depth in range(deepest, 1, -1):
        for facts in reversed(kept):
            if size <= room:
                return
            if len(facts) >= depth:
                size -= _length(facts.pop())


def _length(fact: Evidence) -> int:
    return len(fact.kind) + min(len(fact.text), _FACT_MAX) + 5
