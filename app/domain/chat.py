"""One turn of the shopping assistant: what a shopper asks, what is remembered, and the parts of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.domain.budgets import NOBODY, Payer
from app.domain.catalog import Product
from app.domain.ranking import Evidence

MAX_MESSAGE_CHARS = 2000
"""Longest message of a shopper that is read."""

ToolName = Literal[
    "search_products",
    "recommend",
    "get_product",
    "compare_products",
    "similar_products",
    "why",
    "get_preferences",
    "set_preference",
    "add_to_cart",
]


@dataclass(frozen=True, slots=True)
class Talker:
    """Who is talking, as the session proves it. Nothing that a model or a message says changes this."""

    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None

    @property
    def known(self) -> bool:
        """Whether there is any id to remember a conversation by."""
        return (self.user_id or self.anonymous_id or self.session_id) is not None


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One message of a shopper, already validated."""

    text: str
    talker: Talker = Talker()
    conversation_id: str | None = None
    product_id: str | None = None  # the product page that the shopper is on
    cart: tuple[str, ...] = ()
    payer: Payer = field(default=NOBODY, compare=False)  # of the model calls that the answer takes


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a conversation keeps from one turn to the next, summarised by code; no word of a model is in it."""

    budget_minor: int | None = None
    search: str = ""  # what was looked for last, without contacts
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    avoided: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()  # product ids on the cards shown last, in order
    recommendation_id: str | None = None  # of those cards
    focus: str | None = None  # the product talked about last: what "it" means
    clarified: bool = False  # the one clarifying question was asked
    said: tuple[str, ...] = ()  # the shopper's newest messages, oldest first, without contacts


@dataclass(frozen=True, slots=True)
class Card:
    """A product to show: always one that a tool returned, with the catalogue's own figures."""

    product: Product
    reason: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute of a comparison: a value per product, None where the catalogue does not say."""

    attribute: str
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence that was proved, or that code compiled."""

    text: str


@dataclass(frozen=True, slots=True)
class Cards:
    """Products to show."""

    cards: tuple[Card, ...]
    recommendation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Products beside each other, by attributes of the catalogue only."""

    products: tuple[Product, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Clarify:
    """The one question back, with answers to choose from."""

    question: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What a shopper must know: that a machine answers, whether a model is in use, and who else can help."""

    model_in_use: bool
    text: str
    hand_off: str | None = None


@dataclass(frozen=True, slots=True)
class ToolAsked:
    """A tool that is being used. Without `by_server` it is a proposal: the client asks the shopper and acts itself."""

    call_id: str
    tool: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    by_server: bool = True


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """What a tool gave, fit for a shopper's eyes."""

    call_id: str
    output: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ToolRefused:
    """A call that was not carried out, and why."""

    call_id: str
    tool: str
    error: str


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """The answer ends here although more was to come."""

    text: str


ChatPart = Said | Cards | Comparison | Clarify | Disclosure | ToolAsked | ToolAnswered | ToolRefused | BrokenOff
