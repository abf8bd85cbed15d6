"""What a weight is worth, and which one a segment has earned."""

import numpy as np
import pytest

from app.pipeline.fusion import fuse
from app.pipeline.gate_schema import Gate, GateLine
from evals.rerank.measure import FEWEST, halves, outwards, segments, service
from evals.rerank.orders import UNCAPPED, ndcg, slate
from evals.rerank.planning import ALWAYS
from evals.statistics import Estimate
from tests.unit.evals.rerank.synthetic import MODEL, PROMPT_HASH, a_case, with_order

PRIORS = Gate({key: GateLine(*key, 0.35, 5, "prior") for key in ALWAYS.priors})  # type: ignore[arg-type]
RIGHT = list(range(12, 2, -1))


def measured(found, gate=PRIORS):
    return {s.name: s for s in segments(found, gate, MODEL, PROMPT_HASH, seed=1, resamples=200)}


def test_the_figure_is_that_of_the_formula() -> None:
    """One bought product, moved from place 3 to place 1 by the model alone: 1/log2(4) becomes 1."""
    found = [with_order(a_case("u1", [2]), [2])]
    assert ndcg(found, 0.0, 0)[0] == pytest.approx(0.5)
    assert ndcg(found, 1.0, UNCAPPED)[0] == pytest.approx(1.0)


def test_the_fusion_is_the_services_own() -> None:
    """For any weight and lift the slate begins as app.pipeline.fusion says, and goes on with the baseline."""
    case = a_case("u1", [2])
    found = with_order(case, [20, 5, 9])
    for w in (0.2, 0.5, 1.0):
        for lift in (0, 3, 24):
            assert slate(found, w, lift) == fuse(case.head, [20, 5, 9], w, lift)[:10]


@pytest.mark.parametrize("text", ["", "I can't help with that.", '{"order": ["?", "!"], "why": []}', "[]"])
def test_a_reply_that_can_not_be_used_leaves_the_baseline(text: str) -> None:
    """As in the service: a useless reply costs money and changes nothing."""
    found = with_order(a_case("u1", [2]), text)
    assert found.strategy == "baseline"
    assert slate(found, 1.0, UNCAPPED) == tuple(range(10))


def test_a_good_model_earns_a_weight_on_shoppers_that_did_not_choose_it() -> None:
    """The interval of the line is that of the half that reports, and w is above 0."""
    found = [with_order(a_case(f"u{i}", [8, 11]), [8, 11]) for i in range(60)]
    earned = measured(found)["11+/none"].earned
    assert earned is not None
    assert earned.w > 0
    assert earned.interval[0] > 0
    assert earned.reporting.n == 30
    assert earned.choosing.n == 30
    assert earned.max_lift == 5


def test_a_bad_model_earns_nothing() -> None:
    """Where the model puts what was bought last, the line turns it off: w 0, maxLift 0."""
    found = [with_order(a_case(f"u{i}", [0, 1]), RIGHT) for i in range(60)]
    earned = measured(found)["11+/none"].earned
    assert earned is not None
    assert (earned.w, earned.max_lift) == (0.0, 0)
    assert earned.interval[1] <= 0


def test_a_model_that_changes_nothing_is_not_worth_a_call() -> None:
    """An interval of exactly 0 to 0 excludes a loss, and a gain as well: the weight is 0."""
    found = [with_order(a_case(f"u{i}", [4]), list(range(10))) for i in range(60)]
    earned = measured(found)["11+/none"].earned
    assert earned is not None
    assert earned.interval == (0.0, 0.0)
    assert earned.w == 0.0


def test_two_lucky_cases_are_no_proof() -> None:
    """Where nearly nothing changes and nothing gets worse, the interval ends at 0, and the weight is 0."""
    cases = [a_case(f"u{i:02}", [30]) for i in range(57)] + [a_case(f"u{i}", [8]) for i in range(57, 60)]
    earned = measured([with_order(case, [8]) for case in cases])["11+/none"].earned
    assert earned is not None
    assert earned.interval[0] == 0.0
    assert earned.w == 0.0


def test_luck_on_the_half_that_chose_is_not_reported() -> None:
    """A model that helps the choosing half and harms the other is turned off."""
    cases = [a_case(f"u{i:02}", [8]) for i in range(80)]
    chooses = halves(cases, 1)
    found = [with_order(c, [8] if lucky else [0, 1, 2]) for c, lucky in zip(cases, chooses, strict=True)]
    found = [
        one if lucky else with_order(a_case(one.case.user_id, [0]), [5, 6, 7, 8, 9])
        for one, lucky in zip(found, chooses, strict=True)
    ]
    earned = measured(found)["11+/none"].earned
    assert earned is not None
    assert earned.choosing.value > 0 > earned.reporting.value
    assert earned.w == 0.0


