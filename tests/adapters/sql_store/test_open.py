"""Opening a database: new, older, newer, foreign, damaged, locked; and what a kill leaves."""

import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event

from app.adapters.sql_store import SqlStore, connection, migrate
from app.adapters.sql_store.schema import metadata
from app.domain.catalog import Product
from app.domain.errors import ConfigurationError, StoreUnavailable
from app.domain.interactions import Consent


def _open(path: Path) -> SqlStore:
    return SqlStore.open(f"sqlite:///{path}", currency="EUR", consent_default=Consent())


def test_migrations_end_in_the_schema(tmp_path: Path) -> None:
    """The tables that the migrations make are those the code describes."""
    _open(tmp_path / "s.db").close()
    engine = connection.open_engine(f"sqlite:///{tmp_path}/s.db")
    with connection.reading(engine) as open_connection:
        context = MigrationContext.configure(open_connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        sql = open_connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'products'").scalar()
    assert "AUTOINCREMENT" in str(sql)
    engine.dispose()


def test_the_code_knows_every_revision() -> None:
    """HEAD and REVISIONS are those in migrations/versions."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    assert script.get_current_head() == migrate.HEAD
    assert {r.revision for r in script.walk_revisions()} == set(migrate.REVISIONS)


def test_a_store_survives_closing(tmp_path: Path) -> None:
    """What was written is there at the next opening, in a folder that had to be made."""
    store = _open(tmp_path / "new" / "s.db")
    store.upsert_products([Product("p", "P")], 1.0)
    store.close()
    again = _open(tmp_path / "new" / "s.db")
    assert list(again.products(["p"])) == ["p"]
    again.close()


def test_commits_wait_for_the_disk_and_erased_bytes_are_overwritten(tmp_path: Path) -> None:
    """The pragmas that durability and erasure stand on are in force on every connection."""
    store = _open(tmp_path / "s.db")
    with connection.reading(store._engine) as c:
        values = [c.exec_driver_sql(f"PRAGMA {p}").scalar() for p in ("journal_mode", "synchronous", "secure_delete")]
    assert values == ["wal", 2, 1]
    store.close()


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    """The message says what to do."""
    path = tmp_path / "s.db"
    _open(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=r"newer version.*9999.*DATABASE_URL"):
        _open(path)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Tables that are not ours stay alone in their file."""
    path = tmp_path / "s.db"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE contacts (name TEXT)")
    raw.close()
    with pytest.raises(ConfigurationError, match="another program"):
        _open(path)
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT group_concat(name) FROM sqlite_master").fetchone() == ("contacts",)
    raw.close()


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """A clear error; the bytes stay."""
    path = tmp_path / "s.db"
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable, match=r"s\.db"):
        _open(path)
    assert path.read_bytes() == content


def test_a_truncated_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Half of a database is not taken for a whole one."""
    path = tmp_path / "s.db"
    store = _open(path)
    store.upsert_products([Product(f"p{i}", "x" * 50) for i in range(500)], 1.0)
    store.close()
    content = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable, match=r"malformed|damaged"):
        _open(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "url", ["postgresql://host/db", "sqlite://", "sqlite:///:memory:", "not a url", "sqlite+nope:///x.db"]
)
def test_only_a_sqlite_file_is_taken(url: str) -> None:
    """Anything else stops the start with a hint."""
    with pytest.raises(ConfigurationError, match="sqlite:///"):
        SqlStore.open(url, currency="EUR", consent_default=Consent())


def test_a_database_held_by_somebody_else_is_an_error_in_our_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that waits too long says who is to blame; readers go on."""
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.05)
    store = _open(tmp_path / "s.db")
    other = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="Another process"):
        store.upsert_products([Product("p", "P")], 1.0)
    assert store.products(["p"]) == {}
    other.execute("ROLLBACK")
    other.close()
    assert store.upsert_products([Product("p", "P")], 1.0).inserted == 1
    store.close()


def test_two_that_open_a_new_database_at_once_both_succeed(tmp_path: Path) -> None:
    """The second finds the tables made."""
    failures: list[Exception] = []

    def work() -> None:
        try:
            _open(tmp_path / "s.db").close()
        except Exception as error:  # noqa: BLE001 - a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


_WRITER = """
import sys
from app.adapters.sql_store import SqlStore
from app.domain.interactions import Consent, EventKind, Interaction
store = SqlStore.open(sys.argv[1], currency="EUR", consent_default=Consent())
for i in range(100_000):
    store.insert_events([Interaction(f"e{i}", EventKind.VIEW, float(i), user_id="u", product_id="p")])
    sys.stdout.write(f"{i}\\n")
    sys.stdout.flush()
"""


@pytest.mark.slow
@pytest.mark.parametrize("acknowledged", [1, 50, 400])
def test_no_acknowledged_event_is_lost_by_a_kill(tmp_path: Path, acknowledged: int) -> None:
    """kill -9 at any moment: every event whose insert had returned is there, and the file is sound."""
    url = f"sqlite:///{tmp_path}/s.db"
    with subprocess.Popen([sys.executable, "-c", _WRITER, url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        last = next(int(line) for line in process.stdout if int(line) >= acknowledged)
        process.send_signal(signal.SIGKILL)
        last = max([last, *(int(line) for line in process.stdout if line.endswith("\n"))])
    store = _open(tmp_path / "s.db")
    held = {e.event_id for e in store.interactions(user_id="u", anonymous_id=None, session_id=None, limit=10**6)}
    assert held >= {f"e{i}" for i in range(last + 1)}
    with connection.reading(store._engine) as c:
        assert c.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    store.close()


def test_a_rollback_that_fails_too_logs_no_trace(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """On a damaged database the error is raised in our words; the pool doesn't print its own account of it."""
    engine = connection.open_engine(f"sqlite:///{tmp_path}/s.db")

    def fail(*_args: object) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    event.listen(engine, "reset", fail)
    with pytest.raises(StoreUnavailable, match="nothing"), connection.reading(engine) as opened:
        opened.exec_driver_sql("SELECT * FROM nothing")
    engine.dispose()
    assert caplog.records == []
