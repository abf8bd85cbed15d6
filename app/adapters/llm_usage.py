"""What a call cost: the provider's figures where they can be true, our own estimate where not, and the price of both.

The price map is the JSON file that litellm ships. It is read without importing litellm, so that a start can be refused
in milliseconds; a test holds its prices equal to litellm's own arithmetic.
"""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from app.domain.model_calls import ModelCall, Usage

_PRICE_FILE = "model_prices_and_context_window_backup.json"
_CHARACTERS_PER_TOKEN = 3.0  # measured on prompts of ours: 3.3 (o200k) to 3.6; fewer charges more
_FRAME_TOKENS = 64  # role markers and what a provider puts around messages
_SUSPICIOUS = 4  # a reported figure below a quarter of the estimate is not believed


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per token."""

    input_usd: float
    output_usd: float
    cached_usd: float  # per input token that the provider had cached

    @property
    def per_million(self) -> tuple[float, float]:
        """(input, output) US dollars per 1,000,000 tokens."""
        return self.input_usd * 1e6, self.output_usd * 1e6


@dataclass(frozen=True, slots=True)
class Reported:
    """Figures of the provider as they came, unchecked."""

    input_tokens: object = None
    output_tokens: object = None
    cached_tokens: object = None


def price_from(model: str, explicit: tuple[float, float] | None = None) -> Price | None:
    """The price of a model; None when litellm's map does not know it. Unknown is never 0.

    Args: model: litellm id; explicit: (input, output) in US dollars per 1,000,000 tokens, goes before the map.
    """
    if explicit is not None:
        return Price(explicit[0] / 1e6, explicit[1] / 1e6, explicit[0] / 1e6)
    prices = _price_map()
    for name in (model, model.partition("/")[2]):
        entry = prices.get(name)
        if not isinstance(entry, Mapping):
            continue
        asked, given = _dollars(entry, "input_cost_per_token"), _dollars(entry, "output_cost_per_token")
        cached = _dollars(entry, "cache_read_input_token_cost")
        if asked is not None and given is not None:
            return Price(asked, given, asked if cached is None else cached)
    return None


def worst_case_tokens(call: ModelCall) -> int:
    """As many input tokens as any tokenizer can make of the call: one per byte ("a1b2c3" comes close)."""
    text = _prompt_text(call)
    return len(text.encode("utf-8", "surrogatepass")) + _FRAME_TOKENS


def estimated_tokens(text: str) -> int:
    """Tokens of a text at three characters each, one per character beyond ASCII; on the high side."""
    plain = len(text) if text.isascii() else sum(c.isascii() for c in text)
    return math.ceil(plain / _CHARACTERS_PER_TOKEN) + len(text) - plain


def usage_of(call: ModelCall, text: str, reported: Reported | None, price: Price | None, *, billed: bool) -> Usage:
    """What to charge for a call.

    Reported figures are believed when they are whole, positive, not absurdly large, and not far below our estimate;
    otherwise the estimate is charged. `billed` False: the provider answered with an error or not at all, which costs
    nothing.
    """
    if not billed:
        return Usage(0, 0, cost_usd=None if price is None else 0.0, estimated=True)
    input_bound = worst_case_tokens(call)
    prompt = _prompt_text(call)
    told = reported or Reported()
    inputs = _believed(told.input_tokens, estimated_tokens(prompt), 2 * input_bound + 10_000)
    outputs = _believed(told.output_tokens, estimated_tokens(text), 10 * call.max_output_tokens + 10_000)
    cached = _whole(told.cached_tokens) or 0
    if inputs is None or not 0 <= cached <= inputs:
        cached = 0
    input_tokens = estimated_tokens(prompt) + _FRAME_TOKENS if inputs is None else inputs
    output_tokens = estimated_tokens(text) if outputs is None else outputs
    return Usage(
        input_tokens,
        output_tokens,
        cached,
        cost_usd=None if price is None else cost_of(price, input_tokens, output_tokens, cached),
        estimated=inputs is None or outputs is None,
    )


def cost_of(price: Price, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
    """US dollars. `cached_tokens` are part of the input tokens and cost what the provider asks for those."""
    fresh = input_tokens - cached_tokens
    return fresh * price.input_usd + cached_tokens * price.cached_usd + output_tokens * price.output_usd


def _believed(figure: object, estimate: int, most: int) -> int | None:
    number = _whole(figure)
    if number is None or number > most or number * _SUSPICIOUS < estimate:
        return None
    return number


def _whole(figure: object) -> int | None:
    """A count, or None for anything else."""
    return figure if isinstance(figure, int) and not isinstance(figure, bool) and figure >= 0 else None


def _dollars(entry: Mapping[str, Any], key: str) -> float | None:
    value = entry.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
        return None
    return float(value)


def _prompt_text(call: ModelCall) -> str:
    """Everything of a call that a tokenizer sees: messages, tool calls of earlier replies, schema, tools."""
    texts = [m.content for m in call.messages]
    texts += [asked.id + asked.name + asked.arguments for m in call.messages for asked in m.tool_calls]
    texts += [tool.name + tool.description + orjson.dumps(dict(tool.parameters)).decode() for tool in call.tools]
    return "".join(texts) + ("" if call.schema is None else orjson.dumps(dict(call.schema)).decode())


@functools.cache
def _price_map() -> Mapping[str, Any]:
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    loaded: dict[str, Any] = orjson.loads((Path(spec.origin).parent / _PRICE_FILE).read_bytes())
    return loaded
