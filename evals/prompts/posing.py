"""A scenario as it is sent: through the service's own prompt lines and call."""

from __future__ import annotations

from app.pipeline.prompt_input import FACTS_MAX, PromptItem, prompt_input
from app.pipeline.repair import ORDER_MAX
from app.prompts import Prompt
from app.rerank import rerank_call
from evals.prompts.outcome import Posed
from evals.prompts.scenario import Scenario


def pose(scenario: Scenario, prompt: Prompt, shuffle: int = 0) -> Posed:
    """The call that the service would make for this scenario with this prompt.

    The candidates' lines are shuffled by a seed, as the service does by the cache key. Variants have
    their parent's seed: they differ from it in what was changed, not in the order of their lines; and two prompts are
    compared on the same order.

    Args: shuffle: which order of the lines; 0 is the plain one.
    """
    candidates = scenario.candidates
    given = prompt_input(
        [
            PromptItem(c.product.product_id, c.product.name, c.product.brand, c.product.category, c.facts[:FACTS_MAX])
            for c in candidates
        ],
        scenario.profile,
        seed=f"{scenario.seed}/{shuffle}" if shuffle else scenario.seed,
    )
    reasons = min(scenario.limit, ORDER_MAX, len(candidates))
    name = f"{scenario.id}#{shuffle} {prompt.id}"
    call = rerank_call(prompt, given, reasons=reasons, call_id=name, request_id=name, placement=scenario.placement)
    return Posed(scenario, given, call, reasons, slot=shuffle)
