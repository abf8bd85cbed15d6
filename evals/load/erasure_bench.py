"""What erasures cost, and how often copies of deleted rows are left: `python -m evals.load.erasure_bench var/demo`."""

from __future__ import annotations

import argparse
import logging
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

import numpy as np

from app.adapters import remnants
from app.bootstrap import open_store
from app.settings import Settings


def main() -> None:
    """Erases shoppers of a copy of a DATA_DIR one after the other and prints times and remnants."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("data_dir", type=Path, help="for example var/demo, which `make demo` fills; it is copied")
    parser.add_argument("--shoppers", type=int, default=60)
    given = parser.parse_args()
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(given.data_dir, Path(folder) / "data"))
        measure(copy, given.shoppers)


def measure(data_dir: Path, shoppers: int) -> None:
    """The same on the folder itself; shoppers in order of their ids."""
    path = data_dir / "shop.db"
    with sqlite3.connect(path) as connection:
        ids = [str(u) for (u,) in connection.execute("SELECT user_id FROM shoppers ORDER BY 1 LIMIT ?", (shoppers,))]
    connection.close()
    store = open_store(Settings(_env_file=None, data_dir=data_dir))
    seconds, left = [], 0
    for user_id in ids:
        began = time.perf_counter()
        done = store.privacy.erase(user_id, "user", baseline_version=None)
        erased = time.perf_counter() - began
        remnants.emptied_log(path)
        found = remnants.remains([path], done.traces)
        began = time.perf_counter()
        store.privacy.clean_files(done.traces)
        seconds.append(erased + time.perf_counter() - began)
        # What is found in a file that was just written anew is alive: "user-1" in "user-10".
        left += found and not remnants.remains([path], done.traces)
    store.close()
    p50, p95 = np.percentile(seconds, [50, 95])
    megabytes = path.stat().st_size / 2**20
    print(
        f"{len(seconds)} erasures, {megabytes:.0f} MB: p50 {p50:.2f} s, p95 {p95:.2f} s, most {max(seconds):.2f} s; "
        f"{left} left copies that secure_delete had not overwritten, and the file was written anew"
    )


if __name__ == "__main__":
    main()
