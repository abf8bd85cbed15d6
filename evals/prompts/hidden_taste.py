"""Graded relevance from what the demo shop's generator knows of its shoppers and never tells the service.

A shopper of fixtures/ has a weight for each kind of product, a taste in prices, brands liked and disliked by chance,
and a memory of what was bought. The generator turns them into the chance that a product catches this shopper's eye,
and the grades are steps of that chance, set against the best of its kind:

    3  the kind is among the shopper's dearest and the product among the best of it for this shopper
    2  clearly wanted    1  conceivable    0  no reason to show it

What a query asks for goes before taste: see `of_query`. What can't be had (sold out, over budget, not in the shopper's
size) is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from app.pipeline.seller_text import folded_words
from fixtures import catalogue, lexicon, pricing, shoppers, stocking
from fixtures.behaviour import Life
from fixtures.catalogue import Product
from fixtures.market import Market, Memory, lasts
from fixtures.shoppers import Shopper
from fixtures.window import END, season_demand

STEPS = ((0.25, 3), (0.08, 2), (0.015, 1))
"""Lower bound of (weight of the kind over the heaviest) x (appeal over the greatest in the kind) → grade."""

NOW = END - timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What words ask for, as whoever wrote them knows it."""

    kinds: tuple[str, ...]  # kinds of product that answer it
    words: tuple[str, ...] = ()  # English words that the best answers hold
    seasons: tuple[str, ...] = ()  # best answers are of one of these seasons


