"""What the shopper did, which brand a named product is of, and what goes with what: said only as cited facts say it."""

from __future__ import annotations

from collections.abc import Sequence

from app.pipeline.proof_facts import Backing, Deed, OwnWords
from app.pipeline.proof_text import Token, word_set

_RELATIONS = word_set("pairs paired complement complements accompanies combine combines combined goes go")
_BETWEEN = word_set(
    "keep are re now currently have had recently already also just once previously lately often last earlier before ve"
)
_DEEDS: dict[str, Deed] = {
    "buying": "bought",
    "buy": "bought",
    "viewing": "page",
    "browsing": "page",
    "browse": "page",
    "bought": "bought",
    "purchased": "bought",
    "own": "bought",
    "ordered": "bought",
    "purchase": "bought",
    "looked": "viewed",
    "viewed": "viewed",
    "saw": "viewed",
    "browsed": "viewed",
    "visited": "viewed",
    "checked": "viewed",
    "saved": "saved",
    "wishlisted": "saved",
    "put": "cart",
    "added": "cart",
}
_WANTED = word_set("want wanted asked requested wished told")
_AS_WELL = word_set("is are was were does do did has have")
_WORKS = word_set("work works worked working")


def wrong_deeds(tokens: Sequence[Token], backing: Backing, named: Sequence[int], own: OwnWords) -> str:
    """What the sentence says that the shopper did and no cited fact says; "" when it is right.

    `named[i]`: one more than the index of the name in backing.names that token i belongs to, 0 for none.
    """
    for i, token in enumerate(tokens):
        held = any(t.text in ("cart", "page") for t in tokens[max(i - 5, 0) : i])
        if token.text == "so" and held and i + 1 < len(tokens) and tokens[i + 1].text in _AS_WELL:
            return "so " + tokens[i + 1].text  # "and so is this": says the deed of the item
        if token.text == "cart" and "cart" not in backing.deeds:
            return "cart"
        if token.text == "page" and tokens[i - 1].text in ("this", "the", "your") and "page" not in backing.deeds:
            return "page"
        wish = _on_a_list(tokens, i, backing) or _wanted_this(tokens, i)
        if wish:
            return wish
        stranger = _not_this(tokens, i, backing, named, own)
        if stranger:
            return stranger
        if token.text not in ("you", "your"):
            continue
        j = i + 1
        while j < len(tokens) and tokens[j].text in _BETWEEN and not tokens[j].stop:
            j += 1
        if j >= len(tokens) or tokens[j].stop:
            continue
        deed = _DEEDS.get(tokens[j].text)
        if deed is None or (tokens[j].text == "looked" and j + 1 < len(tokens) and tokens[j + 1].text == "for"):
            continue
        if token.text == "your" and tokens[j].text != "purchase":
            continue
        onward = tokens[j + 1] if j + 1 < len(tokens) else None
        if tokens[j].text == "looked" and onward is not None and onward.text == "around":
            continue
        if (
            tokens[j].text == "saved"
            and onward is not None
            and not onward.stop
            and (onward.text == "on" or onward.figure or onward.sign)
        ):
            return token.text + " saved"  # money, not a wish list
        if onward is not None and onward.text in ("this", "it", "these") and not onward.stop:
            if any(n.deed == deed and n.words == own.named for n in backing.names):
                continue  # the shopper's history holds this very item
            return token.text + " " + tokens[j].text + " " + onward.text
        name = _object(i, j, tokens, [n if n and backing.names[n - 1].deed else 0 for n in named])
        did = {n.deed for n in backing.names if name and n.words == backing.names[name - 1].words}
        if name and deed not in did and not (deed == "page" and "viewed" in did):
            return token.text + " " + tokens[j].text
        if deed not in backing.deeds and not (deed == "page" and "viewed" in backing.deeds):
            return token.text + " " + tokens[j].text
    return ""


