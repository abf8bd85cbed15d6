"""Faults of a provider that respx can show: status codes, odd bodies, usage, refusals. What each costs and becomes."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import respx
import structlog

from app.adapters.llm_wire import MAX_BYTES
from tests.adapters.llm.llm_calls import (
    LIBRARY_WARNINGS,
    REPLY,
    URL,
    MakeClient,
    ask,
    chunk,
    good_reply,
    make_call,
    sse,
    usage_chunk,
)

EVENTS = {"content-type": "text/event-stream"}

pytestmark = LIBRARY_WARNINGS


def stream(content: bytes, **changes: Any) -> httpx.Response:
    """A 200 with server-sent events."""
    return httpx.Response(200, **{"headers": EVENTS, "content": content, **changes})


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
@respx.mock
async def test_a_configuration_error_is_not_retried_and_raises_the_alarm(make_client: MakeClient, status: int) -> None:
    """One request, one log line with the status and without the provider's text, no cost."""
    secret = "the provider quotes the prompt"
    route = respx.post(URL).respond(status, json={"error": {"message": secret}})
    with structlog.testing.capture_logs() as logs:
        reply = await ask(make_client())
    assert route.call_count == 1
    assert (reply.outcome, reply.detail, reply.text) == ("unauthorized", str(status), "")
    assert (reply.usage.input_tokens, reply.usage.cost_usd) == (0, 0.0)
    assert [entry["event"] for entry in logs] == ["model_configuration"]
    assert secret not in json.dumps(logs)


@respx.mock
async def test_a_context_overflow_is_configuration(make_client: MakeClient) -> None:
    """A 400 of its own kind in litellm; the status decides."""
    error = {"message": "maximum context length is 8192 tokens", "code": "context_length_exceeded"}
    route = respx.post(URL).respond(400, json={"error": error})
    assert (await ask(make_client())).outcome == "unauthorized"
    assert route.call_count == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
@respx.mock
async def test_a_server_error_is_retried_once_at_most_and_within_the_budget(
    make_client: MakeClient, status: int
) -> None:
    """No retry before ten calls have paid for one; then exactly one, which may succeed."""
    client = make_client()
    route = respx.post(URL).mock(return_value=stream(good_reply()))
    for _ in range(9):
        await ask(client)
    route.side_effect = [httpx.Response(status), stream(good_reply())]
    assert (await ask(client, deadline_ms=10_000)).outcome == "complete"
    assert route.call_count == 11
    route.side_effect = [httpx.Response(status)]
    reply = await ask(client, deadline_ms=10_000)
    assert (reply.outcome, reply.detail) == ("provider_error", str(status))
    assert route.call_count == 12


@pytest.mark.parametrize("deadline_ms", [0, 150])
@respx.mock
async def test_no_retry_without_half_of_the_deadline(make_client: MakeClient, deadline_ms: float) -> None:
    """Nobody waits for a second attempt; the jitter alone may take 100 ms."""
    client = make_client()
    route = respx.post(URL).mock(return_value=stream(good_reply()))
    for _ in range(12):
        await ask(client)
    route.return_value = httpx.Response(503)
    assert (await ask(client, deadline_ms=deadline_ms)).outcome == "provider_error"
    assert route.call_count == 13


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("refused"), httpx.ReadError("reset"), httpx.RemoteProtocolError("stale keep-alive")]
)
@respx.mock
async def test_a_lost_connection_is_retried_like_a_server_error(make_client: MakeClient, error: Exception) -> None:
    """DNS, refused, reset, stale keep-alive: once, then the provider's error; it costs nothing."""
    client = make_client()
    route = respx.post(URL).mock(return_value=stream(good_reply()))
    for _ in range(10):
        await ask(client)
    route.side_effect = error
    reply = await ask(client, deadline_ms=10_000)
    assert (reply.outcome, reply.usage.cost_usd) == ("provider_error", 0.0)
    assert route.call_count == 12


@respx.mock
async def test_a_wrong_certificate_is_not_retried(make_client: MakeClient) -> None:
    """Verification stays on, and asking again does not help."""
    client = make_client()
    route = respx.post(URL).mock(return_value=stream(good_reply()))
    for _ in range(10):
        await ask(client)
    message = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired"
    route.side_effect = httpx.ConnectError(message)
    reply = await ask(client, deadline_ms=10_000)
    assert reply.outcome == "provider_error"
    assert reply.detail.startswith("TLS")
    assert route.call_count == 11


