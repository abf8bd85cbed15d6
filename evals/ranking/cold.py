"""Cold start: the same shoppers with most of their history hidden, stated interests alone, and unbought products."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import scipy.sparse as sp

from app.bootstrap import Application
from app.domain.catalog import FloatArray, IntArray
from app.domain.interactions import KINDS, EventKind, Preferences
from app.ports import ShopStore
from evals.ranking.experiment import SERVICE, Arena, Say
from evals.ranking.losses import CHANCE
from evals.ranking.metrics import EMPTY, K, accuracy, recall_at
from evals.ranking.peer_run import rank_with
from evals.ranking.peers import POPULAR, SHUFFLE
from evals.ranking.pipeline import NOT_VECTORS, ServiceRanker, ShownStore, opened, train_service
from evals.ranking.results import Cold, ColdResult, NewItemResult, StatedResult
from evals.ranking.rule_folder import protocol_rules
from evals.ranking.shop_data import NOBODY, write_train
from evals.ranking.split import Split
from evals.statistics import Bootstrap

SHOWN = (0, 1, 2, 3)
HELD_OUT_SHARE = 0.1
INTERESTS = 3
_WORD = re.compile(r"[^\W\d_]{3,}")


def evaluate_cold(ground: Arena, say: Say) -> Cold:
    """All of it, for the tested shoppers with a history. New products only where there are item vectors."""
    ground = replace(ground, split=_with_history(ground.split))
    with ground.service() as application:
        histories = []
        for shown in SHOWN:
            histories += _shown(ground, application, shown)
            say(f"ranked by the last {shown} interactions")
        stated = _stated(ground, application)
    items, held_out = _new_items(ground, say) if ground.trained.embedded else ([], 0)
    return Cold(histories, stated, items, held_out)


def _with_history(split: Split) -> Split:
    chosen = np.flatnonzero(split.with_history)
    return replace(
        split,
        tested=tuple(split.tested[i] for i in chosen.tolist()),
        rows=split.rows[chosen],
        relevant=split.relevant[chosen],
        foreseen=split.foreseen[chosen],
        owned=split.owned[chosen],
        histories=split.histories[chosen],
        interactions=split.interactions[chosen],
    )


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What is shown of each tested shopper, (n_tested, n_items) each."""

    histories: sp.csr_matrix  # summed weights, as in Split.train
    owned: sp.csr_matrix


def glimpse(ground: Arena, last: int) -> Glimpse:
    """The last interactions that speak for a product, ties in time in file order, as the store gives them."""
    data, split = ground.data, ground.split
    weight = np.asarray([max(0.0, ground.signals[k].weight) if k in ground.signals else 0.0 for k in KINDS])
    weight /= weight.max()
    row_of_user = {user_id: row for row, user_id in enumerate(split.tested)}
    row_of_code = np.asarray([row_of_user.get(user_id, -1) for user_id in data.user_ids], dtype=np.int32)
    row = np.where(data.user == NOBODY, -1, row_of_code[data.user])
    usable = split.train_events & (row >= 0) & (data.product != NOBODY) & (weight[data.kind] > 0)
    events = np.flatnonzero(usable)
    events = events[np.lexsort((-events, -data.timestamp[events], row[events]))]  # per shopper newest first
    first = np.searchsorted(row[events], np.arange(len(split.tested)))
    events = events[np.arange(len(events)) - first[row[events]] < last]
    shape = (len(split.tested), len(split.product_ids))
    at = (row[events], split.item_of_product[data.product[events]])
    bought = np.isin(data.kind[events], [KINDS.index(EventKind(kind)) for kind in split.relevant_kinds])
    histories = sp.csr_matrix((weight[data.kind[events]].astype(np.float32), at), shape=shape)
    owned = sp.csr_matrix((bought.astype(np.float32), at), shape=shape)
    histories.sum_duplicates()
    owned.sum_duplicates()
    owned.eliminate_zeros()
    return Glimpse(histories, owned)


