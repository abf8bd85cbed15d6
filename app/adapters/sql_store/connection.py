"""Connections to the SQLite file: their settings, their transactions, and their errors in the project's words."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from app.domain.errors import ConfigurationError, StoreUnavailable

BUSY_TIMEOUT_S = 10.0
_POOL_SIZE = 16

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    # FULL makes each commit wait for the disk, so what was acknowledged survives a power cut, not only kill -9
    # (for which NORMAL would do). Everything that writes often does so in batches, one commit each.
    "PRAGMA synchronous=FULL",
    # Freed bytes are overwritten: erasing a shopper leaves nothing in the file.
    "PRAGMA secure_delete=ON",
    "PRAGMA temp_store=MEMORY",
    # Ceiling of a connection's page cache, KiB; large enough for the indexes of an import's events.
    "PRAGMA cache_size=-32768",
)


def open_engine(url: str) -> Engine:
    """An engine on a SQLite file, whose folder is made where it is missing; nothing is opened yet.

    Raises: ConfigurationError: not the URL of a SQLite file.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(f"{url!r} is not a database URL; write sqlite:///path/shop.db") from error
    if parsed.get_backend_name() != "sqlite":
        raise ConfigurationError(f"{parsed.get_backend_name()}: not supported in this version; use sqlite:///path")
    if parsed.database in {None, "", ":memory:"}:
        raise ConfigurationError("A database in memory is lost at every stop; name a file: sqlite:///path/shop.db")
    try:
        Path(str(parsed.database)).expanduser().parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            parsed,
            poolclass=QueuePool,
            pool_size=_POOL_SIZE,
            max_overflow=_POOL_SIZE,
            pool_timeout=BUSY_TIMEOUT_S,
            hide_parameters=True,  # an error's text goes into the log, and values are about people
            connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        )
    except NoSuchModuleError as error:
        raise ConfigurationError(f"{url!r}: {error}; write sqlite:///path/shop.db") from error
    except OSError as error:
        raise StoreUnavailable(f"The folder of the database {parsed.database} can't be made: {error}") from error
    event.listen(engine, "connect", _configure)
    # On a damaged database the pool logs the trace of the rollback that fails after the statement that failed: the
    # error itself is raised in our words, and said once.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    return engine


def _configure(connection: sqlite3.Connection, _record: Any) -> None:
    """Transactions begin where this package says so, not where the driver guesses."""
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection whose statements each see the newest committed state.

    Raises: StoreUnavailable: the database can't be read.
    """
    with in_our_words(engine), engine.connect() as connection:
        yield connection


@contextmanager
def reading_one_state(engine: Engine) -> Iterator[Connection]:
    """A connection whose statements all see the same committed state."""
    with reading(engine) as connection:
        connection.exec_driver_sql("BEGIN")
        yield connection


@contextmanager
def writing(engine: Engine, *, flushed: bool = True) -> Iterator[Connection]:
    """A connection in a write transaction: committed at the end of the block, rolled back when it raises.

    IMMEDIATE takes the write lock at once: a transaction that reads first can't fail half way on a busy database.

    Args: flushed: False leaves it to the next flushed transaction to bring this one to the disk. It survives the death
          of the process all the same, a power failure only then.
    """
    with in_our_words(engine), engine.connect() as connection:
        if not flushed:
            connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()
        finally:
            if not flushed:
                connection.rollback()  # a pragma inside a transaction changes nothing
                connection.exec_driver_sql("PRAGMA synchronous=FULL")


def cursor_of(connection: Connection) -> sqlite3.Cursor:
    """A cursor of the driver itself, for bulk reads and statements on the request path.

    Through SQLAlchemy's rows the same read of 200,000 events takes about 1.8 times as long.
    """
    return cast("sqlite3.Connection", connection.connection.dbapi_connection).cursor()


@contextmanager
def in_our_words(engine: Engine) -> Iterator[None]:
    """Raises StoreUnavailable, with advice, for what the driver or its pool raise inside the block."""
    try:
        yield
    except (DBAPIError, sqlite3.Error, PoolTimeout) as error:
        cause: BaseException | None = error
        if isinstance(error, DBAPIError):
            cause = error.orig
        raise StoreUnavailable(
            f"The database {engine.url.database} can't be used: {cause}. {_advice(cause)}"
        ) from error


def _advice(cause: BaseException | None) -> str:
    text = str(cause)
    if "locked" in text or "busy" in text:
        return "Another process has held it for longer than 10 s; let it finish or stop it."
    if "full" in text or "disk I/O" in text:
        return "Check the disk's free space and health."
    if "not a database" in text or "malformed" in text:
        return "The file is damaged or is no SQLite database; nothing was changed. Move it away or restore a backup."
    if "unable to open" in text or "readonly" in text:
        return "Check that the file and its folder may be read and written by this user."
    return "Nothing was written."
