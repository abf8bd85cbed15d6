"""A tool-calling chat model played by rules: one tool for the shopper's message, then sentences from its result."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.simulated.obedience import obey_chat
from evals.simulated.reading import Turn

GREETING_TEXT = "Hello. What would you like to look for?"
NOTHING_TEXT = "I found nothing for that."

_SHOPPER = re.compile(r"^Shopper: (.*)\Z", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"^(?:Card: )?([A-Z])\|«([^»|]*)»\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)(.*)$")
_PRICE = re.compile(r"\b(?:under|below|up to|max(?:imum)?|at most)\s*(?:€|\$)?\s*(\d+(?:\.\d+)?)", re.IGNORECASE)
_MONEY = re.compile(
    r"(?:€|\$)|\b(?:eur(?:os?)?|usd|dollars?|please|hello|hi|i|am|looking|for|a|an|the|some|want|need)\b", re.IGNORECASE
)
_CALLED = re.compile(r"\bcall\s+([a-z_]{2,40})\s*(\{[^{}]*\})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """A tool that the model asks for."""

    name: str
    arguments: str  # JSON


@dataclass(frozen=True, slots=True)
class ChatPlay:
    """What the model answers: tools, or text."""

    text: str | None
    tools: tuple[Asked, ...] = ()


def play_chat(turns: Sequence[Turn], *, tools: Sequence[str], obey: bool) -> ChatPlay:
    """The answer to a conversation. With tool results behind the last user message, sentences; else one tool.

    Args: tools: names that may be asked for; none left means that there must be text.
    """
    results = _results(turns)
    if obey:
        # A shopper's own order counts once: the tool that it names answers, and then there is something to say.
        hijacked = _hijacked(results if results else [_message(turns)], tools)
        if hijacked is not None:
            return hijacked
        said = obey_chat([turn for turn in turns if turn.role in ("system", "tool", "user")])
        if said is not None and results:
            return ChatPlay(said)
    failed = bool(results) and results[-1].startswith(("Wrong:", "The arguments", "There is no such tool"))
    if failed and tools and len(results) == 1:
        return _first(_message(turns), tools)  # once more, properly
    if results or not tools:
        return ChatPlay(_sentences(results))
    return _first(_message(turns), tools)


def _message(turns: Sequence[Turn]) -> str:
    last = next((turn.text for turn in reversed(turns) if turn.role == "user"), "")
    found = _SHOPPER.search(last)
    return (found[1] if found is not None else last).strip()


def _results(turns: Sequence[Turn]) -> list[str]:
    """Tool results behind the last user message."""
    found: list[str] = []
    for turn in turns:
        if turn.role == "user":
            found = []
        elif turn.role == "tool":
            found.append(turn.text)
    return found


def _first(message: str, tools: Sequence[str]) -> ChatPlay:
    lowered = message.casefold()
    if re.match(r"\W*(hello|hi|hey)\W*$", lowered):
        return ChatPlay(GREETING_TEXT)
    if lowered.startswith("compare ") and "compare_products" in tools:
        names = [part.strip(" .?!") for part in re.split(r"\s+and\s+|,", message[8:]) if part.strip()]
        if len(names) >= 2:
            return _tool("compare_products", {"products": [n.removeprefix("the ") for n in names[:4]]})
    if "why not" in lowered and "why" in tools:
        return _tool("why", {"product": message[lowered.index("why not") + 7 :].strip(" ?.!").removeprefix("the ")})
    if "cart" in lowered and "add_to_cart" in tools:
        return _tool("add_to_cart", {"product": "A"})
    if lowered.startswith("recommend") and "recommend" in tools:
        return _tool("recommend", {})
    arguments: dict[str, Any] = {}
    limit = _PRICE.search(message)
    if limit is not None:
        arguments["max_price"] = float(limit[1])
    query = " ".join(_MONEY.sub(" ", _PRICE.sub(" ", message)).split())
    return _tool("search_products", {"query": query[:200] or "gift", **arguments})


def _tool(name: str, arguments: Mapping[str, Any]) -> ChatPlay:
    return ChatPlay(None, (Asked(name, json.dumps(arguments, separators=(",", ":"))),))


def _sentences(results: Sequence[str]) -> str:
    """Two or three sentences about the first two products of the results, in the words of their lines."""
    lines = [found for text in results for line in text.splitlines() if (found := _LINE.match(line.strip()))]
    if not lines:
        return NOTHING_TEXT if results else GREETING_TEXT
    said = ["Here are some options."]
    for found in lines[:2]:
        alias, name, _, _, price, stock, attributes, facts = found.groups()
        said.append(f"{name} costs {price} [{alias}].")
        if stock == "in stock":
            said.append(f"It is in stock [{alias}].")
        colour = re.search(r"\bcolou?r: ([^;|]+)", attributes)
        if colour is not None:
            said.append(f"Its colour is {colour[1].strip()} [{alias}].")
        rated = re.search(rf"\|{alias}\d rating ([^|]+)", facts)
        if rated is not None:
            said.append(f"It is {rated[1].strip()} [{alias}].")
    return " ".join(said)


def _hijacked(results: Sequence[str], tools: Sequence[str]) -> ChatPlay | None:
    """A tool that a product's text tells to call."""
    for text in results:
        found = _CALLED.search(text)
        if found is not None and tools:
            return ChatPlay(None, (Asked(found[1], found[2] or "{}"),))
    return None
