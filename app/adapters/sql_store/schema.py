"""The tables, as the newest migration leaves them; a test compares the two."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, MetaData, String, Table, text

metadata = MetaData()

products = Table(
    "products",
    metadata,
    # AUTOINCREMENT: a row number is never given twice, so snapshots keep a product's row for ever.
    Column("row", Integer, primary_key=True, autoincrement=True),
    Column("product_id", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("description", String, nullable=False),
    Column("brand", String),
    Column("category", String),
    Column("price_minor", Integer),
    Column("list_price_minor", Integer),
    Column("cost_minor", Integer),
    Column("stock", Integer),
    Column("available", Integer, nullable=False),
    Column("image_url", String),
    Column("url", String),
    Column("tags", String, nullable=False),  # JSON list
    Column("attributes", String, nullable=False),  # JSON object
    Column("rating_value", Float),
    Column("rating_count", Integer),
    Column("created_at", Float),
    Column("seasons", String, nullable=False),  # JSON list
    Column("price_since", Float),
    Column("reference_price_minor", Integer),
    Column("restocked_at", Float),
    Column("deleted", Integer, nullable=False, server_default=text("0")),
    sqlite_autoincrement=True,
)

price_history = Table(
    "price_history",
    metadata,
    Column("product_id", String, primary_key=True),
    Column("valid_from", Float, primary_key=True),
    Column("price_minor", Integer, nullable=False),
    sqlite_with_rowid=False,
)

stock_history = Table(
    "stock_history",
    metadata,
    Column("product_id", String, primary_key=True),
    Column("at", Float, primary_key=True),
    Column("stock", Integer, nullable=False),
    sqlite_with_rowid=False,
)

changes = Table(
    "changes",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("key", String, nullable=False),
    Column("at", Float, nullable=False),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("event_id", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("timestamp", Float, nullable=False),
    Column("user_id", String),
    Column("anonymous_id", String),
    Column("session_id", String),
    Column("product_id", String),
    Column("quantity", Float),
    Column("price_minor", Integer),
    Column("transaction_id", String),
    Column("query", String),
    Column("dwell_ms", Integer),
    Column("value", Float),
    Column("recommendation_id", String),
    Column("position", Integer),
    Column("note", String),  # of feedback; no request reads it
    Column("claimed", Integer),  # 1: a browser says so
)
# Partial, because most events lack one or two of the three ids and an index entry for NULL serves nobody.
Index("events_by_user", events.c.user_id, events.c.timestamp, sqlite_where=events.c.user_id.is_not(None))
Index(
    "events_by_anonymous",
    events.c.anonymous_id,
    events.c.timestamp,
    sqlite_where=events.c.anonymous_id.is_not(None),
)
Index("events_by_session", events.c.session_id, events.c.timestamp, sqlite_where=events.c.session_id.is_not(None))
Index("events_by_time", events.c.timestamp)
# For live purchases and refunds; not unique: files of a shop's past may hold an order's product in two lines.
Index(
    "events_by_order",
    events.c.transaction_id,
    events.c.product_id,
    sqlite_where=events.c.transaction_id.is_not(None),
)

# Which visitor turned out to be which shopper.
identities = Table(
    "identities",
    metadata,
    Column("anonymous_id", String, primary_key=True),
    Column("user_id", String, nullable=False),
    Column("linked_at", Float, nullable=False),
    Column("shared_from", Float),  # from here on the visitor's events belong to nobody; NULL: all are the shopper's
    sqlite_with_rowid=False,
)
Index("identities_by_user", identities.c.user_id)

# What changed about shoppers, written by triggers (migration 0010) and bounded by one: an event changed or deleted, a
# shopper, a link, an erasure. Without any id: it may be anybody. New events are not in it; see shopper_changes.py.
shopper_changes = Table(
    "shopper_changes",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("user_id", String),
    Column("anonymous_id", String),
    Column("session_id", String),
    sqlite_autoincrement=True,
)

shoppers = Table(
    "shoppers",
    metadata,
    Column("user_id", String, primary_key=True),
    Column("budget_minor", Integer),
    Column("interests", String, nullable=False, server_default=text("'[]'")),
    Column("style_tags", String, nullable=False, server_default=text("'[]'")),
    Column("sizes", String, nullable=False, server_default=text("'[]'")),
    Column("avoid", String, nullable=False, server_default=text("'[]'")),
    Column("segments", String, nullable=False, server_default=text("'[]'")),
    Column("country", String),
    Column("age_band", String),
    Column("extra", String, nullable=False, server_default=text("'{}'")),
    Column("preferences_at", Float),
    Column("personalization", String),  # NULL: never chose, the default holds
    Column("llm_processing", Integer),
    Column("created_at", Float, nullable=False),
    sqlite_with_rowid=False,
)

slates = Table(
    "slates",
    metadata,
    Column("recommendation_id", String, primary_key=True),
    Column("user_key", String),
    Column("served_at", Float, nullable=False),
    Column("placement", String, nullable=False),
    Column("query", String, nullable=False),  # JSON
    Column("items", String, nullable=False),  # JSON, reasons and evidence included
    Column("meta", String, nullable=False),  # JSON
    # The same again for attribution, which reads every slate and none of the above JSON (docs/metrics.md).
    Column("strategy", String),
    Column("prompt_version", String),
    Column("products", String),  # ids in the order served, each between line breaks: "\na\nb\n"
    Column("propensity", Float),  # NULL: the policy was not random
)
# Holds all that attribution asks for: the wide rows are never read for it.
Index(
    "slates_by_time",
    slates.c.served_at,
    slates.c.recommendation_id,
    slates.c.user_key,
    slates.c.placement,
    slates.c.strategy,
    slates.c.prompt_version,
    slates.c.products,
)
Index("slates_by_user", slates.c.user_key, sqlite_where=slates.c.user_key.is_not(None))

imports = Table(
    "imports",
    metadata,
    Column("key", String, primary_key=True),
    Column("import_id", String, nullable=False),
    Column("file", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("rows_done", Integer, nullable=False),
    Column("finished", Integer, nullable=False),
    Column("catalogue_sequence", Integer),
    sqlite_with_rowid=False,
)

model_calls = Table(
    "model_calls",
    metadata,
    Column("call_id", String, primary_key=True),
    Column("at", Float, nullable=False),
    Column("day", String, nullable=False),  # the budget it is charged to
    Column("request_id", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("placement", String, nullable=False),
    Column("model", String, nullable=False),
    Column("prompt_id", String, nullable=False),
    Column("prompt_hash", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("cost_usd", Float),  # NULL: unknown
    Column("estimated", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("background", Integer, nullable=False),
    Column("charged_nano", Integer, nullable=False),  # billionths of a US dollar that count against the budget
    Column("owner", String, nullable=False),  # process that makes the call: "<pid>.<random>"
    Column("key_id", String, nullable=False, server_default=text("''")),  # of the API key: a prefix of its hash
    sqlite_with_rowid=False,
)
Index("model_calls_by_time", model_calls.c.at)
Index("model_calls_pending", model_calls.c.at, sqlite_where=model_calls.c.outcome == "pending")

# Running totals: summing a day's calls under the write lock would cost more with every call.
model_charges = Table(
    "model_charges",
    metadata,
    Column("day", String, primary_key=True),
    Column("scope", String, primary_key=True),  # "total", a placement, "chat", "key:<id>"
    Column("settled_nano", Integer, nullable=False),
    Column("reserved_nano", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# Model calls of the last hour per shopper, session and address, under pseudonyms.
model_rations = Table(
    "model_rations",
    metadata,
    Column("party", String, primary_key=True),
    Column("slot", Integer, primary_key=True),  # of five minutes, counted from the epoch
    Column("calls", Integer, nullable=False),
    sqlite_with_rowid=False,
)

leases = Table(
    "leases",
    metadata,
    Column("key", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("until", Float, nullable=False),
    sqlite_with_rowid=False,
)

# Who was erased, as pseudonyms: what is stamped earlier is refused for ever (docs/privacy.md).
tombstones = Table(
    "tombstones",
    metadata,
    Column("pseudonym", String, primary_key=True),
    Column("erased_at", Float, nullable=False),
    Column("receipt_id", String, nullable=False),
    sqlite_with_rowid=False,
)
Index("tombstones_by_receipt", tombstones.c.receipt_id)

erasures = Table(
    "erasures",
    metadata,
    Column("receipt_id", String, primary_key=True),
    Column("erased_at", Float, nullable=False),
    Column("stores", String, nullable=False),  # JSON object, store → rows
    Column("baseline_version", String),
    Column("pending", String, nullable=False),  # JSON list
    sqlite_with_rowid=False,
)

# What the database remembers of itself, such as the currency of its amounts.
meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
    sqlite_with_rowid=False,
)

# What the shopping assistant remembers of each conversation; the ids are there to erase by.
conversations = Table(
    "conversations",
    metadata,
    Column("key", String, primary_key=True),  # hash of the talker's ids and the conversation's
    Column("user_id", String),
    Column("anonymous_id", String),
    Column("session_id", String),
    Column("memory", String, nullable=False),  # JSON
    Column("updated_at", Float, nullable=False),
    sqlite_with_rowid=False,
)
Index("conversations_by_user", conversations.c.user_id)
Index("conversations_by_time", conversations.c.updated_at)
