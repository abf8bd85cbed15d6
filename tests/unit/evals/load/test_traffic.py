"""Who asks for what, and when."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from evals.load.open_loop import Planned
from evals.load.traffic import Traffic
from tests.unit.evals.load.toy_crowd import CROWD


def asked(planned: Planned) -> dict[str, str]:
    """What a page asks for, however it is sent."""
    line, _, rest = planned.request.decode().partition("\r\n")
    if line.startswith("POST"):
        return {name: str(value) for name, value in orjson.loads(rest.partition("\r\n\r\n")[2]).items()}
    return {name: values[0] for name, values in parse_qs(urlsplit(line.split()[1]).query).items()}


def of_kind(plan: list[Planned], kind: str) -> list[Planned]:
    return [one for one in plan if one.kind == kind]


def test_arrivals_are_a_poisson_process() -> None:
    """As many as asked for, with gaps whose deviation is their mean, in order, within the time."""
    plan = of_kind(Traffic(CROWD, 3).open(50.0, 60.0), "slate")
    gaps = [after.due_s - before.due_s for before, after in pairwise(plan)]
    assert len(plan) == pytest.approx(3000, abs=4 * math.sqrt(3000))
    assert statistics.stdev(gaps) / statistics.mean(gaps) == pytest.approx(1.0, abs=0.08)
    assert plan == sorted(plan, key=lambda one: one.due_s)
    assert plan[-1].due_s < 60.0


def test_shoppers_are_many_and_few_of_them_come_often() -> None:
    """30% of the sessions are anonymous; the rest follow Zipf's law: the first of 20 makes 28% of them."""
    pages = [asked(one) for one in of_kind(Traffic(CROWD, 3).open(40.0, 60.0), "slate")]
    sessions = {page["sessionId"]: page.get("userId") for page in pages}
    known = Counter(user for user in sessions.values() if user is not None)
    assert sum(user is None for user in sessions.values()) / len(sessions) == pytest.approx(0.3, abs=0.08)
    harmonic = sum(1.0 / rank for rank in range(1, 21))
    assert known.most_common(1)[0][1] / known.total() == pytest.approx(1.0 / harmonic, abs=0.07)


def test_shoppers_do_things_between_pages() -> None:
    """A session's events come between its pages, each once, and name the shopper of the page."""
    plan = Traffic(CROWD, 3).open(2.0, 120.0)
    done = [orjson.loads(one.request.partition(b"\r\n\r\n")[2])["events"][0] for one in of_kind(plan, "events")]
    assert len({event["eventId"] for event in done}) == len(done) > 100
    assert {event["type"] for event in done} == {"view", "search", "add_to_cart", "purchase"}
    user_of = {page["sessionId"]: page.get("userId") for page in map(asked, of_kind(plan, "slate"))}
    assert all(event.get("userId") == user_of[event["sessionId"]] for event in done)


def test_every_page_of_a_session_is_asked_for() -> None:
    """Home, product, search and cart pages, the cart's with its products in a body."""
    pages = [asked(one) for one in of_kind(Traffic(CROWD, 3).open(20.0, 60.0), "slate")]
    assert {page["placement"] for page in pages} == {"home", "product", "search", "cart"}
    assert all("cart" in page for page in pages if page["placement"] == "cart")
    assert Counter(page["placement"] for page in pages).most_common(1)[0][1] < 0.6 * len(pages)


def test_requests_beside_the_slates_come_in_proportion() -> None:
    """So many searches, similar products, chats and reports for each slate."""
    plan = Traffic(CROWD, 3).open(50.0, 60.0, beside={"search": 0.5, "similar": 0.2, "chat": 0.1, "report": 0.1})
    counted = Counter(one.kind for one in plan)
    for kind, share in (("search", 0.5), ("similar", 0.2), ("chat", 0.1), ("report", 0.1)):
        assert counted[kind] / counted["slate"] == pytest.approx(share, rel=0.25)


def test_a_foreign_shop_is_asked_by_strangers_and_left_as_it_is() -> None:
    """No shopper's id, no event and no changed product; the key is in every head."""
    traffic = Traffic(CROWD, 3, host="shop:80", headers={"X-API-Key": "k"}, writes=False, strangers=True)
    plan = traffic.open(10.0, 60.0, beside={"catalogue": 0.5})
    assert {one.kind for one in plan} == {"slate"}
    assert all("userId" not in asked(one) for one in plan)
    assert all(b"\r\nX-API-Key: k\r\n" in one.request and b"\r\nHost: shop:80\r\n" in one.request for one in plan)


def test_think_times_are_ten_seconds_on_average() -> None:
    """A thousand shoppers ask for a hundred pages a second, each in a lane, their own think times log-normal."""
    plan = of_kind(Traffic(CROWD, 3).shoppers(1000, 60.0), "slate")
    lanes: dict[int, list[float]] = {}
    for one in plan:
        lanes.setdefault(one.lane, []).append(one.due_s)
    assert len(lanes) == 1000
    assert sum(one.due_s >= 20.0 for one in plan) / 40.0 == pytest.approx(100.0, rel=0.1)
    thought = [math.log(b - a) for due in lanes.values() for a, b in pairwise(due) if a < 20.0]
    assert statistics.stdev(thought) == pytest.approx(0.8, abs=0.08)
