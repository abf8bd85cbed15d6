"""One maker per type of lie: a true kind of sentence with exactly one thing wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import cast

from app.domain.ranking import Evidence
from evals.proofs import spoken
from evals.proofs.grammar import Unsuitable, Value, Writer, changed, lie_clauses
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


def _single_with(writer: Writer, fact: Evidence, value: Value) -> str:
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
    return _single_with(writer, fact, changed(fact, **{key: _off(_held(fact, key), writer.rng)}))


def wrong_amount(writer: Writer, _: Sequence[Subject]) -> str:
    """An amount of money that is not the fact's."""
    writer.hedging = False
    fact = writer.of_kind("price_vs_budget", "price_vs_category", "discount")
    key = writer.rng.choice([key for key in _AMOUNTS if key in fact.value])
    factor = writer.rng.choice([0.1, 0.5, 0.9, 1.01, 1.1, 10])
    wrong = round(_held(fact, key) * factor) + 1
    return _single_with(writer, fact, changed(fact, **{key: wrong}))


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
    return _single_with(writer, fact, changed(fact, **{first: fact.value[second], second: fact.value[first]}))


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
    return _single_with(writer, fact, changed(fact, **{key: wrong}))


def wrong_brand(writer: Writer, pool: Sequence[Subject]) -> str:
    """Another brand than the item's."""
    other = writer.rng.choice(pool).item.brand
    mine = writer.subject.item
    if other is None or other == mine.brand or other in mine.name:
        raise Unsuitable
    fact = writer.evidence[0]
    said = writer.rng.choice(
        [f"This {other} product", f"It is by {other} and", f"This one from {other}", f"The {other}"]
    )
    return f"{said} {writer.wording(fact, 'predicates')}{writer.citation(fact)}."


def cited_brand(writer: Writer, _: Sequence[Subject]) -> str:
    """The brand of a cited partner product, said of the item."""
    fact = writer.of_kind("bought_together")
    partner = str(fact.value["partner"])
    brand = partner.split(maxsplit=1)[0]
    if brand in writer.subject.item.name or len(brand) < 4 or " by " in partner:
        raise Unsuitable  # titles of books don't begin with a brand
    said = writer.rng.choice([f"This one is by {brand}, and it", f"From {brand}; it", f"A {brand} product that"])
    return f"{said} {writer.wording(fact, 'predicates')}{writer.citation(fact)}."


def invented_attribute(writer: Writer, pool: Sequence[Subject]) -> str:
    """A property that the item doesn't have: made up, or another item's."""
    item, rng = writer.subject.item, writer.rng
    other = rng.choice(pool).item
    theirs = [t for t in (*other.tags, *(v for v in other.attributes.values() if isinstance(v, str))) if len(t) > 3]
    word = rng.choice([*theirs, *lie_clauses()["invented"]])
    mine = f"{item} {' '.join(f.text for f in writer.evidence)}".casefold()
    if any(part in mine for part in word.casefold().replace("-", " ").split()):
        raise Unsuitable
    fact = writer.evidence[0]
    said = rng.choice([f"It is {word} and", f"This {word} choice", f"A {word} option that", f"With {word} in mind, it"])
    return f"{said} {writer.wording(fact, 'predicates')}{writer.citation(fact)}."


def other_item(writer: Writer, pool: Sequence[Subject]) -> str:
    """A fact of another item, cited as that item's or as this one's."""
    theirs = Writer(writer.rng.choice(pool), writer.rng)
    theirs.hedging = False
    theirs.currency = theirs.money_currency = writer.currency
    fact = theirs.evidence[0]
    same_kind = [e for e in writer.evidence if e.kind == fact.kind]
    if fact.kind in ("query_match", "attribute_match") or any(e.value == fact.value for e in same_kind):
        raise Unsuitable
    theirs.alias = "Z"
    said = f"It {theirs.wording(fact, 'predicates')}"
    if not same_kind or writer.rng.random() < 0.3:
        return f"{said} [{'Z1'}]."
    mine = same_kind[0]
    if said == f"It {writer.wording(mine, 'predicates')}" or not any(c.isdigit() for c in said):
        raise Unsuitable
    keys = [
        k for k in fact.value if k in mine.value and fact.value[k] != mine.value[k] and k not in ("currency", "lift")
    ]
    if not any(str(fact.value[k]) in said for k in keys):
        raise Unsuitable
    return f"{said}{writer.citation(mine)}."


def uncited(writer: Writer, _: Sequence[Subject]) -> str:
    """A figure without a citation that backs it."""
    cited, hidden = writer.evidence[0], [e for e in writer.subject.evidence if e not in writer.evidence[:1]]
    figures = [
        e for e in hidden if e.kind in ("rating", "discount", "price_vs_budget", "price_vs_category", "promotion")
    ]
    if not figures or cited.kind == figures[0].kind:
        raise Unsuitable
    said = writer.wording(figures[0], "predicates")
    shared = {c for c in said.replace(",", " ").split() if any(d.isdigit() for d in c)}
    if not shared or all(c in cited.text for c in shared):
        raise Unsuitable
    return f"It {writer.wording(cited, 'predicates')}{writer.citation(cited)} and {said}."


def wrong_partner(writer: Writer, pool: Sequence[Subject]) -> str:
    """Another product in the place of the one that the fact names."""
    fact = writer.of_kind("bought_together", "same_brand", "category_affinity")
    key = "partner" if fact.kind == "bought_together" else "seen"
    if key not in fact.value:
        raise Unsuitable
    other = writer.rng.choice(pool).item.name
    if other in (fact.value[key], writer.subject.item.name):
        raise Unsuitable
    return _single_with(writer, fact, changed(fact, **{key: other}))


