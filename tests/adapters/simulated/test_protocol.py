"""The simulated provider speaks OpenAI's protocol, shown with OpenAI's own client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.support.rerank_prompts import STRICT_SCHEMA, body, messages, response_format
from tests.support.simulated_provider import SimulatedProvider


@pytest.fixture
def client(provider: SimulatedProvider) -> Iterator[openai.OpenAI]:
    """OpenAI's client, without retries of its own."""
    with httpx.Client(trust_env=False) as transport:
        yield openai.OpenAI(base_url=provider.base_url, api_key="any", max_retries=0, http_client=transport)


def ask(client: openai.OpenAI, **changes: Any) -> Any:
    return client.chat.completions.create(**body(**changes))


def test_an_answer_in_one_piece(client: openai.OpenAI) -> None:
    """Order first, at most ten; sentences for as many as the prompt asks; usage adds up; the model is labelled."""
    reply = ask(client)
    answer = json.loads(reply.choices[0].message.content)
    assert list(answer) == ["order", "why"]
    assert sorted(answer["order"]) == ["A", "B", "C", "D", "E", "F"]
    assert [why["id"] for why in answer["why"]] == answer["order"][:3]
    assert reply.choices[0].finish_reason == "stop"
    assert reply.model == "simulated-ranker"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_the_stream_says_the_same(client: openai.OpenAI) -> None:
    """The chunks together are the unstreamed answer, a few tokens each, and the usage comes last."""
    whole = ask(client)
    chunks = list(ask(client, stream=True))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert len(chunks) > whole.usage.completion_tokens / 4
    assert {c.model for c in chunks} == {"simulated-ranker"}


def test_no_usage_chunk_unless_asked_for(client: openai.OpenAI) -> None:
    """Without stream_options a stream has no usage at all."""
    assert all(chunk.usage is None for chunk in ask(client, stream=True, stream_options={"include_usage": False}))


def test_structured_output_parses(client: openai.OpenAI) -> None:
    """The SDK's own streaming helper accepts the events."""
    with client.chat.completions.stream(
        model="simulated-ranker", messages=messages(), response_format=response_format()
    ) as stream:
        final = stream.get_final_completion()
    assert json.loads(final.choices[0].message.content)["order"][0] == "A"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_token_limit_cuts_the_answer(client: openai.OpenAI, name: str, stream: bool) -> None:
    """finish_reason is length, exactly so many tokens are charged, and the text is a prefix of the whole."""
    whole = ask(client).choices[0].message.content
    if stream:
        chunks = list(ask(client, stream=True, **{name: 12}))
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        finish, usage = [c.choices[0].finish_reason for c in chunks if c.choices][-1], chunks[-1].usage
    else:
        reply = ask(client, **{name: 12})
        text, finish, usage = reply.choices[0].message.content, reply.choices[0].finish_reason, reply.usage
    assert (finish, usage.completion_tokens) == ("length", 12)
    assert whole.startswith(text)
    assert len(text) < len(whole)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"additionalProperties": True}, "additionalProperties"),
        ({"required": ["order"]}, "'why'"),
        ({"allOf": []}, "'allOf' is not permitted"),
        ({"type": "array"}, "root"),
    ],
)
def test_a_schema_that_is_not_strict_is_refused(client: openai.OpenAI, change: dict[str, Any], said: str) -> None:
    """400 with OpenAI's error object, naming what is wrong."""
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, response_format=response_format(STRICT_SCHEMA | change))
    assert refused.value.param == "response_format"
    assert refused.value.type == "invalid_request_error"
    assert said in refused.value.message


@pytest.mark.parametrize("wrong", [{"messages": []}, {"max_tokens": 0}, {"n": 2}, {"model": ""}])
def test_a_bad_parameter_is_refused(client: openai.OpenAI, wrong: dict[str, Any]) -> None:
    """400, and the parameter is named."""
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, **wrong)
    assert refused.value.param == next(iter(wrong))


def test_the_model_name_is_always_labelled(client: openai.OpenAI) -> None:
    """A request for somebody's model is not answered in its name."""
    assert ask(client, model="gpt-4o-mini").model == "simulated-gpt-4o-mini"
    assert [model.id for model in client.models.list()] == ["simulated-ranker"]


def test_every_answer_is_labelled_in_its_headers(http: httpx.Client) -> None:
    """Answers, errors and unknown paths carry x-simulated."""
    for answer in (
        http.post("/v1/chat/completions", json=body()),
        http.post("/v1/chat/completions", json=body(stream=True)),
        http.post("/v1/chat/completions", content=b"{"),
        http.post("/v1/chat/completions", json=body(), headers={"x-simulated-fault": "error500"}),
        http.get("/v1/models"),
        http.get("/v1/nothing"),
        http.get("/simulated/status"),
    ):
        assert answer.headers["x-simulated"] == "true"


def test_a_prefix_seen_before_is_cached(client: openai.OpenAI) -> None:
    """From 1,024 tokens up, in steps of 128, and only where the beginning is the same."""
    long = messages(system="Rank these products with care. " * 300)
    first = ask(client, messages=long).usage
    again = ask(client, messages=long).usage
    other = ask(client, messages=messages(system="Put these in order. " * 300)).usage
    assert first.prompt_tokens_details.cached_tokens == 0
    assert 1024 <= again.prompt_tokens_details.cached_tokens <= again.prompt_tokens
    assert again.prompt_tokens_details.cached_tokens % 128 == 0
    assert other.prompt_tokens_details.cached_tokens == 0


def test_a_greeting_gets_plain_text(client: openai.OpenAI) -> None:
    """Chat, also with tools, is answered in words, and the model's name says what it is."""
    tool = {"type": "function", "function": {"name": "search", "parameters": {"type": "object", "properties": {}}}}
    reply = client.chat.completions.create(
        model="simulated-ranker", messages=[{"role": "user", "content": "Hello"}], tools=[tool]
    )
    assert reply.choices[0].message.content == "Hello. What would you like to look for?"
    assert reply.model.startswith("simulated")
    assert reply.choices[0].message.tool_calls is None


def test_a_warm_up_gets_the_smallest_reply_that_fits(client: openai.OpenAI) -> None:
    """A schema without candidates is answered by an empty order."""
    reply = ask(client, messages=[{"role": "user", "content": "Ready?"}])
    assert json.loads(reply.choices[0].message.content) == {"order": [], "why": []}


def test_the_same_request_gives_the_same_bytes(http: httpx.Client, provider: SimulatedProvider) -> None:
    """Streamed or not; another seed gives another answer."""
    for stream in (False, True):
        replies = [http.post("/v1/chat/completions", json=body(stream=stream)).content for _ in range(2)]
        assert replies[0] == replies[1]
    before = http.post("/v1/chat/completions", json=body()).json()["choices"]
    provider.turn(seed=7, lie_rate=1.0)
    try:
        assert http.post("/v1/chat/completions", json=body()).json()["choices"] != before
    finally:
        provider.turn(seed=0, lie_rate=0.0)
