"""Splits: what is known, what is to be foreseen, and that neither leaks into the other."""

from dataclasses import replace

import numpy as np
import pytest

from app.domain.errors import BadInput
from app.domain.interactions import KINDS, EventKind, Signal
from evals.ranking.shop_data import ShopData, read_shop
from evals.ranking.split import Split, choose_cuts, last_out_split, temporal_split
from tests.unit.evals.ranking.toy_shop import CUT, DAY_S, START, write_shop

SIGNALS = {
    EventKind.VIEW: Signal(1, 14),
    EventKind.ADD_TO_CART: Signal(4, 30),
    EventKind.PURCHASE: Signal(10, 120),
    EventKind.REFUND: Signal(-10, 120),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> ShopData:
    return read_shop(write_shop(tmp_path_factory.mktemp("shop")), "EUR")


def bought(data: ShopData, user_id: str, first: float, last: float) -> set[str]:
    """Products that a shopper bought in a span of time, straight from the events."""
    rows = data.events.to_pylist()
    return {
        row["product_id"]
        for row in rows
        if row["user_id"] == user_id and row["type"] == "purchase" and first <= row["timestamp"] < last
    }


def products_of(split: Split, matrix: object, row: int) -> set[str]:
    """Product ids of one row of a matrix."""
    return {split.product_ids[column] for column in matrix[row].indices}  # type: ignore[index]


def test_novel_foresees_first_purchases_of_products_that_existed(shop: ShopData) -> None:
    """Relevant = bought after the cut, not before it, and sold before the cut; counted by hand for every shopper."""
    split = temporal_split(shop, SIGNALS, "novel", CUT)
    existed = set(split.product_ids)
    assert {"p38", "p39"}.isdisjoint(existed)
    for row, user_id in enumerate(split.tested):
        before, after = bought(shop, user_id, 0, CUT), bought(shop, user_id, CUT, np.inf)
        assert products_of(split, split.relevant, row) == (after & existed) - before
        assert products_of(split, split.owned, row) == before
        assert products_of(split, split.foreseen, row) == after & existed


def test_any_foresees_everything_bought(shop: ShopData) -> None:
    """Under `any` what was owned counts too, and nothing is excluded."""
    split = temporal_split(shop, {EventKind.PURCHASE: Signal(10, 120)}, "any", CUT)
    assert not split.excludes_owned
    row = int(np.argmax(split.owned.getnnz(axis=1)))
    assert products_of(split, split.relevant, row) == bought(shop, split.tested[row], CUT, np.inf) & set(
        split.product_ids
    )


def test_nothing_of_the_train_part_depends_on_what_comes_after(shop: ShopData) -> None:
    """With the purchases after the cut moved to one product, train and catalogue stay as they are.

    Those of the two products that came later stay: in a shop without creation dates only events tell that they did.
    """
    moved = (shop.timestamp >= CUT) & (shop.product < 38)
    other = replace(shop, product=np.where(moved, shop.product[0], shop.product))
    assert moved.any()
    one, two = (temporal_split(data, SIGNALS, "any", CUT) for data in (shop, other))
    assert one.product_ids == two.product_ids
    assert one.user_ids == two.user_ids
    assert (one.train != two.train).nnz == 0


def test_a_purchase_weighs_more_than_a_view(shop: ShopData) -> None:
    """Strengths are sums of the rules' weights, 1 for one of the strongest kind."""
    split = temporal_split(shop, SIGNALS, "novel", CUT)
    user = split.user_ids[0]
    rows = [r for r in shop.events.to_pylist() if r["user_id"] == user and r["timestamp"] < CUT]
    expected = sum({"purchase": 1.0, "view": 0.1}[r["type"]] for r in rows)
    assert float(split.train[0].sum()) == pytest.approx(expected, rel=1e-5)
    assert split.relevant_kinds == ("purchase",)


def test_weaker_signs_count_where_purchases_are_too_few(shop: ShopData) -> None:
    """With 60 shoppers, fewer than the 200 that are enough, the kinds that most of them have after the cut count."""
    few = replace(shop, kind=np.where(shop.timestamp >= CUT, KINDS.index(EventKind.VIEW), shop.kind).astype(np.int8))
    assert "view" in temporal_split(few, SIGNALS, "any", CUT).relevant_kinds
    with pytest.raises(BadInput, match="Only 0 shoppers"):
        temporal_split(few, {EventKind.PURCHASE: Signal(10, 120)}, "any", CUT)


def test_shoppers_without_history_are_tested_apart(shop: ShopData) -> None:
    """Somebody who comes after the cut for the first time is tested, with row -1 and 0 interactions."""
    new = replace(shop, user=np.where((shop.user == 5) & (shop.timestamp < CUT), -1, shop.user))
    split = temporal_split(new, SIGNALS, "any", CUT)
    row = split.tested.index(new.user_ids[5])
    assert split.rows[row] == -1
    assert split.interactions[row] == 0
    assert not split.with_history[row]
    assert new.user_ids[5] not in split.user_ids


def test_leave_last_out_holds_out_the_last_day(shop: ShopData) -> None:
    """Of each shopper exactly the last day with a purchase is held out; who came on one day only stays in train."""
    split = last_out_split(shop, SIGNALS)
    for user in range(len(shop.user_ids)):
        own = shop.user == user
        held_out = own & ~split.train_events
        days = np.floor(shop.timestamp / DAY_S)
        if held_out.any():
            assert set(days[held_out]) == set(days[own & held_out])
            assert days[own & split.train_events].max() < days[held_out].min()
            assert len(bought(shop, shop.user_ids[user], days[held_out].min() * DAY_S, np.inf)) > 0


def test_leave_last_out_inside_a_train_part_never_sees_the_test_day(shop: ShopData) -> None:
    """The validation split of leave-last-out uses events of the train part only."""
    split = last_out_split(shop, SIGNALS)
    inner = last_out_split(shop, SIGNALS, within=split.train_events)
    assert not (inner.train_events & ~split.train_events).any()
    assert inner.train_events.sum() < split.train_events.sum()


def test_cuts_follow_from_times_alone(shop: ShopData) -> None:
    """The test part is the shortest share that holds enough shoppers, whole days, the slice before it as long."""
    cuts = choose_cuts(shop, SIGNALS, "any")
    last = float(shop.timestamp.max())
    assert START < cuts.validation < cuts.test < last
    assert cuts.test % DAY_S == 0
    assert cuts.test - cuts.validation == pytest.approx(last - cuts.test, abs=2 * DAY_S)
    # 60 shoppers are never the 200 that would be enough: the largest share is taken.
    assert last - cuts.test == pytest.approx(0.4 * (last - START), rel=0.1)


def test_too_few_shoppers_are_refused_with_what_to_do(shop: ShopData) -> None:
    """A cut behind almost everything leaves nobody to test on."""
    with pytest.raises(BadInput, match="earlier --cut"):
        temporal_split(shop, SIGNALS, "novel", float(shop.timestamp.max()))
