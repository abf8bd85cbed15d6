"""One HTML page per evaluation: figures, plots and how they came about, in one file without anything from elsewhere."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from evals.ranking import plots
from evals.ranking.losses import losses
from evals.ranking.page import held_out
from evals.ranking.results import Evaluation
from evals.statistics import HISTORY, Estimate

_OTHER = {
    "coverage": "coverage",
    "novelty": "novelty, bits",
    "diversity": "diversity",
    "popularity": "popularity percentile",
    "gini": "Gini of exposure",
}
_ACCURACY = {
    "precision": "P@10",
    "recall": "recall@10",
    "hit": "hit@10",
    "recall@100": "recall@100",
    "recall@500": "recall@500",
}

_TEMPLATE = Path(__file__).parent / "report.html.j2"


def write_report(result: Evaluation, path: Path) -> None:
    """Writes the page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters |= {
        "interval": _interval,
        "difference": _difference,
        "figure": _figure,
        "safe_svg": Markup,
    }
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        r=result,
        plots=plots,
        segments=HISTORY.names,
        accuracy=_ACCURACY,
        other=_OTHER,
        losses=losses(result),
        held_out=held_out(result),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _interval(e: Estimate, digits: int = 4) -> str:
    return "–" if e.n == 0 else f"{e.value:.{digits}f} [{e.low:.{digits}f}, {e.high:.{digits}f}]"


def _difference(e: Estimate) -> str:
    return "–" if e.n == 0 else f"{e.value:+.4f} [{e.low:+.4f}, {e.high:+.4f}]"


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"
