"""What of the validation and rendering of requests that were answered a moment ago can be used again.

Validation is a function of the query string alone, rendering one of the slate. For a slate that the service remembers
(docs/decisions/021) that leaves an answer's own id, its asker and its milliseconds to be written.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from app.api.answers import API_VERSION, slate_answer
from app.domain.catalog import Product
from app.domain.ranking import PublicReason, Query, RankedItem, Slate

_VERSION = b',"apiVersion":' + orjson.dumps(API_VERSION) + b',"recommendations":'
MOST_ASKED = 4096
MOST_RENDERED = 2048
LONGEST_BYTES = 1024
"""Of a query string that is remembered; longer ones are read anew."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query string that was valid, as the domain's query, and what routing found for it."""

    query: Query
    route: Mapping[str, object]  # of the scope: `endpoint`, `route`


@dataclass(slots=True)
class AskedBefore:
    """Valid query strings, the ones used last kept. Lives on the event loop."""

    _known: OrderedDict[bytes, Asked] = field(default_factory=OrderedDict)

    def find(self, query_string: bytes) -> Asked | None:
        """What this very query string means, None where it must be read."""
        found = self._known.get(query_string)
        if found is not None:
            self._known.move_to_end(query_string)
        return found

    def remember(self, query_string: bytes, asked: Asked) -> None:
        """Keeps what a valid query string means."""
        if len(query_string) > LONGEST_BYTES:
            return
        self._known[query_string] = asked
        if len(self._known) > MOST_ASKED:
            self._known.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Parts:
    items: tuple[RankedItem, ...]  # held, so that its identity is not given to another
    recommendations: bytes
    meta: bytes  # without latencyMs and without its closing brace


@dataclass(slots=True)
class Renderer:
    """Slates as the bytes of their answers; those of a slate that comes again are used again. Lives on the event loop.

    Args: products: current records by id; public_reasons: for publishable keys, rule id → public reason.
    """

    currency: str
    products: Callable[[Sequence[str]], Mapping[str, Product]]
    public_reasons: Mapping[str, PublicReason]
    _known: OrderedDict[tuple[int, bool, bool], _Parts] = field(default_factory=OrderedDict)

    def body(self, slate: Slate, *, secret: bool) -> bytes:
        """The JSON of `slate_answer`, for a caller with a secret or a publishable key.

        A product that has gone since ranking is left out.
        """
        parts = self._parts(slate, secret)
        return b"".join(
            (
                b'{"recommendationId":',
                orjson.dumps(slate.recommendation_id),
                b',"userId":',
                orjson.dumps(slate.query.user_id),
                _VERSION,
                parts.recommendations,
                b',"meta":',
                parts.meta,
                b',"latencyMs":',
                orjson.dumps({name: round(ms, 2) for name, ms in slate.latency_ms.items()}),
                b"}}",
            )
        )

    def _parts(self, slate: Slate, secret: bool) -> _Parts:
        # Whoever holds the same tuple of items holds what came of one composition: everything but latency is the same.
        key = (id(slate.items), secret, slate.usage is None)
        found = self._known.get(key)
        if found is not None and found.items is slate.items:
            self._known.move_to_end(key)
            return found
        answer = slate_answer(
            slate,
            self.products([item.product_id for item in slate.items]),
            currency=self.currency,
            public_reasons=None if secret else self.public_reasons,
        )
        meta = answer["meta"]
        assert isinstance(meta, dict)
        del meta["latencyMs"]
        options = orjson.OPT_SERIALIZE_NUMPY
        found = _Parts(
            slate.items,
            orjson.dumps(answer["recommendations"], option=options),
            orjson.dumps(meta, option=options)[:-1],
        )
        if slate.items:
            self._known[key] = found
            if len(self._known) > MOST_RENDERED:
                self._known.popitem(last=False)
        return found
