"""One service before one provider for all cases of a module."""

from __future__ import annotations

import gc
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.case import Bench
from tests.support.certificates import Authority
from tests.support.fault_server import FaultServer
from tests.support.faulted_service import faulted_service
from tests.support.provider_faults import good


@pytest.fixture(scope="module")
def bench(demo_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The demo shop's service, warm: its first requests open what later ones keep."""
    if not sys.platform.startswith("linux"):
        pytest.skip("sockets are counted in /proc")
    folder = tmp_path_factory.mktemp("faults")
    data_dir = Path(shutil.copytree(demo_data_dir, folder / "data"))
    with FaultServer() as provider, FaultServer() as elsewhere, faulted_service(data_dir) as service:
        provider.fault = elsewhere.fault = good
        service.provider(provider.url, call_limit_s=8.0)
        for _ in range(2):
            assert service.ask(service.shopper(), deadline_ms=2000).status == 200
        service.settled(0, 10)
        service.leave()
        yield Bench(service, provider, elsewhere, Authority.make(folder))
    with warnings.catch_warnings():  # litellm leaves a coroutine behind where a call is cut off before it was sent
        warnings.simplefilter("ignore")
        gc.collect()
