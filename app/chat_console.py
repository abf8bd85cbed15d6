"""The assistant in a terminal: `shelfwise chat`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.bootstrap import Application, build
from app.domain.chat import (
    BrokenOff,
    Cards,
    ChatPart,
    ChatTurn,
    Clarify,
    Comparison,
    Disclosure,
    Said,
    Talker,
    ToolAsked,
)
from app.domain.errors import BadInput
from app.domain.money import format_minor
from app.settings import Settings

LEAVE = frozenset({"exit", "quit", "bye", "/quit"})
MAX_LINE_CHARS = 2000


async def converse(settings: Settings, user: str | None, lines: Callable[[], str | None], out: Console) -> None:
    """Talks until a line says so or there is none.

    Args: lines: gives the next line of the shopper, None at the end; blocks while it waits.
    """
    application = build(settings)
    await application.start()
    try:
        talker = Talker(user_id=user, session_id=uuid.uuid4().hex)
        told = ""
        while (line := await asyncio.to_thread(lines)) is not None and line.strip().casefold() not in LEAVE:
            if not line.strip():
                continue
            if len(line) > MAX_LINE_CHARS:
                raise BadInput(f"A message has at most {MAX_LINE_CHARS} characters.")
            told = await _answer(application, ChatTurn(line.strip(), talker), out, told)
    finally:
        await application.close()


async def _answer(application: Application, turn: ChatTurn, out: Console, told: str) -> str:
    """Prints one answer; who is answering only where that changed. The disclosure as told last."""
    async for part in application.assistant.answer(turn):
        if isinstance(part, Disclosure):
            if part.text != told:
                out.print(escape(part.text), style="dim", highlight=False)
            told = part.text
            continue
        for shown in _shown(part, application.settings.currency):
            out.print(shown, highlight=False)
    return told


def _shown(part: ChatPart, currency: str) -> Iterator[str | Table]:
    match part:
        case Said():
            yield escape(part.text)
        case Cards():
            for place, card in enumerate(part.cards, start=1):
                price = (
                    "no price" if card.product.price_minor is None else format_minor(card.product.price_minor, currency)
                )
                yield f"{place:>3}  [bold]{escape(card.product.name)}[/] [dim]{escape(price)} {currency}[/]"
                if card.reason:
                    yield f"     {escape(card.reason)}"
        case Comparison():
            table = Table(box=None, pad_edge=False)
            table.add_column("")
            for product in part.products:
                table.add_column(escape(product.name))
            for row in part.rows:
                table.add_row(
                    row.attribute, *(escape(value) if value is not None else "unknown" for value in row.values)
                )
            yield table
        case Clarify():
            options = f" ({', '.join(part.options)})" if part.options else ""
            yield escape(part.question + options)
        case ToolAsked() if not part.by_server:
            yield f"[cyan]Proposed for your cart: {escape(str(part.arguments.get('name', '')))}[/]"
        case BrokenOff():
            yield f"[red]{escape(part.text)}[/]"
        case _:
            return