@dataclass(slots=True)
class Tastes:
    """The hidden half of the demo shop."""

    market: Market
    people: Mapping[str, Shopper]
    products: Mapping[str, Product]
    _memories: dict[str, Memory] = field(default_factory=dict)
    _chances: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def build(cls) -> Tastes:
        """Makes catalogue, prices, stock and shoppers anew, without anybody's half year; about 1 s."""
        products = catalogue.build()
        market = Market(products, pricing.build(products), stocking.build(products))
        people = {one.user_id: one for one in shoppers.build()}
        return cls(market, people, {product.product_id: product for product in products})

    def memory(self, user_id: str) -> Memory:
        """What the shopper had bought, and come to like, when the window ended."""
        if user_id not in self._memories:
            life = Life(self.people[user_id], self.market, known=True)
            if not life.shopper.cold:
                life.live()
            self._memories[user_id] = life.memory
        return self._memories[user_id]

    def of_taste(self, user_id: str, product_id: str, budget_minor: int | None = None) -> int:
        """Grade of a product for a shopper who asked for nothing. Args: budget_minor: of the request."""
        if self._out_of_reach(user_id, product_id, budget_minor):
            return 0
        return _step(self._chance(user_id).get(product_id, 0.0))

    def of_query(
        self, asked: Asked, product_id: str, *, user_id: str | None = None, budget_minor: int | None = None
    ) -> int:
        """Grade of a product for what was asked: its kind first, then the words, then whose taste it is.

        3: of the kind, with every word, and nothing the shopper would turn away from; 2: of the kind, with a word
        missing or not to the taste; 1: of the kind without any of the words, or on the same shelf; 0: anything else.
        """
        product = self.products[product_id]
        if self._out_of_reach(user_id, product_id, budget_minor):
            return 0
        shelves = {lexicon.kinds()[kind].category for kind in asked.kinds}
        if product.kind.key not in asked.kinds:
            return 1 if product.kind.category in shelves else 0
        held = self._words(product)
        found = sum(all(word in held for word in folded_words(words)) for words in asked.words)
        if asked.words and not found:
            return 1
        missing = len(asked.words) - found + bool(asked.seasons and not set(asked.seasons) & set(product.seasons))
        missing += self._against_taste(user_id, product)
        return max(1, 3 - missing)

    def of_page(self, user_id: str | None, page: Sequence[str], product_id: str, *, cart: bool = False) -> int:
        """Grade beside a page or a cart: what goes with it as the generator pairs things, then alternatives to it."""
        if self._out_of_reach(user_id, product_id, None):
            return 0
        product = self.products[product_id]
        best = 0
        for other in page:
            anchor = self.products[other]
            for partners in anchor.partners.values():
                places = [one.product_id for one in partners]
                if product_id in places:
                    best = max(best, 3 if places.index(product_id) == 0 else 2)
            if not cart and anchor.kind is product.kind:
                best = max(best, 2 if abs(anchor.tier - product.tier) <= 0.2 else 1)
        if user_id is not None:
            best = max(best, min(1, self.of_taste(user_id, product_id)))
        return best

    def of_gift(self, persona: str, product_id: str, budget_minor: int) -> int:
        """Grade as a present for somebody of this persona: a kind that they love, and a price fit for a present."""
        table = lexicon.personas()[persona]
        likes: Mapping[str, float] = table.get("later", table["likes"])
        product = self.products[product_id]
        price = self.market.price(product, NOW)
        if price > budget_minor or not self.market.in_stock(product, NOW):
            return 0
        weight = likes.get(product.kind.key, 0.0) / max(likes.values())
        if weight == 0.0:
            return 0
        worthy = price >= 0.3 * budget_minor
        return 3 if weight >= 0.4 and worthy else 2 if weight >= 0.2 else 1

    def with_size(self, user_id: str, product_id: str, grade: int) -> int:
        """The grade, 0 where the product comes in sizes and none is the shopper's."""
        sizes = self.products[product_id].attributes.get("size")
        mine = self.people[user_id].preferences["sizes"]
        if not isinstance(sizes, list) or not mine:
            return grade
        return grade if set(mine) & set(sizes) else 0

    def likes(self, user_id: str) -> list[str]:
        """Kinds that the shopper looks for now, dearest first."""
        weights = self._kinds(user_id)
        return sorted(weights, key=lambda kind: -weights[kind])

    def _out_of_reach(self, user_id: str | None, product_id: str, budget_minor: int | None) -> bool:
        product = self.products[product_id]
        if not self.market.in_stock(product, NOW):
            return True
        limit = budget_minor
        if limit is None and user_id is not None:
            limit = self.people[user_id].budget_minor
        return limit is not None and self.market.price(product, NOW) > limit

    def _against_taste(self, user_id: str | None, product: Product) -> bool:
        """Whether the shopper would turn away: 2 of 3 products of a kind are not, or nobody would find anything."""
        if user_id is None:
            return False
        shopper, memory = self.people[user_id], self.memory(user_id)
        appeals = [self.market.appeal(one, shopper, memory, NOW) for one in self.market.by_kind[product.kind.key]]
        mine = self.market.appeal(product, shopper, memory, NOW)
        return sum(appeal > mine for appeal in appeals) * 3 >= 2 * len(appeals)

    def _kinds(self, user_id: str) -> dict[str, float]:
        shopper, memory = self.people[user_id], self.memory(user_id)
        weights = {}
        for key, liking in shopper.later.items():
            kind = lexicon.kinds()[key]
            recent = key in memory.kind_bought and NOW - memory.kind_bought[key] < timedelta(
                days=180 if lasts(kind) else 6
            )
            patience = (0.06 if lasts(kind) else 0.25) if recent else 1.0
            weights[key] = liking * season_demand(kind.seasons, NOW) * patience
        return weights

    def _chance(self, user_id: str) -> dict[str, float]:
        if user_id not in self._chances:
            shopper, memory = self.people[user_id], self.memory(user_id)
            weights = self._kinds(user_id)
            heaviest = max(weights.values(), default=0.0)
            chances: dict[str, float] = {}
            for kind, weight in weights.items():
                pool = self.market.by_kind[kind]
                appeals = [self.market.appeal(product, shopper, memory, NOW) for product in pool]
                greatest = max(appeals, default=0.0)
                if greatest > 0 and heaviest > 0:
                    for product, appeal in zip(pool, appeals, strict=True):
                        chances[product.product_id] = weight / heaviest * appeal / greatest
            self._chances[user_id] = chances
        return self._chances[user_id]

    @staticmethod
    def _words(product: Product) -> frozenset[str]:
        values = [value if isinstance(value, str) else " ".join(value) for value in product.attributes.values()]
        texts = [product.name, product.brand.name, *product.tags, *values, product.description]
        return frozenset(word for text in texts for word in folded_words(text))


def _step(chance: float) -> int:
    return next((grade for bound, grade in STEPS if chance >= bound), 0)
