"""docs/proofs.md from the figures, and which targets they miss."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any, cast

from evals.proofs.measure import Figures, Tally, listed

_PARAPHRASE_RUNS = Path(__file__).parent / "paraphrase_first_runs.json"
_FIRST_RUN = Path(__file__).parent / "natural_first_run.json"


def first_run() -> dict[str, Any]:
    """The figures of the first run on the natural sentences, before anyone had read them."""
    return cast(dict[str, Any], json.loads(_FIRST_RUN.read_text(encoding="utf-8")))


def missed_targets(figures: Figures) -> list[str]:
    """One line for each target that the figures miss; empty when all are met."""
    checks = [
        ("lies caught", figures.caught.share, 0.98),
        ("truths accepted", figures.truths.share, 0.98),
        ("compiled sentences accepted", figures.compiled.share, 0.99),
    ]
    if figures.natural_false is not None and figures.natural_true is not None:
        checks.append(("false natural sentences caught", figures.natural_false.share, 0.95))
        checks.append(("true natural sentences accepted", figures.natural_true.share, 0.90))
    checks.append(("false sentences of the second natural set caught", figures.second_false.share, 0.95))
    checks.append(("true sentences of the second natural set accepted", figures.second_true.share, 0.90))
    missed = [f"{name} {share:.1%}, target {target:.0%}" for name, share, target in checks if share < target]
    if figures.unproved_figures:
        missed.append(f"{figures.unproved_figures} accepted sentences hold a figure that no fact holds, target 0")
    return missed


def page(figures: Figures) -> str:
    """The whole page. Times are left out: they belong to a machine, and the page to the code."""
    caught = figures.caught
    lines = [
        "# Proofs: what the prover catches, and what it wrongly refuses",
        "",
        "Written by `python -m evals.proofs`; don't edit. The grammar of truths and lies was committed first.",
        "",
        "| | sentences | right | share | target |",
        "|---|---|---|---|---|",
        _row("planted lies refused", caught, "≥ 98%"),
        _row("true generated sentences accepted", figures.truths, "≥ 98%"),
        _row("compiled sentences accepted", figures.compiled, "≥ 99%"),
    ]
    if figures.natural_false is not None and figures.natural_true is not None:
        lines += [
            _row("false natural sentences refused", figures.natural_false, "≥ 95%"),
            _row("true natural sentences accepted", figures.natural_true, "≥ 90%"),
        ]
    lines += [
        _row("false sentences of the second natural set refused", figures.second_false, "≥ 95%"),
        _row("true sentences of the second natural set accepted", figures.second_true, "≥ 90%"),
        _row("false sentences of the third set, unread, refused", figures.third_false, "≥ 95%"),
        _row("true sentences of the third set, unread, accepted", figures.third_true, "≥ 90%"),
        _row("paraphrased falsehoods refused", figures.paraphrased_false, ""),
        _row("paraphrased truths accepted", figures.paraphrased_true, ""),
        f"| accepted sentences with an unproved figure | | {figures.unproved_figures} | | 0 |",
        "",
        *_natural_note(),
        *_second_note(),
        *_third_note(),
        *_paraphrase_note(),
        "## Lies by type",
        "",
        "| type | planted | refused |",
        "|---|---|---|",
        *(f"| {kind} | {tally.n} | {tally.right} |" for kind, tally in sorted(figures.lies.items())),
        "",
        "## Truths refused, by kind of failure",
        "",
        *(f"- {kind}: {n}" for kind, n in figures.refusals.items()),
        "",
        *listed(figures.truths.wrong),
        "",
    ]
    for title, tally in (
        ("False natural sentences that pass", figures.natural_false),
        ("True natural sentences that are refused", figures.natural_true),
        ("False sentences of the second natural set that pass", figures.second_false),
        ("True sentences of the second natural set that are refused", figures.second_true),
        ("Paraphrased falsehoods that pass", figures.paraphrased_false),
        ("Paraphrased truths that are refused", figures.paraphrased_true),
    ):
        if tally is not None:
            lines += [f"## {title}", "", *listed(tally.wrong), ""]
    return "\n".join(lines)


def _row(name: str, tally: Tally, target: str) -> str:
    return f"| {name} | {tally.n:,} | {tally.right:,} | {tally.share:.1%} | {target} |"


def _natural_note() -> list[str]:
    first = first_run()
    false, true, held = first["falseCaught"], first["trueAccepted"], first["heldOut"]
    told = (
        "Natural sentences were written by someone who had not seen the prover, to try it. **The first run, before "
        f"anyone working on the prover had read one of them, refused {false['right']} of {false['n']} false and "
        "accepted only "
        f"{true['right']} of {true['n']} true ones.** General rules were then made from every second sentence; on the "
        f"half not yet read they accepted {held['trueAccepted']['right']} of {held['trueAccepted']['n']} true and "
        f"refused {held['falseCaught']['right']} of {held['falseCaught']['n']} false ones. The table above is after "
        "the "
        "other half had been read too, so it says what the rules can do, not what they do on unseen prose: for that "
        "the held-out "
        "figure is the honest one until new sentences are written. A refused true sentence costs a compiled one in its "
        "place."
    )
    return [*textwrap.wrap(told, 118), ""]


def _second_note() -> list[str]:
    second = first_run()["second"]
    false, true = second["falseCaught"], second["trueAccepted"]
    told = (
        "A second set of natural sentences was written later, again by someone who had not seen the rules, about the "
        f"lines of real prompts. **On first sight {false['right']} of {false['n']} false ones were refused and "
        f"{true['right']} of {true['n']} true ones accepted**, after {second['labelsCorrected']} labels had been "
        "corrected: those sentences say what the product's record holds and their writer was not shown. Rules were "
        "made from all of them since, so their row in the table is no measure of unseen prose."
    )
    return [*textwrap.wrap(told, 118), ""]


def _third_note() -> list[str]:
    third = first_run()["third"]
    false, true, before = third["falseCaught"], third["trueAccepted"], third["before"]
    told = (
        "The third set (240 sentences about 40 real prompts, their writer shown the product records) has not been read "
        "by anyone who works on the prover, and its mistakes are not listed here, so that it stays the measure of "
        f"unseen prose. First run: {false['right']} of {false['n']} false ones refused, {true['right']} of {true['n']} "
        f"true ones accepted; by the rules before those made from the second set {before['falseCaught']['right']} and "
        f"{before['trueAccepted']['right']}."
    )
    return [*textwrap.wrap(told, 118), ""]


def _paraphrase_note() -> list[str]:
    runs = cast(dict[str, Any], json.loads(_PARAPHRASE_RUNS.read_text(encoding="utf-8")))

    def of(run: str, key: str) -> str:
        return f"{runs[run][key]['right']} of {runs[run][key]['n']}"

    told = (
        "Paraphrases were written by the people who work on the prover, in rounds, each before the rules made from "
        f"it: on first sight {of('first', 'trueAccepted')}, {of('second', 'trueAccepted')} and "
        f"{of('third', 'trueAccepted')} truths of three rounds were accepted, and {of('first', 'falseCaught')}, "
        f"{of('second', 'falseCaught')}, {of('third', 'falseCaught')} and {of('fourth', 'falseCaught')} falsehoods of "
        "four rounds were refused. "
        f"{runs['first']['trueAccepted']['takenOutLater']} refused sentences of the first round were then taken out: "
        "they say more than the facts, or their truth is a matter of opinion. "
        "The falsehoods aim at the freedoms that the rules give."
    )
    return [*textwrap.wrap(told, 118), ""]
