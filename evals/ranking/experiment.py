"""One evaluation from end to end: split, peers, the service, figures."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.adapters.reason_files import load_reasons
from app.adapters.rule_files import load_rules
from app.bootstrap import Application
from app.domain.catalog import FloatArray, IntArray
from app.domain.interactions import Consent
from app.settings import shipped_directory
from evals.ranking import metrics
from evals.ranking.peer_run import Fitted, fit_peer, rank_with
from evals.ranking.peers import POPULAR, SHUFFLE, Setting, peers
from evals.ranking.pipeline import (
    CONSENT,
    NOT_VECTORS,
    Ranked,
    ServiceRanker,
    Trained,
    evaluation_settings,
    opened,
    train_service,
)
from evals.ranking.results import Evaluation, Kind, ModelResult, ServiceCost, machine
from evals.ranking.rule_folder import protocol_rules
from evals.ranking.shop_data import ShopData, write_train
from evals.ranking.split import Cuts, Protocol, Signals, Split, choose_cuts, last_out_split, temporal_split
from evals.statistics import HISTORY, Bootstrap, Estimate, by_segment

SERVICE = "Shelfwise"
SERVICE_OWN_SLATE = "Shelfwise, shop's slate rules"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to evaluate and how thoroughly. `quick`: one setting per peer, 200 resamples."""

    protocol: Protocol
    cut: float | None = None  # epoch seconds; None = by the rule of `choose_cuts`
    validation_cut: float | None = None  # None = as long before the cut as the test part lasts, by the same rule
    quick: bool = False
    embed: bool = True
    tune: bool = False  # `shelfwise train --tune`
    seed: int = 20260101
    settings: Mapping[str, Setting] = field(default_factory=dict)  # peer → setting found before: nothing to tune
    peers: bool = True  # False: only the service, nothing to compare it with
    consent: Consent = CONSENT  # of shoppers who state none

    @property
    def resamples(self) -> int:
        """Resamples of every bootstrap."""
        return 200 if self.quick else 1000


@dataclass(frozen=True, slots=True)
class Arena:
    """Everything that the recommenders of one run share, and those that are ready."""

    data: ShopData
    signals: Signals
    plan: Plan
    cuts: Cuts | None  # None under leave-last-out
    split: Split
    validation: Split
    rules_source: Path
    work: Path
    fitted: Sequence[Fitted]
    trained: Trained

    @contextmanager
    def service(self, *, own_slate: bool = False) -> Iterator[Application]:
        """The service under the protocol's rules."""
        name = "rules-own-slate" if own_slate else "rules"
        rules = protocol_rules(
            self.rules_source, self.work / name, excludes_owned=self.split.excludes_owned, own_slate=own_slate
        )
        with opened(self.trained.settings.model_copy(update={"rules_dir": rules})) as application:
            yield application


def splits(data: ShopData, signals: Signals, plan: Plan) -> tuple[Split, Split, Cuts | None]:
    """(test split, validation split inside its train part, the cuts).

    Raises: BadInput: too few shoppers to test on.
    """
    if plan.protocol == "leave-last-out":
        split = last_out_split(data, signals)
        return split, last_out_split(data, signals, within=split.train_events), None
    cuts = choose_cuts(data, signals, plan.protocol) if plan.cut is None else None
    test = plan.cut if cuts is None and plan.cut is not None else cuts.test if cuts is not None else 0.0
    validation = plan.validation_cut
    if validation is None:
        last = float(data.timestamp.max())
        validation = cuts.validation if cuts is not None else max(float(data.timestamp.min()), 2 * test - last)
    found = Cuts(validation=validation, test=test)
    return (
        temporal_split(data, signals, plan.protocol, test),
        temporal_split(data, signals, plan.protocol, validation, until=test),
        found,
    )


