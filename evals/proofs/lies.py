"""One maker per type of lie: a true kind of sentence with exactly one thing wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evals.proofs import spoken
from evals.proofs.grammar import Unsuitable, Writer, changed, lie_clauses
from evals.proofs.lies_of_number import (
    single_with,
    swapped_roles,
    swapped_unit,
    wrong_amount,
    wrong_currency,
    wrong_date,
    wrong_number,
    wrong_rounding,
    wrong_scale,
    wrong_words,
)
from evals.proofs.shop_cases import Subject


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
    return single_with(writer, fact, changed(fact, **{key: other}))


def wrong_deed(writer: Writer, _: Sequence[Subject]) -> str:
    """Something that the shopper did not do."""
    fact = writer.of_kind("bought_together", "same_brand", "category_affinity")
    if "did" not in fact.value:
        raise Unsuitable
    other = writer.rng.choice(
        [d for d in ("bought", "put in your cart", "saved", "looked at") if d != fact.value["did"]]
    )
    return single_with(writer, fact, changed(fact, did=other))


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
