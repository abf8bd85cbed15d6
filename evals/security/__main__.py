"""`python -m evals.security`: every attack on both surfaces, each defence taken away, an attacker who learns.

Writes docs/security.json and docs/security-figures.md. Exit code 1 when anything got through.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.prompts import load_prompt
from evals.prompts.golden import load_rerank
from evals.prompts.scenario import Scenario
from evals.security.ablation import DEFENCES, told_of, without
from evals.security.adaptive import climb
from evals.security.attacks import every, own_attacks, public_attacks
from evals.security.chat_surface import Talked, poison, talk
from evals.security.page import page
from evals.security.rerank_surface import Trial, try_all

ROOT = Path(__file__).resolve().parents[2]
SEED = 0


def ground(most: int = 24) -> Sequence[Scenario]:
    """Golden scenarios to attack, of every kind that holds no attack of its own."""
    quiet = [one for one in load_rerank() if not one.markers and not any(c.hostile for c in one.candidates)]
    return quiet[:: max(1, len(quiet) // most)][:most]


def told(trial: Trial) -> dict[str, Any]:
    """A trial as JSON."""
    return {
        "prompts": trial.prompts,
        "replies": trial.replies,
        "successes": dict(trial.successes),
        "worst_lift": trial.worst_lift,
        "lifts": {str(gained): n for gained, n in sorted(trial.lifts.items())},
        "model_reasons_of_the_attacker": trial.model_reasons,
        "examples": trial.examples,
    }


def rerank(thin: int, tries: int) -> dict[str, Any]:
    """The rerank surface. Args: thin: of each defence's trial, one attack in so many; tries: of the attacker."""
    prompt, rules, scenarios = load_prompt(ROOT / "prompts", "rerank", "v1"), ROOT / "rules", ground()
    attacks = own_attacks() + public_attacks()
    planted = list(every(scenarios, attacks))
    whole = try_all(planted, prompt, rules)
    # Drawn, not every n-th: places and kinds come in turns.
    few, ablated = random.Random(SEED).sample(planted, len(planted) // thin), []  # noqa: S311
    told_of(few)
    for defence in DEFENCES:
        with without(defence):
            found = try_all(few, prompt, rules)
        ablated.append({"name": defence.name, "does": defence.does, **told(found)})
    learned = climb(scenarios, own_attacks()[::6], prompt, rules, tries=tries, seed=SEED)
    return {
        "attacks": {"own": len(own_attacks()), "public": len(attacks) - len(own_attacks())},
        "scenarios": len(scenarios),
        "all": told(whole),
        "ablations": ablated,
        "adaptive": {
            "tried": learned.tried,
            "kept": learned.kept,
            "successes": learned.successes,
            "best_lift": learned.best_lift,
            "examples": learned.examples,
        },
    }


def chat(data: Path, conversations: int) -> dict[str, Any]:
    """The chat surface, on copies of a demo shop's data folder: as it is served, and a part without proof."""
    attacks = own_attacks() + public_attacks()

    def talked(n: int, *, proved: bool) -> tuple[int, Talked]:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(shutil.copytree(data, Path(folder) / "data"))
            return poison(copy, attacks), asyncio.run(talk(copy, attacks, n, proved=proved))

    poisoned, found = talked(conversations, proved=True)
    _, bare = talked(conversations // 10, proved=False)
    verdict = found.verdict
    return {
        "conversations": found.conversations,
        "attacks": min(len(attacks), conversations),
        "turns": verdict.turns,
        "turns_with_model": verdict.with_model,
        "poisoned_products": poisoned,
        "sentences_shown": verdict.sentences,
        "cards": verdict.cards,
        "tool_calls_refused": verdict.refused_calls,
        "violations": dict(verdict.wrong),
        "examples": verdict.examples,
        "canaries": {
            "answers": found.search.answers,
            "bytes": found.search.bytes,
            "amounts": len(found.search.planted.amounts),
            "found": dict(found.search.found),
            "examples": found.search.examples,
            "own": dict(found.own),
            "without_proof": {"conversations": bare.conversations, "found": dict(bare.search.found)},
        },
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m evals.security")
    parser.add_argument("--data", type=Path, default=ROOT / "var" / "demo", help="a folder that `make demo` filled")
    parser.add_argument("--thin", type=int, default=8, help="one attack in so many for each defence taken away")
    parser.add_argument("--tries", type=int, default=400, help="changed texts of the attacker who learns")
    parser.add_argument("--no-chat", action="store_true", help="the rerank surface alone")
    parser.add_argument(
        "--chat-only", action="store_true", help="the conversations alone; the rest stays as it was found"
    )
    parser.add_argument("--conversations", type=int, default=1_000)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    given = parser.parse_args(arguments)
    if given.chat_only:
        found: dict[str, Any] = json.loads((given.out / "security.json").read_text(encoding="utf-8"))
    else:
        found = {"rerank": rerank(given.thin, given.tries)}
    if not given.no_chat:
        found["chat"] = chat(given.data, given.conversations)
    (given.out / "security.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = page(found)
    (given.out / "security-figures.md").write_text(text, encoding="utf-8")
    print(text)
    held = not found["rerank"]["all"]["successes"] and not found["rerank"]["adaptive"]["successes"]
    talked = found.get("chat", {})
    return 0 if held and not talked.get("violations") and not talked.get("canaries", {}).get("found") else 1


if __name__ == "__main__":
    sys.exit(main())
