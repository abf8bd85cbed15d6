"""A folder read, and the same folder as it was at an earlier time."""

from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from app.domain.errors import BadInput
from app.domain.interactions import KINDS, EventKind
from evals.ranking.shop_data import NOBODY, existing, read_shop, write_train
from tests.unit.evals.ranking.toy_shop import CUT, write_shop


def lines(path: Path) -> list[dict[str, object]]:
    """Rows of a JSON lines file."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_codes_name_what_the_file_says(tmp_path: Path) -> None:
    """User, product, kind and time of every event are those of its line."""
    folder = write_shop(tmp_path)
    data = read_shop(folder, "EUR")
    for i, line in enumerate((folder / "events.csv").read_text().splitlines()[1:50]):
        user, product, kind, _, _, at, _ = line.split(",")
        assert data.user_ids[data.user[i]] == user
        assert data.product_ids[data.product[i]] == product
        assert KINDS[data.kind[i]] is EventKind(kind)
        assert data.timestamp[i] == float(at)
    assert data.rejected == 0


def test_a_row_that_an_import_refuses_is_counted_and_left_out(tmp_path: Path) -> None:
    """An event without a time is no event here either; one of an unknown product names nothing."""
    folder = write_shop(tmp_path)
    with (folder / "events.csv").open("a") as file:
        file.write("u1,p1,purchase,1,9.50,not a time,o1\nu1,never heard of,purchase,1,9.50,1600041700,o1\n")
    data = read_shop(folder, "EUR")
    assert data.rejected == 1
    assert data.product[-1] == NOBODY


def test_the_earlier_folder_holds_nothing_of_later(tmp_path: Path) -> None:
    """No event, product or price from after the cut is in what the service gets to import."""
    data = read_shop(write_shop(tmp_path / "shop"), "EUR")
    train = data.timestamp < CUT
    write_train(data, train, existing(data, train, CUT), CUT, tmp_path / "then")
    events = pq.read_table(tmp_path / "then" / "events.parquet")
    assert len(events) == int(train.sum())
    assert max(events["timestamp"].to_pylist()) < CUT
    products = {str(row["product_id"]): row for row in lines(tmp_path / "then" / "products.jsonl")}
    assert {"p38", "p39"}.isdisjoint(products)
    assert products["p0"]["price"] == "10.00"  # 20.00 only since a day after the cut
    assert products["p1"]["price"] == "20.00"  # without a history: as it is
    assert len(lines(tmp_path / "then" / "price_history.jsonl")) == 1


def test_the_earlier_folder_reads_as_the_same_events(tmp_path: Path) -> None:
    """Written and read again, the train part has the same users, products, kinds and times in the same order."""
    data = read_shop(write_shop(tmp_path / "shop"), "EUR")
    train = data.timestamp < CUT
    write_train(data, train, existing(data, train, CUT), CUT, tmp_path / "then")
    again = read_shop(tmp_path / "then", "EUR")
    assert again.timestamp.tolist() == data.timestamp[train].tolist()
    assert [again.user_ids[u] for u in again.user] == [data.user_ids[u] for u in data.user[train]]
    assert [again.product_ids[p] for p in again.product] == [data.product_ids[p] for p in data.product[train]]
    assert again.kind.tolist() == data.kind[train].tolist()


def test_a_stated_creation_date_decides_before_events_do(tmp_path: Path) -> None:
    """A product created after the cut did not exist, one created before it did although nobody touched it."""
    folder = write_shop(tmp_path)
    with (folder / "products.jsonl").open("a") as file:
        for product_id, created in (("old", CUT - 1), ("young", CUT + 1)):
            file.write(f'{{"productId": "{product_id}", "name": "x", "createdAt": {created}}}\n')
    data = read_shop(folder, "EUR")
    there = existing(data, data.timestamp < CUT, CUT)
    found = dict(zip(data.product_ids, there.tolist(), strict=True))
    assert (found["old"], found["young"], found["p0"], found["p39"]) == (True, False, True, False)


def test_a_folder_without_events_is_refused(tmp_path: Path) -> None:
    """The message names what is missing."""
    folder = write_shop(tmp_path)
    (folder / "events.csv").unlink()
    with pytest.raises(BadInput, match="no events file"):
        read_shop(folder, "EUR")
