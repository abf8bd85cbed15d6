"""The quality floor on a real shop, by the protocol of the data's SOURCES.md (novel; train before 2011-09-01)."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from app.adapters.baseline.artefact import load_current
from app.adapters.baseline.matrix import rows_between
from app.adapters.baseline.sources import foldable
from app.adapters.baseline.training import train
from app.adapters.baseline.validation import make_slice, mean, ndcg_by_actor
from tests.adapters.baseline.shops import SIGNALS, online_retail, silent

CUT = datetime(2011, 9, 1, tzinfo=UTC).timestamp()
VALIDATION = datetime(2011, 6, 1, tzinfo=UTC).timestamp()
BEST_PEER_NOVEL = 0.0931


@pytest.mark.slow
@pytest.mark.realdata
def test_the_blend_beats_the_best_tuned_peer(tmp_path: Path) -> None:
    """NDCG@10 (novel) of shoppers with a history exceeds EASE^R tuned on the same split; nothing is chosen on test."""
    log = online_retail()
    report = train(
        rows_between(log, -np.inf, CUT), SIGNALS, tmp_path, now=CUT - 1, tune=False, validation_start=VALIDATION
    )
    model = load_current(tmp_path)
    test = make_slice(log, CUT, float(log.timestamp[-1]) + 1, SIGNALS, 1, most=10_000)
    folded = foldable(test.before, CUT, SIGNALS, report.parameters)
    by_actor = ndcg_by_actor(model.blended, test, folded, "test", silent)
    warm = folded.interactions[test.actors] > 0
    assert int((~np.isnan(by_actor[warm])).sum()) == 2228
    assert mean(by_actor[warm]) > BEST_PEER_NOVEL
