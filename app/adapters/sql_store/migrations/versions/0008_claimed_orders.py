"""Which orders only a browser has reported so far."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the mark; what is held already counts as the shop's own word."""
    op.add_column("events", sa.Column("claimed", sa.Integer))
