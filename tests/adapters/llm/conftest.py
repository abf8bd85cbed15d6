"""A client that is closed after the test, over a library that is imported once."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.adapters.llm import LiteLlmClient
from app.adapters.llm_library import import_litellm
from tests.adapters.llm.llm_calls import BASE, MakeClient


@pytest.fixture(scope="session", autouse=True)
def _library() -> None:
    """The import takes seconds; once is enough."""
    import_litellm()


@pytest.fixture
async def make_client() -> AsyncIterator[MakeClient]:
    """Opens clients and closes them after the test."""
    made: list[LiteLlmClient] = []

    def make(model: str = "openai/gpt-4o-mini", api_base: str = BASE, **changes: Any) -> LiteLlmClient:
        made.append(LiteLlmClient.open(model, api_base, changes.pop("api_key", "test-key"), **changes))
        return made[-1]

    yield make
    for client in made:
        await client.close()
