"""Figures of a sentence, however they are written: digits of any locale, words, amounts, percentages, days, places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from app.domain.money import exponent
from app.pipeline.proof_text import Token, word_list, word_set

Hedge = Literal["", "about", "nearly", "over", "above", "more", "least", "most"]
Shape = Literal["plain", "money", "percent", "day", "ordinal", "fraction"]

_MAX_DIGITS = 12
_SEPARATORS = re.compile(r"[.,'’\u00a0\u202f]")
_SMALL = {
    word: n
    for n, word in enumerate(
        word_list(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen"
        )
    )
}
_TENS = {
    word: 10 * n for n, word in enumerate(word_list("twenty thirty forty fifty sixty seventy eighty ninety"), start=2)
}
WORD_FIGURES = frozenset({*_SMALL, *_TENS})
"""Words for the numbers below a hundred."""
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_ORDINALS = {
    word: n
    for n, word in enumerate(word_list("first second third fourth fifth sixth seventh eighth ninth tenth"), start=1)
}
_MONTHS = {
    name[:cut]: month
    for month, name in enumerate(
        word_list("january february march april may june july august september october november december"), start=1
    )
    for cut in (3, 4, len(name))
}
_SIGNS = {"€": ("EUR",), "£": ("GBP",), "¥": ("JPY", "CNY"), "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN")}
_NOUNS = {
    "euro": ("EUR",),
    "pound": ("GBP",),
    "quid": ("GBP",),
    "yen": ("JPY",),
    "yuan": ("CNY",),
    "dollar": _SIGNS["$"],
    "buck": ("USD",),
    "franc": ("CHF",),
    "krona": ("SEK",),
    "krone": ("NOK", "DKK"),
    "zloty": ("PLN",),
    "rupee": ("INR",),
}
_CODES = word_set(
    "eur usd gbp jpy cny chf sek nok dkk pln czk huf ron bgn try inr krw brl mxn cad aud nzd sgd hkd kwd bhd"
)
_CENTS = {"cent": ("EUR", "USD", "CAD", "AUD", "NZD", "SGD", "HKD"), "penny": ("GBP",), "pence": ("GBP",)}
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fifth": 5, "tenth": 10}
_OF_WHAT = word_set("of off less below under cheaper lower your")
_HEDGES: tuple[tuple[tuple[str, ...], Hedge], ...] = (
    (("just", "under"), "nearly"),
    (("slightly", "under"), "nearly"),
    (("little", "under"), "nearly"),
    (("slightly", "over"), "above"),
    (("little", "over"), "above"),
    (("little", "more", "than"), "above"),
    (("well", "over"), "more"),
    (("just", "below"), "nearly"),
    (("just", "over"), "above"),
    (("no", "more", "than"), "most"),
    (("more", "than"), "more"),
    (("at", "most"), "most"),
    (("at", "least"), "least"),
    (("up", "to"), "most"),
    (("close", "to"), "about"),
    (("about",), "about"),
    (("around",), "about"),
    (("roughly",), "about"),
    (("approximately",), "about"),
    (("nearly",), "nearly"),
    (("almost",), "nearly"),
    (("over",), "over"),
)
_HEDGES_BY_END = {
    end: tuple((words, hedge) for words, hedge in _HEDGES if words[-1] == end) for end in {w[-1] for w, _ in _HEDGES}
}


@dataclass(frozen=True, slots=True)
class Mention:
    """A figure of the sentence: tokens start..end with hedge, sign and unit; the value is n / 10^decimals."""

    start: int  # the hedge's first token, or the figure's
    end: int  # one past the figure with its sign
    first: int  # the figure's own first token
    n: int
    decimals: int
    hedge: Hedge
    shape: Shape
    currencies: tuple[str, ...] | None = None  # which the sign may stand for; None = no sign
    grouped: bool = False  # one separator before three digits: 1.299 may be 1299

    def minor(self, currency: str) -> int | None:
        """The amount in minor units; None when it has more decimals than the currency."""
        digits = exponent(currency)
        if self.decimals == 3 and self.grouped and digits != 3:
            return self.n * int(10**digits)
        return int(self.n * 10 ** (digits - self.decimals)) if self.decimals <= digits else None

    def whole(self) -> int | None:
        """The value as a count; None when it has decimals."""
        return self.n if self.decimals == 0 or (self.decimals == 3 and self.grouped) else None


def minor_of(written: str, currency: str) -> int | None:
    """An amount in digits, in minor units: "1.299,00" → 129900 for EUR."""
    read = _digits(written)
    return Mention(0, 1, 0, *read[:2], "", "money", None, read[2]).minor(currency) if read else None


def _digits(written: str) -> tuple[int, int, bool] | None:
    """(n, decimals, whether the one separator may group thousands), None for what no locale writes."""
    parts = _SEPARATORS.split(written)
    if sum(map(len, parts)) > _MAX_DIGITS:
        return None
    if len(parts) == 1:
        return int(written), 0, False
    marks = _SEPARATORS.findall(written)
    groups = len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:])
    if len(parts) == 2:
        if groups and marks[0] not in ".,":
            return int("".join(parts)), 0, False
        return (int("".join(parts)), len(parts[1]), groups) if marks[0] in ".," else None
    if len(set(marks)) == 1:
        return (int("".join(parts)), 0, False) if groups else None
    if len(set(marks[:-1])) == 1 and marks[-1] in ".," and all(len(part) == 3 for part in parts[1:-1]):
        return int("".join(parts)), len(parts[-1]), False
    return None


def mentions(tokens: Sequence[Token], currency: str) -> Iterator[Mention | int]:
    """The figures in order; the index of a token that is a figure which no locale writes."""
    i = 0
    while i < len(tokens):
        token = tokens[i]
        grouped = False
        part = _fraction(tokens, i)
        if part is not None:
            yield part
            i = part.end
            continue
        if token.figure:
            read = _digits(token.text)
            if read is None:
                yield i
                i += 1
                continue
            n, decimals, grouped = read
            j = i + 1
            j, n, decimals = _spaced(tokens, i, j, n, decimals)
        else:
            worded = _words(tokens, i)
            if worded is None:
                i += 1
                continue
            (n, j), decimals = worded, 0
        mention = _with_unit(tokens, i, j, n, decimals, grouped, currency)
        yield mention
        i = max(mention.end, j)


def _fraction(tokens: Sequence[Token], i: int) -> Mention | None:
    """ "a fifth less", "three quarters of", "three in four", "just over half of": n is in hundredths of a percent."""
    word = tokens[i].text
    count, j = _SMALL.get(word, 1 if word == "a" else None), i + 1
    if not count and word != "half":
        return None
    hedge, start = _hedge(tokens, i)
    if word == "half":
        told = j < len(tokens) and tokens[j].text == "off"
        if start == i and not told:
            return None
        count, j = 1, i
    if not count or j >= len(tokens) or tokens[j].stop:
        return None
    parts, end = _PARTS.get(tokens[j].word, 0), j + 1
    if parts:
        if count >= parts or end >= len(tokens) or (tokens[end].text not in _OF_WHAT and tokens[end].stop == 0):
            return None
    else:
        found = _in_how_many(tokens, j)
        if found is None or not count < found[0] <= 10:
            return None
        parts, end = found
    less = not hedge and i > 1 and [t.text for t in tokens[i - 2 : i]] == ["less", "than"]
    if less and any(t.text == "your" for t in tokens[end - 1 : end + 2]):
        hedge, start = "nearly", i - 2  # "less than a third of your budget"
    return Mention(start, end, i, 10_000 * count // parts, 0, hedge, "fraction")


def _in_how_many(tokens: Sequence[Token], j: int) -> tuple[int, int] | None:
    """(four, one past it) of "in four", "books in four", "out of ten … cost more"."""
    for k in range(j, min(j + 3, len(tokens) - 1)):
        if tokens[k].stop:
            return None
        if tokens[k].text in ("in", "of"):
            if tokens[k].text == "of" and (k == 0 or tokens[k - 1].text != "out"):
                return None
            parts = _SMALL.get(tokens[k + 1].text)
            ahead = {t.text for t in tokens[k + 2 : k + 12]}
            return (parts, k + 2) if parts and "more" in ahead and ahead & {"cost", "costs", "priced"} else None
    return None


def _spaced(tokens: Sequence[Token], i: int, j: int, n: int, decimals: int) -> tuple[int, int, int]:
    """Thousands set apart by a plain space, "1 299,00 €": only beside a currency, otherwise they are two figures."""
    if decimals or j >= len(tokens) or len(tokens[i].text) > 3 or not tokens[j].figure or tokens[j].stop:
        return j, n, decimals
    read = _digits(tokens[j].text)
    beside = (j + 1 < len(tokens) and _currency(tokens[j + 1])) or (i > 0 and _currency(tokens[i - 1]))
    if read is None or not beside or len(_SEPARATORS.split(tokens[j].text)[0]) != 3:
        return j, n, decimals
    return j + 1, n * 10 ** (3 + read[1]) + read[0], read[1]


def _words(tokens: Sequence[Token], i: int) -> tuple[int, int] | None:
    """(number, one past it) of number words at i: "one hundred and eighteen"; None where there are none.

    "one" alone is mostly a pronoun and "the two" a pair: those are no figures unless a unit follows, which callers see.
    """
    total, part, j, found = 0, 0, i, False
    while j < len(tokens):
        token = tokens[j]
        if token.figure or token.sign or (j > i and token.stop):
            break
        word = token.text
        if word in _SMALL:
            if found and (part % 10 or part % 100 == 10 or tokens[j - 1].text in _SMALL):
                break
            part += _SMALL[word]
        elif word in _TENS:
            if found and part % 100:
                break
            part += _TENS[word]
        elif word in _SCALES and found:
            if word == "hundred":
                part *= 100
            else:
                total, part = total + part * _SCALES[word], 0
        elif word == "dozen":
            part = max(part, 1) * 12
        elif word == "and" and found and part % 100 == 0 and (part or total) and _continues(tokens, j + 1):
            j += 1
            continue
        else:
            break
        found = True
        j += 1
        if total + part > 10**_MAX_DIGITS:
            return None
    if found:
        return total + part, j
    following = tokens[i + 1] if i + 1 < len(tokens) and not tokens[i + 1].stop else None
    if following is None or tokens[i].text not in ("a", "single", "half"):
        return (_SCALES[tokens[i].text], i + 1) if tokens[i].text in _SCALES else None
    if tokens[i].text == "half":  # "half a dozen"
        dozen = following.text == "a" and i + 2 < len(tokens) and tokens[i + 2].text == "dozen"
        return (6, i + 3) if dozen else None
    if following.text in _SCALES or following.text == "dozen":
        return _SCALES.get(following.text, 12), i + 2
    return (1, i + 1) if following.text in _NOUNS or following.text in _CENTS else None


def _continues(tokens: Sequence[Token], j: int) -> bool:
    return j < len(tokens) and (tokens[j].text in _SMALL or tokens[j].text in _TENS) and not tokens[j].stop


def _with_unit(tokens: Sequence[Token], i: int, j: int, n: int, decimals: int, grouped: bool, currency: str) -> Mention:
    shape: Shape = "plain"
    signs: tuple[str, ...] | None = None
    start, end = i, j
    after = tokens[j] if j < len(tokens) and tokens[j].stop == 0 else None
    before = tokens[i - 1] if i > 0 and tokens[i].stop == 0 else None
    if after is not None and after.text in ("st", "nd", "rd", "th") and after.glued:
        shape, end = "ordinal", j + 1
        after = tokens[end] if end < len(tokens) and tokens[end].stop == 0 else None
    if after is not None and after.word in _CENTS and decimals == 0:
        return _cents(tokens, i, j + 1, n, _CENTS[after.word])
    prefix = after is not None and after.sign and j + 1 < len(tokens) and tokens[j + 1].figure and tokens[j + 1].glued
    if prefix and not tokens[i].figure:
        after = None  # "this one's €47.90": the sign belongs to the next figure
    if after is not None and (held := _currency(after)) is not None:
        shape, signs, end = "money", held, end + 1
        if before is not None and (other := _currency(before)) is not None:
            signs, start = tuple(s for s in held if s in other), i - 1
        cents = _and_cents(tokens, end) if decimals == 0 else None
        if cents is not None:
            n, decimals, end = n * 100 + cents[0], 2, cents[1]
    elif before is not None and (held := _currency(before)) is not None:
        shape, signs, start = "money", held, i - 1
    elif after is not None and after.text in ("%", "percent", "pct"):
        shape, end = "percent", end + 1
    elif after is not None and after.text == "per" and end + 1 < len(tokens) and tokens[end + 1].text == "cent":
        shape, end = "percent", end + 2
    elif decimals == 0 and 1 <= n <= 31:
        month = after if after is None or after.text != "of" else tokens[end + 1] if end + 1 < len(tokens) else None
        if month is not None and month.text in _MONTHS:
            shape, end = "day", end + 1 + (after is not month)
            n += 100 * _MONTHS[month.text]
        elif before is not None and before.text in _MONTHS:
            shape, start = "day", i - 1
            n += 100 * _MONTHS[before.text]
    hedge, start = _hedge(tokens, start)
    return Mention(start, end, i, n, decimals, hedge, shape, signs, grouped)


def _cents(tokens: Sequence[Token], i: int, end: int, n: int, signs: tuple[str, ...]) -> Mention:
    hedge, start = _hedge(tokens, i)
    return Mention(start, end, i, n, 2, hedge, "money", signs)


def _and_cents(tokens: Sequence[Token], j: int) -> tuple[int, int] | None:
    """(cents, one past them) of "… and ten cents"."""
    if j + 2 >= len(tokens) or tokens[j].text != "and":
        return None
    if tokens[j + 1].figure:
        n, end = (int(tokens[j + 1].text), j + 2) if tokens[j + 1].text.isdecimal() else (100, j + 2)
    else:
        worded = _words(tokens, j + 1)
        if worded is None:
            return None
        n, end = worded
    return (n, end + 1) if n < 100 and end < len(tokens) and tokens[end].word in _CENTS else None


def _currency(token: Token) -> tuple[str, ...] | None:
    """The currencies that a token may name; () for one that is never used; None for any other word."""
    if token.sign:
        return _SIGNS.get(token.text)
    if token.text in _CODES:
        return (token.text.upper(),)
    return _NOUNS.get(token.word)


def _hedge(tokens: Sequence[Token], start: int) -> tuple[Hedge, int]:
    if start == 0 or tokens[start].stop:
        return "", start
    if start > 1 and tokens[start - 1].text == "a" and not tokens[start - 1].stop and not tokens[start].figure:
        hedge, begin = _hedge(tokens, start - 1)  # "over a hundred"
        return (hedge, begin) if hedge else ("", start)
    for words, hedge in _HEDGES_BY_END.get(tokens[start - 1].text, ()):
        begin = start - len(words)
        if begin >= 0 and all(tokens[begin + k].text == word for k, word in enumerate(words)):
            return hedge, begin
    return "", start


def ordinal(token: Token) -> int | None:
    """The place that a word names: "third" → 3."""
    return _ORDINALS.get(token.text)


def month_of(token: Token) -> int | None:
    """The month that a word of more than three letters names: "October" → 10."""
    return _MONTHS.get(token.text) if len(token.text) > 3 and token.text not in ("march", "mar") else None


def within(stated: int, true: int, hedge: Hedge) -> bool:
    """Whether a stated figure says the true one: equal, or rounded in the hedge's direction and not too far.

    "about" may be off by a tenth; "nearly" is above the truth by at most a tenth; "just over" is below it by
    a third at most, "over" by half.
    """
    match hedge:
        case "about":
            return 10 * abs(stated - true) <= true
        case "nearly":
            return true < stated and 10 * (stated - true) <= true
        case "above":
            return stated < true and 3 * (true - stated) <= true
        case "over" | "more":
            return stated < true <= 2 * stated
        case "least":
            return stated <= true <= 2 * stated
        case "most":
            return stated == true
        case _:
            return stated == true
