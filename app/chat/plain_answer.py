"""The answer without a model: intent and limits read by code, cards with compiled reasons, sentences by code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from app.chat import phrases
from app.chat.shop import Shop, Wish, fits, words_of_product
from app.domain.catalog import Product
from app.domain.chat import Cards, ChatPart, ChatTurn, Clarify, Remembered, Said, ToolAsked
from app.domain.errors import UnknownProduct, UnknownRecommendation
from app.domain.interactions import Preferences
from app.domain.money import parse_minor
from app.pipeline.comparison import MAX_COMPARED, attribute_text, compare, spoken
from app.pipeline.intent import Intent, content
from app.pipeline.seller_text import folded_words

GIFT_PRICES = (25, 50, 100)
"""Price limits that the question about a gift offers, in whole units of the currency."""


@dataclass(slots=True)
class Conversation:
    """One turn on its way: what is remembered changes as it goes on, and is stored at its end."""

    turn: ChatTurn
    intent: Intent
    memory: Remembered

    def show(self, cards: Cards) -> Cards:
        """Remembers cards as those shown last."""
        self.memory = replace(
            self.memory,
            shown=tuple(card.product.product_id for card in cards.cards),
            recommendation_id=cards.recommendation_id,
            focus=None,
        )
        return cards


class PlainAnswer:
    """Answers by rules. Each answer is a series of parts, sentences and cards in the order to show them."""

    def __init__(self, shop: Shop, hand_off: str | None) -> None:
        self._shop = shop
        self._hand_off = hand_off

    def fixed(self, intent: Intent) -> Sequence[ChatPart] | None:
        """The answer to what needs no shop at all, model or not; None where it does."""
        match intent.kind:
            case "danger":
                return (Said(phrases.DANGER), *self._contact())
            case "unsafe":
                return (Said(phrases.UNSAFE),)
            case "hand_off":
                return (Said(phrases.hand_off(self._hand_off)),)
            case "off_topic":
                return (Said(phrases.OFF_TOPIC), Said(phrases.HELP))
            case "who":
                return (Said(phrases.WHO), *self._contact())
            case "greeting":
                return (Said(phrases.GREETING),)
            case "thanks":
                return (Said(phrases.THANKS),)
            case _:
                return None

    async def answer(self, talk: Conversation) -> AsyncIterator[ChatPart]:
        """The parts of the answer."""
        kinds = {
            "compare": self._compared,
            "similar": self._similar,
            "cheaper": self._cheaper,
            "detail": self._detail,
            "why": self._why,
            "why_not": self._why,
            "buy": self._buy,
            "known": self._known,
        }
        async for part in kinds.get(talk.intent.kind, self._search)(talk):
            yield part

    def _contact(self) -> tuple[Said, ...]:
        return () if self._hand_off is None else (Said(phrases.hand_off(self._hand_off)),)

    async def _search(self, talk: Conversation) -> AsyncIterator[ChatPart]:
        intent, currency = talk.intent, self._shop.currency
        if intent.states:
            async for part in self._state(talk):
                yield part
            if not intent.search and not intent.gift:
                return
        wish = wish_of(talk)
        talk.memory = replace(
            talk.memory,
            budget_minor=wish.most_minor,
            search=wish.text,
            categories=wish.categories,
            brands=wish.brands,
            avoided=wish.avoided,
        )
        found = await self._shop.find(talk.turn.talker, wish)
        if not found.cards.cards and wish.categories and wish.text:
            found = await self._shop.find(talk.turn.talker, replace(wish, categories=()))
        cards = found.cards
        limits = phrases.limits_text(wish.least_minor, wish.most_minor, currency)
        if not cards.cards:
            yield Said(phrases.nothing(wish.text, limits))
            if wish.most_minor is not None:
                dearer = await self._shop.find(talk.turn.talker, replace(wish, most_minor=None, limit=20))
                prices = [c.product.price_minor for c in dearer.cards.cards if c.product.price_minor is not None]
                # A stored budget can hold back what the limit alone would let in: then there is nothing to add.
                if prices and min(prices) > wish.most_minor and not dearer.relaxed:
                    yield Said(phrases.least_price(min(prices), currency))
            return
        if found.read_as is not None:
            yield Said(phrases.read_as(found.read_as))
        if found.relaxed:
            yield Said(phrases.RELAXED)
        yield Said(phrases.found(len(cards.cards), wish.text, limits))
        yield talk.show(cards)
        question = _question(talk, wish, currency)
        if question is not None:
            talk.memory = replace(talk.memory, clarified=True)
            yield question

    async def _compared(self, talk: Conversation) -> AsyncIterator[ChatPart]:
        names = talk.intent.named
        ids = [await self._shop.meant(name, talk.memory, talk.turn.product_id) for name in names]
        if not names:
            ids = list(talk.memory.shown[:2])
        elif len(names) == 1 and talk.turn.product_id is not None:
            ids = [talk.turn.product_id, *ids]
        missing = [name for name, found in zip(names, ids, strict=False) if found is None]
        products = await self._shop.products([p for p in dict.fromkeys(ids) if p is not None][:MAX_COMPARED])
        if len(products) < 2:
            yield Said(phrases.NOT_CLEAR if missing or names else phrases.NOTHING_TO_COMPARE)
            return
        async for part in compared(products, self._shop.currency):
            yield part

    async def _similar(self, talk: Conversation) -> AsyncIterator[ChatPart]:
        product = await self._meant(talk)
        if product is None:
            async for part in self._search(talk):
                yield part
            return
        cards = await self.like(talk, product)
        if not cards.cards:
            yield Said(phrases.nothing(phrases.name_of(product), ""))
            return
        yield Said(phrases.like(len(cards.cards), product))
        yield talk.show(cards)

    async def like(self, talk: Conversation, product: Product) -> Cards:
        """Cards of products that are like this one; where none is, of its category."""
        limit = talk.intent.most_minor if talk.intent.most_minor is not None else talk.memory.budget_minor
        wish = Wish(like=product.product_id, most_minor=limit, least_minor=talk.intent.least_minor)
        found = await self._shop.find(talk.turn.talker, wish)
        if not found.cards.cards and product.category is not None:
            found = await self._shop.find(talk.turn.talker, replace(wish, like=None, categories=(product.category,)))
        return found.cards

    async def _cheaper(self, talk: Conversation) -> AsyncIterator[ChatPart]:
        shown = await self._shop.products(talk.memory.shown)
        if talk.intent.named:
            product = await self._meant(talk)
            shown = () if product is None else (product,)
        prices = [p.price_minor for p in shown if p.price_minor is not None]
        if not prices or min(prices) == 0:
            async for part in self._search(talk):
                yield part
            return
        wish = replace(wish_of(talk, refines=True), most_minor=min(prices) - 1)
        if not wish.text and shown[0].category is not None:
            wish = replace(wish, categories=(shown[0].category,))
        cards = (await self._shop.find(talk.turn.talker, wish)).cards
        limits = phrases.limits_text(wish.least_minor, wish.most_minor, self._shop.currency)
        if not cards.cards:
            yield Said(phrases.nothing(wish.text, limits))
            return
        yield Said(phrases.found(len(cards.cards), wish.text, limits))
        yield talk.show(cards)

    async def _detail(self, talk: Conversation) -> AsyncIterator[ChatPart]:
        product = await self._meant(talk)
        if product is None:
            async for part in self._search(talk):
                yield part
            return
        for sentence in asked_of(talk.turn.text, product):
            yield Said(sentence)
        yield Said(phrases.offer(product, self._shop.currency))
        for part in await self.single(talk, product):
            yield part

    async def single(self, talk: Conversation, product: Product) -> Sequence[ChatPart]:
        """The card of one product, or why there is none: what is over the limit is told, never shown."""
        budget = talk.intent.most_minor if talk.intent.most_minor is not None else talk.memory.budget_minor
        over = None if budget is None else phrases.over_budget(product, budget, self._shop.currency)
        if over is not None:
            return (Said(over),)
        card = await self._shop.card(talk.turn.talker, product, budget)
        return () if card is None else (Cards((card,)),)

    async def _why(self, talk: Conversation) -> AsyncIterator[ChatPart]:
        product = await self._meant(talk)
        if product is None:
            yield Said(phrases.NOT_CLEAR)
            return
        yield Said(await self.why(talk, product))

    async def why(self, talk: Conversation, product: Product) -> str:
        """Why a product is, or is not, among the cards shown last."""
        if talk.memory.recommendation_id is None:
            return phrases.offer(product, self._shop.currency)
        try:
            explanation = await self._shop.fate(talk.memory.recommendation_id, product.product_id)
        except (UnknownRecommendation, UnknownProduct):
            return phrases.offer(product, self._shop.currency)
        return phrases.fate(explanation, product, talk.memory, self._shop.currency)

    async def _buy(self, talk: Conversation) -> AsyncIterator[ChatPart]:
        product = await self._meant(talk)
        if product is None:
            yield Said(phrases.NOT_CLEAR)
            return
        yield Said(phrases.offer(product, self._shop.currency))
        if fits(product, Wish()):
            yield proposal("cart-1", product, 1)
            yield Said(phrases.CONFIRM)

    async def _known(self, talk: Conversation) -> AsyncIterator[ChatPart]:
        shopper = await self._shop.shopper(talk.turn.talker)
        told = preference_lines(shopper.preferences, self._shop.currency)
        if not told or shopper.consent.personalization == "none":
            yield Said(phrases.NOTHING_SAVED)
            return
        yield Said("Your saved preferences: " + "; ".join(told) + ".")

    async def _state(self, talk: Conversation) -> AsyncIterator[ChatPart]:
        """Keeps what the shopper states in so many words: a price limit, and what to avoid."""
        intent = talk.intent
        if intent.most_minor is None and not intent.avoided:
            return

        def change(held: Preferences) -> Preferences:
            budget = held.budget_minor if intent.most_minor is None else intent.most_minor
            return replace(held, budget_minor=budget, avoid=tuple(dict.fromkeys((*held.avoid, *intent.avoided)))[:50])

        most = talk.memory.budget_minor if intent.most_minor is None else intent.most_minor
        talk.memory = replace(talk.memory, budget_minor=most)
        kept = await self._shop.keep(talk.turn.talker, change)
        yield Said(phrases.KEPT if kept else phrases.CONTEXT_ONLY)

    async def _meant(self, talk: Conversation) -> Product | None:
        name = talk.intent.named[0] if talk.intent.named else ""
        product_id = await self._shop.meant(name, talk.memory, talk.turn.product_id)
        if product_id is None and (talk.memory.shown or talk.turn.product_id) and talk.intent.kind == "detail":
            product_id = await self._shop.meant("", talk.memory, talk.turn.product_id)
        if product_id is not None:
            talk.memory = replace(talk.memory, focus=product_id)
        return None if product_id is None else await self._shop.product(product_id)


def wish_of(talk: Conversation, *, refines: bool = False) -> Wish:
    """What to look for now: this message, and of the conversation what it goes on with."""
    intent, memory = talk.intent, talk.memory
    if intent.kind == "recommend":
        return Wish(most_minor=memory.budget_minor, least_minor=intent.least_minor, cart=talk.turn.cart)
    goes_on = refines or intent.refines or not (intent.search or intent.gift)
    text = intent.search
    if goes_on and memory.search and not intent.categories:
        text = " ".join(dict.fromkeys(f"{memory.search} {intent.search}".split()))
    if intent.gift and "gift" not in text.split():
        text = f"{text} gift".strip()
    return Wish(
        text=text[:200],
        least_minor=intent.least_minor,
        most_minor=intent.most_minor if intent.most_minor is not None else memory.budget_minor,
        brands=intent.brands or (memory.brands if goes_on else ()),
        categories=intent.categories or (memory.categories if goes_on else ()),
        avoided=tuple(dict.fromkeys((*(memory.avoided if goes_on else ()), *intent.avoided))),
        cart=talk.turn.cart,
    )


async def compared(products: Sequence[Product], currency: str) -> AsyncIterator[ChatPart]:
    """The table, and for two products what their prices say."""
    yield compare(products, currency=currency)
    gap = phrases.price_gap(products[0], products[1], currency) if len(products) == 2 else None
    if gap is not None:
        yield Said(gap)


def proposal(call_id: str, product: Product, quantity: int) -> ToolAsked:
    """The question whether to put a product into the cart: the client asks, and acts itself."""
    arguments = {"productId": product.product_id, "quantity": quantity, "name": phrases.name_of(product)}
    return ToolAsked(call_id, "add_to_cart", arguments, by_server=False)


def preference_lines(preferences: Preferences, currency: str) -> tuple[str, ...]:
    """What a shopper stated, as short lines; never country or age."""
    budget = preferences.budget_minor
    told = [] if budget is None else [f"price limit {phrases.limits_text(None, budget, currency).strip()}"]
    for label, values in (
        ("interests", preferences.interests),
        ("styles", preferences.style_tags),
        ("sizes", preferences.sizes),
        ("to avoid", preferences.avoid),
    ):
        if values:
            told.append(f"{label} {', '.join(values[:10])}")
    return tuple(told)


def _question(talk: Conversation, wish: Wish, currency: str) -> Clarify | None:
    """The one question of a conversation: a price for a gift, a kind where next to nothing was said."""
    if talk.memory.clarified:
        return None
    if talk.intent.gift and wish.most_minor is None:
        minors = (parse_minor(amount, currency) for amount in GIFT_PRICES)
        return Clarify(phrases.WHAT_PRICE, tuple(phrases.limits_text(None, m, currency).strip() for m in minors))
    return Clarify(phrases.WHAT_KIND) if not wish.text and not wish.categories and not wish.brands else None


def asked_of(question: str, product: Product) -> tuple[str, ...]:
    """What the catalogue says to a question about a product: an attribute it names, a word it holds, or "unknown"."""
    own = {name: set(folded_words(name)) for name in dict.fromkeys(spoken(name) for name in product.attributes)}
    told = set(folded_words(question))
    named = [name for name, names in own.items() if names & told]
    if named:
        return tuple(phrases.attribute(product, name, attribute_text(product, name)) for name in named[:2])
    rest = [w for w in content(question).split() if not set(folded_words(w)) <= set(folded_words(product.name))]
    words = [w for w in rest if folded_words(w) and folded_words(w)[0] not in _ASKING]
    held = set(words_of_product(product))
    return tuple(
        phrases.listed(product, word) if set(folded_words(word)) <= held else phrases.attribute(product, word, None)
        for word in words[:2]
    )


_ASKING = frozenset({"tell", "much", "detail", "still", "sold", "available", "stock", "cost", "show", "made", "work"})
