"""A model stage that says what would be asked and under which key, and asks nobody."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Literal, TypeVar

from app.domain.budgets import Reservation
from app.domain.deadline import Deadline
from app.domain.model_calls import LedgerRow, ModelCall, ModelReply, StoredOrder
from app.domain.ranking import HISTORY_BUCKETS
from app.metered import MeteredCalls
from app.pipeline.gate_schema import INTENTS, Gate, GateLine
from app.pipeline.prompt_input import CANDIDATES_MAX
from app.pipeline.pseudonym import Kind, Pseudonyms
from app.ports import ModelRun
from app.prompts import Prompt
from app.rerank import RerankStage

_T = TypeVar("_T")

ALWAYS = Gate(
    priors={
        (history, intent): GateLine(history, intent, 1.0, CANDIDATES_MAX, "prior")
        for history, intent in product(HISTORY_BUCKETS, INTENTS)
    }
)
"""Every segment is asked, whatever rules/gate.yaml says now: a segment switched off can be measured anew, and the
prompts (whose lines are shuffled by a key that holds the gate's line) stay the same from one gate to the next."""

_PSEUDONYM_KEY = b"evaluation: the same prompts on every machine"
"""An installation's own key is secret and random; with it, replies recorded on one machine would miss on another."""


def planning_stage(prompt: Prompt, model: str) -> RerankStage:
    """The service's own stage for this prompt and model, without cache, ledger and budget. Sends nothing."""
    return RerankStage(
        calls=MeteredCalls(_Named(model), _Unwritten(), None, lambda _call: 0.0, _never),
        prompt=prompt,
        gate=ALWAYS,
        cache=_Forgetful(),
        fresh_s=0.0,
        pseudonyms=_AsRecorded({1: _PSEUDONYM_KEY}),
    )


async def _never(function: Callable[..., _T], /, *args: object) -> _T:
    raise RuntimeError(f"{function!r}{args!r}: an evaluation plans calls and writes no ledger")


class _AsRecorded(Pseudonyms):
    """Pseudonyms in the form they had when replies were first recorded: the shuffle of a prompt depends on it."""

    def of(self, shopper_id: str, kind: Kind = "user") -> str:
        """See Pseudonyms."""
        return super().of(shopper_id, kind).replace("p1:", "v1.")


class _Named:
    """A model known by its name only."""

    def __init__(self, model: str) -> None:
        self.model = model

    def refusal(self) -> Literal["circuit_open", "overloaded"] | None:
        return "overloaded"

    def start(self, call: ModelCall, deadline: Deadline, on_end: Callable[[ModelReply], None]) -> ModelRun:
        raise RuntimeError("an evaluation asks through its own round, not through the stage")

    async def close(self) -> None:
        """Nothing to end."""


class _Forgetful:
    """A cache that holds nothing."""

    def get(self, key: str) -> tuple[StoredOrder, float] | None:
        return None

    def put(self, key: str, order: StoredOrder) -> None:
        """Forgets it."""

    def drop(self, shopper_key: str) -> None:
        """Nothing to drop."""


class _Unwritten:
    """A ledger that nobody may write to."""

    def reserve(self, row: LedgerRow, *_limits: object) -> Reservation:
        return Reservation(False)

    def settle(self, call_id: str, row: LedgerRow) -> None:
        """Nothing was reserved."""

    def spent_usd(self, day: str) -> tuple[float, float]:
        return 0.0, 0.0
