"""The order cache on disk: ages, loss instead of failure, erasure to the last byte."""

import pickle
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import diskcache
import pytest
from structlog.testing import capture_logs

from app.adapters.disk_cache import ENTRY_LIMIT_BYTES, SHOPPER, DiskOrderCache
from app.domain.errors import StoreUnavailable
from app.domain.model_calls import ProfileFact, StoredOrder

ORDER = StoredOrder(
    candidates=("p1", "p2", "p3"),
    order=("p3", "p1"),
    prose={"p3": "Fits your budget [u1] and is rated 4.6 [rating]."},
    profile_facts=(ProfileFact("u1", "budget", "up to 40.00 EUR"),),
    model="m",
    prompt_id="rerank/v1",
    gate="prior",
    extra={SHOPPER: "v1.ada"},
)


class Wall:
    """A wall clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


def opened(folder: Path, wall: Wall, **more: int) -> DiskOrderCache:
    return DiskOrderCache.open(folder / "orders", fresh_s=900, stale_s=86_400, wall=wall, **more)


@pytest.fixture
def cache(tmp_path: Path, wall: Wall) -> Iterator[DiskOrderCache]:
    made = opened(tmp_path, wall)
    yield made
    made.close()


def written(cache: DiskOrderCache) -> None:
    """Waits until nothing waits any more."""
    until = time.monotonic() + 5.0
    while cache._waiting:
        assert time.monotonic() < until
        time.sleep(0.002)


def held(folder: Path, wall: Wall, key: str = "k") -> StoredOrder | None:
    """What a fresh process would find."""
    cache = opened(folder, wall)
    found = cache.get(key)
    cache.close()
    return None if found is None else found[0]


def test_an_answer_comes_back_whole(cache: DiskOrderCache, wall: Wall) -> None:
    """Before it is on the disk and after, in this process and in another's, with the time it was stored."""
    assert cache.get("k") is None
    cache.put("k", ORDER)
    early = cache.get("k")
    written(cache)
    late = cache.get("k")
    assert early is not None
    assert early == late
    order, age_s = early
    assert age_s == 0.0
    assert order.stored_at == wall.now
    assert (order.candidates, order.order, dict(order.prose)) == (ORDER.candidates, ORDER.order, ORDER.prose)
    assert (order.profile_facts, dict(order.extra)) == (ORDER.profile_facts, ORDER.extra)


def test_closing_writes_what_waits(tmp_path: Path, wall: Wall) -> None:
    """An answer put just before the end is found by the next process, and the end takes no 2 seconds."""
    cache = opened(tmp_path, wall)
    for number in range(300):
        cache.put(f"k{number}", ORDER)
    started = time.monotonic()
    cache.close()
    assert time.monotonic() - started < 2.5
    assert cache.dropped == 0
    again = opened(tmp_path, wall)
    assert all(again.get(f"k{number}") is not None for number in range(300))
    again.close()


def test_age_is_counted_from_storing_by_the_wall_clock(cache: DiskOrderCache, wall: Wall) -> None:
    """Found until a moment before CACHE_STALE_S, absent from then on."""
    cache.put("k", ORDER)
    written(cache)
    wall.now += 86_399.0
    found = cache.get("k")
    assert found is not None
    assert found[1] == 86_399.0
    wall.now += 1.0
    assert cache.get("k") is None


def test_an_answer_from_the_future_is_stale(cache: DiskOrderCache, wall: Wall) -> None:
    """After the clock was set back nothing is fresh that can't be known to be; far back, nothing is held."""
    cache.put("k", ORDER)
    wall.now -= 3600.0
    found = cache.get("k")
    assert found is not None
    assert found[1] > cache.fresh_s
    assert found[1] < cache.stale_s
    wall.now -= 86_400.0
    assert cache.get("k") is None


def test_nothing_is_held_with_a_stale_time_of_zero(tmp_path: Path, wall: Wall) -> None:
    """0 is a value: the cache is off."""
    cache = DiskOrderCache.open(tmp_path / "orders", fresh_s=0, stale_s=0, wall=wall)
    cache.put("k", ORDER)
    assert cache.get("k") is None
    cache.close()


