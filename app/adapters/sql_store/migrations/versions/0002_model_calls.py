"""What models cost: a row per call, the running totals of each day, and leases that spare a second call."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the three tables. Written out, not taken from the schema module: a published step never changes."""
    op.create_table(
        "model_calls",
        sa.Column("call_id", sa.String, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("day", sa.String, nullable=False),
        sa.Column("request_id", sa.String, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("placement", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("prompt_id", sa.String, nullable=False),
        sa.Column("prompt_hash", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("input_tokens", sa.Integer, nullable=False),
        sa.Column("output_tokens", sa.Integer, nullable=False),
        sa.Column("cached_tokens", sa.Integer, nullable=False),
        sa.Column("cost_usd", sa.Float),
        sa.Column("estimated", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("background", sa.Integer, nullable=False),
        sa.Column("charged_nano", sa.Integer, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("model_calls_by_time", "model_calls", ["at"])
    op.create_index("model_calls_pending", "model_calls", ["at"], sqlite_where=sa.text("outcome = 'pending'"))
    op.create_table(
        "model_spend",
        sa.Column("day", sa.String, primary_key=True),
        sa.Column("settled_nano", sa.Integer, nullable=False),
        sa.Column("reserved_nano", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "leases",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("until", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
