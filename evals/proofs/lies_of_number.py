"""Lies about figures: wrong numbers, amounts, units, roles, currencies, rounding, scales and dates."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import cast

from app.domain.ranking import Evidence
from evals.proofs import spoken
from evals.proofs.grammar import Unsuitable, Value, Writer, changed
from evals.proofs.shop_cases import Subject

_COUNTS = ("count", "orders", "n", "left", "percent", "rank", "window_days")
_AMOUNTS = (
    "price_minor",
    "budget_minor",
    "under_minor",
    "median_minor",
    "below_minor",
    "saved_minor",
    "reference_minor",
)


_SLOTS = {
    **{key: (key.removesuffix("_minor"),) for key in _AMOUNTS},
    "orders": ("orders", "times"),
    "rank": ("rank", "ordinal"),
    "left": ("left", "pieces"),
    "window_days": ("window",),
}
"""Key of a fact's value → slots that show it."""


def _held(fact: Evidence, key: str) -> int:
    return cast(int, fact.value[key])


def single_with(writer: Writer, fact: Evidence, value: Value) -> str:
    """A sentence that states the changed value. Raises Unsuitable when the wording doesn't show all that changed."""
    lie = writer.single(fact, value)
    for key, held in value.items():
        if held != fact.value[key] and not any(f"{slot}}}" in writer.said for slot in _SLOTS.get(key, (key,))):
            raise Unsuitable
    return lie + "."


def _off(n: int, rng: random.Random) -> int:
    """A number that n could be mistaken for."""
    choices = [n + 1, n + rng.randint(2, 9), n * 10, n * 2, max(n - rng.randint(1, 3), 0)]
    return rng.choice([c for c in choices if c not in (n, 0)])


def wrong_number(writer: Writer, _: Sequence[Subject]) -> str:
    """A count, percentage or rank that is not the fact's."""
    writer.hedging = False
    fact = writer.evidence[0]
    keys = [key for key in _COUNTS if key in fact.value]
    if not keys:
        raise Unsuitable
    key = writer.rng.choice(keys)
    return single_with(writer, fact, changed(fact, **{key: _off(_held(fact, key), writer.rng)}))


def wrong_amount(writer: Writer, _: Sequence[Subject]) -> str:
    """An amount of money that is not the fact's."""
    writer.hedging = False
    fact = writer.of_kind("price_vs_budget", "price_vs_category", "discount")
    key = writer.rng.choice([key for key in _AMOUNTS if key in fact.value])
    factor = writer.rng.choice([0.1, 0.5, 0.9, 1.01, 1.1, 10])
    wrong = round(_held(fact, key) * factor) + 1
    return single_with(writer, fact, changed(fact, **{key: wrong}))


def wrong_words(writer: Writer, _: Sequence[Subject]) -> str:
    """A wrong count in words."""
    fact = writer.of_kind("rating", "bought_together", "low_stock")
    key = {"rating": "count", "bought_together": "orders", "low_stock": "left"}[fact.kind]
    wrong = spoken.in_words(_off(_held(fact, key), writer.rng) % 9_999)
    said = {
        "rating": f"is rated {fact.value.get('rating')} out of 5 by {wrong} shoppers",
        "bought_together": f"was bought together with {fact.value.get('partner')} in {wrong} orders",
        "low_stock": f"has only {wrong} pieces left in stock",
    }[fact.kind]
    return f"{writer.subject_words()} {said}{writer.citation(fact)}."


def swapped_unit(writer: Writer, _: Sequence[Subject]) -> str:
    """The right figure with another unit."""
    fact = writer.of_kind("rating", "bought_together", "price_vs_category", "low_stock", "price_vs_budget", "trending")
    value, rng = fact.value, writer.rng
    if fact.kind == "price_vs_budget" and _held(fact, "under_minor") < 100:
        raise Unsuitable
    percent, where = value.get("percent", 70), value.get("category")
    options = {
        "rating": [
            f"is rated {value.get('rating')} out of 5 in {value.get('count')} orders",
            f"has {value.get('count')} stars from {value.get('rating')} shoppers",
            f"is rated {value.get('rating')}% by {value.get('count')} shoppers",
        ],
        "bought_together": [
            f"was bought together with {value.get('partner')} by {value.get('orders')}% of shoppers",
            f"was bought with {value.get('partner')} in {value.get('orders')} days",
            f"was bought with {value.get('partner')} by {value.get('orders')} shoppers",
        ],
        "price_vs_category": [
            f"is cheaper than {percent} of the products in {value.get('category')}",
            f"is {percent} {writer.currency} cheaper in {value.get('category')}",
            f"is cheaper than {value.get('n')}% of products in {value.get('category')}",
        ],
        "low_stock": [
            f"has only {value.get('left')}% left in stock",
            f"has only {value.get('left')} days left in stock",
        ],
        "price_vs_budget": [
            f"is {_held(fact, 'under_minor') // 100 if fact.kind == 'price_vs_budget' else 0}% under your budget",
        ],
        "trending": [
            f"is number {value.get('window_days')} in {where} by growth over {value.get('rank')} days",
            f"is number {value.get('rank')} in {where} by growth over the last {value.get('window_days')} weeks",
        ],
    }[fact.kind]
    return f"{writer.subject_words()} {rng.choice(options)}{writer.citation(fact)}."


