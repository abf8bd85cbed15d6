"""What is known about each product itself at one time: how much of it is taken, since when, and how often again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.adapters.baseline.matrix import QUIET, Signals, rows_between
from app.adapters.baseline.pasts import occasions, strong_kinds
from app.adapters.baseline.popularity import heard, loudness, popularity, trend
from app.domain.catalog import IntArray
from app.domain.interactions import InteractionLog
from app.pipeline.decay import DAY_S

NEVER = 10_000.0
"""Days since what never happened: trees need a number, and this one is beyond every real one."""

POPULARITY_DAYS = (7.0, 30.0, 90.0)
TAKEN_DAYS = (7.0, 30.0, 90.0)
READY_MADE = 60
"""Products of each impersonal list that are candidates for everybody."""

FACTS = (
    *(f"popularity_{int(days)}" for days in POPULARITY_DAYS),
    "trend",
    "age",
    "untaken",
    "takers",
    "taken_again",
    "times_per_taker",
    *(f"taken_{int(days)}" for days in TAKEN_DAYS),
    "growth",
)
"""Columns of a fact table, in order."""

_PRIOR_AGAIN = 0.2  # share of shoppers who take a product again, before any are known
_PRIOR_WEIGHT = 2.0  # in shoppers


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """Facts about all products."""

    table: NDArray[np.float32]  # (n_products, len(FACTS))
    ready: IntArray  # columns that are candidates for everybody, ascending


def fit_facts(log: InteractionLog, now: float, signals: Signals) -> ItemFacts:
    """The facts at `now`, from a log that ends there: nothing later may be in it.

    popularity_D: decayed distinct shoppers, half-life D days. trend: see `popularity.trend`. age, untaken: days since
    the first interaction and since the last strong one. takers: log(1 + distinct shoppers). taken_again: share of
    them that took it on two occasions. times_per_taker: mean occasions. taken_D: log(1 + shoppers of the last D days).
    growth: log ratio of the last 30 days to the 30 before. A strong interaction "takes"; see `pasts.strong_kinds`.
    """
    n = len(log.product_ids)
    columns: dict[str, NDArray[np.float64] | NDArray[np.float32]] = {}
    for days in POPULARITY_DAYS:
        columns[f"popularity_{int(days)}"] = popularity(log, now, signals, days)
    columns["trend"] = trend(log, now, signals)
    first = np.full(n, np.inf)
    np.minimum.at(first, log.product, log.timestamp)
    columns["age"] = _days(now, first)
    strong = strong_kinds(signals)[log.kind]
    believed = strong & log.vouched()  # one claim would make any product one that was taken today
    last = np.full(n, -np.inf)
    np.maximum.at(last, log.product[believed], log.timestamp[believed])
    columns["untaken"] = _days(now, last)
    known = strong & loudness(log)[0]
    holder, product = log.holders()[known], log.product[known].astype(np.int64)
    _, names = np.unique(occasions(log.order[known], log.timestamp[known]), return_inverse=True)
    taken = np.unique(np.stack([holder * n + product, names], axis=1), axis=0)[:, 0]
    pairs, times = np.unique(taken, return_counts=True)
    takers = np.bincount(pairs % max(n, 1), minlength=n)
    again = np.bincount(pairs[times > 1] % max(n, 1), minlength=n)
    columns["takers"] = np.log1p(_takers(log, strong, -np.inf, np.inf))
    columns["taken_again"] = (again + _PRIOR_AGAIN * _PRIOR_WEIGHT) / (takers + _PRIOR_WEIGHT)
    columns["times_per_taker"] = np.bincount(taken % max(n, 1), minlength=n) / np.maximum(takers, 1)
    for days in TAKEN_DAYS:
        columns[f"taken_{int(days)}"] = np.log1p(_takers(log, strong, now - days * DAY_S, np.inf))
    before = _takers(log, strong, now - 60.0 * DAY_S, now - 30.0 * DAY_S)
    columns["growth"] = columns["taken_30"] - np.log1p(before)
    table = np.stack([columns[name] for name in FACTS], axis=1).astype(np.float32)
    return ItemFacts(table, _ready(table))


def _ready(table: NDArray[np.float32]) -> IntArray:
    lists = []
    for name in (*FACTS[: len(POPULARITY_DAYS)], "trend"):
        scores = table[:, FACTS.index(name)]
        best = np.argsort(-scores, kind="stable")[:READY_MADE]
        lists.append(best[scores[best] > 0])
    return np.unique(np.concatenate(lists)).astype(np.int32)


def _takers(log: InteractionLog, strong: NDArray[np.bool_], start: float, end: float) -> NDArray[np.float64]:
    """Distinct shoppers who took each product from start to end (exclusive), see `popularity.heard`.

    That somebody took it is believed by a quarter of whom the shop doesn't vouch for, who counts a quarter as well.
    """
    n = len(log.product_ids)
    part = rows_between(log, start, end)
    offset = int(np.searchsorted(log.timestamp, start, side="left"))
    chosen = strong[offset : offset + len(part)]
    holder = part.holders()
    vouched, others, nobodys = (
        np.bincount(np.unique(holder[rows] * n + part.product[rows]) % max(n, 1), minlength=n).astype(np.float64)
        for rows in (chosen & those for those in loudness(part))
    )
    return heard(vouched, QUIET * others, nobodys)


def _days(now: float, moment: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(moment), (now - moment) / DAY_S, NEVER)
