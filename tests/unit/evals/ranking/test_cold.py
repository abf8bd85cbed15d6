"""What is shown of a shopper, simulated interests, and rankings among new products."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from app.adapters.rule_files import load_rules
from app.settings import shipped_directory
from evals.ranking.cold import glimpse, only, simulated_interests
from evals.ranking.experiment import Arena
from evals.ranking.metrics import EMPTY
from evals.ranking.shop_data import read_shop
from evals.ranking.split import temporal_split
from tests.unit.evals.ranking.toy_shop import CUT, write_shop

SIGNALS = load_rules(shipped_directory("rules")).scoring.signal_map()


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Arena:
    data = read_shop(write_shop(tmp_path_factory.mktemp("shop")), "EUR")
    split = temporal_split(data, SIGNALS, "novel", CUT)
    return cast(Arena, SimpleNamespace(data=data, split=split, signals=SIGNALS))


@pytest.mark.parametrize("last", [0, 1, 3])
def test_a_glimpse_is_the_last_interactions_before_the_cut(ground: Arena, last: int) -> None:
    """For every shopper exactly the newest events before the cut, by hand."""
    seen = glimpse(ground, last)
    rows = ground.data.events.to_pylist()
    for i, user_id in enumerate(ground.split.tested):
        own = [row for row in rows if row["user_id"] == user_id and row["timestamp"] < CUT]
        newest = sorted(own, key=lambda row: -row["timestamp"])[:last]
        shown = {ground.split.product_ids[c] for c in seen.histories[i].indices}
        assert shown == {row["product_id"] for row in newest}
        owned = {ground.split.product_ids[c] for c in seen.owned[i].indices}
        assert owned == {row["product_id"] for row in newest if row["type"] == "purchase"}


def test_all_of_a_history_is_the_history(ground: Arena) -> None:
    """A glimpse of everything has the strengths that the split has."""
    seen = glimpse(ground, 10_000)
    assert abs(seen.histories - ground.split.histories).max() < 1e-4


def test_simulated_interests_name_the_categories_bought_from(ground: Arena) -> None:
    """Who buys lamps only is interested in lamps."""
    interests = simulated_interests(ground)
    for user_id, preferences in interests.items():
        assert preferences.interests == (("Lamps",) if int(user_id[1:]) % 2 else ("Chairs",))


def test_new_products_are_ranked_among_themselves() -> None:
    """What is not new is taken out, the order stays, and empty places come last."""
    ranking = np.array([[3, 1, 0, 2], [1, EMPTY, EMPTY, EMPTY]], dtype=np.int32)
    is_new = np.array([True, False, True, True])
    assert only(ranking, is_new).tolist() == [[3, 0, 2, EMPTY], [EMPTY, EMPTY, EMPTY, EMPTY]]


def test_the_last_product_of_the_catalogue_is_no_empty_place() -> None:
    """EMPTY must not be read as the last column, which is new here."""
    assert only(np.array([[EMPTY, 2]], dtype=np.int32), np.array([False, False, True])).tolist() == [[2, EMPTY]]


def test_words_of_names_stand_in_where_there_are_no_categories(tmp_path: Path) -> None:
    """Without categories the telling words of the names are taken, and numbers are none."""
    folder = write_shop(tmp_path)
    text = (folder / "products.jsonl").read_text()
    for name in ("Lamps", "Chairs"):
        text = text.replace(f'"category": "Home > {name}", ', "")
    (folder / "products.jsonl").write_text(text)
    data = read_shop(folder, "EUR")
    ground = cast(Arena, SimpleNamespace(data=data, split=temporal_split(data, SIGNALS, "novel", CUT), signals=SIGNALS))
    for user_id, preferences in simulated_interests(ground).items():
        expected = {"red", "lamp", "number"} if int(user_id[1:]) % 2 else {"blue", "chair", "number"}
        assert set(preferences.interests) == expected
