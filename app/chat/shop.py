"""What the assistant may do in the shop: the same retrieval, rules, evidence and consent as every other page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.chat.naming import product_at, product_named
from app.domain.catalog import Product
from app.domain.chat import Card, Cards, Remembered, Talker
from app.domain.deadline import Deadline
from app.domain.interactions import Consent, Preferences, Shopper
from app.domain.ranking import MAX_QUERY_CHARS, Explanation, Filters, Query
from app.finder import Served
from app.pipeline.intent import Vocabulary
from app.pipeline.seller_text import folded_words, plain
from app.pipeline.sensitivity import attribute_values
from app.ports import ShopStore
from app.service import RecommendationService
from app.shelves import ShelfService, Shelved

CARDS_MAX = 5
MAX_ASKED = 50
"""Most products that one request may ask for."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to look for."""

    text: str = ""
    least_minor: int | None = None
    most_minor: int | None = None
    brands: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    avoided: tuple[str, ...] = ()
    like: str | None = None  # a product id: products that are like this one
    cart: tuple[str, ...] = ()
    limit: int = CARDS_MAX


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for a wish."""

    cards: Cards
    relaxed: bool = False  # nothing holds all that was asked for: these hold a part, or mean something near
    read_as: str | None = None  # the text with its typing errors put right


class Shop:
    """Reads of the shop for one assistant. Its service orders by the baseline: the chat has a model call of its own."""

    def __init__(
        self,
        *,
        service: RecommendationService,
        shelves: ShelfService,
        served: Callable[[], Served],
        store: ShopStore,
        currency: str,
        consent_default: Consent,
    ) -> None:
        self._service = service
        self._shelves = shelves
        self._served = served
        self._store = store
        self.currency = currency
        self._consent_default = consent_default
        self._vocabulary: tuple[int, Vocabulary] | None = None

    def vocabulary(self) -> Vocabulary:
        """The shop's brands and categories as words; made once per catalogue."""
        snapshot = self._served().shelf.snapshot
        held = self._vocabulary
        if held is None or held[0] != snapshot.sequence:
            held = (snapshot.sequence, Vocabulary.of(snapshot.brands, snapshot.categories))
            self._vocabulary = held
        return held[1]

    async def find(self, talker: Talker, wish: Wish) -> Found:
        """Cards for a wish, best first, at most `wish.limit`, none over the price or without stock; none is no error.

        Raises: UnknownProduct: of `wish.like`.
        """
        query = Query(
            user_id=talker.user_id,
            anonymous_id=talker.anonymous_id,
            session_id=talker.session_id,
            limit=min(2 * wish.limit, MAX_ASKED),  # some that are served may not keep what only the chat knows of
            placement="search" if wish.text else "home" if wish.like is None else "product",
            product_id=wish.like,
            cart=wish.cart,
            budget_minor=wish.most_minor,
            text=wish.text or None,
            reasons="template",
            filters=Filters(wish.categories, wish.brands, wish.least_minor, wish.most_minor),
            shelf="search" if wish.text else None if wish.like is None else "similar",
        )
        if query.shelf is None:
            shelved = Shelved(await self._service.recommend(query, Deadline.after_ms(0)))
        else:
            shelved = await self._shelves.show(query)
        slate, facts = shelved.slate, shelved.search
        products = await asyncio.to_thread(self._service.products, [item.product_id for item in slate.items])
        cards = tuple(
            Card(products[item.product_id], item.reason or "", item.evidence)
            for item in slate.items
            if item.product_id in products and fits(products[item.product_id], wish)
        )
        return Found(
            Cards(cards[: wish.limit], slate.recommendation_id),
            relaxed=facts is not None and facts.relaxed,
            read_as=None if facts is None else facts.read_as,
        )

    async def card(self, talker: Talker, product: Product, most_minor: int | None) -> Card | None:
        """The card of one product, found like any other: None where a rule or the price limit keeps it out."""
        text = plain(product.name, MAX_QUERY_CHARS)
        if not text:
            return None
        found = await self.find(talker, Wish(text=text, most_minor=most_minor, limit=MAX_ASKED // 2))
        return next((card for card in found.cards.cards if card.product.product_id == product.product_id), None)

    async def product(self, product_id: str) -> Product | None:
        """The current record of a product, None for one that the shop does not offer any more."""
        found = await asyncio.to_thread(self._service.products, [product_id])
        return found.get(product_id)

    async def products(self, product_ids: Sequence[str]) -> tuple[Product, ...]:
        """Current records, in the order given; those that are gone are left out."""
        found = await asyncio.to_thread(self._service.products, list(product_ids))
        return tuple(found[p] for p in product_ids if p in found)

    async def meant(self, name: str, memory: Remembered, page: str | None = None) -> str | None:
        """The id of the product that "#1", a name or "" (the one talked about) means; None where that is not clear."""
        if name.startswith("#"):
            return product_at(memory.shown, name)
        if name:
            near = (*memory.shown, *(() if page is None else (page,)))
            return await asyncio.to_thread(product_named, self._served(), name, near)
        if memory.focus is not None:
            return memory.focus
        if page is not None and page in self._served().shelf.snapshot.row_of:
            return page
        return memory.shown[0] if memory.shown else None

    async def fate(self, recommendation_id: str, product_id: str) -> Explanation:
        """See RecommendationService.fate. Raises: UnknownRecommendation, UnknownProduct."""
        return await self._service.fate(recommendation_id, product_id)

    async def shopper(self, talker: Talker) -> Shopper:
        """Preferences and consent of the one who talks."""
        if talker.user_id is None:
            return Shopper(None, consent=self._consent_default)
        return await asyncio.to_thread(self._store.shopper, talker.user_id)

    async def keep(self, talker: Talker, change: Callable[[Preferences], Preferences]) -> bool:
        """Changes stored preferences; False where there is no shopper to store them for, or no consent to a profile."""
        shopper = await self.shopper(talker)
        if talker.user_id is None or shopper.consent.personalization == "none":
            return False
        changed = replace(change(shopper.preferences), updated_at=None)
        await asyncio.to_thread(self._store.save_preferences, talker.user_id, changed)
        return True


def fits(product: Product, wish: Wish) -> bool:
    """Whether a product keeps every hard limit: price, stock, and what the shopper does not want."""
    price = product.price_minor
    if wish.most_minor is not None and (price is None or price > wish.most_minor):
        return False
    if wish.least_minor is not None and (price is None or price < wish.least_minor):
        return False
    if not product.available or product.stock == 0:
        return False
    own = set(words_of_product(product))
    return not any(set(folded_words(unwanted)) <= own for unwanted in wish.avoided)


def words_of_product(product: Product) -> tuple[str, ...]:
    """Every word of name, brand, category, tags and attribute values, folded."""
    values = [v for value in product.attributes.values() for v in attribute_values(value)]
    texts = (product.name, product.brand or "", product.category or "", *product.tags, *values)
    return tuple(word for text in texts for word in folded_words(text))
