"""Two shoppers against each other: every operation that names a shopper, or something of a shopper's.

The rows are checked against the OpenAPI document: an operation that takes an id of a person or of a person's object has
to say here how somebody else is kept from it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jwt
import pytest

from app.bootstrap import open_store
from app.ingest.event_formats import GA4, SEGMENT, EventFormat
from tests.api.conftest import PUBLISHABLE, SECRET, TOKEN_SECRET, settings_with
from tests.api.test_wiring import shelf
from tests.fuzz.documented import named_inputs, operations
from tests.support.served_app import ServedApp, served_app

PERSONAL = {"userId", "anonymousId", "sessionId", "recommendationId", "id"}
"""Names by which a request says whose, or which object of somebody's: `id` is a conversation's."""

OF_THE_SHOP = {"productId", "excludeIds", "eventId", "transactionId"}
"""Names of ids that are nobody's: products, and what the sender calls an event or an order."""

ANN, BOB, NOBODY = "ann", "bob", "nobody-at-all"


@dataclass(frozen=True)
class Objects:
    """Ids of one shopper and of what is the shopper's."""

    user: str
    slate: str
    conversation: str


Asked = tuple[str, str, object]
"""Method, address, body."""


def view(**ids: object) -> dict[str, object]:
    """One event."""
    return {"events": [{"type": "view", "productId": "p1", "timestamp": "2026-09-01T10:00:00Z", **ids}]}


def message(**ids: object) -> dict[str, object]:
    """One question to the assistant."""
    return {"messages": [{"role": "user", "parts": [{"type": "text", "text": "a thing under 40"}]}], **ids}


ROWS: dict[str, Callable[[Objects], Asked]] = {
    "getRecommendations": lambda o: ("GET", f"/api/recommendations?userId={o.user}", None),
    "postRecommendations": lambda o: ("POST", "/api/recommendations", {"userId": o.user}),
    "streamRecommendations": lambda o: ("GET", f"/api/recommendations/stream?userId={o.user}", None),
    "getWhy": lambda o: ("GET", f"/api/recommendations/{o.slate}/why/p1", None),
    "getSimilar": lambda o: ("GET", f"/api/products/p1/similar?userId={o.user}", None),
    "getBoughtTogether": lambda o: ("GET", f"/api/products/p1/bought-together?userId={o.user}", None),
    "getTrending": lambda o: ("GET", f"/api/trending?userId={o.user}", None),
    "getSearch": lambda o: ("GET", f"/api/search?q=thing&userId={o.user}", None),
    "postEvents": lambda o: ("POST", "/api/events", view(userId=o.user)),
    "postFeedback": lambda o: (
        "POST",
        "/api/feedback",
        {"recommendationId": o.slate, "productId": "p1", "vote": "up"},
    ),
    "postChat": lambda o: ("POST", "/api/chat", message(userId=o.user, id=o.conversation)),
    "getUser": lambda o: ("GET", f"/api/users/{o.user}", None),
    "deleteUser": lambda o: ("DELETE", f"/api/users/{o.user}", None),
    "getPreferences": lambda o: ("GET", f"/api/users/{o.user}/preferences", None),
    "putPreferences": lambda o: ("PUT", f"/api/users/{o.user}/preferences", {"budget": "1"}),
    "getConsent": lambda o: ("GET", f"/api/users/{o.user}/consent", None),
    "putConsent": lambda o: (
        "PUT",
        f"/api/users/{o.user}/consent",
        {"personalization": "none", "llmProcessing": False},
    ),
    "postToken": lambda o: ("POST", f"/api/users/{o.user}/token", None),
}

BY_VISITOR = {
    "getRecommendations", "postRecommendations", "streamRecommendations", "getWhy", "getSimilar", "getBoughtTogether",
    "getTrending", "getSearch", "postEvents", "postChat",
}  # fmt: skip
"""Operations that also take a visitor's or a session's id: who knows that is the visitor (docs/security.md)."""

ALLOWED_TO_BOB = {name: 202 if name in ("postEvents", "postFeedback") else 200 for name in ROWS} | {"postToken": 403}


CONSENT: Asked = ("PUT", f"/api/users/{BOB}/consent", {"personalization": "full", "llmProcessing": True})
PREFERENCES: Asked = ("PUT", f"/api/users/{BOB}/preferences", {"budget": "30", "interests": ["bobs-secret-wish"]})


@dataclass
class Two:
    """A running shop with Ann, the attacker, and Bob, whose things these are."""

    served: ServedApp
    bobs: Objects
    absent: Objects

    def ask(self, asked: Asked, *, key: str | None = PUBLISHABLE, token: str | None = None) -> httpx.Response:
        """One request with these credentials."""
        headers = {} if key is None else {"X-API-Key": key}
        method, path, body = asked
        return self.served.request(
            method, path, headers=headers | ({} if token is None else {"X-Shopper-Token": token}), json=body
        )

    def held(self, user: str) -> dict[str, Any]:
        """Everything that the shop holds of a shopper, but for the slates: the last ones may still be written."""
        answer = self.ask(("GET", f"/api/users/{user}", None), key=SECRET)
        assert answer.status_code == 200
        return {name: value for name, value in answer.json().items() if name != "slates"}


