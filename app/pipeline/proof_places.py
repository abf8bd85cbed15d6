"""In which field of the item's record a sentence says that a word stands: name, tags, details, category or sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.pipeline.proof_facts import Backing, Field, OwnWords
from app.pipeline.proof_text import Token, half_sentences, word_set, words_of

_FIELDS: dict[str, tuple[Field, ...]] = {
    "name": ("name",),
    "title": ("name",),
    "detail": ("details", "tag"),
    "description": ("details",),
    "category": ("category",),
    "brand": ("brand",),
}
_HOLDS = word_set(
    "holds hold holding has have carries carry contains contain includes include shows show mentions mention bears"
)
_SEARCHES = word_set("search searched searching query looking typed searches")
_FILLERS = word_set("a an the for of in on to with and or")
_OF_TERMS = word_set("word words term terms it them both search")
_REACH = 7
_TAGS = word_set("tag tags tagged tagging")
_TAG_LEADS = word_set("with as a the your interest interests style styles like of both")
_TAG_IS = word_set("is are as was")
_TAG_ARTICLES = word_set("a the its one of both")
_SIZES = word_set("s m l xs xl xxl xxxl")
_BETWEEN_SIZES = word_set("is are which that in the and or a also offered available comes as")
_NOUN_ENDS = word_set("is are has was comes costs for rated at from by that which with")
_POINTS = word_set("this these a an another")


def wrong_place(tokens: Sequence[Token], backing: Backing, named: Sequence[int], own: OwnWords) -> str:
    """The word that stands in no such field, or the field that holds none; "" when every place is right.

    Args: named: above 0 where a token is part of a cited name.
    """
    return (
        _wrong_field(tokens, backing, named, own)
        or _wrong_tag(tokens, backing, own)
        or _wrong_size(tokens, backing, own)
        or _vague_noun(tokens, backing, named, own)
    )


def _wrong_field(tokens: Sequence[Token], backing: Backing, named: Sequence[int], own: OwnWords) -> str:
    """ "the word gift of your search is in its name", where only its details hold it."""
    if "query_match" not in backing.kinds:
        return ""
    terms = {word for term in _terms(backing.values["query_match"]) for word in words_of(term)}
    for part in half_sentences(tokens):
        fields = [i for i in part if tokens[i].word in _FIELDS and _tells(tokens, i, part)]
        if not fields:
            continue
        quoted = _quoted(tokens, part)
        told = {
            t.word: t
            for i in part
            if (t := tokens[i]).word in backing.searched
            and i not in quoted
            and not (named[i] and backing.names[named[i] - 1].deed)
            and not _filling(tokens, i)
        }
        if not told:
            if not terms or not any(tokens[i].text in _OF_TERMS for i in part):
                continue
            told = {word: Token(word, word, False, False, 0, False) for word in terms}
        match = backing.values["query_match"].get("fields")
        alone = tuple(map(str, match)) if isinstance(match, (list, tuple)) and len(match) == 1 else ()
        stands = [_words_in(_FIELDS[tokens[i].word], own, alone, terms) for i in fields]
        for word, token in told.items():
            if not any(word in place for place in stands):
                return token.text
        for n, (i, place) in enumerate(zip(fields, stands, strict=True)):
            if place.isdisjoint(told):
                return tokens[i].text
            since = fields[n - 1] if n else part.start
            near = [t for t in tokens[since + 1 : i] if t.word in told] if i - since > 3 and len(fields) > 1 else []
            wrong = next((t.text for t in near if t.word not in place), "")
            if wrong and n + 1 < len(fields) and fields[n + 1] - i > 3:
                return wrong  # "gift in its name and tea in its details"
    return ""


def _terms(match: Mapping[str, object]) -> tuple[str, ...]:
    held = match.get("terms")
    return tuple(map(str, held)) if isinstance(held, (list, tuple)) else ()


def _words_in(fields: Sequence[Field], own: OwnWords, alone: tuple[str, ...], terms: set[str]) -> frozenset[str]:
    """What stands in the fields: by the record, and by a cited fact that names one field for all its words."""
    told = terms if set(alone) & set(fields) else set()
    return frozenset(told.union(*(own.places[name] for name in fields)))


def _filling(tokens: Sequence[Token], i: int) -> bool:
    """Whether a word of the search is a small one, or stands in the label of a category here: "Garden / Tools"."""
    beside = [t.text for t in (*tokens[max(i - 1, 0) : i], *tokens[i + 1 : i + 2])]
    return tokens[i].text in _FILLERS or "/" in beside or "&" in beside or beside[:1] == ["from"]


def _tells(tokens: Sequence[Token], i: int, part: range) -> bool:
    """Whether the field at i is said to hold something: "in its name", "its name holds", "the name of this … has"."""
    token = tokens[i]
    before = [tokens[k].text for k in range(max(i - 6, part.start), i)]
    after = [tokens[k].text for k in range(i + 1, min(i + 9, part.stop))]
    if token.word in ("brand", "category"):
        led = [k for k in range(max(i - 4, part.start), i) if tokens[k].text in ("in", "by")]
        inside = bool(led) and not any(t.stop or t.text in ("a", "same") for t in tokens[led[-1] + 1 : i + 1])
        return inside or any(w in _HOLDS for w in after[:2])
    if token.word == "title" and (before[-1:] not in (["its"], ["the"]) or before[-2:-1] not in (["in"], ["by"])):
        return bool(after and after[0] in _HOLDS and before[-1:] == ["its"])  # "this title": the item itself
    return any(w in ("in", "by", "within") for w in before) or any(w in _HOLDS for w in after)


def _quoted(tokens: Sequence[Token], part: range) -> set[int]:
    """The places of a search that is told whole: "searched for small garden tools", "your search for …"."""
    found: set[int] = set()
    for i in part:
        if tokens[i].text not in _SEARCHES:
            continue
        k = i + 1
        while k < part.stop and tokens[k].text in ("for", "was", "a", "an", "with", "the", "included", "includes"):
            k += 1
        if k > i + 1 and tokens[k - 1].text not in ("with", "included", "includes"):
            while k < part.stop and tokens[k].stop == 0 and tokens[k].text not in ("in", "and", "appears", "is"):
                found.add(k)
                k += 1
        k = i - 1
        while k >= part.start and not tokens[k + 1].stop and tokens[k].text not in ("your", "of", "from", "in"):
            k -= 1
        if k >= part.start and tokens[k].text == "your":
            found.update(range(k + 1, i))  # "your small kettle search"
    return found


def _wrong_tag(tokens: Sequence[Token], backing: Backing, own: OwnWords) -> str:
    """ "tagged music", "music, one of your interests, is a tag of this pen" of an item without that tag."""
    tags = own.places["tag"]
    known = backing.wished.keys() | backing.terms.keys() | own.words
    for i, token in enumerate(tokens):
        if token.text not in _TAGS:
            continue
        before = tokens[i - 1].text if i else ""
        back = i - 1
        while back >= 0 and tokens[back].text in _TAG_ARTICLES:
            back -= 1
        if token.text != "tagged" and back >= 0 and tokens[back].text in _TAG_IS:
            wish = next(
                (t for t in reversed(tokens[:back]) if t.word in backing.wished or t.word in backing.terms), None
            )
            if wish is not None and wish.word not in tags:
                return wish.text
            continue
        if token.text != "tagged" and before in ("that", "this", "very", "same"):
            continue
        k = i + 1
        while k < len(tokens) and tokens[k].text in _TAG_LEADS and not tokens[k].stop:
            k += 1
        while k < len(tokens) and (tokens[k].stop < 2 or k == i + 1):
            word = tokens[k]
            if word.stop and k > i + 1 and word.text not in ("and", "or"):
                break
            if word.text not in ("and", "or", "&"):
                if word.word not in known:
                    break
                if word.word not in tags:
                    return word.text
            k += 1
    return ""


def _wrong_size(tokens: Sequence[Token], backing: Backing, own: OwnWords) -> str:
    """ "in S, your size" of a shopper who wears another one, or of an item that doesn't come in it."""
    stated = backing.sizes
    for i, token in enumerate(tokens):
        if token.word != "size" or not any(t.text in ("your", "yours", "you") for t in tokens[max(i - 3, 0) : i + 5]):
            continue
        for k in (*range(i - 1, max(i - 8, -1), -1), *range(i + 1, min(i + 5, len(tokens)))):
            near: Token = tokens[k]
            between = tokens[min(i, k) + 1 : max(i, k)]
            if near.text not in _SIZES and (near.word not in own.places["size"] or not near.word.isalnum()):
                continue
            joined = all(t.text in _BETWEEN_SIZES or t.text in ("your", "you", "s") or _size(t, own) for t in between)
            if joined and near.word not in stated:
                return near.text
    return ""


