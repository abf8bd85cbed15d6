"""The life of a call: it outlives whoever waits, ends in time, is told once, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import respx

from app.domain.deadline import Deadline
from app.domain.errors import ConfigurationError
from app.domain.model_calls import ModelReply
from tests.adapters.llm.llm_calls import (
    LIBRARY_WARNINGS,
    REPLY,
    SCHEMA,
    URL,
    MakeClient,
    ask,
    chunk,
    good_reply,
    make_call,
    sse,
    usage_chunk,
)

pytestmark = LIBRARY_WARNINGS

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
Writer = asyncio.StreamWriter
Handle = Callable[[Writer], Awaitable[None]]


@contextlib.asynccontextmanager
async def provider(handle: Handle) -> AsyncIterator[str]:
    """A raw server on loopback that answers every request with `handle`; its base URL. respx can't drip or stall."""

    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            try:
                await handle(writer)
            finally:
                writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def slow_reply(writer: Writer, wait_s: float = 0.3) -> None:
    """A good reply whose second half comes later."""
    first = sse(chunk('{"order":["C",'), done=False)
    writer.write(HEAD + b"\r\n" + first)
    await writer.drain()
    await asyncio.sleep(wait_s)
    writer.write(sse(chunk('"A"]}'), chunk(None, "stop"), usage_chunk()))
    await writer.drain()


async def drip(writer: Writer) -> None:
    """One byte every 20 ms, without end."""
    writer.write(HEAD + b"\r\n" + sse(chunk('{"order":["C",'), done=False))
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silence(writer: Writer) -> None:
    """No headers, ever."""
    await asyncio.sleep(30)


async def test_a_caller_who_leaves_cancels_nothing(make_client: MakeClient) -> None:
    """The prefix is there at the deadline; the wait is cancelled; the call ends and is told once."""
    async with provider(slow_reply) as base:
        client = make_client(api_base=base)
        await client.warm({"reply": SCHEMA})
        told: list[ModelReply] = []
        run = client.start(make_call(), Deadline.after_ms(100), told.append)
        assert await run.wait(0.15) is None
        assert run.text() == '{"order":["C",'
        waiter = asyncio.create_task(run.wait(5))
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        reply = await run.wait(5)
        assert reply is not None
        assert (reply.outcome, reply.text) == ("complete", REPLY)
        assert told == [reply]
        assert await run.wait(0) is reply


@pytest.mark.parametrize("fault", [drip, silence])
async def test_a_total_limit_holds_whatever_drips_in(make_client: MakeClient, fault: Handle) -> None:
    """A read timeout would never fire; the call still ends, keeps its prefix, and is charged by estimate."""
    async with provider(fault) as base:
        client = make_client(api_base=base, call_limit_s=0.4)
        await client.warm({"reply": SCHEMA})
        began = time.monotonic()
        reply = await ask(client)
        assert 0.35 < time.monotonic() - began < 1.0
        assert reply.outcome == "timeout"
        assert reply.text == ('{"order":["C",' if fault is drip else "")
        assert reply.usage.estimated
        assert reply.usage.input_tokens > 100


async def test_a_connection_that_stays_open_keeps_nobody_waiting(make_client: MakeClient) -> None:
    """The reply is over at its last event, whenever the provider closes; what is left of the call ends in a second."""

    async def lingering(writer: Writer) -> None:
        writer.write(HEAD + b"\r\n" + good_reply())
        await silence(writer)

    async with provider(lingering) as base:
        client = make_client(api_base=base)
        await client.warm({"reply": SCHEMA})
        before = asyncio.all_tasks()
        began = time.monotonic()
        reply = await ask(client)
        assert (reply.outcome, reply.text, reply.usage.input_tokens) == ("complete", REPLY, 200)
        assert time.monotonic() - began < 0.9
        assert client.refusal() is None
        await client.close()
        assert time.monotonic() - began < 3.0
        mine = {task for task in asyncio.all_tasks() if "serve" not in task.get_coro().__qualname__}
        assert mine - before == set()


async def test_a_gzip_bomb_is_stopped_before_it_grows(make_client: MakeClient) -> None:
    """200 MB in 200 KB: refused at 256 KB, with less than 20 MB of memory."""
    bomb = gzip.compress(b" " * 200_000_000, 9)

    async def explode(writer: Writer) -> None:
        writer.write(HEAD + b"content-encoding: gzip\r\n\r\n" + bomb)
        await writer.drain()

    async with provider(explode) as base:
        client = make_client(api_base=base)
        await client.warm({"reply": SCHEMA})
        tracemalloc.start()
        reply = await ask(client)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert reply.outcome == "too_large"
        assert peak < 20_000_000


