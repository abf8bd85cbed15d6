"""What an evaluation found, as it is written to JSON."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import orjson
from pydantic import TypeAdapter, ValidationError

from app.domain.errors import BadInput
from evals.statistics import Estimate

Kind = Literal["service", "peer", "control"]


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One recommender. Figures are over shoppers with a history, except `segments`."""

    name: str
    kind: Kind
    metrics: Mapping[str, Estimate]  # ndcg, precision, recall, hit, coverage, novelty, …
    segments: Mapping[str, Estimate]  # history → NDCG@10, all tested shoppers
    ms_per_shopper: float  # one ranking; of a peer its share of a batch
    setting: Mapping[str, int | float | str] = field(default_factory=dict)
    tried: int = 1  # settings of its grid
    validation_ndcg: float | None = None
    fit_s: float | None = None
    fit_mib: float | None = None  # peak beyond what was resident before fitting
    against_best_peer: Estimate | None = None  # paired difference in NDCG@10
    segments_against_best_peer: Mapping[str, Estimate] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class ServiceCost:
    """What making the service's data folder took."""

    import_s: float
    embed_s: float
    train_s: float
    peak_mib: float | None
    import_peak_mib: float | None
    messages: Sequence[str]


@dataclass(frozen=True, slots=True)
class ColdResult:
    """One recommender for shoppers of whom only the last `shown` interactions are known."""

    shown: int
    name: str
    ndcg: Estimate  # relevant: what was bought after the cut and is not among what is shown
    strict: Estimate | None  # relevant: what was bought after the cut for the first time; None outside of `novel`
    against_popular: Estimate | None = None  # paired, of `ndcg`
    against_best_peer: Estimate | None = None  # the best of those that fold the same history in


@dataclass(frozen=True, slots=True)
class StatedResult:
    """Shoppers known by stated interests alone."""

    name: str
    ndcg: Estimate
    against_nothing: Estimate | None = None  # paired, against the same service told nothing
    note: str = ""


@dataclass(frozen=True, slots=True)
class NewItemResult:
    """How products without any interaction are placed."""

    name: str
    share_among_candidates: Estimate  # of the held-out products that the shopper bought
    ndcg_among_new: Estimate  # ranking of the held-out products among themselves


@dataclass(frozen=True, slots=True)
class Cold:
    """Cold start: few interactions, none but stated interests, and products nobody has bought yet."""

    histories: Sequence[ColdResult]
    stated: Sequence[StatedResult] = ()
    new_items: Sequence[NewItemResult] = ()
    new_items_held_out: int = 0


@dataclass(frozen=True, slots=True)
class TradeoffPoint:
    """One weighing of the shop's interest against the shopper's."""

    name: str
    weights: Mapping[str, float]
    ndcg: Estimate
    margin_per_slate: Estimate  # sum of price - cost over the slate, in currency units
    margin_rate: Estimate  # mean (price - cost) / price
    kept: Estimate | None = None  # NDCG@10 as a share of that of mode relevance, ratio of means


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One run of `shelfwise eval ranking`."""

    data: str
    protocol: str
    cut: str
    validation_cut: str
    events: int
    train_events: int
    products: int  # that existed at the cut
    train_shoppers: int
    tested: int
    tested_with_history: int
    relevant_each: float  # mean over those with a history
    left_out: int
    relevant_kinds: Sequence[str]
    models: Sequence[ModelResult]
    best_peer: str
    service: ServiceCost | None
    baseline_version: str | None
    embedded: bool
    quick: bool
    seed: int
    resamples: int
    machine: Mapping[str, Any]
    cold: Cold | None = None
    tradeoff: Sequence[TradeoffPoint] = ()


def machine() -> Mapping[str, Any]:
    """Cores, memory, processor and the versions that figures depend on."""
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    info = Path("/proc/cpuinfo")
    names = [] if not info.exists() else [line for line in info.read_text().splitlines() if "model name" in line]
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30),
        "cpu": names[0].split(":", 1)[1].strip() if names else platform.processor(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "implicit": version("implicit"),
    }


def write_json(result: Any, path: Path) -> None:
    """Writes a result; what is not a number becomes null, figures keep six significant digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(plain(result), option=orjson.OPT_INDENT_2) + b"\n")


def plain(value: Any) -> Any:
    """The value as JSON holds it."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def read_json(path: Path) -> dict[str, Any]:
    """A result as written."""
    return cast(dict[str, Any], orjson.loads(path.read_bytes()))


def read_evaluation(path: Path) -> Evaluation:
    """An evaluation as written.

    Raises: BadInput: there is no such file, or it holds something else.
    """
    try:
        return TypeAdapter(Evaluation).validate_python(_unwritten(read_json(path)))
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist; run `shelfwise eval ranking` without --add first.") from error
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise BadInput(f"{path} is no result of `shelfwise eval ranking`; run it again.") from error


def _unwritten(value: Any) -> Any:
    """The value with the figures of estimates that JSON could not hold."""
    if isinstance(value, dict):
        if value.keys() == {"value", "low", "high", "n"}:
            return {key: math.nan if figure is None else figure for key, figure in value.items()}
        return {key: _unwritten(item) for key, item in value.items()}
    return [_unwritten(item) for item in value] if isinstance(value, list) else value
