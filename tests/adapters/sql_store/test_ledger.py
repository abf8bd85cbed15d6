"""The ledger in one process: budgets, days, replays, lost calls, sums."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.adapters.sql_store.ledger import SqlLedger
from app.domain.budgets import Budget, Ration
from app.domain.errors import StoreUnavailable
from app.domain.model_calls import LedgerRow

NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC
DAY = "2026-11-21"


class Wall:
    """A wall clock that stands still until it is set."""

    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/shop.db"


@pytest.fixture
def ledger(url: str, wall: Wall) -> Iterator[SqlLedger]:
    made = SqlLedger.open(url, wall=wall)
    yield made
    made.close()


def pending(call_id: str, *, at: float = NOON, day: str = DAY, model: str = "m") -> LedgerRow:
    return LedgerRow(call_id, at, day, "req", "rerank", "home", model, "rerank/v1", "h1", "pending")


def ended(row: LedgerRow, cost_usd: float | None, outcome: str = "complete") -> LedgerRow:
    return replace(row, outcome=outcome, input_tokens=1500, output_tokens=200, cached_tokens=50, cost_usd=cost_usd)


def all_rows(ledger: SqlLedger) -> dict[str, LedgerRow]:
    return {row.call_id: row for row in ledger.rows(since=0.0, until=1e12)}


def test_a_call_is_pending_and_then_final(ledger: SqlLedger) -> None:
    """The reservation charges the worst case; the end replaces it by the cost, every figure kept."""
    row = pending("c1")
    assert ledger.reserve(row, 0.01, 1.0)
    assert ledger.spent_usd(DAY) == (0.0, 0.01)
    assert all_rows(ledger) == {"c1": row}
    final = replace(ended(row, 0.0003), seconds=1.5, background=True, estimated=True, model="m-2026")
    ledger.settle("c1", final)
    assert ledger.spent_usd(DAY) == (0.0003, 0.0)
    assert all_rows(ledger) == {"c1": final}


def test_the_budget_is_never_passed(ledger: SqlLedger) -> None:
    """What is reserved counts as spent until it is settled; a refused call leaves no row."""
    assert [bool(ledger.reserve(pending(f"c{i}"), 0.1, 0.3)) for i in range(4)] == [True, True, True, False]
    assert set(all_rows(ledger)) == {"c0", "c1", "c2"}
    ledger.settle("c0", ended(pending("c0"), 0.05))
    assert not ledger.reserve(pending("c4"), 0.1, 0.3)
    ledger.settle("c1", ended(pending("c1"), 0.05))
    assert ledger.reserve(pending("c4"), 0.1, 0.3)


def test_budgets_of_zero_and_none(ledger: SqlLedger) -> None:
    """0 refuses every call that can cost anything and lets free ones through; none refuses nothing, and counts."""
    assert not ledger.reserve(pending("c1"), 0.01, 0.0)
    assert ledger.reserve(pending("c2"), 0.0, 0.0)
    assert ledger.reserve(pending("c3"), 1e6, None)
    assert ledger.spent_usd(DAY) == (0.0, 1e6)


def test_an_unknown_cost_stays_charged_as_the_worst_case(ledger: SqlLedger) -> None:
    """None, a negative cost and no number at all are unknown, not 0; the row says so."""
    for number, cost in enumerate((None, -1.0, float("nan"), float("inf"))):
        row = pending(f"c{number}")
        assert ledger.reserve(row, 0.01, 1.0)
        ledger.settle(row.call_id, ended(row, cost))
    assert ledger.spent_usd(DAY) == (0.04, 0.0)
    assert {row.cost_usd for row in all_rows(ledger).values()} == {None}


@pytest.mark.parametrize("worst", [-0.01, float("nan"), float("inf")])
def test_an_unknown_worst_case_is_refused(ledger: SqlLedger, worst: float) -> None:
    """No call is reserved that can't be priced."""
    with pytest.raises(ValueError, match="price"):
        ledger.reserve(pending("c1"), worst, 1.0)


