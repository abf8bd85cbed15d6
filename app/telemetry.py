"""Structured logs, request ids and Server-Timing. Logs hold no shopper and no product ids.

What is counted and traced of the work itself is told through app/observer.py.
"""

from __future__ import annotations

import contextvars
import functools
import hashlib
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Literal, ParamSpec, TypeVar

import orjson
import structlog
from starlette.types import Scope

from app.ids import new_id
from app.log_lines import LogLines, access_line
from app.log_privacy import WITHHELD, StandIn, Withholding, frames_only

__all__ = [
    "LINES_WAIT_S",
    "WITHHELD",
    "ContextPool",
    "StandIn",
    "begin_request",
    "configure_logging",
    "context_headers",
    "end_request",
    "note_slate",
    "note_stages",
    "server_timing",
    "settle_logs",
    "trace_id_of",
]

_TIMING_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_OWN_LOGGER = "shelfwise"
_logger = logging.getLogger(__name__)
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_PROBES = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked every few seconds: their good answers are no news."""

LINES_WAIT_S = 0.1
"""How long lines of the access log wait for others where many requests are answered: one call of the operating system
writes them all. Any other line, and the end of the service, writes what waits first."""

_NO_IDS: Mapping[str, str] = {}
_ids: contextvars.ContextVar[Mapping[str, str]] = contextvars.ContextVar("shelfwise_request_ids", default=_NO_IDS)
"""request_id and trace_id of the request under way."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _AlreadyLogged(logging.Filter):
    """Drops the server's copy of an exception that the API's handler has logged with its request id."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Exception in ASGI application")


def configure_logging(
    *,
    level: str = "INFO",
    style: Literal["json", "console"] = "json",
    stand_in: StandIn | None = None,
    lines_wait_s: float | None = None,
) -> None:
    """Sends structlog and the standard library's logs to standard error in one form. Calling it again replaces it.

    Args: level: a level name of the standard library; style: one JSON object a line, or text for a person;
          stand_in: id and kind → the pseudonym that stands in a line for a shopper; None withholds ids altogether;
          lines_wait_s: how long lines of the access log may wait for others, until `settle_logs`; None: not at all.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_ids,
        Withholding(stand_in),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if style == "json":
        last: list[structlog.types.Processor] = [
            frames_only,
            structlog.processors.JSONRenderer(_line),
        ]
    else:
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    json_lines = style == "json"
    handler = LogLines(sys.stderr, wait_s=lines_wait_s) if json_lines else logging.StreamHandler(sys.stderr)
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
        with suppress(ValueError):  # its stream is closed already, as where a program ran inside another
            old.flush()
    root.addHandler(handler)
    root.setLevel(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line per request, each search of the index among them
    server = logging.getLogger("uvicorn.error")
    if not any(isinstance(f, _AlreadyLogged) for f in server.filters):
        server.addFilter(_AlreadyLogged())


def _line(fields: Mapping[str, object], default: Callable[[object], object], **others: object) -> str:
    """A log line's fields as JSON; quickly where they are plain."""
    try:
        return orjson.dumps(fields, default=default).decode()
    except TypeError:  # half a surrogate pair, or a number beyond 64 bits
        return json.dumps(fields, default=default)


def server_timing(durations_ms: Mapping[str, float]) -> str:
    """The value of a Server-Timing header: `profile;dur=0.8, total;dur=4.1`, in the order given.

    Names that are no header token are left out.
    """
    return ", ".join([f"{name};dur={ms:.1f}" for name, ms in durations_ms.items() if _is_timing_name(name)])


@functools.lru_cache(maxsize=256)
def _is_timing_name(name: str) -> bool:
    return _TIMING_NAME.fullmatch(name) is not None


def trace_id_of(request_id: str) -> str:
    """The W3C trace id of a request: its own id where that is one, as those made here are, else a digest of it.

    32 hexadecimal digits, the same in every process and at any later time, so that a click finds the trace of what was
    clicked. All zeros would be one, but stands for "none" in that standard.
    """
    if _TRACE_ID.fullmatch(request_id) and int(request_id, 16):
        return request_id
    return hashlib.blake2b(request_id.encode(), digest_size=16).hexdigest()


def settle_logs() -> None:
    """Writes the lines that wait, and each later one at once. The service calls it when it ends."""
    lines = _lines()
    if lines is not None:
        lines.settle()


def _lines() -> LogLines | None:
    """Where lines of the access log go directly; None where they go the way of all others, or nowhere."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogLines) and handler.level <= logging.INFO:
            return handler
    return None


def _with_ids(logger: object, method: str, line: structlog.types.EventDict) -> structlog.types.EventDict:
    """A structlog processor: the ids of the request under way, where the line does not name others."""
    for name, value in _ids.get().items():
        line.setdefault(name, value)
    return line


def begin_request(scope: Scope, sent_id: str | None) -> None:
    """Notes id and start of a request in its scope, and puts its ids on every log line until the next request.

    Args: sent_id: the client's own id for it; None: it is given one.
    """
    request_id = new_id() if sent_id is None else sent_id
    state = scope.setdefault("state", {})
    state["request_id"] = request_id
    state["started_s"] = time.perf_counter()
    state["stages_ms"] = {}
    _ids.set({"request_id": request_id, "trace_id": request_id if sent_id is None else trace_id_of(sent_id)})


def end_request(scope: Scope, status: int) -> tuple[str, float]:
    """Writes the request's line of the access log.

    Args:    status: of the answer; 499: the client left before one was begun.
    Returns: the template of its route, "other" where it has none, and the seconds it took. Never the path: that can
             hold a shopper's id.
    """
    state = scope["state"]
    seconds = time.perf_counter() - state["started_s"]
    template = getattr(scope.get("route"), "path", None)
    endpoint = template.replace(":path}", "}") if isinstance(template, str) else "other"
    if endpoint not in _PROBES or status >= 400:
        method = scope["method"] if scope["method"].isalpha() else "other"
        ms, slate = round(seconds * 1000.0, 1), state.get("slate", {})
        lines = _lines()
        if lines is None or not _logger.isEnabledFor(logging.INFO):
            structlog.get_logger(__name__).info(
                "request", method=method, endpoint=endpoint, status=status, ms=ms, **slate
            )
        else:
            lines.say(access_line(method=method, endpoint=endpoint, status=status, ms=ms, slate=slate, ids=_ids.get()))
    return endpoint, seconds


def note_slate(scope: Scope, *, strategy: str, fallback_reason: str | None, recommendation_id: str) -> None:
    """Puts onto the request's line of the access log where the order of its slate came from; the last slate counts.

    From here on the lines name the slate's own trace: that of its recommendation, whichever request asked for it.
    """
    _ids.set({**_ids.get(), "trace_id": trace_id_of(recommendation_id)})
    scope["state"]["slate"] = {
        "strategy": strategy,
        "fallback_reason": fallback_reason,
        "recommendation_id": recommendation_id,
    }


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


class ContextPool(ThreadPoolExecutor):
    """Threads whose log lines carry the ids of the request that gave them their work."""

    @property
    def depth(self) -> int:
        """Work that no thread has begun."""
        return self._work_queue.qsize()

    @property
    def capacity(self) -> None:
        """Without a bound."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """See ThreadPoolExecutor."""
        return super().submit(contextvars.copy_context().run, functools.partial(fn, *args, **kwargs))