def _size(token: Token, own: OwnWords) -> bool:
    return token.text in _SIZES or token.word in own.places["size"]


def _vague_noun(tokens: Sequence[Token], backing: Backing, named: Sequence[int], own: OwnWords) -> str:
    """ "this coffee" of a tea in Coffee & Tea, "this desk" of what a search for desks found in School & Desk.

    Of a pasta in Pasta & Sauces whose name says neither, "this pasta" is not refused.
    """
    match = backing.values.get("query_match", {})
    fields = match.get("fields")
    only_category = isinstance(fields, (list, tuple)) and list(fields) == ["category"]
    searched = {w for term in _terms(match) for w in words_of(term)} if only_category else set()
    for i, token in enumerate(tokens[:-1]):
        if token.text not in _POINTS or any(t.text in _SEARCHES for t in tokens[max(i - 8, 0) : i]):
            continue  # "you searched for a desk"
        for k in range(i + 1, min(i + 5, len(tokens))):
            if tokens[k].stop or tokens[k].text in _NOUN_ENDS or tokens[k].sign:
                break
            labelled = k + 1 < len(tokens) and tokens[k + 1].text in ("&", "and")
            if tokens[k].word in own.other_things and not named[k] and not labelled:
                return tokens[k].text
            last = k + 1 == len(tokens) or tokens[k + 1].stop > 0 or tokens[k + 1].text in _NOUN_ENDS
            if last and not named[k] and tokens[k].word in own.vague & searched:
                return tokens[k].text
    return ""
