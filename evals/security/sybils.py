"""`python -m evals.security.sybils`: does 1% of fake accounts bring a product onto honest shoppers' pages?

    python -m evals.security.sybils --data var/demo        writes docs/sybils.json and docs/sybils.md
    python -m evals.security.sybils --share 1/2            measures every second case only, for a second process

A copy of a trained demo shop gets fake accounts (evals/security/sybil_accounts.py), one product to lift and one way of
lifting it at a time. Their events go in as a browser's do, each body twice; then the baseline is trained as
`shelfwise train` does, published whatever its verdict, and every honest shopper's home slate of 10 is computed by the
service's own stages, without a model. The figure is how many slates in a hundred show the product, after less before,
paired by shopper. "Before" is the same shop trained again without fake accounts; trained with
other seeds it says what a difference is worth by chance. With --trainings every case is trained with several seeds, and
the figures are means over them. Cases that were measured already are kept in --work, so a run can be interrupted:
name another folder, or empty it, after a change of the code.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from app.adapters.baseline.training import DEFAULT_SEED, train
from app.adapters.clock import AsOfClock
from app.adapters.rule_files import load_rules
from app.adapters.sql_store.store import SqlStore
from app.bootstrap import Application, build, open_store
from app.domain.catalog import BoolArray
from app.domain.interactions import KINDS, Consent, EventKind
from app.domain.ranking import Query, history_bucket
from app.finder import Stopwatch
from app.ingest.event_bodies import Arrival, read_body
from app.settings import Settings
from app.telemetry import configure_logging
from evals.security.sybil_accounts import STRATEGIES, Scene, Strategy, accounts, bodies, paid_orders
from evals.security.sybil_page import page
from evals.statistics import Bootstrap

ROOT = Path(__file__).resolve().parents[2]
SHARE = 0.01
BOUND = 0.5
"""Percentage points by which the target's share of honest shoppers' slates may rise."""
SLATE = 10
SEED = 20260101
OTHER_SEEDS = (1, 2)
_BESTSELLERS = 30


@dataclass(frozen=True, slots=True)
class Target:
    """A product that the attackers want to lift."""

    kind: str  # "unpopular", "middling", "popular"
    product_id: str
    category: str
    takers: int  # honest shoppers who put it into a cart or bought it


def shop_settings(data_dir: Path) -> Settings:
    """The demo shop's settings, whatever the environment says; a shopper who chose nothing has consent `session`."""
    values: dict[str, Any] = {"data_dir": data_dir, "as_of": "last-event", "currency": "EUR", "llm_model": ""}
    return Settings(_env_file=None, **values)


def honest_shoppers(settings: Settings) -> tuple[str, ...]:
    """Every shopper that the shop knows, by id."""
    with closing(sqlite3.connect(settings.data_dir / "shop.db")) as connection:
        return tuple(sorted(user for (user,) in connection.execute("SELECT user_id FROM shoppers")))


def targets(application: Application, seed: int) -> tuple[Target, ...]:
    """Three products that may be shown, drawn by seed from different top categories: few, some and many takers."""
    store, snapshot = application.store, application.keeper.served().shelf.snapshot
    log = store.interaction_log()
    taken = np.isin(log.kind, [KINDS.index(EventKind.ADD_TO_CART), KINDS.index(EventKind.PURCHASE)]) & (log.actor >= 0)
    pairs = np.unique(log.actor[taken].astype(np.int64) * len(log.product_ids) + log.product[taken])
    counts = np.bincount(pairs % len(log.product_ids), minlength=len(log.product_ids))
    takers = dict(zip(log.product_ids, counts.tolist(), strict=True))
    may = [
        p
        for row, p in enumerate(snapshot.product_ids)
        if snapshot.available[row] and snapshot.stock[row] > 20 and p in takers
    ]
    may.sort(key=lambda p: (takers[p], p))
    dice, n = np.random.default_rng(seed), len(may)
    found: list[Target] = []
    for kind, low, high in (("unpopular", 0.0, 0.2), ("middling", 0.45, 0.55), ("popular", 0.95, 1.0)):
        some = may[int(low * n) : int(high * n)]
        for place in dice.permutation(len(some)).tolist():
            row = snapshot.row_of[some[place]]
            category = snapshot.categories[snapshot.category[row]]
            top = category.split(">")[0].strip()
            if top not in {one.category.split(">")[0].strip() for one in found}:
                found.append(Target(kind, some[place], category, takers[some[place]]))
                break
    return tuple(found)


def bestsellers(store: SqlStore) -> tuple[str, ...]:
    """What most different shoppers bought, as anybody can see it on the pages of a shop."""
    log = store.interaction_log()
    bought = (log.kind == KINDS.index(EventKind.PURCHASE)) & (log.actor >= 0)
    n = len(log.product_ids)
    pairs = np.unique(log.actor[bought].astype(np.int64) * n + log.product[bought])
    best = np.argsort(-np.bincount(pairs % n, minlength=n), kind="stable")[:_BESTSELLERS]
    return tuple(log.product_ids[column] for column in best.tolist())


