"""The shop's data on SQLite, through SQLAlchemy (connections, schema) and Alembic (migrations)."""

from app.adapters.sql_store.slate_writer import SlateWriter
from app.adapters.sql_store.store import SqlStore

__all__ = ["SlateWriter", "SqlStore"]
