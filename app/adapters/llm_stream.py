"""Reads one attempt's stream into text and facts, and says how the attempt ended."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from app.adapters.llm_library import Connection
from app.adapters.llm_usage import Reported
from app.adapters.llm_wire import CURRENT, WireFacts
from app.domain.model_calls import CallOutcome, ModelCall, ToolCall

RETRYABLE_STATUS = frozenset({500, 502, 503, 504, 529})
CONFIGURATION_STATUS = frozenset({400, 401, 402, 403, 404, 405, 413, 422})
_USAGE = re.compile(rb'"(?:usage|usageMetadata|prompt_eval_count)"\s*:\s*[{\d]')
_MAX_CHAIN = 8
MAX_TOOL_CALLS = 64
"""Tool calls of one reply that are read; the byte cap bounds them, too."""
_DECODER = json.JSONDecoder()


@dataclass(slots=True)
class Received:
    """What one attempt has got so far. Read by waiters while it grows."""

    wire: WireFacts = field(default_factory=WireFacts)
    pieces: list[str] = field(default_factory=list)
    tools: dict[int, list[str]] = field(default_factory=dict)  # index → id, name, pieces of the arguments
    first_at: float | None = None  # on the client's clock
    finish: str | None = None  # as litellm tells it
    reported: Reported | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)  # all that matters is here; litellm may go on

    def look(self) -> None:
        """Sets `over` once finish reason, usage and end of an OpenAI stream are here."""
        if self.finish is not None and self.wire.done and wire_usage(self.wire) is not None:
            self.over.set()

    @property
    def text(self) -> str:
        """All content so far."""
        return "".join(self.pieces)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools asked for so far, in the order of the reply."""
        held = sorted(self.tools.items())
        return tuple(ToolCall(parts[0], parts[1], "".join(parts[2:])) for _, parts in held)


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended."""

    outcome: CallOutcome
    detail: str = ""
    retryable: bool = False


async def receive(connection: Connection, call: ModelCall, received: Received, clock: Callable[[], float]) -> None:
    """Makes one attempt and fills `received`. Raises whatever litellm raises; connections are always given back."""
    token = CURRENT.set(received.wire)
    received.wire.on_bytes = received.look
    received.wire.enough = received.over.is_set
    try:
        async for chunk in await connection.stream(call):
            _take(chunk, received, clock)
            if received.finish is not None:
                received.look()
    finally:
        CURRENT.reset(token)
        await received.wire.close()


def _take(chunk: Any, received: Received, clock: Callable[[], float]) -> None:
    for choice in (getattr(chunk, "choices", None) or ())[:1]:
        content = getattr(choice.delta, "content", None)
        if isinstance(content, str) and content:
            received.pieces.append(content)
            if received.first_at is None:
                received.first_at = clock()
        for asked in getattr(choice.delta, "tool_calls", None) or ():
            _take_tool(asked, received)
            if received.first_at is None:
                received.first_at = clock()
        if choice.finish_reason:
            received.finish = str(choice.finish_reason)
    usage = getattr(chunk, "usage", None)
    if usage is not None:
        details = getattr(usage, "prompt_tokens_details", None)
        received.reported = Reported(
            getattr(usage, "prompt_tokens", None),
            getattr(usage, "completion_tokens", None),
            getattr(details, "cached_tokens", None),
        )


def _take_tool(asked: Any, received: Received) -> None:
    """One piece of a tool call; its id and name come with the first, the arguments in any number of pieces."""
    index = asked.index if isinstance(getattr(asked, "index", None), int) else len(received.tools)
    if index not in received.tools and len(received.tools) >= MAX_TOOL_CALLS:
        return
    parts = received.tools.setdefault(index, ["", ""])
    function = getattr(asked, "function", None)
    parts[0] = parts[0] or str(getattr(asked, "id", None) or "")
    parts[1] = parts[1] or str(getattr(function, "name", None) or "")
    arguments = getattr(function, "arguments", None)
    if isinstance(arguments, str) and arguments:
        parts.append(arguments)


def wire_usage(wire: WireFacts) -> Reported | None:
    """The last usage of an OpenAI stream, as it was sent; None for other protocols."""
    at = wire.body.rfind(b'"usage":')  # in content the quotes would be escaped
    if at < 0:
        return None
    text = bytes(wire.body[at + len(b'"usage":') :]).decode("utf-8", "replace").lstrip()
    try:
        usage, _ = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(usage, dict) or "prompt_tokens" not in usage or "completion_tokens" not in usage:
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Reported(usage["prompt_tokens"], usage["completion_tokens"], cached)


def reported_usage(received: Received) -> Reported | None:
    """The provider's figures; None when it sent none, whatever litellm made up in their place."""
    if received.reported is None:
        return wire_usage(received.wire)
    return received.reported if _USAGE.search(received.wire.body) else None