def test_the_newest_answer_counts(cache: DiskOrderCache) -> None:
    """A second answer under a key replaces the first."""
    cache.put("k", ORDER)
    cache.put("k", StoredOrder(("p9",), ("p9",), {}))
    written(cache)
    found = cache.get("k")
    assert found is not None
    assert found[0].candidates == ("p9",)


def test_a_full_queue_drops_the_oldest(tmp_path: Path, wall: Wall) -> None:
    """With the writer held up, the newest answers stay and the others are counted."""
    cache = opened(tmp_path, wall, queue=3)
    with cache._writing:
        for number in range(6):
            cache.put(f"k{number}", ORDER)
            time.sleep(0.01)
        assert [cache.get(f"k{number}") is not None for number in range(6)] == [False] * 3 + [True] * 3
    assert cache.dropped == 3
    cache.close()


def test_putting_does_not_wait_for_the_disk(tmp_path: Path, wall: Wall) -> None:
    """While another process holds the database, put and get return at once; get finds what was written before."""
    cache = opened(tmp_path, wall)
    cache.put("before", ORDER)
    written(cache)
    with sqlite3.connect(tmp_path / "orders" / "cache.db", isolation_level=None) as other, capture_logs() as logs:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        cache.put("k", ORDER)
        assert cache.get("before") is not None
        assert time.monotonic() - started < 0.1
        written(cache)
        other.execute("ROLLBACK")
    other.close()
    assert cache.get("k") is None
    assert cache.dropped == 1
    assert [entry["where"] for entry in logs] == ["write"]
    cache.put("k", ORDER)
    written(cache)
    assert cache.get("k") is not None
    cache.close()


def test_a_full_disk_loses_the_answer_and_nothing_else(tmp_path: Path) -> None:
    """With no room for another byte: one log line, a miss, what was there is still found, and the process goes on."""
    program = f"""
import resource, signal, sys, time
from pathlib import Path
from app.adapters.disk_cache import DiskOrderCache
from app.domain.model_calls import StoredOrder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path({str(tmp_path)!r}) / "orders"
cache = DiskOrderCache.open(folder, fresh_s=900, stale_s=86400)
def put(key):
    cache.put(key, StoredOrder(("p",), ("p",), {{"p": "x" * 9000}}))
    while cache._waiting: time.sleep(0.002)
put("first")
size = (folder / "cache.db-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
for number in range(20): put(f"k{{number}}")
assert cache.get("first") is not None
assert cache.get("k19") is None
assert cache.dropped == 20, cache.dropped
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
put("later")
assert cache.get("later") is not None
cache.close()
"""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count("order_cache_trouble") == 1


@pytest.mark.parametrize("damage", ["header", "middle", "empty settings", "cut"])
def test_a_damaged_folder_is_begun_anew(tmp_path: Path, wall: Wall, damage: str) -> None:
    """The next start finds the damage, empties the folder and works."""
    cache = opened(tmp_path, wall)
    for number in range(200):
        cache.put(f"k{number}", ORDER)
    cache.close()
    del cache  # with it the last connection, so that everything is in one file
    path = tmp_path / "orders" / "cache.db"
    content = bytearray(path.read_bytes())
    if damage == "header":
        path.write_bytes(b"not a database at all" * 500)
    elif damage == "middle":
        content[4096 : len(content) - 4096] = b"\xa5" * (len(content) - 8192)
        path.write_bytes(content)
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("DROP TABLE Cache")
            connection.execute("CREATE TABLE Cache (other TEXT)")
        connection.close()
    with capture_logs() as logs:
        again = opened(tmp_path, wall)
    assert [entry["event"] for entry in logs] == ["order_cache_emptied"]
    again.put("k", ORDER)
    again.close()
    assert held(tmp_path, wall) is not None


def test_damage_while_in_use_is_a_miss(tmp_path: Path, wall: Wall) -> None:
    """A file overwritten under the running service gives misses and one line, never an exception."""
    cache = opened(tmp_path, wall)
    cache.put("k", ORDER)
    written(cache)
    cache._disk.close()
    for name in ("cache.db", "cache.db-wal"):
        path = tmp_path / "orders" / name
        path.write_bytes(b"\x00garbage" * 4096)
    with capture_logs() as logs:
        assert [cache.get("k") for _ in range(50)] == [None] * 50
        cache.put("j", ORDER)
        written(cache)
        cache.get("j")
    assert [entry["where"] for entry in logs if entry["where"] != "write"] == ["read"]
    cache.close()