@contextmanager
def arena(
    data: ShopData, plan: Plan, say: Say, *, rules_source: Path | None = None, vectors: Path | None = None
) -> Iterator[Arena]:
    """Splits, tunes and fits the peers, imports and trains the service; its data folder is gone at the end.

    Args: vectors: where item vectors are kept from one run to the next. They depend on texts alone, so only the time
          of embedding is another; None embeds everything.
    """
    source = shipped_directory("rules") if rules_source is None else rules_source
    signals = load_rules(source).scoring.signal_map()
    load_reasons(source)  # what would stop the service is better known before the minutes of fitting
    split, validation, cuts = splits(data, signals, plan)
    with tempfile.TemporaryDirectory(prefix="shelfwise-eval-") as folder:
        work = Path(folder)
        fitted = []
        for method in peers(quick=plan.quick) if plan.peers else ():
            peer = method
            if peer.name in plan.settings:
                peer = replace(peer, grid=(plan.settings[peer.name],))
            fitted.append(fit_peer(peer, None if plan.quick else validation, split))
            say(f"{peer.name}: {len(peer.grid)} settings, fitted in {fitted[-1].fit_s:.1f} s")
        write_train(data, split.train_events, split.there, split.as_of, work / "train")
        settings = evaluation_settings(work / "data", as_of=split.as_of, currency=data.currency)
        settings = settings.model_copy(update={"rules_dir": source})
        if vectors is not None and vectors.is_dir():
            shutil.copytree(vectors, settings.data_dir)
        trained = train_service(work / "train", settings, embed=plan.embed, tune=plan.tune, consent=plan.consent)
        if vectors is not None and trained.embedded:
            shutil.copytree(settings.data_dir, vectors, ignore=NOT_VECTORS, dirs_exist_ok=True)
        for message in trained.messages:
            say(f"{SERVICE}: {message}")
        yield Arena(data, signals, plan, cuts, split, validation, source, work, tuple(fitted), trained)


def evaluate(ground: Arena, say: Say) -> Evaluation:
    """Ranks every tested shopper with every recommender, and measures."""
    split, plan, data = ground.split, ground.plan, ground.data
    with ground.service() as application:
        shelf = _shelf(application, split)
        version = _baseline_version(application)
        ranked = {SERVICE: ServiceRanker(application, split.product_ids).rank(split.tested)}
    with ground.service(own_slate=True) as application:
        ranked[SERVICE_OWN_SLATE] = ServiceRanker(application, split.product_ids).rank(split.tested)
    say("ranked by the service")
    for fitted in ground.fitted:
        top, ms = rank_with(fitted.scorer, split, strangers_get_popular=fitted.peer.name != SHUFFLE)
        ranked[fitted.peer.name] = Ranked(top[:, : metrics.K], top, np.full(len(top), ms))
    results, best = _measured(ground, ranked, shelf)
    known = split.with_history
    trained = ground.trained
    return Evaluation(
        data=data.name,
        protocol=split.protocol,
        cut=_moment(split.as_of),
        validation_cut=_moment(ground.validation.as_of),
        events=len(data.user),
        train_events=int(split.train_events.sum()),
        products=len(split.product_ids),
        train_shoppers=len(split.user_ids),
        tested=len(split.tested),
        tested_with_history=int(known.sum()),
        relevant_each=float(split.relevant[known].getnnz(axis=1).mean()),
        left_out=split.left_out,
        relevant_kinds=split.relevant_kinds,
        models=results,
        best_peer=best,
        service=ServiceCost(
            import_s=trained.import_s,
            embed_s=trained.embed_s,
            train_s=trained.train_s,
            peak_mib=trained.peak_mib,
            import_peak_mib=trained.import_peak_mib,
            messages=trained.messages,
        ),
        baseline_version=version,
        embedded=trained.embedded,
        quick=plan.quick,
        seed=plan.seed,
        resamples=plan.resamples,
        machine=machine(),
    )


