"""A database of the version before budgets per place: what was charged stays charged."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from app.adapters.sql_store import connection, migrate
from app.adapters.sql_store.ledger import SqlLedger
from app.domain.budgets import Budget

DAY, NOON = "2026-11-21", 1_795_262_400.0
ROW = "INSERT INTO model_calls VALUES (?, ?, ?, 'r', ?, ?, 'm', 'p', 'h', ?, 1, 1, 0, NULL, 0, 0, 0, ?, '1.x')"


def test_sums_of_the_day_are_carried_over(tmp_path: Path) -> None:
    """The day's total as it stood, places from their rows; open calls stay reserved."""
    from alembic import command
    from alembic.config import Config

    engine = connection.open_engine(f"sqlite:///{tmp_path}/shop.db")
    with connection.writing(engine) as opened:
        config = Config()
        config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
        config.attributes["connection"] = opened
        command.upgrade(config, "0008")
    engine.dispose()
    with sqlite3.connect(tmp_path / "shop.db") as old:
        for call, purpose, place, outcome, nano in (
            ("a", "rerank", "home", "complete", 10**9),
            ("b", "chat", "search", "complete", 2 * 10**9),
            ("c", "rerank", "search", "pending", 3 * 10**9),
        ):
            old.execute(ROW, (call, NOON, DAY, purpose, place, outcome, nano))
        old.execute("INSERT INTO model_spend VALUES (?, ?, ?)", (DAY, 3 * 10**9, 3 * 10**9))
    old.close()
    ledger = SqlLedger.open(f"sqlite:///{tmp_path}/shop.db", wall=lambda: NOON)
    stand = ledger.standings(Budget(scope) for scope in ("total", "home", "chat", "search"))
    assert [standing.charged_usd for standing in stand] == [6.0, 1.0, 2.0, 3.0]
    assert {row.key_id for row in ledger.rows(since=0.0, until=1e12)} == {""}
    ledger.close()
