"""The model stage, wired: its clients with their prices, prompts, cache, ledger and budgets."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from app.adapters.disk_cache import DiskOrderCache
from app.adapters.gate_file import load_gate
from app.adapters.llm import LiteLlmClient
from app.adapters.secret_file import open_pseudonyms
from app.adapters.sql_store.leases import SqlLeases
from app.adapters.sql_store.ledger import SqlLedger
from app.budgets import Rationing, budgets_of
from app.chat.model_answer import ChatModel
from app.domain.errors import ConfigurationError
from app.metered import MeteredCalls, Priced
from app.observer import SILENCE, Observer
from app.prompts import Prompt, load_prompt
from app.rerank import RerankStage
from app.settings import Settings
from app.single_flight import SingleFlight

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ModelParts:
    """What the model stage is wired from."""

    client: LiteLlmClient
    prompt: Prompt
    cache: DiskOrderCache
    ledger: SqlLedger
    stage: RerankStage
    chat: ChatModel
    writer: ThreadPoolExecutor  # of the ledger
    cheap: LiteLlmClient | None = None  # asked beyond a soft budget

    def close(self) -> None:
        """Writes what waits and closes files; after `stage.close()`."""
        self.writer.shutdown(wait=True)
        self.cache.close()
        self.ledger.close()


def open_model(
    settings: Settings,
    leases: SqlLeases | None = None,
    observer: Observer = SILENCE,
    pressed: Callable[[], bool] = lambda: False,
) -> ModelParts:
    """The model stage that the settings name, in step with other workers where there are leases. Sends nothing.

    Args:   pressed: whether the service has too much to do to ask models; any thread may ask.

    Raises: ConfigurationError: the price is unknown, or prompt or gate are wrong. StoreUnavailable: no ledger.
    """
    client, cheap = open_client(settings), open_cheap_client(settings)
    prompt = load_prompt(settings.prompts_dir, "rerank", "v1")
    gate = load_gate(settings.rules_dir)
    ledger = SqlLedger.open(settings.sqlalchemy_url, on_settled=observer.call_ended)
    cache = DiskOrderCache.open(
        settings.data_dir / "cache", fresh_s=settings.cache_fresh_s, stale_s=settings.cache_stale_s
    )

    # One thread of its own: the database has one writer, and a lock on it must not hold up requests without a model.
    writer = ThreadPoolExecutor(1, thread_name_prefix="ledger")

    async def in_thread(function: Callable[..., _T], /, *args: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(writer, functools.partial(function, *args))

    pseudonyms = open_pseudonyms(settings)
    calls = MeteredCalls(
        client,
        ledger,
        settings.llm_daily_budget_usd,
        client.worst_case_usd,
        in_thread,
        budgets=budgets_of(settings),
        cheap=None if cheap is None else Priced(cheap, cheap.worst_case_usd),
        rationing=Rationing(pseudonyms, settings.llm_calls_per_hour_shopper, settings.llm_calls_per_hour_address),
        places=settings.llm_max_concurrency,
        pressed=pressed,
    )
    stage = RerankStage(
        calls=calls,
        prompt=prompt,
        gate=gate,
        cache=cache,
        fresh_s=settings.cache_fresh_s,
        pseudonyms=pseudonyms,
        single_flight=None if leases is None else SingleFlight(leases, cache, in_thread=in_thread),
    )
    chat = ChatModel(calls, load_prompt(settings.prompts_dir, "chat", "v1"), settings.chat_deadline_ms)
    return ModelParts(client, prompt, cache, ledger, stage, chat, writer, cheap)


def open_client(settings: Settings) -> LiteLlmClient:
    """The model's client; sends and imports nothing.

    Raises: ConfigurationError: the price is unknown, or only half of it is given.
    """
    prices = (settings.llm_price_input_usd, settings.llm_price_output_usd)
    return _priced_client(settings, settings.llm_model, prices, "SHELFWISE_LLM_PRICE")


def open_cheap_client(settings: Settings) -> LiteLlmClient | None:
    """The client of the model that is asked beyond a soft budget, None where there is none. Sends and imports nothing.

    Raises: ConfigurationError: as `open_client`; it is the usual model, or there is no usual one.
    """
    if not settings.llm_cheap_model:
        return None
    if settings.llm_cheap_model == settings.llm_model or not settings.llm_model:
        raise ConfigurationError(
            "SHELFWISE_LLM_CHEAP_MODEL stands in for SHELFWISE_LLM_MODEL beyond a soft budget: set both, and two "
            "different ones."
        )
    prices = (settings.llm_cheap_price_input_usd, settings.llm_cheap_price_output_usd)
    return _priced_client(settings, settings.llm_cheap_model, prices, "SHELFWISE_LLM_CHEAP_PRICE")


def _priced_client(
    settings: Settings, model: str, prices: tuple[float | None, float | None], names: str
) -> LiteLlmClient:
    if (prices[0] is None) != (prices[1] is None):
        raise ConfigurationError(f"Set both {names}_INPUT_USD and {names}_OUTPUT_USD, or neither.")
    client = LiteLlmClient.open(
        model,
        settings.llm_api_base,
        settings.llm_api_key.get_secret_value(),
        max_concurrency=settings.llm_max_concurrency,
        explicit_price=None if prices[0] is None or prices[1] is None else (prices[0], prices[1]),
    )
    if client.price_of() is None:
        raise ConfigurationError(
            f"The price of {model} is not known, and what is unknown is not 0. Set "
            f"{names}_INPUT_USD and {names}_OUTPUT_USD (US dollars per 1M tokens)."
        )
    return client
