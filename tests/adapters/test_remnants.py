"""Looking for what is left of somebody in files, and removing it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from app.adapters import remnants

ID = "shopper-5e1f77"


def test_a_text_is_found_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also across the blocks that a file is read in; short texts are not looked for, absent files hold nothing."""
    monkeypatch.setattr(remnants, "LOOK_BYTES", 32)
    for position in range(70):
        path = tmp_path / f"{position}"
        path.write_bytes(b"." * position + ID.encode() + b"." * 20)
        assert remnants.remains([tmp_path / "absent", path], ["other-text-1", ID]), position
        assert not remnants.remains([path], ["shopper-5e1f78", "5e1f7", ""])
    assert not remnants.remains([path], [])


def test_looking_leaves_sqlites_locks_alone(tmp_path: Path) -> None:
    """Closing a file that SQLite has open would end its locks: another process could then take over the log."""
    path = tmp_path / "s.db"
    mine = sqlite3.connect(path, isolation_level=None)
    mine.execute("PRAGMA journal_mode=DELETE")
    mine.execute("CREATE TABLE t (a)")
    mine.execute("BEGIN EXCLUSIVE")
    assert not remnants.remains([path], [ID])
    script = f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('SELECT * FROM t')"
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    mine.execute("ROLLBACK")
    mine.close()
    assert "locked" in other.stderr


def test_a_busy_database_is_not_called_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another connection reads an old state, log and file can't be emptied; afterwards they can."""
    monkeypatch.setattr(remnants, "LOG_WAIT_S", 0.05)
    path = tmp_path / "s.db"
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("CREATE TABLE t (a)")
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM t").fetchall()
    writer.execute("INSERT INTO t VALUES (?)", (ID,))
    writer.execute("DELETE FROM t")
    assert not remnants.emptied_log(path)
    reader.execute("COMMIT")
    assert remnants.emptied_log(path)
    writer.execute("BEGIN IMMEDIATE")
    assert not remnants.compact(path)
    writer.execute("ROLLBACK")
    assert remnants.compact(path)
    assert not remnants.remains([path, tmp_path / "s.db-wal"], [ID])
    reader.close()
    writer.close()


def test_lines_of_rejects_that_name_a_shopper_go(tmp_path: Path) -> None:
    """Quoted as Python and JSON quote; a shopper who is called 7 takes no line along that only has a 7 in it."""
    reasons = ["user_id: '7' is double", 'price: 7.7 (got "x")', "line 7", 'user_id: "7"', f"session_id: '{ID}'"]
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"".join(orjson.dumps({"row": i, "reason": r}) + b"\n" for i, r in enumerate(reasons)))
    assert remnants.drop_lines(tmp_path, ["7", ID]) == 3
    assert [orjson.loads(line)["row"] for line in path.read_bytes().splitlines()] == [1, 2]
    assert remnants.drop_lines(tmp_path, ["7", ID]) == 0
    assert remnants.drop_lines(tmp_path / "absent", ["7"]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["r.jsonl"]
