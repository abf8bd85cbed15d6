"""GET /api/recommendations/stream: the shape and order of its events."""

import json

import pytest

from app.api.answer_schemas import SlateAnswer
from tests.api.conftest import Shop


def events_of(text: str) -> list[tuple[str, dict]]:
    """(event, data) of every event of a stream."""
    found = []
    for block in text.replace("\r\n", "\n").strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        found.append((lines["event"], json.loads(lines["data"])))
    return found


async def test_events_come_in_the_order_of_the_contract(shop: Shop) -> None:
    """`baseline` and `slate` are whole answers with different ids, `reason` names slate and product, `done` ends it."""
    async with shop.secret() as client:
        answer = await client.get("/api/recommendations/stream", params={"userId": "7", "limit": 2})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "private, no-store"
    events = events_of(answer.text)
    assert [name for name, _ in events] == ["baseline", "slate", "reason", "done"]
    baseline, slate = (SlateAnswer.model_validate(data) for _, data in events[:2])
    assert baseline.recommendation_id != slate.recommendation_id
    reason = events[2][1]
    assert set(reason) == {"recommendationId", "productId", "reason", "reasonSource", "evidence"}
    assert reason["recommendationId"] == slate.recommendation_id
    assert reason["reason"] == "Proved late."


@pytest.mark.parametrize(("params", "status"), [({"productId": "nothing"}, 404), ({"limit": "0"}, 422)])
async def test_errors_come_before_the_stream(shop: Shop, params: dict[str, str], status: int) -> None:
    """A bad request is a problem with its status, not a stream that breaks."""
    async with shop.secret() as client:
        answer = await client.get("/api/recommendations/stream", params=params)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_publishable_key_sees_no_model_and_no_usage(shop: Shop) -> None:
    """The same redaction as without a stream."""
    async with shop.publishable() as client:
        answer = await client.get("/api/recommendations/stream", params={"anonymousId": "a"})
    for name, data in events_of(answer.text):
        if name in {"baseline", "slate"}:
            assert "model" not in data["meta"]
            assert "usage" not in data["meta"]
