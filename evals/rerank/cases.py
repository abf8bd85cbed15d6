"""The requests that a model is measured on: shoppers of every gate segment, and what they bought afterwards.

An intent is stated only where a shopper stated one: by a search in the test part that the same shopper followed with a
purchase within a day. A query made from the purchase would name the answer, so a shop without such searches has no
cases with an intent. Where a history segment has too few shoppers of its own, longer
histories are cut to their last interactions, and such cases are counted apart.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import scipy.sparse as sp

from app.bootstrap import Application, consent_of, open_embedder
from app.domain.catalog import BoolArray, IntArray
from app.domain.interactions import KINDS, EventKind
from app.domain.model_calls import ModelCall
from app.domain.ranking import HISTORY_BUCKETS, Query, history_bucket
from app.finder import Finder
from app.flight import Asked, Plan
from app.pipeline.decay import DAY_S
from app.pipeline.gate_schema import Intent
from app.pipeline.prompt_input import prompt_input
from app.pipeline.repair import ORDER_MAX
from app.ports import ShopStore
from app.prompts import Prompt
from app.rerank import rerank_call
from app.service import RecommendationService
from app.work import Work
from evals.ranking.experiment import Arena
from evals.ranking.metrics import K
from evals.ranking.pipeline import ShownStore
from evals.ranking.shop_data import NOBODY
from evals.rerank.planning import planning_stage

LIMIT = 5
"""Items of the requests, as the API's default: it decides how many sentences the prompt asks for."""
BOUGHT_WITHIN_S = DAY_S
"""A purchase later than this is not taken for an answer to the search."""

_LENGTHS: Mapping[str, tuple[int, int]] = {"0": (0, 0), "1-3": (1, 3), "4-10": (4, 10)}
"""Interactions that a cut history shows, smallest and largest; who has more than ten needs none cut."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request to be made: who, with what shown of the history, and what was bought afterwards."""

    shopper: int  # index into the tested shoppers of the split
    query: Query
    shown: int | None  # last interactions shown; None = the whole history
    relevant: IntArray  # item columns


@dataclass(frozen=True, slots=True)
class Case:
    """One request as it stands before a model is asked. Items are columns of the split."""

    user_id: str
    history: str  # bucket of what is shown
    intent: Intent
    cut: bool  # only the last interactions are shown
    head: tuple[int, ...]  # what the model gets, at most 24, in baseline order
    tail: tuple[int, ...]  # what follows them, as far as a slate of ten needs it
    relevant: IntArray
    asked: Asked
    plan: Plan
    call: ModelCall

    @property
    def segment(self) -> str:
        """The gate segment: "11+/none"."""
        return f"{self.history}/{self.intent}"


@dataclass(slots=True)
class Cases:
    """The cases, and what was left out on the way."""

    cases: list[Case] = field(default_factory=list)
    not_asked: Counter[str] = field(default_factory=Counter)  # why no model would be asked → requests
    searches: int = 0  # shoppers with a search that a purchase followed


