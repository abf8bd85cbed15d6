"""Whatever requests do, in whatever order: no place is lost or given twice, and nobody waits beside a free one."""

from __future__ import annotations

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from app.admission import MOST_ASIDE, MOST_WAITING, Door, Place, Rank


class Crowd(RuleBasedStateMachine):
    """Requests of every class that begin, pause, answer, leave and come too late."""

    places = Bundle("places")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.door = Door(places_most=4, wait_s=0.1, clock=lambda: self.now, chance=random.Random(1))
        self.all: list[Place] = []
        self.granted: set[int] = set()

    @rule(target=places, rank=st.sampled_from(Rank), streams=st.booleans())
    def ask(self, rank: Rank, streams: bool) -> Place:
        number = len(self.all)
        place = self.door.ask(rank, rank.name, lambda: self.granted.add(number), streams=streams)
        self.all.append(place)
        assert place.state in ("working", "waiting", "refused", "writing", "aside")
        assert (rank is Rank.WRITE) <= (place.state in ("writing", "refused"))
        return place

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.02, 0.5, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(place=places)
    def waits_for_a_provider(self, place: Place) -> None:
        place.set_down()

    @rule(place=places)
    def goes_on(self, place: Place) -> None:
        place.take_up()

    @rule(place=places)
    def begins_its_answer(self, place: Place) -> None:
        place.answered()

    @rule(place=places)
    def waited_too_long(self, place: Place) -> None:
        waited = place.state == "waiting"
        refused = self.door.too_late(place)
        assert refused == (waited and place.state == "refused")
        assert place.state != "waiting"

    @rule(place=consumes(places))
    def is_over(self, place: Place) -> None:
        place.end()
        assert place.state == "ended"

    @invariant()
    def counts_are_right(self) -> None:
        states = [place.state for place in self.all]
        assert self.door.working == states.count("working")
        assert self.door.waiting == states.count("waiting") <= MOST_WAITING
        assert self.door.elsewhere == states.count("elsewhere") + states.count("answering")
        assert self.door.writing == states.count("writing")
        assert self.door.aside == states.count("aside") <= MOST_ASIDE

    @invariant()
    def nobody_waits_beside_a_free_place(self) -> None:
        assert not self.door.waiting or self.door.working >= self.door.limit

    @invariant()
    def every_wait_that_ended_well_was_told(self) -> None:
        for number in self.granted:
            assert self.all[number].state != "waiting"

    def teardown(self) -> None:
        for place in self.all:
            place.end()
        assert set(self.door.states.values()) == {0}


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
