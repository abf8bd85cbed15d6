"""A fact before it has its id, and the small conversions that every kind of evidence shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from app.domain.catalog import Product
from app.domain.money import format_minor
from app.domain.ranking import EvidenceKind
from app.pipeline.decay import DAY_S
from app.pipeline.evidence_facts import ItemFacts, RequestFacts, ShopperFacts
from app.pipeline.reasons_schema import ReasonConfig
from app.pipeline.seller_text import plain

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@dataclass(frozen=True, slots=True)
class Draft:
    """One true fact: a line of text, and everything that the line states in machine form."""

    kind: EvidenceKind
    text: str
    value: Mapping[str, object]


Wish = tuple[str, str, tuple[str, ...], bool]
"""What a shopper stated: interest, style or size; in their words; those folded; whether it is a size."""


@dataclass(frozen=True, slots=True)
class ItemLore:
    """What follows from an item alone, whoever asks and whenever: worked out once per record (see evidence.lore_of)."""

    sensitive: bool  # the item touches a sensitive subject: neutral catalogue facts only
    standing: tuple[tuple[tuple[int, int], Draft], ...] = ()  # facts that hold for everybody, with their places
    brand: str | None = None  # as a sentence may say it; None: not at all
    path: tuple[tuple[str, str], ...] = ()  # category path and its deepest part as a sentence says it, deepest first
    offered: Mapping[tuple[tuple[str, ...], bool], tuple[str, str]] = field(default_factory=dict)
    # (folded words of a tag, category part or attribute value, whether it is a size) → its attribute and itself


@dataclass(frozen=True, slots=True)
class Subject:
    """One item together with everything that facts about it are computed from."""

    item: Product
    facts: ItemFacts
    shopper: ShopperFacts
    request: RequestFacts
    config: ReasonConfig
    lore: ItemLore
    wishes: tuple[Wish, ...] = ()  # of the shopper

    @property
    def sensitive(self) -> bool:
        """Whether the item touches a sensitive subject: neutral catalogue facts only."""
        return self.lore.sensitive

    @property
    def personal(self) -> bool:
        """Whether facts may be drawn from the shopper's profile and history for this item."""
        return self.shopper.personalised and not self.sensitive

    @property
    def buyable(self) -> bool:
        """Whether the item is switched on and not known to be sold out."""
        return self.item.available and self.item.stock != 0

    def money(self, minor: int) -> str:
        """An amount with its currency: "24.90 EUR"."""
        return money(minor, self.request.currency)

    def name(self, text: str | None) -> str | None:
        """A name that a sentence may hold: cleaned and capped; None when empty or not to be spoken."""
        return spoken(text, self.config)

    def category(self, path: str | None) -> str | None:
        """The deepest part of a category path, as `name`; None for a sensitive path."""
        if path is None or self.config.sensitivity.sensitive_category(path):
            return None
        return self.name(path.rsplit(">", 1)[-1].strip())


def spoken(text: str | None, config: ReasonConfig) -> str | None:
    """A text as a sentence may hold it: cleaned and capped; None when empty or not to be spoken."""
    if text is None:
        return None
    cleaned = plain(text, config.thresholds.name_length)
    return cleaned if cleaned and config.sensitivity.speakable(text) else None


@lru_cache(maxsize=16_384)  # prices and budgets recur in every request
def money(minor: int, currency: str) -> str:
    """An amount with its currency: "24.90 EUR"."""
    return f"{format_minor(minor, currency)} {currency}"


def days_between(earlier: float, later: float) -> float:
    """Days from one time in epoch seconds to another, negative when the first is later."""
    return (later - earlier) / DAY_S


def day_of(epoch_s: float) -> str:
    """The UTC calendar day in ISO form: "2026-11-03"."""
    return datetime.fromtimestamp(epoch_s, UTC).date().isoformat()


def spoken_day(iso_day: str) -> str:
    """An ISO day as a sentence says it, without the year: "3 November"."""
    day = datetime.fromisoformat(iso_day)
    return f"{day.day} {_MONTHS[day.month - 1]}"


def counted(n: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun in the right form: "1 order", "3 orders"."""
    return f"{n} {singular if n == 1 else plural or singular + 's'}"
