"""The door's places, waits and refusals, by a clock that the test moves."""

from __future__ import annotations

import random
from collections import deque

import pytest

from app.admission import (
    MOST_ASIDE,
    MOST_ELSEWHERE,
    MOST_WAITING,
    MOST_WRITES,
    PRESSED_S,
    Door,
    Elsewhere,
    Place,
    Rank,
    hold,
    release,
)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def nothing() -> None:
    """What is called when a wait ends well, where nobody waits."""


@pytest.fixture
def clock() -> Clock:
    """The door's clock."""
    return Clock()


@pytest.fixture
def door(clock: Clock) -> Door:
    """A door with two places at first, where nobody waits longer than 0.1 s."""
    return Door(places_most=8, wait_s=0.1, clock=clock, chance=random.Random(1))


def ask(door: Door, rank: Rank = Rank.SLATE, **more: bool) -> Place:
    """One more request."""
    return door.ask(rank, "any", nothing, **more)


def served(door: Door, clock: Clock, seconds: float) -> None:
    """One request that takes so long, alone."""
    place = ask(door)
    clock.now += seconds
    place.answered()
    place.end()


def test_as_many_are_worked_on_as_there_are_places_and_the_next_waits(door: Door) -> None:
    """Until the limit all begin at once; then one waits, and begins the moment a place is given back."""
    first, second = ask(door), ask(door)
    told = []
    third = door.ask(Rank.SLATE, "any", lambda: told.append("third"))
    assert [first.state, second.state, third.state] == ["working", "working", "waiting"]
    assert (door.working, door.waiting) == (2, 1)
    first.answered()
    assert (third.state, told, door.working, door.waiting) == ("working", ["third"], 2, 0)


def test_a_place_is_free_when_the_answer_begins(door: Door) -> None:
    """Whoever reads slowly keeps nobody out; what was sent is counted until it is over."""
    slow, other = ask(door), ask(door)
    slow.answered()
    assert ask(door).state == "working"
    assert door.elsewhere == 1
    slow.end()
    other.end()
    assert door.elsewhere == 0


def test_a_request_that_waits_for_a_provider_takes_no_place(door: Door) -> None:
    """Its place goes to others meanwhile; it takes one up again even beyond the limit, and newcomers wait."""
    asking, other = ask(door), ask(door)
    token = hold(asking)
    with Elsewhere():
        assert asking.state == "elsewhere"
        meanwhile = ask(door)
        assert meanwhile.state == "working"
    release(token)
    assert asking.state == "working"
    assert door.working == 3 > door.limit
    assert ask(door).state == "waiting"
    for place in (asking, other, meanwhile):
        place.end()
    assert door.working == 1


def test_a_provider_that_fails_gives_the_place_back_to_its_request(door: Door) -> None:
    """The wait ends with an exception, and work goes on."""
    place = ask(door)
    token = hold(place)
    with pytest.raises(OSError), Elsewhere():
        raise OSError
    release(token)
    assert place.state == "working"


def test_elsewhere_without_a_place_does_nothing() -> None:
    """Commands and background work have none."""
    with Elsewhere():
        pass


def test_who_would_wait_too_long_is_refused_at_once(door: Door, clock: Clock) -> None:
    """With 50 ms a request and two places, 0.1 s is four requests long: the fifth in the queue is refused."""
    served(door, clock, 0.05)
    states = [ask(door).state for _ in range(7)]
    assert states == ["working"] * 2 + ["waiting"] * 4 + ["refused"]
    assert door.refused == {"slate": 1}


def test_the_less_important_are_refused_first(door: Door, clock: Clock) -> None:
    """In the same crowd a report is refused, a chat and a search wait where a slate still does."""
    served(door, clock, 0.03)
    while door.working < door.limit:
        ask(door)
    ask(door, Rank.SLATE)
    assert [ask(door, rank).state for rank in (Rank.REST, Rank.CHAT, Rank.SHELF, Rank.SLATE)] == [
        "refused",
        "waiting",
        "waiting",
        "waiting",
    ]
    assert [ask(door, rank).state for rank in (Rank.REST, Rank.CHAT, Rank.SHELF, Rank.SLATE)] == [
        "refused",
        "refused",
        "refused",
        "waiting",
    ]


def test_the_more_important_go_first(door: Door) -> None:
    """Whoever came first of a class, and slates before shelves before chats."""
    busy = [ask(door), ask(door)]
    told: list[str] = []
    for name, rank in [("chat", Rank.CHAT), ("shelf", Rank.SHELF), ("slate 1", Rank.SLATE), ("slate 2", Rank.SLATE)]:
        place = door.ask(rank, "any", lambda name=name: told.append(name))  # type: ignore[misc]
        busy.append(place)
    while len(told) < 4:
        next(place for place in busy if place.state == "working").end()
    assert told == ["slate 1", "slate 2", "shelf", "chat"]


