"""Live events: order lines known by transaction and product, notes, and who a visitor turned out to be."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds them. The index is not unique: files of a shop's past may hold an order's product in two lines."""
    op.add_column("events", sa.Column("note", sa.String))
    op.create_index(
        "events_by_order",
        "events",
        ["transaction_id", "product_id"],
        sqlite_where=sa.text("transaction_id IS NOT NULL"),
    )
    op.create_table(
        "identities",
        sa.Column("anonymous_id", sa.String, primary_key=True),
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("linked_at", sa.Float, nullable=False),
        sa.Column("shared_from", sa.Float),
        sqlite_with_rowid=False,
    )
    op.create_index("identities_by_user", "identities", ["user_id"])
