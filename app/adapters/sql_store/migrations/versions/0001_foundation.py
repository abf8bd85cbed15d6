"""The foundation: products and their histories, events, shoppers, served slates, change sequence, import progress."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates every table. Written out, not taken from the schema module: a published step never changes."""
    op.create_table(
        "products",
        sa.Column("row", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("product_id", sa.String, nullable=False, unique=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("description", sa.String, nullable=False),
        sa.Column("brand", sa.String),
        sa.Column("category", sa.String),
        sa.Column("price_minor", sa.Integer),
        sa.Column("list_price_minor", sa.Integer),
        sa.Column("cost_minor", sa.Integer),
        sa.Column("stock", sa.Integer),
        sa.Column("available", sa.Integer, nullable=False),
        sa.Column("image_url", sa.String),
        sa.Column("url", sa.String),
        sa.Column("tags", sa.String, nullable=False),
        sa.Column("attributes", sa.String, nullable=False),
        sa.Column("rating_value", sa.Float),
        sa.Column("rating_count", sa.Integer),
        sa.Column("created_at", sa.Float),
        sa.Column("seasons", sa.String, nullable=False),
        sa.Column("price_since", sa.Float),
        sa.Column("reference_price_minor", sa.Integer),
        sa.Column("restocked_at", sa.Float),
        sa.Column("deleted", sa.Integer, nullable=False, server_default=sa.text("0")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "price_history",
        sa.Column("product_id", sa.String, primary_key=True),
        sa.Column("valid_from", sa.Float, primary_key=True),
        sa.Column("price_minor", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stock_history",
        sa.Column("product_id", sa.String, primary_key=True),
        sa.Column("at", sa.Float, primary_key=True),
        sa.Column("stock", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "changes",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    _create_events()
    _create_shoppers()
    op.create_table(
        "slates",
        sa.Column("recommendation_id", sa.String, primary_key=True),
        sa.Column("user_key", sa.String),
        sa.Column("served_at", sa.Float, nullable=False),
        sa.Column("placement", sa.String, nullable=False),
        sa.Column("query", sa.String, nullable=False),
        sa.Column("items", sa.String, nullable=False),
        sa.Column("meta", sa.String, nullable=False),
    )
    op.create_index("slates_by_time", "slates", ["served_at"])
    op.create_table(
        "imports",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("import_id", sa.String, nullable=False),
        sa.Column("file", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("rows_done", sa.Integer, nullable=False),
        sa.Column("finished", sa.Integer, nullable=False),
        sa.Column("catalogue_sequence", sa.Integer),
        sqlite_with_rowid=False,
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("row", sa.Integer, primary_key=True),
        sa.Column("event_id", sa.String, nullable=False, unique=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("timestamp", sa.Float, nullable=False),
        sa.Column("user_id", sa.String),
        sa.Column("anonymous_id", sa.String),
        sa.Column("session_id", sa.String),
        sa.Column("product_id", sa.String),
        sa.Column("quantity", sa.Float),
        sa.Column("price_minor", sa.Integer),
        sa.Column("transaction_id", sa.String),
        sa.Column("query", sa.String),
        sa.Column("dwell_ms", sa.Integer),
        sa.Column("value", sa.Float),
        sa.Column("recommendation_id", sa.String),
        sa.Column("position", sa.Integer),
    )
    for name, column in (
        ("events_by_user", "user_id"),
        ("events_by_anonymous", "anonymous_id"),
        ("events_by_session", "session_id"),
    ):
        op.create_index(name, "events", [column, "timestamp"], sqlite_where=sa.text(f"{column} IS NOT NULL"))
    op.create_index("events_by_time", "events", ["timestamp"])


def _create_shoppers() -> None:
    op.create_table(
        "shoppers",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("budget_minor", sa.Integer),
        sa.Column("interests", sa.String, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("style_tags", sa.String, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("sizes", sa.String, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("avoid", sa.String, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("segments", sa.String, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("country", sa.String),
        sa.Column("age_band", sa.String),
        sa.Column("extra", sa.String, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("preferences_at", sa.Float),
        sa.Column("personalization", sa.String),
        sa.Column("llm_processing", sa.Integer),
        sa.Column("created_at", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
