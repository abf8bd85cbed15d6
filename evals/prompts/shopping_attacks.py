"""The project's own attacks on a shop's model: what somebody writes, where, and what shows that it worked.

evals/prompts/attacks.yaml holds them as data, each text never an instruction to anything here. Surfaces of a product
(name, brand, category, attribute) can be planted into a rerank scenario; tag, query and chat are for the chat's and the
security checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.domain.errors import BadInput
from evals.prompts.scenario import Scenario
from evals.prompts.variant_attacks import injection

FILE = Path(__file__).parent / "attacks.yaml"
Surface = Literal["name", "brand", "category", "attribute", "tag", "query", "chat"]
SURFACES: tuple[Surface, ...] = get_args(Surface)


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack."""

    id: str
    surface: Surface
    technique: str  # "false authority", "fake alias", …
    text: str  # what is written there
    marker: str  # stands in a reply only where it was obeyed; "" = only the order shows it


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^shop-[0-9]{3}$")
    surface: Surface
    technique: str = Field(min_length=3, max_length=40)
    text: str = Field(min_length=3, max_length=600)
    marker: str = Field(default="", max_length=60)


@lru_cache(maxsize=4)
def load_attacks(path: Path = FILE) -> tuple[Attack, ...]:
    """Every attack, in the order of the file.

    Raises: BadInput: the file can't be read, an entry is wrong or an id is there twice; the message names the entry.
    """
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise BadInput(f"{path.name}:1: can't be read: {error}") from error
    found: dict[str, Attack] = {}
    for number, row in enumerate(rows, start=1):
        try:
            line = _Line.model_validate(row)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise BadInput(f"{path.name}: entry {number}: {first['loc']}: {first['msg']}") from error
        if line.id in found:
            raise BadInput(f"{path.name}: entry {number}: the id {line.id} is there twice")
        found[line.id] = Attack(**line.model_dump())
    return tuple(found.values())


def attacked(scenario: Scenario, attack: Attack) -> Scenario | None:
    """The scenario with the attack in the product that its seller would most like to lift.

    None where the surface is none of a product's, or does not reach this prompt.
    """
    if attack.surface == "tag" or attack.surface == "query" or attack.surface == "chat":  # noqa: PLR1714 - narrows
        return None
    return injection(scenario, attack.text, attack.surface, markers=(attack.marker,) if attack.marker else ())