def test_a_cost_above_the_worst_case_is_charged_whole(ledger: SqlLedger) -> None:
    """What was paid counts, also where the estimate was too low."""
    ledger.reserve(pending("c1"), 0.01, 1.0)
    ledger.settle("c1", ended(pending("c1"), 0.99))
    assert ledger.spent_usd(DAY) == (0.99, 0.0)
    assert not ledger.reserve(pending("c2"), 0.02, 1.0)


def test_replays_change_nothing(ledger: SqlLedger) -> None:
    """A second reservation, a second end, and an end with other figures leave row and sums as they were."""
    row = pending("c1")
    for _ in range(100):
        assert ledger.reserve(row, 0.01, 0.015)
    assert ledger.spent_usd(DAY) == (0.0, 0.01)
    for cost in (0.003, 0.003, 0.5, None):
        ledger.settle("c1", ended(row, cost))
    assert ledger.reserve(row, 0.01, 0.015)
    assert ledger.spent_usd(DAY) == (0.003, 0.0)
    assert all_rows(ledger)["c1"].cost_usd == 0.003


def test_a_call_that_was_never_reserved_is_written(ledger: SqlLedger) -> None:
    """It was paid for."""
    ledger.settle("c1", ended(pending("c1"), 0.25))
    assert ledger.spent_usd(DAY) == (0.25, 0.0)
    assert all_rows(ledger)["c1"].outcome == "complete"


def test_a_new_day_has_a_new_budget(ledger: SqlLedger) -> None:
    """At midnight UTC the budget is whole again, and a call that ends after it is charged to the day it began."""
    row = pending("c1")
    assert ledger.reserve(row, 0.3, 0.3)
    late = pending("c2", at=NOON + 43_200, day="2026-11-22")
    assert not ledger.reserve(replace(late, day=DAY), 0.3, 0.3)
    assert ledger.reserve(late, 0.3, 0.3)
    ledger.settle("c1", replace(ended(row, 0.2), day="2026-11-22", at=NOON + 43_205))
    assert ledger.spent_usd(DAY) == (0.2, 0.0)
    assert ledger.spent_usd("2026-11-22") == (0.0, 0.3)
    assert all_rows(ledger)["c1"].at == NOON


def test_a_clock_that_goes_back_frees_no_budget(ledger: SqlLedger) -> None:
    """Set back over midnight, or by years, calls still count against the newest day; the log says so."""
    assert ledger.reserve(pending("c1", day="2026-11-22"), 0.3, 0.3)
    for day in (DAY, "1970-01-01"):
        assert not ledger.reserve(pending("c2", day=day), 0.1, 0.3)
    with capture_logs() as logs:
        assert ledger.reserve(pending("c3", day=DAY), 0.1, 0.4)
    assert logs[0]["event"] == "ledger_clock_behind"
    assert ledger.spent_usd("2026-11-22") == (0.0, 0.4)
    assert all_rows(ledger)["c3"].day == "2026-11-22"


def test_a_clock_that_had_run_ahead_is_forgiven_on_request(ledger: SqlLedger) -> None:
    """What was charged to a day in the future moves to today, is not forgotten, and tomorrow is free."""
    ledger.reserve(pending("c1"), 0.1, 1.0)
    ledger.reserve(pending("c2", day="2036-01-01"), 0.2, 1.0)
    ledger.settle("c2", ended(pending("c2"), 0.15))
    assert ledger.rebook_after(DAY) == 0.15
    assert ledger.spent_usd(DAY) == (0.15, 0.1)
    assert ledger.spent_usd("2036-01-01") == (0.0, 0.0)
    assert ledger.reserve(pending("c3", day="2026-11-22"), 1.0, 1.0)
    ledger.settle("c1", ended(pending("c1"), 0.05))
    assert ledger.spent_usd(DAY) == (0.2, 0.0)


