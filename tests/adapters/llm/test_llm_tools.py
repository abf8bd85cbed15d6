"""Tool calls on the wire."""

import json

import httpx
import respx

from app.adapters.llm_usage import worst_case_tokens
from app.domain.model_calls import Message, ToolCall, ToolSpec
from tests.adapters.llm.llm_calls import LIBRARY_WARNINGS, URL, MakeClient, ask, chunk, make_call, sse, usage_chunk

pytestmark = LIBRARY_WARNINGS

TOOL = ToolSpec("search", "Finds.", {"type": "object", "properties": {"query": {"type": "string"}}})


def piece(index: int, arguments: str, **first: str) -> dict[str, object]:
    """One piece of a tool call."""
    function = {"arguments": arguments} | ({"name": first["name"]} if "name" in first else {})
    head = {"id": first["id"], "type": "function"} if "id" in first else {}
    return {"index": index, "function": function, **head}


def streamed(*events: dict[str, object]) -> httpx.Response:
    return httpx.Response(200, content=sse(*events), headers={"content-type": "text/event-stream"})


@respx.mock
async def test_tools_are_sent_and_calls_are_put_together(make_client: MakeClient) -> None:
    """Two calls in pieces become two calls; earlier calls and their results go out as the protocol has them."""
    route = respx.post(URL).mock(
        return_value=streamed(
            chunk(None, tool_calls=[piece(0, "", id="a", name="search")]),
            chunk(None, tool_calls=[piece(0, '{"query":')]),
            chunk(None, tool_calls=[piece(0, '"mouse"}'), piece(1, "{}", id="b", name="other")]),
            chunk(None, "tool_calls"),
            usage_chunk(300, 20),
        )
    )
    asked = ToolCall("x", "search", '{"query":"cat"}')
    messages = (
        Message("user", "hello"),
        Message("assistant", "", tool_calls=(asked,)),
        Message("tool", "nothing", tool_call_id="x"),
    )
    reply = await ask(make_client(), make_call(messages=messages, tools=(TOOL,), schema=None))
    assert reply.outcome == "complete"
    assert reply.text == ""
    assert reply.tool_calls == (ToolCall("a", "search", '{"query":"mouse"}'), ToolCall("b", "other", "{}"))
    assert reply.usage.output_tokens == 20
    sent = json.loads(route.calls[0].request.content)
    assert sent["tools"] == [
        {"type": "function", "function": {"name": "search", "description": "Finds.", "parameters": TOOL.parameters}}
    ]
    assert sent["messages"][1]["tool_calls"][0]["function"] == {"name": "search", "arguments": '{"query":"cat"}'}
    assert sent["messages"][2] == {"role": "tool", "content": "nothing", "tool_call_id": "x"}


@respx.mock
async def test_a_flood_of_calls_is_bounded(make_client: MakeClient) -> None:
    """A hundred calls in one reply are read up to a limit."""
    calls = [piece(n, "{}", id=f"c{n}", name="search") for n in range(100)]
    respx.post(URL).mock(return_value=streamed(chunk(None, tool_calls=calls), chunk(None, "tool_calls"), usage_chunk()))
    reply = await ask(make_client(), make_call(tools=(TOOL,), schema=None))
    assert len(reply.tool_calls) == 64


def test_tools_count_in_the_worst_case() -> None:
    """Their descriptions are paid for in every call."""
    assert worst_case_tokens(make_call(tools=(TOOL,))) > worst_case_tokens(make_call())