def test_a_damaged_folder_in_use_elsewhere_is_left_alone(tmp_path: Path, wall: Wall) -> None:
    """A worker that starts onto damage while another has the folder open does without, and the other is not robbed."""
    first = opened(tmp_path, wall)
    path = tmp_path / "orders" / "cache.db"
    first._disk.close()
    path.write_bytes(b"garbage" * 4096)
    with capture_logs() as logs:
        second = opened(tmp_path, wall)
    assert [entry["where"] for entry in logs] == ["open"]
    second.put("k", ORDER)
    written(second)
    assert second.get("k") is None
    assert path.read_bytes().startswith(b"garbage")
    second.close()
    first.close()


def test_a_folder_that_cannot_be_made_means_misses(tmp_path: Path, wall: Wall) -> None:
    """A file in the folder's place: the service starts, without a cache."""
    (tmp_path / "orders").write_text("in the way")
    cache = opened(tmp_path, wall)
    assert cache.get("k") is None
    with pytest.raises(StoreUnavailable):
        cache.drop("v1.ada")
    cache.close()


@pytest.mark.parametrize(
    "value",
    [b"", b"[]", b"{", b'{"candidates":["p"]}', b'{"candidates":[1],"order":[],"prose":{}}', b"\xff\xfe", b"null"],
)
def test_an_entry_that_is_no_answer_is_a_miss(cache: DiskOrderCache, value: bytes) -> None:
    """What does not read as an answer is not used, counted, and replaced by the next one."""
    cache._disk.set("k", value)
    assert cache.get("k") is None
    assert cache.unreadable == 1
    cache.put("k", ORDER)
    written(cache)
    assert cache.get("k") is not None


class Bomb:
    """Ends the test if it is ever unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("a pickle was loaded",)


def test_a_pickle_in_the_folder_is_never_loaded(tmp_path: Path, wall: Wall) -> None:
    """Values and keys that somebody else pickled into the folder are refused, in the database and beside it."""
    opened(tmp_path, wall).close()
    folder = tmp_path / "orders"
    foreign = diskcache.Cache(str(folder), disk_min_file_size=8)
    foreign.set("inside", Bomb())
    foreign.set("outside", pickle.dumps(Bomb()) + b"x" * 100)
    foreign.close()
    cache = opened(tmp_path, wall)
    assert cache.get("inside") is None
    assert cache.get("outside") is None
    assert cache.unreadable == 2
    cache.close()


def test_nothing_but_bytes_is_written(cache: DiskOrderCache, tmp_path: Path) -> None:
    """Keys and tags are text and values raw bytes inside the database: no pickled row, no file beside it."""
    cache.put("k", ORDER)
    written(cache)
    with sqlite3.connect(tmp_path / "orders" / "cache.db") as connection:
        rows = connection.execute("SELECT typeof(key), raw, typeof(tag), mode, filename, typeof(value) FROM Cache")
        assert rows.fetchall() == [("text", 1, "text", 1, None, "blob")]
    connection.close()
    assert not list((tmp_path / "orders").rglob("*.val"))


def test_an_oversized_or_unencodable_answer_is_lost(cache: DiskOrderCache) -> None:
    """256 KB is the most; half a surrogate pair can't be encoded. Both are counted and the writer lives on."""
    cache.put("big", StoredOrder(("p",), ("p",), {"p": "x" * ENTRY_LIMIT_BYTES}))
    cache.put("half", StoredOrder(("p",), ("p",), {"p": "\ud83d"}))
    cache.put("k", ORDER)
    written(cache)
    assert cache.get("big") is None
    assert cache.get("half") is None
    assert cache.get("k") is not None
    assert cache.dropped == 2