def _measured(ground: Arena, ranked: Mapping[str, Ranked], shelf: metrics.Shelf) -> tuple[Sequence[ModelResult], str]:
    """All results, best NDCG@10 first, and the name of the best peer (by the test part, which favours the peers)."""
    split, plan = ground.split, ground.plan
    known = split.with_history
    by_name = {fitted.peer.name: fitted for fitted in ground.fitted}
    figures = {name: _per_shopper(r, split, shelf) for name, r in ranked.items()}
    ndcg = {name: float(np.nanmean(f["ndcg"][known])) for name, f in figures.items()}
    best = max((name for name in ndcg if _kind(name) == "peer"), key=lambda name: ndcg[name])
    masks = HISTORY.masks(split.interactions)
    results = []
    for name in sorted(ranked, key=lambda name: -ndcg[name]):
        own, reference = figures[name], figures[best]
        bootstrap = Bootstrap(int(known.sum()), plan.seed, plan.resamples)
        estimates = dict(
            zip(own, bootstrap.estimates(np.column_stack([values[known] for values in own.values()])), strict=True)
        )
        estimates |= metrics.exposure(
            ranked[name].slates[known], len(split.product_ids), seed=plan.seed, resamples=plan.resamples
        )
        by_history = by_segment(
            masks, [own["ndcg"], own["ndcg"] - reference["ndcg"]], seed=plan.seed, resamples=plan.resamples
        )
        fitted = by_name.get(name)
        results.append(
            ModelResult(
                name=name,
                kind=_kind(name),
                metrics=estimates,
                segments={segment: found[0] for segment, found in by_history.items()},
                ms_per_shopper=float(np.median(ranked[name].ms)),
                setting={} if fitted is None else fitted.setting,
                tried=1 if fitted is None else max(1, len(fitted.tried)),
                validation_ndcg=_validated(fitted),
                fit_s=ground.trained.train_s if fitted is None else fitted.fit_s,
                fit_mib=ground.trained.peak_mib if fitted is None else fitted.fit_mib,
                against_best_peer=None
                if name == best
                else bootstrap.paired(own["ndcg"][known], reference["ndcg"][known]),
                segments_against_best_peer={}
                if name == best
                else {segment: found[1] for segment, found in by_history.items()},
                note="" if fitted is None or fitted.peer.folds_in else "can't fold in a history it was not fitted on",
            )
        )
    return results, best


def _per_shopper(ranked: Ranked, split: Split, shelf: metrics.Shelf) -> Mapping[str, FloatArray]:
    return {
        **metrics.accuracy(ranked.slates, split.relevant),
        "recall@100": metrics.recall_at(ranked.candidates, split.relevant, 100),
        "recall@500": metrics.recall_at(ranked.candidates, split.relevant, 500),
        **metrics.beyond_accuracy(ranked.slates, shelf),
    }


def _kind(name: str) -> Kind:
    if name in {SERVICE, SERVICE_OWN_SLATE}:
        return "service"
    return "control" if name in {SHUFFLE, POPULAR} else "peer"


def _validated(fitted: Fitted | None) -> float | None:
    return None if fitted is None or not fitted.tried else max(tried.ndcg for tried in fitted.tried)


def _shelf(application: Application, split: Split) -> metrics.Shelf:
    """Item figures; vectors are those that the service embedded, the same for every recommender."""
    shelf = application.keeper.served().shelf
    vectors: NDArray[np.float32] | None = None
    if shelf.vectors is not None:
        rows = np.asarray([shelf.snapshot.row_of.get(p, -1) for p in split.product_ids], dtype=np.int32)
        found: IntArray = rows[rows >= 0]
        vectors = np.zeros((len(rows), shelf.vectors.matrix.shape[1]), dtype=np.float32)
        vectors[rows >= 0] = shelf.item_vectors(found)[0]
    return metrics.Shelf(buyers=split.buyers, shoppers=split.train.shape[0], vectors=vectors)


def _baseline_version(application: Application) -> str | None:
    model = application.keeper.served().shelf.model
    return None if model is None else model.version


def _moment(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")


__all__ = ["Arena", "Estimate", "Plan", "arena", "evaluate", "splits"]
