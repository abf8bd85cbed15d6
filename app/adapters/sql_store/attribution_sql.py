"""The temporary tables of attribution, one step each. Only names of columns are ever put in; values are bound."""

from __future__ import annotations

from app.domain.figures import NO_PROMPT, Grouping
from app.domain.money import MAX_MINOR

_NAMES: dict[Grouping | None, str] = {
    None: "''",
    "placement": "s.placement",
    "strategy": "coalesce(s.strategy, 'baseline')",
    "prompt": f"coalesce(s.prompt_version, '{NO_PROMPT}')",
    "day": "date(s.served_at, 'unixepoch')",
}
_AMOUNT = (
    f"CASE WHEN e.price_minor * coalesce(e.quantity, 1.0) BETWEEN 0 AND {MAX_MINOR} "
    "THEN CAST(round(e.price_minor * coalesce(e.quantity, 1.0)) AS INTEGER) END"
)
"""Of one line; NULL where there is no price, or an absurd one."""

_EVENT_SHOPPER = "coalesce(e.user_id, e.anonymous_id, e.session_id)"
_BUYER = "coalesce(e.user_id, e.anonymous_id, e.session_id, char(0) || coalesce(e.transaction_id, e.row))"
"""An order of nobody known is somebody's all the same: a shopper of its own."""

# The grouping reads an index and no rows; who it was is what the session's last event says: a log-in comes late.
_VISIT = f"""
CREATE TEMP TABLE visit AS
SELECT g.session_id AS session_id, {_EVENT_SHOPPER} AS shopper, g.began AS began, g.ended AS ended, g.events AS events,
    0 AS carts, 0 AS purchases, NULL AS cart_at, NULL AS code
FROM (
    SELECT session_id, min(timestamp) AS began, max(timestamp) AS ended, count(*) AS events, max(row) AS last
    FROM events WHERE session_id IS NOT NULL AND +timestamp >= :since AND +timestamp < :until GROUP BY session_id
) g JOIN events e ON e.row = g.last
"""
_VISIT_DEEDS = """
UPDATE visit SET carts = d.carts, purchases = d.purchases, cart_at = d.cart_at FROM (
    SELECT session_id, sum(kind = 'add_to_cart') AS carts, sum(kind = 'purchase') AS purchases,
        min(CASE WHEN kind = 'add_to_cart' THEN at END) AS cart_at
    FROM line WHERE session_id IS NOT NULL AND at >= :since AND at < :until GROUP BY session_id
) d WHERE visit.session_id = d.session_id
"""
_ROBOTS = (
    "CREATE TEMP TABLE robot (session_id TEXT PRIMARY KEY) WITHOUT ROWID",
    "INSERT INTO robot SELECT session_id FROM visit WHERE events > :most_events",
)

_SLATE = """
CREATE TEMP TABLE slate (
    row INTEGER PRIMARY KEY, inside INTEGER, served_at REAL, label INTEGER, code INTEGER, products TEXT
)
"""
_LABEL = (
    "CREATE TEMP TABLE label (row INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "INSERT INTO label (name) SELECT DISTINCT {names} FROM slates s WHERE s.served_at >= :since - 2592000.0 ORDER BY 1",
)
_FILL_SLATE = """
INSERT INTO slate (row, inside, served_at, label, code, products)
SELECT s.rowid, s.served_at >= :since AND s.served_at < :until, s.served_at, n.row, h.code, s.products
FROM slates s JOIN label n ON n.name = {names}
    JOIN shopper h ON h.key = coalesce(s.user_key, char(0) || s.recommendation_id)
WHERE s.served_at >= :since - 2592000.0
"""

# kind: 1 impression, 2 click, 3 add_to_cart, 4 purchase
_SEEN = """
CREATE TEMP TABLE seen AS
SELECT s.row AS slate, instr(s.products, char(10) || e.product_id || char(10)) AS place,
    CASE e.kind WHEN 'impression' THEN 1 WHEN 'click' THEN 2 WHEN 'add_to_cart' THEN 3 ELSE 4 END AS kind,
    e.timestamp AS at, e.row AS event
FROM events e LEFT JOIN slates w ON w.recommendation_id = e.recommendation_id LEFT JOIN slate s ON s.row = w.rowid
WHERE e.timestamp >= :since - :window - :skew AND e.recommendation_id IS NOT NULL
    AND e.kind IN ('impression', 'click', 'add_to_cart', 'purchase')
    AND (e.session_id IS NULL OR e.session_id NOT IN (SELECT session_id FROM robot))
"""

