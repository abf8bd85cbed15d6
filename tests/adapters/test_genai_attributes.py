"""The names that OpenTelemetry has for model calls, on our spans."""

from __future__ import annotations

import pytest

from app.adapters.genai_attributes import generation, operation


def test_a_call_is_named_as_the_conventions_say() -> None:
    """Cached tokens are a part of the input; the provider has OpenTelemetry's name."""
    found = generation(
        "gemini/flash", input_tokens=1500, output_tokens=200, cached_tokens=1000, prompt_name="rerank", output="json"
    )
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini/flash",
        "gen_ai.usage.input_tokens": 1500,
        "gen_ai.usage.output_tokens": 200,
        "gen_ai.usage.cache_read.input_tokens": 1000,
        "gen_ai.prompt.name": "rerank",
        "gen_ai.output.type": "json",
    }


def test_what_is_not_known_is_not_said() -> None:
    """A model id without a provider names none; no cached tokens are not 0 cached tokens."""
    assert generation("gpt-4o-mini", input_tokens=1, output_tokens=0) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 1,
        "gen_ai.usage.output_tokens": 0,
    }


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("tool", {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "x", "gen_ai.tool.type": "function"}),
        ("agent", {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "x"}),
        ("span", {}),
        ("guardrail", {}),
    ],
)
def test_tools_and_agents_are_operations_too(kind: str, expected: dict[str, str]) -> None:
    """A span that the conventions have no operation for gets none."""
    assert operation(kind, "x") == expected