def test_the_halves_share_no_shopper_and_depend_on_the_seed_alone() -> None:
    """Two cases of one shopper stand in the same half, in whatever order they come."""
    cases = [a_case(f"u{i % 20}", [1]) for i in range(40)]
    first = halves(cases, 7)
    by_user = {c.user_id: flag for c, flag in zip(cases, first, strict=True)}
    assert all(by_user[c.user_id] == flag for c, flag in zip(cases, first, strict=True))
    assert sum(by_user.values()) == 10
    assert (halves(cases[::-1], 7) == first[::-1]).all()
    assert (halves(cases, 8) != first).any()


def test_too_few_cases_write_no_line() -> None:
    """A segment with fewer than 20 that report keeps its prior, and says so."""
    found = [with_order(a_case(f"u{i}", [8]), [8]) for i in range(2 * FEWEST - 2)]
    earned = measured(found)["11+/none"].earned
    assert earned is not None
    assert "are needed" in earned.why_not


def test_the_lift_cap_costs_what_it_keeps_down() -> None:
    """What lies deeper than maxLift can't come up: the cap's price is below 0 where the model was right."""
    found = [with_order(a_case(f"u{i}", [20]), [20]) for i in range(40)]
    segment = measured(found, ALWAYS)["11+/none"]
    assert segment.lift_cost.value == 0.0
    capped = Gate({key: GateLine(*key, 1.0, 5, "prior") for key in ALWAYS.priors})  # type: ignore[arg-type]
    segment = measured(found, capped)["11+/none"]
    assert segment.lift_cost.value == pytest.approx(-1.0)
    assert segment.fused.value == 0.0
    assert segment.raw.value == 1.0


def test_a_segment_that_was_switched_off_is_measured_under_its_priors_cap() -> None:
    """A line with w 0 and maxLift 0 must not become a line without any bound."""
    key = ("11+", "none")
    off = GateLine(*key, 0.0, 0, "measured", MODEL, PROMPT_HASH, 30, (-0.1, 0.1))  # type: ignore[arg-type]
    gate = Gate(PRIORS.priors, {(*key, MODEL, PROMPT_HASH): off})
    found = [with_order(a_case(f"u{i}", [12]), [12]) for i in range(60)]
    segment = measured(found, gate)["11+/none"]
    assert segment.gate_w == 0.0
    assert segment.fused.value == segment.baseline.value
    assert segment.earned is not None
    assert segment.earned.max_lift == 5


def test_segments_are_kept_apart_and_put_together() -> None:
    """Each gate segment has its cases; "all" has every case, each under its own line."""
    found = [
        *(with_order(a_case(f"a{i}", [8], history="0", cut=i < 4), [8]) for i in range(10)),
        *(with_order(a_case(f"b{i}", [8], intent="stated"), [8]) for i in range(7)),
    ]
    by_name = measured(found)
    assert {name: s.n for name, s in by_name.items()} == {"all": 17, "0/none": 10, "11+/stated": 7}
    assert by_name["0/none"].cut == 4
    assert by_name["all"].earned is None


@pytest.mark.parametrize(
    ("low", "high", "told"), [(-0.00001, 0.02, (-0.0001, 0.02)), (0.00009, 0.01231, (0.0, 0.0124)), (0.0, 0.0, (0, 0))]
)
def test_an_interval_is_never_rounded_to_be_narrower(low: float, high: float, told: tuple[float, float]) -> None:
    """A loss of a hundred-thousandth stays a loss."""
    found = outwards(Estimate(0.001, low, high, 30))
    assert found == pytest.approx(told)
    assert not np.signbit(found[0]) or found[0] < 0


def test_the_replies_are_summed_up() -> None:
    """Shares, latency and cost are over the replies used; an unknown cost is unknown, not 0."""
    found = [with_order(a_case("u1", [2]), list(range(10))), with_order(a_case("u2", [2]), "no JSON here")]
    told = service(found, deadline_ms=500)
    assert (told.complete, told.unusable) == (0.5, 0.5)
    assert told.repairs == {"no_object": 1}
    assert told.in_time == 1.0
    assert told.cost_usd == pytest.approx(0.0004)
    assert told.cost_per_1000_usd == pytest.approx(0.2)