def attack(settings: Settings, target: str, strategy: Strategy, n: int, seed: int) -> Counter[str]:
    """Registers n accounts and sends what they do, each body twice, as a browser's events are taken; the outcomes."""
    store = open_store(settings)
    try:
        now = store.last_event_at()
        if now is None:
            raise ValueError("The shop has no events.")
        scene = Scene(target, tuple(p for p in bestsellers(store) if p != target), now)
        if strategy.consent is not None:
            for account in accounts(n):
                store.save_consent(account, Consent(strategy.consent, False))
        outcomes: Counter[str] = Counter()
        arrival = Arrival(settings.currency, wall=now, shop_time=now)
        if strategy.pays:
            [told] = store.record_events([read_body(paid_orders(scene, n), arrival).events])
            outcomes.update(told)
        for body in bodies(strategy, scene, n, seed):
            for _ in ("sent", "sent again"):
                read = read_body(body, arrival).from_browser()
                outcomes["rejected"] += len(read.rejected)
                [told] = store.record_events([read.events])
                outcomes.update(told)
        return outcomes
    finally:
        store.close()


def retrained(settings: Settings, seed: int, *, defended: bool = True) -> tuple[str, ...]:
    """Trains as `shelfwise train --force` does, with a seed; why it would have been kept back without force.

    Args: defended: False counts as before decision 033: every visit or event that may not be tied is a shopper.
    """
    store = open_store(settings)
    try:
        log = store.interaction_log()
        report = train(
            log if defended else replace(log, holder=None, vouched_at=None),
            load_rules(settings.rules_dir).scoring.signal_map(),
            settings.data_dir / "models",
            now=AsOfClock(settings.as_of, store.last_event_at).now(),
            tune=False,
            force=True,
            seed=seed,
        )
        return report.kept_back
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class Slates:
    """Honest shoppers' home slates, and where the targets stand in the lists that are the same for everybody."""

    shown: Mapping[str, Sequence[str]]  # shopper → product ids
    bucket: Mapping[str, str]  # shopper → history bucket
    popularity_rank: Mapping[str, int]  # product id → rank, from 1
    trend_rank: Mapping[str, int | None]  # likewise; None: it does not trend

    def holds(self, product_id: str, shoppers: Sequence[str]) -> BoolArray:
        """Whose slate shows the product, shape (n,)."""
        return np.asarray([product_id in self.shown[shopper] for shopper in shoppers], dtype=np.bool_)


