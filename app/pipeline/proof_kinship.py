"""What a named product has to do with the item: brand, category and orders are shared only with whom a fact names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from app.pipeline.proof_facts import Backing, Name, OwnWords
from app.pipeline.proof_text import Token, half_sentences, word_set, words_of

Relation = Literal["same_brand", "category_affinity", "bought_together"]

_TOGETHER = word_set(
    "together alongside along paired pairs pair pairing combine combines combined combining teamed both accompany"
)
_BOUGHT = word_set("bought ordered purchased")
_LINKS = word_set("same share shares shared sharing also both")
_OF_RELATION = word_set("from by in of part made")
_OF_WHOM = word_set("of behind as with too")
_RELATIONS: tuple[Relation, ...] = ("same_brand", "category_affinity", "bought_together")
_AFTER_LABEL = word_set("too also like as")
_BRAND_NOUNS = word_set("brand maker label")
_CATEGORY_NOUNS = word_set("category section department aisle")
_MADE = word_set("from by")


def wrong_kinship(tokens: Sequence[Token], backing: Backing, named: Sequence[int], own: OwnWords) -> str:
    """The relation that the sentence gives to a product which no cited fact puts in it; "" when there is none.

    A product of the shopper's history is of the item's brand when a cited fact says so or its own name begins with
    that brand; it is of the item's category, or was bought with it, only when a cited fact names it.

    Args: named: one more than the index of the name in backing.names that a token belongs to, 0 for none.
    """
    earlier: list[Name] = []
    for part in half_sentences(tokens):
        names = _names(backing, named, part)
        if names and (alike := _alike(tokens, part) or _likened(tokens, part, backing, named, own)):
            return alike
        told = _relations(tokens, part, backing, own, named)
        meant = names or earlier
        for relation, said in told.items():
            kin = [name for name in meant if _is_kin(name, relation, backing, own)]
            others = [name for name in meant if name not in kin]
            explained = all(_explained(name, told, relation, backing, own) for name in others)
            if others and not (kin and (explained or _apart(tokens, part, named, backing, kin, others))):
                return said
        earlier = names or earlier
    return ""


def _alike(tokens: Sequence[Token], part: range) -> str:
    """ "your conditioner and this cream are both vegan": nothing is known of the other product."""
    for i in part[:-1]:
        after = tokens[i + 1].text
        if tokens[i].text == "both" and tokens[i - 1].text in ("are", "is") and i and after not in _OF_RELATION:
            return "both " + after
    return ""


def _likened(tokens: Sequence[Token], part: range, backing: Backing, named: Sequence[int], own: OwnWords) -> str:
    """ "rated 4.3, like the book you bought", where no fact ties the two: only what its name says too is alike."""
    kin = [n for kind in _RELATIONS if (fact := backing.kinds.get(kind)) for n in backing.names if n.fact_id == fact]
    for i in part:
        if tokens[i].text not in ("like", "unlike"):
            continue
        k = i + 1
        while k < part.stop and not named[k] and tokens[k].text in ("the", "a", "an", "your"):
            k += 1
        name = backing.names[named[k] - 1] if k < part.stop and named[k] else None
        if name is None or name.deed is None or any(_same(n.words, name.words) for n in kin):
            continue
        if _is_kin(name, "same_brand", backing, own):
            continue
        told = _clause(tokens, part, i)
        shared = [t for t in told if t.word in own.words]
        if any(t.figure for t in told) or not shared or any(t.word not in name.words for t in shared):
            return "like " + tokens[k].text
    return ""


def _clause(tokens: Sequence[Token], part: range, i: int) -> list[Token]:
    """What is said to be alike: the clause before a "like", or the one after the next comma where that opens."""
    if i > part.start:
        start = i - 1
        while start > part.start and tokens[start].stop == 0:
            start -= 1
        return list(tokens[start:i])
    start = next((k for k in range(i + 1, part.stop) if tokens[k].stop), part.stop)
    end = next((k for k in range(start + 1, part.stop) if tokens[k].stop), part.stop)
    return list(tokens[start:end])


def _names(backing: Backing, named: Sequence[int], part: range) -> list[Name]:
    """The products that are named in a half-sentence, each once."""
    found: dict[tuple[str, ...], Name] = {}
    for i in part:
        partner = backing.kinds.get("bought_together")
        if named[i] and ((name := backing.names[named[i] - 1]).deed is not None or name.fact_id == partner):
            found.setdefault(name.words, name)
    return list(found.values())


def _is_kin(name: Name, relation: Relation, backing: Backing, own: OwnWords) -> bool:
    fact = backing.kinds.get(relation)
    if any(held.fact_id == fact and _same(held.words, name.words) for held in backing.names if fact):
        return True
    brand = own.brand
    return relation == "same_brand" and bool(brand) and name.words[: len(brand)] == brand


def _same(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two names are one, the longer of which may have been cut."""
    short, long = sorted((tuple(one), tuple(other)), key=len)
    return len(short) > 1 and long[: len(short)] == short


