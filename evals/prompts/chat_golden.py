"""Loads the golden conversations; refuses what is wrong with file and line."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.domain.errors import BadInput
from evals.prompts.chat_scenario import ChatMessage, ChatScenario, ChatStratum, Promise
from evals.prompts.golden import GOLDEN, read_lines
from evals.prompts.shop_records import shop_products

CHAT_FILES = ("chat.jsonl", "chat_written.jsonl")


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MessageLine(_Line):
    """One message."""

    text: str = Field(min_length=1, max_length=2000)
    promises: tuple[Promise, ...] = ()
    budget_minor: int | None = Field(default=None, ge=0)
    product_id: str | None = None
    cart: tuple[str, ...] = ()
    not_brands: tuple[str, ...] = ()
    category: str | None = None


class ChatLine(_Line):
    """One conversation."""

    id: str = Field(pattern=r"^chat-[a-z0-9-]{2,50}$")
    version: int = Field(ge=1)
    strata: tuple[ChatStratum, ...] = Field(min_length=1)
    shopper: str | None = None
    turns: tuple[MessageLine, ...] = Field(min_length=1, max_length=4)
    language: str = Field(default="en", pattern=r"^[a-z]{2}$")
    never_says: tuple[str, ...] = ()
    poison: dict[str, str] = Field(default_factory=dict)
    markers: tuple[str, ...] = ()
    note: str = ""
    source: Literal["generated", "written"] = "generated"


def load_chat(folder: Path = GOLDEN, files: Sequence[str] = CHAT_FILES) -> tuple[ChatScenario, ...]:
    """Every golden conversation, in the order of the files.

    Raises: BadInput: a file is missing, or a line is wrong; the message begins with `file:line:`.
    """
    products = shop_products()
    found: dict[str, ChatScenario] = {}
    for name in files:
        for number, line in read_lines(folder / name, ChatLine):
            named = [p for turn in line.turns for p in (turn.product_id, *turn.cart) if p is not None]
            stranger = next((p for p in (*named, *line.poison) if p not in products), None)
            if line.id in found:
                raise BadInput(f"{name}:{number}: the id {line.id} is there twice")
            if stranger is not None:
                raise BadInput(f"{name}:{number}: {line.id}: the demo shop has no product {stranger!r}")
            found[line.id] = chat_scenario_of(line)
    return tuple(found.values())


def chat_scenario_of(line: ChatLine) -> ChatScenario:
    """The conversation that a line states."""
    turns = tuple(
        ChatMessage(
            text=turn.text,
            promises=frozenset(turn.promises),
            budget_minor=turn.budget_minor,
            product_id=turn.product_id,
            cart=turn.cart,
            not_brands=turn.not_brands,
            category=turn.category,
        )
        for turn in line.turns
    )
    return ChatScenario(
        id=line.id,
        version=line.version,
        strata=frozenset(line.strata),
        shopper=line.shopper,
        turns=turns,
        language=line.language,
        never_says=line.never_says,
        poison=dict(line.poison),
        markers=line.markers,
        note=line.note,
        source=line.source,
    )


def chat_manifest(scenarios: Sequence[ChatScenario]) -> Mapping[str, str]:
    """Id → "version:content hash"."""
    return {one.id: f"{one.version}:{_hash(one)}" for one in scenarios}


def _hash(scenario: ChatScenario) -> str:
    told = dataclasses.asdict(dataclasses.replace(scenario, version=0))
    text = json.dumps(told, sort_keys=True, ensure_ascii=False, default=sorted)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
