"""Calls and replies on the wire, for tests of the model adapter."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.adapters.llm import LiteLlmClient
from app.domain.deadline import Deadline
from app.domain.model_calls import Message, ModelCall, ModelReply

LIBRARY_WARNINGS = [
    pytest.mark.filterwarnings(f"ignore:{text}")
    for text in (
        "Pydantic serializer warnings:UserWarning",
        "Item '.*' on TypedDict class:UserWarning",
        "Accessing the 'model_.*fields' attribute:DeprecationWarning",
    )
]
"""litellm's own. As errors they would break its streams from inside and change what is tested."""

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"order": {"type": "array", "items": {"type": "string"}}},
    "required": ["order"],
    "additionalProperties": False,
}
REPLY = '{"order":["C","A"]}'
BASE = "http://model.test/v1"
URL = BASE + "/chat/completions"


def make_call(call_id: str = "c1", **changes: Any) -> ModelCall:
    """A rerank call with a system and a user message."""
    values: dict[str, Any] = {
        "request_id": "r1",
        "purpose": "rerank",
        "placement": "home",
        "prompt_id": "rerank/v1",
        "prompt_hash": "h",
        "messages": (Message("system", "Rank the candidates. " * 20), Message("user", "A|Iron Pan\nC|Steel Pan")),
        "max_output_tokens": 300,
        "schema": SCHEMA,
    }
    return ModelCall(call_id, **{**values, **changes})


def chunk(content: str | None = None, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """One OpenAI chunk."""
    choice = {"index": 0, "delta": {"content": content, **delta}, "finish_reason": finish}
    return {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini", "choices": [choice]}


def usage_chunk(prompt: object = 200, completion: object = 8, cached: object = 0) -> dict[str, Any]:
    """The chunk that ends an OpenAI stream with include_usage."""
    details = {"cached_tokens": cached}
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "prompt_tokens_details": details}
    return {**chunk(), "choices": [], "usage": {**usage, "total_tokens": 1}}


def sse(*events: dict[str, Any], done: bool = True) -> bytes:
    """Server-sent events in OpenAI's form."""
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return (body + ("data: [DONE]\n\n" if done else "")).encode()


def good_reply() -> bytes:
    """A whole reply in three pieces, with usage."""
    return sse(chunk('{"order":'), chunk('["C",'), chunk('"A"]}'), chunk(None, "stop"), usage_chunk())


MakeClient = Callable[..., LiteLlmClient]


async def ask(client: LiteLlmClient, call: ModelCall | None = None, *, deadline_ms: float = 1000) -> ModelReply:
    """The reply of one call, checked to be told exactly once."""
    told: list[ModelReply] = []
    run = client.start(call or make_call(), Deadline.after_ms(deadline_ms), told.append)
    reply = await run.wait(20)
    assert reply is not None
    assert told == [reply]
    assert run.text() == reply.text
    return reply
