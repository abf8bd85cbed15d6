"""Sentences that code says for itself. Every figure in them is an argument; none is written here."""

from __future__ import annotations

from app.domain.catalog import Product
from app.domain.chat import Remembered
from app.domain.ranking import Explanation
from app.pipeline.comparison import availability
from app.pipeline.evidence_draft import money
from app.pipeline.seller_text import plain, spoken_name

MACHINE = "You are talking to a machine: a program of this shop that searches its catalogue."
NO_MODEL = "No language model is in use; answers come from rules and the catalogue alone."
MODEL = "A language model words the answers; prices, stock and properties are checked against the catalogue."
GREETING = "Hello. Tell me what you are looking for, and a price limit if you have one."
THANKS = "You are welcome."
WHO = "I am a machine, not a person."
HELP = "I can search the catalogue, compare products, and say why something is or is not suggested."
OFF_TOPIC = "I can only help with products of this shop."
UNSAFE = "I can't help with that."
DANGER = "I can't help with that here. If somebody is in danger, please call the local emergency number now."
NO_HAND_OFF = "I can't connect you to a person; please use the contact page of the shop."
NOTHING_SAVED = "Nothing is saved about you, as far as this conversation may know."
NOT_CLEAR = "I am not sure which product you mean. Please give its name as it stands on the card."
NOTHING_TO_COMPARE = "Please name the products to compare."
LATE = "That took too long; please try again."
BROKEN = "The answer broke off; please try again."
SEE_ABOVE = "This is what the catalogue has."
CONFIRM = "Please confirm it on the card; nothing is put into your cart without you."
CONTEXT_ONLY = "I will keep that in mind for this conversation."
KEPT = "Saved to your preferences."
RELAXED = "Nothing holds all of that; these come near."
WHAT_PRICE = "About how much may it cost?"
WHAT_KIND = "What kind of product are you looking for?"


def name_of(product: Product) -> str:
    """The product's name as one plain line."""
    return plain(spoken_name(product.name), 80) or "This product"


def hand_off(contact: str | None) -> str:
    """Where a person can be reached."""
    return NO_HAND_OFF if contact is None else f"A person can help you: {contact}"


def found(n: int, search: str, limits: str) -> str:
    """What the cards below are."""
    what = _quoted(search)
    return f"{'One product' if n == 1 else f'{n} products'}{what}{limits}:"


def like(n: int, product: Product) -> str:
    """What the cards below are like."""
    return f"{'One product' if n == 1 else f'{n} products'} like {name_of(product)}:"


def read_as(text: str) -> str:
    """How a search was understood whose words were put right."""
    return f"I read that as “{plain(text, 80)}”."


def limits_text(least_minor: int | None, most_minor: int | None, currency: str) -> str:
    """The price limits as the end of a phrase; "" without any."""
    if least_minor is not None and most_minor is not None:
        return f" from {money(least_minor, currency)} to {money(most_minor, currency)}"
    if most_minor is not None:
        return f" up to {money(most_minor, currency)}"
    return "" if least_minor is None else f" from {money(least_minor, currency)}"


def _quoted(search: str) -> str:
    """What was looked for, short enough to be repeated."""
    return f" for “{plain(search, 60)}”" if search else ""


def nothing(search: str, limits: str) -> str:
    """That nothing was found."""
    what = _quoted(search)
    return f"I found nothing{what}{limits} that can be bought now."


def least_price(minor: int, currency: str) -> str:
    """The price of the least expensive product that matches otherwise."""
    return f"Without the price limit, the lowest price is {money(minor, currency)}."


def offer(product: Product, currency: str) -> str:
    """Price and availability of one product."""
    name = name_of(product)
    price = (
        "has no price in the catalogue"
        if product.price_minor is None
        else "costs " + money(product.price_minor, currency)
    )
    held = availability(product)
    stock = "whether it is in stock is unknown" if held is None else f"it is {held}"
    return f"{name} {price}; {stock}."


def attribute(product: Product, name: str, value: str | None) -> str:
    """One attribute, "unknown" where the catalogue does not say."""
    told = "unknown; the catalogue does not say" if value is None else value
    return f"{name_of(product)}, {name}: {told}."


def listed(product: Product, word: str) -> str:
    """That the catalogue's record of a product holds a word."""
    return f"{name_of(product)}: the catalogue lists “{plain(word, 40)}”."


def price_gap(one: Product, other: Product, currency: str) -> str | None:
    """Which of two costs less, and by how much; None where a price is unknown."""
    if one.price_minor is None or other.price_minor is None:
        return None
    less, more = (one, other) if one.price_minor <= other.price_minor else (other, one)
    gap = abs(one.price_minor - other.price_minor)
    if gap == 0:
        return f"{name_of(one)} and {name_of(other)} cost the same."
    return f"{name_of(less)} costs {money(gap, currency)} less than {name_of(more)}."


def over_budget(product: Product, budget_minor: int, currency: str) -> str | None:
    """That a product costs more than the shopper wants to spend; None when it does not."""
    if product.price_minor is None or product.price_minor <= budget_minor:
        return None
    price, budget = money(product.price_minor, currency), money(budget_minor, currency)
    return f"{name_of(product)} costs {price}, over your limit of {budget}."


def fate(explanation: Explanation, product: Product, memory: Remembered, currency: str) -> str:
    """Why a product is, or is not, among the cards shown last; from the record of exclusions only."""
    name, end = name_of(product), explanation.fate
    if end.stage == "served" and explanation.reason is not None:
        return f"{name}: {explanation.reason}"
    if memory.budget_minor is not None and (told := over_budget(product, memory.budget_minor, currency)):
        return told
    if end.stage == "rule":
        match end.public_reason:
            case "out_of_stock":
                return f"{name} was left out: it is {availability(product) or 'not available'}."
            case "over_budget":
                return f"{name} was left out: it is over your price limit."
            case "already_owned":
                return f"{name} was left out: it is among your own purchases."
            case "not_for_you":
                return f"{name} was left out by what you asked for or by your preferences."
            case _:
                return f"{name} was left out by a policy of the shop."
    if end.stage == "slate_rule":
        return f"{name} was left out so that the selection is not all of one kind."
    if end.stage == "not_a_candidate":
        return f"{name} is not among the products that match what you asked for."
    return f"{name} matches, and came after the products that were shown."
