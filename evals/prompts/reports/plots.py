"""Plots of a run as SVG text, for a page that loads nothing from elsewhere."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from evals.drawing import COLOURS, GREEN, GREY, LINE, RED, STYLE, svg
from evals.prompts.results import Comparison, Report, name_of
from evals.prompts.verdicts import EVERYTHING

_BETTER, _WORSE, _NEITHER = GREEN, RED, GREY


def difference_plot(report: Report, comparison: Comparison) -> str:
    """The paired difference of every check that is a share, over all scenarios, with its interval; "" of none."""
    check_of = {check.name: check for check in report.checks}
    rows = [
        v
        for v in comparison.verdicts
        if v.segment == EVERYTHING
        and v.difference.n
        and -1.0 <= v.difference.low <= v.difference.high <= 1.0
        and report.shown(check_of[v.check], simulated=comparison.simulated)
        and (v.difference.low, v.difference.high) != (0.0, 0.0)
    ]
    if not rows:
        return ""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 0.3 * len(rows) + 1.0), layout="constrained")
        axes = figure.add_subplot()
        for y, v in enumerate(reversed(rows)):
            e = v.difference
            colour = {"better": _BETTER, "worse": _WORSE}.get(v.outlook, _NEITHER)
            axes.plot([e.low, e.high], [y, y], color=colour, linewidth=2, solid_capstyle="round")
            axes.plot([e.value], [y], "o", color=colour, markersize=5)
        axes.axvline(0.0, color=LINE, linewidth=1)
        axes.set_yticks(range(len(rows)), [v.check for v in reversed(rows)])
        axes.set_xlabel("new less old, 95% interval; coloured where the corrected test finds a difference")
        return svg(figure)


def time_plot(report: Report, deadline_s: float | None) -> str:
    """Share of scenarios whose order was complete by a time; "" where no stream was watched."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 3.0), layout="constrained")
        axes = figure.add_subplot()
        drawn = False
        for colour, run in zip(COLOURS, report.runs, strict=False):
            times = np.sort([o.seconds_to_order for o in run.plain if o.seconds_to_order is not None])
            if len(times):
                drawn = True
                told = f"{name_of(run)}{' (simulated)' if run.simulated else ''}"
                axes.step(times, np.arange(1, len(times) + 1) / len(run.plain), where="post", color=colour, label=told)
        if not drawn:
            return ""
        if deadline_s is not None:
            axes.axvline(deadline_s, color=LINE, linestyle="--", linewidth=1, label=f"deadline, {deadline_s:g} s")
        axes.set_xlabel("seconds until the order was complete")
        axes.set_ylabel("share of scenarios")
        axes.set_ylim(0, 1.02)
        axes.set_xlim(left=0)
        axes.legend(frameon=False, loc="lower right")
        return svg(figure)
