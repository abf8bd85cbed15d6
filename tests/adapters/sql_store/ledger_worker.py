"""A process that makes model calls as fast as the ledger lets it; killed by the tests at any moment.

    python ledger_worker.py URL LOG NAME CALLS BUDGET COST DAY[,DAY…] [SCOPE=USD…]

Each call's id is noted in LOG before it is reserved ("try"), once it may begin ("begin") and once it is settled
("end"), by one write each, so that nothing noted is lost with the process. With scopes the calls take turns between
places and keys, and one that is refused does not end the day.
"""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from app.adapters.sql_store.ledger import SqlLedger
from app.domain.budgets import Budget
from app.domain.model_calls import LedgerRow

WORST_USD = 0.002


def main() -> None:
    """Calls until the calls are made or the budget is exhausted, one day after the other."""
    url, log, name, calls, budget, cost, days = sys.argv[1:8]
    limits = {scope: Budget(scope, hard_usd=float(usd)) for scope, usd in (pair.split("=") for pair in sys.argv[8:])}
    ledger = SqlLedger.open(url)
    note = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(note, b"ready\n")
    for day in days.split(","):
        for number in range(int(calls)):
            call_id = f"{name}-{day}-{number}"
            row = LedgerRow(call_id, time.time(), day, "r", "rerank", "home", "m", "rerank/v1", "h", "pending")
            if limits:
                turn = number + len(name)
                row = replace(row, placement=("home", "cart")[turn % 2], key_id=("aa", "bb", "cc")[turn % 3])
            os.write(note, f"try {call_id}\n".encode())
            held = [limits[scope] for scope in row.scopes if scope in limits]
            if not ledger.reserve(row, WORST_USD, float(budget), held):
                if limits:
                    continue
                break
            os.write(note, f"begin {call_id}\n".encode())
            ledger.settle(call_id, replace(row, outcome="complete", input_tokens=10, cost_usd=float(cost)))
            os.write(note, f"end {call_id}\n".encode())


if __name__ == "__main__":
    main()
