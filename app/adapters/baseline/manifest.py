"""The manifest of an artefact: what it was made from, how well it did, and the hash of every file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.adapters.baseline.parameters import Parameters

FORMAT = 1
"""Raised when the meaning of an artefact's files changes; another format is not opened."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataWindow(_Frozen):
    """The interactions that the model has seen. Times are epoch seconds, None without interactions."""

    first: float | None
    last: float | None
    events: int
    actors: int
    products: int  # with at least one interaction


class Quality(_Frozen):
    """Figures on the validation slice; None where nobody could be scored. Every figure is a mean NDCG@10."""

    start: float | None = None  # of the slice, epoch seconds
    end: float | None = None
    actors: int = 0  # with a novel relevant product: the n of `novel`
    strong_signals: bool = True  # False: any positive signal counted as relevant
    novel: dict[str, float | None] = {}  # blend, every source, popular, shuffle
    novel_interval: tuple[float, float] | None = None  # 95% bootstrap interval of the blend over actors
    anything: float | None = None  # blend, nothing excluded
    by_bucket: dict[str, tuple[int, float]] = {}  # history bucket → actors, blend


class Verdict(_Frozen):
    """How the learned ensemble did against the blend on the validation slice; None where nothing was measured.

    Every figure is a mean NDCG@10 over the same shoppers; neither the trees nor this blend have seen the slice.
    Intervals are 95% bootstrap intervals of the mean paired difference, ensemble - blend.
    """

    reason: str = ""
    actors: int = 0  # with a novel relevant product
    novel: float | None = None
    blend_novel: float | None = None
    novel_interval: tuple[float, float] | None = None
    anything: float | None = None  # nothing excluded
    blend_anything: float | None = None
    anything_interval: tuple[float, float] | None = None
    interval: tuple[float, float] | None = None  # of the mean of both
    buckets: tuple[str, ...] = ()  # history buckets that the ensemble serves; empty = the blend serves all


class FirstVisit(_Frozen):
    """What shoppers without a history get, by those of the validation slice; None where too few were there.

    The interval is a 95% bootstrap interval of the mean paired difference in NDCG@10, bestsellers - otherwise.
    """

    bestsellers: bool = False  # False: what serves everybody else, trees or blend
    actors: int = 0
    ndcg_bestsellers: float | None = None
    ndcg_otherwise: float | None = None
    interval: tuple[float, float] | None = None


class FileEntry(_Frozen):
    """Size and hash of one file."""

    size: int
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Manifest(_Frozen):
    """manifest.json."""

    format: int = FORMAT
    version: str
    created: str  # ISO time of the clock that training ran under
    code_version: str
    seed: int
    window: DataWindow
    parameters: Parameters
    unit: float  # weight of the strongest signal
    blend: dict[str, dict[str, float]]
    quality: Quality
    signals: dict[str, tuple[float, float]] = {}  # kind → weight, half-life in days: what histories are weighed by
    ensemble: Verdict = Verdict(reason="not trained")
    first_visit: FirstVisit = FirstVisit()
    files: dict[str, FileEntry]
