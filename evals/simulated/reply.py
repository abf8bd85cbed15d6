"""The model's reply to any request, before it is put on the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from evals.simulated.answer import RerankAnswer, answer_rerank, compact
from evals.simulated.chat import Asked, ChatPlay, play_chat
from evals.simulated.knobs import Knobs
from evals.simulated.obedience import obey_chat
from evals.simulated.reading import Turn, read_rerank
from evals.simulated.strict_schema import Schema, smallest_instance
from evals.simulated.tokens import PrefixMemory, TokenRule
from evals.simulated.utility import Preferences
from evals.simulated.wire import ChatRequest

NEUTRAL_TEXT = "I am a simulated model: a program without a language model behind it. I can order a list of products."
MESSAGE_TOKENS = 3  # what OpenAI's chat format adds per message, and once for the reply

FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model answers. `text` None means that there is no content."""

    text: str | None
    model: str
    usage: Mapping[str, Any] | None
    finish_reason: FinishReason = "stop"
    refusal: str | None = None
    choices: int = 1  # 0 = an answer without any choice
    tools: tuple[Asked, ...] = ()  # tools asked for; then there is no text
    after_tools: bool = False  # said with tool results at hand


@dataclass(frozen=True, slots=True)
class Composed:
    """A reply and, for a rerank prompt, the answer it was made from."""

    reply: Reply
    answer: RerankAnswer | None


def compose(
    request: ChatRequest, knobs: Knobs, tokens: TokenRule, memory: PrefixMemory, preferences: Preferences | None
) -> Composed:
    """The faultless reply.

    Its text depends on request, knobs and preferences only; `cached_tokens` also on the prompts that came before.
    """
    turns = request.turns
    prompt = read_rerank(turns)
    schema = request.schema_wanted
    answer: RerankAnswer | None = None
    played = _chat(request, turns, knobs)
    if played is not None:
        return Composed(_chat_reply(request, played, knobs, tokens, memory), None)
    if prompt is not None:
        answer = answer_rerank(prompt, turns, knobs, preferences)
        text = _fitted(answer, schema)
    elif schema is not None:
        text = compact(smallest_instance(schema))
    elif request.response_format is not None and request.response_format.type == "json_object":
        text = compact({"text": NEUTRAL_TEXT})
    else:
        obeyed = obey_chat(turns) if knobs.obey else None
        text = NEUTRAL_TEXT if obeyed is None else obeyed
    pieces = tokens.pieces(text)
    finish: FinishReason = "stop"
    if request.token_limit is not None and len(pieces) > request.token_limit:
        pieces, finish = pieces[: request.token_limit], "length"
        text = "".join(pieces)
    usage = _usage(request, len(pieces), knobs, tokens, memory)
    return Composed(Reply(text, request.model_named, usage, finish), answer)


def _chat(request: ChatRequest, turns: Sequence[Turn], knobs: Knobs) -> ChatPlay | None:
    """What is played of a conversation with tools, now or in an earlier round; None for another kind of request."""
    used = any(turn.role == "tool" for turn in turns)
    if not request.tools and not used:
        return None
    return play_chat(turns, tools=request.tool_names, obey=knobs.obey)


def _chat_reply(request: ChatRequest, played: ChatPlay, knobs: Knobs, tokens: TokenRule, memory: PrefixMemory) -> Reply:
    said = played.text if played.text is not None else "".join(t.name + t.arguments for t in played.tools)
    usage = _usage(request, len(tokens.pieces(said)), knobs, tokens, memory)
    finish: FinishReason = "tool_calls" if played.tools else "stop"
    after = any(turn.role == "tool" for turn in request.turns)
    return Reply(played.text, request.model_named, usage, finish, tools=played.tools, after_tools=after)


def _fitted(answer: RerankAnswer, schema: Schema | None) -> str:
    """The answer in the properties that the schema has, in its order; others get the smallest value that fits."""
    if schema is None or answer.whole is not None:
        return answer.text
    properties = schema.get("properties", {})
    if set(properties) == {"order", "why"}:
        own = json.loads(answer.text)
        return compact({name: own[name] for name in properties})
    instance = smallest_instance(schema)
    if not isinstance(instance, dict):
        return answer.text
    return compact(instance | {name: value for name, value in json.loads(answer.text).items() if name in properties})


def _usage(
    request: ChatRequest, completion: int, knobs: Knobs, tokens: TokenRule, memory: PrefixMemory
) -> dict[str, Any]:
    """Usage as OpenAI reports it: text of the messages, 3 per message, 3 for the reply, and the schema's text."""
    schema = request.schema_wanted
    # The schema goes first, as it does for a real provider, so that a shared prefix begins with it.
    text = (compact(schema) if schema is not None else "") + "\n".join(turn.text for turn in request.turns)
    ids = tokens.ids(text)
    prompt = len(ids) + MESSAGE_TOKENS * (len(request.messages) + 1)
    cached = memory.cached_tokens(ids) if knobs.prompt_cache else 0
    return usage_of(prompt, completion, cached)


def usage_of(prompt: int, completion: int, cached: int) -> dict[str, Any]:
    """OpenAI's usage object."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def with_text(reply: Reply, text: str) -> Reply:
    """The reply with another text; its usage is left as it was."""
    return replace(reply, text=text)