def slates(application: Application, shoppers: Sequence[str], asked_about: Sequence[str]) -> Slates:
    """The home slate of each shopper by the service's own stages."""
    finder, served, now = application.parts.finder, application.keeper.served(), application.clock.now()
    shown: dict[str, Sequence[str]] = {}
    bucket: dict[str, str] = {}
    snapshot = served.shelf.snapshot
    for shopper in shoppers:
        query = Query(user_id=shopper, limit=SLATE, reasons="none")
        profile = finder.profile(served, query, finder.shopper(query), now)
        ranking = finder.rank(served, query, profile, now, Stopwatch())
        shown[shopper] = tuple(snapshot.product_ids[row] for row in ranking.composition.rows)
        bucket[shopper] = history_bucket(profile.interactions)
    popularity, trend = served.shelf.popularity, served.shelf.trend
    rows = {product: snapshot.row_of[product] for product in asked_about}
    return Slates(
        shown,
        bucket,
        {p: 1 + int((popularity > popularity[row]).sum()) for p, row in rows.items()},
        {p: 1 + int((trend > trend[row]).sum()) if trend[row] > 0 else None for p, row in rows.items()},
    )


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure: a strategy for a target or, with neither, only training again."""

    seed: int  # of training
    strategy: Strategy | None = None
    target: Target | None = None

    @property
    def name(self) -> str:
        """Of the file that keeps what was measured."""
        what = "" if self.strategy is None or self.target is None else f"{self.strategy.name}-{self.target.kind}-"
        return f"{what}seed-{self.seed}".replace(" ", "-")

    def with_seed(self, seed: int) -> Case:
        """The same, trained with another seed."""
        return replace(self, seed=seed)


@contextmanager
def undefended() -> Iterator[None]:
    """Unknown shoppers count in full, for as long as the block runs."""
    with (
        patch("app.adapters.baseline.popularity.robust", np.add),
    ):
        yield


def measured(data: Path, case: Case, chosen: Sequence[Target], *, defended: bool = True) -> dict[str, Any]:
    """The slates of one case, on a copy of the shop."""
    with tempfile.TemporaryDirectory() as folder:
        settings = shop_settings(Path(shutil.copytree(data, Path(folder) / "data")))
        shoppers = honest_shoppers(settings)
        told: dict[str, Any] = {}
        if case.strategy is not None and case.target is not None:
            n = math.ceil(SHARE * len(shoppers))
            outcomes = attack(settings, case.target.product_id, case.strategy, n, SEED)
            told = {"accounts": n, "events": dict(outcomes)}
        with nullcontext() if defended else undefended():
            told["kept_back"] = retrained(settings, case.seed, defended=defended)
        application = build(settings)
        application.open()
        try:
            found = slates(application, shoppers, [one.product_id for one in chosen])
        finally:
            application.shut()
    return {**told, "slates": asdict(found)}


def compared(befores: Sequence[Slates], afters: Sequence[Slates], product_id: str) -> dict[str, Any]:
    """The target's share of slates before and after, in percent, and the rise in points with its 95% interval.

    Args: befores, afters: one of each per seed of training, of the same shoppers.
    """
    before, after = befores[0], afters[0]
    shoppers = sorted(before.shown)
    was, is_now = (
        np.mean([one.holds(product_id, shoppers) for one in several], axis=0) for several in (befores, afters)
    )
    rise = Bootstrap(len(shoppers), SEED).estimate(100.0 * (is_now - was))
    new: dict[str, float] = {}
    for shopper, gained in zip(shoppers, (is_now - was).tolist(), strict=True):
        if gained > 0:
            new[after.bucket[shopper]] = new.get(after.bucket[shopper], 0.0) + gained
    return {
        "shoppers": len(shoppers),
        "before": 100.0 * float(was.mean()),
        "after": 100.0 * float(is_now.mean()),
        "rise": rise.value,
        "interval": [rise.low, rise.high],
        "gained_by_history": {bucket: round(n, 1) for bucket, n in sorted(new.items())},
        "popularity_rank": [before.popularity_rank[product_id], after.popularity_rank[product_id]],
        "trend_rank": [before.trend_rank[product_id], after.trend_rank[product_id]],
    }


def report(cases: Sequence[Case], held: Mapping[str, Mapping[str, Any]], chosen: Sequence[Target]) -> dict[str, Any]:
    """Every figure, from what was kept of the cases."""
    of = {name: Slates(**one["slates"]) for name, one in held.items()}
    seeds = (DEFAULT_SEED, *OTHER_SEEDS)
    before = [of[Case(seed).name] for seed in seeds]
    taught = [seed for seed in seeds if all(case.with_seed(seed).name in of for case in cases)]
    chance = [
        {"seed": seed, "target": target.kind, **compared(before[:1], [other], target.product_id)}
        for seed, other in zip(OTHER_SEEDS, before[1:], strict=True)
        for target in chosen
    ]
    attacked = [
        {
            "strategy": case.strategy.name,
            "target": case.target.kind,
            **{name: value for name, value in held[case.name].items() if name != "slates"},
            "pays": case.strategy.pays,
            **compared(
                before[: len(taught)], [of[case.with_seed(seed).name] for seed in taught], case.target.product_id
            ),
        }
        for case in cases
        if case.strategy is not None and case.target is not None and case.seed == DEFAULT_SEED
    ]
    return {
        "bound": BOUND,
        "trainings": len(taught),
        "targets": [asdict(one) for one in chosen],
        "strategies": [{"name": one.name, "does": one.does, "consent": one.consent} for one in STRATEGIES],
        "chance": chance,
        "attacked": attacked,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module. Exit code 1 when a rise is above the bound."""
    parser = argparse.ArgumentParser(prog="python -m evals.security.sybils")
    parser.add_argument("--data", type=Path, default=ROOT / "var" / "demo", help="a folder that `make demo` filled")
    parser.add_argument("--work", type=Path, default=ROOT / "var" / "sybils", help="keeps what was measured")
    parser.add_argument("--share", default="0/1", help="i/n: only every n-th case from the i-th on, and no page")
    parser.add_argument("--trainings", type=int, choices=range(1, 4), default=1, help="of each case, with other seeds")
    parser.add_argument("--undefended", action="store_true", help="as before decision 033; prints, writes no page")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    given = parser.parse_args(arguments)
    configure_logging(level="ERROR")
    share, of = (int(part) for part in given.share.split("/"))
    given.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        application = build(shop_settings(Path(shutil.copytree(given.data, Path(folder) / "data"))))
        application.open()
        try:
            chosen = targets(application, SEED)
        finally:
            application.shut()
    cases = [
        Case(DEFAULT_SEED),
        *(Case(DEFAULT_SEED, strategy, target) for target in chosen for strategy in STRATEGIES),
    ]
    seeds = (DEFAULT_SEED, *OTHER_SEEDS)
    cases = [*cases[1:], *(case.with_seed(seed) for seed in seeds[1 : given.trainings] for case in cases[1:])]
    cases = [*(Case(seed) for seed in seeds), *cases]
    held: dict[str, Any] = {}
    for case in cases[share::of]:
        path = given.work / f"{case.name}.json"
        if not path.exists():
            path.write_text(json.dumps(measured(given.data, case, chosen, defended=not given.undefended)))
        held[case.name] = json.loads(path.read_text())
    if of > 1:
        return 0
    found = report(cases, held, chosen)
    text = page(found)
    print(text)
    if not given.undefended:
        told = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        (given.out / "sybils.json").write_text(told, encoding="utf-8")
        (given.out / "sybils.md").write_text(text, encoding="utf-8")
    return 0 if all(one["rise"] <= BOUND for one in found["attacked"]) else 1


if __name__ == "__main__":
    sys.exit(main())
