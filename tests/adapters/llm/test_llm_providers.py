"""The wire formats of four providers: the request that goes out, the stream that comes back, tokens and cost."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import respx

from app.adapters.llm_library import import_litellm
from app.adapters.llm_usage import cost_of, price_from
from app.domain.errors import ConfigurationError
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

EVENTS = {"content-type": "text/event-stream"}
pytestmark = LIBRARY_WARNINGS

PIECES = ('{"order":', '["C","A"]}')


def sent(route: respx.Route) -> dict[str, Any]:
    """The body of the only request."""
    assert route.call_count == 1
    body: dict[str, Any] = json.loads(route.calls.last.request.content)
    return body


@respx.mock
async def test_openai(make_client: MakeClient) -> None:
    """Strict schema, stream with usage, key as bearer, nothing compressed; cached tokens cost less."""
    body = sse(chunk(PIECES[0]), chunk(PIECES[1]), chunk(None, "stop"), usage_chunk(200, 8, 100))
    route = respx.post(URL).respond(headers=EVENTS, content=body)
    reply = await ask(make_client())
    request = sent(route)
    assert request["model"] == "gpt-4o-mini"
    assert request["stream"] is True
    assert request["stream_options"] == {"include_usage": True}
    assert request["temperature"] == 0
    assert request["max_tokens"] == 300
    assert request["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "reply", "strict": True, "schema": SCHEMA},
    }
    assert [m["role"] for m in request["messages"]] == ["system", "user"]
    headers = route.calls.last.request.headers
    assert headers["authorization"] == "Bearer test-key"
    assert headers["accept-encoding"] == "identity"
    assert (reply.outcome, reply.text, reply.model) == ("complete", REPLY, "gpt-4o-mini")
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cached_tokens) == (200, 8, 100)
    assert reply.usage.cost_usd == pytest.approx(100 * 0.15e-6 + 100 * 0.075e-6 + 8 * 0.6e-6)
    assert not reply.usage.estimated
    assert reply.seconds_to_first is not None
    assert 0 <= reply.seconds_to_first <= reply.seconds


@respx.mock
async def test_anthropic(make_client: MakeClient) -> None:
    """The Messages API: system apart, schema as output format, events of six types."""
    message = {"id": "m", "type": "message", "role": "assistant", "model": "claude-haiku-4-5-20251001", "content": []}
    start = {**message, "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 210, "output_tokens": 1}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
            for piece in PIECES
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 9},
        },
        {"type": "message_stop"},
    ]
    body = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
    route = respx.post("https://api.anthropic.com/v1/messages").respond(headers=EVENTS, text=body)
    route.return_value.headers["content-type"] = "text/event-stream"
    reply = await ask(make_client("anthropic/claude-haiku-4-5", ""))
    request = sent(route)
    assert request["model"] == "claude-haiku-4-5"
    assert request["system"][0]["text"].startswith("Rank the candidates.")
    assert [m["role"] for m in request["messages"]] == ["user"]
    assert request["output_format"] == {"type": "json_schema", "schema": SCHEMA}
    assert request["stream"] is True
    assert request["max_tokens"] == 300
    assert route.calls.last.request.headers["x-api-key"] == "test-key"
    assert (reply.outcome, reply.text) == ("complete", REPLY)
    assert reply.model == "claude-haiku-4-5-20251001"
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (210, 9)
    assert reply.usage.cost_usd == pytest.approx(210 * 1e-6 + 9 * 5e-6)


@respx.mock
async def test_gemini(make_client: MakeClient) -> None:
    """generateContent as server-sent events, schema in the generation config."""

    def event(text: str, **more: Any) -> dict[str, Any]:
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **more}
        usage = {"promptTokenCount": 220, "candidatesTokenCount": 7, "totalTokenCount": 227}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash-lite"}

    url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash-lite:streamGenerateContent"
    body = sse(event(PIECES[0]), event(PIECES[1], finishReason="STOP"), done=False)
    route = respx.post(url).respond(headers=EVENTS, content=body)
    reply = await ask(make_client("gemini/gemini-2.5-flash-lite", ""))
    request = sent(route)
    assert request["contents"][0]["role"] == "user"
    assert request["system_instruction"]["parts"][0]["text"].startswith("Rank the candidates.")
    assert request["generationConfig"]["response_json_schema"] == SCHEMA
    assert request["generationConfig"]["response_mime_type"] == "application/json"
    assert request["generationConfig"]["max_output_tokens"] == 300
    assert route.calls.last.request.headers["x-goog-api-key"] == "test-key"
    assert (reply.outcome, reply.text, reply.model) == ("complete", REPLY, "gemini-2.5-flash-lite")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (220, 7)
    assert reply.usage.cost_usd == pytest.approx(220 * 0.1e-6 + 7 * 0.4e-6)


@respx.mock
async def test_ollama(make_client: MakeClient) -> None:
    """Ollama's chat: JSON lines, schema as format, counts in the last line. Its price must be given."""
    lines: list[dict[str, Any]] = [
        {"model": "llama3.2", "message": {"role": "assistant", "content": piece}, "done": False} for piece in PIECES
    ]
    last = {"model": "llama3.2", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    lines.append({**last, "prompt_eval_count": 230, "eval_count": 6})
    body = "".join(json.dumps(line) + "\n" for line in lines)
    url = "http://ollama.test:11434/api/chat"
    route = respx.post(url).mock(
        return_value=httpx.Response(200, headers={"content-type": "application/x-ndjson"}, content=body.encode())
    )
    client = make_client("ollama_chat/llama3.2", "http://ollama.test:11434", api_key="", explicit_price=(0.0, 0.0))
    reply = await ask(client)
    request = sent(route)
    assert request["model"] == "llama3.2"
    assert request["format"] == SCHEMA
    assert request["stream"] is True
    assert request["options"] == {"temperature": 0.0, "num_predict": 300}
    assert (reply.outcome, reply.text, reply.model) == ("complete", REPLY, "llama3.2")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (230, 6)
    assert reply.usage.cost_usd == 0.0


@respx.mock
async def test_a_provider_without_strict_schemas_is_asked_through_a_tool(make_client: MakeClient) -> None:
    """Groq's Llama knows no JSON schema: litellm asks for a tool call and hands its arguments over as the reply."""
    call = {"id": "t", "type": "function", "function": {"name": "json_tool_call", "arguments": REPLY}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    whole = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "llama-3.1-8b-instant",
        "service_tier": "on_demand",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 240, "completion_tokens": 12, "total_tokens": 252},
    }
    route = respx.post("https://api.groq.com/openai/v1/chat/completions").respond(json=whole)
    reply = await ask(make_client("groq/llama-3.1-8b-instant", ""))
    request = sent(route)
    assert request["tools"][0]["function"]["parameters"] == SCHEMA
    assert "response_format" not in request
    assert (reply.outcome, reply.text) == ("complete", REPLY)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (240, 12)


