"""Budgets per place and API key beside the day's, and model calls counted per shopper, session and address."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the key's id and the sums per scope; what was charged before is carried over, per place too."""
    op.add_column("model_calls", sa.Column("key_id", sa.String, nullable=False, server_default=sa.text("''")))
    op.create_table(
        "model_charges",
        sa.Column("day", sa.String, primary_key=True),
        sa.Column("scope", sa.String, primary_key=True),
        sa.Column("settled_nano", sa.Integer, nullable=False),
        sa.Column("reserved_nano", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO model_charges (day, scope, settled_nano, reserved_nano) "
        "SELECT day, 'total', settled_nano, reserved_nano FROM model_spend"
    )
    op.execute(
        "INSERT INTO model_charges (day, scope, settled_nano, reserved_nano) "
        "SELECT day, CASE purpose WHEN 'chat' THEN 'chat' ELSE placement END AS scope, "
        "sum(CASE outcome WHEN 'pending' THEN 0 ELSE charged_nano END), "
        "sum(CASE outcome WHEN 'pending' THEN charged_nano ELSE 0 END) FROM model_calls GROUP BY 1, 2"
    )
    op.drop_table("model_spend")
    op.create_table(
        "model_rations",
        sa.Column("party", sa.String, primary_key=True),
        sa.Column("slot", sa.Integer, primary_key=True),
        sa.Column("calls", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
