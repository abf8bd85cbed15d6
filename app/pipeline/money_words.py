"""Amounts of money in what a shopper writes: "under 50 euros", "between 20 and 40", "not more than €1,200.50"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from app.domain.money import MAX_MINOR, exponent

_AMOUNT = (
    r"(?P<{0}>[0-9]{{1,3}}(?:[,.' ][0-9]{{3}})+(?:[.,][0-9]{{1,2}})?|[0-9]{{1,9}}(?:[.,][0-9]{{1,2}})?)"
    r"(?P<{0}k>k\b)?"
)
_NAMES = r"[€$£¥]|eur(?:os?)?\b|usd\b|gbp\b|dollars?\b|pounds?\b|bucks?\b|quid\b"
_SIGN = rf"(?:{_NAMES}|(?:chf|sek|nok|dkk|pln|czk|jpy|cad|aud)\b)"
_AFTER = rf"(?:\s*{_SIGN})"
_MOST = (
    r"(?:under|below|less than|cheaper than|no more than|not more than|at most|up to|max(?:imum)?(?: of)?|within|"
    r"not over|not above|until|<=?|budget(?:\s+(?:is|of|was|to))?(?:\s+(?:about|around))?|"
    r"spend(?:\s+(?:about|around|up to))?)"
)
_LEAST = r"(?:over|above|more than|at least|from|min(?:imum)?(?: of)?|starting (?:at|from)|>=?)"


def _amount(name: str) -> str:
    return rf"(?:{_SIGN}\s*)?{_AMOUNT.format(name)}"


_BETWEEN = re.compile(
    rf"\b(?:between|from)\s+{_amount('low')}{_AFTER}?\s*(?:and|to|-|–)\s*{_amount('high')}{_AFTER}?", re.IGNORECASE
)
_RANGE = re.compile(rf"(?<![\w.,-]){_amount('low')}\s*[-–]\s*{_amount('high')}{_AFTER}", re.IGNORECASE)
_UPPER = re.compile(rf"(?<!\w){_MOST}\s*:?\s*{_amount('high')}(?P<unit>{_AFTER})?(?P<rest>[\w-]*)", re.IGNORECASE)
_LOWER = re.compile(rf"(?<!\w){_LEAST}\s*:?\s*{_amount('low')}(?P<unit>{_AFTER})?(?P<rest>[\w-]*)", re.IGNORECASE)
_TRAILING = re.compile(
    rf"(?<![\w.,]){_amount('high')}(?P<unit>{_AFTER})?\s+(?:or less|or under|at most|max(?:imum)?|budget|tops)\b",
    re.IGNORECASE,
)
_SIGNED = re.compile(
    rf"(?:about|around|roughly|for|of|is)?\s*(?<!\w)(?:{_SIGN}\s*{_AMOUNT.format('high')}|{_AMOUNT.format('low')}{_AFTER})",
    re.IGNORECASE,
)
_MEASURE = re.compile(
    r"\s*(?:cm|mm|m|km|kg|g|ml|l|gb|tb|mb|hz|khz|w|v|inch(?:es)?|\"|hours?|h|years?|months?|days?|people|persons?|"
    r"pieces?|stars?|%|percent|mp|fps|mah|watts?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PriceLimits:
    """The prices that a text allows, in minor units; None where it sets no limit."""

    least_minor: int | None = None
    most_minor: int | None = None


def price_limits(text: str, currency: str) -> tuple[PriceLimits, str]:
    """The limits that a text states, and the text without the words that state them.

    A number with a measure behind it ("under 2 kg", "over 30 hours") is no price. An amount with a currency sign alone
    ("a gift, 30 euros") is read as the most. Of several limits of one kind the last counts.
    """
    least: int | None = None
    most: int | None = None
    for pattern in (_BETWEEN, _RANGE, _UPPER, _TRAILING, _LOWER):
        kept: list[str] = []
        at = 0
        for found in pattern.finditer(text):
            groups = found.groupdict()
            if groups.get("rest") or (not groups.get("unit") and _MEASURE.match(text, found.end())):
                continue
            low = _minor(groups.get("low"), groups.get("lowk"), currency)
            high = _minor(groups.get("high"), groups.get("highk"), currency)
            if low is not None and high is not None and low > high:
                low, high = high, low
            least = low if low is not None else least
            most = high if high is not None else most
            kept.append(text[at : found.start()])
            at = found.end()
        text = " ".join([*kept, text[at:]])
    if least is None and most is None:
        signed = _SIGNED.search(text)
        if signed is not None:
            most = _minor(signed["high"] or signed["low"], signed["highk"] or signed["lowk"], currency)
            text = text[: signed.start()] + " " + text[signed.end() :]
    return PriceLimits(least, most), " ".join(text.split())


def _minor(text: str | None, thousands: str | None, currency: str) -> int | None:
    """Minor units of an amount as people write it; None for none."""
    if text is None:
        return None
    cleaned = text.replace(" ", "").replace("'", "")
    head, mark, tail = cleaned.rpartition("." if cleaned.rfind(".") > cleaned.rfind(",") else ",")
    whole = head.replace(",", "").replace(".", "")
    number = f"{whole}.{tail}" if mark and len(tail) != 3 else whole + tail
    amount = Decimal(number) * (1000 if thousands else 1)
    minor = int(amount.scaleb(exponent(currency)))
    return minor if 0 <= minor <= MAX_MINOR else None