def test_events_take_no_place_and_are_refused_only_when_too_many_are_under_way(door: Door) -> None:
    """They wait for the disk, and come before everything else: a full house does not keep them out."""
    for _ in range(50):
        ask(door)
    writes = [ask(door, Rank.WRITE) for _ in range(MOST_WRITES)]
    assert {place.state for place in writes} == {"writing"}
    assert ask(door, Rank.WRITE).state == "refused"
    writes[0].end()
    assert ask(door, Rank.WRITE).state == "writing"


def test_reports_take_no_place_from_shoppers(door: Door) -> None:
    """Let in while nobody waits, so many at a time; refused or last in the queue while somebody does, and no reason to
    do without models."""
    reports = [ask(door, Rank.REST) for _ in range(MOST_ASIDE)]
    assert {place.state for place in reports} == {"aside"}
    assert ask(door, Rank.REST).state == "refused"
    reports.pop().end()
    assert [ask(door).state for _ in range(3)] == ["working", "working", "waiting"]
    assert ask(door, Rank.REST).state == "waiting"
    assert not door.pressed()
    for place in reports:
        place.end()
    assert door.aside == 0


def test_the_queue_is_bounded_before_anything_is_known(door: Door) -> None:
    """Nobody knows yet how long work takes: no more than MOST_WAITING wait for it."""
    states = [ask(door).state for _ in range(2 + MOST_WAITING + 5)]
    assert states.count("waiting") == MOST_WAITING
    assert states[-5:] == ["refused"] * 5


def test_a_wait_that_lasts_too_long_ends(door: Door, clock: Clock) -> None:
    """It becomes a refusal, once; one that was granted a place meanwhile is left alone."""
    first, _ = ask(door), ask(door)
    waits, stays = ask(door), ask(door)
    assert door.too_late(waits)
    assert (waits.state, door.waiting) == ("refused", 1)
    first.end()
    assert stays.state == "working"
    assert not door.too_late(stays)
    assert not door.too_late(waits)
    assert door.refused == {"slate": 1}


def test_models_are_given_up_before_anybody_is_refused(door: Door, clock: Clock) -> None:
    """A short queue is no pressure; a quarter of the longest wait is, and for a second after the last sign of it."""
    served(door, clock, 0.02)
    ask(door), ask(door), ask(door)
    assert not door.pressed()
    ask(door), ask(door)
    assert door.pressed()
    assert not door.refused
    clock.now += PRESSED_S + 0.01
    assert not door.pressed()


def test_pressure_that_comes_back_at_once_lasts_longer(door: Door, clock: Clock) -> None:
    """1, 2, 4, 8, 16 s and no more; after a time without it, 1 s again."""
    served(door, clock, 0.02)

    def pressure() -> None:
        crowd = [ask(door) for _ in range(6)]
        assert ask(door, Rank.CHAT).state == "refused"
        for place in crowd:
            place.end()

    lasted = []
    for _ in range(6):
        pressure()
        began = clock.now
        while door.pressed():
            clock.now += 0.125
        lasted.append(clock.now - began)
    assert lasted == pytest.approx([1.0, 2.0, 4.0, 8.0, 16.0, 16.0])
    clock.now += 20.0
    pressure()
    clock.now += 1.0
    assert not door.pressed()


def test_too_many_who_wait_for_providers_or_readers(door: Door) -> None:
    """No further model is asked, and no stream or chat begun; a plain request still is."""
    waiting = []
    for _ in range(MOST_ELSEWHERE):
        place = ask(door)
        place.set_down()
        waiting.append(place)
    assert door.pressed()
    assert ask(door, Rank.CHAT, streams=True).state == "refused"
    assert ask(door).state == "working"
    waiting[0].end()
    assert ask(door, Rank.CHAT, streams=True).state == "working"


def test_a_service_that_ends_begins_no_stream(door: Door) -> None:
    """Plain requests are answered until the port is closed."""
    door.draining = True
    assert ask(door, Rank.SLATE, streams=True).state == "refused"
    assert ask(door).state == "working"


def test_without_a_limit_nobody_waits(clock: Clock) -> None:
    """places_most=0."""
    door = Door(places_most=0, wait_s=0.1, clock=clock)
    assert {ask(door, rank).state for rank in Rank for _ in range(MOST_ASIDE)} == {"working", "writing", "aside"}


def test_the_refused_come_back_at_different_times(door: Door) -> None:
    """Whole seconds, at least one, and the less important later."""
    slates = [door.back_after_s(Rank.SLATE) for _ in range(200)]
    rest = [door.back_after_s(Rank.REST) for _ in range(200)]
    assert set(slates) == {1, 2, 3, 4}
    assert min(rest) > max(slates)


def test_ending_twice_gives_back_one_place(door: Door) -> None:
    """A handler that raises after its answer began."""
    place = ask(door)
    place.answered()
    place.answered()
    place.end()
    place.end()
    place.take_up()
    place.set_down()
    assert (door.working, door.elsewhere) == (0, 0)


