"""What the service tells of its work while it works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.adapters.sql_store.ledger import SqlLedger
from app.bootstrap import Application
from app.domain.deadline import Deadline
from app.domain.interactions import Interaction
from app.domain.model_calls import LedgerRow
from app.domain.ranking import Query
from app.observer import ChatTold, Observers, RequestTold
from app.service import RecommendationService


@dataclass
class Heard:
    """An observer that remembers."""

    requests: list[RequestTold] = field(default_factory=list)
    calls: list[LedgerRow] = field(default_factory=list)
    chats: list[ChatTold] = field(default_factory=list)
    events: list[Interaction] = field(default_factory=list)

    def request_ended(self, told: RequestTold) -> None:
        self.requests.append(told)

    def call_ended(self, row: LedgerRow) -> None:
        self.calls.append(row)

    def chat_ended(self, told: ChatTold) -> None:
        self.chats.append(told)

    def events_taken(self, events: Sequence[Interaction]) -> None:
        self.events.extend(events)


async def test_a_served_slate_is_told_with_consent_and_history(demo: Application) -> None:
    """Each of several observers hears of a slate once: the slate itself, and whose history and consent it was."""
    heard = Heard(), Heard()
    service = RecommendationService(replace(demo.parts, observer=Observers(heard)))
    slate = await service.recommend(Query(user_id="gamer"), Deadline.after_ms(0))
    for one in heard:
        assert [told.slate for told in one.requests] == [slate]
        assert one.requests[0].consent.personalization == "full"
        assert one.requests[0].interactions > 0
    assert slate.call_of is None  # no model is configured


def test_a_settled_row_is_told_once(tmp_path: Path) -> None:
    """A call is told when its row is final; settling it again changes nothing and tells nothing."""
    heard = Heard()
    ledger = SqlLedger.open(f"sqlite:///{tmp_path / 'shop.db'}", on_settled=heard.call_ended)
    row = LedgerRow(
        call_id="c1",
        at=1_790_000_000.0,
        day="2026-09-21",
        request_id="r1",
        purpose="rerank",
        placement="home",
        model="m",
        prompt_id="rerank/v1",
        prompt_hash="h",
        outcome="pending",
    )
    assert ledger.reserve(row, 0.01, None)
    assert heard.calls == []
    done = replace(row, outcome="complete", input_tokens=10, output_tokens=2, cost_usd=0.001)
    ledger.settle("c1", done)
    ledger.settle("c1", replace(done, input_tokens=11))
    assert heard.calls == [done]
    ledger.close()
