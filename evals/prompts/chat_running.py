"""Golden conversations through the service's own assistant, on a copy of a trained demo shop.

The copy's daily budget is the most that a run may spend: the assistant reserves every call against it, and answers by
rules once it is used up. The prompt is the one that the service uses (chat/v1).
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

from app.bootstrap import Application, build
from app.domain.catalog import Product
from app.domain.chat import ChatPart, ChatTurn, Clarify, Disclosure, Talker
from app.domain.errors import BadInput
from app.settings import Settings
from evals.prompts.chat_judging import BrokenPromise, broken_promises
from evals.prompts.chat_outcome import Answer, ChatOutcome, ChatRun
from evals.prompts.chat_scenario import ChatScenario
from evals.prompts.providers import SIMULATED_MODEL, SIMULATED_PRICE_USD
from evals.rerank.replies import names_simulated
from evals.simulated.process import simulated_provider

_SETTLED_S = 0.1


async def converse(application: Application, scenario: ChatScenario, catalogue: Mapping[str, Product]) -> ChatOutcome:
    """One conversation, message after message."""
    talker = Talker(user_id=scenario.shopper, session_id=f"golden-{scenario.id}")
    answers: list[Answer] = []
    broken: list[BrokenPromise] = []
    questions = 0
    for number, message in enumerate(scenario.turns):
        turn = ChatTurn(message.text, talker, scenario.id, message.product_id, message.cart)
        started, first = time.perf_counter(), None
        parts: list[ChatPart] = []
        async for part in application.assistant.answer(turn):
            parts.append(part)
            if first is None and not isinstance(part, Disclosure):
                first = time.perf_counter() - started
        answers.append(Answer(tuple(parts), time.perf_counter() - started, first))
        broken += broken_promises(scenario, number, parts, questions, catalogue)
        questions += sum(isinstance(part, Clarify) for part in parts)
    return ChatOutcome(scenario, tuple(answers), tuple(broken))


async def run_conversations(
    application: Application, scenarios: Sequence[ChatScenario], *, concurrency: int = 4
) -> ChatRun:
    """Every conversation, a few at a time; outcomes in the order of the scenarios."""
    ids = application.keeper.served().shelf.snapshot.product_ids
    catalogue = application.store.products(ids)
    places = asyncio.Semaphore(max(1, concurrency))
    started = time.perf_counter()

    async def one(scenario: ChatScenario) -> ChatOutcome:
        async with places:
            return await converse(application, scenario, catalogue)

    outcomes = await asyncio.gather(*(one(scenario) for scenario in scenarios))
    wall_s = time.perf_counter() - started
    model = application.model
    if model is None:
        return ChatRun("", "", False, tuple(outcomes), 0, 0.0, wall_s)
    await asyncio.sleep(_SETTLED_S)  # what a call cost is written a moment after it
    rows = await asyncio.to_thread(model.ledger.rows, since=0.0, until=9e12, limit=100_000)
    day = datetime.now(UTC).date().isoformat()
    return ChatRun(
        model=model.client.model,
        prompt_id=next((row.prompt_id for row in rows if row.purpose == "chat"), ""),
        simulated=names_simulated(model.client.model),
        outcomes=tuple(outcomes),
        calls=sum(row.purpose == "chat" for row in rows),
        spent_usd=sum(await asyncio.to_thread(model.ledger.spent_usd, day)),
        wall_s=wall_s,
    )


def run_chat(
    data: Path,
    scenarios: Sequence[ChatScenario],
    settings: Settings,
    *,
    simulated: Mapping[str, object] | None = None,
    concurrency: int = 4,
    max_usd: float = 1.0,
) -> ChatRun:
    """The conversations on a copy of the shop in `data`, with the model that the settings name, or none.

    Args:   simulated: knobs of the simulated provider, which is then the model; None = not wanted.
    Raises: BadInput: `data` holds no shop. ConfigurationError: the model's price is not known.
    """
    if not (data / "shop.db").is_file():
        raise BadInput(f"{data} holds no shop: make one with `make demo SERVE=0`, or name its folder with --data.")
    with ExitStack() as stack:
        chosen = {"as_of": "last-event", "llm_daily_budget_usd": max_usd, "llm_max_concurrency": max(1, concurrency)}
        if simulated is not None:
            chosen |= {
                "llm_model": SIMULATED_MODEL,
                "llm_api_base": stack.enter_context(simulated_provider(simulated)),
                "llm_api_key": settings.llm_api_key.__class__("none"),
                "llm_price_input_usd": SIMULATED_PRICE_USD[0],
                "llm_price_output_usd": SIMULATED_PRICE_USD[1],
            }
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "data"
        shutil.copytree(data, folder)
        poison(folder, scenarios)
        return asyncio.run(_run(settings.model_copy(update={**chosen, "data_dir": folder}), scenarios, concurrency))


async def _run(settings: Settings, scenarios: Sequence[ChatScenario], concurrency: int) -> ChatRun:
    application = build(settings)
    try:
        await application.start()
        return await run_conversations(application, scenarios, concurrency=concurrency)
    finally:
        await application.close()


def poison(data: Path, scenarios: Iterable[ChatScenario]) -> None:
    """Writes what hostile sellers wrote behind their products' names into a shop's database."""
    with closing(sqlite3.connect(data / "shop.db")) as connection, connection:
        for scenario in scenarios:
            for product_id, told in scenario.poison.items():
                connection.execute(
                    "UPDATE products SET name = name || ' ' || ? WHERE product_id = ?", (told, product_id)
                )
