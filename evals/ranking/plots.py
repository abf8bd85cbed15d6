"""Plots of an evaluation as SVG text, for a page that loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evals.drawing import AMBER, GREEN, GREY, RED, STYLE, svg
from evals.ranking.results import ColdResult, Evaluation, ModelResult, TradeoffPoint
from evals.statistics import HISTORY, Estimate

SERVICE_COLOUR, BEST_COLOUR, OTHER_COLOUR, POPULAR_COLOUR = GREEN, RED, GREY, AMBER


def accuracy_plot(result: Evaluation) -> str:
    """NDCG@10 of every recommender with its interval, best on top."""
    models = list(reversed(result.models))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 0.34 * len(models) + 1.0), layout="constrained")
        axes = figure.add_subplot()
        for y, model in enumerate(models):
            _interval(axes, y, model.metrics["ndcg"], _colour(model, result.best_peer))
        axes.set_yticks(range(len(models)), [model.name for model in models])
        axes.set_xlabel("NDCG@10, 95% interval")
        axes.set_xlim(left=0)
        return svg(figure)


def segment_plot(result: Evaluation) -> str:
    """NDCG@10 by length of history: the service, the best peer, popular."""
    chosen = [model for model in result.models if model.name in {"Shelfwise", result.best_peer, "popular"}]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 3.2), layout="constrained")
        axes = figure.add_subplot()
        for i, model in enumerate(chosen):
            found = [(x, model.segments[name]) for x, name in enumerate(HISTORY.names) if model.segments[name].n >= 20]
            at = [x + 0.12 * (i - 1) for x, _ in found]
            _series(axes, at, [e for _, e in found], _colour(model, result.best_peer), model.name)
        counts = result.models[0].segments
        axes.set_xticks(range(len(HISTORY.names)), [f"{name}\nn={counts[name].n:,}" for name in HISTORY.names])
        axes.set_xlabel("interactions before the cut (segments of fewer than 20 shoppers are left out)")
        axes.set_ylabel("NDCG@10")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False)
        return svg(figure)


def beyond_plot(result: Evaluation) -> str:
    """NDCG@10 against catalogue coverage: being right and showing more than bestsellers."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 3.4), layout="constrained")
        axes = figure.add_subplot()
        places = [(m.metrics["coverage"].value, m.metrics["ndcg"].value) for m in result.models]
        _named_points(
            axes, places, [m.name for m in result.models], [_colour(m, result.best_peer) for m in result.models]
        )
        axes.set_xlabel("catalogue coverage: share of products in at least one slate")
        axes.set_ylabel("NDCG@10")
        axes.set_ylim(bottom=0)
        return svg(figure)


def cold_plot(results: Sequence[ColdResult]) -> str:
    """NDCG@10 by the number of interactions shown: the service, popular, and the best peer at each number."""
    lines: dict[str, list[ColdResult]] = {"Shelfwise": [], "popular": [], "best folded-in peer": []}
    for result in results:
        if result.name in lines:
            lines[result.name].append(result)
        elif result.against_best_peer is None:
            lines["best folded-in peer"].append(result)
    colours = (SERVICE_COLOUR, POPULAR_COLOUR, BEST_COLOUR)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 3.0), layout="constrained")
        axes = figure.add_subplot()
        for i, (name, found) in enumerate(lines.items()):
            ordered = sorted(found, key=lambda r: r.shown)
            _series(axes, [r.shown + 0.06 * (i - 1) for r in ordered], [r.ndcg for r in ordered], colours[i], name)
        axes.set_xticks(sorted({r.shown for r in results}))
        axes.set_xlabel("last interactions shown")
        axes.set_ylabel("NDCG@10")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False)
        return svg(figure)


def tradeoff_plot(points: Sequence[TradeoffPoint]) -> str:
    """NDCG@10 against margin per slate for each weighing."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 3.6), layout="constrained")
        axes = figure.add_subplot()
        places = [(p.margin_per_slate.value, p.ndcg.value) for p in points]
        colours = [BEST_COLOUR if p.name.startswith("margin") else SERVICE_COLOUR for p in points]
        _named_points(axes, places, [p.name for p in points], colours)
        axes.axhline(0.9 * points[0].ndcg.value, color=OTHER_COLOUR, linestyle=":", linewidth=1)
        axes.annotate("90% of relevance", (axes.get_xlim()[0], 0.9 * points[0].ndcg.value), fontsize=8, va="bottom")
        axes.set_xlabel("margin per slate of ten, currency units")
        axes.set_ylabel("NDCG@10")
        axes.set_ylim(bottom=0)
        return svg(figure)


def _named_points(
    axes: Axes, places: Sequence[tuple[float, float]], names: Sequence[str], colours: Sequence[str]
) -> None:
    """Points with their names in a column beside the plot, in the points' order from the top, a line to each.

    Names beside the points themselves lie on top of each other wherever recommenders are about as good.
    """
    ordered = sorted(range(len(places)), key=lambda i: -places[i][1])
    for rank, i in enumerate(ordered):
        axes.plot(*places[i], "o", color=colours[i])
        axes.annotate(
            names[i],
            places[i],
            xytext=(1.04, 0.97 - 0.94 * rank / max(1, len(ordered) - 1)),
            textcoords="axes fraction",
            fontsize=8,
            color=colours[i],
            va="center",
            arrowprops={"arrowstyle": "-", "relpos": (0.0, 0.5), "color": colours[i], "linewidth": 0.5, "alpha": 0.6},
        )


def _series(axes: Axes, at: Sequence[float], estimates: Sequence[Estimate], colour: str, label: str) -> None:
    values = [e.value for e in estimates]
    below = [e.value - e.low for e in estimates]
    above = [e.high - e.value for e in estimates]
    axes.errorbar(at, values, yerr=[below, above], color=colour, marker="o", capsize=2, linewidth=1.2, label=label)


def _interval(axes: Axes, y: float, e: Estimate, colour: str) -> None:
    axes.errorbar(e.value, y, xerr=[[e.value - e.low], [e.high - e.value]], color=colour, marker="o", capsize=3)
    axes.annotate(f"{e.value:.4f}", (e.high, y), textcoords="offset points", xytext=(6, -3), fontsize=8)


def _colour(model: ModelResult, best_peer: str) -> str:
    if model.kind == "service":
        return SERVICE_COLOUR
    if model.name == best_peer:
        return BEST_COLOUR
    return POPULAR_COLOUR if model.name == "popular" else OTHER_COLOUR
