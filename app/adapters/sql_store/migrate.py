"""Brings a database to this version's schema before anything else touches it."""

from __future__ import annotations

import logging
from io import StringIO
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect

from app.adapters.sql_store.connection import reading, writing
from app.domain.errors import ConfigurationError

HEAD = "0010"
"""The newest revision in migrations/versions; a test compares."""

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")


def migrate(engine: Engine) -> None:
    """Creates or upgrades the tables; does nothing when they are up to date.

    Raises: ConfigurationError: written by a newer version, or holds another program's tables.
            StoreUnavailable: not readable or damaged; the file is left as it was.
    """
    with reading(engine) as connection:
        if _revision(connection) == HEAD:
            return
    # The write lock first: of two processes that start at once, the second finds the work done.
    with writing(engine) as connection:
        found = _revision(connection)
        if found != HEAD:
            _check(engine, connection, found)
            _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    if not connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").first():
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def _check(engine: Engine, connection: Connection, found: str | None) -> None:
    database = engine.url.database
    if found is None and inspect(connection).get_table_names():
        raise ConfigurationError(
            f"The database {database} holds tables of another program; name a file of its own in DATABASE_URL."
        )
    if found is not None and found not in REVISIONS:
        raise ConfigurationError(
            f"The database {database} was written by a newer version (schema {found}, this one knows up to {HEAD}); "
            f"install that version again, or point DATABASE_URL to another file."
        )


def _upgrade(connection: Connection) -> None:
    # Imported here: a database that is up to date starts without Alembic.
    from alembic import command
    from alembic.config import Config

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config(stdout=StringIO())
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
