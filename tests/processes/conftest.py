"""Real processes: a supervisor, two workers and a Chroma server on a copy of the demo shop."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running_workers import RunningWorkers, start_workers
from tests.support.simulated_provider import SimulatedProvider, start_simulated

EXACT_UP_TO = "100"
"""Below the demo shop's size, so that a Chroma server is needed."""


@pytest.fixture(autouse=True)
def _on_linux() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("which process does what is read from /proc")


@pytest.fixture(scope="module")
def provider() -> Iterator[SimulatedProvider]:
    """A model provider that answers at once."""
    with start_simulated(ttft_ms=0, tokens_per_s=0, quality=1.0) as provider:
        yield provider


@pytest.fixture(scope="module")
def service(
    demo_data_dir: Path, tmp_path_factory: pytest.TempPathFactory, provider: SimulatedProvider
) -> Iterator[RunningWorkers]:
    """Two workers with a model, shared by the tests of a module in their order."""
    data_dir = Path(shutil.copytree(demo_data_dir, tmp_path_factory.mktemp("workers") / "data"))
    with start_workers(
        data_dir,
        SHELFWISE_VECTOR_EXACT_UP_TO=EXACT_UP_TO,
        SHELFWISE_LLM_MODEL="openai/simulated-ranker",
        SHELFWISE_LLM_API_BASE=provider.base_url,
        SHELFWISE_LLM_API_KEY="none",
        SHELFWISE_LLM_PRICE_INPUT_USD="0.15",
        SHELFWISE_LLM_PRICE_OUTPUT_USD="0.60",
        SHELFWISE_LLM_DEADLINE_MS="2000",
    ) as running:
        yield running