async def test_a_refused_connection_costs_nothing(make_client: MakeClient) -> None:
    """Nobody listens."""
    reply = await ask(make_client(api_base="http://127.0.0.1:9/v1"), deadline_ms=0)
    assert (reply.outcome, reply.usage.cost_usd) == ("provider_error", 0.0)


async def test_more_calls_than_allowed_are_refused_not_queued(make_client: MakeClient) -> None:
    """The third of two at a time: `overloaded`, at once and without a request; room again afterwards."""
    async with provider(slow_reply) as base:
        client = make_client(api_base=base, max_concurrency=2)
        await client.warm({"reply": SCHEMA})
        told: list[ModelReply] = []
        runs = [client.start(make_call(str(i)), Deadline.after_ms(0), told.append) for i in range(2)]
        assert client.refusal() == "overloaded"
        third = await client.start(make_call("third"), Deadline.after_ms(0), told.append).wait(1)
        assert third is not None
        assert (third.outcome, third.detail, third.usage.cost_usd) == ("provider_error", "overloaded", 0.0)
        assert [await run.wait(5) for run in runs] == [reply for reply in told if reply is not third]
        assert client.refusal() is None


async def test_close_drains_and_leaves_no_task_and_no_socket(make_client: MakeClient) -> None:
    """A running call ends by itself within the time; later ones are refused; nothing is left in the loop."""
    async with provider(slow_reply) as base:
        before = asyncio.all_tasks()
        client = make_client(api_base=base)
        told: list[ModelReply] = []
        client.start(make_call(), Deadline.after_ms(0), told.append)
        await client.close()
        assert [reply.outcome for reply in told] == ["complete"]
        late = await ask(client)
        assert (late.outcome, late.detail) == ("provider_error", "closed")
        await asyncio.sleep(0.05)
        server_side = {task for task in asyncio.all_tasks() if "serve" in task.get_coro().__qualname__}
        assert asyncio.all_tasks() - before - server_side == set()


async def test_close_ends_what_does_not_end(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the grace time a call is cut off, told once, and keeps its prefix."""
    monkeypatch.setattr("app.adapters.llm.CALL_LIMIT_S", 0.2)
    async with provider(drip) as base:
        client = make_client(api_base=base)
        await client.warm({"reply": SCHEMA})
        told: list[ModelReply] = []
        run = client.start(make_call(), Deadline.after_ms(0), told.append)
        await run.wait(0.1)
        await client.close()
        assert [(reply.outcome, reply.text) for reply in told] == [("provider_error", '{"order":["C",')]


@respx.mock
async def test_concurrent_calls_do_not_mix(make_client: MakeClient) -> None:
    """Sixteen calls at once, each with a reply of its own."""

    def answer(request: respx.models.httpx.Request) -> respx.models.httpx.Response:
        name = request.content.split(b"item-")[1][:2].decode()
        body = sse(chunk(f'{{"order":["{name}"]}}'), chunk(None, "stop"), usage_chunk())
        return respx.models.httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    respx.post(URL).mock(side_effect=answer)
    client = make_client()
    base = make_call()

    async def one(i: int) -> bool:
        user = type(base.messages[1])("user", f"item-{i:02d}")
        reply = await ask(client, make_call(str(i), messages=(base.messages[0], user)))
        return reply.text == f'{{"order":["{i:02d}"]}}'

    assert all(await asyncio.gather(*(one(i) for i in range(16))))


@pytest.mark.parametrize("model", ["no-such-provider/x", "text-completion-openai/gpt-3.5-turbo-instruct"])
@respx.mock
async def test_a_model_that_can_not_be_asked_is_said_at_once(make_client: MakeClient, model: str) -> None:
    """A model id that litellm can't place or build a chat for: warming says so; a call ends as configuration."""
    client = make_client(model, "")
    with pytest.raises(ConfigurationError, match=model.split("/", maxsplit=1)[0]):
        await client.warm()
    reply = await ask(client)
    assert reply.outcome == "unauthorized"
    assert reply.detail.startswith("not sent: ")


@respx.mock
async def test_a_provider_that_litellm_reaches_past_the_byte_cap_is_refused(make_client: MakeClient) -> None:
    """Cohere's route ignores the client that it is given."""
    respx.route(host="api.cohere.com").respond(503)
    with pytest.raises(ConfigurationError, match="made no request through this service"):
        await make_client("cohere_chat/command-r", "").warm()


@respx.mock
async def test_the_first_call_needs_no_warming(make_client: MakeClient) -> None:
    """A call that comes before `warm` has ended waits for it behind the request."""
    route = respx.post(URL).respond(headers={"content-type": "text/event-stream"}, content=good_reply())
    client = make_client()
    warming = asyncio.create_task(client.warm({"reply": SCHEMA}))
    assert (await ask(client)).outcome == "complete"
    await warming
    assert route.called
