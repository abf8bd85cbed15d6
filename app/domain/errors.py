"""Every error that Shelfwise raises on purpose.

    ShelfwiseError
    ├── BadInput                what a caller sent can't be used          (HTTP 4xx, CLI exit 2)
    │   ├── UnknownProduct
    │   ├── UnknownRecommendation
    │   ├── ShopperErased       the shopper was erased while the request was under way
    │   └── ImportRejected      a file can't be read at all; nothing was changed
    ├── ConfigurationError      settings or rules are wrong: the start is refused
    │   └── RulesError          names file, line and, where one is near, the word meant
    ├── StoreUnavailable        the database can't be opened, read or written
    ├── Overloaded              more is waiting than can be taken; nothing was written, later it may be
    ├── WorkersFailed           none of several worker processes can start
    └── Degraded                a part is missing or broken and the service goes on without it
        ├── IndexUnavailable    the vector index can't be opened or answered wrongly
        ├── ModelUnavailable    no usable baseline model file
        └── EmbedderUnavailable the embedding model is not on this machine

Each message says what happened, where, and what to do about it.
"""

from __future__ import annotations


class ShelfwiseError(Exception):
    """Root of the tree above."""


class BadInput(ShelfwiseError):
    """What a caller sent can't be used. `field` names the offending input where there is one."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class UnknownProduct(BadInput):
    """No product has this id."""

    def __init__(self, product_id: str) -> None:
        super().__init__(f"No product has the id {product_id!r}.", field="productId")
        self.product_id = product_id


class UnknownRecommendation(BadInput):
    """No served slate has this id, or it was older than the retention period."""

    def __init__(self, recommendation_id: str) -> None:
        super().__init__(
            f"No recommendation has the id {recommendation_id!r}; served slates are kept for 30 days.",
            field="recommendationId",
        )


class ShopperErased(BadInput):
    """The shopper was erased after the request had begun; nothing of it was stored."""

    def __init__(self) -> None:
        super().__init__(
            "The shopper was erased while this request was under way, so it was not stored. Send it again if the "
            "shopper, who is a new one now, still wants it."
        )


class ImportRejected(BadInput):
    """A file can't be read at all; nothing of the import was written."""


class ConfigurationError(ShelfwiseError):
    """Settings are wrong; the start is refused."""


class RulesError(ConfigurationError):
    """A file in rules/ is wrong. The message starts with `file:line:`."""


class StoreUnavailable(ShelfwiseError):
    """The database is damaged, locked by somebody else, or its disk is full; nothing was written."""


class Overloaded(ShelfwiseError):
    """More work is waiting than may; nothing of this was taken. Sent again after a moment it may be."""


class WorkersFailed(ShelfwiseError):
    """The workers of `serve --workers` end at their start, and none serves."""


class Degraded(ShelfwiseError):
    """A part is missing or broken; the service goes on without it."""


class IndexUnavailable(Degraded):
    """The vector index can't be opened, or answered wrongly."""


class ModelUnavailable(Degraded):
    """No usable baseline model file was found."""


class EmbedderUnavailable(Degraded):
    """The embedding model is not on this machine."""
