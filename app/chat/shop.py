"""What the assistant may do in the shop: the same retrieval, rules, evidence and consent as every other page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from app.chat.naming import product_at, product_named
from app.domain.catalog import Product
from app.domain.chat import Card, Cards, Remembered, Talker
from app.domain.deadline import Deadline
from app.domain.interactions import Consent, Preferences, Shopper
from app.domain.ranking import Explanation, Filters, Query, RankedItem
from app.finder import Served
from app.pipeline.evidence_catalogue import query_terms
from app.pipeline.intent import Vocabulary
from app.pipeline.seller_text import folded_words
from app.pipeline.sensitivity import attribute_values
from app.ports import ShopStore
from app.service import RecommendationService

_T = TypeVar("_T")

CARDS_MAX = 5
_ASKED_FOR = 20
"""Products asked of the service for five cards: some don't hold a word of what was asked for."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to look for."""

    text: str = ""
    least_minor: int | None = None
    most_minor: int | None = None
    brands: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    avoided: tuple[str, ...] = ()
    product_id: str | None = None  # products that go with or are like this one
    cart: tuple[str, ...] = ()
    limit: int = CARDS_MAX


class Shop:
    """Reads of the shop for one assistant. The service given orders by the baseline: the chat has its own model call."""

    def __init__(
        self,
        *,
        service: RecommendationService,
        served: Callable[[], Served],
        store: ShopStore,
        currency: str,
        consent_default: Consent,
    ) -> None:
        self._service = service
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

    async def find(self, talker: Talker, wish: Wish) -> Cards:
        """Cards for a wish, best first, at most `wish.limit`, none over the price or without stock; none is no error.

        Raises: UnknownProduct: of `wish.product_id`.
        """
        query = Query(
            user_id=talker.user_id,
            anonymous_id=talker.anonymous_id,
            session_id=talker.session_id,
            limit=_ASKED_FOR,
            placement="search" if wish.text else "product" if wish.product_id is not None else "home",
            product_id=wish.product_id,
            cart=wish.cart,
            budget_minor=wish.most_minor,
            text=wish.text or None,
            reasons="template",
            filters=Filters(wish.categories, wish.brands, wish.least_minor, wish.most_minor),
        )
        slate = await self._service.recommend(query, Deadline.after_ms(0))
        products = await asyncio.to_thread(self._service.products, [item.product_id for item in slate.items])
        items = [item for item in slate.items if item.product_id in products]
        fitting = [item for item in items if fits(products[item.product_id], wish)]
        if wish.text:
            fitting = _answering(fitting, products, wish.text)
        if wish.product_id is not None:
            fitting = _of_its_kind(fitting, products, wish.product_id, await self.product(wish.product_id))
        cards = tuple(card_of(item, products[item.product_id]) for item in fitting[: wish.limit])
        return Cards(cards, slate.recommendation_id)

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


def card_of(item: RankedItem, product: Product) -> Card:
    """The card of a served item."""
    return Card(product, item.reason or "", item.evidence)


def _answering(items: Sequence[RankedItem], products: Mapping[str, Product], text: str) -> list[RankedItem]:
    """The items that hold as many words of the query as any does, first; those that hold none only if none does."""
    terms = {folded_words(term) for term in query_terms(text)}
    counted = [(len(terms & {(w,) for w in words_of_product(products[i.product_id])}), i) for i in items]
    most = max((n for n, _ in counted), default=0)
    if most == 0:
        return list(items)
    full = [item for n, item in counted if n == most]
    if len(full) >= 3 or most == 1:
        return full
    return [*full, *(item for n, item in counted if 0 < n < most and n >= most - 1)]


def _of_its_kind(
    items: Sequence[RankedItem], products: Mapping[str, Product], product_id: str, like: Product | None
) -> list[RankedItem]:
    """The items of the product's own category first; others only where there are none."""
    others = [item for item in items if item.product_id != product_id]
    same = [i for i in others if like is not None and products[i.product_id].category == like.category]
    return same or others


def words_of_product(product: Product) -> tuple[str, ...]:
    values = [v for value in product.attributes.values() for v in attribute_values(value)]
    texts = (product.name, product.brand or "", product.category or "", *product.tags, *values)
    return tuple(word for text in texts for word in folded_words(text))