def choose(ground: Arena, n: int, seed: int) -> tuple[list[Wanted], int]:
    """About n requests, as many of each gate segment as there are, in an order drawn with the seed.

    Returns: the requests, and how many shoppers have a search to measure a stated intent on.
    """
    searched = {} if not _has_searches(ground) else searches(ground)
    segments = [(bucket, stated) for stated in ((False, True) if searched else (False,)) for bucket in HISTORY_BUCKETS]
    quota = -(-n // len(segments))
    chosen: list[list[Wanted]] = []
    for number, (bucket, stated) in enumerate(segments):
        generator = np.random.default_rng([seed, number])
        pool = searched if stated else _bought(ground)
        chosen.append(_of_segment(ground, bucket, pool, quota, generator))
    mixed = [one for group in by_turns(chosen) for one in group]
    return mixed[:n], len(searched)


def by_turns(groups: Sequence[Sequence[Wanted]]) -> Iterator[list[Wanted]]:
    """The first of every group, then the second, …: whatever the money lasts for is spread over all segments."""
    for place in range(max(map(len, groups), default=0)):
        yield [group[place] for group in groups if place < len(group)]


@dataclass(frozen=True, slots=True)
class Bought:
    """What a shopper has to be foreseen to buy, and by which search it was asked for."""

    text: str | None
    columns: IntArray  # before owned products are taken out


def _of_segment(
    ground: Arena, bucket: str, pool: Mapping[int, Bought], quota: int, generator: np.random.Generator
) -> list[Wanted]:
    split = ground.split
    counts = {shopper: int(split.interactions[shopper]) for shopper in pool}
    own = [shopper for shopper in pool if history_bucket(counts[shopper]) == bucket]
    found = [_wanted(ground, shopper, pool[shopper], None) for shopper in generator.permutation(own).tolist()]
    found = [one for one in found if len(one.relevant)][:quota]
    if len(found) < quota and bucket in _LENGTHS:
        low, high = _LENGTHS[bucket]
        longer = [shopper for shopper in pool if counts[shopper] > high]
        for shopper in generator.permutation(longer).tolist():
            one = _wanted(ground, shopper, pool[shopper], int(generator.integers(low, high + 1)))
            if len(one.relevant):
                found.append(one)
            if len(found) == quota:
                break
    return found


def _wanted(ground: Arena, shopper: int, bought: Bought, shown: int | None) -> Wanted:
    split = ground.split
    relevant = bought.columns
    if split.excludes_owned:
        owned = _row(split.owned, shopper) if shown is None else _shown_owned(ground, shopper, shown)
        relevant = np.setdiff1d(relevant, owned)
    query = Query(user_id=split.tested[shopper], limit=LIMIT, text=bought.text)
    return Wanted(shopper, query, shown, relevant.astype(np.int32))


def _bought(ground: Arena) -> dict[int, Bought]:
    return {shopper: Bought(None, _row(ground.split.foreseen, shopper)) for shopper in range(len(ground.split.tested))}


def _row(matrix: sp.csr_matrix, row: int) -> IntArray:
    found: IntArray = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
    return found


def _has_searches(ground: Arena) -> bool:
    return "query" in ground.data.events.column_names


def searches(ground: Arena) -> dict[int, Bought]:
    """Tested shopper → the first search of the test part that a purchase of theirs followed, and what they bought.

    The words are those that the shopper typed before the purchase, so they hold nothing of it that a shop would not
    have had at that moment. History and clock end at the cut all the same, for baseline and model alike.
    """
    data, split = ground.data, ground.split
    row_of = {user_id: row for row, user_id in enumerate(split.tested)}
    shopper = np.asarray([row_of.get(user_id, -1) for user_id in data.user_ids], dtype=np.int32)
    of_event = np.where(data.user == NOBODY, -1, shopper[data.user])
    test: BoolArray = ~split.train_events & (of_event >= 0)
    texts = data.events["query"].to_pylist()
    counted = np.isin(data.kind, [KINDS.index(EventKind(kind)) for kind in split.relevant_kinds])
    item = np.where(data.product == NOBODY, NOBODY, split.item_of_product[data.product])
    bought_by: dict[int, list[int]] = {}
    for event in np.flatnonzero(test & counted & (item != NOBODY)).tolist():
        bought_by.setdefault(int(of_event[event]), []).append(event)
    found: dict[int, Bought] = {}
    typed = np.flatnonzero(test & (data.kind == KINDS.index(EventKind.SEARCH)))
    for event in typed[np.argsort(data.timestamp[typed], kind="stable")].tolist():
        who, at = int(of_event[event]), float(data.timestamp[event])
        if who in found or not texts[event]:
            continue
        within = [e for e in bought_by.get(who, ()) if at <= data.timestamp[e] <= at + BOUGHT_WITHIN_S]
        if within:
            found[who] = Bought(str(texts[event]), np.unique(item[within]))
    return found


def _shown_owned(ground: Arena, shopper: int, shown: int) -> IntArray:
    """What a cut history shows of purchases: all that the rules can keep off the slate."""
    found: IntArray = np.unique(_last_events(ground, shopper, shown))
    return found


def _last_events(ground: Arena, shopper: int, shown: int) -> IntArray:
    """Item columns of the purchases among the shopper's last interactions that speak for a product."""
    data, split = ground.data, ground.split
    speaks = [KINDS.index(kind) for kind, signal in ground.signals.items() if signal.weight > 0]
    user = data.user_ids.index(split.tested[shopper])
    events = np.flatnonzero((data.user == user) & split.train_events & np.isin(data.kind, speaks))
    last = events[np.lexsort((-events, -data.timestamp[events]))][:shown]
    bought = last[data.kind[last] == KINDS.index(EventKind.PURCHASE)]
    columns = np.where(data.product[bought] == NOBODY, NOBODY, split.item_of_product[data.product[bought]])
    kept: IntArray = columns[columns != NOBODY]
    return kept


def prepare(
    ground: Arena, application: Application, wanted: Sequence[Wanted], prompt: Prompt, model: str, *, searched: int
) -> Cases:
    """Each request through the service's own stages up to the model, and the call that would be sent.

    Requests for which no model would be asked (no consent, nothing eligible) are counted by their reason.
    """
    result = Cases(searches=searched)
    seen: set[tuple[str, str]] = set()
    service_for = _services(ground, application, prompt, model)
    snapshot = application.keeper.served().shelf.snapshot
    column_of = {product_id: column for column, product_id in enumerate(ground.split.product_ids)}
    columns = np.asarray([column_of.get(product_id, -1) for product_id in snapshot.product_ids], dtype=np.int32)
    for one in wanted:
        work = service_for(one.shown).prepared(one.query)
        if isinstance(work.plan, str):
            result.not_asked[work.plan] += 1
        elif not work.told.items:
            result.not_asked["nothing eligible"] += 1
        else:
            case = _case(one, work, work.plan, columns, prompt, number=len(result.cases))
            if (case.user_id, case.segment) in seen:  # consent may hide a history that was to be cut as well
                result.not_asked["the same shopper in the same segment"] += 1
                continue
            seen.add((case.user_id, case.segment))
            result.cases.append(case)
    return result


def _case(one: Wanted, work: Work, plan: Plan, columns: IntArray, prompt: Prompt, *, number: int) -> Case:
    told = work.told
    given = prompt_input(told.items, told.facts, seed=plan.key)
    candidates = tuple(item.product_id for item in told.items)
    reasons = min(LIMIT, ORDER_MAX, len(candidates))
    order = columns[work.ranking.order].tolist()
    # Shoppers whose short histories are alike share a cache key, so it can't tell the calls apart.
    name = f"case-{number}"
    call = rerank_call(prompt, given, reasons=reasons, call_id=name, request_id=name, placement=one.query.placement)
    return Case(
        user_id=str(one.query.user_id),
        history=history_bucket(work.profile.interactions),
        intent="none" if one.query.text is None else "stated",
        cut=one.shown is not None,
        head=tuple(order[: len(candidates)]),
        tail=tuple(order[len(candidates) : len(candidates) + K]),
        relevant=one.relevant,
        asked=Asked(given, candidates, told.percentiles, reasons),
        plan=plan,
        call=call,
    )


def _services(
    ground: Arena, application: Application, prompt: Prompt, model: str
) -> Callable[[int | None], RecommendationService]:
    """The service with a stage that plans and never asks, by how much of histories it is shown."""
    stage = planning_stage(prompt, model)
    kinds = frozenset(kind for kind, signal in ground.signals.items() if signal.weight > 0)
    embedder = open_embedder(application.settings)[1]

    @functools.cache
    def service(shown: int | None) -> RecommendationService:
        parts = replace(application.parts, rerank=stage)
        if shown is not None:
            store = cast(ShopStore, ShownStore(application.store, last=shown, kinds=kinds))
            finder = Finder(
                store=store,
                embedder=embedder,
                searches=application.pools[1],
                consent_default=consent_of(application.settings.consent_default),
            )
            parts = replace(parts, finder=finder, store=store)
        return RecommendationService(parts)

    return service
