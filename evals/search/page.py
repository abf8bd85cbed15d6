"""docs/search-quality.md, its JSON, and the table on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from evals.search.cross_validation import FOLDS, REPEATS
from evals.search.measure import (
    COUNTS,
    CROSS_VALIDATED,
    FUSED,
    REFERENCES,
    RESAMPLES,
    SERVED,
    SINGLE,
    Figures,
)
from evals.statistics import Estimate

ORDER = (CROSS_VALIDATED, SERVED, FUSED, *SINGLE, *REFERENCES)
BEST_KNOWN_MEAN = 0.773
"""Mean of the two counts of the best mix that was known before: plain BM25 and vectors of titles, z-scored."""


def missed_targets(figures: Figures) -> list[str]:
    """One line per target that the cross-validated hybrid misses; empty when all are met."""
    hybrid = figures.ndcg[CROSS_VALIDATED]
    missed = []
    if hybrid[2].value <= BEST_KNOWN_MEAN:
        missed.append(f"mean of both counts {hybrid[2].value:.3f}, to beat: {BEST_KNOWN_MEAN}")
    for name in (*SINGLE, *REFERENCES):
        if figures.against[name][2].value <= 0.0:
            missed.append(f"mean of both counts is not above {name}")
    for count in range(2):
        better = max((*SINGLE, *REFERENCES), key=lambda name: figures.ndcg[name][count].value)
        if figures.against[better][count].below_zero:
            missed.append(f"{COUNTS[count]}: significantly below {better}")
    return missed


def as_json(figures: Figures) -> dict[str, Any]:
    """Everything, with names for the counts and the settings."""
    document = asdict(figures)
    for key in ("ndcg", "against"):
        document[key] = {
            name: {count: asdict(estimate) for count, estimate in zip(COUNTS, estimates, strict=True)}
            for name, estimates in getattr(figures, key).items()
        }
    document["chosen"] = [
        {"wordsShare": words, "detailsShare": details, "times": times}
        for (words, details), times in figures.chosen.items()
    ]
    document["by_words_share"] = {str(share): list(values) for share, values in figures.by_words_share.items()}
    return {"missedTargets": missed_targets(figures), **document}


def write_figures(figures: Figures, json_file: Path, page_file: Path | None) -> None:
    """Writes the JSON, and the page where one is asked for."""
    json_file.parent.mkdir(parents=True, exist_ok=True)
    json_file.write_text(json.dumps(as_json(figures), indent=1) + "\n", encoding="utf-8")
    if page_file is not None:
        page_file.parent.mkdir(parents=True, exist_ok=True)
        page_file.write_text("\n".join(_page(figures)) + "\n", encoding="utf-8")


def print_figures(figures: Figures, out: Console) -> None:
    """The table, what was chosen, and what was missed."""
    table = Table(
        title=f"NDCG@10, {figures.queries} queries, {figures.products:,} products", box=None, title_justify="left"
    )
    table.add_column("")
    for heading in (*COUNTS, "hybrid minus it (mean)"):
        table.add_column(heading, justify="right")
    for name in ORDER:
        difference = "" if name == CROSS_VALIDATED else _signed(figures.against[name][2])
        table.add_row(name, *(_interval(estimate) for estimate in figures.ndcg[name]), difference)
    out.print(table)
    for line in missed_targets(figures) or ["all targets met"]:
        out.print(line, highlight=False, markup=False)


def _page(figures: Figures) -> Iterator[str]:
    yield "# Search quality"
    yield ""
    yield "Written by `shelfwise eval search --data ../shared/data/icecat --page docs/search-quality.md`; don't edit."
    yield ""
    yield (
        f"{figures.queries} queries of shoppers with at least one good product among those that people judged (0 to 3) "
        f"over {figures.products:,} consumer-electronics products; {figures.left_out} queries without one are left "
        "out. NDCG@10: gain 2^grade - 1, discount 1 / log2(position + 1), ideal over all judged products of the query. "
        "*judged only* ranks the judged products among themselves; *unjudged = 0* ranks the catalogue, and a product "
        "that nobody looked at counts as bad. The pools were filled by word matching, so the first count flatters "
        "meaning and the second words; *mean* is the mean of both. Intervals: 95%, "
        f"{RESAMPLES:,} bootstrap samples of queries, seed {figures.seed}; differences are paired."
    )
    yield ""
    yield f"| | {' | '.join(COUNTS)} |"
    yield "|---|---|---|---|"
    for name in ORDER:
        yield f"| {name} | {' | '.join(_interval(estimate) for estimate in figures.ndcg[name])} |"
    yield ""
    yield (
        f"*Cross-validated*: the two numbers that were tuned (share of words in the mix, share of details among words) "
        f"are chosen on four fifths of the queries and measured on the last, {FOLDS} folds, {REPEATS} times. *As "
        f"served*: the shipped {figures.words_share} and {figures.details_share}, chosen with these queries in sight, "
        "as `Finder` ranks for an anonymous shopper from its two indexes; "
        f"its top 10 is that of the exact mix over the whole catalogue for {figures.same_top:.0%} of the queries. "
        "*plain BM25* (name and description, lower-cased words) and *vectors of titles* are references that the "
        "service does not use."
    )
    yield ""
    yield "## The cross-validated hybrid minus each other way"
    yield ""
    yield f"| minus | {' | '.join(COUNTS)} |"
    yield "|---|---|---|---|"
    for name in ORDER[1:]:
        yield f"| {name} | {' | '.join(_signed(estimate) for estimate in figures.against[name])} |"
    yield ""
    missed = missed_targets(figures)
    yield (
        "Targets missed: " + "; ".join(missed) + "."
        if missed
        else (
            f"Targets met: above every single retriever and {BEST_KNOWN_MEAN} on the mean; on neither count "
            "significantly below the better single one."
        )
    )
    yield ""
    yield "## How much hangs on the mix"
    yield ""
    yield f"In sight of all queries, details share {figures.details_share}:"
    yield ""
    yield f"| share of words | {' | '.join(COUNTS)} |"
    yield "|---|---|---|---|"
    for share, values in figures.by_words_share.items():
        yield f"| {share:.2f} | {' | '.join(f'{value:.3f}' for value in values)} |"
    yield ""
    picks = ", ".join(f"{words:.2f}/{details:g} ({n}×)" for (words, details), n in figures.chosen.items())
    yield f"Chosen in the {FOLDS * REPEATS} runs of cross-validation (words/details): {picks}."
    yield ""
    n = next(iter(figures.typed.values()))[0].n
    yield "## With a typing error"
    yield ""
    yield (
        f"The {n} queries with a word of five letters or more, one of those words misspelt (a letter missing, doubled, "
        "wrong, or two swapped; never the first). Mean of both counts:"
    )
    yield ""
    yield "| | as meant | as typed |"
    yield "|---|---|---|"
    for name in (SERVED, *SINGLE, *REFERENCES):
        meant, typed = figures.typed[name]
        yield f"| {name} | {meant.value:.3f} | {_interval(typed)} |"


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _signed(estimate: Estimate) -> str:
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"
