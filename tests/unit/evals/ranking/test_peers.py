"""Every peer on a shop whose answer is known, and what they reach on real data."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from app.adapters.rule_files import load_rules
from app.settings import shipped_directory
from evals.ranking.metrics import EMPTY, accuracy
from evals.ranking.peer_run import fit_peer, rank_with, top_items
from evals.ranking.peers import SHUFFLE, Peer, Setting, peers, weighed
from evals.ranking.shop_data import ShopData, read_shop
from evals.ranking.split import Protocol, Split, temporal_split
from tests.unit.evals.ranking.toy_shop import CUT, write_shop

ONLINE_RETAIL = Path(__file__).resolve().parents[5] / "shared/data/online_retail_ii"
SIGNALS = load_rules(shipped_directory("rules")).scoring.signal_map()
PERSONAL = ("BPR", "BM25", "cosine", "TF-IDF", "ALS", "EASE^R")
BY_NAME = {peer.name: peer for peer in peers(quick=False)}


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return temporal_split(read_shop(write_shop(tmp_path_factory.mktemp("shop")), "EUR"), SIGNALS, "any", CUT)


def ndcg(fitted_top: np.ndarray, split: Split) -> float:
    """Mean over shoppers with a history."""
    return float(np.nanmean(accuracy(fitted_top, split.relevant)["ndcg"][split.with_history]))


@pytest.mark.parametrize("name", PERSONAL)
def test_a_peer_finds_the_half_that_a_shopper_keeps_to(split: Split, name: str) -> None:
    """Of ten recommendations at least eight are of the shopper's half, where chance gives five."""
    fitted = fit_peer(BY_NAME[name], None, split)
    top, ms = rank_with(fitted.scorer, split, k=10)
    half = np.asarray([int(p[1:]) % 2 for p in split.product_ids])
    own = np.asarray([int(user_id[1:]) % 2 for user_id in split.tested])
    known = split.with_history
    assert (half[top[known]] == own[known, None]).mean() > 0.8
    assert ms > 0


@pytest.mark.parametrize("name", [*PERSONAL, SHUFFLE])
def test_two_fits_agree(split: Split, name: str) -> None:
    """A peer is deterministic: a second run of the evaluation finds the same."""
    first, second = (rank_with(fit_peer(BY_NAME[name], None, split).scorer, split, k=10)[0] for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize("name", [name for name in PERSONAL if BY_NAME[name].folds_in])
def test_folding_a_history_in_needs_no_row_of_train(split: Split, name: str) -> None:
    """The same history gives the same ranking, whoever it is said to be."""
    scorer = BY_NAME[name].fit(split.train, BY_NAME[name].grid[0])
    histories = split.histories[:5]
    one = scorer(np.arange(5, dtype=np.int32), histories)
    other = scorer(np.full(5, -1, dtype=np.int32), histories)
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_strangers_get_what_is_popular(split: Split) -> None:
    """Without a history every peer answers like the popularity control, and only the shuffle does not."""
    nothing = sp.csr_matrix(split.histories.shape, dtype=np.float32)
    popular, _ = rank_with(fit_peer(BY_NAME["popular"], None, split).scorer, split, k=10)
    cosine = fit_peer(BY_NAME["cosine"], None, split).scorer
    assert (rank_with(cosine, split, k=10, histories=nothing)[0] == popular).all()
    shuffled, _ = rank_with(fit_peer(BY_NAME[SHUFFLE], None, split).scorer, split, k=10, strangers_get_popular=False)
    assert (shuffled != popular).any()


def test_the_setting_is_chosen_on_the_validation_slice(split: Split) -> None:
    """Of two settings the one that ranks the slice better is kept, whatever it does to the test part."""

    def fit(matrix: sp.csr_matrix, setting: Setting):  # type: ignore[no-untyped-def]
        sign = float(setting["sign"])
        buyers = np.asarray((matrix > 0).sum(axis=0), dtype=np.float32).ravel()
        return lambda users, _histories: np.tile(sign * buyers, (len(users), 1))

    peer = Peer("signed", fit, ({"sign": -1.0}, {"sign": 1.0}))
    fitted = fit_peer(peer, split, split)
    assert fitted.setting == {"sign": 1.0}
    assert [tried.ndcg for tried in fitted.tried][1] > fitted.tried[0].ndcg
    assert fit_peer(peer, None, split).setting == {"sign": -1.0}


def test_hidden_items_are_never_ranked() -> None:
    """What is hidden is left out even where too little is left, equal scores come by column."""
    scores = np.array([[1.0, 3.0, 3.0, 2.0]], dtype=np.float32)
    hidden = sp.csr_matrix(np.array([[0, 1, 0, 1]], dtype=np.float32))
    assert top_items(scores.copy(), 4, hidden).tolist() == [[2, 0, EMPTY, EMPTY]]
    assert top_items(scores.copy(), 2, None).tolist() == [[1, 2]]
    assert top_items(scores.copy(), 6, None).tolist() == [[1, 2, 3, 0, EMPTY, EMPTY]]


def test_counts_are_weighed_as_the_setting_says() -> None:
    """Binary forgets repeats, log damps them, and the matrix given is not changed."""
    matrix = sp.csr_matrix(np.array([[0.0, 3.0]], dtype=np.float32))
    assert weighed(matrix, "binary").toarray().tolist() == [[0.0, 1.0]]
    assert weighed(matrix, "log")[0, 1] == pytest.approx(np.log(4.0))
    assert matrix[0, 1] == 3.0


# Figures of the data's SOURCES.md, with the settings that give them; nothing here is chosen by the test part.
BINARY: Setting = {"weights": "binary"}
REACHED = [
    ("popular", {}, 0.0447, 0.1160),
    ("cosine", {**BINARY, "neighbours": 20}, 0.0814, 0.2563),
    ("TF-IDF", {**BINARY, "neighbours": 20}, 0.0850, 0.2666),
    ("ALS", {**BINARY, "factors": 128, "regularisation": 10.0, "alpha": 1.0}, 0.0893, 0.2914),
    ("EASE^R", {**BINARY, "regularisation": 1000.0}, 0.0931, 0.2704),
]


@pytest.fixture(scope="module")
def online_retail() -> ShopData:
    if not ONLINE_RETAIL.is_dir():
        pytest.skip("the real data are not here")
    return read_shop(ONLINE_RETAIL, "GBP")


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize(("protocol", "column", "shoppers"), [("novel", 0, 2228), ("any", 1, 2332)])
def test_peers_reach_what_was_measured_elsewhere(
    online_retail: ShopData, protocol: Protocol, column: int, shoppers: int
) -> None:
    """On Online Retail II five peers reach the published NDCG@10 to 2%, over the same number of shoppers."""
    cut = datetime(2011, 9, 1, tzinfo=UTC).timestamp()
    split = temporal_split(online_retail, SIGNALS, protocol, cut)
    assert int(split.with_history.sum()) == shoppers
    for name, setting, *published in REACHED:
        top, _ = rank_with(BY_NAME[name].fit(split.train, setting), split, k=10)
        assert ndcg(top, split) == pytest.approx(published[column], rel=0.02), name
