"""Results as a terminal table."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from evals.ranking.results import Evaluation
from evals.statistics import HISTORY, Estimate


def print_evaluation(result: Evaluation, console: Console) -> None:
    """Accuracy, other figures, and NDCG@10 by history, a table each."""
    console.print(
        f"{result.data}, {result.protocol}: cut {result.cut[:10]}, {result.tested_with_history:,} shoppers with a "
        f"history tested ({result.relevant_each:.1f} relevant each), {result.products:,} products; relevant: "
        f"{', '.join(result.relevant_kinds)}; {result.left_out:,} shoppers without a relevant product left out",
        highlight=False,
    )
    for table in tables(result):
        console.print(table)
    console.print(
        "95% intervals from a bootstrap over shoppers; best peer chosen on the test part, settings on validation.",
        style="dim",
        highlight=False,
    )


def tables(result: Evaluation) -> Iterator[Table]:
    """The tables of one evaluation."""
    yield _table(
        ["", "NDCG@10", "against best peer", "P@10", "recall@10", "hit@10", "recall@100", "recall@500"],
        [
            [
                model.name,
                _interval(model.metrics["ndcg"]),
                "best peer" if model.against_best_peer is None else _difference(model.against_best_peer),
                *(f"{model.metrics[m].value:.3f}" for m in ("precision", "recall", "hit", "recall@100", "recall@500")),
            ]
            for model in result.models
        ],
    )
    yield _table(
        ["", "coverage", "novelty, bits", "diversity", "popularity", "Gini", "fit, s", "fit, MiB", "ms/shopper"],
        [
            [
                model.name,
                *(f"{model.metrics[m].value:.3f}" for m in ("coverage", "novelty", "diversity", "popularity", "gini")),
                "" if model.fit_s is None else f"{model.fit_s:.1f}",
                "" if model.fit_mib is None else f"{model.fit_mib:,.0f}",
                f"{model.ms_per_shopper:.2f}",
            ]
            for model in result.models
        ],
    )
    first = result.models[0]
    headings = [f"{name} (n={first.segments[name].n:,})" for name in HISTORY.names]
    yield _table(
        ["NDCG@10 by interactions", *headings],
        [[model.name, *(f"{model.segments[s].value:.4f}" for s in HISTORY.names)] for model in result.models],
    )


def _table(headings: list[str], rows: list[list[str]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i == 0 else "right")
    for row in rows:
        table.add_row(*row)
    return table


def _interval(e: Estimate) -> str:
    return f"{e.value:.4f} [{e.low:.4f}, {e.high:.4f}]"


def _difference(e: Estimate) -> str:
    return f"{e.value:+.4f} [{e.low:+.4f}, {e.high:+.4f}]"