def crowd(door: Door, clock: Clock, requests: int, seconds: float, *, by_turns: bool) -> None:
    """So many requests, one of which always waits. by_turns: whoever is in work shares one lock."""
    working: deque[Place] = deque()
    for _ in range(requests):
        place = door.ask(Rank.SLATE, "any", nothing)
        working.append(place)
        while place.state == "waiting":
            clock.now += seconds if by_turns else seconds / door.working
            done = working.popleft()
            done.answered()
            done.end()
    for place in working:
        place.answered()
        place.end()


def one_at_a_time(door: Door, clock: Clock) -> None:
    """The door has found that its requests share a lock, ten milliseconds each."""
    for _ in range(5):
        served(door, clock, 0.01)
    crowd(door, clock, 60, 0.01, by_turns=True)
    assert door.limit == 1


def test_who_shares_a_lock_is_worked_on_one_at_a_time(door: Door, clock: Clock) -> None:
    """Two at a time take twice as long each: nothing gained, and the second place goes."""
    one_at_a_time(door, clock)
    assert door.limit == 1


def test_who_waits_for_others_gets_more_places(door: Door, clock: Clock) -> None:
    """However many are in work, each takes as long as it would alone: all places are given, and no more."""
    for _ in range(5):
        served(door, clock, 0.01)
    crowd(door, clock, 600, 0.01, by_turns=False)
    assert door.limit == 8


def test_two_who_only_met_tell_nothing_of_two_places(door: Door, clock: Clock) -> None:
    """Most of its work alone makes the second look cheap: no place is given or taken for that."""
    for _ in range(5):
        served(door, clock, 0.01)
    for _ in range(200):
        first = ask(door)
        clock.now += 0.009
        second = ask(door)
        ask(door).end()  # somebody would have had a third, and left
        for place, left in ((first, 0.002), (second, 0.008)):
            clock.now += left
            place.answered()
            place.end()
        clock.now += 0.01
    assert door.limit == 2


def test_a_place_that_is_held_for_something_else_keeps_nobody_out(door: Door, clock: Clock) -> None:
    """A holder that waits for a disk for seconds does no work meanwhile: the next are let in beside it."""
    one_at_a_time(door, clock)
    assert door.limit == 1
    stuck = ask(door)
    behind = ask(door)
    assert (stuck.state, behind.state) == ("working", "waiting")
    clock.now += 0.11
    newcomer = ask(door)
    assert behind.state == "working"
    assert newcomer.state == "waiting", "one beside it, as many as otherwise"
    for place in (behind, newcomer, stuck):
        place.answered()
        place.end()
    assert (door.working, door.waiting) == (0, 0)


def test_who_waits_behind_a_stuck_one_is_let_in_before_it_is_refused(door: Door, clock: Clock) -> None:
    """Even where nobody else comes: the end of its own wait is the moment to look."""
    for _ in range(5):
        served(door, clock, 0.01)
    stuck, other = ask(door), ask(door)
    behind = ask(door)
    clock.now += behind.wait_s
    assert not door.too_late(behind)
    assert behind.state == "working"
    for place in (behind, stuck, other):
        place.end()
    assert door.working == 0


def test_however_many_are_stuck_there_is_a_ceiling(door: Door, clock: Clock) -> None:
    """All of them may be waiting for the same disk; memory and threads are bounded all the same."""
    served(door, clock, 0.001)
    for _ in range(40):
        ask(door)
        clock.now += 0.11
    assert door.working == 8


def test_the_least_important_who_waited_are_counted_as_well(door: Door, clock: Clock) -> None:
    """They begin together once nobody more important waits: no more of them than may be under way."""
    ask(door), ask(door)
    ask(door)  # waits
    late = [ask(door, Rank.REST) for _ in range(2 * MOST_ASIDE)]
    assert sum(place.state == "waiting" for place in late) == MOST_ASIDE
    clock.now += 1.0
    ask(door)
    assert door.aside <= MOST_ASIDE


def test_the_least_important_are_let_in_beside_one_in_work(door: Door, clock: Clock) -> None:
    """They take no place: it is enough that nobody waits for one."""
    one_at_a_time(door, clock)
    assert (door.limit, ask(door).state) == (1, "working")
    assert ask(door, Rank.REST).state == "aside"
    ask(door)
    assert ask(door, Rank.REST).state == "waiting"


def test_the_end_of_a_process_is_no_pressure(door: Door) -> None:
    """A stream that is not begun any more says nothing of how much there is to do: models go on being asked."""
    door.draining = True
    assert ask(door, Rank.CHAT, streams=True).state == "refused"
    assert not door.pressed()


def test_two_waits_under_one_place_end_with_the_second(door: Door) -> None:
    """A page that asks for two slates at once: while one of them waits for a model, no place is held."""
    place = ask(door)
    place.set_down()
    place.set_down()
    place.take_up()
    assert (place.state, door.working) == ("elsewhere", 0)
    place.take_up()
    assert (place.state, door.working) == ("working", 1)
