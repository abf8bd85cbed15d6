"""Carries out what a model asks for, in our code: over the same service, with the limits that code has read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.chat import phrases
from app.chat.plain_answer import Conversation, PlainAnswer, compared, preference_lines, proposal
from app.chat.shop import Shop, Wish, fits
from app.chat.tool_arguments import (
    CartArguments,
    CompareArguments,
    PreferenceArguments,
    ProductArguments,
    RecommendArguments,
    SearchArguments,
    SimilarArguments,
    ToolArguments,
)
from app.chat.transcript import Transcript
from app.domain.catalog import Product
from app.domain.chat import Cards, ChatPart, Comparison, Said, ToolName
from app.domain.errors import BadInput
from app.domain.interactions import Preferences, Shopper
from app.domain.money import parse_minor
from app.pipeline import chat_words
from app.pipeline.intent import content
from app.pipeline.money_words import price_limits
from app.pipeline.redaction import without_contacts
from app.pipeline.seller_text import folded_words


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call gave: lines for the model, parts for the shopper, ids for the stream."""

    lines: tuple[str, ...]
    parts: tuple[ChatPart, ...] = ()
    output: dict[str, object] | None = None  # None: a proposal, whose answer is the client's


class ToolBox:
    """The tools of one answer."""

    def __init__(
        self, shop: Shop, plain: PlainAnswer, talk: Conversation, transcript: Transcript, shopper: Shopper
    ) -> None:
        self._shop = shop
        self._plain = plain
        self._talk = talk
        self._transcript = transcript
        self._shopper = shopper

    async def run(self, name: ToolName, arguments: ToolArguments, call_id: str) -> ToolResult:
        """The result of one call.

        Raises: BadInput: a product that is not clear, or a preference that the shopper did not state; for the model.
        """
        match arguments:
            case SearchArguments():
                return await self._search(arguments)
            case RecommendArguments():
                return await self._found(Wish(most_minor=self._most(arguments.max_price), cart=self._talk.turn.cart))
            case SimilarArguments():
                return await self._similar(arguments)
            case CompareArguments():
                return await self._compare(arguments)
            case PreferenceArguments():
                return await self._set(arguments)
            case CartArguments():
                if chat_words.BUY.search(self._talk.turn.text) is None:
                    raise BadInput("The shopper did not ask to buy anything; ask first.")
                product = await self._product(arguments.product)
                if not fits(product, Wish()):
                    return ToolResult((f"{self._line(product)}", "It can't be bought now."), output={"proposed": False})
                return ToolResult(
                    (self._line(product), "Proposed; the shopper decides."),
                    (proposal(call_id, product, arguments.quantity), Said(phrases.CONFIRM)),
                )
            case ProductArguments() if name == "why":
                product = await self._product(arguments.product)
                told = await self._plain.why(self._talk, product)
                return ToolResult((f"Told the shopper: {self._clean(told)}",), (Said(told),), _ids([product]))
            case ProductArguments():
                return await self._one(arguments)
            case _:
                return self._preferences()

    async def _search(self, given: SearchArguments) -> ToolResult:
        query = content(price_limits(without_contacts(given.query), self._shop.currency)[1])
        memory = self._talk.memory
        vocabulary = self._shop.vocabulary()
        brands = [vocabulary.brands[key] for b in given.brands if (key := folded_words(b)) in vocabulary.brands]
        wish = Wish(
            text=query,
            least_minor=self._minor(given.min_price),
            most_minor=self._most(given.max_price),
            brands=tuple(brands),
            avoided=self._talk.intent.avoided,
            cart=self._talk.turn.cart,
        )
        self._talk.memory = replace(memory, search=query, categories=(), brands=wish.brands, avoided=wish.avoided)
        return await self._found(wish)

    async def _found(self, wish: Wish) -> ToolResult:
        found = await self._shop.find(self._talk.turn.talker, wish)
        return self._shown(found.cards, relaxed=found.relaxed)

    async def _similar(self, given: SimilarArguments) -> ToolResult:
        product = await self._product(given.product)
        limit = self._most(given.max_price)
        intent = self._talk.intent
        talk = Conversation(self._talk.turn, replace(intent, most_minor=limit), self._talk.memory)
        return self._shown(await self._plain.like(talk, product), relaxed=False)

    def _shown(self, cards: Cards, *, relaxed: bool) -> ToolResult:
        products = [card.product for card in cards.cards]
        if not products:
            return ToolResult(("Nothing was found that fits.",), output=_ids([]))
        lines = [self._transcript.line(card.product, card.evidence) for card in cards.cards]
        note = ("Nothing holds all of what was asked for; these come near.",) if relaxed else ()
        output = _ids(products) | {"recommendationId": cards.recommendation_id}
        return ToolResult((*note, *(line for line in lines if line)), (self._talk.show(cards),), output)

    async def _one(self, given: ProductArguments) -> ToolResult:
        product = await self._product(given.product)
        return ToolResult((self._line(product),), tuple(await self._plain.single(self._talk, product)), _ids([product]))

    async def _compare(self, given: CompareArguments) -> ToolResult:
        products = [await self._product(name) for name in given.products]
        distinct = list({p.product_id: p for p in products}.values())
        if len(distinct) < 2:
            raise BadInput("Name two different products.")
        parts = [part async for part in compared(distinct, self._shop.currency)]
        table = next(part for part in parts if isinstance(part, Comparison))
        lines = [
            f"{row.attribute}: {' | '.join(self._clean(v or 'unknown') for v in row.values)}" for row in table.rows
        ]
        return ToolResult((*(self._line(p) for p in distinct), *lines), tuple(parts), _ids(distinct))

    async def _set(self, given: PreferenceArguments) -> ToolResult:
        """Saves only what the shopper states in this very message: nobody else's words change a profile."""
        intent = self._talk.intent
        budget: int | None = None
        if given.name == "budget":
            limits, _ = price_limits(f"under {given.value}", self._shop.currency)
            budget = limits.most_minor
        stated = intent.most_minor is not None and budget == intent.most_minor
        if given.name == "avoid":
            stated = given.value.casefold() in {word.casefold() for word in intent.avoided}
        if not intent.states or not stated:
            raise BadInput("The shopper did not ask to save that; ask first.")

        def change(held: Preferences) -> Preferences:
            if given.name == "budget":
                return replace(held, budget_minor=budget)
            return replace(held, avoid=tuple(dict.fromkeys((*held.avoid, given.value)))[:50])

        kept = await self._shop.keep(self._talk.turn.talker, change)
        said = phrases.KEPT if kept else phrases.CONTEXT_ONLY
        return ToolResult((said,), (Said(said),), {"saved": kept})

    def _preferences(self) -> ToolResult:
        if not self._shopper.consent.llm_processing or self._shopper.consent.personalization == "none":
            return ToolResult(("The shopper does not share preferences with you.",), output={})
        told = preference_lines(self._shopper.preferences, self._shop.currency)
        return ToolResult(tuple(self._clean(line) for line in told) or ("Nothing is saved.",), output={})

    async def _product(self, name: str) -> Product:
        """The product of an alias or a name. Raises BadInput."""
        product_id = self._transcript.product_id(name)
        if product_id is None:
            product_id = await self._shop.meant(name.strip().removeprefix("#"), self._talk.memory)
        product = None if product_id is None else await self._shop.product(product_id)
        if product is None:
            raise BadInput("No product has this id or name; search first.")
        return product

    def _line(self, product: Product) -> str:
        return self._transcript.line(product) or "There are too many products in this answer."

    def _clean(self, text: str) -> str:
        return " ".join(text.replace("|", " ").split())[:300]

    def _minor(self, amount: float | None) -> int | None:
        return None if amount is None else parse_minor(amount, self._shop.currency)

    def _most(self, asked: float | None) -> int | None:
        """The price limit that holds: what code read of the shopper's words; a model can only go below it."""
        intent, memory = self._talk.intent, self._talk.memory
        stated = intent.most_minor if intent.most_minor is not None else memory.budget_minor
        limits = [limit for limit in (stated, self._minor(asked)) if limit is not None]
        return min(limits) if limits else None


def _ids(products: Sequence[Product]) -> dict[str, object]:
    return {"productIds": [product.product_id for product in products]}
