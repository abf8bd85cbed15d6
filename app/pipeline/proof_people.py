"""Whom a sentence says that a fact is about: raters, buyers and the shopper are no others than the facts name."""

from __future__ import annotations

from collections.abc import Sequence

from app.pipeline.proof_text import Token, word_set

_PEOPLE = word_set("shopper customer people buyer reviewer rater")
_RETURNS = word_set("come comes return returns returning back revisit")
_NOT_KNOWN = word_set("search searched looking looked want wanted love loved choose chose prefer prefers view viewed")
_UNKNOWN_DEEDS = word_set(
    "read liked loved love used use listened listen watched watch played play wore tried rated reviewed recommend "
    "recommended enjoyed enjoy"
)
_ADVERBS = word_set("have ve already also recently often always really")
_KIN = word_set("brand maker label category range order orders basket page cart kind shop time week day")
_OWNERS = word_set("author artist designer director genre material colour color theme subject style")
_EACH = (["a"], ["per"], ["each"], ["every"], ["this"])
_RATES = word_set("rate rates rated give gave score scored")
_TIMES = word_set("day week month year hour season")


def misattributed(tokens: Sequence[Token], named: Sequence[int]) -> str:
    """The words that give a fact to somebody whom no fact names; "" when there are none.

    Args: named: above 0 where a token is part of a cited name.
    """
    for i, token in enumerate(tokens):
        told = _ahead(tokens, i)
        if token.word in _PEOPLE and _qualified(tokens, i, named, told):
            return token.text
        if token.text == "you":
            deed = next((w for w in told if w not in _ADVERBS), "")
            if deed in _UNKNOWN_DEEDS:
                return "you " + deed
        if token.text == "same" and told and told[0] not in _KIN and any(named[i + 2 : i + 8]):
            return "same " + told[0]
        if token.text in _OWNERS and told[:1] == ["of"] and any(named[i + 2 : i + 5]):
            return token.text + " of"
        if token.text == "next" and {"after", "to"} & set(told) and any(named[i + 1 : i + 7]):
            return "next after"
        if token.word == "order" and told[:1] in _EACH and told[1:2] and told[1] in _TIMES:
            return "orders " + " ".join(told[:2])
    return ""


def _ahead(tokens: Sequence[Token], i: int) -> list[str]:
    """Up to three words after i, to the next punctuation."""
    words: list[str] = []
    for token in tokens[i + 1 : i + 4]:
        if token.stop:
            break
        words.append(token.text)
    return words


def _qualified(tokens: Sequence[Token], i: int, named: Sequence[int], told: Sequence[str]) -> bool:
    """ "shoppers with the tent", "knitwear shoppers", "shoppers come back to this"."""
    if i and named[i - 1] and tokens[i].stop == 0:
        return True
    if told[:1] == ["with"] and any(named[i + 2 : i + 6]):
        return any(t.text in _RATES for t in tokens[i + 2 :])
    return bool(told) and (told[0] in _RETURNS or told[0] in _NOT_KNOWN)
