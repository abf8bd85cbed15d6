"""The table of detection and false alarms, as a page and as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evals.hypotheses import Share
from evals.prompts.checks import ALL
from evals.prompts.planted.measure import DETECTION_MIN, FALSE_ALARM_MAX, PER_SENTENCE, Alarm, Table

_SHOWN = 5

_HEAD = """# What the prompt suite's checks catch

Written by `python -m evals.prompts.planted` and `python -m evals.prompts.verdict_trials`; the figures also stand in
prompt-checks.json and prompt-verdicts.json.

A check is worth what it catches and what it leaves alone. Good outputs are made for scenarios of the golden set: an
order by grade with a model's noise, and sentences that say only what the prompt's lines hold, of facts that are the
product's own first. Then one fault is planted in each, and every check looks at the output with and without it. The
orders and sentences are the simulated provider's: how a live model errs may differ in ways that nobody planted here.

The limit of `grounding.specificity`, the choice of facts in good sentences and one repair of the prover were made while
looking at these very outputs (seed 0). Outputs that nobody looked at come with `--seed 1` and `--seed 2`: decision 024.
A sentence that cites the wrong line about the shopper, and is otherwise true, is caught by no check.
"""


def page(table: Table, verdicts: Mapping[str, Any] | None) -> str:
    """docs/prompt-checks.md."""
    parts = [_HEAD, _faults(table), _checks(table), _not_planted(table), _alarms(table)]
    if verdicts is not None:
        parts.append(_verdicts(verdicts))
    return "\n".join(parts)


def _percent(value: Share) -> str:
    return f"{value.value:.1%}" if value.n else "–"


def _faults(table: Table) -> str:
    lines = [
        "## Planted faults\n",
        f"Caught: a check whose own fault it is fails, and did not without the fault. At least {DETECTION_MIN:.0%} of "
        "each kind must be. The interval is exact (95%).\n",
        "| fault | what is wrong | planted in | cases | caught | at least | by |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in table.kinds.values():
        own = ", ".join(f"`{name}` {kind.by_check[name]}" for name in kind.fault.caught_by)
        lines.append(
            f"| {kind.fault.name} | {kind.fault.says} | {kind.fault.where} | {kind.planted} | {kind.caught} "
            f"| {kind.share.low:.0%} | {own} |"
        )
    missed = [f"- {k.fault.name}: {', '.join(k.missed[:_SHOWN])}" for k in table.kinds.values() if k.missed]
    if missed:
        lines += ["\nNot caught:\n", *missed]
    return "\n".join(lines) + "\n"


def _checks(table: Table) -> str:
    lines = [
        "## Checks that say pass or fail\n",
        f"False alarms are failures on good outputs; more than {FALSE_ALARM_MAX:.0%} fail CI. Detection is of the "
        "faults that are the check's own, alone or with another.\n",
        "| check | detection | of | false alarms | of | at most |",
        "|---|---|---|---|---|---|",
    ]
    for check in ALL:
        found, alarm = table.detection(check.name), table.alarms.get(check.name, Alarm())
        if not found.n and not alarm.judged:
            continue
        at_most = f"{alarm.share.high:.1%}" if alarm.judged else "–"
        lines.append(
            f"| `{check.name}` | {_percent(found)} | {found.n} | {_percent(alarm.share)} | {alarm.judged} | {at_most} |"
        )
    told = table.sentences
    lines.append(
        f"\n`{PER_SENTENCE}` is held to its false alarms by sentence: {told.false} of {told.judged} true sentences "
        f"({told.share.value:.1%}) were refused by the prover, and an output of five fails with one of them."
    )
    return "\n".join(lines) + "\n"


def _not_planted(table: Table) -> str:
    planted = {name for kind in table.kinds.values() for name in kind.fault.caught_by}
    bare = [f"`{c.name}`" for c in ALL if c.name not in planted and c.name in table.alarms]
    silent = [f"`{c.name}`" for c in ALL if c.name not in planted and c.name not in table.alarms]
    return (
        "## What this table does not show\n\n"
        f"Pass or fail, and no fault of its own planted: {', '.join(bare) if bare else 'none'}.\n\n"
        f"Only measured, or not asked here (no fault, no false alarm to count): {', '.join(silent)}. What they measure "
        "is compared by the verdicts.\n"
    )


def _alarms(table: Table) -> str:
    lines = ["## Every false alarm\n"]
    for name, alarm in table.alarms.items():
        lines += [f"- `{name}` {_plain(example)}" for example in alarm.examples[: 4 * _SHOWN]]
    return "\n".join(lines if len(lines) > 1 else [*lines, "None."]) + "\n"


def _plain(text: str) -> str:
    return text.replace("|", "/").replace("<", "‹").replace(">", "›")


def _verdicts(report: Mapping[str, Any]) -> str:
    rows: Sequence[Mapping[str, Any]] = report["runs"]
    lines = [
        "## Are the verdicts right?\n",
        "Two runs of known quality (the simulated provider's knob, the golden grades as its preferences), compared as "
        "two prompts are: every graded check on the whole set and in every gate segment, corrected by Holm. Right is "
        "the known verdict for NDCG@10, MRR and the slate's NDCG@10 on the whole set, and no false one in any row.\n",
        "| new | old | right | of | at least | rows of a table | false verdicts | NDCG@10 difference | detectable |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        false = ", ".join(f"{name} in {n}" for name, n in row["falseVerdicts"].items()) or "none"
        lines.append(
            f"| {row['newQuality']} | {row['oldQuality']} | {row['right']} | {row['runs']} | {row['interval'][0]:.1%} "
            f"| {row['hypotheses']} | {false} | {row['ndcgDifference']:+.3f} | {row['ndcgDetectable']:.3f} |"
        )
    lines.append(
        f"\n{rows[0]['cases']} graded scenarios of {rows[0]['shoppers']} shoppers. Detectable is the smallest true "
        "difference that such a run would show 8 times in 10, before Holm's correction.\n"
    )
    for row in rows:
        if row["ndcgRightBySegment"]:
            told = ", ".join(f"{name} {n}" for name, n in row["ndcgRightBySegment"].items())
            lines.append(f"{row['newQuality']} against {row['oldQuality']}, runs with the right verdict: {told}.")
    return "\n".join(lines) + "\n"


def as_json(table: Table) -> dict[str, Any]:
    """docs/prompt-checks.json."""

    def told(found: Share) -> dict[str, Any]:
        return {"hits": found.hits, "n": found.n, "low": round(found.low, 4), "high": round(found.high, 4)}

    return {
        "faults": {
            name: {
                "says": kind.fault.says,
                "where": kind.fault.where,
                "caughtBy": list(kind.fault.caught_by),
                "caught": told(kind.share),
                "byCheck": dict(sorted(kind.by_check.items())),
                "missed": kind.missed,
            }
            for name, kind in table.kinds.items()
        },
        "falseAlarms": {name: told(alarm.share) for name, alarm in sorted(table.alarms.items())},
        "falseAlarmsBySentence": {PER_SENTENCE: told(table.sentences.share)},
    }