def wrong_deed(writer: Writer, _: Sequence[Subject]) -> str:
    """Something that the shopper did not do."""
    fact = writer.of_kind("bought_together", "same_brand", "category_affinity")
    if "did" not in fact.value:
        raise Unsuitable
    other = writer.rng.choice(
        [d for d in ("bought", "put in your cart", "saved", "looked at") if d != fact.value["did"]]
    )
    return _single_with(writer, fact, changed(fact, did=other))


def wrong_shopper(writer: Writer, pool: Sequence[Subject]) -> str:
    """A profile line that says something else than the profile."""
    lines = [
        line for line in writer.subject.profile[:4] if line.kind in ("interest", "bought", "viewed", "query", "size")
    ]
    others = [line for s in writer.rng.sample(list(pool), 40) for line in s.profile]
    if not lines:
        raise Unsuitable
    line = writer.rng.choice(lines)
    wrong = [o for o in others if o.kind == line.kind and o.text.casefold() != line.text.casefold()]
    mine = f"{writer.subject.item} {[f.text for f in writer.evidence]}".casefold()
    wrong = [o for o in wrong if not any(word in mine for word in o.text.casefold().split())]
    if not wrong:
        raise Unsuitable
    fact = writer.evidence[0]
    opening = writer.profile_words(line, wrong[0].text) + writer.citation(line)
    return f"{opening}, and this {writer.wording(fact, 'predicates')}{writer.citation(fact)}."


def inverted_comparison(writer: Writer, _: Sequence[Subject]) -> str:
    """A comparison the other way round."""
    fact = writer.of_kind("price_vs_budget", "price_vs_category", "discount", "rating")
    if fact.value.get("under_minor") == 0:
        raise Unsuitable  # nothing over the budget is nothing under it
    slots = writer.slots(fact.kind, fact.value)
    usable = [c for c in lie_clauses()["inverted_comparison"][fact.kind] if all(s in slots for s in _slots_of(c))]
    if not usable:
        raise Unsuitable
    return f"{writer.subject_words()} {writer.rng.choice(usable).format(**slots)}{writer.citation(fact)}."


def _slots_of(clause: str) -> list[str]:
    return [part.split("}")[0] for part in clause.split("{")[1:]]


def planted(kind: str, *, unless: tuple[str, ...] = ()) -> Callable[[Writer, Sequence[Subject]], str]:
    """A maker that puts a false clause of a type after, or in front of, a true cited sentence."""

    def make(writer: Writer, pool: Sequence[Subject]) -> str:
        if any(e.kind in unless for e in writer.evidence):
            raise Unsuitable
        rng = writer.rng
        brand = rng.choice(pool).item.brand or "Acme"
        if kind == "competitor" and brand in writer.subject.item.name:
            raise Unsuitable
        wrong = rng.choice(
            [spoken.percent(rng.choice([15, 25, 35, 45]), rng), spoken.amount(1990, writer.currency, rng)]
        )
        clause = str(rng.choice(lie_clauses()[kind])).format(
            wrong=wrong,
            few=rng.choice(["2", "three", "17"]),
            money=spoken.amount(4545, writer.currency, rng),
            wrongbrand=brand,
            **writer.own(),
        )
        fact = writer.evidence[0]
        truth = writer.single(fact)
        if rng.random() < 0.3:
            return f"{clause} It {writer.wording(fact, 'predicates')}{writer.citation(fact)}."
        if rng.random() < 0.5:
            return f"{truth}. {clause[:-1]}{writer.citation(fact)}."
        return f"{truth}. {clause}"

    make.__doc__ = f"A false clause of the type {kind}."
    return make


def no_fact(writer: Writer, _: Sequence[Subject]) -> str:
    """A sentence that says nothing of the item, whatever it cites."""
    rng = writer.rng
    said = rng.choice(
        [
            "Here is one for you",
            "One of the products in our shop",
            "This is a choice from our range for you",
            "It is a product that we have here",
            "Another item from our selection",
            "You can have this one now",
            "A pick from our shop",
            "This is part of our collection",
            "This one is for you",
            "An option that our shop has",
        ]
    )
    return f"{said}{writer.citation(writer.evidence[0])}."


TYPES: dict[str, Callable[[Writer, Sequence[Subject]], str]] = {
    "wrong_number": wrong_number,
    "wrong_amount": wrong_amount,
    "wrong_number_words": wrong_words,
    "swapped_unit": swapped_unit,
    "swapped_roles": swapped_roles,
    "wrong_currency": wrong_currency,
    "wrong_rounding": wrong_rounding,
    "wrong_scale": wrong_scale,
    "wrong_date": wrong_date,
    "wrong_brand": wrong_brand,
    "cited_brand": cited_brand,
    "invented_attribute": invented_attribute,
    "other_item": other_item,
    "uncited_figure": uncited,
    "wrong_partner": wrong_partner,
    "wrong_deed": wrong_deed,
    "wrong_shopper": wrong_shopper,
    "inverted_comparison": inverted_comparison,
    "negation": planted("negation"),
    "superlative": planted("superlative"),
    "discount_without_reference": planted("discount_without_reference", unless=("discount", "promotion")),
    "stock": planted("stock", unless=("low_stock", "back_in_stock")),
    "health": planted("health"),
    "sensitive": planted("sensitive"),
    "margin": planted("margin"),
    "popularity": planted("popularity"),
    "competitor": planted("competitor"),
    "urgency": planted("urgency"),
    "fractions": planted("fractions"),
    "promise": planted("promise"),
    "markup": planted("markup"),
    "no_fact": no_fact,
}
"""Type → maker. Every maker takes a writer and all subjects, returns the sentence, raises Unsuitable to pass."""
