"""`pytest evals/prompts --prompt rerank/v1`: the suite as tests, one per check and segment, and one per gate.

Not part of `make test`: pytest looks here only when it is told to.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.errors import ShelfwiseError
from app.settings import Settings
from evals.prompts import checks
from evals.prompts.command import Wish, chosen, prompt_named, run, write_reports
from evals.prompts.gates import GATES, load_gates
from evals.prompts.golden import load_rerank
from evals.prompts.results import Report
from evals.prompts.verdicts import EVERYTHING
from evals.rerank.asking import Pace


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `shelfwise eval prompts` that make sense here."""
    group = parser.getgroup("prompts", "prompt evaluation suite")
    group.addoption("--prompt", default="rerank/v1", help="the prompt under test")
    group.addoption("--against", default=None, help="the prompt that it is set against")
    group.addoption("--model", action="append", default=[], help="a litellm id, asked and paid for; may be repeated")
    group.addoption("--recorded", type=Path, default=None, help="read replies from this file and ask nobody")
    group.addoption("--simulated", action="store_true", help="a program plays the provider")
    group.addoption("--stratum", action="append", default=[], help="only scenarios of it; may be repeated")
    group.addoption("--limit", type=int, default=None, help="so many scenarios, spread over the golden set")
    group.addoption("--shuffles", type=int, default=0, help="further orders of each prompt's lines")
    group.addoption("--variants", action="store_true", help="ask the metamorphic variants, too")
    group.addoption("--max-usd", type=float, default=1.0, help="the most that the run may spend")
    group.addoption("--out", type=Path, default=Path("var/eval/prompts"), help="where replies and reports go")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per check and segment of the chosen scenarios; per gate."""
    if "segment" in metafunc.fixturenames:
        wish = _wish(metafunc.config)
        scenarios = chosen(load_rerank(), (), wish.strata, wish.limit)
        segments = [EVERYTHING, *sorted({scenario.segment for scenario in scenarios})]
        pairs = [(check.name, segment) for check in checks.TESTED for segment in segments]
        metafunc.parametrize(("check", "segment"), pairs, ids=[f"{name} {segment}" for name, segment in pairs])
    if "gate" in metafunc.fixturenames:
        metafunc.parametrize("gate", [gate.id for gate in load_gates(GATES, checks.ALL).gates])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is asked for and can't be run is one sentence, not an error of each test."""
    here = Path(__file__).parent
    if any(here in item.path.parents for item in items):
        wish = _wish(config)
        if not (wish.models or wish.recorded or wish.simulated):
            raise pytest.UsageError("Which model? Name one with --model ID, or use --recorded FILE or --simulated.")
        try:
            for name in filter(None, (wish.prompt, wish.against)):
                prompt_named(name, Settings().prompts_dir)
        except ShelfwiseError as error:
            raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """The run that all tests look at; its reports are written as well."""
    wish = _wish(pytestconfig)
    made = run(wish, Settings(), print)
    write_reports(made, wish.folder, print)
    return made


def _wish(config: pytest.Config) -> Wish:
    models = tuple(config.getoption("--model"))
    recorded = config.getoption("--recorded")
    return Wish(
        prompt=config.getoption("--prompt"),
        against=config.getoption("--against"),
        models=models,
        recorded=recorded,
        simulated=config.getoption("--simulated"),
        knobs="ttft_ms=0,tokens_per_s=0" if config.getoption("--simulated") else "",
        strata=tuple(config.getoption("--stratum")),
        limit=config.getoption("--limit"),
        shuffles=config.getoption("--shuffles"),
        variants=config.getoption("--variants"),
        max_usd=config.getoption("--max-usd"),
        pace=Pace(8, again=5),
        folder=config.getoption("--out"),
    )
