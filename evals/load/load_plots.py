"""Plots of load scenarios, as SVG text."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evals.drawing import AMBER, COLOURS, GREEN, GREY, LINE, RED, STYLE, svg
from evals.load.latency import Spread
from evals.load.legs import legs_shown
from evals.load.measured import Leg, Result
from evals.load.scenarios import IN_TIME_MS


def latency_plot(result: Result) -> str:
    """Milliseconds by percentile, its axis stretched so that each nine has the same room; "" without any slate."""
    lines: list[tuple[str, Spread, str, str]] = []
    for leg, colour in zip(legs_shown(result), itertools.cycle(COLOURS), strict=False):
        lines.append((leg.name, leg.figures.slates.answered, colour, "-"))
        lines.append((f"{leg.name}: refused", leg.figures.slates.refused, colour, ":"))
    lines = [line for line in lines if len(line[1].p) > 1]
    if not lines:
        return ""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 3.4), layout="constrained")
        axes = figure.add_subplot()
        for name, found, colour, style in lines:
            at = [1.0 / (1.0 - float(q) / 100.0) for q in found.p]
            values = list(found.p.values())
            told = f"{name} (n={found.n:,})"
            axes.plot(at, values, style, marker="o", markersize=3, linewidth=1.3, color=colour, label=told)
        _bound(axes)
        axes.set_xscale("log")
        axes.set_yscale("log")
        ticks = [q for q in (50.0, 90.0, 99.0, 99.9, 99.99) if any(f"{q:g}" in found.p for _, found, _, _ in lines)]
        axes.set_xticks([1.0 / (1.0 - q / 100.0) for q in ticks], [f"p{q:g}" for q in ticks])
        axes.minorticks_off()
        _plain_milliseconds(axes, [found for _, found, _, _ in lines])
        axes.set_xlabel("share of slates that took no longer, from when they were due")
        axes.set_ylabel("ms")
        figure.legend(frameon=False, loc="outside lower center", ncols=2)
        return svg(figure)


def time_plot(leg: Leg) -> str:
    """Slates a second by what became of them, and below it their median and p99, over the time they were due."""
    bins = leg.figures.bins
    if len(bins) < 2:
        return ""
    width = bins[1].at_s - bins[0].at_s
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 3.8), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.2, 1.0))
        bottom = [0.0] * len(bins)
        for name, colour, counts in (
            ("in time", GREEN, [b.in_time for b in bins]),
            ("refused (503)", AMBER, [b.refused for b in bins]),
            ("late or wrong", RED, [b.other for b in bins]),
        ):
            if any(counts):
                heights = [count / width for count in counts]
                above.bar([b.at_s for b in bins], heights, width * 0.95, bottom=bottom, color=colour, label=name)
                bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
        above.set_ylabel("slates a second")
        above.set_ylim(bottom=0)
        for name, colour, values in (("p50", GREY, [b.p50 for b in bins]), ("p99", LINE, [b.p99 for b in bins])):
            below.plot([b.at_s for b in bins], values, color=colour, linewidth=1.2, marker=".", label=name)
        _bound(below)
        below.set_yscale("log")
        below.minorticks_off()
        _plain_numbers(below, [value for b in bins for value in (b.p50, b.p99) if not math.isnan(value)])
        below.set_xlabel("seconds")
        below.set_ylabel("ms")
        figure.legend(frameon=False, loc="outside lower center", ncols=6)
        return svg(figure)


def ramp_plot(legs: Sequence[Leg]) -> str:
    """Slates in time against slates asked for, and what the service refused."""
    if len(legs) < 2:
        return ""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 3.0), layout="constrained")
        axes = figure.add_subplot()
        offered = [leg.rate for leg in legs]
        in_time = [leg.figures.goodput for leg in legs]
        refused = [leg.figures.slates.worth.get("refused", 0) / leg.figures.seconds for leg in legs]
        axes.plot(offered, offered, color=GREY, linewidth=1, linestyle=":", label="as many as asked for")
        axes.plot(offered, in_time, color=GREEN, marker="o", markersize=4, label="in time")
        if any(refused):
            axes.plot(offered, refused, color=AMBER, marker="o", markersize=4, label="refused")
        axes.set_xlabel("slates asked for, a second")
        axes.set_ylabel("slates a second")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False)
        return svg(figure)


def _bound(axes: Axes) -> None:
    axes.axhline(IN_TIME_MS, color=LINE, linestyle="--", linewidth=0.8, label="deadline + 50 ms")


def _plain_milliseconds(axes: Axes, found: Sequence[Spread]) -> None:
    _plain_numbers(axes, [ms for one in found for ms in one.p.values()])


def _plain_numbers(axes: Axes, values: Sequence[float]) -> None:
    """Ticks at 1, 2 and 5 times powers of ten, in figures, over what is drawn."""
    low, high = min(*values, IN_TIME_MS / 10.0), max(*values, IN_TIME_MS)
    steps = [base * 10.0**power for power in range(-2, 6) for base in (1, 2, 5)]
    ticks = [step for step in steps if low / 2.0 <= step <= high * 2.0]
    axes.set_yticks(ticks, [f"{tick:,g}" for tick in ticks])
    axes.set_ylim(low / 1.3, high * 1.3)
