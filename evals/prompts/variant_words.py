"""The same query in other words: amounts as another country writes them, other units, another name or gender.

Each function returns None where the text holds nothing to change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

_NUMBER = r"(?<![\w.,])(\d+(?:[.,]\d+)?)"
_UNIT = re.compile(_NUMBER + r"[ -]?(cm|mm|m|kg|g|ml|l|litres?|liters?|inch(?:es)?|grams?|kilos?)\b", re.IGNORECASE)
_INTO: Mapping[str, tuple[str, Decimal]] = {  # unit → the one it becomes, and by what
    "cm": ("inches", Decimal(1) / Decimal("2.54")),
    "mm": ("cm", Decimal("0.1")),
    "m": ("cm", Decimal(100)),
    "kg": ("g", Decimal(1000)),
    "g": ("kg", Decimal("0.001")),
    "ml": ("l", Decimal("0.001")),
    "l": ("ml", Decimal(1000)),
    "inch": ("cm", Decimal("2.54")),
}
_LONG = {"inches": "inch", "gram": "g", "grams": "g", "kilo": "kg", "kilos": "kg"} | dict.fromkeys(
    ("litre", "litres", "liter", "liters"), "l"
)
_MONEY_SIGN = re.compile(r"€\s?(\d[\d.,]*\d|\d)")
_MONEY_WORD = re.compile(r"(?<![\w.,])(\d+(?:[.,]\d{2})?)(?=\s?(?:€|eur\b|euros?\b))", re.IGNORECASE)
_PLAIN_NUMBER = re.compile(r"(?<![\w.,])(\d{1,3}(?:[.,]\d{3})+|\d+[.,]\d+)(?![\w])")

_NAMES = {"anna": "Aylin", "tom": "Mehmet", "peter": "Karim", "keller": "Öztürk", "maria": "Fatou", "lukas": "Dinh"}
_GENDER = {
    "sister": "brother",
    "mother": "father",
    "mum": "dad",
    "wife": "husband",
    "girlfriend": "boyfriend",
    "granddaughter": "grandson",
    "grandmother": "grandfather",
    "daughter": "son",
    "niece": "nephew",
    "aunt": "uncle",
    "she": "he",
    "herself": "himself",
    "mrs": "mr",
    "girl": "boy",
}
_SWAPS = {**_GENDER, **{other: one for one, other in _GENDER.items()}, "him": "her", "his": "her"}
_WORD = re.compile(r"(?<![\w.,])(\d+(?:[.,]\d{2})?)(?=\s?(?:€|eur\b|euros?\b))", re.IGNORECASE)
_PLAIN_NUMBER = re.compile(r"(?<![\w.,])(\d{1,3}(?:[.,]\d{3})+|\d+[.,]\d+)(?![\w])")

_NAMES = {"anna": "Aylin", "tom": "Mehmet", "peter": "Karim", "keller": "Öztürk", "maria": "Fatou", "lukas": "Dinh"}
_GENDER = {
    "sister": "brother",
    "mother": "father",
    "mum": "dad",
    "wife": "husband",
    "girlfriend": "boyfriend",
    "granddaughter": "grandson",
    "grandmother": "grandfather",
    "daughter": "son",
    "niece": "nephew",
    "aunt": "uncle",
    "she": "he",
    "herself": "himself",
    "mrs": "mr",
    "girl": "boy",
}
_SWAPS = {**_GENDER, **{other: one for one, other in _GENDER.items()}, "him": "her", "his": "her"}
_HER = re.compile(r"\bher\b(?=\s+[a-z])", re.IGNORECASE)  # "her garden", not "for her"
_WORD = re.compile(r"[^\W\d_]+")


def other_units(text: str) -> str | None:
    """Lengths, weights and volumes in another unit: "30 cm" and "11.8 inches", "2 kg" and "2000 g"."""

    def swapped(found: re.Match[str]) -> str:
        unit = found[2].lower()
        into, factor = _INTO[_LONG.get(unit, unit)]
        amount = Decimal(found[1].replace(",", ".")) * factor
        return f"{_shown(amount)} {into}"

    changed = _UNIT.sub(swapped, text)
    return None if changed == text else changed


def _shown(amount: Decimal) -> str:
    rounded = amount.quantize(Decimal("0.1")) if amount >= 1 else amount.quantize(Decimal("0.001"))
    return f"{rounded.normalize():f}"


def other_locale(text: str) -> str | None:
    """Amounts as another country writes them: "€49.90" and "49,90 €", "1,500" and "1.500"; "80 euro", "80,00 euro"."""
    changed = _MONEY_SIGN.sub(lambda found: f"{_points_swapped(found[1])} €", text)
    if changed == text:
        changed = _PLAIN_NUMBER.sub(lambda found: _points_swapped(found[1]), text)
    if changed == text:
        changed = _MONEY_WORD.sub(lambda found: f"{found[1]},00", text)
    return None if changed == text else changed


def _points_swapped(amount: str) -> str:
    return amount.translate(str.maketrans(".,", ",."))


def other_name(text: str) -> str | None:
    """The same with the names of people replaced by names of another origin."""
    return _replaced(text, lambda word, _: _NAMES.get(word))


def other_gender(text: str) -> str | None:
    """The same with every word for a woman turned into that for a man, and the other way about."""
    return _replaced(text, _partner)


def _partner(word: str, following: str) -> str | None:
    if word == "her":  # "her garden" is his garden, "for her" is for him
        return "his" if re.match(r"\s+[a-z]", following) else "him"
    return _SWAPS.get(word)


def _replaced(text: str, other: Callable[[str, str], str | None]) -> str | None:
    """The text with words replaced. Args: other: (word in lower case, what follows it) → another word, or None."""

    def one(found: re.Match[str]) -> str:
        word = other(found[0].lower(), text[found.end() :])
        if word is None:
            return found[0]
        return word[0].upper() + word[1:] if found[0][0].isupper() else word

    changed = _WORD.sub(one, text)
    return None if changed == text else changed
