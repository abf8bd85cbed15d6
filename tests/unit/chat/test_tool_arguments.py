"""What of a model's tool calls is taken."""

import json

import pytest

from app.chat.tool_arguments import SearchArguments, read_call, tool_specs
from app.domain.errors import BadInput
from app.domain.model_calls import ToolCall


def call(name: str, arguments: str) -> ToolCall:
    return ToolCall("c", name, arguments)


def test_good_arguments() -> None:
    """The tool and its values."""
    name, arguments = read_call(call("search_products", '{"query":"mouse","max_price":50}'))
    assert name == "search_products"
    assert isinstance(arguments, SearchArguments)
    assert (arguments.query, arguments.max_price) == ("mouse", 50)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("drop_tables", "{}"),
        ("", "{}"),
        ("search_products", ""),
        ("search_products", "{"),
        ("search_products", "[]"),
        ("search_products", "null"),
        ("search_products", '{"query":5}'),
        ("search_products", '{"query":""}'),
        ("search_products", '{"query":"x","max_price":NaN}'),
        ("search_products", '{"query":"x","max_price":-1}'),
        ("search_products", '{"query":"x","max_price":1e400}'),
        ("search_products", '{"query":"x","userId":"gamer"}'),
        ("recommend", '{"user_id":"gamer"}'),
        ("get_preferences", '{"user":"gamer"}'),
        ("search_products", json.dumps({"query": "x" * 201})),
        ("search_products", json.dumps({"query": "x", "brands": ["b"] * 6})),
        ("search_products", "[" * 100_000),
        ("search_products", json.dumps({"query": "x"}) + " " * 5000),
        ("compare_products", '{"products":["A"]}'),
        ("add_to_cart", '{"product":"A","quantity":0}'),
        ("add_to_cart", '{"product":"A","quantity":"2"}'),
        ("set_preference", '{"name":"consent","value":"full"}'),
    ],
)
def test_bad_calls_are_refused_without_repeating_them(name: str, arguments: str) -> None:
    """Unknown tools, broken JSON, wrong types, and every id of a person."""
    with pytest.raises(BadInput) as refused:
        read_call(call(name, arguments))
    assert "gamer" not in str(refused.value)
    assert "drop" not in str(refused.value)


def test_no_tool_takes_an_id_of_a_person() -> None:
    """Who is asking is the session's."""
    for spec in tool_specs():
        properties = spec.parameters["properties"]
        assert isinstance(properties, dict)
        assert not [name for name in properties if "user" in name or "session" in name or "anonymous" in name]
        assert spec.parameters["additionalProperties"] is False