class Pieces(httpx.AsyncByteStream):
    """A body in the given pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


SECOND = {"index": 1, "delta": {"content": "no"}, "finish_reason": None}
TWO_CHOICES = {**chunk(), "choices": [*chunk(REPLY)["choices"], SECOND]}
NOT_GZIP = httpx.Response(200, headers={**EVENTS, "content-encoding": "gzip"}, stream=Pieces(b"plain text"))
ODD = {
    "html with 200": (stream(b"<html>hello</html>", headers={"content-type": "text/html"}), "malformed", ""),
    "charset": (stream(good_reply(), headers={"content-type": "text/event-stream; charset=utf-16"}), "malformed", ""),
    "redirect": (httpx.Response(307, headers={"location": "http://elsewhere.test/"}), "malformed", ""),
    "unasked encoding": (stream(b"x", headers={**EVENTS, "content-encoding": "br"}), "malformed", ""),
    "no gzip at all": (NOT_GZIP, "malformed", ""),
    "empty": (stream(b""), "empty", ""),
    "204": (httpx.Response(204), "empty", ""),
    "no choices": (stream(sse({**chunk("x"), "choices": []})), "empty", ""),
    "null content": (stream(sse(chunk(None), chunk(None, "stop"), usage_chunk())), "empty", ""),
    "another model": (stream(good_reply().replace(b"gpt-4o-mini", b"evil-7b")), "malformed", ""),
    "length": (stream(sse(chunk('{"order":["C"'), chunk(None, "length"), usage_chunk())), "cut", '{"order":["C"'),
    "content filter": (stream(sse(chunk("I"), chunk(None, "content_filter"), usage_chunk())), "refused", ""),
    "refusal": (stream(sse(chunk(None, refusal="I can't."), chunk(None, "stop"), usage_chunk())), "refused", ""),
    "no end": (stream(sse(chunk('{"order":["C"'), done=False)), "cut", '{"order":["C"'),
    "cut in a chunk": (stream(sse(chunk('{"order":'), done=False) + b'data: {"id":"x","choi'), "cut", '{"order":'),
    "error event": (stream(sse(chunk('{"order":'), {"error": {"message": "x"}}, done=False)), "cut", '{"order":'),
    "error at once": (stream(sse({"error": {"message": "overloaded"}}, done=False)), "provider_error", ""),
    "second choice": (stream(sse(TWO_CHOICES, chunk(None, "stop"))), "complete", REPLY),
    "too much": (stream(sse(*[chunk("x" * 1000)] * 300)), "too_large", None),
    "white space": (stream(sse(*[chunk(" " * 1000)] * 300)), "too_large", None),
    "error page of 10 MB": (httpx.Response(500, content=b"x" * 10_000_000), "too_large", ""),
}


@pytest.mark.parametrize("name", ODD)
@respx.mock
async def test_an_odd_reply_becomes_an_outcome(make_client: MakeClient, name: str) -> None:
    """One request each, never an exception; text only where a prefix may be used."""
    response, outcome, text = ODD[name]
    route = respx.post(URL).mock(return_value=response)
    reply = await ask(make_client())
    assert route.call_count == 1
    assert reply.outcome == outcome
    assert text is None or reply.text == text
    assert len(reply.text) <= MAX_BYTES
    assert reply.usage.cost_usd is not None


@respx.mock
async def test_a_redirect_is_not_followed(make_client: MakeClient) -> None:
    """The key stays with the host that it was meant for."""
    respx.post(URL).respond(302, headers={"location": "http://elsewhere.test/"})
    elsewhere = respx.route(host="elsewhere.test").respond(200)
    assert (await ask(make_client())).outcome == "malformed"
    assert not elsewhere.called


@respx.mock
async def test_gzip_that_was_not_asked_for_is_read(make_client: MakeClient) -> None:
    """Some proxies compress whatever is asked for."""
    route = respx.post(URL).mock(
        return_value=stream(gzip.compress(good_reply()), headers={**EVENTS, "content-encoding": "gzip"})
    )
    assert (await ask(make_client())).text == REPLY
    assert route.called


@respx.mock
async def test_utf8_and_events_split_anywhere_are_put_together(make_client: MakeClient) -> None:
    """Every byte a chunk of its own."""
    text = '{"order":["C"],"why":[{"id":"C","text":"Für Köche – 鍋 [C1]."}]}'

    body = sse(chunk(text), chunk(None, "stop"), usage_chunk())
    drops = Pieces(*(bytes([byte]) for byte in body))
    route = respx.post(URL).mock(return_value=httpx.Response(200, headers=EVENTS, stream=drops))
    assert (await ask(make_client())).text == text
    assert route.called


@pytest.mark.parametrize(
    ("prompt", "completion", "cached", "estimated"),
    [
        (200, 8, 0, False),
        (None, None, None, True),
        (-5, -5, 0, True),
        (10**12, 10**12, 0, True),
        (0, 0, 0, True),
        (1, 8, 0, True),
        ("200", 8, 0, True),
        (200, 8, 10**12, False),
    ],
)
@respx.mock
async def test_usage_is_believed_only_where_it_can_be_true(
    make_client: MakeClient, prompt: object, completion: object, cached: object, estimated: bool
) -> None:
    """Missing, negative, absurd: our own estimate is charged, which is the larger of what can be true."""
    body = sse(chunk(REPLY), chunk(None, "stop"), usage_chunk(prompt, completion, cached))
    route = respx.post(URL).mock(return_value=stream(body))
    usage = (await ask(make_client())).usage
    assert route.called
    assert usage.estimated is estimated
    assert 100 <= usage.input_tokens <= 400
    assert 6 <= usage.output_tokens <= 12
    assert 0 <= usage.cached_tokens <= usage.input_tokens
    assert usage.cost_usd == pytest.approx(usage.input_tokens * 0.15e-6 + usage.output_tokens * 0.6e-6)


@respx.mock
async def test_usage_that_litellm_makes_up_is_not_taken_for_the_providers(make_client: MakeClient) -> None:
    """Without a usage chunk litellm counts by itself and says nothing; the wire tells."""
    route = respx.post(URL).mock(return_value=stream(sse(chunk(REPLY), chunk(None, "stop"))))
    usage = (await ask(make_client(), make_call())).usage
    assert route.called
    assert usage.estimated
    assert usage.input_tokens >= 140