_TOUCH = """
CREATE TEMP TABLE touch AS
SELECT t.slate AS slate, t.place AS place, t.kind AS kind, t.at AS at, t.event AS event, e.product_id AS product_id,
    e.user_id AS user_id, e.anonymous_id AS anonymous_id, e.session_id AS session_id
FROM seen t JOIN events e ON e.row = t.event
WHERE t.place > 0 AND t.kind IN (2, 3)
"""
_TOUCH_INDEXES = tuple(
    f"CREATE INDEX temp.touch_by_{key} ON touch ({key}, product_id, at) WHERE {key} IS NOT NULL"
    for key in ("user_id", "anonymous_id", "session_id")
)

# One product of one order; lines of the same order and product are added up. A line without an order stands alone.
_LINE = f"""
CREATE TEMP TABLE line AS
SELECT min(e.row) AS event, e.kind AS kind, e.timestamp AS at, e.product_id AS product_id, e.transaction_id AS order_id,
    sum({_AMOUNT}) AS amount, sum(coalesce(e.quantity, 1.0)) AS quantity, e.user_id AS user_id,
    e.anonymous_id AS anonymous_id, e.session_id AS session_id,
    {_BUYER} AS shopper, 0 AS net
FROM events e
WHERE e.kind IN ('purchase', 'add_to_cart') AND e.timestamp >= :since - :skew
GROUP BY CASE WHEN e.kind = 'purchase' AND e.transaction_id IS NOT NULL THEN 0 ELSE e.row END, e.transaction_id,
    e.product_id
"""
_REFUND = f"""
CREATE TEMP TABLE refund AS
SELECT e.transaction_id AS order_id, e.product_id AS product_id, sum({_AMOUNT}) AS amount,
    sum(CASE WHEN e.price_minor IS NULL THEN e.quantity END) AS quantity,
    max(e.price_minor IS NULL AND e.quantity IS NULL) AS whole, count(*) AS events
FROM events e
WHERE e.kind = 'refund' AND e.timestamp >= :since - :skew GROUP BY e.transaction_id, e.product_id
"""
_NET = """
UPDATE line SET net = coalesce(max(0, amount - coalesce((
    SELECT CASE WHEN r.whole THEN line.amount ELSE coalesce(r.amount, 0)
        + CAST(round(line.amount * coalesce(r.quantity, 0.0) / max(line.quantity, 1e-9)) AS INTEGER) END
    FROM refund r WHERE r.order_id = line.order_id AND r.product_id = line.product_id
), 0)), 0)
WHERE kind = 'purchase'
"""

_MATCH = """
SELECT l.event, t.slate, t.place, t.at, t.event, l.at
FROM line l JOIN touch t ON t.{key} = l.{key} AND t.product_id = l.product_id
    AND t.at >= l.at - :window AND t.at <= l.at + :skew
WHERE l.{key} IS NOT NULL AND (l.kind = 'purchase' OR t.kind = 2)
"""
# The visitor who clicked had signed in when buying (docs/decisions/012).
_JOINED = """
SELECT l.event, t.slate, t.place, t.at, t.event, l.at
FROM line l JOIN identities i ON i.user_id = l.user_id JOIN touch t ON t.anonymous_id = i.anonymous_id
    AND t.product_id = l.product_id AND t.at >= l.at - :window AND t.at <= l.at + :skew
WHERE l.user_id IS NOT NULL AND t.user_id IS NULL AND (i.shared_from IS NULL OR t.at < i.shared_from)
    AND (l.kind = 'purchase' OR t.kind = 2)
"""
# What names its slate itself is a touch at its own time, so it comes last.
_NAMED = """
SELECT l.event, t.slate, t.place, l.at, l.event, l.at
FROM line l JOIN seen t ON t.event = l.event AND t.kind IN (3, 4) JOIN slate s ON s.row = t.slate
WHERE t.place > 0 AND l.at >= s.served_at - :skew AND l.at <= s.served_at + :window
"""
_CREDIT = f"""
CREATE TEMP TABLE credit AS
WITH claim (line, slate, place, at, touch, line_at) AS (
    {" UNION ALL ".join(_MATCH.replace("{key}", key) for key in ("user_id", "anonymous_id", "session_id"))}
    UNION ALL {_JOINED} UNION ALL {_NAMED}
), ranked AS (
    SELECT c.line AS line, c.slate AS slate, c.place AS place, row_number() OVER (
        PARTITION BY c.line ORDER BY c.at <= c.line_at DESC, c.at DESC, s.served_at DESC, c.touch DESC
    ) AS nth
    FROM claim c JOIN slate s ON s.row = c.slate
)
SELECT r.line AS line, r.slate AS slate, r.place AS place, l.kind AS kind, l.at AS at, l.net AS net,
    l.order_id AS order_id
FROM ranked r JOIN line l ON l.event = r.line WHERE r.nth = 1
"""

