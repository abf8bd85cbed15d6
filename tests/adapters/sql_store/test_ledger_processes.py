"""The ledger under several real processes: one budget, and no row lost with a killed process."""

import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.adapters.sql_store.ledger import SqlLedger
from app.domain.budgets import Budget

WORKER = Path(__file__).with_name("ledger_worker.py")
DAY = "2026-11-21"
NOON = 1_795_262_400.0
WORST_USD, COST_USD = 0.002, 0.0015  # WORST_USD as in ledger_worker.py


def start(
    tmp_path: Path,
    name: str,
    *,
    calls: int,
    budget: float,
    cost: float = COST_USD,
    days: str = DAY,
    scopes: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    url, log = f"sqlite:///{tmp_path}/shop.db", str(tmp_path / f"{name}.log")
    return subprocess.Popen(
        [sys.executable, str(WORKER), url, log, name, str(calls), str(budget), str(cost), days, *scopes]
    )


def noted(tmp_path: Path, word: str) -> set[str]:
    lines = [line for log in tmp_path.glob("*.log") for line in log.read_text().splitlines()]
    return {line.split()[1] for line in lines if line.startswith(f"{word} ")}


def test_processes_share_one_budget(tmp_path: Path) -> None:
    """Four processes that call until they are refused spend the budget, and not 1% more."""
    budget = 0.25
    workers = [start(tmp_path, f"w{i}", calls=1000, budget=budget) for i in range(4)]
    assert [worker.wait(timeout=60) for worker in workers] == [0] * 4
    ledger = SqlLedger.open(f"sqlite:///{tmp_path}/shop.db")
    settled, reserved = ledger.spent_usd(DAY)
    outcomes = Counter(row.outcome for row in ledger.rows(since=0.0, until=1e12, limit=10_000))
    ledger.close()
    assert settled <= budget * 1.01
    assert settled > budget - WORST_USD
    assert reserved == 0.0
    assert outcomes == {"complete": round(settled / COST_USD)}
    assert len(noted(tmp_path, "begin")) == outcomes["complete"]


def test_processes_share_every_budget_at_once(tmp_path: Path) -> None:
    """Four processes over two places and three keys: no scope is passed by 1%, and each is used to its end."""
    limits = {"home": 0.05, "cart": 0.08, "key:aa": 0.03, "key:bb": 0.02}
    total = 0.12
    scopes = [f"{scope}={usd}" for scope, usd in limits.items()]
    workers = [start(tmp_path, f"w{i}", calls=60, budget=total, scopes=scopes) for i in range(4)]
    assert [worker.wait(timeout=60) for worker in workers] == [0] * 4
    ledger = SqlLedger.open(f"sqlite:///{tmp_path}/shop.db", wall=lambda: NOON)
    rows = ledger.rows(since=0.0, until=1e12, limit=10_000)
    stand = {s.budget.scope: s.charged_usd for s in ledger.standings(Budget(scope) for scope in (*limits, "total"))}
    ledger.close()
    assert stand.keys() == {*limits, "total"}
    for scope, limit in (*limits.items(), ("total", total)):
        spent = sum(row.cost_usd or 0.0 for row in rows if scope in row.scopes)
        assert stand[scope] == pytest.approx(spent, abs=1e-9), scope
        assert spent <= limit * 1.01, scope
    full = [scope for scope, limit in limits.items() if stand[scope] > limit - WORST_USD]
    assert {"key:aa", "key:bb"} <= set(full)


def test_no_race_at_the_end_of_a_budget(tmp_path: Path) -> None:
    """Sixty times four processes meet at a budget that three calls use up: it is never passed by a fourth."""
    days = [f"2026-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 21)]
    three = 3 * WORST_USD
    workers = [start(tmp_path, f"w{i}", calls=50, budget=three, cost=WORST_USD, days=",".join(days)) for i in range(4)]
    assert [worker.wait(timeout=60) for worker in workers] == [0] * 4
    ledger = SqlLedger.open(f"sqlite:///{tmp_path}/shop.db")
    spent = [ledger.spent_usd(day) for day in days]
    ledger.close()
    assert max(settled for settled, _ in spent) <= three * 1.01
    assert sum(settled for settled, _ in spent) > 30 * three


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_process_loses_no_row(tmp_path: Path, seed: int) -> None:
    """Of processes killed at any moment every call that began has its row; what was open stays charged as lost."""
    draw = random.Random(seed)
    workers = [start(tmp_path, f"w{i}", calls=100_000, budget=1e6) for i in range(4)]
    until = time.monotonic() + 30.0
    while len(list(tmp_path.glob("*.log"))) < 4 and time.monotonic() < until:
        time.sleep(0.01)
    for worker in workers:
        time.sleep(draw.uniform(0.05, 0.25))
        worker.kill()
        worker.wait()
    tried, begun, done = (noted(tmp_path, word) for word in ("try", "begin", "end"))
    assert len(begun) > 4
    ledger = SqlLedger.open(f"sqlite:///{tmp_path}/shop.db")
    rows = {row.call_id: row for row in ledger.rows(since=0.0, until=1e12, limit=1_000_000)}
    settled, reserved = ledger.spent_usd(DAY)
    ledger.close()
    assert begun <= set(rows) <= tried
    assert {call for call, row in rows.items() if row.outcome == "complete"} >= done
    outcomes = Counter(row.outcome for row in rows.values())
    assert set(outcomes) <= {"complete", "lost"}
    assert outcomes["lost"] <= 4
    assert settled == pytest.approx(outcomes["complete"] * COST_USD + outcomes["lost"] * WORST_USD, abs=1e-12)
    assert reserved == 0.0
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
