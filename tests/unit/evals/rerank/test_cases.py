"""The requests that a model is measured on."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from app.domain.interactions import KINDS, EventKind
from app.domain.ranking import HISTORY_BUCKETS
from app.pipeline.gate_schema import GateLine
from app.pipeline.model_order import ModelOrder, fused
from app.prompts import Prompt, load_prompt
from app.service import RecommendationService
from app.settings import shipped_directory
from evals.ranking.experiment import Arena
from evals.rerank.cases import BOUGHT_WITHIN_S, Case, choose, prepare, searches
from evals.rerank.orders import answered, slate
from evals.rerank.planning import planning_stage
from tests.unit.evals.rerank.synthetic import MODEL, a_reply


@pytest.fixture(scope="session")
def prompt() -> Prompt:
    return load_prompt(shipped_directory("prompts"), "rerank", "v1")


@pytest.fixture(scope="session")
def cases(ground: Arena, prompt: Prompt) -> list[Case]:
    wanted, searched = choose(ground, 80, seed=1)
    assert searched > 10
    with ground.service() as application:
        return prepare(ground, application, wanted, prompt, MODEL, searched=searched).cases


def test_every_gate_segment_has_its_share(cases: list[Case]) -> None:
    """Eight segments, as many cases of each as there are, and no shopper twice in one."""
    counts = Counter(case.segment for case in cases)
    assert set(counts) == {f"{history}/{intent}" for history in HISTORY_BUCKETS for intent in ("none", "stated")}
    assert len({(case.user_id, case.segment) for case in cases}) == len(cases)
    assert max(counts.values()) <= 10


def test_the_first_of_the_cases_are_spread_over_the_segments(ground: Arena) -> None:
    """However early the money ends, every segment has had its turn."""
    wanted, _ = choose(ground, 80, seed=1)
    assert Counter(one.query.text is None for one in wanted[:8]) == {True: 4, False: 4}
    assert {one.shown for one in wanted[:8]} >= {None, 0}


def test_the_same_seed_chooses_the_same(ground: Arena) -> None:
    """Prompts and so recorded replies are found again; another seed asks others."""

    def told(seed: int) -> list[tuple[int, int | None]]:
        return [(one.shopper, one.shown) for one in choose(ground, 40, seed)[0]]

    assert told(1) == told(1)
    assert told(1) != told(2)


def test_a_cut_history_is_marked_and_no_longer_than_its_segment(cases: list[Case]) -> None:
    """Nobody of this shop has a short history, so short ones are cut; whole histories are not marked."""
    assert all(case.cut for case in cases if case.history == "0")
    assert not any(case.cut for case in cases if case.history == "11+")


def test_an_intent_is_what_was_typed_before_the_purchase(ground: Arena) -> None:
    """Every search lies in the test part, before a purchase of the same shopper within a day, which is relevant."""
    data, split = ground.data, ground.split
    texts = data.events["query"].to_pylist()
    for shopper, bought in searches(ground).items():
        user = data.user_ids.index(split.tested[shopper])
        typed = [
            e
            for e in np.flatnonzero((data.user == user) & (data.kind == KINDS.index(EventKind.SEARCH))).tolist()
            if texts[e] == bought.text
        ]
        assert typed
        assert all(data.timestamp[e] >= split.as_of for e in typed)
        first = min(data.timestamp[e] for e in typed)
        later = np.flatnonzero(
            (data.user == user)
            & np.isin(data.kind, [KINDS.index(EventKind(kind)) for kind in split.relevant_kinds])
            & (data.timestamp >= first)
            & (data.timestamp <= max(data.timestamp[typed]) + BOUGHT_WITHIN_S)
        )
        assert set(bought.columns.tolist()) <= set(split.item_of_product[data.product[later]].tolist())


def test_the_words_are_not_made_from_what_was_bought(ground: Arena) -> None:
    """With the test part's purchases exchanged, the words of the searches stay what they were."""
    before = {shopper: bought.text for shopper, bought in searches(ground).items()}
    data = ground.data
    moved = np.where((data.timestamp >= ground.split.as_of) & (data.product >= 0), 0, data.product).astype(np.int32)
    other = searches(replace(ground, data=replace(data, product=moved)))
    assert {shopper: bought.text for shopper, bought in other.items()} == before


def test_a_shop_without_searches_states_no_intent(ground: Arena) -> None:
    """Nothing is made up in their place."""
    data = replace(ground.data, events=ground.data.events.drop_columns(["query"]))
    wanted, searched = choose(replace(ground, data=data), 40, seed=1)
    assert searched == 0
    assert all(one.query.text is None for one in wanted)


def test_nothing_bought_after_the_cut_is_in_a_prompt(ground: Arena, prompt: Prompt, cases: list[Case]) -> None:
    """With every event after the cut exchanged, the same requests have the same prompts, letter by letter."""
    data = ground.data
    after = data.timestamp >= ground.split.as_of
    moved = np.where(after & (data.product >= 0), 3, data.product).astype(np.int32)
    blind = replace(ground, data=replace(data, product=moved))
    wanted, searched = choose(ground, 80, seed=1)
    with blind.service() as application:
        again = prepare(blind, application, wanted, prompt, MODEL, searched=searched).cases
    assert [case.call.messages for case in again] == [case.call.messages for case in cases]


def test_a_prompt_names_no_shopper_and_no_product_id(cases: list[Case]) -> None:
    """What leaves the machine holds aliases only."""
    for case in cases:
        text = " ".join(message.content for message in case.call.messages)
        assert f" {case.user_id} " not in text
        assert not any(f"{product_id}|" in text or f" {product_id} " in text for product_id in case.asked.candidates)


def test_what_is_measured_is_what_the_service_would_serve(ground: Arena, prompt: Prompt) -> None:
    """For 20 requests the ten products of a fused slate are those of the service's own fusion and composition."""
    wanted, searched = choose(ground, 20, seed=5)
    wanted = [one for one in wanted if one.shown is None]
    with ground.service() as application:
        made = prepare(ground, application, wanted, prompt, MODEL, searched=searched).cases
        served = application.keeper.served()
        service = RecommendationService(replace(application.parts, rerank=planning_stage(prompt, MODEL)))
        line = GateLine("11+", "none", 0.6, 4, "prior")
        assert made
        for case, one in zip(made, wanted, strict=True):
            wish = [case.head[i] for i in (7, 3, 15, 0) if i < len(case.head)]
            found = answered(case, a_reply_of(case, wish))
            order = ModelOrder(
                "llm",
                None,
                order=tuple(ground.split.product_ids[column] for column in wish),
                candidates=case.asked.candidates,
                gate=line,
            )
            ranking = fused(service.prepared(one.query).ranking, order, served.rules, served.shelf, 10)
            ids = served.shelf.snapshot.product_ids
            shown = [ids[row] for row in ranking.composition.rows.tolist()]
            assert [ground.split.product_ids[column] for column in slate(found, 0.6, 4)] == shown


def a_reply_of(case: Case, columns: list[int]):
    """A reply that orders these columns."""
    alias_of = {product_id: alias for alias, product_id in case.asked.given.product_of.items()}
    by_column = dict(zip(case.head, case.asked.candidates, strict=True))
    return a_reply(case, json.dumps({"order": [alias_of[by_column[c]] for c in columns], "why": []}))
