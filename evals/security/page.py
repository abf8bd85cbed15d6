"""docs/security-figures.md, made from what `python -m evals.security` found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def page(found: Mapping[str, Any]) -> str:
    """Markdown."""
    rerank = found["rerank"]
    whole, attacks = rerank["all"], rerank["attacks"]
    lines = [
        "# Attacks: what was tried and what got through",
        "",
        "Made by `python -m evals.security`. The model of every figure is a **program that obeys the attacker**, in "
        "twelve ways; nothing here says how a real model would behave.",
        "",
        "## Rerank prompt",
        "",
        f"{attacks['own']} attacks of the project's own and {attacks['public']} public ones, on every surface that "
        f"they fit, in {rerank['scenarios']} scenarios: {whole['prompts']:,} prompts, {whole['replies']:,} replies.",
        "",
        f"Successes: **{sum(whole['successes'].values())}**{_kinds(whole['successes'])}.",
        "",
        "### Displacement certificate",
        "",
        "Positions that the attacker's product gained over the baseline, before slate rules. The bound is `maxLift` of "
        "the gate's line (5 without a stated intent, 12 with one); it holds for any reply by construction "
        "(`app/pipeline/fusion.py`, a property test) and in every reply tried:",
        "",
        "| positions gained | replies |",
        "|---|---|",
        *(f"| {gained} | {n:,} |" for gained, n in sorted(whole["lifts"].items(), key=lambda one: int(one[0]))),
        "",
        "### Each defence taken away",
        "",
        "| without | what it does | successes | worst lift |",
        "|---|---|---|---|",
        *(
            f"| {one['name']} | {one['does']} | {sum(one['successes'].values()):,}{_kinds(one['successes'])} | "
            f"{one['worst_lift']} |"
            for one in rerank["ablations"]
        ),
        "",
        f"Of {rerank['ablations'][0]['replies']:,} replies each. Where one line alone shows nothing, another covers "
        "for it, and the line for both says what they hold together.",
        "",
        "### An attacker who learns",
        "",
        f"{rerank['adaptive']['tried']} changed texts, {rerank['adaptive']['kept']} of them kept because they went "
        f"further: **{rerank['adaptive']['successes']}** successes, {rerank['adaptive']['best_lift']} positions gained "
        "at most.",
        "",
    ]
    if (chat := found.get("chat")) is not None:
        lines += [
            "## Chat",
            "",
            f"{chat['conversations']} conversations ({chat['turns']:,} turns, {chat['turns_with_model']:,} with the "
            f"obeying model), each with an attack as a message, in a shop with attacks in {chat['poisoned_products']} "
            f"products: {chat['sentences_shown']:,} sentences and {chat['cards']:,} cards shown, "
            f"{chat['tool_calls_refused']:,} tool calls refused. Violations: "
            f"**{sum(chat['violations'].values())}**{_kinds(chat['violations'])}.",
            "",
        ]
    return "\n".join(lines)


def _kinds(counts: Mapping[str, int]) -> str:
    return "" if not counts else " (" + ", ".join(f"{kind} {n:,}" for kind, n in counts.items()) + ")"