def signed(subject: str, key: str = TOKEN_SECRET, **changes: object) -> str:
    """A token like ours but for the changes."""
    now = int(time.time())
    claims = {"sub": subject, "aud": "shelfwise:shopper", "iat": now, "exp": now + 600, **changes}
    return jwt.encode(claims, key, algorithm="HS256")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Bob has preferences, consent, events, a slate and a conversation."""
    folder: Path = tmp_path_factory.mktemp("two")
    settings = settings_with(
        data_dir=folder, embedder=str(folder / "none"), api_keys_secret=SECRET, api_keys_publishable=PUBLISHABLE,
        token_secret=TOKEN_SECRET, rate_limit_address_per_min=0, rate_limit_shopper_per_min=0, rate_limit_key_per_min=0,
    )  # fmt: skip
    store = open_store(settings)
    store.upsert_products(shelf(), at=1.7e9)
    store.close()
    with served_app(settings) as served:
        shop = Two(served, Objects(BOB, "", "conversation-1"), Objects(NOBODY, "f" * 32, "conversation-9"))
        for asked in (
            CONSENT,
            PREFERENCES,
            ("POST", "/api/events", view(userId=BOB, anonymousId="bobs-browser", eventId="bobs-event")),
            ("POST", "/api/chat", message(userId=BOB, id="conversation-1")),
        ):
            assert shop.ask(asked, key=SECRET).status_code in (200, 202)
        slate = shop.ask(("GET", f"/api/recommendations?userId={BOB}&limit=50", None), key=SECRET).json()
        assert "p1" in [item["productId"] for item in slate["recommendations"]]
        shop.bobs = Objects(BOB, slate["recommendationId"], "conversation-1")
        yield shop


INTRUDERS: dict[str, Callable[[], tuple[str | None, str | None]]] = {
    "a publishable key alone": lambda: (PUBLISHABLE, None),
    "another shopper's token": lambda: (PUBLISHABLE, signed(ANN)),
    "an expired token": lambda: (PUBLISHABLE, signed(BOB, exp=int(time.time()) - 1)),
    "a token of another secret": lambda: (PUBLISHABLE, signed(BOB, "another-secret-of-another-shop-0123456789")),
    "a token for another audience": lambda: (PUBLISHABLE, signed(BOB, aud="shelfwise:admin")),
    "an unsigned token": lambda: (
        PUBLISHABLE,
        jwt.encode({"sub": BOB, "aud": "shelfwise:shopper", "iat": 0, "exp": 2**40}, None, algorithm="none"),
    ),
    "a token and no key": lambda: (None, signed(BOB)),
    "a token and an unknown key": lambda: ("pk-another-shops-key", signed(BOB)),
}


def shape(answer: httpx.Response, *ids: str) -> object:
    """An answer without what names the object that was asked for."""
    text = answer.text
    for name in sorted((i for i in ids if i), key=len, reverse=True):
        text = text.replace(quote(name), "<id>")
    return answer.status_code, re.sub(r'"requestId":"[^"]*"', "", text), answer.headers["content-type"]


def test_every_operation_that_names_somebody_has_a_row(two: Two) -> None:
    """From the document: a new operation, or a new name of an id, fails until somebody says here whose it is."""
    document = two.served.request("GET", "/openapi.json").json()
    needed, by_visitor = set(), set()
    for _, _, operation in operations(document):
        names = named_inputs(document, operation)
        ids = {name for name in names if re.search(r"(^i|I)ds?$", name)}
        assert ids <= PERSONAL | OF_THE_SHOP, f"{operation['operationId']}: whose are {ids - PERSONAL - OF_THE_SHOP}?"
        if names & PERSONAL:
            needed.add(operation["operationId"])
        if names & {"anonymousId", "sessionId"}:
            by_visitor.add(operation["operationId"])
    assert needed == set(ROWS)
    assert by_visitor == BY_VISITOR


@pytest.mark.parametrize("operation", sorted(ROWS))
def test_nobody_else_gets_in_and_nobody_learns_what_is_there(two: Two, operation: str) -> None:
    """Refused, in the same words whether the object exists or not, and Bob's things are as they were."""
    before = two.held(BOB)
    names = [getattr(objects, name) for objects in (two.bobs, two.absent) for name in Objects.__dataclass_fields__]
    for who, credentials in INTRUDERS.items():
        key, token = credentials()
        theirs = two.ask(ROWS[operation](two.bobs), key=key, token=token)
        absent = two.ask(ROWS[operation](two.absent), key=key, token=token)
        assert theirs.status_code in ((401,) if key != PUBLISHABLE else (403, 404)), (who, theirs.text)
        assert shape(theirs, *names) == shape(absent, *names), who
        assert "bobs" not in theirs.text, who
    assert two.held(BOB) == before