_OUTCOME = """
CREATE TEMP TABLE outcome (
    slate INTEGER PRIMARY KEY, impressions, clicked_impressions, clicks, carts, carted_clicks, purchases, bought_clicks,
    net, shown_at, bought_at, event
)
"""
# `event` is one impression's: a slate is rendered in one session.
_FILL_OUTCOME = """
INSERT INTO outcome
SELECT slate, sum(shown) AS impressions, sum(shown AND clicked) AS clicked_impressions, sum(clicked) AS clicks,
    sum(carted) AS carts, sum(clicked AND carted) AS carted_clicks, sum(lines) AS purchases,
    sum(clicked AND lines > 0) AS bought_clicks, sum(net) AS net, min(shown_at) AS shown_at,
    min(bought_at) AS bought_at, max(event) AS event
FROM (
    SELECT slate, place, max(what = 1) AS shown, max(what = 2) AS clicked, max(what = 3) AS carted,
        sum(what = 4) AS lines, sum(net) AS net, min(CASE WHEN what = 1 THEN at END) AS shown_at,
        min(CASE WHEN what = 4 THEN at END) AS bought_at, max(event) AS event
    FROM (
        SELECT t.slate AS slate, t.place AS place, t.kind AS what, t.at AS at, 0 AS net,
            CASE WHEN t.kind = 1 THEN t.event END AS event
        FROM seen t WHERE t.place > 0 AND t.kind IN (1, 2)
        UNION ALL
        SELECT slate, place, CASE kind WHEN 'purchase' THEN 4 ELSE 3 END, at,
            CASE kind WHEN 'purchase' THEN net ELSE 0 END, NULL FROM credit
    ) GROUP BY slate, place
) GROUP BY slate ORDER BY slate
"""
# A session counts once in every group, and once in all.
_SHOWN_VISIT = """
CREATE TEMP TABLE shown_visit AS
SELECT DISTINCT s.label AS label, v.rowid AS visit FROM outcome o JOIN slate s ON s.row = o.slate
    JOIN events e ON e.row = o.event JOIN visit v ON v.session_id = e.session_id
WHERE s.inside AND v.code IS NOT NULL
"""
_SHOPPER_SUM = """
CREATE TEMP TABLE shopper_sum AS
SELECT s.label AS label, s.code AS code, count(*) AS served, total(o.impressions > 0) AS shown,
    total(o.impressions) AS impressions, total(o.clicked_impressions) AS clicked_impressions,
    total(o.clicks) AS clicks, total(o.clicked_impressions > 0) AS clicked_slates, total(o.carts) AS carts,
    total(o.carted_clicks) AS carted_clicks, total(o.purchases) AS purchases, total(o.bought_clicks) AS bought_clicks,
    total(o.impressions > 0 AND o.purchases > 0) AS bought_slates, total(o.net) AS net,
    total(CASE WHEN o.impressions > 0 THEN o.net END) AS shown_net
FROM slate s LEFT JOIN outcome o ON o.slate = s.row WHERE s.inside GROUP BY 1, 2
"""

