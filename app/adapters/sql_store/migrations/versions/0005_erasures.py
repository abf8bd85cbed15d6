"""Tombstones and receipts of erased shoppers, and a way to find a shopper's slates."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates two tables, empty, and an index on the slates."""
    op.create_table(
        "tombstones",
        sa.Column("pseudonym", sa.String, primary_key=True),
        sa.Column("erased_at", sa.Float, nullable=False),
        sa.Column("receipt_id", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("tombstones_by_receipt", "tombstones", ["receipt_id"])
    op.create_table(
        "erasures",
        sa.Column("receipt_id", sa.String, primary_key=True),
        sa.Column("erased_at", sa.Float, nullable=False),
        sa.Column("stores", sa.String, nullable=False),
        sa.Column("baseline_version", sa.String),
        sa.Column("pending", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("slates_by_user", "slates", ["user_key"], sqlite_where=sa.text("user_key IS NOT NULL"))
