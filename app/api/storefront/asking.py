"""The pages on which one asks: the cart and what goes with it, two shoppers compared, why not, the assistant."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.admission import Elsewhere
from app.api.storefront.door import CurrentVisit, Persona, Visit
from app.api.storefront.pages import listed_shelf, note_time, page, slate_shelf, words_of
from app.domain.chat import (
    MAX_MESSAGE_CHARS,
    BrokenOff,
    Cards,
    ChatTurn,
    Clarify,
    Comparison,
    Disclosure,
    Said,
    Talker,
    ToolAsked,
)
from app.domain.errors import UnknownProduct, UnknownRecommendation
from app.domain.interactions import Shopper
from app.domain.ranking import MAX_ID_CHARS, Query
from app.web.storefront.cards import Card, Shelf, card_of, money, product_url

router = APIRouter(include_in_schema=False)

COMPARED = ("gamer", "student")

_FATES = {
    "served": "It is in this slate.",
    "not_a_candidate": "It was not found for this request: nothing that this shopper did or asked for leads to it.",
    "rule": "It was found, and a rule of the shop took it out before anything was ranked.",
    "slate_rule": "It was ranked high enough, and a rule about the whole slate left it out.",
    "ranked_lower": "It may be shown; others were ranked higher.",
}


@router.get("/cart")
async def get_cart(request: Request, seen: CurrentVisit) -> Response:
    """The cart as the browser holds it, at today's prices, and what goes with it."""
    products = await asyncio.to_thread(seen.context.service.products, list(seen.cart))
    lines, total = [], 0
    for product_id, pieces in seen.cart.items():
        product = products.get(product_id)
        if product is None:
            continue
        total += (product.price_minor or 0) * pieces
        cost = None if product.price_minor is None else product.price_minor * pieces
        lines.append((card_of(product, seen.context.currency), pieces, money(cost, seen.context.currency)))
    query = Query(limit=6, placement="cart", cart=tuple(products), exclude_ids=tuple(products))
    shelf = await slate_shelf(seen, query, "Goes with your cart" if lines else "To begin with")
    note_time(request, shelf)
    return page("cart.html", request, seen=seen, lines=lines, total=money(total, seen.context.currency), shelf=shelf)


@dataclass(frozen=True, slots=True)
class Side:
    """One of two shoppers compared."""

    persona: Persona
    shopper: Shopper
    budget: str
    shelf: Shelf


@router.get("/compare")
async def get_compare(request: Request, seen: CurrentVisit) -> Response:
    """Two shoppers' slates side by side, made now. Only where no key is configured."""
    if not seen.shop.open_books:
        raise HTTPException(404)
    wanted = [request.query_params.get(name, default) for name, default in zip("ab", COMPARED, strict=True)]
    personas = [next((p for p in seen.shop.personas if p.user_id == name), None) for name in wanted]
    if None in personas:
        raise HTTPException(404)
    sides = await asyncio.gather(*(_side(seen, persona) for persona in personas if persona is not None))
    shown = [{card.product_id for card in side.shelf.cards} for side in sides]
    return page("compare.html", request, seen=seen, sides=sides, common=len(shown[0] & shown[1]), each=len(shown[0]))


async def _side(seen: Visit, persona: Persona) -> Side:
    shelf = await slate_shelf(replace(seen, persona=persona), Query(limit=6, placement="home"), persona.name)
    shopper = await asyncio.to_thread(seen.context.store.shopper, persona.user_id)
    stated = shopper.preferences.budget_minor
    return Side(persona, shopper, "none stated" if stated is None else money(stated, seen.context.currency), shelf)


@router.get("/why")
async def get_why(request: Request, seen: CurrentVisit) -> Response:
    """Why a product is, or is not, in a slate; the product by its id or by words. Where the books are open only."""
    slate_id, text = request.query_params.get("from", ""), words_of(request)
    if not seen.shop.open_books or not text or not slate_id or len(slate_id) > MAX_ID_CHARS:
        raise HTTPException(404)
    products = await asyncio.to_thread(seen.context.service.products, [text[:MAX_ID_CHARS]])
    if not products:
        query = Query(limit=1, placement="search", shelf="search", text=text, reasons="none")
        shelved = await seen.context.shelves.show(query)  # nobody's own: whom it is asked for must not matter
        ids = [item.product_id for item in shelved.slate.items]
        products = await asyncio.to_thread(seen.context.service.products, ids)
    if not products:
        raise HTTPException(404)
    product = next(iter(products.values()))
    try:
        explanation = await seen.context.service.fate(slate_id, product.product_id)
    except (UnknownRecommendation, UnknownProduct) as error:
        raise HTTPException(404) from error
    return page(
        "why.html",
        request,
        seen=seen,
        text=text,
        slate_id=slate_id,
        card=card_of(product, seen.context.currency),
        explanation=explanation,
        words=_FATES[explanation.fate.stage],
    )


@dataclass(frozen=True, slots=True)
class Answered:
    """The assistant's answer to one message, gathered."""

    sentences: tuple[str, ...]
    cards: tuple[Card, ...]
    comparison: Comparison | None
    question: Clarify | None
    disclosure: str
    proposed: Card | None  # what it would put into the cart, if the shopper agrees
    recommendation_id: str


@router.get("/chat")
async def get_chat(request: Request, seen: CurrentVisit) -> Response:
    """The shopping assistant without a script: a question in the address, the whole answer on the page."""
    message = words_of(request, "message")[:MAX_MESSAGE_CHARS]
    with Elsewhere():  # models answer for seconds, and no shopper may stand behind that
        answer = await _answered(seen, message) if message else None
    compared = None if answer is None else answer.comparison
    heads = [] if compared is None else [(p.name, product_url(p.product_id)) for p in compared.products]
    popular, _ = await listed_shelf(
        seen, Query(limit=6, placement="search", shelf="trending", reasons="none"), "People look at"
    )
    return page("chat.html", request, seen=seen, message=message, answer=answer, heads=heads, popular=popular)


async def _answered(seen: Visit, message: str) -> Answered:
    talker = Talker(seen.user_id, seen.anonymous_id, seen.anonymous_id)
    sentences: list[str] = []
    cards: dict[str, Card] = {}
    comparison: Comparison | None = None
    question: Clarify | None = None
    disclosure, proposed, slate_id = "", "", ""
    turn = ChatTurn(message, talker, conversation_id=f"page-{seen.visitor}", cart=tuple(seen.cart))
    async for part in seen.context.assistant.answer(turn):
        match part:
            case Said(text) | BrokenOff(text):
                sentences.append(text)
            case Cards(found, recommendation_id):
                slate_id = recommendation_id or slate_id
                for position, card in enumerate(found, 1):
                    plain = card_of(card.product, seen.context.currency)
                    cards[plain.product_id] = replace(
                        plain,
                        reason=card.reason or "",
                        evidence=tuple(e.text for e in card.evidence),
                        position=position,
                        recommendation_id=recommendation_id or "",
                    )
            case Comparison():
                comparison = part
            case Clarify():
                question = part
            case Disclosure(_, text, _):
                disclosure = text
            case ToolAsked(_, "add_to_cart", arguments, False):
                proposed = str(arguments.get("productId", arguments.get("product_id", "")))
            case _:
                pass  # what the tools were asked is between them and the assistant
    offered = None
    if proposed:
        product = (await asyncio.to_thread(seen.context.service.products, [proposed])).get(proposed)
        offered = None if product is None else card_of(product, seen.context.currency)
    return Answered(tuple(sentences), tuple(cards.values()), comparison, question, disclosure, offered, slate_id)
