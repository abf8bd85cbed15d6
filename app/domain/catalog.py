"""Products, and the column-wise snapshot of a catalogue that a request is answered from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]

SEASONS = ("spring", "summer", "autumn", "winter")
"""Bit i of a season mask stands for SEASONS[i]; a mask of 0 means all year."""

WORDLESS_ATTRIBUTES = frozenset({"item_group_id", "additional_image_link", "gtin", "mpn"})
"""Attributes that identify a product or point to files: kept and answered, but no words that describe it."""


@dataclass(frozen=True, slots=True)
class Product:
    """One product as the shop describes it. Money is in integer minor units; None means the shop did not say."""

    product_id: str
    name: str
    description: str = ""
    brand: str | None = None
    category: str | None = None  # a path, "Electronics > Headphones"
    price_minor: int | None = None
    list_price_minor: int | None = None
    cost_minor: int | None = None
    stock: int | None = None
    available: bool = True
    image_url: str | None = None
    url: str | None = None
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    rating_value: float | None = None  # 0..5
    rating_count: int | None = None
    created_at: float | None = None  # epoch seconds, UTC
    seasons: tuple[str, ...] = ()
    # Derived by the store from the price and availability history:
    price_since: float | None = None  # when the current price took effect, epoch seconds
    reference_price_minor: int | None = None  # lowest price of the 30 days before price_since
    restocked_at: float | None = None  # last change from sold out to in stock, epoch seconds


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An immutable, column-wise view of all products at one change sequence.

    Row r of every array is the same product; rows are in the order in which products were first stored, so a
    product keeps its row from one snapshot to the next. Unknown numbers are NaN, unknown codes are -1.
    """

    sequence: int
    product_ids: tuple[str, ...]
    row_of: Mapping[str, int]
    names: tuple[str, ...]
    price_minor: FloatArray
    margin: FloatArray  # (price - cost) / price; NaN where either is unknown or the price is 0
    stock: FloatArray
    available: BoolArray  # False for products switched off or deleted
    category: IntArray  # code into categories (full path)
    categories: tuple[str, ...]
    brand: IntArray  # code into brands
    brands: tuple[str, ...]
    created_at: FloatArray  # epoch seconds
    rating_value: FloatArray
    rating_count: FloatArray
    season_mask: NDArray[np.uint8]
    price_since: FloatArray
    reference_price_minor: FloatArray
    restocked_at: FloatArray
    tag_rows: Mapping[str, IntArray]  # lower-cased tag or attribute value (words only) → rows that carry it

    def __len__(self) -> int:
        return len(self.product_ids)

    def rows(self, product_ids: Sequence[str]) -> IntArray:
        """Rows of the given ids, in their order, ids that are not in the catalogue left out."""
        found = [self.row_of[p] for p in product_ids if p in self.row_of]
        return np.asarray(found, dtype=np.int32)

    def rows_in_category(self, path: str) -> BoolArray:
        """Mask of products in the category `path` or below it ("A" holds "A > B"). Case-insensitive."""
        wanted = category_key(path)
        codes = np.fromiter(
            (category_key(c) == wanted or category_key(c).startswith(wanted + " > ") for c in self.categories),
            dtype=np.bool_,
            count=len(self.categories),
        )
        mask = np.zeros(len(self), dtype=np.bool_)
        known = self.category >= 0
        mask[known] = codes[self.category[known]]
        return mask


@lru_cache(maxsize=8192)  # the paths of a catalogue recur in every request
def category_key(path: str) -> str:
    """A category path in one comparable form: parts trimmed, joined by ' > ', case folded."""
    return " > ".join(part.strip() for part in path.split(">") if part.strip()).casefold()


def top_category(path: str) -> str:
    """The first part of a category path."""
    return path.split(">", 1)[0].strip()
