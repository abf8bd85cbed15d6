"""Export and erasure over HTTP: shapes, scopes, receipts."""

from __future__ import annotations

from app.api.privacy import ExportAnswer, ReceiptAnswer
from app.domain.chat import Remembered
from app.domain.interactions import Consent, EventKind, Interaction, Preferences, Shopper
from app.domain.privacy import Holdings
from app.domain.ranking import Evidence, Query, RankedItem, Slate
from tests.api.conftest import NOW, Shop

EVENT = Interaction(
    "e1", EventKind.PURCHASE, NOW, "7", "a1", "s1", "p1", 2.0, 1299, "t1", None, None, None, "r1", 1, "hm"
)
SLATE = Slate(
    "r1",
    Query(user_id="7", text="lamp", budget_minor=5000),
    (
        RankedItem(
            "p1",
            1,
            0.987654,
            reason="Fits.",
            reason_source="template",
            evidence=(Evidence("e1", "rating", "4.5", {"value": 4.5}),),
        ),
    ),
    NOW,
    model="openai/secret-model",
    profiling_used=True,
)


TALK = Remembered(budget_minor=4000, search="lamp", said=("a lamp please",))


def _hold(shop: Shop) -> None:
    shop.behind.store.shoppers["7"] = Shopper(
        "7",
        Preferences(5000, ("lamps",), country="DE", extra={"shoe": "43"}, updated_at=NOW),
        Consent("full", True),
        True,
    )
    shop.behind.records.held["7"] = Holdings(Shopper("7"), True, NOW - 60, ("a1",), (EVENT,), (SLATE,), (TALK,))


async def test_the_export_holds_everything(shop: Shop) -> None:
    """Preferences with what no field fits, consent and whether it was chosen, events with notes, slates as served."""
    _hold(shop)
    async with shop.secret() as client:
        answer = await client.get("/api/users/7")
    assert answer.status_code == 200
    body = ExportAnswer.model_validate_json(answer.content)
    assert (body.preferences.budget, body.preferences.extra, body.consent.stated) == ("50.00", {"shoe": "43"}, True)
    assert (body.events[0].price, body.events[0].note, body.anonymous_ids) == ("12.99", "hm", ["a1"])
    assert body.slates[0].query == {"userId": "7", "placement": "home", "query": "lamp", "budget": "50.00"}
    assert (body.conversations[0].budget, body.conversations[0].said) == ("40.00", ["a lamp please"])
    assert body.slates[0].items[0].reason == "Fits."
    assert answer.json()["slates"][0]["model"] == "openai/secret-model"
    assert answer.headers["cache-control"] == "private, no-store"


async def test_a_shopper_gets_the_own_export_without_the_model(shop: Shop) -> None:
    """With the token; another shopper's, none and a made-up one are refused, for export and erasure alike."""
    _hold(shop)
    token = await shop.token("7")
    async with shop.publishable(token) as client:
        own = await client.get("/api/users/7")
        others = [await client.request(method, "/api/users/8") for method in ("GET", "DELETE")]
    async with shop.publishable() as client:
        bare = [await client.request(method, "/api/users/7") for method in ("GET", "DELETE")]
    assert own.status_code == 200
    assert "secret-model" not in own.text
    assert {(a.status_code, a.json()["code"]) for a in others + bare} == {(403, "shopper_token_required")}
    assert "7" in shop.behind.store.shoppers


async def test_somebody_unknown_has_an_empty_export(shop: Shop) -> None:
    """Not an error, and the default consent is told as one that nobody chose."""
    async with shop.secret() as client:
        body = (await client.get("/api/users/nobody")).json()
    assert (body["known"], body["events"], body["slates"], body["consent"]["stated"]) == (False, [], [], False)


async def test_an_erasure_gives_a_receipt_and_the_same_one_again(shop: Shop) -> None:
    """With counts per store, the model that had learned, and nothing about the shopper."""
    _hold(shop)
    async with shop.publishable(await shop.token("7")) as client:
        first = await client.delete("/api/users/7")
        again = await client.delete("/api/users/7")
        after = await client.get("/api/users/7/preferences")
    receipt = ReceiptAnswer.model_validate_json(first.content)
    assert receipt.stores == {"events": 3, "profiles": 1, "rejects": 1, "answers": 2}
    assert (receipt.baseline_version, receipt.pending) == ("v1", [])
    assert again.status_code == 200
    assert again.json()["receiptId"] == receipt.receipt_id
    assert after.json()["interests"] == []


async def test_what_is_pending_is_said_and_done_by_asking_again(shop: Shop) -> None:
    """A file that is in use does not make the erasure fail, nor pass for done."""
    _hold(shop)
    shop.behind.records.busy = True
    async with shop.secret() as client:
        first = await client.delete("/api/users/7")
        shop.behind.records.busy = False
        again = await client.delete("/api/users/7")
    assert first.json()["pending"] == ["database"]
    assert again.json()["pending"] == []


def test_warnings_say_what_an_operator_has_to_do(shop: Shop) -> None:
    """A model that learned from somebody erased more than a day ago, and work that is pending."""
    personal, records = shop.behind.privacy, shop.behind.records
    assert personal.warnings() == {}
    records.untrained = NOW - 86_000
    assert personal.warnings() == {}
    records.untrained = NOW - 87_000
    assert "shelfwise train" in personal.warnings()["erasure"]
    records.busy = True
    personal.erase("8")
    assert "database" in personal.warnings()["erasure pending"]
    assert [receipt.pending for receipt in personal.finish()] == [("database",)]
    records.busy = False
    assert personal.finish() == []


async def test_a_write_that_an_erasure_overtook_is_a_conflict(shop: Shop) -> None:
    """409 says that nothing was stored, and what to do."""
    shop.behind.store.erased_at = float("inf")
    async with shop.secret() as client:
        preferences = await client.put("/api/users/7/preferences", json={"sizes": ["M"]})
        consent = await client.put("/api/users/7/consent", json={"personalization": "full", "llmProcessing": True})
    assert {(a.status_code, a.json()["code"]) for a in (preferences, consent)} == {(409, "shopper_erased")}
    assert shop.behind.store.shoppers == {}
