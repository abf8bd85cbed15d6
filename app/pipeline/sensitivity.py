"""What must not be said about a shopper: sensitive subjects, and words for age and gender."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from app.domain.catalog import BoolArray, Product, Snapshot, category_key
from app.pipeline.seller_text import folded_words

_VERDICTS_KEPT = 50_000
"""Names, tags, categories and attribute values recur in every request; their texts are short."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Words and phrases that are looked for as whole words, plurals and hyphens ignored."""

    words: frozenset[str]
    phrases: tuple[str, ...]  # folded, with a space at either end
    openings: frozenset[str]  # first words of the phrases: most texts hold none, and need no search for phrases
    verdicts: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)  # of texts asked about before

    @classmethod
    def of(cls, terms: Iterable[str]) -> Terms:
        """Terms in any spelling; those without a letter or digit are left out."""
        folded = [folded_words(term) for term in terms]
        return cls(
            words=frozenset(words[0] for words in folded if len(words) == 1),
            phrases=tuple(sorted(f" {' '.join(words)} " for words in folded if len(words) > 1)),
            openings=frozenset(words[0] for words in folded if len(words) > 1),
        )

    def found_in(self, text: str) -> bool:
        """Whether the text holds one of the terms."""
        verdict = self.verdicts.get(text)
        if verdict is None:
            if len(self.verdicts) >= _VERDICTS_KEPT:
                self.verdicts.clear()
            verdict = self.verdicts[text] = self._found_in(text)
        return verdict

    def _found_in(self, text: str) -> bool:
        words = folded_words(text)
        if not self.words.isdisjoint(words):
            return True
        if self.openings.isdisjoint(words):
            return False
        joined = f" {' '.join(words)} "
        return any(phrase in joined for phrase in self.phrases)


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Decides which products and texts may take part in a reason.

    A *sensitive* product gets neutral catalogue facts only. An *unspoken* word (age, gender) is not a secret of the
    product, "Women > Dresses" is a normal category, but no sentence to a shopper repeats it.
    """

    terms: Terms
    unspoken: Terms
    categories: tuple[str, ...]  # category keys; those below are meant too
    tags: frozenset[str]  # case folded
    attributes: frozenset[str]  # attribute names, case folded, that are never compared with a profile
    verdicts: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)  # of category paths, so far

    def sensitive_product(self, product: Product) -> bool:
        """Whether name, category, a tag or an attribute of the product touches a sensitive subject."""
        if self.sensitive_category(product.category) or self.terms.found_in(product.name):
            return True
        if any(tag.strip().casefold() in self.tags or self.terms.found_in(tag) for tag in product.tags):
            return True
        return any(
            self.terms.found_in(name) or any(self.terms.found_in(v) for v in attribute_values(value))
            for name, value in product.attributes.items()
        )

    def sensitive_category(self, path: str | None) -> bool:
        """Whether a category path is listed, lies below a listed one or holds a sensitive term."""
        if path is None:
            return False
        verdict = self.verdicts.get(path)
        if verdict is None:
            if len(self.verdicts) >= _VERDICTS_KEPT:
                self.verdicts.clear()
            verdict = self.verdicts[path] = self._sensitive_category(path)
        return verdict

    def _sensitive_category(self, path: str) -> bool:
        key = category_key(path)
        if any(key == listed or key.startswith(listed + " > ") for listed in self.categories):
            return True
        return self.terms.found_in(path)

    def speakable(self, text: str) -> bool:
        """Whether a sentence to a shopper may hold this text."""
        return not self.terms.found_in(text) and not self.unspoken.found_in(text)


def attribute_values(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """The values of one attribute, however many it has."""
    return (value,) if isinstance(value, str) else tuple(value)


def sensitive_rows(snapshot: Snapshot, sensitivity: Sensitivity, known_names: dict[str, bool]) -> BoolArray:
    """Rows of products whose category, name, tag or attribute value is sensitive; shape (n,).

    Args: known_names: verdicts on names from earlier snapshots; new ones are added, so that a change costs only itself.
    """
    categories = np.asarray([*(sensitivity.sensitive_category(c) for c in snapshot.categories), False], dtype=np.bool_)
    sensitive: BoolArray = categories[snapshot.category]
    for label, rows in snapshot.tag_rows.items():
        if label in sensitivity.tags or sensitivity.terms.found_in(label):
            sensitive[rows] = True
    for name in snapshot.names:
        if name not in known_names:
            known_names[name] = sensitivity.terms.found_in(name)
    named = np.fromiter((known_names[name] for name in snapshot.names), dtype=np.bool_, count=len(snapshot))
    return sensitive | named