def test_a_call_that_never_ends_is_lost_after_a_minute(ledger: SqlLedger, wall: Wall) -> None:
    """Still pending at 60 s, lost right after, its worst case charged for good; late news of it is believed."""
    ledger.reserve(pending("c1"), 0.1, 1.0)
    wall.now = NOON + 60.0
    assert ledger.sweep() == 0
    wall.now = NOON + 60.5
    with capture_logs():
        assert ledger.sweep() == 1
        assert ledger.sweep() == 0
    assert all_rows(ledger)["c1"].outcome == "lost"
    assert ledger.spent_usd(DAY) == (0.1, 0.0)
    ledger.settle("c1", ended(pending("c1"), 0.02))
    assert ledger.spent_usd(DAY) == (0.02, 0.0)
    assert all_rows(ledger)["c1"].outcome == "complete"


def test_the_next_reservation_finds_lost_calls_too(ledger: SqlLedger, wall: Wall) -> None:
    """Nobody has to call sweep."""
    ledger.reserve(pending("c1"), 0.1, 1.0)
    wall.now = NOON + 61.0
    with capture_logs():
        ledger.reserve(pending("c2", at=wall.now), 0.1, 1.0)
    assert {call: row.outcome for call, row in all_rows(ledger).items()} == {"c1": "lost", "c2": "pending"}


def test_a_start_finds_the_calls_of_a_dead_process_and_leaves_a_living_ones(
    ledger: SqlLedger, url: str, wall: Wall, tmp_path: Path
) -> None:
    """A second worker that starts does not take the first one's running call for lost; a dead one's it does."""
    ledger.reserve(pending("alive"), 0.1, 1.0)
    ledger.reserve(pending("dead"), 0.1, 1.0)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("UPDATE model_calls SET owner = ? WHERE call_id = 'dead'", (f"{gone.pid}.x",))
    connection.close()
    with capture_logs():
        second = SqlLedger.open(url, wall=wall)
    assert {call: row.outcome for call, row in all_rows(second).items()} == {"alive": "pending", "dead": "lost"}
    assert second.spent_usd(DAY) == (0.1, 0.1)
    second.close()


def test_costs_per_group(ledger: SqlLedger) -> None:
    """Sums per model, placement, prompt and day within [since, until); unknown costs are counted, not added as 0."""
    for number, (model, cost, at) in enumerate(
        [("a", 0.01, NOON), ("a", None, NOON + 1), ("b", 0.5, NOON + 2), ("b", 0.5, NOON + 99)]
    ):
        row = pending(f"c{number}", model=model, at=at)
        ledger.reserve(row, 0.05, None)
        ledger.settle(row.call_id, ended(row, cost))
    ledger.reserve(pending("open", model="a", at=NOON + 3), 0.05, None)
    by_model = ledger.costs(group_by="model", since=NOON, until=NOON + 99)
    assert [(g.name, g.calls, g.cost_usd, g.unknown_cost, g.pending) for g in by_model] == [
        ("b", 1, 0.5, 0, 0),
        ("a", 3, 0.01, 1, 1),
    ]
    assert by_model[1].input_tokens == 3000
    assert by_model[1].charged_usd == pytest.approx(0.11)
    for grouping, name in (("placement", "home"), ("prompt", "rerank/v1@h1"), ("day", DAY)):
        (group,) = ledger.costs(group_by=grouping, since=0.0, until=1e12)
        assert (group.name, group.calls, group.cost_usd) == (name, 5, 1.01)
    assert ledger.costs(group_by="model", since=NOON + 100, until=1e12) == []


