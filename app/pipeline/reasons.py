"""One true sentence per item of a slate, compiled from its evidence; no two alike."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.ranking import Evidence, EvidenceKind, Query
from app.pipeline.evidence_draft import money
from app.pipeline.reason_slots import slot_values, variant_of
from app.pipeline.reasons_schema import ReasonConfig, Template, Wordings
from app.pipeline.seller_text import plain

AIM_CHARS = 140
MAX_CHARS = 200

STRANGER_WORDINGS = 8
"""Groups of shoppers of whom nothing is known; each reads sentences of its own."""

_THEMES: Mapping[EvidenceKind, str] = {
    "price_vs_budget": "price",
    "price_vs_category": "price",
    "discount": "price",
    "promotion": "price",
    "bought_together": "orders",
    "same_brand": "taste",
    "category_affinity": "taste",
    "attribute_match": "taste",
    "query_match": "query",
    "rating": "opinion",
    "trending": "opinion",
    "new_arrival": "supply",
    "back_in_stock": "supply",
    "low_stock": "supply",
}
"""Two facts of one theme say nearly the same thing, so a sentence never joins them."""

_REPEAT_COST = 15  # points of strength that a kind loses each time the slate has said it


@dataclass(frozen=True, slots=True)
class ItemEvidence:
    """One item of a slate with what `collect_evidence` found; the names are only used when there is no evidence."""

    product_id: str
    name: str
    evidence: tuple[Evidence, ...]
    currency: str
    brand: str | None = None
    category: str | None = None
    price_minor: int | None = None
    promoted: bool = False  # pinned by the shop: the sentence says so first


@dataclass(frozen=True, slots=True)
class CompiledReason:
    """A sentence of at most MAX_CHARS characters, and the ids of the facts that it states."""

    text: str
    evidence_ids: tuple[str, ...]


def compile_reasons(items: Sequence[ItemEvidence], *, seed: str, config: ReasonConfig) -> tuple[CompiledReason, ...]:
    """One sentence per item, in their order, from its one or two strongest facts.

    Kinds and wordings rotate over the slate, so that neighbours read differently; within that the choice follows a
    hash of seed and product id. An item without evidence gets a neutral sentence that names at most its category,
    brand, name and price.

    Args:    items: the slate in order, product ids unique; seed: anything stable for the shopper and request.
    Returns: as many as `items`, all texts different.
    """
    slate = _SlateText(seed, config)
    return tuple(slate.sentence(item) for item in items)


def wording_seed(query: Query, *, known: bool) -> str:
    """What the choice of wordings follows: the shopper; of those of whom nothing is known, one of a few groups.

    So that a shopper reads the same sentence again, and strangers can share slates that were made before.
    """
    who = query.user_id or query.anonymous_id or query.session_id or ""
    return who if known else f"stranger {zlib.crc32(who.encode('utf-8', 'surrogatepass')) % STRANGER_WORDINGS}"


class _Sayable:
    """A fact as wordings see it; its slots are filled where one is tried."""

    __slots__ = ("_fact", "_slots", "id", "kind", "strength", "wordings")

    def __init__(self, fact: Evidence, strength: int, wordings: Wordings) -> None:
        self._fact = fact
        self._slots: Mapping[str, str] | None = None
        self.id, self.kind = fact.id, fact.kind
        self.strength, self.wordings = strength, wordings

    @classmethod
    def of(cls, fact: Evidence, config: ReasonConfig) -> _Sayable:
        """The fact with what the file says of its variant."""
        told = (fact.kind, variant_of(fact.kind, fact.value))
        return cls(fact, config.strength[told], config.wordings[told])

    @property
    def slots(self) -> Mapping[str, str]:
        """Slot → text."""
        if self._slots is None:
            self._slots = slot_values(self._fact)
        return self._slots


def _by_freshness(facts: Sequence[_Sayable], used: Mapping[EvidenceKind, int]) -> list[_Sayable]:
    """The facts by strength, kinds that the slate has said already further back."""
    return sorted(facts, key=lambda fact: _REPEAT_COST * used[fact.kind] - fact.strength)


class _SlateText:
    """What the slate has said so far, and the next sentence in view of it."""

    def __init__(self, seed: str, config: ReasonConfig) -> None:
        self._seed = seed
        self._config = config
        self._texts: set[str] = set()
        self._leads: Counter[EvidenceKind] = Counter()
        self._tails: Counter[EvidenceKind] = Counter()
        self._wordings: Counter[str] = Counter()

    def sentence(self, item: ItemEvidence) -> CompiledReason:
        """The item's sentence, unlike every one before."""
        draw = _draw(self._seed, item.product_id)
        prefix = self._config.disclosure if item.promoted else ""
        facts = [_Sayable.of(fact, self._config) for fact in item.evidence]
        for lead in _by_freshness(facts, self._leads):
            compiled = self._stated(facts, lead, prefix, draw)
            if compiled is not None:
                self._leads[lead.kind] += 1
                return compiled
        return self._fallback(item, prefix, draw)

    def _stated(self, facts: Sequence[_Sayable], lead: _Sayable, prefix: str, draw: int) -> CompiledReason | None:
        """A new sentence that leads with this fact: the first that fits of all pairings and wordings."""
        others = [fact for fact in facts if _THEMES[fact.kind] != _THEMES[lead.kind]]
        companions: list[_Sayable | None] = [*_by_freshness(others, self._tails), None]
        for companion in companions:
            for opening in self._openings(lead.wordings.leads, draw, prefix):
                head = prefix + _opening(opening, lead.slots, lower=bool(prefix))
                if companion is None:
                    if len(head) < MAX_CHARS and self._claim(head + "."):
                        self._wordings[opening.source] += 1
                        return CompiledReason(head + ".", (lead.id,))
                    continue
                for ending in self._rotated(companion.wordings.tails, draw >> 8):
                    text = head + ending.render(companion.slots) + "."
                    if len(text) <= AIM_CHARS and self._claim(text):
                        self._wordings[opening.source] += 1
                        self._wordings[ending.source] += 1
                        self._tails[companion.kind] += 1
                        return CompiledReason(text, (lead.id, companion.id))
        return None

    def _openings(self, templates: Sequence[Template], draw: int, prefix: str) -> list[Template]:
        """As `_rotated`; after the disclosure, which ends in a colon, no second colon where there is a choice."""
        single = [t for t in templates if not (prefix and ": " in t.source)]
        return self._rotated(single or templates, draw)

    def _rotated(self, templates: Sequence[Template], draw: int) -> list[Template]:
        """The wordings from a drawn one on, those that the slate has used less before the others."""
        if not templates:
            return []
        start = draw % len(templates)
        return sorted((*templates[start:], *templates[:start]), key=lambda t: self._wordings[t.source])

    def _claim(self, text: str) -> bool:
        if text in self._texts:
            return False
        self._texts.add(text)
        return True

    def _fallback(self, item: ItemEvidence, prefix: str, draw: int) -> CompiledReason:
        values = self._names(item)
        usable = [t for t in self._config.fallback if t.slots <= values.keys()]
        naming = [t for t in usable if t.slots - {"price"}]  # says the most; a price alone says little, no slot nothing
        priced, bare = [t for t in usable if t.slots == {"price"}], [t for t in usable if not t.slots]
        for template in (t for group in (naming, priced, bare) for t in self._rotated(group, draw)):
            text = prefix + _opening(template, values, lower=bool(prefix)) + "."
            if len(text) <= MAX_CHARS and self._claim(text):
                self._wordings[template.source] += 1
                return CompiledReason(text, ())
        # Everything sayable has been said of an item that looks the same: only its id is its own.
        own = plain(item.product_id, 40) if self._config.sensitivity.speakable(item.product_id) else ""
        reference = own or f"{draw:x}"[:12]
        text = f"{prefix}{reference}, from our current range."
        while not self._claim(text):
            text = f"{prefix}{reference} ({len(self._texts)}), from our current range."
        return CompiledReason(text, ())

    def _names(self, item: ItemEvidence) -> dict[str, str]:
        """Slot → text for what may be said of the item itself."""
        limit, sensitivity = self._config.thresholds.name_length, self._config.sensitivity
        sensitive = sensitivity.sensitive_category(item.category) or sensitivity.terms.found_in(item.name)
        raw = {"name": item.name, "brand": item.brand, "category": item.category}
        values: dict[str, str] = {}
        if not sensitive:
            for slot, text in raw.items():
                leaf = text.rsplit(">", 1)[-1].strip() if text is not None and slot == "category" else text
                if leaf is not None and sensitivity.speakable(leaf) and (cleaned := plain(leaf, limit)):
                    values[slot] = f"“{cleaned}”" if slot == "name" else cleaned
        if item.price_minor is not None:
            values["price"] = money(item.price_minor, item.currency)
        return values


def _draw(seed: str, product_id: str) -> int:
    """A number that seed and product id fix, 64 bits."""
    key = f"{len(seed)}:{seed}{product_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")


def _opening(template: Template, values: Mapping[str, str], *, lower: bool) -> str:
    text = template.render(values)
    literal = template.parts[0][0]
    return literal[0].lower() + text[1:] if lower and literal else text
