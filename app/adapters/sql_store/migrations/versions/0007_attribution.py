"""What attribution asks of served slates, in columns of its own, and all of it in the index by time."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Fills the columns of slates served before from what their rows say."""
    op.add_column("slates", sa.Column("strategy", sa.String))
    op.add_column("slates", sa.Column("prompt_version", sa.String))
    op.add_column("slates", sa.Column("products", sa.String))
    op.add_column("slates", sa.Column("propensity", sa.Float))
    op.execute(
        """
        UPDATE slates SET strategy = json_extract(meta, '$.strategy'),
            prompt_version = json_extract(meta, '$.prompt_version'),
            products = char(10) || coalesce((
                SELECT group_concat(json_extract(value, '$.product_id') || char(10), '') FROM json_each(slates.items)
            ), '')
        """
    )
    op.drop_index("slates_by_time", "slates")
    op.create_index(
        "slates_by_time",
        "slates",
        ["served_at", "recommendation_id", "user_key", "placement", "strategy", "prompt_version", "products"],
    )