def _shown(ground: Arena, application: Application, shown: int) -> list[ColdResult]:
    split, plan = ground.split, ground.plan
    seen = glimpse(ground, shown)
    relevant = split.foreseen
    if split.excludes_owned:
        relevant = (relevant - relevant.multiply(seen.owned > 0)).tocsr()
        relevant.eliminate_zeros()
        relevant.sort_indices()
    # Without what shoppers stated, which no peer knows either; `_stated` measures that.
    slates = {SERVICE: _service(ground, application, shown, {})}
    for fitted in ground.fitted:
        if fitted.peer.folds_in and fitted.peer.name != SHUFFLE and (shown or fitted.peer.name == POPULAR):
            slates[fitted.peer.name], _ = rank_with(
                fitted.scorer,
                split,
                k=K,
                histories=seen.histories,
                hidden=seen.owned if split.excludes_owned else sp.csr_matrix(seen.owned.shape),
            )
    ndcg = {name: accuracy(top, relevant)["ndcg"] for name, top in slates.items()}
    strict = {name: accuracy(top, split.relevant)["ndcg"] for name, top in slates.items()}
    mean = {name: float(np.nanmean(values)) for name, values in ndcg.items()}
    peers = [name for name in mean if name not in {SERVICE, POPULAR}]
    best = max(peers, key=lambda name: mean[name]) if peers else None
    draw = Bootstrap(len(split.tested), plan.seed, plan.resamples)
    return [
        ColdResult(
            shown=shown,
            name=name,
            ndcg=draw.estimate(ndcg[name]),
            strict=draw.estimate(strict[name]) if split.excludes_owned else None,
            against_popular=None if name == POPULAR else draw.paired(ndcg[name], ndcg[POPULAR]),
            against_best_peer=None if best is None or best == name else draw.paired(ndcg[name], ndcg[best]),
        )
        for name in sorted(mean, key=lambda name: -mean[name])
    ]


def _service(ground: Arena, application: Application, shown: int, preferences: Mapping[str, Preferences]) -> IntArray:
    kinds = frozenset(kind for kind, signal in ground.signals.items() if signal.weight > 0)
    store = cast(ShopStore, ShownStore(application.store, last=shown, kinds=kinds, preferences=preferences))
    return ServiceRanker(application, ground.split.product_ids, store=store).rank(ground.split.tested).slates


def _stated(ground: Arena, application: Application) -> list[StatedResult]:
    """The service told interests and nothing else, against the service told nothing."""
    split, plan = ground.split, ground.plan
    stored = {user_id: application.store.shopper(user_id).preferences for user_id in split.tested}
    real = {user_id: p for user_id, p in stored.items() if p.interests or p.style_tags}
    chosen = real if real else simulated_interests(ground)
    note = "as shoppers stated them" if real else "simulated from what the shopper bought before the cut"
    told = np.asarray([user_id in chosen for user_id in split.tested])
    if not told.any():
        return []
    # Only interests: a stored budget or dislike would be another thing to know.
    interests = {user_id: Preferences(interests=p.interests, style_tags=p.style_tags) for user_id, p in chosen.items()}
    slates = {"nothing": _service(ground, application, 0, {}), "interests": _service(ground, application, 0, interests)}
    ndcg = {name: accuracy(top, split.foreseen)["ndcg"][told] for name, top in slates.items()}
    draw = Bootstrap(int(told.sum()), plan.seed, plan.resamples)
    return [
        StatedResult("nothing", draw.estimate(ndcg["nothing"])),
        StatedResult(
            "interests", draw.estimate(ndcg["interests"]), draw.paired(ndcg["interests"], ndcg["nothing"]), note
        ),
    ]


