"""Where the vector index answers from memory, a request asks it itself; where it does not, beside the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.bootstrap import Application
from app.domain.deadline import Deadline
from app.domain.errors import IndexUnavailable
from app.domain.ranking import Query
from app.finder import Served
from app.service import RecommendationService


class _Broken:
    """An index that can't be read."""

    def search(self, vector: object, k: int) -> object:
        del vector, k
        raise IndexUnavailable("damaged")


@pytest.fixture
def submitted(demo: Application, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is given to the threads of searches."""
    given: list[object] = []
    submit = demo.pools[1].submit

    def noted(function: object, *arguments: object) -> object:
        given.append(function)
        return submit(function, *arguments)

    monkeypatch.setattr(demo.pools[1], "submit", noted)
    monkeypatch.setattr(demo.parts.finder, "memo", None)
    return given


def _service(demo: Application, served: Served) -> RecommendationService:
    return RecommendationService(replace(demo.parts, served=lambda: served))


async def test_a_small_shop_asks_its_vectors_in_the_same_thread(demo: Application, submitted: list[object]) -> None:
    """The demo shop is at hand: the slate is the one that a search beside the rest gives. A query stays beside."""
    served = demo.parts.served()
    assert served.near_at_hand
    here = await _service(demo, served).recommend(Query(user_id="gamer"), Deadline.after_ms(0))
    assert submitted == []
    beside = replace(served, near_at_hand=False)
    there = await _service(demo, beside).recommend(Query(user_id="gamer"), Deadline.after_ms(0))
    assert len(submitted) == 1
    assert here.items == there.items
    await _service(demo, served).recommend(Query(user_id="gamer", text="headphones"), Deadline.after_ms(0))
    assert len(submitted) == 3


@pytest.mark.parametrize("at_hand", [True, False])
async def test_a_broken_index_costs_no_slate(demo: Application, submitted: list[object], at_hand: bool) -> None:
    """The slate is made without what the index would have found, in either thread."""
    served = replace(demo.parts.served(), index=_Broken(), near_at_hand=at_hand)
    slate = await _service(demo, served).recommend(Query(user_id="gamer"), Deadline.after_ms(0))
    assert len(slate.items) == 5
    assert len(submitted) == (0 if at_hand else 1)
