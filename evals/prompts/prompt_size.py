"""What two rerank prompts cost before a model has answered, over the golden set: `python -m evals.prompts.prompt_size`.

Writes docs/quality/prompt-rerank-v2.json. Nothing here says how well a model ranks: that needs a live model.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from app.prompts import Prompt, load_prompt
from evals.prompts.golden import load_rerank
from evals.prompts.outcome import Posed
from evals.prompts.posing import pose
from evals.prompts.scenario import Scenario
from evals.simulated.answer import answer_rerank
from evals.simulated.knobs import Knobs
from evals.simulated.reading import Turn, read_rerank
from evals.simulated.tokens import TokenRule, token_rule

ROOT = Path(__file__).resolve().parents[2]
LIVE = "ranking quality: no evidence, needs a live model"


@dataclass(frozen=True, slots=True)
class Size:
    """What one prompt sends for a scenario. Means over scenarios, but for `tokens_p95`."""

    prompt: str
    content_hash: str
    scenarios: int
    system_tokens: float
    system_bytes: float
    tokens: float  # all messages
    tokens_p95: float
    bytes: float
    order_bytes: float  # of a simulated reply, up to the bracket that closes `order`
    asks_the_same: bool  # the same number of places and sentences as the other prompt


def sizes(prompts: Sequence[Prompt], scenarios: Sequence[Scenario], rule: TokenRule) -> tuple[Size, ...]:
    """The sizes of each prompt over the same scenarios."""
    asked = [tuple(_asked(pose(scenario, prompt)) for scenario in scenarios) for prompt in prompts]
    return tuple(
        _size(prompt, scenarios, rule, same=mine == asked[0]) for prompt, mine in zip(prompts, asked, strict=True)
    )


def _size(prompt: Prompt, scenarios: Sequence[Scenario], rule: TokenRule, *, same: bool) -> Size:
    posed = [pose(scenario, prompt) for scenario in scenarios]
    system = [one.call.messages[0].content for one in posed]
    whole = ["".join(message.content for message in one.call.messages) for one in posed]
    tokens = [len(rule.ids(text)) for text in whole]
    return Size(
        prompt=prompt.id,
        content_hash=prompt.content_hash,
        scenarios=len(scenarios),
        system_tokens=fmean(len(rule.ids(text)) for text in system),
        system_bytes=fmean(len(text.encode()) for text in system),
        tokens=fmean(tokens),
        tokens_p95=float(np.percentile(tokens, 95)),
        bytes=fmean(len(text.encode()) for text in whole),
        order_bytes=fmean(_order_bytes(one) for one in posed),
        asks_the_same=same,
    )


def _turns(posed: Posed) -> list[Turn]:
    return [Turn(message.role, message.content) for message in posed.call.messages]


def _asked(posed: Posed) -> tuple[int, int | None, int | None]:
    """Candidates, sentences and words in each, as the simulated provider reads them from the prompt."""
    read = read_rerank(_turns(posed))
    return (0, None, None) if read is None else (len(read.candidates), read.reasons_asked, read.word_limit)


def _order_bytes(posed: Posed) -> int:
    """Bytes of a simulated reply until its order is complete."""
    turns = _turns(posed)
    read = read_rerank(turns)
    if read is None:
        raise ValueError(f"{posed.call.prompt_id}: the last message of {posed.scenario.id} holds no candidate")
    return len(answer_rerank(read, turns, Knobs()).text.partition("]")[0].encode()) + 1


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m evals.prompts.prompt_size", description=__doc__)
    parser.add_argument("--prompts", nargs="+", default=["v1", "v2"], metavar="VERSION", help="of prompts/rerank")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "quality" / "prompt-rerank-v2.json")
    given = parser.parse_args()
    rule = token_rule()
    prompts = [load_prompt(ROOT / "prompts", "rerank", version) for version in given.prompts]
    found = sizes(prompts, load_rerank(), rule)
    said = {"token_rule": rule.name, "prompts": [asdict(one) for one in found], "note": LIVE}
    given.out.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    for one in found:
        print(
            f"{one.prompt}: instructions {one.system_tokens:.0f} tokens, {one.system_bytes:.0f} bytes; "
            f"prompt {one.tokens:.0f} tokens on average, {one.tokens_p95:.0f} at most for 95%; "
            f"order complete after {one.order_bytes:.0f} bytes of a simulated reply"
        )
    print(LIVE)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
