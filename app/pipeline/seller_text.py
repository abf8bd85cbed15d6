"""Text that a seller or a shopper wrote, made fit to stand inside one of our sentences."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # shown as nothing, though letters or symbols by category
_SPACE_BEFORE = re.compile(r"\s+(?=[,;)]|['\"′″]+(?:\s|$))")
_MARKUP = re.compile(r"[<>{}\[\]|`\\“”„«»]+")
_LINK = re.compile(r"https?:|www\.|\S@\S|\b[a-z0-9-]+\.(?:com|net|org|info|io|shop|ru|cn|xyz)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_CURRENCY = r"(?:[€$£¥]|eur(?:os?)?\b|usd\b|gbp\b|chf\b|dollars?\b|pounds?\b|cents?\b)"
_AMOUNT = re.compile(rf"{_CURRENCY}\s*[0-9]|[0-9][0-9.,]*\s*{_CURRENCY}", re.IGNORECASE)
_CLAUSE = re.compile(r"[:;!?]|\s[-–—]\s")
_POSSESSIVE = re.compile(r"['’]s?\b")


@lru_cache(maxsize=65_536)
def plain(text: str, limit: int = 60) -> str:
    """The text as one plain line: NFKC, no control, bidi, zero-width or tag characters, no markup characters.

    Markup is not interpreted: the characters that carry it become spaces. A text that holds a link or an address
    gives "", since a sentence of ours must not lead anywhere. No space is left before a comma or an inch sign, and no
    comma or colon at the end: our own punctuation follows.

    Args:    limit: most characters kept; a longer text ends at a word boundary with "…".
    Returns: at most `limit` characters; empty when nothing is left.
    """
    if not text.isascii() or not text.isprintable():
        # A spacing accent stands for a prime (6.1´´); NFKC would make it a space with a combining mark.
        text = unicodedata.normalize("NFKC", text.replace("´", "′"))
        text = "".join(" " if c in "\t\n\r\x0b\x0c\u2028\u2029" else c for c in text if _kept(c))
        text = _VARIATION_SELECTORS.sub("", text)
    if _LINK.search(text):
        return ""
    text = " ".join(_MARKUP.sub(" ", text).split())
    text = _SPACE_BEFORE.sub("", text).rstrip(" ,;:")
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    cut = head.rfind(" ")
    if cut >= limit // 2 and text[limit - 1] != " ":
        head = head[:cut]
    return head.rstrip(" ,;:-–/&") + "…"


def spoken_name(name: str) -> str:
    """A product's name as a sentence of ours may hold it: cut where it states an amount of money.

    A seller can name a product "Lamp: it costs 0.01 EUR"; in our sentence that would be our price.
    """
    amount = _AMOUNT.search(name)
    if amount is None:
        return name
    return _CLAUSE.split(name[: amount.start()], maxsplit=1)[0].strip()


def _kept(character: str) -> bool:
    if character in "\t\n\r\x0b\x0c\u2028\u2029":
        return True
    return character not in _BLANK_LETTERS and unicodedata.category(character) not in _DROPPED


@lru_cache(maxsize=32_768)  # names, tags and categories recur in every request
def folded_words(text: str) -> tuple[str, ...]:
    """The words of a text in one comparable form: NFKC, case folded, possessives and regular plurals reduced.

    Two texts name the same thing when their folded words are equal: "Running Shoes" and "running shoe". Hyphens and
    punctuation separate words; order is kept.
    """
    normal = _POSSESSIVE.sub("", unicodedata.normalize("NFKC", text).casefold())
    return tuple(_singular(word) for word in _WORD.findall(normal))


def _singular(word: str) -> str:
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses", "zzes")):
        return word[:-2]
    return word[:-1]
