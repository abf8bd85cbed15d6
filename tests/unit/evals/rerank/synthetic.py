"""Cases and replies made by hand: 24 candidates in columns 0 to 23, some of which were bought."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from app.domain.interactions import Consent
from app.domain.model_calls import Message, ModelCall, ModelReply, Usage
from app.flight import Asked, Plan
from app.pipeline.gate_schema import Intent
from app.pipeline.prompt_input import PromptItem, prompt_input
from evals.rerank.cases import Case
from evals.rerank.orders import Answered, answered
from evals.rerank.planning import ALWAYS
from evals.rerank.replies import RecordedReply, recorded

MODEL = "openai/gpt-4o-mini"
PROMPT_HASH = "0123456789abcdef"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def a_call(text: str = "order these", prompt_hash: str = PROMPT_HASH) -> ModelCall:
    """A call whose message is `text`."""
    return ModelCall(
        call_id=text[:32],
        request_id="r",
        purpose="rerank",
        placement="home",
        prompt_id="rerank/v1",
        prompt_hash=prompt_hash,
        messages=(Message("system", "Order."), Message("user", text)),
        max_output_tokens=100,
        schema={"type": "object", "properties": {}, "required": [], "additionalProperties": False},
    )


def a_case(
    user: str, relevant: Sequence[int], *, history: str = "11+", intent: Intent = "none", cut: bool = False
) -> Case:
    """One request of `user`; the baseline's order is 0, 1, …, 23 and what follows it 24 to 33."""
    items = [PromptItem(f"p{column}", f"Product {column}") for column in range(24)]
    given = prompt_input(items, (), seed=f"{user} {history} {intent}")
    return Case(
        user_id=user,
        history=history,
        intent=intent,
        cut=cut,
        head=tuple(range(24)),
        tail=tuple(range(24, 34)),
        relevant=np.asarray(relevant, dtype=np.int32),
        asked=Asked(given, tuple(f"p{column}" for column in range(24)), (), 5),
        plan=Plan("key", ALWAYS.priors[history, intent], Consent("full", True), None),
        call=a_call(f"{user} {history} {intent}"),
    )


def a_reply(case: Case, columns: Sequence[int] | str, *, told: str = "gpt-4o-mini-2024-07-18") -> RecordedReply:
    """The recorded reply that puts these columns first; a text is taken as it is."""
    alias_of = {product_id: alias for alias, product_id in case.asked.given.product_of.items()}
    text = (
        columns if isinstance(columns, str) else json.dumps({"order": [alias_of[f"p{c}"] for c in columns], "why": []})
    )
    reply = ModelReply("complete", text, Usage(1000, 50, cost_usd=0.0002), told, 0.4, 0.1)
    return recorded(case.call, MODEL, reply, AT)


def with_order(case: Case, columns: Sequence[int] | str) -> Answered:
    """The case answered so."""
    return answered(case, a_reply(case, columns))
