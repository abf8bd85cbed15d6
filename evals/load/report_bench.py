"""How long a business report takes on 200,000 slates and a million events: `python -m evals.load.report_bench`."""

from __future__ import annotations

import argparse
import os
import random
import resource
import sqlite3
import time
from pathlib import Path

from app.adapters.sql_store import SqlStore
from app.adapters.sql_store.attribution import SqlAttribution
from app.domain.figures import AttributionRule, Period
from app.domain.interactions import Consent
from app.pipeline.business_figures import figures

NOW = 1_795_000_000.0
DAYS = 30
SHOPPERS = 40_000
PRODUCTS = 20_000
WIDE = "x" * 7_000
"""As long as the JSON of a real slate's items: what the report must not read."""

_EVENT = (
    "INSERT INTO events (event_id, kind, timestamp, user_id, anonymous_id, session_id, product_id, quantity, "
    "price_minor, transaction_id, recommendation_id) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
)
_SLATE = (
    "INSERT INTO slates (recommendation_id, user_key, served_at, placement, query, items, meta, strategy, "
    "prompt_version, products) VALUES (?,?,?,?,'{}',?,'{}',?,?,?)"
)


class Maker:
    """Slates and events in order of time, from one seed."""

    def __init__(self, n_slates: int, n_events: int) -> None:
        self._dice = random.Random(1)  # noqa: S311
        self._n_slates, self._n_events = n_slates, n_events
        self.slates: list[tuple[object, ...]] = []
        self.events: list[tuple[object, ...]] = []

    def fill(self) -> None:
        """Makes both."""
        for number in range(self._n_slates):
            self._visit(NOW - DAYS * 86_400 * (1 - number / self._n_slates), number)
        while len(self.events) < self._n_events:
            shopper = self._dice.randrange(SHOPPERS)
            at = NOW - DAYS * 86_400 * self._dice.random()
            self._event("view", at, (f"user-{shopper:06d}", None, f"session-{shopper}-{at // 86_400}"), "product-1")
        self.events.sort(key=lambda event: float(str(event[2])))

    def _visit(self, at: float, number: int) -> None:
        dice = self._dice
        shopper = dice.randrange(SHOPPERS)
        user, visitor = (f"user-{shopper:06d}", None) if shopper % 3 else (None, f"anon-{shopper:06d}-abcdef")
        who = (user, visitor, f"session-{shopper}-{at // 86_400}")
        products = list(dict.fromkeys(f"product-{int(dice.paretovariate(0.7)) % PRODUCTS}" for _ in range(5)))
        slate = f"{dice.getrandbits(128):032x}"
        strategy = dice.choice(["llm", "cache", "baseline", "baseline", "partial"])
        placement = dice.choice(["home", "product", "cart", "search"])
        prompt = None if strategy == "baseline" else "rerank/v1"
        listed = "\n" + "".join(f"{product}\n" for product in products)
        self.slates.append((slate, user or visitor, at, placement, WIDE, strategy, prompt, listed))
        if dice.random() < 0.6:
            for product in products:
                self._event("impression", at + 1, who, product, slate=slate)
        for _ in range(dice.randrange(3)):
            self._event("view", at + 600 * dice.random(), who, dice.choice(products))
        if dice.random() >= 0.25:
            return
        product, order = dice.choice(products), f"order-{number}"
        self._event("click", at + 40, who, product, slate=slate)
        if dice.random() < 0.35:
            self._event("add_to_cart", at + 120, who, product)
            if dice.random() < 0.5:
                self._event("purchase", at + 300, who, product, order=order)
                self._event("purchase", at + 300, who, "product-77", order=order)

    def _event(
        self,
        kind: str,
        at: float,
        who: tuple[str | None, str | None, str],
        product: str,
        *,
        slate: str | None = None,
        order: str | None = None,
    ) -> None:
        name = f"x{int(at):09x}{len(self.events):032x}"
        price = None if order is None else 1990
        self.events.append((name, kind, at, *who, product, 1.0, price, order, slate))


def make(path: Path, n_slates: int, n_events: int) -> None:
    """Writes the shop into a new database."""
    SqlStore.open(f"sqlite:///{path}", currency="EUR", consent_default=Consent()).close()
    maker = Maker(n_slates, n_events)
    maker.fill()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    with connection:
        connection.executemany(_SLATE, maker.slates)
        connection.executemany(_EVENT, maker.events)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def main() -> None:
    """Makes the shop where it is missing, reads a report three times, prints what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("var/bench/report"))
    parser.add_argument("--slates", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    path = given.folder / f"shop-{given.slates}-{given.events}.db"
    if not path.exists():
        make(path, given.slates, given.events)
    reader = SqlAttribution.open(f"sqlite:///{path}")
    for _ in range(given.times):
        began, cpu = time.perf_counter(), time.process_time()
        tally = reader.tally(Period(NOW - DAYS * 86_400), "placement", AttributionRule(window_s=7 * 86_400.0))
        made = [figures(group, minor_per_unit=100) for group in (tally.total, *tally.groups.values())]
        wall, spent = time.perf_counter() - began, time.process_time() - cpu
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{made[0].impressions:,} impressions, {made[0].purchases:,} purchases: {wall:.1f} s, "
            f"{spent:.1f} s of processor time, {memory:.0f} MB at most, load {os.getloadavg()[0]:.1f}"
        )
    reader.close()


if __name__ == "__main__":
    main()