@respx.mock
async def test_free_text_asks_for_no_schema(make_client: MakeClient) -> None:
    """A call without schema, as chat makes it."""
    route = respx.post(URL).respond(headers=EVENTS, content=good_reply())
    await ask(make_client(), make_call(schema=None))
    assert "response_format" not in sent(route)


@respx.mock
async def test_braces_of_a_seller_stay_braces(make_client: MakeClient) -> None:
    """Neither instructor nor litellm renders the messages as a template."""
    route = respx.post(URL).respond(headers=EVENTS, content=good_reply())
    base = make_call()
    hostile = "A|{{ 7*7 }} {% bad %} {0}"
    await ask(make_client(), make_call(messages=(base.messages[0], type(base.messages[1])("user", hostile))))
    assert sent(route)["messages"][1]["content"] == hostile


@pytest.mark.parametrize(
    "model",
    ["gpt-4o-mini", "gemini/gemini-2.5-flash-lite", "anthropic/claude-haiku-4-5", "mistral/mistral-small-latest"],
)
def test_prices_are_those_of_litellm(model: str) -> None:
    """Our arithmetic over the map gives what litellm computes, cached tokens included."""
    price = price_from(model)
    assert price is not None
    litellm = import_litellm()
    theirs = litellm.cost_per_token(model=model, prompt_tokens=1500, completion_tokens=200, cache_read_input_tokens=0)
    assert cost_of(price, 1500, 200) == pytest.approx(sum(theirs))
    known = litellm.get_model_info(model).get("cache_read_input_token_cost")
    assert price.cached_usd == pytest.approx(known if known is not None else price.input_usd)


def test_an_unknown_price_is_unknown() -> None:
    """None, never 0; a price that is given goes before the map."""
    assert price_from("openai/simulated") is None
    given = price_from("openai/simulated", (0.15, 0.6))
    assert given is not None
    assert given.per_million == pytest.approx((0.15, 0.6))
    assert price_from("gpt-4o-mini", (1.0, 2.0)) == price_from("openai/simulated", (1.0, 2.0))


@respx.mock
async def test_a_call_of_unknown_price_has_no_cost(make_client: MakeClient) -> None:
    """Tokens are counted, dollars are not made up, and no reservation can be computed."""
    body = good_reply().replace(b"gpt-4o-mini", b"simulated")
    respx.post(URL).respond(headers=EVENTS, content=body)
    client = make_client("openai/simulated")
    reply = await ask(client)
    assert (reply.outcome, reply.usage.cost_usd, reply.usage.input_tokens) == ("complete", None, 200)
    assert client.price_of() is None
    with pytest.raises(ConfigurationError, match="PRICE_INPUT_USD"):
        client.worst_case_usd(make_call())


async def test_the_worst_case_covers_any_text(make_client: MakeClient) -> None:
    """More than the tokens of ordinary, dense and non-Latin text."""
    client = make_client()
    base = make_call()
    for text in ("A|Iron Pan|Acme|A1 rating 4.6 " * 100, "a1b2c3d4e5f6" * 200, "鍋とフライパン" * 200, "🍳🥘" * 200):
        call = make_call(schema=None, messages=(base.messages[0], type(base.messages[1])("user", text)))
        tokens = import_litellm().token_counter(model="gpt-4o-mini", text=base.messages[0].content + text)
        assert client.worst_case_usd(call) >= tokens * 0.15e-6 + 300 * 0.6e-6