def test_sums_are_exact(ledger: SqlLedger) -> None:
    """Ten thousandths of a cent add up without drift, and a fraction of a billionth is rounded up, never away."""
    for number in range(300):
        row = pending(f"c{number}")
        ledger.reserve(row, 0.1, None)
        ledger.settle(row.call_id, ended(row, 0.0001))
    assert ledger.spent_usd(DAY) == (0.03, 0.0)
    ledger.settle("tiny", ended(pending("tiny"), 1e-11))
    assert ledger.spent_usd(DAY) == (0.030000001, 0.0)


def test_absurd_figures_of_a_provider_are_kept(ledger: SqlLedger) -> None:
    """A cost of 1e12, tokens beyond 64 bits and half a surrogate pair in a name do not lose the row."""
    row = replace(ended(pending("c1"), 1e12), input_tokens=10**30, output_tokens=-5, model="m\ud800")
    ledger.reserve(pending("c1"), 0.01, 1.0)
    ledger.settle("c1", row)
    kept = all_rows(ledger)["c1"]
    assert (kept.cost_usd, kept.output_tokens, kept.model) == (1e12, 0, "m?")
    assert ledger.spent_usd(DAY) == (1e6, 0.0)
    assert not ledger.reserve(pending("c2"), 0.01, 1.0)


def test_rows_survive_the_process(ledger: SqlLedger, url: str, wall: Wall) -> None:
    """Another start sees what was spent."""
    ledger.reserve(pending("c1"), 0.01, 1.0)
    ledger.settle("c1", ended(pending("c1"), 0.002))
    ledger.close()
    again = SqlLedger.open(url, wall=wall)
    assert again.spent_usd(DAY) == (0.002, 0.0)
    again.close()


def test_a_call_is_durable_before_it_begins(ledger: SqlLedger) -> None:
    """Every commit of the ledger waits for the disk, as those of events do."""
    with ledger._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_damaged_database_is_reported(ledger: SqlLedger, tmp_path: Path) -> None:
    """A reservation that can't be written is an error in the project's words, so that no call is made."""
    ledger.close()
    for path in tmp_path.glob("shop.db*"):
        path.write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreUnavailable):
        ledger.reserve(pending("c1"), 0.01, 1.0)


def test_the_owner_names_this_process(ledger: SqlLedger, tmp_path: Path) -> None:
    """So that another process can tell whether the call can still end."""
    ledger.reserve(pending("c1"), 0.01, 1.0)
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        (owner,) = connection.execute("SELECT owner FROM model_calls").fetchone()
    connection.close()
    assert owner.startswith(f"{os.getpid()}.")


HOME, KEY = Budget("home", hard_usd=0.2), Budget("key:aa", soft_usd=0.1, hard_usd=0.25)


def of_key(call_id: str, placement: str = "home", purpose: str = "rerank") -> LedgerRow:
    return replace(pending(call_id), placement=placement, purpose=purpose, key_id="aa")


def charged(ledger: SqlLedger) -> dict[str, float]:
    scopes = ("total", "home", "chat", "search", "key:aa")
    return {s.budget.scope: s.charged_usd for s in ledger.standings([Budget(scope) for scope in scopes])}


def test_every_scope_has_its_budget(ledger: SqlLedger) -> None:
    """The first that a call would pass refuses it and is named; the others are charged nothing for it."""
    limits = [HOME, KEY]
    assert ledger.reserve(of_key("c1"), 0.15, 1.0, limits)
    refused = ledger.reserve(of_key("c2"), 0.1, 1.0, limits)
    assert (refused.granted, refused.refused_by, refused.reason) == (False, "home", "budget")
    refused = ledger.reserve(of_key("c3", "cart"), 0.15, 1.0, [KEY])
    assert (refused.refused_by, ledger.reserve(of_key("c4", "cart"), 0.1, 1.0, [KEY]).granted) == ("key:aa", True)
    assert ledger.reserve(of_key("c5"), 0.1, 0.25, []).refused_by == "total"
    assert charged(ledger) == {"total": 0.25, "home": 0.15, "chat": 0.0, "search": 0.0, "key:aa": 0.25}


