"""Where the service is behind, read from the figures: nobody has to remember to write it down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evals.ranking.results import Evaluation, ModelResult
from evals.statistics import HISTORY, Estimate

SERVICE = "Shelfwise"
CHANCE = "chance"
"""The line of new products that stands for a draw of as many candidates at random."""
FEWEST = 20
"""Segments of fewer shoppers are too small to call a loss or a win."""
KEPT_TARGET = 0.9
_HIGHER_IS_BETTER = {
    "precision": "P@10",
    "recall": "recall@10",
    "hit": "hit@10",
    "recall@100": "candidate recall@100",
    "recall@500": "candidate recall@500",
    "coverage": "catalogue coverage",
    "novelty": "novelty",
    "diversity": "intra-list diversity",
}


def losses(result: Evaluation) -> Sequence[str]:
    """One sentence for each figure in which the service is behind, measured against the best peer or popular."""
    return list(_losses(result))


def _losses(result: Evaluation) -> Iterator[str]:
    models = {model.name: model for model in result.models}
    service, best = models[SERVICE], models[result.best_peer]
    overall = service.against_best_peer
    if overall is not None and overall.value < 0:
        yield f"NDCG@10 overall: {_behind(overall)} {best.name}."
    yield from _segments(service, best)
    yield from _other_peers(result, service, best)
    yield from _new_shoppers(service, models["popular"])
    for key, title in _HIGHER_IS_BETTER.items():
        own, other = service.metrics[key].value, best.metrics[key].value
        if own < other:
            yield f"{title}: {own:.3f}, {best.name} {other:.3f}."
    if service.metrics["gini"].value > best.metrics["gini"].value:
        yield (
            f"Exposure is more concentrated: Gini {service.metrics['gini'].value:.3f}, {best.name} "
            f"{best.metrics['gini'].value:.3f}."
        )
    yield from _cold(result)
    for point in result.tradeoff:
        if point.name == "shop, as shipped" and point.kept is not None and point.kept.value < KEPT_TARGET:
            yield (
                f"Mode shop as shipped keeps {point.kept.value:.0%} [{point.kept.low:.0%}, {point.kept.high:.0%}] of "
                f"relevance's NDCG@10; the target is {KEPT_TARGET:.0%}."
            )


def _segments(service: ModelResult, best: ModelResult) -> Iterator[str]:
    for name in HISTORY.names[1:]:  # whoever has no history is told apart, against bestsellers
        difference = service.segments_against_best_peer.get(name)
        if difference is not None and difference.n >= FEWEST and difference.value < 0:
            yield f"Shoppers with {name} interactions (n={difference.n:,}): {_behind(difference)} {best.name}."


def _other_peers(result: Evaluation, service: ModelResult, best: ModelResult) -> Iterator[str]:
    """Segments in which a peer that is not the best overall is ahead so far that the intervals lie apart."""
    for name in HISTORY.names[1:]:
        own = service.segments[name]
        others = [model for model in result.models if model.kind == "peer" and model is not best]
        if own.n < FEWEST or not others:
            continue
        ahead = max(others, key=lambda model: model.segments[name].value)
        if ahead.segments[name].low > own.high:
            yield (
                f"Shoppers with {name} interactions (n={own.n:,}): NDCG@10 {own.value:.4f}, {ahead.name}, the best of "
                f"all peers there, {ahead.segments[name].value:.4f}."
            )


def _new_shoppers(service: ModelResult, popular: ModelResult) -> Iterator[str]:
    own, other = service.segments["0"], popular.segments["0"]
    if own.n >= FEWEST and own.value < other.value:
        yield f"New shoppers (n={own.n:,}): NDCG@10 {own.value:.4f}, plain bestsellers {other.value:.4f}."


def _cold(result: Evaluation) -> Iterator[str]:
    if result.cold is None:
        return
    for line in result.cold.histories:
        if line.name != SERVICE:
            continue
        for difference, other in (
            (line.against_popular, "popular"),
            (line.against_best_peer, "the best peer that folds the same history in"),
        ):
            if difference is not None and difference.value < 0:
                yield f"With the last {line.shown} interactions shown: {_behind(difference)} {other}."
    placed = {line.name: line for line in result.cold.new_items}
    if placed and placed[SERVICE].share_among_candidates.value < placed[CHANCE].share_among_candidates.value:
        own, chance = placed[SERVICE].share_among_candidates, placed[CHANCE].share_among_candidates
        yield (
            f"New products: {own.value:.1%} of those bought are among the candidates, fewer than of as many products "
            f"drawn at random ({chance.value:.1%})."
        )
    for stated in result.cold.stated:
        difference = stated.against_nothing
        if difference is not None and difference.value < 0:
            yield f"Stated interests alone ({stated.note}): {_behind(difference)} being told nothing."


def _behind(difference: Estimate) -> str:
    sure = "for certain" if difference.below_zero else "not for certain"
    return f"{-difference.value:.4f} ({sure}: {difference.low:+.4f} to {difference.high:+.4f}) behind"
