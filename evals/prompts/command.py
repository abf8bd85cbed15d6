"""`shelfwise eval prompts`: from what was typed to reports and an exit code."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.domain.errors import BadInput
from app.prompts import Prompt, load_prompt
from app.settings import Settings
from evals.prompts import checks
from evals.prompts.gates import GATES, load_gates, with_gates
from evals.prompts.golden import load_rerank
from evals.prompts.judging import Judge
from evals.prompts.providers import LABEL, answers, knobs
from evals.prompts.reports.junit import write_junit
from evals.prompts.reports.markdown import write_markdown
from evals.prompts.results import Report, as_json, report_of
from evals.prompts.suite import Plan, Variants, run_suite
from evals.prompts.suite import Progress as Follow
from evals.ranking.results import write_json
from evals.rerank.asking import Pace

_NAME = re.compile(r"[a-z][a-z0-9-]*/v[1-9][0-9]*")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for."""

    prompt: str  # "rerank/v2"
    against: str | None = None
    models: tuple[str, ...] = ()
    recorded: Path | None = None  # read these replies and ask nobody
    simulated: bool = False
    knobs: str = ""  # of the simulated provider: "quality=0.5,ttft_ms=0"
    scenarios: tuple[str, ...] = ()  # ids or beginnings of ids; none = all
    strata: tuple[str, ...] = ()  # any of them; none = all
    limit: int | None = None  # so many scenarios, spread evenly over the golden set
    shuffles: int = 5
    variants: bool = True  # ask the metamorphic variants, too
    max_usd: float = 1.0
    pace: Pace = field(default_factory=lambda: Pace(8, again=5))
    folder: Path = Path("var/eval/prompts")
    gates: Path | None = None
    resamples: int = 1000
    langfuse: bool = False  # tell the project of the settings, too