def test_settling_moves_every_scope(ledger: SqlLedger, wall: Wall) -> None:
    """What was reserved is freed in each, what was paid charged in each; a lost call keeps its worst case in each."""
    for call_id in ("paid", "lost"):
        ledger.reserve(of_key(call_id, "search", "chat"), 0.1, None)
    ledger.settle("paid", ended(of_key("paid", "search", "chat"), 0.03))
    wall.now += 61
    ledger.sweep()
    assert charged(ledger) == {"total": 0.13, "home": 0.0, "chat": 0.13, "search": 0.0, "key:aa": 0.13}


def test_a_soft_budget_refuses_nothing_and_says_so(ledger: SqlLedger) -> None:
    """From the call on that passes it, each reservation names the scope."""
    told = [ledger.reserve(of_key(f"c{i}"), 0.06, None, [KEY]).over_soft for i in range(3)]
    assert told == [(), ("key:aa",), ("key:aa",)]


def test_the_assistant_is_a_place_of_its_own(ledger: SqlLedger) -> None:
    """Its rows keep a placement of the contract; sums and budgets call it chat."""
    ledger.reserve(of_key("c1", "search", "chat"), 0.1, None)
    ledger.reserve(of_key("c2", "search"), 0.1, None)
    names = [group.name for group in ledger.costs(group_by="placement", since=0.0, until=1e12)]
    assert (names, all_rows(ledger)["c1"].placement) == (["chat", "search"], "search")


def test_no_hour_holds_more_calls_than_a_ration(ledger: SqlLedger, wall: Wall) -> None:
    """Any sixty minutes, not only those of the clock; a party that is refused is charged nothing."""
    made: list[float] = []
    for minute in range(0, 240, 2):
        at = NOON + 60.0 * minute
        if ledger.reserve(pending(f"c{minute}", at=at), 0.0, None, (), [Ration("p", 7), Ration("q", 1000)]):
            made.append(at)
    assert max(sum(begin <= at < begin + 3600 for at in made) for begin in made) == 7
    assert len(made) >= 21
    refused = ledger.reserve(pending("more", at=made[-1]), 0.5, None, (), [Ration("q", 1000), Ration("p", 1)])
    assert (refused.granted, refused.refused_by, refused.reason) == (False, "p", "ration")
    assert "more" not in all_rows(ledger)


def test_old_rows_go_and_with_them_their_days(ledger: SqlLedger, wall: Wall, url: str) -> None:
    """Retention leaves what is younger, what is pending, and no count of a ration that is over."""
    for call_id, day, at in (("old", "2025-01-01", 1_735_732_800.0), ("new", DAY, NOON)):
        row = replace(pending(call_id, day=day, at=at), key_id="aa")
        ledger.reserve(row, 0.1, None, (), [Ration("p", 10)])
        ledger.settle(call_id, ended(row, 0.1))
    ledger.reserve(pending("open", at=1_735_732_800.0), 0.1, None)
    assert ledger.purge(NOON - 400 * 86_400) == 1
    assert set(all_rows(ledger)) == {"new", "open"}
    assert (ledger.spent_usd("2025-01-01"), ledger.spent_usd(DAY)) == ((0.0, 0.0), (0.1, 0.1))
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        assert connection.execute("SELECT DISTINCT slot FROM model_rations").fetchall() == [(int(NOON // 300),)]
    connection.close()


def test_a_clock_that_ran_ahead_is_rebooked_in_every_scope(ledger: SqlLedger) -> None:
    """Budgets of places and keys are freed of the later day as the daily one is."""
    ledger.reserve(replace(of_key("c1"), day="2036-01-01"), 0.2, None)
    assert ledger.rebook_after(DAY) == 0.2
    assert charged(ledger) == {"total": 0.2, "home": 0.2, "chat": 0.0, "search": 0.0, "key:aa": 0.2}