def _explained(name: Name, told: dict[Relation, str], relation: Relation, backing: Backing, own: OwnWords) -> bool:
    return any(other != relation and _is_kin(name, other, backing, own) for other in told)


def _apart(
    tokens: Sequence[Token], part: range, named: Sequence[int], backing: Backing, kin: list[Name], others: list[Name]
) -> bool:
    """Whether the other products are named between other commas than those that the relation holds for."""

    def clauses(names: list[Name]) -> set[int]:
        words = {name.words for name in names}
        found, clause = set(), 0
        for i in part:
            clause += tokens[i].stop == 1
            if named[i] and backing.names[named[i] - 1].words in words:
                found.add(clause)
        return found

    return clauses(kin).isdisjoint(clauses(others))


def _relations(
    tokens: Sequence[Token], part: range, backing: Backing, own: OwnWords, named: Sequence[int]
) -> dict[Relation, str]:
    """The relations that a half-sentence speaks of, with the words that do."""
    found: dict[Relation, str] = {}
    label = set(words_of(str(backing.values.get("category_affinity", {}).get("category") or "")))
    for i in part:
        word, after = tokens[i].text, tokens[i + 1].text if i + 1 < part.stop else ""
        if named[i] and backing.names[named[i] - 1].deed is not None:
            continue
        if (
            word in ("pair", "pairs")
            and i > part.start
            and (named[i - 1] or tokens[i - 1].text in ("a", "the", "this"))
        ):
            continue  # "the Strideon pair"
        if word in _TOGETHER and word != "both":
            found.setdefault("bought_together", word)
        elif (word in _BOUGHT and after in ("with", "in")) or (tokens[i].word == "order" and word != "ordered"):
            if word not in _BOUGHT or i == part.start or tokens[i - 1].text != "you":
                found.setdefault("bought_together", word)
        elif word in _BRAND_NOUNS and _linked_near(tokens, i, part):
            found.setdefault("same_brand", "same " + word)
        elif tokens[i].word in _CATEGORY_NOUNS and _linked_near(tokens, i, part):
            found.setdefault("category_affinity", "same " + word)
        elif word == "in" and _subject_is_named(tokens, i, part, named, own):
            found.setdefault("category_affinity", "is in")
        elif word in _MADE and i + 1 < part.stop:
            length = len(own.brand)
            if length and tuple(t.word for t in tokens[i + 1 : i + 1 + length]) == own.brand:
                if _linked_there(tokens, i, i + 1 + length, part):
                    found.setdefault("same_brand", word + " " + after)
            elif word == "from" and tokens[i + 1].word in label and _linked_there(tokens, i, i + 2, part):
                found.setdefault("category_affinity", word + " " + after)
    return found


def _subject_is_named(tokens: Sequence[Token], i: int, part: range, named: Sequence[int], own: OwnWords) -> bool:
    """ "the chair you bought is in Boots": the category of the item told of another product."""
    if i == part.start or tokens[i - 1].text not in ("is", "are", "sits", "belongs"):
        return False
    if i + 1 >= part.stop or tokens[i + 1].word not in own.places["category"]:
        return False
    for k in range(i - 1, part.start - 1, -1):
        if tokens[k].text in ("this", "these", "it"):
            return False
        if named[k]:
            return True
    return False


def _linked_near(tokens: Sequence[Token], i: int, part: range) -> bool:
    """ "the same brand", "shares its category", "the brand of"; not "a brand that you come back to"."""
    near = {t.text for t in tokens[max(i - 4, part.start) : i]}
    return bool(near & _LINKS) or (i + 1 < part.stop and tokens[i + 1].text in _OF_WHOM and not tokens[i + 1].stop)


def _linked_there(tokens: Sequence[Token], i: int, end: int, part: range) -> bool:
    """ "also from X", "from X too", "like the Y you bought, this is from X"."""
    near = [t.text for t in tokens[max(i - 1, part.start) : i]]
    onward = [t.text for t in tokens[end : min(end + 2, part.stop)]]
    opening = tokens[part.start].text == "like"
    return opening or bool({"also", "likewise", "both"} & set(near)) or bool(onward and onward[0] in _AFTER_LABEL)
