"""Rerank prompts for tests of the simulated provider, in the format that the service sends."""

from __future__ import annotations

from typing import Any

SYSTEM = "Order the candidates for the shopper, best first, and say why for the first 3 of them. Cite the lines."

SHOPPER = ("u1 budget 150.00 EUR", "u2 interest coffee", "u3 bought Iron Pan", "u4 query quiet coffee grinder")

CANDIDATES = (
    "A|Quiet Grinder|Acme|Home > Coffee"
    "|A1 price_vs_budget price 80.00 EUR, 70.00 EUR under the budget of 150.00 EUR"
    "|A2 attribute_match tag “coffee”, one of your interests"
    "|A3 rating rated 4.6 out of 5 by 212 shoppers",
    "B|Toy Car|Zoom|Toys|B1 low_stock 3 left in stock",
    "C|Kettle|Acme|Home > Kitchen"
    "|C1 bought_together bought together with “Iron Pan”, which you bought, in 12 orders"
    "|C2 discount price 40.00 EUR, 20% below 50.00 EUR, the lowest price of the 30 days before this price",
    "D|Desk Lamp|Lumo|Home > Light|D1 rating rated 4.1 out of 5 by 30 shoppers",
    "E|Espresso Cups|Porto|Home > Coffee|E1 category_affinity category Coffee, which you come back to",
    "F|Garden Hose|Verde|Garden",
)

STRICT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["order", "why"],
    "properties": {
        "order": {"type": "array", "items": {"type": "string"}},
        "why": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id", "text"],
                "properties": {"id": {"type": "string"}, "text": {"type": "string"}},
            },
        },
    },
}


def response_format(schema: dict[str, Any] = STRICT_SCHEMA) -> dict[str, Any]:
    """A strict `response_format`."""
    return {"type": "json_schema", "json_schema": {"name": "rerank", "strict": True, "schema": schema}}


def messages(
    shopper: tuple[str, ...] = SHOPPER, candidates: tuple[str, ...] = CANDIDATES, system: str = SYSTEM
) -> list[dict[str, str]]:
    """System message and the user message with the lines."""
    return [{"role": "system", "content": system}, {"role": "user", "content": "\n".join((*shopper, *candidates))}]


def body(*, stream: bool = False, **changes: Any) -> dict[str, Any]:
    """A whole request body."""
    whole: dict[str, Any] = {
        "model": "simulated-ranker",
        "messages": messages(),
        "stream": stream,
        "response_format": response_format(),
    }
    if stream:
        whole["stream_options"] = {"include_usage": True}
    return whole | changes
