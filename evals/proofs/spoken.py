"""Amounts, numbers and dates in the many forms in which people and models write them."""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal
from typing import Literal

from app.domain.money import exponent, format_minor

Hedge = Literal["about", "nearly", "over"]

# fmt: off
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)
_TENS = (
    "_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)
_ORDINALS = (
    "zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
    "tenth",
)
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)
# fmt: on
_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
_NOUNS = {"EUR": "euros", "USD": "dollars", "GBP": "pounds", "JPY": "yen"}
HEDGES: dict[Hedge, tuple[str, ...]] = {
    "about": ("about", "around", "roughly", "approximately"),
    "nearly": ("nearly", "almost", "just under"),
    "over": ("over", "more than", "just over"),
}


def in_words(n: int) -> str:
    """A whole number from 0 to 9,999 in English words: 118 → "one hundred and eighteen"."""
    if n < 20:
        return _ONES[n]
    if n < 100:
        return _TENS[n // 10] + (f"-{_ONES[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{_ONES[n // 100]} hundred" + (f" and {in_words(n % 100)}" if n % 100 else "")
    rest = n % 1000
    return f"{in_words(n // 1000)} thousand" + (f"{' and' if rest < 100 else ''} {in_words(rest)}" if rest else "")


def ordinal(n: int, rng: random.Random) -> str:
    """A place: 3 → "third", "3rd"."""
    ending = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return _ORDINALS[n] if n < len(_ORDINALS) and rng.random() < 0.6 else f"{n}{ending}"


def amount(minor: int, currency: str, rng: random.Random) -> str:
    """An amount of money, in one of the forms of the locales that use the currency."""
    plain = format_minor(minor, currency)
    whole, _, cents = plain.partition(".")
    round_amount = not cents or set(cents) == {"0"}
    if round_amount and int(whole) < 100 and rng.random() < 0.15:
        return f"{in_words(int(whole))} {_NOUNS[currency]}"
    if round_amount and cents and rng.random() < 0.5:
        cents = ""
    grouped_point = _grouped(whole, ",") + (f".{cents}" if cents else "")
    grouped_comma = _grouped(whole, ".") + (f",{cents}" if cents else "")
    spaced_comma = _grouped(whole, "\u202f") + (f",{cents}" if cents else "")
    bare = whole + (f".{cents}" if cents else "")
    sign = _SIGNS[currency]
    forms = [f"{sign}{grouped_point}", f"{bare} {currency}", f"{currency} {bare}", f"{grouped_point} {currency}"]
    forms += [f"{grouped_point} {_NOUNS[currency]}"]
    if currency == "EUR":
        forms += [f"{grouped_comma} €", f"{grouped_comma}€", f"€ {grouped_point}", f"{grouped_comma} EUR"]
        forms += [f"{spaced_comma} €", f"{bare} €"]
    return rng.choice(forms)


def _grouped(whole: str, separator: str) -> str:
    return f"{int(whole):,}".replace(",", separator)


def hedged_amount(minor: int, currency: str, hedge: Hedge, rng: random.Random) -> str | None:
    """An amount rounded to whole units in the direction of the hedge; None where that is not a rounding."""
    unit = 10 ** exponent(currency)
    step = unit * (1 if minor < 50 * unit else 5 if minor < 500 * unit else 50)
    rounded = _rounded(minor, step, hedge)
    if rounded is None or rounded <= 0 or abs(rounded - minor) > 0.05 * minor:
        return None
    return f"{rng.choice(HEDGES[hedge])} {amount(rounded, currency, rng)}"


def hedged_number(n: int, hedge: Hedge, rng: random.Random) -> str | None:
    """A count rounded in the direction of the hedge: 118 → "more than 100", "nearly 120"; None for small ones."""
    if n < 20:
        return None
    step = 10 if n < 200 else 50 if n < 1000 else 500
    rounded = _rounded(n, step, hedge)
    if rounded is None or (hedge != "over" and abs(rounded - n) > 0.05 * n):
        return None
    return f"{rng.choice(HEDGES[hedge])} {rounded}"


def _rounded(n: int, step: int, hedge: Hedge) -> int | None:
    down = n // step * step
    rounded = {"about": round(n / step) * step, "nearly": down + step, "over": down}[hedge]
    return None if rounded in (n, 0) else rounded


def number(n: int, rng: random.Random) -> str:
    """A count in digits, with or without separators, or in words."""
    draw = rng.random()
    if draw < 0.12 and n < 1000:
        return in_words(n)
    if n >= 1000 and draw < 0.6:
        return f"{n:,}" if draw < 0.45 else f"{n:,}".replace(",", ".")
    return str(n)


def percent(n: int, rng: random.Random) -> str:
    """A percentage: "20%", "20 %", "20 percent", "twenty percent"."""
    forms = [f"{n}%", f"{n}%", f"{n}%", f"{n} %", f"{n} percent", f"{n} per cent", f"{in_words(n)} percent"]
    return rng.choice(forms)


def rating(shown: str, rng: random.Random) -> str:
    """A rating with a point, or with a comma as most of Europe writes it."""
    return shown.replace(".", ",") if rng.random() < 0.15 else str(Decimal(shown))


def day(iso: str, rng: random.Random) -> str:
    """A calendar day without its year: "3 November", "November 3", "3 Nov"."""
    when = date.fromisoformat(iso)
    month = _MONTHS[when.month - 1]
    ending = "th" if 10 <= when.day <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(when.day % 10, "th")
    forms = [f"{when.day} {month}", f"{when.day} {month}", f"{month} {when.day}", f"{when.day} {month[:3]}"]
    return rng.choice([*forms, f"{when.day}{ending} {month}", f"{month} {when.day}{ending}"])


def quoted(name: str, rng: random.Random) -> str:
    """A name in one kind of quotation marks, or in none."""
    return rng.choice([f"“{name}”", f'"{name}"', f"‘{name}’", f"'{name}'", name, name])
