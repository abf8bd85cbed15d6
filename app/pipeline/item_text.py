"""What a product says about itself in words: the text that is embedded, and the text that is searched."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from app.domain.catalog import WORDLESS_ATTRIBUTES, Product
from app.pipeline.seller_text import folded_words

DESCRIPTION_CHARS = 600
"""Of the description, this many characters are embedded: about half of the 256 tokens that MiniLM reads."""
SEARCH_DESCRIPTION_CHARS = 4_000
ATTRIBUTES = 8
_VALUE_CHARS = 80
_TAGS = 12
_RAW_CHARS = 20_000  # what is cleaned at all; bounds the work on a hostile text

_NOT_SEARCHED = WORDLESS_ATTRIBUTES - {"gtin", "mpn"}  # an article number is searched for
_MARKUP = re.compile(r"<[^<>]{0,300}>")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")  # Unicode category Cc
_SPACE = re.compile(r"\s+")


def item_text(product: Product) -> str:
    """The text that stands for a product in the vector space.

    Name first, because a model with a token limit cuts the end; then brand, category path, tags, a few attributes in
    the order of their names, and the start of the description. Parts that the shop left out leave no trace, so a
    product with a title only gives that title.

    Returns: one line, deterministic, free of markup, control characters and lone surrogates; "" for a product that
             says nothing.
    """
    parts = [
        _clean(product.name, _RAW_CHARS),
        _clean(product.brand, _VALUE_CHARS),
        _clean_path(product.category),
        ", ".join(_nonempty(_clean(tag, _VALUE_CHARS) for tag in product.tags[:_TAGS])),
        ", ".join(_attributes(product, limit=ATTRIBUTES)),
        _clean(product.description, DESCRIPTION_CHARS),
    ]
    return ". ".join(_nonempty(part.rstrip(".") for part in parts))


@dataclass(frozen=True, slots=True)
class SearchText:
    """What a shopper's words are matched against, in two parts of different weight."""

    main: str  # lines of name, brand, category, tags, description
    details: str = ""  # lines of attributes and the product id


def search_text(product: Product) -> SearchText:
    """The texts that a shopper's words are matched against: everything of `item_text` uncut, and the product id.

    Attributes are apart because there are many of them and few say what a product is: a cable's connector is "USB"
    (docs/decisions/008). Brand, category and tags whose words the name holds already are not said twice.
    """
    name = _clean(product.name, _RAW_CHARS)
    said = set(folded_words(name))
    labels = [
        _clean(product.brand, _VALUE_CHARS),
        _clean_path(product.category),
        *(_clean(tag, _VALUE_CHARS) for tag in product.tags),
    ]
    new = [label for label in labels if not said.issuperset(folded_words(label))]
    main = [name, *new, _clean(product.description, SEARCH_DESCRIPTION_CHARS)]
    details = [*_attributes(product, limit=None, hidden=_NOT_SEARCHED), _clean(product.product_id, _VALUE_CHARS)]
    return SearchText("\n".join(_nonempty(main)), "\n".join(_nonempty(details)))


def _attributes(product: Product, *, limit: int | None, hidden: frozenset[str] = WORDLESS_ATTRIBUTES) -> list[str]:
    names = sorted(name for name in product.attributes if name not in hidden)
    lines = []
    for name in names if limit is None else names[:limit]:
        value = product.attributes[name]
        values = (value,) if isinstance(value, str) else value
        text = " ".join(_nonempty(_clean(part, _VALUE_CHARS) for part in values))
        if text:
            lines.append(f"{_clean(name, _VALUE_CHARS)} {text}".strip())
    return lines


def _clean_path(category: str | None) -> str:
    if category is None:
        return ""
    return " > ".join(_nonempty(_clean(part, _VALUE_CHARS) for part in category.split(">")))


def _clean(text: str | None, limit: int) -> str:
    """One line of at most `limit` characters, cut at a word where one ends in the last quarter."""
    if not text:
        return ""
    plain = _MARKUP.sub(" ", html.unescape(_MARKUP.sub(" ", text[:_RAW_CHARS])))
    plain = unicodedata.normalize("NFKC", _SURROGATE.sub(" ", plain))
    plain = _SPACE.sub(" ", plain.translate(_CONTROL)).strip()
    if len(plain) <= limit:
        return plain
    cut = plain.rfind(" ", limit * 3 // 4, limit + 1)
    return plain[: cut if cut > 0 else limit].rstrip()


def _nonempty(parts: Iterable[str]) -> list[str]:
    return [part for part in parts if part]
