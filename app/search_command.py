"""`shelfwise search`, registered by app.cli."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer


def search(
    text: Annotated[str, typer.Argument(help="What is looked for, as a shopper types it.")],
    limit: Annotated[int, typer.Option(min=1, max=50)] = 10,
    budget: Annotated[str | None, typer.Option(help="Highest price per item.")] = None,
) -> None:
    """Print what a search finds, with price and category, and how its words were read."""
    from rich.table import Table
    from rich.text import Text

    from app.bootstrap import build
    from app.cli import check_length, out, quiet_start, quieten, read_settings
    from app.domain.money import format_minor, parse_minor
    from app.domain.ranking import MAX_QUERY_CHARS, Query
    from app.domain.searching import SearchFacts

    quieten()
    text = " ".join(text.split())
    check_length(text, MAX_QUERY_CHARS, "TEXT")
    settings = read_settings()
    minor = None if budget is None else parse_minor(budget, settings.currency)
    with quiet_start():
        application = build(settings)
        application.open()
    try:
        asked = Query(limit=limit, placement="search", shelf="search", text=text, budget_minor=minor)
        shown = asyncio.run(application.shelves.show(asked))
        products = application.service.products([item.product_id for item in shown.slate.items])
    finally:
        application.shut()
    facts = SearchFacts(0) if shown.search is None else shown.search
    if facts.read_as is not None:
        out.print(f"Read as: {facts.read_as}", markup=False, highlight=False)
    if facts.relaxed:
        out.print("Nothing has all of this; these have a part of it, or mean something near.", highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("", "product", "price", "category"):
        table.add_column(heading, justify="right" if heading in ("", "price") else "left")
    for item in shown.slate.items:
        product = products.get(item.product_id)
        if product is not None:  # deleted meanwhile
            minor = product.price_minor
            price = "-" if minor is None else f"{format_minor(minor, settings.currency)} {settings.currency}"
            table.add_row(str(item.position), Text(product.name), price, Text(product.category or "-"))
    if shown.slate.items:
        out.print(table)
    out.print(f"{facts.total:,} products match", style="dim", highlight=False)
