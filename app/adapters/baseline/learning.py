"""Teaching the ensemble: examples from rolling origins, and the verdict on shoppers that it has not learned from.

At each origin everything is fitted on what came before it, and what happened in the window after it is what the trees
learn to foresee. The last origin is the start of the validation slice: trees from windows that end before it are
compared there with the blend, and where they are better the trees for serving learn from it, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.adapters.baseline.blend import Blend, available_sources, blended, fit_blend, make_pools
from app.adapters.baseline.ensemble import Ensemble, consider
from app.adapters.baseline.facts import ItemFacts, fit_facts
from app.adapters.baseline.features import FEATURES, taken
from app.adapters.baseline.forest import Forest, fit_forest
from app.adapters.baseline.manifest import Verdict
from app.adapters.baseline.matrix import Signals
from app.adapters.baseline.ndcg import K, interval, ndcg_of_top
from app.adapters.baseline.parameters import Parameters
from app.adapters.baseline.pasts import Pasts, folded, strong_kinds
from app.adapters.baseline.sources import Sources, cores, fit_sources, foldable
from app.adapters.baseline.validation import Slice, make_slice, ndcg_by_actor, row
from app.domain.catalog import BoolArray, FloatArray, IntArray
from app.domain.interactions import History, InteractionLog
from app.domain.ranking import HISTORY_BUCKETS, history_bucket
from app.pipeline.decay import DAY_S
from app.ports import Progress

ORIGINS = 5
"""Origins that trees learn from; more were not better on validation."""
FEWEST_SHOPPERS = 200
"""Under this many learned shoppers the trees would learn noise, and the blend stays."""
_MOST_ACTORS = 1500  # of an origin
_LARGE_PRODUCTS = 6_000  # with more products or interactions, sources take minutes: one origin has to do
_LARGE_EVENTS = 2_000_000
_COLD_SHARE = 0.25  # of the examples get a history cut to its last 0 to 3 interactions
_COLD_LENGTHS = 4
_KEPT_NEGATIVES = 0.4  # of the candidates that were not taken


@dataclass(frozen=True, slots=True)
class Examples:
    """The candidates of an origin's shoppers, one after another."""

    rows: NDArray[np.float32]  # (n, len(FEATURES))
    relevant: BoolArray  # (n,)
    owned: BoolArray  # (n,) bought before the origin, whatever the cut history shows
    groups: NDArray[np.int64]  # (n_actors,) candidates of each shopper, in the order of the slice's actors
    bucket: NDArray[np.int64]  # (n_actors,) index into HISTORY_BUCKETS


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of it. No forest: nothing to learn from, or not better than the blend."""

    verdict: Verdict
    blind: Ensemble | None  # has not seen the slice: for honest comparisons
    forest: Forest | None  # for serving


def make_examples(
    part: Slice,
    sources: Sources,
    facts: ItemFacts,
    signals: Signals,
    parameters: Parameters,
    *,
    seed: int | None,
    progress: Progress,
) -> Examples:
    """The candidates of all actors of a slice at its start, labelled with what they took in it.

    Args:    sources, facts: fitted on `part.before`. seed: of cut histories and dropped negatives; None = neither,
             as validation needs it.
    """
    pasts, strong = Pasts(part.before), strong_kinds(signals)
    chance = None if seed is None else np.random.default_rng(seed)
    rows, relevant, owned, groups, bucket = [], [], [], [], []
    for i, actor in enumerate(part.actors.tolist()):
        if i % 50 == 0:
            progress("ensemble: examples", i, len(part))
        history = pasts.of(actor)
        if chance is not None and chance.random() < _COLD_SHARE:
            history = _last(history, int(chance.integers(_COLD_LENGTHS)))
        confidence = folded(history, part.start, signals, parameters.half_life_scale)
        raw = sources.raw(*confidence[:2])
        found = consider(raw, facts, taken(history, part.start, strong), confidence, sources.unit)
        hit = np.isin(found.columns, row(part.anything, i))
        kept = np.ones(len(hit), dtype=np.bool_)
        if chance is not None:
            kept = hit | (chance.random(len(hit)) < _KEPT_NEGATIVES)
        rows.append(found.rows[kept])
        relevant.append(hit[kept])
        owned.append(np.isin(found.columns[kept], row(part.owned, i)))
        groups.append(int(kept.sum()))
        bucket.append(HISTORY_BUCKETS.index(history_bucket(confidence[2])))
    return Examples(
        np.concatenate([np.zeros((0, len(FEATURES)), dtype=np.float32), *rows]),
        np.concatenate([np.zeros(0, dtype=np.bool_), *relevant]),
        np.concatenate([np.zeros(0, dtype=np.bool_), *owned]),
        np.asarray(groups, dtype=np.int64),
        np.asarray(bucket, dtype=np.int64),
    )


def learn(
    log: InteractionLog,
    part: Slice,
    fitted: Sources,
    signals: Signals,
    parameters: Parameters,
    *,
    seed: int,
    progress: Progress,
) -> Learned:
    """Trees for this shop, if they foresee the validation slice better than a blend does.

    Neither has seen the slice: the blend's weights are fitted at the newest origin before it, not on the slice as
    those that serve, or the blend would be measured on what it was fitted to.

    Args:    fitted: sources on `part.before`.
    Returns: forests where the ensemble passed `judged`; the one for serving has learned from the slice as well.
    """
    starts = origins(log, part)
    length = part.end - part.start

    def examples(slice_: Slice, sources: Sources, share: int) -> Examples:
        facts = fit_facts(slice_.before, slice_.start, signals)
        return make_examples(slice_, sources, facts, signals, parameters, seed=seed + share, progress=progress)

    def taught(start: float) -> tuple[Slice, Sources]:
        slice_ = make_slice(log, start, start + length, signals, seed, most=_MOST_ACTORS)
        return slice_, fit_sources(slice_.before, start, signals, parameters, seed=seed, progress=progress)

    earlier: list[Examples] = []
    blend: Blend | None = None
    for share, start in enumerate(starts, 1):
        slice_, sources = taught(start)
        if blend is None:
            pools = make_pools(sources, slice_, foldable(slice_.before, start, signals, parameters), progress)
            blend = fit_blend(pools, available_sources(sources), seed, progress)
            del pools
        earlier.append(examples(slice_, sources, share))
    if blend is None or sum(int((_positives(e, e.relevant) > 0).sum()) for e in earlier) < FEWEST_SHOPPERS:
        return Learned(Verdict(reason="too few shoppers to learn from"), None, None)
    forest = _fit(earlier, seed, progress)
    if forest is None:
        return Learned(Verdict(reason="nothing to learn: no candidate was taken"), None, None)
    facts = fit_facts(part.before, part.start, signals)
    held = make_examples(part, fitted, facts, signals, parameters, seed=None, progress=progress)
    scores = forest.scores(held.rows)
    found = [ndcg_of_examples(held, part, scores, novel=novel) for novel in (True, False)]
    verdict = judged(found, _blended_ndcg(fitted, blend, part, signals, parameters, progress), held.bucket, seed)
    del held
    if not verdict.buckets:
        return Learned(verdict, None, None)
    newest = [examples(_fewer(part, seed), fitted, 0)]
    if len(starts) > 1:
        newest.append(examples(*taught((part.start + starts[0]) / 2.0), len(starts) + 1))
    final = _fit([*newest, *earlier][: max(len(starts), 2)], seed, progress)
    return Learned(verdict, Ensemble(forest, facts, frozenset(verdict.buckets)), final)


def origins(log: InteractionLog, part: Slice) -> list[float]:
    """Where to learn from before a slice, newest first: windows as long as the slice, half a window apart.

    Every window ends before the slice begins and has at least its own length of log before it. Shops on which sources
    take minutes get one.
    """
    length = part.end - part.start
    before = part.before
    if len(before) == 0 or length < DAY_S:
        return []
    large = len(np.unique(before.product)) > _LARGE_PRODUCTS or len(before) > _LARGE_EVENTS
    starts = [part.start - length * (1.0 + i / 2.0) for i in range(1 if large else ORIGINS)]
    return [start for start in starts if start - float(before.timestamp[0]) >= length]


def ndcg_of_examples(examples: Examples, part: Slice, scores: NDArray[np.float32], *, novel: bool) -> FloatArray:
    """NDCG@10 of each actor; NaN without relevant products; shape (len(part),). novel: leave out what was bought."""
    n_relevant = np.diff((part.novel if novel else part.anything).indptr)
    result = np.full(len(part), np.nan)
    ends = np.cumsum(examples.groups)
    for i, (end, size) in enumerate(zip(ends.tolist(), examples.groups.tolist(), strict=True)):
        if n_relevant[i] == 0:
            continue
        line = slice(end - size, end)
        usable = np.arange(end - size, end)[~examples.owned[line]] if novel else np.arange(end - size, end)
        top = usable[np.argsort(-scores[usable], kind="stable")[:K]]
        # Only the number of relevant products outside of the candidates matters, not which they are.
        hits = top[examples.relevant[top]]
        wanted = np.concatenate([hits, np.full(n_relevant[i] - len(hits), -1)])
        result[i] = ndcg_of_top(top, wanted.astype(np.int32))
    return result


def judged(
    ensemble: Sequence[FloatArray], blend: Sequence[FloatArray], bucket: NDArray[np.int64], seed: int
) -> Verdict:
    """Whether the ensemble may serve, and whom, from NDCG@10 of the same shoppers.

    It may where the 95% interval of its gain, the mean of novel and anything, lies above 0, and neither of the two
    alone shows a loss (an interval below 0). A history bucket with a loss in either stays with the blend.

    Args:    ensemble, blend: (novel, anything), each (n_actors,), NaN in novel without relevant products; bucket:
             (n_actors,) index into HISTORY_BUCKETS.
    """
    novel, anything = (mine - theirs for mine, theirs in zip(ensemble, blend, strict=True))
    scored = ~np.isnan(novel)
    if not scored.any():
        return Verdict(reason="nobody to measure on")
    both = np.where(scored, (np.nan_to_num(novel) + anything) / 2.0, anything)

    def loses(members: BoolArray) -> bool:
        return any(
            interval(gain[chosen], seed)[1] < 0.0 for gain, chosen in ((novel, members & scored), (anything, members))
        )

    everyone = np.ones(len(bucket), dtype=np.bool_)
    gain = interval(both, seed)
    serves = gain[0] > 0.0 and not loses(everyone)
    kept = [name for code, name in enumerate(HISTORY_BUCKETS) if serves and not loses(bucket == code)]
    return Verdict(
        reason="better than the blend" if serves else "not measurably better than the blend",
        actors=int(scored.sum()),
        novel=float(ensemble[0][scored].mean()),
        blend_novel=float(blend[0][scored].mean()),
        novel_interval=interval(novel[scored], seed),
        anything=float(ensemble[1].mean()),
        blend_anything=float(blend[1].mean()),
        anything_interval=interval(anything, seed),
        interval=gain,
        buckets=tuple(kept),
    )


def _blended_ndcg(
    sources: Sources, blend: Blend, part: Slice, signals: Signals, parameters: Parameters, progress: Progress
) -> list[FloatArray]:
    history = foldable(part.before, part.start, signals, parameters)

    def score(columns: IntArray, weights: NDArray[np.float32], interactions: int) -> NDArray[np.float32]:
        return blended(sources, blend, columns, weights, interactions)

    return [ndcg_by_actor(score, part, history, "ensemble: blend", progress, novel=novel) for novel in (True, False)]


def _fit(parts: Sequence[Examples], seed: int, progress: Progress) -> Forest | None:
    """Every shopper counts twice: with all candidates, and without what was owned, as one model serves both."""
    rows, relevant, groups = [], [], []
    for part in parts:
        owner = np.repeat(np.arange(len(part.groups)), part.groups)
        for allowed in (np.ones(len(part.relevant), dtype=np.bool_), ~part.owned):
            taught = _positives(part, part.relevant & allowed) > 0
            kept = allowed & taught[owner]
            rows.append(part.rows[kept])
            relevant.append(part.relevant[kept])
            groups.append(np.bincount(owner[kept], minlength=len(part.groups))[taught])
    if not any(len(sizes) for sizes in groups):
        return None
    graph = fit_forest(
        np.concatenate(rows),
        np.concatenate(relevant),
        np.concatenate(groups),
        seed=seed,
        threads=cores(),
        progress=progress,
    )
    return Forest(graph)


def _positives(part: Examples, chosen: BoolArray) -> NDArray[np.int64]:
    owner = np.repeat(np.arange(len(part.groups)), part.groups)
    return np.bincount(owner[chosen], minlength=len(part.groups))


def _fewer(part: Slice, seed: int) -> Slice:
    """The slice with at most _MOST_ACTORS, drawn with the seed."""
    if len(part) <= _MOST_ACTORS:
        return part
    kept = np.sort(np.random.default_rng(seed).choice(len(part), _MOST_ACTORS, replace=False))
    return replace(
        part,
        actors=part.actors[kept],
        novel=part.novel[kept],
        anything=part.anything[kept],
        owned=part.owned[kept],
    )


def _last(history: History, n: int) -> History:
    kept = slice(len(history) - min(n, len(history)), len(history))
    return history.of(kept)
