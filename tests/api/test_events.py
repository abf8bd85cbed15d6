"""POST /api/events and /api/feedback over HTTP, before a log in memory."""

from __future__ import annotations

import json

import pytest

from app.api.answer_schemas import TakenAnswer
from app.domain.errors import Overloaded, StoreUnavailable
from app.domain.interactions import EventKind
from app.ingest.event_bodies import MOST_EVENTS
from tests.api.conftest import NOW, Shop

VIEW = {"eventId": "e1", "type": "view", "anonymousId": "a", "productId": "p1"}


async def test_events_are_taken_counted_and_refused_one_by_one(shop: Shop) -> None:
    """A 202 in the shape of the contract; the same again is a duplicate."""
    body = {"events": [VIEW, VIEW | {"type": "x"}, VIEW | {"eventId": "e2", "productId": "nowhere"}]}
    async with shop.secret() as client:
        first = await client.post("/api/events", json=body)
        second = await client.post("/api/events", json=body)
    assert (first.status_code, second.status_code) == (202, 202)
    TakenAnswer.model_validate_json(first.content)
    assert first.json() == {
        "accepted": 2,
        "duplicates": 0,
        "rejected": [{"index": 1, "code": "unknown_type", "detail": first.json()["rejected"][0]["detail"]}],
    }
    assert (second.json()["accepted"], second.json()["duplicates"]) == (0, 2)
    assert [event.timestamp for event in shop.behind.events.events] == [NOW, NOW]
    # An unknown product is kept, and counted.
    assert shop.behind.events.events[1].product_id == "nowhere"
    assert shop.behind.intake.counts["unknown_product"] == 2
    assert shop.behind.intake.counts["rejected:unknown_type"] == 2


async def test_more_events_than_a_body_may_hold(shop: Shop) -> None:
    """413 with a code of its own, or for the size of the body; nothing is written."""
    async with shop.secret() as client:
        many = await client.post("/api/events", json={"events": [{}] * (MOST_EVENTS + 1)})
        large = await client.post("/api/events", json={"events": [VIEW] * 10_000})
    assert (many.status_code, many.json()["code"]) == (413, "too_many_events")
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    assert shop.behind.events.events == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"events": [NaN]}', 400),
        (b"[" * 100_000, 400),
        (b'{"events": [{"productId": "\\ud800"}]}', 202),
        (b"null", 422),
        (b"[]", 422),
        (b'{"events": null}', 422),
        (b'{"event": []}', 422),
        (b'{"events": []}', 202),
        (b'{"events": [' + b"9" * 5_000 + b"]}", 400),
        (b'{"events": [{"type": "view", "sessionId": "s", "productId": ' + b"9" * 5_000 + b"}]}", 400),
    ],
)
async def test_rubbish_is_never_a_server_error(shop: Shop, body: bytes, status: int) -> None:
    """Not JSON, not a body of events, or events that are refused; nothing is written."""
    async with shop.secret() as client:
        answer = await client.post("/api/events", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert shop.behind.events.events == []


async def test_nothing_is_written_for_a_shopper_whom_the_caller_may_not_speak_for(shop: Shop) -> None:
    """One event of somebody else refuses the whole body: a page that sends such a thing is wrong or hostile."""
    async with shop.publishable(await shop.token("7")) as client:
        answer = await client.post("/api/events", json={"events": [VIEW, VIEW | {"userId": "8"}]})
    assert (answer.status_code, answer.json()["code"]) == (403, "shopper_token_required")
    assert shop.behind.events.events == []


@pytest.mark.parametrize(
    ("error", "code"), [(Overloaded("20000 wait"), "overloaded"), (StoreUnavailable("full"), "unavailable")]
)
async def test_what_cannot_be_written_now_may_be_sent_again(shop: Shop, error: Exception, code: str) -> None:
    """503 with Retry-After, never an answer that says accepted."""
    shop.behind.events.fails_with = error
    async with shop.secret() as client:
        answer = await client.post("/api/events", json={"events": [VIEW]})
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, code, "1")


@pytest.mark.parametrize(
    ("vote", "kind", "value"),
    [("up", EventKind.RATING, 5.0), ("down", EventKind.RATING, 1.0), ("dismiss", EventKind.DISMISS, None)],
)
async def test_a_vote_becomes_an_event_of_whom_the_slate_was_for(
    shop: Shop, vote: str, kind: EventKind, value: float | None
) -> None:
    """With the recommendation, the position and the note; the same click again is a duplicate."""
    body = {"recommendationId": "rec1", "productId": "p2", "vote": vote, "note": "too loud"}
    async with shop.secret() as client:
        await client.get("/api/recommendations?userId=7&sessionId=s")
        answer = await client.post("/api/feedback", json=body)
        again = await client.post("/api/feedback", json=body)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0, "rejected": []})
    assert again.json()["duplicates"] == 1
    (event,) = shop.behind.events.events
    assert (event.kind, event.value, event.user_id, event.session_id) == (kind, value, "7", "s")
    assert (event.product_id, event.recommendation_id, event.position) == ("p2", "rec1", 2)
    assert (event.timestamp, event.note) == (NOW, "too loud")


async def test_a_vote_on_what_was_not_served(shop: Shop) -> None:
    """An unknown recommendation is 404; a product that is not in it, a wrong vote or too long a note is 422."""
    vote = {"recommendationId": "rec1", "productId": "p1", "vote": "up"}
    async with shop.secret() as client:
        unknown = await client.post("/api/feedback", json=vote)
        await client.get("/api/recommendations?userId=7")
        wrong = [{"productId": "gone"}, {"vote": "meh"}, {"note": "x" * 1_001}, {"stars": 5}]
        refused = [await client.post("/api/feedback", json=vote | change) for change in wrong]
        surrogate = json.dumps(vote | {"note": "\ud800"})
        odd = await client.post("/api/feedback", content=surrogate, headers={"content-type": "application/json"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_recommendation")
    assert [answer.status_code for answer in refused] == [422] * 4
    assert odd.status_code == 422
    assert shop.behind.events.events == []


async def test_half_an_emoji_costs_no_other_event(shop: Shop) -> None:
    """A cut-off surrogate pair is legal JSON: the search is kept without it, and the view beside it too."""
    view = rb'{"type":"view","sessionId":"s","productId":"p1"}'
    body = rb'{"events":[%s,{"type":"search","sessionId":"s","query":"cats \ud83d"}]}' % view
    sent = {"content-type": "application/json"}
    async with shop.secret() as client:
        answer = await client.post("/api/events", content=body, headers=sent)
        broken = await client.post("/api/events", content=b'{"events":[NaN]}', headers=sent)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    assert broken.status_code == 400
