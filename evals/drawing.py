"""How plots of evaluations are drawn: one style, and SVG as text for pages that load nothing from elsewhere."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: it can be searched, and read aloud
    "svg.hashsalt": "shelfwise",  # the same figures give the same file
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "savefig.transparent": True,
    "text.parse_math": False,  # a name may hold a dollar
}

GREEN, RED, BLUE, AMBER, GREY = "#0b6e4f", "#c8553d", "#4059ad", "#d4a017", "#8d99ae"
COLOURS = (GREEN, RED, BLUE, AMBER, GREY)
LINE = "#555555"
"""Of bounds and axes drawn across a plot."""


def svg(figure: Figure) -> str:
    """The figure as an element: what stands before it (XML declaration, document type) is for files."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]