@pytest.mark.parametrize("operation", sorted(set(ROWS) - {"deleteUser"}))
def test_the_shopper_gets_in(two: Two, operation: str) -> None:
    """The control: with Bob's own token the same requests are answered, so each was refused for whose it was."""
    answer = two.ask(ROWS[operation](two.bobs), token=signed(BOB))
    assert answer.status_code == ALLOWED_TO_BOB[operation], answer.text
    if operation in ("putConsent", "putPreferences"):  # as it was for the tests that follow
        for asked in (CONSENT, PREFERENCES):
            two.ask(asked, key=SECRET)


def test_a_conversation_is_found_by_whom_it_was_with(two: Two) -> None:
    """Ann, who knows the id of Bob's conversation, begins one of her own under it."""
    before = two.held(BOB)["conversations"]
    answer = two.ask(("POST", "/api/chat", message(userId=ANN, id="conversation-1")), token=signed(ANN))
    assert answer.status_code == 200
    assert two.held(BOB)["conversations"] == before
    assert [talk["said"] for talk in two.held(ANN)["conversations"]] == [["a thing under 40"]]


def test_a_visitor_id_of_somebody_else_brings_nothing(two: Two) -> None:
    """Ann says that Bob's browser is hers: what happened there stays Bob's, in her export and in her erasure."""
    claimed: Asked = ("POST", "/api/events", view(userId=ANN, anonymousId="bobs-browser"))
    assert two.ask(claimed, token=signed(ANN)).status_code == 202
    mine = two.held(ANN)
    assert "bobs-event" not in str(mine)
    assert two.ask(("DELETE", f"/api/users/{ANN}", None), token=signed(ANN)).status_code == 200
    assert "bobs-event" in str(two.held(BOB))


def test_who_guesses_the_second_of_a_visit_reads_nothing(two: Two) -> None:
    """Google's session id is a time: Eve, who states the same one as hers, gets nothing of the visitor's."""
    visit = {"client_id": "a-visitor", "events": [{"name": "view_item", "params": {"ga_session_id": 1_790_000_000}}]}
    visit["events"][0]["params"]["items"] = [{"item_id": "p1"}]  # type: ignore[index]
    assert two.ask(("POST", "/api/events", visit)).json()["accepted"] == 1
    claimed: Asked = ("POST", "/api/events", view(userId="eve", sessionId="1790000000"))
    assert two.ask(claimed, token=signed("eve")).json()["accepted"] == 1
    assert "a-visitor" not in str(two.held("eve"))


def carried(written: EventFormat, path: str) -> dict[str, object]:
    """A foreign event in an envelope, with Bob's id at one of the places where such events have it."""
    event: dict[str, Any] = (
        {"name": "view_item", "params": {"items": [{"item_id": "p1"}]}}
        if written is GA4
        else {"type": "track", "event": "Product Viewed", "properties": {"product_id": "p1"}}
    )
    envelope: dict[str, Any] = {("events" if written is GA4 else "batch"): [event]}
    at = envelope if path.startswith("^.") else event
    *above, last = path.removeprefix("^.").split(".")
    for name in above:
        at = at.setdefault(name, {})
    at[last] = BOB
    return envelope


@pytest.mark.parametrize(
    ("written", "path"),
    [(one, path) for one in (GA4, SEGMENT) for path in one.of_event["userId"]],
    ids=lambda one: one if isinstance(one, str) else one.label,
)
def test_a_body_can_not_say_what_the_token_does_not(two: Two, written: EventFormat, path: str) -> None:
    """Wherever an analytics event carries a shopper's id, it has to be the token's; else nothing is stored."""
    before = two.held(BOB)
    refused = two.ask(("POST", "/api/events", carried(written, path)), token=signed(ANN))
    assert (refused.status_code, refused.json()["code"]) == (403, "shopper_token_required")
    assert two.held(BOB) == before


def test_one_foreign_event_refuses_the_whole_body(two: Two) -> None:
    """Nothing of it is stored, the sender's own events included: half a body would be a guess."""
    body = view(userId=ANN, eventId="anns-own")
    body["events"] = [*body["events"], *view(userId=BOB)["events"]]  # type: ignore[misc]
    assert two.ask(("POST", "/api/events", body), token=signed(ANN)).status_code == 403
    assert "anns-own" not in str(two.held(ANN))


def test_undocumented_methods_are_refused_everywhere(two: Two) -> None:
    """405 with exactly the documented ones for the shop, 401 for a stranger: no method is a way past the matrix."""
    document = two.served.request("GET", "/openapi.json").json()
    by_path: dict[str, set[str]] = {}
    for path, method, _ in operations(document):
        by_path.setdefault(path, set()).add(method)
    for path, documented in by_path.items():
        if not path.startswith("/api/"):
            continue
        concrete = path.format(userId=BOB, productId="p1", recommendationId=two.bobs.slate)
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} - documented:
            known, stranger = two.ask((method, concrete, None), key=SECRET), two.ask((method, concrete, None), key=None)
            assert (known.status_code, stranger.status_code) == (405, 401), (method, concrete)
            assert set(known.headers["allow"].split(", ")) == documented
