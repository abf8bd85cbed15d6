"""The baseline as requests use it: an immutable model over memory-mapped arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.adapters.baseline.blend import Blend, blended
from app.adapters.baseline.copurchase import Copurchase
from app.adapters.baseline.ensemble import Ensemble, Ranker
from app.adapters.baseline.manifest import Manifest
from app.adapters.baseline.sources import Sources
from app.domain.catalog import IntArray
from app.domain.interactions import EventKind, History, Signal


class BlendedBaseline:
    """`app.ports.BaselineModel`. Safe to use from many threads: nothing changes after construction."""

    def __init__(
        self,
        *,
        manifest: Manifest,
        product_ids: tuple[str, ...],
        sources: Sources,
        copurchase: Copurchase,
        ensemble: Ensemble | None = None,
        bestsellers: NDArray[np.float32] | None = None,
        fell_back_from: str | None = None,
    ) -> None:
        self.manifest = manifest
        self.version = manifest.version
        self.product_ids = product_ids
        self.half_life_scale = manifest.parameters.half_life_scale
        self.trained_until = manifest.window.last
        self.fell_back_from = fell_back_from  # the damaged version that this one stands in for
        self._sources = sources
        self._copurchase = copurchase
        self._signals = {EventKind(kind): Signal(*line) for kind, line in manifest.signals.items()}
        self._ranker = Ranker(sources, manifest.blend, self._signals, self.half_life_scale, ensemble, bestsellers)
        self._column_of = {product: column for column, product in enumerate(product_ids)}

    @property
    def blend(self) -> Blend:
        """History bucket → source → weight; the weights of a bucket add up to 1."""
        return self.manifest.blend

    @property
    def popularity(self) -> NDArray[np.float32]:
        """Decayed distinct-shopper popularity, shape (n_products,), maximum 1 (all 0 without interactions)."""
        return self._sources.popularity

    @property
    def trend(self) -> NDArray[np.float32]:
        """Recent growth, shape (n_products,), maximum 1 (all 0 when nothing grows)."""
        return self._sources.trend

    def scores(self, columns: IntArray, weights: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Source → scores, shape (n_products,), best 1, what can't be scored 0; empty for an empty history.

        The one code path for warm, cold and anonymous shoppers: the history is folded in, nothing about a person is
        stored in the model.

        Args:    columns: unique model columns, shape (h,); weights: decayed confidence, positive, shape (h,).
        """
        return self._sources.personal(columns, weights)

    def blended(self, columns: IntArray, weights: NDArray[np.float32], interactions: int) -> NDArray[np.float32]:
        """The blend of all sources as validation measures it; shape (n_products,)."""
        return blended(self._sources, self.blend, columns, weights, interactions)

    @property
    def learned_buckets(self) -> frozenset[str]:
        """History buckets that `ranked` serves by trees or bestsellers; the blend serves the others."""
        return self._ranker.buckets

    def ranked(self, history: History, now: float) -> NDArray[np.float32]:
        """What orders products for this history, the ensemble or the blend; shape (n_products,), 0..1.

        Args:    history: `product` holds model columns; now: epoch seconds, nothing in the history is later.
        """
        return self._ranker.score(history, now)

    def bought_with(self, column: int, k: int) -> Sequence[tuple[int, int, float]]:
        """(column, orders in common, lift) of at most k (up to 20) products most bought with one, best first."""
        return self._copurchase.bought_with(column, k)

    def alike(self, column: int, k: int) -> Sequence[tuple[int, float]]:
        """(column, likeness) of at most k item-item neighbours, most alike first, scaled so that the first is 1."""
        return () if self._sources.item_item is None else self._sources.item_item.nearest(column, k)

    def columns_of(self, product_ids: Sequence[str]) -> IntArray:
        """Model column of each product, -1 where the model does not know it; shape (len(product_ids),)."""
        return np.fromiter((self._column_of.get(p, -1) for p in product_ids), dtype=np.int32, count=len(product_ids))
