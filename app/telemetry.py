"""Structured logs, request ids and Server-Timing. Logs hold no shopper and no product ids.

What is counted and traced of the work itself is told through app/observer.py.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Literal

import structlog
from starlette.types import Scope
from structlog.typing import EventDict

_TIMING_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_OWN_LOGGER = "shelfwise"

WITHHELD = "(withheld)"
"""Stands in a log line for what no log may hold."""

IdKind = Literal["user", "anonymous", "session"]
StandIn = Callable[[str, IdKind], str]
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


class _AlreadyLogged(logging.Filter):
    """Drops the server's copy of an exception that the API's handler has logged with its request id."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Exception in ASGI application")


class _WithoutIds:
    """Replaces the ids of shoppers among a line's fields: a log is read, copied and kept where the store is not."""

    def __init__(self, stand_in: StandIn | None) -> None:
        self._stand_in = stand_in

    def __call__(self, logger: object, method: str, line: EventDict) -> EventDict:
        for name in _KIND_OF.keys() & line.keys():
            if line[name] is not None:
                line[name] = WITHHELD if self._stand_in is None else self._stand_in(str(line[name]), _KIND_OF[name])
        for name in _TEXTS & line.keys():
            if line[name] is not None:
                line[name] = WITHHELD
        return line


def configure_logging(
    *,
    level: str = "INFO",
    style: Literal["json", "console"] = "json",
    stand_in: StandIn | None = None,
) -> None:
    """Sends structlog and the standard library's logs to standard error in one form. Calling it again replaces it.

    Args: level: a level name of the standard library; style: one JSON object a line, or text for a person;
          stand_in: id and kind → the pseudonym that stands in a line for a shopper; None withholds ids altogether.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        _WithoutIds(stand_in),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if style == "json":
        last: list[structlog.types.Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    else:
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(_OWN_LOGGER)
    # Here too, not only on the root logger: a library that sets its own logger's level (bm25s: DEBUG) goes past that.
    handler.setLevel(level)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    for old in [h for h in root.handlers if h.get_name() == _OWN_LOGGER]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line per request, each search of the index among them
    server = logging.getLogger("uvicorn.error")
    if not any(isinstance(f, _AlreadyLogged) for f in server.filters):
        server.addFilter(_AlreadyLogged())


def server_timing(durations_ms: Mapping[str, float]) -> str:
    """The value of a Server-Timing header: `profile;dur=0.8, total;dur=4.1`, in the order given.

    Names that are no header token are left out.
    """
    return ", ".join(f"{name};dur={ms:.1f}" for name, ms in durations_ms.items() if _TIMING_NAME.fullmatch(name))


def begin_request(scope: Scope, request_id: str) -> None:
    """Notes id and start of a request in its scope, and puts the id on every log line until the next request."""
    state = scope.setdefault("state", {})
    state["request_id"] = request_id
    state["started_s"] = time.perf_counter()
    state["stages_ms"] = {}
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)


def note_stages(scope: Scope, durations_ms: Mapping[str, float]) -> None:
    """Adds the stages of a slate to the request's Server-Timing; the slate's own total becomes `service`."""
    stages: dict[str, float] = scope["state"]["stages_ms"]
    for name, ms in durations_ms.items():
        stages["service" if name == "total" else name] = ms


def context_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers that every answer carries: request id, Server-Timing up to now, and no content sniffing."""
    state = scope.get("state", {})
    headers = [(b"x-content-type-options", b"nosniff")]
    if "request_id" in state:
        total_ms = (time.perf_counter() - state["started_s"]) * 1000.0
        timing = server_timing({**state["stages_ms"], "total": total_ms})
        headers += [(b"x-request-id", state["request_id"].encode()), (b"server-timing", timing.encode())]
    return headers