def test_dropping_a_shopper_leaves_no_byte(tmp_path: Path, wall: Wall) -> None:
    """Written and waiting answers of the shopper are gone for every worker and overwritten; others' stay."""
    canary = "CANARY-4f1e"
    mine = StoredOrder(("p",), ("p",), {"p": canary * 20}, extra={SHOPPER: "v1.ada"})
    cache, other = opened(tmp_path, wall), opened(tmp_path, wall)
    for number in range(120):
        cache.put(f"a{number}", mine)
        cache.put(f"b{number}", StoredOrder(("p",), ("p",), {}, extra={SHOPPER: "v1.bob"}))
    written(cache)
    assert other.get("a0") is not None
    cache.put("late", mine)
    cache.drop("v1.ada")
    for worker in (cache, other):
        assert not any(worker.get(f"a{number}") for number in range(120))
        assert worker.get("late") is None
        assert all(worker.get(f"b{number}") for number in range(120))
    files = [path for path in (tmp_path / "orders").rglob("*") if path.is_file()]
    assert files
    assert not any(canary.encode() in path.read_bytes() for path in files)
    cache.close()
    other.close()


def test_several_shoppers_are_dropped_at_once_and_counted(tmp_path: Path, wall: Wall) -> None:
    """Written and waiting answers together; shoppers without any cost nothing."""
    cache = opened(tmp_path, wall)
    for number, shopper in enumerate(("p1:ada", "p1:bob", "p1:cem", "p1:ada")):
        cache.put(f"k{number}", StoredOrder(("p",), ("p",), {}, extra={SHOPPER: shopper}))
    written(cache)
    assert cache.drop_all(["p1:ada", "p1:nobody", "p1:cem"]) == 3
    assert [cache.get(f"k{number}") is None for number in range(4)] == [True, False, True, True]
    cache.close()


@pytest.mark.parametrize(("erased_at", "kept"), [(1_790_000_000.0 - 11, True), (1_790_000_000.0 - 9, False)])
def test_an_answer_that_lands_after_its_shopper_was_erased_is_taken_out(
    tmp_path: Path, wall: Wall, erased_at: float, kept: bool
) -> None:
    """A call that was under way in another worker can't put back what the erasure removed; later answers stay."""
    cache = opened(tmp_path, wall)
    cache.erased_since = lambda pseudonyms, since: pseudonyms == ["p1:ada"] and erased_at >= since
    cache.put("hers", StoredOrder(("p",), ("p",), {"p": "CANARY-99"}, extra={SHOPPER: "p1:ada"}))
    cache.put("his", StoredOrder(("p",), ("p",), {}, extra={SHOPPER: "p1:bob"}))
    cache.close()
    again = opened(tmp_path, wall)
    assert (again.get("hers") is not None) == kept
    assert again.get("his") is not None
    again.close()
    assert (b"CANARY-99" in (tmp_path / "orders" / "cache.db").read_bytes()) == kept


def test_a_drop_that_fails_says_so(tmp_path: Path, wall: Wall) -> None:
    """An erasure that could not reach the disk is an error, never a silent success."""
    cache = opened(tmp_path, wall)
    cache.put("k", ORDER)
    written(cache)
    with sqlite3.connect(tmp_path / "orders" / "cache.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="Try again"):
            cache.drop("v1.ada")
        other.execute("ROLLBACK")
    other.close()
    cache.drop("v1.ada")
    assert cache.get("k") is None
    cache.close()


def test_the_folder_keeps_to_its_size(tmp_path: Path, wall: Wall) -> None:
    """Past the limit the answers stored longest ago go, and the newest is found."""
    limit = 2 * 2**20
    cache = opened(tmp_path, wall, size_limit_bytes=limit)
    bulky = StoredOrder(("p",), ("p",), {"p": "x" * 20_000})
    for number in range(300):
        cache.put(f"k{number}", bulky)
        if number % 50 == 0:
            written(cache)
    written(cache)
    assert cache.get("k0") is None
    assert cache.get("k299") is not None
    cache.close()
    del cache
    assert (tmp_path / "orders" / "cache.db").stat().st_size < limit + 32 * 25_000


def test_workers_share_a_folder(tmp_path: Path, wall: Wall) -> None:
    """Two caches on one folder, written by one and read by the other."""
    one, two = opened(tmp_path, wall), opened(tmp_path, wall)
    for number in range(100):
        one.put(f"k{number}", ORDER)
    written(one)
    assert all(two.get(f"k{number}") is not None for number in range(100))
    one.close()
    two.close()
