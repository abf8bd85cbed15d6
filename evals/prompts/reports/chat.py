"""What a run of golden conversations came to, for a terminal and a program."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evals.prompts.chat_outcome import ChatRun
from evals.prompts.providers import LABEL
from evals.ranking.results import plain

_SHOWN = 30


def print_chat(run: ChatRun, console: Console) -> None:
    """Promises kept by stratum, and every broken one."""

    def say(line: str, style: str | None = None) -> None:
        console.print(line, style=style, highlight=False, markup=False)

    if run.simulated:
        say(f"*** {LABEL} ***", "bold red")
    answers = [answer for outcome in run.outcomes for answer in outcome.answers]
    held = sum(outcome.held for outcome in run.outcomes)
    say(
        f"{run.model or 'by rules alone'}{', ' + run.prompt_id if run.prompt_id else ''}: {held} of "
        f"{len(run.outcomes)} conversations kept every promise; {len(answers)} answers, "
        f"{sum(answer.by_model for answer in answers)} with the model; {run.calls} calls, ${run.spent_usd:.4f}, "
        f"{run.wall_s:.1f} s"
    )
    table = Table(title="Conversations that kept every promise", title_justify="left")
    for column in ("stratum", "kept", "of"):
        table.add_column(column, justify="left" if column == "stratum" else "right")
    kept: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for outcome in run.outcomes:
        total.update(outcome.scenario.strata)
        kept.update(outcome.scenario.strata if outcome.held else ())
    for stratum in sorted(total):
        table.add_row(stratum, str(kept[stratum]), str(total[stratum]))
    console.print(table)
    for broken in run.broken[:_SHOWN]:
        console.print(Text(f"{broken.scenario}, message {broken.turn}: {broken.promise} {broken.detail}"))
    if len(run.broken) > _SHOWN:
        say(f"… and {len(run.broken) - _SHOWN} more in the JSON")


def chat_json(run: ChatRun) -> Any:
    """The run as plain values, without the parts."""
    return plain(
        {
            "model": run.model,
            "prompt": run.prompt_id,
            "simulated": run.simulated,
            "label": LABEL if run.simulated else "",
            "conversations": len(run.outcomes),
            "kept": sum(outcome.held for outcome in run.outcomes),
            "calls": run.calls,
            "spentUsd": run.spent_usd,
            "wallS": run.wall_s,
            "broken": run.broken,
            "seconds": {o.scenario.id: [a.seconds for a in o.answers] for o in run.outcomes},
        }
    )
