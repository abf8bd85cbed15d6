"""What no log line may hold, and what stands in its place: a log is read, copied and kept where the store is not."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Literal

from structlog.typing import EventDict

WITHHELD = "(withheld)"
"""Stands in a log line for what no log may hold."""

IdKind = Literal["user", "anonymous", "session"]
StandIn = Callable[[str, IdKind], str]
"""A shopper's id and its kind → the pseudonym that may stand in a log."""

_KIND_OF: Mapping[str, IdKind] = {
    "user_id": "user",
    "userId": "user",
    "anonymous_id": "anonymous",
    "anonymousId": "anonymous",
    "session_id": "session",
    "sessionId": "session",
}
# Fields that hold what a shopper wrote or stated: no log needs them.
_TEXTS = frozenset({"query", "note", "email", "preferences"})


class Withholding:
    """Replaces the ids of shoppers among a line's fields, and what they wrote."""

    def __init__(self, stand_in: StandIn | None) -> None:
        """Args: stand_in: None withholds ids altogether."""
        self._stand_in = stand_in

    def __call__(self, logger: object, method: str, line: EventDict) -> EventDict:
        """A structlog processor."""
        for name in _KIND_OF.keys() & line.keys():
            if line[name] is not None:
                line[name] = WITHHELD if self._stand_in is None else self._stand_in(str(line[name]), _KIND_OF[name])
        for name in _TEXTS & line.keys():
            if line[name] is not None:
                line[name] = WITHHELD
        return line


def frames_only(logger: object, method: str, line: EventDict) -> EventDict:
    """A structlog processor: an exception becomes its type and where it was raised, without its message.

    A message may repeat any value that code was working on (`KeyError: 'ann@example.com'`), and so may the object
    that asyncio names with an exception that nobody fetched, after the first line of its message.
    """
    error = _error_of(line.pop("exc_info", None))
    if error is not None:
        line["exception"] = "\n".join(_told(error, set()))
    if line.get("logger") == "asyncio":
        line["event"] = str(line["event"]).split("\n", 1)[0]
    return line


def _error_of(given: object) -> BaseException | None:
    """The exception of a line, as structlog and the standard library hand it over."""
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple) and len(given) == 3:
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given else None


def _told(error: BaseException, seen: set[int]) -> list[str]:
    """Lines of an exception and of those behind it, the first cause first."""
    seen.add(id(error))
    before = error.__cause__ if error.__cause__ is not None or error.__suppress_context__ else error.__context__
    lines = [] if before is None or id(before) in seen else [*_told(before, seen), "then:"]
    lines += _frames(error.__traceback__)
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            if id(one) not in seen:
                lines += ["of a group:", *_told(one, seen)]
    return [*lines, type(error).__qualname__]


def _frames(where: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(where)]
