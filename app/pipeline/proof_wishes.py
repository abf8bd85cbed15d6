"""What a sentence says that the shopper searched, likes or wears, and that the item answers it."""

from __future__ import annotations

from collections.abc import Sequence

from app.pipeline.proof_facts import Backing, OwnWords
from app.pipeline.proof_text import Token, forms, word_set
from app.pipeline.reasons_schema import ReasonConfig

_FRAMES: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = (
    (("search", "searched", "searching", "looking", "query"), ("for",), "searched"),
    (("interest", "interested"), ("in",), "interests"),
    (("size",), (), "sizes"),
)
_FRAME_STEPS = 3
_HEADS = word_set(
    "search searched searching searches query looking asked requested wanted typed interest interests interested style "
    "styles size sizes like liking taste return back"
)
_NEXT_TO_HEAD = word_set("is one of your was are includes include list named listed stated in for a an the some and or")
_JOINING = word_set("a an the and or in for with of to by your as some")
_FITS = word_set(
    "match fit suit satisfy meet cover answer tick correspond align address cater speak appeal reflect connect tie "
    "relevant complement serve"
)
_BACK = word_set("it that them this both these too")
_REACH = 8


def wrong_wish(tokens: Sequence[Token], backing: Backing, config: ReasonConfig) -> str:
    """What the sentence says the shopper searched, likes or wears and no cited fact says; "" when it is right."""
    for i, token in enumerate(tokens):
        for heads, links, target in _FRAMES:
            if token.text not in heads:
                continue
            wishes: set[str] = getattr(backing, target)
            j = i + 1
            if links and (j >= len(tokens) or tokens[j].text not in links or tokens[j].stop):
                continue
            if target == "interests" and "trending" in backing.kinds and not wishes:
                continue  # "growth in interest in Tents": all shoppers' interest
            j += len(links)
            for step in range(j, min(j + _FRAME_STEPS, len(tokens))):
                word = tokens[step]
                if word.stop or _said_of_all(word, config) or (target == "sizes" and len(word.text) > 3):
                    break
                if word.word not in wishes:
                    return word.text
    return ""


def _said_of_all(token: Token, config: ReasonConfig) -> bool:
    known = (token.text, *forms(token.word))
    return any(word in config.neutral_words or word in config.claim_words for word in known)


def framed(tokens: Sequence[Token], i: int, backing: Backing, own: OwnWords) -> bool:
    """Whether a word of a line about the shopper is told as the shopper's, not as the item's.

    "You searched for a small kettle", "study is one of your interests"; never "a small kettle" of a kettle that no
    fact calls small, and never "fits your interest in study" of an item that no fact ties to study.
    """
    head = _head_before(tokens, i, backing, own)
    if head is None:
        return _head_after(tokens, i, backing, own)
    if tokens[head].word == "size":
        return False  # a size is told of the item only where the item has it
    verbs = tokens[max(head - 4, 0) : head]
    return not any(form in _FITS for token in verbs for form in (token.word, *forms(token.word)))


def _answered(tokens: Sequence[Token], start: int) -> bool:
    """Whether the rest says that the item answers it: "… and this is made for it"."""
    for k in range(start, len(tokens)):
        if _FITS.isdisjoint((tokens[k].word, *forms(tokens[k].word))) and tokens[k].text != "made":
            continue
        ahead = [t.text for t in tokens[k + 1 : k + 3] if t.stop < 2]
        if not ahead or ahead[-1] in _BACK or ahead[0] in _BACK:
            return True
    return False


def _head_before(tokens: Sequence[Token], i: int, backing: Backing, own: OwnWords) -> int | None:
    for k in range(i - 1, max(i - 1 - _REACH, -1), -1):
        if tokens[k + 1].stop == 2:
            return None
        token = tokens[k]
        if token.text in _HEADS:
            return k
        told = token.word in backing.wished or token.word in backing.terms or token.word in own.words
        if not (told or token.text in _JOINING or token.figure or token.sign):
            return None
    return None


def _head_after(tokens: Sequence[Token], i: int, backing: Backing, own: OwnWords) -> bool:
    """ "your small kettle search", "study, one of your interests", "study is one of your interests"."""
    yours = any(t.text in ("your", "you") for t in tokens[max(i - 5, 0) : i])
    for k in range(i + 1, min(i + _REACH, len(tokens))):
        if tokens[k].stop == 2:
            return False
        token = tokens[k]
        if token.text in _HEADS:
            said = " ".join(t.text for t in tokens[i + 1 : k])
            fits = any(form in _FITS for t in tokens[max(i - 3, 0) : i] for form in (t.word, *forms(t.word)))
            return (
                not fits
                and not _answered(tokens, k + 1)
                and (yours or "one of your" in said or "of your" in said or "your" in said)
            )
        told = token.word in backing.wished or token.word in backing.terms or token.word in own.words
        if not (told or token.text in _NEXT_TO_HEAD or token.figure or token.sign):
            return False
    return False
