"""Where a sentence names the products, brands, categories and promotions of its cited facts."""

from __future__ import annotations

from collections.abc import Sequence

from app.pipeline.proof_facts import Backing, Name
from app.pipeline.proof_text import Token, word_set

_NAME_BEFORE = word_set(
    "with like as of to at your alongside after since and combine complement bought saved viewed holds purchased"
)
_OWNED = word_set("cart basket saved purchase recent earlier previous")
_NOT_OWNED = word_set("like as similar")
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
        for number, name in enumerate(self.backing.names, start=1):
            for offset, word in enumerate(name.words):
                for i in starts.get(word, ()):
                    self._name_at(i, number, name, offset)

    def _name_at(self, i: int, number: int, name: Name, offset: int) -> None:
        length = 0
        words = name.words[offset:]
        while length < len(words) and i + length < len(self.tokens) and self.tokens[i + length].word == words[length]:
            length += 1
        whole = length == len(name.words)
        if length == 1 and self.tokens[i].figure and not (i and self.covered[i - 1] == 3):
            return
        if length < 2 and not whole and not self._introduced(i):
            return
        if name.deed is not None and not whole and not self._introduced(i):
            return
        for k in range(i, i + length):
            if length > self.spans[k]:
                self.named[k], self.covered[k], self.spans[k] = number, 3, length
        self.used.add(name.fact_id)

    def _introduced(self, i: int) -> bool:
        """Whether a part of another product's name is introduced as one: "with the Iron Pan", "your pan"."""
        k = i - 1
        while k >= 0 and self.covered[k] == 3:
            k -= 1
        article = False
        while k >= 0 and self.tokens[k].text in _NAME_ARTICLES:
            if self.tokens[k].text == "your":
                return True
            article = article or self.tokens[k].text not in ("a", "an")
            k -= 1
        before = self.tokens[k].text if k >= 0 else ""
        yours = any(t.text == "your" for t in self.tokens[max(k - 2, 0) : max(k, 0)])
        if before in _NAME_BEFORE or (yours and before in _OWNED):
            return True
        if before == "by" and k and self.tokens[k - 1].text == "saving":
            return True
        return article and self._owned_after(i)

    def _owned_after(self, i: int) -> bool:
        """Whether "you bought", "in your cart" or "on this page" follows the name that i belongs to."""
        for token in self.tokens[i + 1 : i + 8]:
            if token.text in ("you", "your", "page"):
                return True
            if token.stop == 2 or token.text in _NOT_OWNED:
                return False
        return False
