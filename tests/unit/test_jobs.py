"""Jobs that one process does for all."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

from app.adapters.sql_store import SqlStore
from app.adapters.sql_store.ledger import SqlLedger
from app.domain.interactions import Consent
from app.domain.model_calls import LedgerRow
from app.jobs import ledger_job

DAY_S = 86_400.0
NOW = 1_790_000_000.0


def test_old_calls_leave_the_ledger(tmp_path: Path) -> None:
    """What is older than the retention goes and the rest stays, through a connection that may write."""
    url = f"sqlite:///{tmp_path}/shop.db"
    SqlStore.open(url, currency="EUR", consent_default=Consent()).close()
    ledger = SqlLedger.open(url, wall=lambda: NOW)
    for call_id, days in (("old", 401.0), ("young", 399.0)):
        at = NOW - days * DAY_S
        row = LedgerRow(call_id, at, "2025-01-01", "req", "rerank", "home", "m", "rerank/v1", "h", "pending")
        ledger.reserve(row, 0.01, None)
        ledger.settle(call_id, replace(row, outcome="complete"))
    ledger.close()
    ledger_job(url, 400, wall=lambda: NOW).run()
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        assert connection.execute("SELECT call_id FROM model_calls").fetchall() == [("young",)]