def _on_a_list(tokens: Sequence[Token], i: int, backing: Backing) -> str:
    """ "it is on your wish list" where nothing cited was saved."""
    if "saved" in backing.deeds or tokens[i].text not in ("wish", "wishlist", "wishlists"):
        return ""
    listed = tokens[i].text != "wish" or any(t.text in ("list", "lists") for t in tokens[i + 1 : i + 2])
    yours = any(t.text in ("your", "you") for t in tokens[max(i - 3, 0) : i])
    return tokens[i].text if listed and yours else ""


def _wanted_this(tokens: Sequence[Token], i: int) -> str:
    """ "you wanted it", "you told us that you asked for this": no line says that of an item."""
    if tokens[i].text not in _WANTED or i == 0 or tokens[i - 1].text != "you":
        return ""
    onward = [t.text for t in tokens[i + 1 : i + 3] if not t.stop]
    this = onward[:1] in (["it"], ["this"], ["these"]) or onward in (["for", "it"], ["for", "this"])
    return f"you {tokens[i].text}" if this else ""


def _not_this(tokens: Sequence[Token], i: int, backing: Backing, named: Sequence[int], own: OwnWords) -> str:
    """ "the speaker in your cart", "the speaker you bought" of this very speaker, when no cited line names it."""
    if [t.text for t in tokens[i : i + 3]] in (["in", "your", "cart"], ["in", "your", "basket"]):
        end = i
    elif tokens[i].text == "you" and i and any(t.text in _DEEDS for t in tokens[i + 1 : i + 3]):
        end = i - 1 if tokens[i - 1].text in ("which", "that") else i
    else:
        return ""
    if tokens[end].stop:
        return ""
    for k in range(end - 1, max(end - 9, -1), -1):
        if named[k] or tokens[k + 1].stop:
            return ""
        if tokens[k].text in ("the", "a", "an", "your"):
            history = {word for name in backing.names if name.deed for word in name.words}
            told = [t for t in tokens[k + 1 : end] if t.word in own.words and t.word not in history]
            mine = any(name.deed and name.words == own.named for name in backing.names)
            return "" if mine or not told else "the " + " ".join(t.text for t in tokens[k + 1 : end])
    return ""


def _object(i: int, j: int, tokens: Sequence[Token], named: Sequence[int]) -> int:
    """The name that the deed is about: after the verb, or just before "which you"."""
    before = next((named[k] for k in range(i - 1, max(i - 4, -1), -1) if named[k]), 0)
    if before and (i == 0 or tokens[i - 1].text in ("which", "that") or named[i - 1]):
        return before
    for k in range(j + 1, min(j + 6, len(tokens))):
        if tokens[k].stop == 2:
            break
        if named[k]:
            return named[k]
    return before


def wrong_relation(tokens: Sequence[Token], backing: Backing, covered: Sequence[object], named: Sequence[int]) -> str:
    """A word that says this goes with something when no cited orders say so; "" when there is none."""
    for i, token in enumerate(tokens[:-1]):
        k = i + 1
        while k + 1 < len(tokens) and tokens[k].text in ("the", "a", "an") and not named[k]:
            k += 1
        if (
            token.text in ("fit", "fits", "suits", "suit")
            and named[k]
            and not any(t.stop for t in tokens[i + 1 : k + 1])
        ):
            return token.text  # of two products nothing is known but what their names say
        if token.text in _WORKS and tokens[i + 1].text == "with" and any(named[i + 2 : i + 6]):
            return token.text + " with"  # bought together is not compatible with
        needed = tokens[i + 1].text in ("this", "these", "it", "a", "more") or tokens[i - 1].text == "you"
        if token.text in ("need", "needs") and (needed or any(named[max(i - 5, 0) : i])):
            return token.text
        ordered = any(t.word == "order" for t in tokens[max(i - 5, 0) : i])
        if token.text in ("contains", "contain", "containing") and any(named[i + 1 : i + 5]) and not ordered:
            return token.text  # orders contain both; this does not contain the other
    if "bought_together" in backing.kinds:
        return ""
    return next((t.text for t, name in zip(tokens, covered, strict=True) if t.text in _RELATIONS and not name), "")
