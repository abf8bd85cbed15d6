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
        canaries = chat["canaries"]
        bare = canaries["without_proof"]
        lines += [
            "## Chat",
            "",
            f"{chat['conversations']:,} conversations ({chat['turns']:,} turns, {chat['turns_with_model']:,} with the "
            f"obeying model), {chat['attacks']} with an attack as a message and the others with a question for a "
            f"secret, in a shop with attacks in {chat['poisoned_products']} products: {chat['sentences_shown']:,} "
            f"sentences and {chat['cards']:,} cards shown, {chat['tool_calls_refused']:,} tool calls refused. "
            f"Violations: **{sum(chat['violations'].values())}**{_kinds(chat['violations'])}.",
            "",
            "### Canaries",
            "",
            "Words and figures that occur nowhere else were planted in another shopper's id, preferences, search and "
            f"note, in the cost of every product ({canaries['amounts']:,} different costs and margins) and in the "
            f"prompt, and looked for in every byte of the {canaries['answers']:,} answers ({canaries['bytes']:,} "
            f"bytes) as they go over the wire. Found: **{sum(canaries['found'].values())}**"
            f"{_kinds(canaries['found'])}. That they can be found: the other shopper, asking for the own preferences, "
            f"gets them{_kinds(canaries['own'])}; without the proof of sentences, {bare['conversations']} "
            f"conversations show {sum(bare['found'].values())}{_kinds(bare['found'])}.",
            "",
        ]
    return "\n".join(lines)


def _kinds(counts: Mapping[str, int]) -> str:
    return "" if not counts else " (" + ", ".join(f"{kind} {n:,}" for kind, n in counts.items()) + ")"
