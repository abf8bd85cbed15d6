"""Where a sentence names the products, brands, categories and promotions of its cited facts."""

from __future__ import annotations

from collections.abc import Sequence

from app.pipeline.proof_facts import Backing, Name
from app.pipeline.proof_text import Token, word_set

_NAME_BEFORE = word_set(
    "with like as of to at your alongside after since and combine complement bought saved viewed holds purchased "
    "browse browsing viewing view"
)
_OWNED = word_set("cart basket saved purchase recent earlier previous")
_TO_OWNER = word_set(
    "which that is are was were now already in on from by currently also both have has this the been recently earlier"
)
_DEEDS_DONE = word_set("bought purchased own ordered saved viewed put added looked saw browsed visited have are view")
_DEED_BEFORE = word_set("bought saved viewed purchased browse browsing viewing")
_NAME_ARTICLES = word_set("the a an that this your")


class NameMarks:
    """The tokens that belong to names of cited facts: two words in a row, the whole name, or a part introduced as one.

    `named[i]` is one more than the index into `backing.names`, 0 for none; `used` holds the ids of the facts named.
    """

    def __init__(self, tokens: Sequence[Token], backing: Backing) -> None:
        self.tokens, self.backing = tokens, backing
        self.named = [0] * len(tokens)
        self.covered = [0] * len(tokens)  # 3: part of a cited name
        self.spans = [0] * len(tokens)  # length of the name that token i belongs to: the longest wins
        self.used: set[str] = set()
        self._names()

    def _names(self) -> None:
        starts: dict[str, list[int]] = {}
        for i, token in enumerate(self.tokens):
            starts.setdefault(token.word, []).append(i)
        numbered = sorted(enumerate(self.backing.names, start=1), key=lambda pair: pair[1].deed is not None)
        for number, name in numbered:  # brands first: "Quillstone's How Bridges Think"
            for offset, word in enumerate(name.words):
                for i in starts.get(word, ()):
                    self._name_at(i, number, name, offset)
        for number, name in numbered:
            if name.deed is not None:
                self._reordered(number, name)

    def _name_at(self, i: int, number: int, name: Name, offset: int) -> None:
        length = 0
        words = name.words[offset:]
        while length < len(words) and i + length < len(self.tokens) and self.tokens[i + length].word == words[length]:
            length += 1
        whole = length == len(name.words)
        if length == 1 and self.tokens[i].figure and not (i and self.covered[i - 1] == 3):
            return
        if length < 2 and not whole and not self._introduced(i, name, bare=False):
            return
        if name.deed is not None and not whole and not self._introduced(i, name):
            return
        for k in range(i, i + length):
            if length > self.spans[k]:
                self.named[k], self.covered[k], self.spans[k] = number, 3, length
        self.used.add(name.fact_id)

    def _reordered(self, number: int, name: Name) -> None:
        """Words of a name in another order, beside the shopper's deed: "the cyan ink cartridge you bought".

        Every word of the run is one of the name, but for "by" and "from" between them.
        """
        i = 0
        while i < len(self.tokens):
            j = i
            while j < len(self.tokens) and (j == i or not self.tokens[j].stop) and self._part_of(j, j > i, name):
                j += 1
            run = [k for k in range(i, j) if self.tokens[k].word in name.words]
            j = run[-1] + 1 if run else i
            article = self.tokens[i - 1].text if i and not self.tokens[i].stop else ""
            long_enough = article != "this" and (len(run) > 1 or (run and article in _NAME_ARTICLES))
            if long_enough and not self.tokens[i].figure and (self._owned_before(i) or self._deed_after(j)):
                for k in range(i, j):
                    if self.covered[k] != 3 or self.spans[k] < j - i:
                        self.named[k], self.covered[k], self.spans[k] = number, 3, j - i
                self.used.add(name.fact_id)
            i = max(j, i + 1)

    def _part_of(self, k: int, inside: bool, name: Name) -> bool:
        return self.tokens[k].word in name.words or (inside and self.tokens[k].text in ("by", "from"))

    def _owned_before(self, i: int) -> bool:
        """Whether "you look at the", "your cart holds the", "your" stands right before i."""
        if self.tokens[i].stop:
            return False
        before = [t.text for t in self.tokens[max(i - 5, 0) : i]]
        while before and before[-1] in ("the", "a", "an", "this"):
            before.pop()
        if before[-2:] in (["look", "at"], ["looking", "at"], ["looked", "at"]):
            return "you" in before or len(before) < 4
        if before[-1:] and before[-1] in ("has", "holds", "contains", "have"):
            return before[-3:-1] in (["your", "cart"], ["your", "basket"])
        return bool(before) and before[-1] in _DEED_BEFORE and bool({"you", "while"} & set(before))

    def _deed_after(self, j: int) -> bool:
        """Whether "you bought", ", which you viewed", "in your cart", "already bought" stands right after a name."""
        after = self.tokens[j : j + 5]
        if not after or after[0].stop == 2:
            return False
        words = [t.text for t in after]
        if words[0] in ("which", "that", "already", "now"):
            words, after = words[1:], after[1:]
        if after and after[0].stop and words[0] != "you" and words[:2] != ["bought", "by"]:
            return False
        if words[:2] in (["in", "your"], ["from", "your"], ["on", "this"]):
            return words[2:3] in (["cart"], ["basket"], ["page"])
        if words[:1] == ["you"]:
            return bool(_DEEDS_DONE & set(words[1:4]))
        return words[:1] == ["bought"] and (words[1:3] == ["by", "you"] or self.tokens[j].text == "already")

    def _introduced(self, i: int, name: Name, *, bare: bool = True) -> bool:
        """Whether a part of another product's name is introduced as one: "with the Iron Pan", "your pan".

        Args: bare: whether a preposition may stand right before it; of one word ("made of linen") it may not.
        """
        k = i - 1
        while k >= 0 and self.covered[k] == 3:
            k -= 1
        article, any_article = False, False
        while k >= 0 and self.tokens[k].text in _NAME_ARTICLES:
            if self.tokens[k].text == "your":
                return name.deed not in ("page", "viewed") or self._owned_after(i, name)
            if self.tokens[k].text == "this":
                return False  # "and this kit": the item itself
            any_article = True
            article = article or self.tokens[k].text not in ("a", "an")
            k -= 1
        before = self.tokens[k].text if k >= 0 else ""
        yours = any(t.text == "your" for t in self.tokens[max(k - 2, 0) : max(k, 0)])
        if (before in _NAME_BEFORE and (bare or any_article or before in _DEED_BEFORE)) or (yours and before in _OWNED):
            return True
        if before == "by" and k and self.tokens[k - 1].text == "saving":
            return True
        return article and self._owned_after(i, name)

    def _owned_after(self, i: int, name: Name) -> bool:
        """Whether "you bought", "in your cart" or "on this page" follows the name that i belongs to."""
        for token in self.tokens[i + 1 : i + 8]:
            if token.text in ("you", "your", "page"):
                return True
            if token.stop == 2 or (token.word not in name.words and token.text not in _TO_OWNER):
                return False
        return False
