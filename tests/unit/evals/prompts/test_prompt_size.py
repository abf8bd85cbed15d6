"""What a prompt costs before a model has answered."""

from __future__ import annotations

import json
from pathlib import Path

from app.prompts import load_prompt
from evals.prompts.golden import load_rerank
from evals.prompts.prompt_size import LIVE, sizes
from evals.simulated.tokens import CharacterRule

ROOT = Path(__file__).resolve().parents[4]


def test_v2_says_less_and_asks_the_same() -> None:
    """Its stated hypothesis is about fewer instruction tokens: they are fewer, and places and sentences are as many."""
    prompts = [load_prompt(ROOT / "prompts", "rerank", version) for version in ("v1", "v2")]
    one, two = sizes(prompts, load_rerank()[::40], CharacterRule())
    assert (one.prompt, two.prompt) == ("rerank/v1", "rerank/v2")
    assert two.system_tokens < 0.85 * one.system_tokens
    assert two.tokens < one.tokens
    assert one.asks_the_same
    assert two.asks_the_same
    assert one.order_bytes == two.order_bytes
    assert prompts[0].schema == prompts[1].schema


def test_the_page_has_what_was_measured() -> None:
    """Hashes and figures of the page are those of the file, and it says that nothing is known of the ranking."""
    page = (ROOT / "docs" / "prompts.md").read_text(encoding="utf-8")
    measured = json.loads((ROOT / "docs" / "quality" / "prompt-rerank-v2.json").read_text(encoding="utf-8"))
    published = json.loads((ROOT / "prompts" / "published.json").read_text(encoding="utf-8"))
    assert f"\n{LIVE}\n" in page
    for one in measured["prompts"]:
        assert one["content_hash"] == published[one["prompt"]]
        assert f"{one['system_tokens']:.0f} / {one['system_bytes']:,.0f}" in page
        assert f"{one['tokens']:,.0f} / {one['tokens_p95']:,.0f}" in page
    assert len(load_rerank()) == measured["prompts"][0]["scenarios"]
