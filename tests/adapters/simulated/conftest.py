"""One fast simulated provider for the module that asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.simulated_provider import SimulatedProvider, start_simulated


@pytest.fixture(scope="module")
def provider() -> Iterator[SimulatedProvider]:
    """Answers at once, in the order of hidden utility."""
    with start_simulated(ttft_ms=0, tokens_per_s=0, quality=1.0) as running:
        yield running


@pytest.fixture
def http(provider: SimulatedProvider) -> Iterator[httpx.Client]:
    """A plain client of that provider."""
    with httpx.Client(base_url=provider.root_url, trust_env=False, timeout=10) as client:
        yield client
