"""A log of what changed about shoppers, so that every worker can keep what it knows of them until it does."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_LOGGED = "INSERT INTO shopper_changes (user_id, anonymous_id, session_id) VALUES"
_ANYBODY = "(NULL, NULL, NULL)"
_EVENT = "({0}.user_id, {0}.anonymous_id, {0}.session_id)"
_SHOPPER = "({0}.user_id, NULL, NULL)"
_LINK = "({0}.user_id, {0}.anonymous_id, NULL)"

# New events are not logged: they are found by their row numbers, which only a deletion gives back.
_TRIGGERS = {
    "shopper_changes_event_changed": ("UPDATE ON events", f"{_EVENT.format('OLD')}, {_EVENT.format('NEW')}"),
    "shopper_changes_event_deleted": ("DELETE ON events", _ANYBODY),
    "shopper_changes_shopper_new": ("INSERT ON shoppers", _SHOPPER.format("NEW")),
    "shopper_changes_shopper_changed": ("UPDATE ON shoppers", _SHOPPER.format("NEW")),
    "shopper_changes_shopper_deleted": ("DELETE ON shoppers", _SHOPPER.format("OLD")),
    "shopper_changes_link_new": ("INSERT ON identities", _LINK.format("NEW")),
    "shopper_changes_link_changed": ("UPDATE ON identities", f"{_LINK.format('OLD')}, {_LINK.format('NEW')}"),
    "shopper_changes_link_deleted": ("DELETE ON identities", _LINK.format("OLD")),
    "shopper_changes_erased": ("INSERT ON tombstones", _ANYBODY),
    "shopper_changes_erased_again": ("UPDATE ON tombstones", _ANYBODY),
    "shopper_changes_answers_erased": ("UPDATE ON erasures", _ANYBODY),
}


def upgrade() -> None:
    """Creates the log and the triggers that fill it, whoever writes; only its newest entries are kept."""
    op.create_table(
        "shopper_changes",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("user_id", sa.String),
        sa.Column("anonymous_id", sa.String),
        sa.Column("session_id", sa.String),
        sqlite_autoincrement=True,
    )
    for name, (when, values) in _TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} AFTER {when} BEGIN {_LOGGED} {values}; END")
    op.execute(
        "CREATE TRIGGER shopper_changes_kept AFTER INSERT ON shopper_changes "
        "BEGIN DELETE FROM shopper_changes WHERE seq <= NEW.seq - 10000; END"
    )
