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
_OF_YOUR = word_set("your of one two three among some both all the")
_NEXT_TO_HEAD = word_set(
    "is one of your was are includes include list named listed stated in for a an the some and or among on both"
)
_OWNED_HEADS = word_set("brand brands category categories")
_MAY_PRECEDE = word_set("your since as because like given that know both while though although with")
_WITH = word_set("with")
_OFFERS = word_set("in for of to by")
_SEARCH_HEADS = word_set("search searches query")
_JOINING = word_set("a an the and or in for with of to by your as some")
_FITS = word_set(
    "match fit suit satisfy meet cover answer tick correspond align address cater speak appeal reflect connect tie "
    "relevant complement serve"
)
_BACK = word_set("it that them this both these too")
_REACH = 8


def wrong_wish(tokens: Sequence[Token], backing: Backing, own: OwnWords, config: ReasonConfig) -> str:
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
    return _no_wish(tokens, backing, own)


def _no_wish(tokens: Sequence[Token], backing: Backing, own: OwnWords) -> str:
    """ "gifts and chocolate are your interests" where only the item says chocolate."""
    for i, token in enumerate(tokens):
        if token.word not in ("interest", "style") or token.text == "interested":
            continue
        k = i - 1
        while k >= 0 and tokens[k].text in _OF_YOUR and not tokens[k + 1].stop:
            k -= 1
        if k < 1 or tokens[k].text not in ("is", "are") or k == i - 1:
            continue
        k -= 1
        while k >= 0 and (tokens[k].word in backing.interests or tokens[k].word in own.words or _joins(tokens[k])):
            if tokens[k].word not in backing.interests and not _joins(tokens[k]):
                return tokens[k].text
            if tokens[k].stop:
                break
            k -= 1
    return ""


def _joins(token: Token) -> bool:
    return token.text in ("and", "or", "both", "&")


def _said_of_all(token: Token, config: ReasonConfig) -> bool:
    known = (token.text, *forms(token.word))
    return any(word in config.neutral_words or word in config.claim_words for word in known)


def framed(tokens: Sequence[Token], i: int, backing: Backing) -> bool:
    """Whether a word of a line about the shopper is told as the shopper's, not as the item's.

    "You searched for a small kettle", "study is one of your interests"; never "a small kettle" of a kettle that no
    fact calls small, "tagged music, one of your interests", nor "fits your interest in study" of an item that no fact
    ties to study.
    """
    head = _head_before(tokens, i, backing)
    if head is None:
        return _head_after(tokens, i, backing)
    if tokens[head].word == "size":
        return False  # a size is told of the item only where the item has it
    before = [t.text for t in tokens[max(head - 2, 0) : head]]
    offers = {"for"} if tokens[head].text in _SEARCH_HEADS else _OFFERS
    if before[-1:] == ["your"] and before[0] in offers:
        return False  # "for your interest in organic": says that the item answers it
    if _answered(tokens, i + 1):
        return False
    verbs = tokens[max(head - 4, 0) : head]
    return not any(form in _FITS for token in verbs for form in (token.word, *forms(token.word)))


def _answered(tokens: Sequence[Token], start: int) -> bool:
    """Whether the rest says that the item answers it: "… and this is made for it"."""
    for k in range(start, len(tokens)):
        nxt = [t.text for t in tokens[k + 1 : k + 3] if t.stop < 2]
        if tokens[k].text in ("has", "have", "offers", "offer") and nxt[:1] in (["it"], ["that"]):
            return True
        if tokens[k].text in ("is", "are") and nxt[:1] in (["one"], ["such"]) and nxt[1:] != ["of"]:
            return True
        if _FITS.isdisjoint((tokens[k].word, *forms(tokens[k].word))) and tokens[k].text != "made":
            continue
        ahead = [t.text for t in tokens[k + 1 : k + 3] if t.stop < 2]
        if not ahead or ahead[-1] in _BACK or ahead[0] in _BACK:
            return True
    return False


def _head_before(tokens: Sequence[Token], i: int, backing: Backing) -> int | None:
    for k in range(i - 1, max(i - 1 - _REACH, -1), -1):
        if tokens[k + 1].stop == 2:
            return None
        token = tokens[k]
        if token.text in _HEADS:
            return k
        wish = token.word in backing.wished or token.word in backing.terms
        if not (wish or token.text in _JOINING or token.figure or token.sign):
            return None
    return None


def _head_after(tokens: Sequence[Token], i: int, backing: Backing) -> bool:
    """ "your small kettle search", "study, one of your interests", "study is one of your interests"."""
    first = i
    while first and not tokens[first].stop and _wish_or_and(tokens, first - 1, backing):
        first -= 1
    opens = first == 0 or tokens[first].stop > 0
    before = "" if first == 0 else tokens[first - 1].text
    if before in _WITH and first > 1 and not tokens[first - 1].stop:
        return False  # "a shirt with music, one of your interests"
    if not opens and before not in _MAY_PRECEDE:
        return False
    if before == "your" and first > 1 and tokens[first - 2].text in _OFFERS:
        return False  # "in your natural style": says that the item is of that style
    for k in range(i + 1, min(i + _REACH, len(tokens))):
        token = tokens[k]
        if token.stop == 2:
            return False
        if token.text in _HEADS or token.text in _OWNED_HEADS:
            said = [t.text for t in tokens[i + 1 : k]]
            fits = any(form in _FITS for t in tokens[max(i - 3, 0) : i] for form in (t.word, *forms(t.word)))
            yours = "your" in said or before in ("your", "like") or tokens[k].text in ("interest", "interests")
            if token.text in ("interest", "interests") and "your" not in said and before != "your":
                yours = [t.text for t in tokens[k + 1 : k + 2]] == ["you"]  # "gifts interest you"
            return yours and not fits and not _answered(tokens, k + 1)
        wish = token.word in backing.wished or token.word in backing.terms
        if not (wish or token.text in _NEXT_TO_HEAD or token.figure or token.sign):
            return False
    return False


def _wish_or_and(tokens: Sequence[Token], k: int, backing: Backing) -> bool:
    token = tokens[k]
    if token.text in ("and", "or", "both"):
        return True
    return token.word in backing.wished or token.word in backing.terms or token.figure