def ending_of(received: Received, error: BaseException | None, *, model: str) -> Ending:
    """The ending of an attempt that is over, from what went over the wire; the exception only fills gaps."""
    wire = received.wire
    if wire.fault == "too_large":
        return Ending("too_large")
    if wire.fault is not None:
        return Ending("malformed", wire.fault)
    if wire.status == 429:
        return Ending("rate_limited", "429")
    if wire.status is not None and wire.status >= 400:
        if wire.status in CONFIGURATION_STATUS:
            return Ending("unauthorized", str(wire.status))
        return Ending("provider_error", str(wire.status), retryable=wire.status in RETRYABLE_STATUS)
    if wire.status is None:
        return _unanswered(error, wire)
    if not same_family(model, wire.model):
        return Ending("malformed", "another model")
    if wire.refused or received.finish == "content_filter":
        return Ending("refused")
    has_text = bool(received.pieces or received.tools)
    if error is not None:
        kind = type(_root(error)).__name__
        return Ending("cut", kind) if has_text else Ending("provider_error", kind, retryable=_lost(error))
    if not has_text:
        return Ending("empty")
    if received.finish == "length":
        return Ending("cut", "length")
    return Ending("complete") if wire.ended else Ending("cut", "no end")


def _unanswered(error: BaseException | None, wire: WireFacts) -> Ending:
    """No status line came: the connection failed, or litellm refused to make the request."""
    kind = "nothing" if error is None else type(_root(error)).__name__
    if wire.requests == 0:
        return Ending("unauthorized", f"not sent: {kind}")
    if error is not None and _is_tls(error):
        return Ending("provider_error", f"TLS: {kind}")
    return Ending("provider_error", kind, retryable=True)


def same_family(asked: str, told: str | None) -> bool:
    """Whether the provider may have meant the model asked for: "gpt-4o-mini" answers as "gpt-4o-mini-2024-07-18".

    Only the family is compared, the letters that a name begins with: aliases like "-latest" resolve to other versions.
    """
    if told is None or asked.startswith(("azure", "openrouter/", "litellm_proxy/", "bedrock/")):
        return True  # names of deployments and routers, which answer with the model behind them
    return _family(asked) == _family(told)


def _family(name: str) -> str:
    found = re.match(r"[a-z]+", name.rsplit("/", 1)[-1].lower())
    return "" if found is None else found[0]


def failed(outcome: CallOutcome, detail: str) -> bool:
    """Whether an ending speaks against the provider's health. A refusal or a length limit does not."""
    return outcome not in ("complete", "refused") and not (outcome == "cut" and detail == "length")


def _chain(error: BaseException) -> list[BaseException]:
    chain = [error]
    while len(chain) < _MAX_CHAIN:
        following = chain[-1].__cause__ or chain[-1].__context__ or getattr(chain[-1], "original_exception", None)
        if not isinstance(following, BaseException) or following in chain:
            break
        chain.append(following)
    return chain


def _root(error: BaseException) -> BaseException:
    return _chain(error)[-1]


def _is_tls(error: BaseException) -> bool:
    return any(isinstance(e, ssl.SSLError) or "CERTIFICATE" in str(e) for e in _chain(error))


def _lost(error: BaseException) -> bool:
    return any(isinstance(e, httpx.TransportError | OSError) for e in _chain(error))


Refusal = Literal["circuit_open", "overloaded"]