def swapped_roles(writer: Writer, _: Sequence[Subject]) -> str:
    """Two amounts of one fact in each other's place."""
    writer.hedging = False
    fact = writer.of_kind("price_vs_budget", "price_vs_category", "discount")
    keys = [key for key in _AMOUNTS if key in fact.value]
    first, second = writer.rng.sample(keys, 2)
    if fact.value[first] == fact.value[second]:
        raise Unsuitable
    return single_with(writer, fact, changed(fact, **{first: fact.value[second], second: fact.value[first]}))


def wrong_currency(writer: Writer, _: Sequence[Subject]) -> str:
    """The right figure in another currency."""
    fact = writer.of_kind("price_vs_budget", "price_vs_category", "discount")
    writer.hedging = False
    right = writer.single(fact)
    writer.money_currency = writer.rng.choice([c for c in ("EUR", "USD", "GBP") if c != writer.currency])
    if writer.currency == "JPY":
        raise Unsuitable  # other decimals: that would be a wrong amount
    wrong = writer.single(fact)
    if wrong == right or not any(
        sign in wrong for sign in ("€", "EUR", "euro", "$", "USD", "dollar", "£", "GBP", "pound")
    ):
        raise Unsuitable
    return wrong + "."


def wrong_rounding(writer: Writer, _: Sequence[Subject]) -> str:
    """A figure rounded in the wrong direction or too far."""
    fact, rng = writer.of_kind("rating", "price_vs_budget", "discount", "bought_together"), writer.rng
    if fact.kind in ("rating", "bought_together"):
        n = _held(fact, "count" if fact.kind == "rating" else "orders")
        above, below = (n // 10 + 1) * 10, (n // 10) * 10
        wrong = rng.choice([f"more than {above}", f"over {above}", f"nearly {max(below, 1)}", f"about {n * 2 + 10}"])
        if below == n:
            raise Unsuitable
        if fact.kind == "rating":
            told = f"is rated {fact.value['rating']} out of 5 by {wrong} shoppers"
        else:
            told = f"was bought together with {fact.value['partner']} in {wrong} orders"
        return f"{writer.subject_words()} {told}{writer.citation(fact)}."
    key = "under_minor" if fact.kind == "price_vs_budget" else "saved_minor"
    n = _held(fact, key)
    if n < 200:
        raise Unsuitable
    hedge, factor = rng.choice([("more than", 1.2), ("over", 1.1), ("nearly", 0.8), ("about", 1.5), ("at least", 1.3)])
    wrong = f"{hedge} {spoken.amount(round(n * factor / 100) * 100, writer.currency, rng)}"
    said = "under your budget" if fact.kind == "price_vs_budget" else "below the lowest price of the 30 days before"
    return f"{writer.subject_words()} is {wrong} {said}{writer.citation(fact)}."


def wrong_scale(writer: Writer, _: Sequence[Subject]) -> str:
    """A rating that was not given, or on another scale."""
    fact = writer.of_kind("rating")
    shown = float(str(fact.value["rating"]))
    if shown > 4.9:
        raise Unsuitable  # "5 stars" would be true
    other = f"{shown - 0.3:.1f}" if shown > 4.6 else f"{shown + 0.3:.1f}"
    options = [
        f"is rated {fact.value['rating']} out of 10",
        f"is rated {other} out of 5",
        f"has {other} stars from {fact.value['count']} shoppers",
        f"is rated {int(shown) + 1} stars by all {fact.value['count']} shoppers" if shown < 4.5 else "is rated 5 stars",
        f"has a perfect {fact.value['rating']}",
    ]
    return f"{writer.subject_words()} {writer.rng.choice(options)}{writer.citation(fact)}."


def wrong_date(writer: Writer, _: Sequence[Subject]) -> str:
    """A date that is not the fact's."""
    fact = writer.of_kind("new_arrival", "back_in_stock", "promotion")
    key = "until" if fact.kind == "promotion" else "since"
    day = str(fact.value[key])
    month = int(day[5:7]) % 12 + 1
    wrong = writer.rng.choice([f"{day[:5]}{month:02d}{day[7:]}", f"{day[:8]}{int(day[8:]) % 28 + 1:02d}"])
    return single_with(writer, fact, changed(fact, **{key: wrong}))