def simulated_interests(ground: Arena) -> dict[str, Preferences]:
    """Shopper → the categories bought from most; where products have none, the most telling words of their names.

    A stand-in for what people would say of themselves, and easier than that: it is taken from real purchases.
    """
    split, data = ground.split, ground.data
    field = "category" if any(row.get("category") for row in data.products) else "name"
    terms = _terms([str(row.get(field) or "") for row in data.products], words=field == "name")
    row_of = {product_id: i for i, product_id in enumerate(data.product_ids)}
    places = [row_of[product_id] for product_id in split.product_ids]
    rarity = Counter(term for i in places for term in set(terms[i]))
    result = {}
    for i, user_id in enumerate(split.tested):
        start, end = split.histories.indptr[i : i + 2]
        score: Counter[str] = Counter()
        for column in split.histories.indices[start:end].tolist():
            for term in set(terms[places[column]]):
                score[term] += 1
        ranked = sorted(score, key=lambda t: (-score[t] * np.log(1 + len(places) / rarity[t]), t))
        if ranked:
            result[user_id] = Preferences(interests=tuple(ranked[:INTERESTS]))
    return result


def _terms(texts: Sequence[str], *, words: bool) -> list[list[str]]:
    if not words:
        return [[part.strip() for part in text.split(">")][-1:] if text else [] for text in texts]
    return [_WORD.findall(text.casefold()) for text in texts]


def _new_items(ground: Arena, say: Say) -> tuple[list[NewItemResult], int]:
    """Trains once more without any interaction of a seeded tenth of the products that were bought in the test part."""
    split, data, plan = ground.split, ground.data, ground.plan
    sold = np.flatnonzero((split.buyers > 0) & (np.asarray(split.relevant.getnnz(axis=0)) > 0))
    generator = np.random.default_rng(plan.seed)
    new = np.sort(generator.choice(sold, max(1, int(HELD_OUT_SHARE * len(sold))), replace=False))
    is_new = np.zeros(len(split.product_ids), dtype=np.bool_)
    is_new[new] = True
    item = np.where(data.product == NOBODY, NOBODY, split.item_of_product[data.product])
    events = split.train_events & ~((item != NOBODY) & is_new[item])
    write_train(data, events, split.there, split.as_of, ground.work / "train-new")
    settings = ground.trained.settings.model_copy(update={"data_dir": ground.work / "data-new"})
    # The texts are the same, so the vectors are too: only store and model are made anew.
    shutil.copytree(ground.trained.settings.data_dir, settings.data_dir, ignore=NOT_VECTORS)
    train_service(ground.work / "train-new", settings, embed=True, tune=False)
    say(f"trained without the interactions of {len(new)} products")
    rules = protocol_rules(ground.rules_source, ground.work / "rules-new", excludes_owned=split.excludes_owned)
    relevant = (split.relevant @ sp.diags(is_new.astype(np.float32))).tocsr()
    relevant.eliminate_zeros()
    asked = np.flatnonzero(relevant.getnnz(axis=1) > 0)
    with opened(settings.model_copy(update={"rules_dir": rules})) as application:
        ranker = ServiceRanker(application, split.product_ids)
        ranked = ranker.rank([split.tested[i] for i in asked.tolist()])
        size = (ranked.candidates != EMPTY).sum(axis=1)
    relevant = relevant[asked]
    draw = Bootstrap(len(asked), plan.seed, plan.resamples)
    among = only(ranked.candidates, is_new)
    chance = np.stack([generator.permutation(new)[: among.shape[1]] for _ in asked]).astype(np.int32)
    by_chance: FloatArray = np.minimum(1.0, size / len(split.product_ids))
    return [
        NewItemResult(
            SERVICE,
            draw.estimate(recall_at(ranked.candidates, relevant, ranked.candidates.shape[1])),
            draw.estimate(accuracy(among, relevant)["ndcg"]),
        ),
        NewItemResult(CHANCE, draw.estimate(by_chance), draw.estimate(accuracy(chance, relevant)["ndcg"])),
    ], len(new)


def only(ranking: IntArray, wanted: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> IntArray:
    """Each row's items that are wanted, in their order, moved to the front; EMPTY behind. The same shape."""
    keep = (ranking != EMPTY) & wanted[ranking]
    order = np.argsort(~keep, axis=1, kind="stable")
    moved = np.take_along_axis(ranking, order, axis=1)
    return np.where(np.take_along_axis(keep, order, axis=1), moved, EMPTY).astype(np.int32)
