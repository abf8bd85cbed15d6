"""Sequences of requests to a running shop, each answer held against reference_shop.py."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from app.adapters.sql_store.slate_writer import BEGUN_EARLIER_S
from tests.fuzz.reference_shop import Deed, Level, ReferenceShop, Shopper, Subject, Ware
from tests.support.served_app import ServedApp

SEEN_WITHIN_S = 20.0
"""How long a change may take to be seen before a scenario fails; on an idle machine it is a few milliseconds."""

PEOPLE = ("ann", "bob")
KINDS = ("view", "click", "add_to_cart", "purchase", "wishlist")
AN_HOUR_S = 3_600.0

Ids = tuple[str | None, str | None, str | None]

_runs = itertools.count()

people = st.sampled_from(PEOPLE)
browsers = st.sampled_from(("phone", "laptop"))
visits = st.sampled_from(("morning", "evening"))
wares = st.integers(0, 2)
levels = st.sampled_from(("none", "session", "full"))
names = st.tuples(st.none() | people, st.none() | browsers, st.none() | visits).filter(any)
stocks = st.sampled_from((0, 1, 7, None))
prices = st.sampled_from(("9.90", "15.00", "28.50", "44.00"))


class ShopMachine(RuleBasedStateMachine):
    """Shoppers come, look, buy, sign in, opt out and are erased, while the shop changes its products.

    Each scenario has ids of its own, so that all of them can run against one shop.
    """

    shop: ClassVar[ServedApp]  # set by the test

    def __init__(self) -> None:
        super().__init__()
        self._of = f"run{next(_runs)}-"
        self._numbers = itertools.count()
        self._known = ReferenceShop()
        self._sent: list[Deed] = []
        # Of each shopper, the slates that must be in the export, with whose ids they were asked for; and those that may
        # be. A slate is written a moment after it was served, under the consents and erasures of then.
        self._slates: dict[str, dict[str, set[Subject]]] = {}
        self._may: dict[str, set[str]] = {}

    # --- the catalogue -------------------------------------------------------------------------------------------

    @initialize(chosen=st.tuples(*[st.none() | levels] * len(PEOPLE)))
    def open_the_shop(self, chosen: tuple[Level | None, ...]) -> None:
        """Two products to begin with, whose life the scenario follows, and shoppers with every mix of consents."""
        for number in (0, 1):
            self.put_product(number, "15.00", 7)
        for person, level in zip(PEOPLE, chosen, strict=True):
            if level is not None:
                self.choose(person, level, True)

    @rule(number=wares, price=prices, stock=stocks)
    def put_product(self, number: int, price: str, stock: int | None) -> None:
        """Stored whole; the second time it is the same request with the same answer, but for 201."""
        product_id = self._product(number)
        body = {"name": f"Ware {number}", "price": price, "cost": "1.00", "category": "Wares > All"}
        whole = body if stock is None else {**body, "stock": stock}
        created = product_id not in self._known.wares
        first, again = (self._ask("PUT", self._address(number), whole) for _ in range(2))
        assert (first.status_code, again.status_code) == (201 if created else 200, 200)
        self._known.wares[product_id] = Ware(f"Ware {number}", price, stock, True)
        self._followed()

    @rule(number=wares, change=st.sampled_from(("hide", "show", "sold out", "restock", "price")), price=prices)
    def patch_product(self, number: int, change: str, price: str) -> None:
        """One field changes, the others stay; 404 for a product that is not there."""
        patch: Mapping[str, Any] = {
            "hide": {"available": False},
            "show": {"available": True},
            "sold out": {"stock": 0},
            "restock": {"stock": 5},
            "price": {"price": price},
        }[change]
        answer = self._ask("PATCH", self._address(number), patch)
        held = self._known.wares.get(self._product(number))
        assert answer.status_code == (404 if held is None else 200)
        if held is not None:
            self._known.wares[self._product(number)] = replace(held, **patch)
            self._followed()

    @rule(number=wares)
    def delete_product(self, number: int) -> None:
        """Gone at once; the second time it is 404."""
        held = self._known.wares.pop(self._product(number), None)
        statuses = [self._ask("DELETE", self._address(number)).status_code for _ in range(2)]
        assert statuses == [404 if held is None else 204, 404]
        self._followed()

    @rule(number=wares)
    def read_product(self, number: int) -> None:
        """As it was stored last."""
        answer = self._ask("GET", self._address(number))
        held = self._known.wares.get(self._product(number))
        assert answer.status_code == (404 if held is None else 200)
        if held is not None:
            told = answer.json()
            assert Ware(told["name"], told["price"], told["stock"], told["available"]) == held

    # --- shoppers ------------------------------------------------------------------------------------------------

    @rule(ids=names, numbers=st.lists(wares, min_size=1, max_size=3), kind=st.sampled_from(KINDS), old=st.booleans())
    def send_events(self, ids: Ids, numbers: list[int], kind: str, old: bool) -> None:
        """New events, of now or of an hour ago: each is accepted, or refused because its shopper was erased since."""
        user, visitor, session = (None if name is None else self._of + name for name in ids)
        deeds = []
        for number in numbers:
            count = next(self._numbers)
            at = time.time() - AN_HOUR_S + count if old else 0.0
            deeds.append(Deed(f"{self._of}e{count}", kind, self._product(number), at, user, visitor, session))
        self._send(deeds)
        self._sent += deeds

    @rule(person=people, browser=st.none() | browsers, visit=visits, number=wares)
    def look_around_and_sign_in(self, person: str, browser: str | None, visit: str, number: int) -> None:
        """What was done before the log-in is the shopper's too, where nobody else was there."""
        self.send_events((None, browser, visit), [number, number], "view", False)
        self.send_events((person, browser, visit), [number], "add_to_cart", False)

    @precondition(lambda self: self._sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """An event that was sent before, twice in one body: nothing is doubled, and nobody erased comes back."""
        deed = data.draw(st.sampled_from(self._sent))
        self._send([deed, deed])

    @rule(person=people, level=levels, llm=st.booleans())
    def choose(self, person: str, level: Level, llm: bool) -> None:
        """Consent is replaced, and read back as chosen."""
        user = self._of + person
        body = {"personalization": level, "llmProcessing": llm}
        stored = self._ask("PUT", f"/api/users/{user}/consent", body)
        assert (stored.status_code, stored.json()) == (200, body)
        assert self._ask("GET", f"/api/users/{user}/consent").json() == body
        held = self._known.shoppers.setdefault(user, Shopper())
        held.level, held.llm = level, llm
        if level == "none":
            self._may.setdefault(user, set()).update(self._slates.pop(user, ()))

    @rule(person=people, budget=st.none() | prices, interest=st.sampled_from(("lamps", "tea")))
    def state(self, person: str, budget: str | None, interest: str) -> None:
        """Preferences are replaced."""
        user = self._of + person
        answer = self._ask("PUT", f"/api/users/{user}/preferences", {"budget": budget, "interests": [interest]})
        assert answer.status_code == 200
        held = self._known.shoppers.setdefault(user, Shopper())
        held.budget, held.interests = budget, (interest,)

    @rule(person=people)
    def erase(self, person: str) -> None:
        """Nothing is left; asked again there is the same receipt, and the time before which nothing comes back."""
        user = self._of + person
        receipt = self._ask("DELETE", f"/api/users/{user}")
        assert receipt.status_code == 200
        held = self._known.held(user)
        if held:  # else it may be the receipt of an earlier erasure
            assert receipt.json()["stores"]["events"] == len(held)
        again = self._ask("DELETE", f"/api/users/{user}")
        assert again.json()["receiptId"] == receipt.json()["receiptId"]
        gone = self._known.erase(user, time.time())
        self._slates.pop(user, None)
        self._may.pop(user, None)
        for other, slates in self._slates.items():  # asked for with an id that was the erased shopper's as well
            doubtful = {name for name, subjects in slates.items() if subjects & gone}
            self._may.setdefault(other, set()).update(doubtful)
            self._slates[other] = {name: slates[name] for name in slates.keys() - doubtful}
        self._exported(user)

    @rule(person=people)
    def export(self, person: str) -> None:
        """What is held is what was stored."""
        self._exported(self._of + person)

    # --- slates --------------------------------------------------------------------------------------------------

    @rule(ids=names, budget=st.none() | prices)
    def recommend(self, ids: Ids, budget: str | None) -> None:
        """Nothing that is hidden, sold out, deleted or too dear, and each at the price of now."""
        user, visitor, session = (None if name is None else self._of + name for name in ids)
        begun = time.time()
        asked = {"userId": user, "anonymousId": visitor, "sessionId": session, "budget": budget, "limit": 50}
        answer = self._ask("POST", "/api/recommendations", {k: v for k, v in asked.items() if v is not None})
        assert answer.status_code == 200
        told = answer.json()
        limit = budget
        opted_out = user is not None and self._known.shopper(user).personalization == "none"
        if user is not None and limit is None and not opted_out:  # else what was stated before is not read
            limit = self._known.shopper(user).budget
        self._hold(told["recommendations"], limit)
        if user is None:
            return
        subjects = set(Deed("", "", "", 0.0, user, visitor, session).subjects)
        # What may have begun before an erasure is not kept, and that is taken generously.
        just_erased = any(begun - self._known.erased.get(one, 0.0) < 2 * BEGUN_EARLIER_S for one in subjects)
        assert not (opted_out and told["meta"]["profilingUsed"])
        if just_erased or opted_out:
            self._may.setdefault(user, set()).add(told["recommendationId"])
        else:
            self._slates.setdefault(user, {})[told["recommendationId"]] = subjects

    @rule(person=people)
    def opt_out_and_look(self, person: str) -> None:
        """From the next request on there is what somebody gets who has never been here."""
        user = self._of + person
        self.choose(person, "none", False)
        budget = self._known.shopper(user).budget
        stranger = f"{self._of}stranger{next(self._numbers)}"
        also = "" if budget is None else f"&budget={budget}"
        mine, theirs = (
            self._ask("GET", f"/api/recommendations?userId={name}&limit=50{also}").json() for name in (user, stranger)
        )
        self._may.setdefault(user, set()).add(mine["recommendationId"])
        assert not mine["meta"]["profilingUsed"]
        self._hold(mine["recommendations"], budget)
        assert _products(mine) == _products(theirs)

    @rule(number=wares, shelf=st.sampled_from(("similar", "bought-together")))
    def look_at_a_shelf(self, number: int, shelf: str) -> None:
        """The same holds for the shelves of a product; that of one which is gone is 404."""
        answer = self._ask("GET", f"{self._address(number)}/{shelf}?limit=50")
        assert answer.status_code == (200 if self._product(number) in self._known.wares else 404)
        if answer.status_code == 200:
            self._hold(answer.json()["recommendations"], None)

    @rule()
    def look_at_trends(self) -> None:
        """And for what trends."""
        self._hold(self._ask("GET", "/api/trending?limit=50").json()["recommendations"], None)

    def teardown(self) -> None:
        """Every shopper's export at the end, and this scenario's products off the shelves."""
        if not hasattr(self, "_known"):
            return
        try:
            for person in PEOPLE:
                self._exported(self._of + person)
        finally:  # also after a failure, or the next scenario would stumble over them
            for product_id in self._known.wares:
                assert self.shop.request("DELETE", f"/api/products/{product_id}").status_code == 204
            self._followed()

    # --- what the rules are made of ------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        answer = self.shop.request(method, path, json=body)
        assert answer.status_code < 500, answer.text
        return answer

    def _product(self, number: int) -> str:
        return f"{self._of}p{number}"

    def _address(self, number: int) -> str:
        return f"/api/products/{quote(self._product(number))}"

    def _send(self, deeds: Sequence[Deed]) -> None:
        now = time.time()
        answer = self._ask("POST", "/api/events", {"events": [_written(deed) for deed in deeds]})
        assert answer.status_code == 202
        told = answer.json()
        taken = (told["accepted"], told["duplicates"], [one["index"] for one in told["rejected"]])
        assert taken == self._known.take([deed if deed.at else replace(deed, at=now) for deed in deeds])
        assert {one["code"] for one in told["rejected"]} <= {"erased"}

    def _hold(self, items: Sequence[Mapping[str, Any]], budget: str | None) -> None:
        for item in items:
            assert budget is None or float(item["price"]) <= float(budget), item
            if not item["productId"].startswith(self._of):
                assert not item["productId"].startswith("run"), f"{item['productId']} was deleted"
                continue
            held = self._known.wares.get(item["productId"])
            assert held is not None, f"{item['productId']} was deleted"
            assert held.showable, f"{item['productId']} is hidden or sold out"
            assert item["price"] == held.price

    def _exported(self, user: str) -> None:
        told = self._ask("GET", f"/api/users/{user}").json()
        held = self._known.shopper(user)
        assert sorted(event["eventId"] for event in told["events"]) == sorted(self._known.held(user))
        for event in told["events"]:
            deed = self._known.deeds[event["eventId"]]
            assert (event["type"], event["productId"]) == (deed.kind, deed.product_id)
            ids = (event["userId"], event["anonymousId"], event["sessionId"])
            assert ids == (deed.user, deed.visitor, deed.session)
        assert set(told["anonymousIds"]) == self._known.visitors_of(user)
        assert told["consent"]["personalization"] == held.personalization
        assert told["consent"]["stated"] is (held.level is not None)
        assert (told["preferences"]["budget"], tuple(told["preferences"]["interests"])) == (held.budget, held.interests)
        self._slates_exported(user)

    def _slates_exported(self, user: str) -> None:
        """Slates are written a moment after they were served."""
        wanted, ends = set(self._slates.get(user, ())), time.monotonic() + SEEN_WITHIN_S
        while True:
            told = self._ask("GET", f"/api/users/{user}").json()["slates"]
            held = {slate["recommendationId"] for slate in told if slate["query"].get("userId") == user}
            assert held <= wanted | self._may.get(user, set())
            if wanted <= held:
                return
            assert time.monotonic() < ends, (held, wanted)
            time.sleep(0.005)

    def _followed(self) -> None:
        """Waits until requests read the catalogue of now."""
        behind, ends = self.shop.behind, time.monotonic() + SEEN_WITHIN_S
        while behind.keeper.served().shelf.snapshot.sequence != behind.store.sequence():
            assert time.monotonic() < ends, "a change of the catalogue was not followed"
            time.sleep(0.001)


def _written(deed: Deed) -> dict[str, object]:
    at = {"timestamp": datetime.fromtimestamp(deed.at, UTC).isoformat()} if deed.at else {}
    ids = {"userId": deed.user, "anonymousId": deed.visitor, "sessionId": deed.session}
    return {"eventId": deed.event_id, "type": deed.kind, "productId": deed.product_id, **at} | {
        name: value for name, value in ids.items() if value is not None
    }


def _products(answer: Mapping[str, Any]) -> list[str]:
    return [item["productId"] for item in answer["recommendations"]]
