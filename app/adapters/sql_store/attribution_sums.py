"""What is read from the tables of attribution: sums per group and bucket of shoppers.

`{label}` is the number of a group (0: all together), `{distinct}` makes a visit count once there, `{bucket}` is the
bucket of a shopper's code; nothing else is ever put into a statement, values are bound. Rows are (label, bucket, a
number per column of app.domain.figures).
"""

from __future__ import annotations

from app.domain.figures import NO_SLATE, Grouping

SPREAD = "((code * 2654435761 % 4294967296) >> 8) % :buckets"
"""Multiplicative hashing (Knuth 6.4): neighbouring codes end far apart."""

_COST_NAMES: dict[Grouping | None, str] = {
    None: "''",
    "placement": "CASE c.purpose WHEN 'chat' THEN 'chat' ELSE c.placement END",  # as in the ledger's own sums
    "strategy": f"coalesce(n.name, '{NO_SLATE}')",
    "prompt": "c.prompt_id",
    "day": "date(coalesce(s.served_at, c.at), 'unixepoch')",
}

SLATES = """
SELECT label, {bucket} AS bucket, count(*), sum(shown > 0), sum(served), sum(shown), sum(impressions),
    sum(clicked_impressions), sum(clicks), sum(clicked_slates), sum(carts), sum(carted_clicks), sum(purchases),
    sum(bought_clicks), sum(bought_slates), sum(net), sum(shown_net)
FROM (
    SELECT {label} AS label, code, sum(served) AS served, sum(shown) AS shown, sum(impressions) AS impressions,
        sum(clicked_impressions) AS clicked_impressions, sum(clicks) AS clicks, sum(clicked_slates) AS clicked_slates,
        sum(carts) AS carts, sum(carted_clicks) AS carted_clicks, sum(purchases) AS purchases,
        sum(bought_clicks) AS bought_clicks, sum(bought_slates) AS bought_slates, sum(net) AS net,
        sum(shown_net) AS shown_net
    FROM shopper_sum s GROUP BY 1, 2
) GROUP BY 1, 2 ORDER BY 1, 2
"""

GROUP_ORDERS = """
SELECT label, {bucket} AS bucket, count(*), total(net) FROM (
    SELECT {label} AS label, min(s.code) AS code, o.net AS net
    FROM credit c JOIN slate s ON s.row = c.slate JOIN shop_order o ON o.order_id = c.order_id
    WHERE s.inside AND c.kind = 'purchase' GROUP BY 1, c.order_id
) GROUP BY 1, 2 ORDER BY 1, 2
"""

_VISIT_SUMS = """
    count(*), sum(ended - began <= :longest_visit),
    total(CASE WHEN ended - began <= :longest_visit THEN ended - began END), sum(carts > 0),
    sum(carts > 0 AND purchases = 0 AND session_id NOT IN (SELECT session_id FROM checked_out)), sum(purchases > 0)
"""

GROUP_VISITS = f"""
SELECT d.label AS label, {{bucket}} AS bucket, {_VISIT_SUMS} FROM (
    SELECT {{distinct}} {{label}} AS label, visit FROM shown_visit s
) d JOIN visit v ON v.rowid = d.visit GROUP BY 1, 2 ORDER BY 1, 2
"""

GROUP_WAITS = """
SELECT {label}, {bucket}, max(0.0, o.bought_at - coalesce(o.shown_at, s.served_at))
FROM outcome o JOIN slate s ON s.row = o.slate
WHERE s.inside AND o.bought_at IS NOT NULL ORDER BY 1, 2, 3
"""


def costs(grouping: Grouping | None) -> str:
    """Model calls per group: those of the period's slates, and those of no slate that were made in the period."""
    return f"""
    SELECT {_COST_NAMES[grouping]} AS name, count(*), total(c.cost_usd), sum(c.charged_nano) / 1e9,
        sum(c.cost_usd IS NULL)
    FROM model_calls c LEFT JOIN slates w ON w.recommendation_id = c.request_id
        LEFT JOIN slate s ON s.row = w.rowid LEFT JOIN label n ON n.row = s.label
    WHERE coalesce(s.served_at, c.at) >= :since AND coalesce(s.served_at, c.at) < :until
    GROUP BY 1 ORDER BY 1
    """


SHOP_SHOPPERS = """
SELECT 0, {bucket} AS bucket, count(*), sum(net) FROM (
    SELECT code, total(net) AS net FROM (
        SELECT code, 0 AS net FROM visit WHERE code IS NOT NULL AND events <= :most_events
        UNION ALL
        SELECT h.code, a.net FROM (
            SELECT shopper, 0 AS net FROM loose
            UNION ALL
            SELECT shopper, net FROM line WHERE kind = 'purchase' AND at >= :since AND at < :until
        ) a JOIN shopper h ON h.key = a.shopper
    ) GROUP BY 1
) GROUP BY 2 ORDER BY 2
"""

SHOP_ORDERS = """
SELECT 0, {bucket} AS bucket, count(*), total(o.net) FROM shop_order o JOIN shopper h ON h.key = o.shopper
WHERE o.at >= :since AND o.at < :until GROUP BY 2 ORDER BY 2
"""

SHOP_VISITS = f"""
SELECT 0, {{bucket}} AS bucket, {_VISIT_SUMS} FROM visit v
WHERE v.code IS NOT NULL AND v.events <= :most_events GROUP BY 2 ORDER BY 2
"""

SHOP_WAITS = """
SELECT 0, {bucket}, max(0.0, f.at - f.began) FROM first f JOIN shopper h ON h.key = f.shopper
WHERE NOT f.again ORDER BY 2, 3
"""

LEFT_OUT = """
SELECT
    (SELECT count(*) FROM seen WHERE place IS NULL AND at >= :since AND at < :until),
    (SELECT count(*) FROM seen WHERE place = 0 AND at >= :since AND at < :until),
    (SELECT count(*) FROM robot),
    (SELECT count(*) FROM visit WHERE events <= :most_events AND ended - began > :longest_visit),
    (SELECT CAST(total(clicks - clicked_impressions) AS INTEGER) FROM shopper_sum),
    (SELECT count(*) FROM line WHERE kind = 'purchase' AND amount IS NULL AND at >= :since AND at < :until),
    (SELECT count(*) FROM line WHERE kind = 'purchase' AND order_id IS NULL AND at >= :since AND at < :until),
    (SELECT coalesce(sum(events), 0) FROM refund r WHERE NOT EXISTS (
        SELECT 1 FROM events e
        WHERE e.transaction_id = r.order_id AND e.product_id = r.product_id AND e.kind = 'purchase'))
"""