_SHOPPER = (
    "CREATE TEMP TABLE shopper (code INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE)",
    # In their order: the same data give the same codes, so the same buckets.
    """
    INSERT OR IGNORE INTO shopper (key) SELECT coalesce(user_key, char(0) || recommendation_id) FROM slates
    WHERE served_at >= :since - 2592000.0 ORDER BY served_at, recommendation_id
    """,
)
_MORE_SHOPPERS = """
INSERT OR IGNORE INTO shopper (key) SELECT shopper FROM (
    SELECT shopper FROM visit WHERE shopper IS NOT NULL
    UNION SELECT shopper FROM line WHERE kind = 'purchase' AND shopper IS NOT NULL
    UNION SELECT shopper FROM loose
) ORDER BY 1
"""
_VISITORS = """
UPDATE visit SET code = (SELECT h.code FROM shopper h WHERE h.key = visit.shopper) WHERE shopper IS NOT NULL
"""
_LOOSE = f"""
CREATE TEMP TABLE loose AS
SELECT DISTINCT {_EVENT_SHOPPER} AS shopper FROM events e
WHERE e.session_id IS NULL AND e.timestamp >= :since AND e.timestamp < :until
    AND coalesce(e.user_id, e.anonymous_id) IS NOT NULL
"""
# Among everything held, not only the period: a first purchase is one that has none before it.
_FIRST = """
CREATE TEMP TABLE first AS
SELECT b.shopper AS shopper, b.at AS at, (
    SELECT min(e.timestamp) FROM events e WHERE {same}
) AS began, EXISTS (
    SELECT 1 FROM events e WHERE {same} AND e.timestamp < :since AND e.kind = 'purchase'
) AS again
FROM (
    SELECT shopper, min(at) AS at, min(user_id) AS user_id, min(anonymous_id) AS anonymous_id FROM line
    WHERE kind = 'purchase' AND at >= :since AND at < :until AND {whose} GROUP BY shopper
) b
"""
_FIRSTS = (
    _FIRST.replace("{same}", "e.user_id = b.user_id").replace("{whose}", "user_id IS NOT NULL"),
    _FIRST.replace("CREATE TEMP TABLE first AS", "INSERT INTO first")
    .replace("{same}", "e.anonymous_id = b.anonymous_id AND e.user_id IS NULL")
    .replace("{whose}", "user_id IS NULL AND anonymous_id IS NOT NULL"),
)
_ORDERS = """
CREATE TEMP TABLE shop_order AS
SELECT order_id, min(shopper) AS shopper, min(at) AS at, sum(net) AS net FROM line
WHERE kind = 'purchase' AND order_id IS NOT NULL GROUP BY order_id
"""
# A purchase that comes from the shop's server names no session: it is looked for by its shopper.
_CHECKED_OUT = """
CREATE TEMP TABLE checked_out AS
SELECT DISTINCT v.session_id AS session_id FROM visit v JOIN (
    SELECT shopper, at FROM line WHERE kind = 'purchase' AND session_id IS NULL AND shopper IS NOT NULL
) p ON p.shopper = v.shopper AND p.at >= v.cart_at - :skew AND p.at <= v.ended + 86400.0
WHERE v.carts > 0 AND v.purchases = 0
"""


def slates_of(grouping: Grouping | None) -> list[str]:
    """The statements that make the tables of visits and of slates with their groups, in order."""
    return [
        _VISIT,
        *_ROBOTS,
        *_SHOPPER,
        *(statement.replace("{names}", _NAMES[grouping]) for statement in (*_LABEL, _SLATE, _FILL_SLATE)),
    ]


GROUP_SIZES = """
SELECT n.name, count(DISTINCT s.code) FROM slate s JOIN label n ON n.row = s.label WHERE s.inside GROUP BY 1 ORDER BY 1
"""
MERGE = """
UPDATE slate SET label = (SELECT row FROM label WHERE name = :other)
WHERE label = (SELECT row FROM label WHERE name = :name)
"""


def preparation() -> list[str]:
    """The statements that make the other temporary tables, in order."""
    return [
        _SEEN,
        "CREATE INDEX temp.seen_by_event ON seen (event) WHERE kind IN (3, 4)",
        _TOUCH,
        *_TOUCH_INDEXES,
        _LINE,
        "CREATE INDEX temp.visit_by_session ON visit (session_id)",
        _VISIT_DEEDS,
        "CREATE INDEX temp.line_by_event ON line (event)",
        _REFUND,
        "CREATE INDEX temp.refund_by_order ON refund (order_id, product_id)",
        _NET,
        _CREDIT,
        _OUTCOME,
        _FILL_OUTCOME,
        _LOOSE,
        _MORE_SHOPPERS,
        _VISITORS,
        *_FIRSTS,
        _SHOPPER_SUM,
        _SHOWN_VISIT,
        _ORDERS,
        "CREATE INDEX temp.shop_order_by_id ON shop_order (order_id)",
        _CHECKED_OUT,
    ]
