"""What shoppers without a history get, and who decides it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.adapters.baseline.artefact import load_current
from app.adapters.baseline.first_visit import FEWEST, first_visit
from app.adapters.baseline.popularity import bestsellers
from app.adapters.baseline.training import train
from app.adapters.baseline.validation import make_slice
from app.domain.interactions import NO_HISTORY, History, InteractionLog
from tests.adapters.baseline.shops import DAY, NOW, SIGNALS, K, Row, log_of, silent

N_PRODUCTS = 20
SLICE_DAYS = 14.0


def shop(newcomers: int = FEWEST + 10, wanted: int = 0) -> InteractionLog:
    """Product 0 was bought by most, long ago; product 1 sells now; newcomers of the last two weeks buy `wanted`."""
    rows: list[Row] = [(a, 0, K.PURCHASE, 100.0 + a % 20) for a in range(100)]
    rows += [(a, 2 + a % (N_PRODUCTS - 2), K.PURCHASE, 60.0 - a % 30) for a in range(100)]
    rows += [(100 + a, 1, K.PURCHASE, 16.0 + a % 5) for a in range(40)]
    rows += [(140 + a, wanted, K.PURCHASE, 13.0 - a % 12) for a in range(newcomers)]
    rows += [(a, 2 + (a + 1) % (N_PRODUCTS - 2), K.PURCHASE, 10.0 - a % 9) for a in range(100)]
    return log_of(rows, N_PRODUCTS)


class NowFirst:
    """Ranks product 1 first for everybody."""

    half_life_scale = 1.0

    def score(self, history: History, now: float) -> NDArray[np.float32]:
        scores = np.linspace(0.4, 0.0, N_PRODUCTS, dtype=np.float32)[::-1].copy()
        scores[1] = 1.0
        return scores


def verdict(log: InteractionLog):
    part = make_slice(log, NOW - SLICE_DAYS * DAY, NOW, SIGNALS, seed=1)
    return first_visit(part, NowFirst(), SIGNALS, seed=1, progress=silent)  # type: ignore[arg-type]


def test_bestsellers_count_shoppers_once_each_and_forget_nothing() -> None:
    """A hundred purchases of one shopper are one; what nobody took is 0; what speaks against a product counts not."""
    log = log_of(
        [*((0, 3, K.PURCHASE, 5.0 + i) for i in range(100)), (1, 4, K.VIEW, 900.0), (2, 4, K.PURCHASE, 1.0)], 6
    )
    assert bestsellers(log, SIGNALS).tolist() == [0.0, 0.0, 0.0, 0.5, 1.0, 0.0]
    assert bestsellers(log_of([(0, 1, K.DISMISS, 3.0)], 3), SIGNALS).tolist() == [0.0, 0.0, 0.0]


def test_new_shoppers_of_the_slice_decide() -> None:
    """Where newcomers buy the old bestseller it comes first, where they buy what sells now the ranker stays."""
    found = verdict(shop(wanted=0))
    assert found.bestsellers
    assert found.actors == FEWEST + 10
    assert found.ndcg_bestsellers == pytest.approx(1.0)
    assert found.interval is not None
    assert found.interval[0] > 0
    kept = verdict(shop(wanted=1))
    assert not kept.bestsellers
    assert kept.ndcg_otherwise == pytest.approx(1.0)


def test_shoppers_with_a_history_have_no_say() -> None:
    """A hundred of them lie in the slice too; only newcomers are counted."""
    assert verdict(shop(newcomers=FEWEST)).actors == FEWEST


def test_too_few_newcomers_decide_nothing() -> None:
    """Under FEWEST the order stays what it was, whatever they bought."""
    found = verdict(shop(newcomers=FEWEST - 1, wanted=0))
    assert not found.bestsellers
    assert found.ndcg_bestsellers is None


def test_a_trained_model_serves_bestsellers_to_newcomers_only(tmp_path: Path) -> None:
    """The artefact keeps them, `ranked` serves them, and a shopper with a history gets something else."""
    report = train(shop(), SIGNALS, tmp_path, now=NOW, tune=False, validation_start=NOW - SLICE_DAYS * DAY)
    assert report.published
    model = load_current(tmp_path)
    assert model.manifest.first_visit.bestsellers
    assert "0" in model.learned_buckets
    scores = model.ranked(NO_HISTORY, NOW)
    assert scores.argmax() == 0
    order = np.argsort(-bestsellers(shop(), SIGNALS), kind="stable")
    assert (np.diff(scores[order]) <= 0).all()
    assert 0.0 <= scores.min() <= scores.max() <= 1.0
    one = History(*(np.array([v], t) for v, t in ((5, np.int32), (4, np.int8), (NOW - DAY, float), (1, np.int32))))
    assert model.ranked(one, NOW).tolist() != scores.tolist()
