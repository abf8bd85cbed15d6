"""How a sentence speaks of the most that the shopper wants to pay, other than by the word budget."""

from __future__ import annotations

from collections.abc import Sequence

from app.pipeline.proof_context import LIMITS
from app.pipeline.proof_facts import Backing
from app.pipeline.proof_text import Token, word_set

_SET = word_set(
    "set plan planned want wanted gave named stated mentioned allowed intend intended entered specified chose gave "
    "have asked"
)
_BEFORE_SET = word_set("have had originally ve just")
_SUMS = word_set("amount sum figure what range maximum max price most")
_DENIERS = word_set("not never without no")
_EXCEEDS = word_set("exceed over above beyond break stretch surpass strain")
_ON_THE_WAY = word_set("have to be make making you it going go goes being ever does do")
_EXCESS_FORMS = {
    "exceeding": "exceed",
    "exceeded": "exceed",
    "breaking": "break",
    "stretching": "stretch",
    "surpassing": "surpass",
    "straining": "strain",
}


def shopper_sets(tokens: Sequence[Token], j: int) -> bool:
    """Whether "(that) you set", "you planned to spend", "you had in mind" begins at j."""
    if j < len(tokens) and tokens[j].text == "that" and not tokens[j].stop:
        j += 1
    if j >= len(tokens) or tokens[j].text != "you" or tokens[j].stop:
        return False
    j += 1
    while j < len(tokens) and tokens[j].text in _BEFORE_SET:
        if tokens[j].text in ("have", "had") and j + 2 < len(tokens) and tokens[j + 1].text == "in":
            return tokens[j + 2].text == "mind"
        j += 1
    if j >= len(tokens) or tokens[j].text not in _SET:
        return False
    if tokens[j].text in ("set", "gave", "named", "stated", "mentioned", "entered", "specified", "allowed"):
        return True
    if tokens[j].text == "planned" and (j + 1 == len(tokens) or tokens[j + 1].stop):
        return True
    return any(t.text in ("spend", "pay") for t in tokens[j + 1 : j + 3])


def own_limit(tokens: Sequence[Token], j: int) -> bool:
    """Whether a limit in other words begins at j: "what you plan to spend", "the amount you set"."""
    seen = False
    for k in range(j, min(j + 4, len(tokens))):
        if tokens[k].stop == 2:
            return False
        if tokens[k].text in _SUMS:
            seen = True
            if shopper_sets(tokens, k + 1):
                return True
        elif tokens[k].text not in ("the", "your", "that", "of") or seen:
            return False
    return False


def wants_to_spend(tokens: Sequence[Token], i: int) -> bool:
    """Whether the "spend" at i is the shopper's wish: "you wanted to spend"."""
    before = [t.text for t in tokens[max(i - 4, 0) : i]]
    return "you" in before and any(w in before for w in ("want", "wanted", "plan", "planned", "intend", "intended"))


def kept_within(tokens: Sequence[Token], backing: Backing) -> frozenset[int]:
    """The places of words that deny an excess over the cited budget: "won't exceed your budget"."""
    if "price_vs_budget" not in backing.kinds:
        return frozenset()
    found: set[int] = set()
    for i, token in enumerate(tokens):
        if not token.negated and token.text not in _DENIERS:
            continue
        j = i + 1
        while j < min(i + 5, len(tokens)) and tokens[j].text in _ON_THE_WAY and not tokens[j].stop:
            j += 1
        if j >= len(tokens) or tokens[j].stop:
            continue
        excess = _EXCESS_FORMS.get(tokens[j].text, tokens[j].word)
        if excess in _EXCEEDS and _limit_follows(tokens, j + 1):
            found.update(range(i, j + 1))
    return frozenset(found)


def _limit_follows(tokens: Sequence[Token], j: int) -> bool:
    if own_limit(tokens, j):
        return True
    for token in tokens[j : j + 6]:
        if token.stop == 2:
            return False
        if token.word in LIMITS:
            return True
        plain = token.figure or token.sign or token.text in ("the", "your", "a", "of", "eur", "euro", "euros")
        if not plain and token.text not in ("spending", "stated", "set", "own"):
            return False
    return False
