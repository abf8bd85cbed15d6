"""`shelfwise eval …`: the evaluations."""

from __future__ import annotations

import datetime as dt
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from app.domain.errors import BadInput

evaluations = typer.Typer(
    name="eval", help="Evaluations.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
# A file or a pipe has no width of its own, and the tables are wide.
out = Console(width=None if sys.stdout.isatty() else 180)
err = Console(stderr=True, soft_wrap=True)


@evaluations.callback()
def _prepare() -> None:
    """Evaluations: what the rankings are worth, measured."""
    # Figures must not depend on a model hub being reachable.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


@evaluations.command()
def ranking(
    data: Annotated[Path, typer.Option(help="Folder with products and events, as `shelfwise import` takes it.")],
    protocol: Annotated[Literal["novel", "any", "leave-last-out"], typer.Option(help="What is to be foreseen.")],
    cut: Annotated[str | None, typer.Option(help="First day of the test part, UTC.", metavar="DATE")] = None,
    validation_cut: Annotated[
        str | None, typer.Option(help="First day of the slice that peers are tuned on.", metavar="DATE")
    ] = None,
    folder: Annotated[Path, typer.Option("--out", help="Where JSON and report go.")] = Path("var/eval"),
    currency: Annotated[str, typer.Option(help="Of the prices.")] = "EUR",
    quick: Annotated[bool, typer.Option("--quick", help="One setting per peer, 200 resamples.")] = False,
    embed: Annotated[bool, typer.Option(help="Embed the products; without, nothing is found by content.")] = True,
    tune: Annotated[bool, typer.Option("--tune", help="Train the service with --tune.")] = False,
    cold: Annotated[bool, typer.Option("--cold", help="Also with histories hidden, and new products.")] = False,
    tradeoff: Annotated[bool, typer.Option("--tradeoff", help="Also relevance against margin; needs costs.")] = False,
    rules: Annotated[Path | None, typer.Option(help="Folder of rules, for signals and slate; else the shop's.")] = None,
    seed: Annotated[int, typer.Option(help="Of every bootstrap.")] = 20260101,
) -> None:
    """Rank real shoppers by the service's own pipeline and by tuned peers, and compare."""
    from evals.ranking.cold import evaluate_cold
    from evals.ranking.experiment import Plan, arena, evaluate
    from evals.ranking.results import write_json
    from evals.ranking.shop_data import read_shop
    from evals.ranking.table import print_evaluation
    from evals.ranking.tradeoff import evaluate_tradeoff

    plan = Plan(protocol, _day(cut, "--cut"), _day(validation_cut, "--validation-cut"), quick, embed, tune, seed)
    with arena(read_shop(data, currency), plan, _say, rules_source=rules) as ground:
        result = evaluate(ground, _say)
        if cold:
            result = replace(result, cold=evaluate_cold(ground, _say))
        if tradeoff:
            result = replace(result, tradeoff=evaluate_tradeoff(ground, _say))
    path = folder / f"ranking-{result.data}-{protocol}.json"
    write_json(result, path)
    print_evaluation(result, out)
    out.print(f"Written: {path}", highlight=False, markup=False)


def _day(text: str | None, option: str) -> float | None:
    """Midnight UTC of a day, epoch seconds."""
    if text is None:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{option} {text!r} is not a day; write 2011-09-01.") from error
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp()


def _say(line: str) -> None:
    err.print(line, style="dim", highlight=False, markup=False)