def _writable(folder: Path) -> None:
    """Whoever names a folder that can't be written is told before anything is paid. Raises BadInput."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadInput(f"{folder} can't be written: {error.strerror}; name another with --out.") from error


def run(wish: Wish, settings: Settings, say: Say, follow: Follow | None = None) -> Report:
    """Everything but the writing of reports.

    Raises: BadInput, ConfigurationError, RulesError: what was asked for can't be done; the message says what to do.
    """
    if wish.langfuse:
        from evals.prompts.langfuse_experiment import project_of

        project_of(settings)  # who forgot the keys is told before anything is paid
    _writable(wish.folder)
    prompts = tuple(prompt_named(name, settings.prompts_dir) for name in _names(wish))
    gates = load_gates(GATES if wish.gates is None else wish.gates, checks.ALL)
    scenarios = chosen(load_rerank(), wish.scenarios, wish.strata, wish.limit)
    judge = Judge.of(settings.rules_dir)
    given = knobs(wish.knobs) if wish.simulated else None
    if wish.knobs and not wish.simulated:
        raise BadInput("--knobs turns the simulated provider's knobs: it goes with --simulated.")
    plan = Plan(
        prompts=prompts,
        scenarios=scenarios,
        checks=checks.ALL,
        suite_checks=checks.SUITE,
        variants=_variants() if wish.variants else lambda _scenario: (),
        shuffles=wish.shuffles,
        max_usd=wish.max_usd,
        pace=wish.pace,
        deadline_s=settings.llm_deadline_ms / 1000.0,
    )
    opened = answers(
        wish.models,
        wish.recorded,
        given,
        folder=wish.folder,
        concurrency=wish.pace.concurrency,
        settings=settings,
    )
    with opened as models:
        if any(model.simulated for model in models):
            say(LABEL)
        suite = run_suite(plan, models, judge, follow)
    report = report_of(suite, plan, checks.TESTED, resamples=wish.resamples)
    return with_gates(report, gates, prompts[0].id)


def write_reports(report: Report, folder: Path, say: Say, deadline_s: float | None = None) -> Path:
    """Writes every report; where there is no matplotlib, the page has no plots. Returns where the page is."""
    from evals.prompts.reports.html import write_html

    write_json(as_json(report), folder / "report.json")
    write_junit(report, folder / "junit.xml")
    write_markdown(report, folder / "report.md")
    page = write_html(report, folder / "report.html", deadline_s)
    say(f"Written: report.html, report.md, report.json and junit.xml in {folder}")
    return page


def tell_langfuse(report: Report, settings: Settings, say: Say) -> None:
    """Tells the project of the settings of every run, within five minutes; what goes wrong is a line and no error.

    Raises: ConfigurationError: there is no project, as `run` says before it begins.
    """
    from evals.prompts.langfuse_experiment import project_of, tell

    tell(report, project_of(settings), say)


def prompt_named(name: str, folder: Path) -> Prompt:
    """The prompt of a name as in `--prompt rerank/v2`. Raises BadInput: there is none; the message names those."""
    if not _NAME.fullmatch(name) or not (folder / f"{name}.md").is_file():
        there = sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.glob("*/v*.md"))
        raise BadInput(f"There is no prompt {name!r}; there is {', '.join(there) or 'none'}.")
    kind, _, version = name.partition("/")
    if kind != "rerank":
        raise BadInput(f"{name}: only rerank prompts are measured here.")
    return load_prompt(folder, kind, version)


class Named(Protocol):
    """A scenario of either kind, as far as it is chosen by."""

    @property
    def id(self) -> str:
        """Its name."""
        ...

    @property
    def strata(self) -> frozenset[Any]:
        """What it is about."""
        ...


_Named = TypeVar("_Named", bound=Named)


def chosen(
    scenarios: Sequence[_Named], names: Collection[str], strata: Collection[str], limit: int | None = None
) -> tuple[_Named, ...]:
    """Scenarios by id (or the beginning of one) and stratum, in the golden set's order; all without either.

    Args:   limit: so many at most, spread evenly.
    Raises: BadInput: a name or stratum that no scenario has; the message says which there are.
    """
    there = sorted({str(stratum) for scenario in scenarios for stratum in scenario.strata})
    for stratum in strata:
        if stratum not in there:
            raise BadInput(f"There is no stratum {stratum!r}; there is {', '.join(there)}.")
    for name in names:
        if not any(scenario.id.startswith(name) for scenario in scenarios):
            raise BadInput(f"No scenario's id begins with {name!r}; they look like {scenarios[0].id}.")
    found = [
        s
        for s in scenarios
        if (not names or s.id.startswith(tuple(names))) and (not strata or not s.strata.isdisjoint(strata))
    ]
    if not found:
        raise BadInput("No scenario has both these names and these strata.")
    if limit is not None and limit < len(found):
        found = [found[place * len(found) // limit] for place in range(limit)]
    return tuple(found)


@contextmanager
def progress_bar(console: Console) -> Iterator[Follow]:
    """Yields the callback of `run_suite`: a bar with the running cost at a terminal, now and then a line elsewhere."""
    if not sys.stderr.isatty():
        yield _lines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("${task.fields[spent]:.4f}"),
    )
    with Progress(*columns, console=console) as bar:
        tasks: dict[str, int] = {}

        def follow(model: str, done: int, total: int, spent_usd: float) -> None:
            if model not in tasks:
                tasks[model] = bar.add_task(model.replace("[", r"\["), total=total, spent=0.0)
            bar.update(tasks[model], completed=done, spent=spent_usd)  # type: ignore[arg-type]

        yield follow


def _lines(console: Console) -> Follow:
    told: dict[str, int] = {}

    def follow(model: str, done: int, total: int, spent_usd: float) -> None:
        tenth = 10 * done // max(1, total)
        if told.get(model) != tenth:
            told[model] = tenth
            console.print(f"{model}: {done} of {total}, ${spent_usd:.4f}", highlight=False, markup=False)

    return follow


def _names(wish: Wish) -> tuple[str, ...]:
    if wish.against == wish.prompt:
        raise BadInput(f"--prompt and --against are both {wish.prompt}: there is nothing to compare.")
    return (wish.prompt,) if wish.against is None else (wish.prompt, wish.against)


def _variants() -> Variants:
    from evals.prompts.variants import variants

    return variants
