"""The simulated model understands the prompt that the service sends today, not only the one that tests write."""

from __future__ import annotations

from pathlib import Path

from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence
from app.pipeline.prompt_input import PromptItem, prompt_input
from app.prompts import load_prompt
from evals.simulated.answer import answer_rerank
from evals.simulated.knobs import Knobs
from evals.simulated.reading import Turn, read_rerank
from evals.simulated.strict_schema import strictness_error

ROOT = Path(__file__).resolve().parents[3]

RATING = Evidence("e1_1", "rating", "rated 4.6 out of 5 by 212 shoppers", {})
BUDGET = Evidence("e1_2", "price_vs_budget", "price 80.00 EUR, 70.00 EUR under the budget of 150.00 EUR", {})


def test_the_rerank_prompt_is_read_whole() -> None:
    """Every line arrives with its alias, and as many sentences come back as were asked for, within the word limit."""
    lines = prompt_input(
        [PromptItem(f"p{i}", f"Thing {i}", "Acme", "Home > Kitchen", (BUDGET, RATING)) for i in range(24)],
        [ProfileFact("u1", "budget", "150.00 EUR"), ProfileFact("u2", "bought", "Iron Pan")],
        seed="seed",
    )
    prompt = load_prompt(ROOT / "prompts", "rerank", "v1")
    messages = prompt.render(
        order_length=10, reason_count=4, profile_lines=lines.profile_lines, candidate_lines=lines.candidate_lines
    )
    turns = [Turn(message.role, message.content) for message in messages]
    read = read_rerank(turns)
    assert read is not None
    assert [candidate.alias for candidate in read.candidates] == list(lines.aliases)
    assert [f"{line.id} {line.kind} {line.text}" for line in read.shopper] == list(lines.profile_lines)
    assert all(len(candidate.facts) == 2 for candidate in read.candidates)
    answer = answer_rerank(read, turns, Knobs())
    assert len(answer.order) == 10
    assert len(answer.why) == 4
    assert all(len([word for word in one.text.split() if "[" not in word]) <= 22 for one in answer.why)
    assert prompt.schema is not None
    assert strictness_error(dict(prompt.schema)) is None
