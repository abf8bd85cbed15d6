"""A reply judged by the service's own code: what is read, what is fused, what the rules take out, what is proved."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from app.domain.model_calls import CallOutcome
from evals.prompts.judging import Judge, Told
from evals.prompts.posing import pose
from evals.prompts.scenario import Scenario
from tests.unit.evals.prompts.synthetic import MODEL, ROOT, a_candidate, a_product, a_reply, a_scenario, the_prompt

PROMPT = the_prompt()
TOLD = Told(MODEL, "live")


@pytest.fixture(scope="module")
def judge() -> Judge:
    """The shipped rules."""
    return Judge.of(ROOT / "rules")


def ids(*numbers: int) -> list[str]:
    return [f"P{number}" for number in numbers]


def judged(judge: Judge, scenario: Scenario, order: Sequence[str], outcome: CallOutcome = "complete"):
    posed = pose(scenario, PROMPT)
    return judge.judge(posed, a_reply(posed, order, outcome=outcome), TOLD)


def test_a_scenario_is_posed_in_the_service_s_own_lines() -> None:
    """The call holds every candidate with its facts, every line about the shopper, and asks for `limit` sentences."""
    posed = pose(a_scenario(), PROMPT)
    told = posed.call.messages[-1].content
    assert "u1 query kettle" in told
    assert "|Kettle A|Brand A|Kitchen 1 / Kettles|" in told
    assert told.endswith("Order the best 8. Give reasons for the first 5.")
    assert posed.reasons == 5
    assert posed.call.prompt_hash == PROMPT.content_hash


def test_equal_scenarios_send_equal_bytes_and_a_shuffle_sends_others() -> None:
    """What is recorded is found again; each shuffle is a question of its own with the same lines."""
    first, again, shuffled = (pose(a_scenario(), PROMPT, n) for n in (0, 0, 1))
    assert first.call == again.call
    assert shuffled.call.messages != first.call.messages
    assert set(shuffled.given.product_of.values()) == set(first.given.product_of.values())
    assert shuffled.slot == 1


def test_a_variant_keeps_the_order_of_its_parent_s_lines() -> None:
    """What differs between a scenario and its variant is what was changed."""
    parent = a_scenario()
    variant = replace(parent, id="warm-query-001~cut", parent=parent.id, shuffle=parent.seed, budget_minor=1400)
    assert list(pose(variant, PROMPT).given.product_of.values()) == list(pose(parent, PROMPT).given.product_of.values())


def test_the_model_s_order_is_fused_with_the_gate_s_weight(judge: Judge) -> None:
    """With a stated intent the model counts for 0.8 and may lift by 12; the slate says who ranked what."""
    found = judged(judge, a_scenario(), ids(8, 7, 6, 5, 4, 3, 2, 1))
    assert found.order == tuple(ids(8, 7, 6, 5, 4, 3, 2, 1))
    assert found.fused == found.order
    assert found.gate is not None
    assert (found.gate.w, found.gate.max_lift, found.strategy) == (0.8, 12, "llm")
    assert [item.product_id for item in found.slate] == list(found.order)
    assert {item.ranked_by for item in found.slate} == {"llm"}


def test_no_reply_lifts_an_item_beyond_the_gate(judge: Judge) -> None:
    """Without an intent an item gains five positions at most."""
    found = judged(judge, a_scenario(intent="none"), ids(8, 7, 6))
    place = {product_id: at for at, product_id in enumerate(found.fused, start=1)}
    assert all(number - place[f"P{number}"] <= 5 for number in range(1, 9))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"stock": 0}, "in_stock"),
        ({"price_minor": 2500}, "within_budget"),
        ({"cost_minor": 1700}, "min_margin"),
        ({}, "owned"),
        ({}, "dismissed"),
        ({}, "in_cart"),
    ],
)
def test_a_planted_product_that_the_rules_forbid_never_reaches_the_slate(
    judge: Judge, changes: dict[str, int], rule: str
) -> None:
    """However much the model wants it: the rules have the last word, as in the service."""
    planted = a_candidate(8, product=a_product(8, **changes), forbidden=rule)
    scenario = a_scenario()
    scenario = replace(scenario, candidates=(*scenario.candidates[:-1], planted))
    found = judged(judge, scenario, ids(8, 1, 2))
    assert found.order[0] == "P8"
    assert "P8" not in found.fused
    assert "P8" not in [item.product_id for item in found.slate]
    assert len(found.slate) == 7


def test_a_sentence_is_shown_where_it_is_proved_and_compiled_where_not(judge: Judge) -> None:
    """Proofs say of every sentence whether it holds; the slate shows only those that do."""
    posed = pose(a_scenario(), PROMPT)
    said = {
        "P1": "Rated 4.1 out of 5 by 101 shoppers [{X}1].",
        "P2": "Rated 4.9 out of 5 by 900 shoppers [{X}1].",
        "P3": "Rated 4.2 out of 5 [X9].",
    }
    found = judge.judge(posed, a_reply(posed, ids(1, 2, 3), said), TOLD)
    assert {p: proof.ok for p, proof in found.proofs.items()} == {"P1": True, "P2": False, "P3": False}
    assert found.proofs["P3"].failures[0].kind == "wrong_citation"
    assert found.prose["P1"] == "Rated 4.1 out of 5 by 101 shoppers [rating]."
    shown = {item.product_id: item for item in found.slate}
    assert shown["P1"].reason_source == "llm"
    assert shown["P2"].reason_source == shown["P3"].reason_source == "template"
    assert all(item.reason for item in found.slate)


@pytest.mark.parametrize("outcome", ["refused", "malformed"])
def test_a_refusal_leaves_the_baseline(judge: Judge, outcome: CallOutcome) -> None:
    """What must not be read is not read, however well it begins."""
    found = judged(judge, a_scenario(), ids(8, 7), outcome)
    assert found.order == ()
    assert found.strategy == "baseline"
    assert [item.product_id for item in found.slate] == ids(1, 2, 3, 4, 5, 6, 7, 8)


def test_a_deadline_is_kept_by_a_complete_order_in_time_only(judge: Judge) -> None:
    """Unknown where nobody watched the stream; kept or missed where somebody did."""
    posed = pose(a_scenario(), PROMPT)
    whole, part = a_reply(posed, ids(1, 2, 3, 4, 5)), a_reply(posed, ids(1))

    def kept(reply: object, seconds: float | None, deadline_s: float | None = 0.5) -> bool | None:
        return judge.judge(posed, reply, Told(MODEL, "live", seconds, deadline_s)).deadline_kept  # type: ignore[arg-type]

    assert kept(whole, 0.4) is True
    assert kept(whole, 0.6) is False
    assert kept(part, None) is False
    assert kept(whole, None) is None
    assert kept(whole, 0.4, None) is None
