"""What the shopping assistant remembers of a conversation."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table and the ways to find a shopper's conversations and the old ones."""
    op.create_table(
        "conversations",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("user_id", sa.String),
        sa.Column("anonymous_id", sa.String),
        sa.Column("session_id", sa.String),
        sa.Column("memory", sa.String, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("conversations_by_user", "conversations", ["user_id"])
    op.create_index("conversations_by_time", "conversations", ["updated_at"])
