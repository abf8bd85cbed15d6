"""The project's own attacks of sellers, beside those of ../shared/security: short enough for the fields of a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from app.domain.errors import BadInput
from evals.prompts.golden import GOLDEN, read_lines
from evals.prompts.scenario import Scenario
from evals.prompts.variant_attacks import injection

ATTACKS_FILE = "attacks.jsonl"


@dataclass(frozen=True, slots=True)
class Attack:
    """What a seller writes, where, and what for."""

    id: str
    surface: Literal["name", "brand", "category", "attribute"]
    text: str
    marker: str  # what only a reply that obeyed shows; "" = its order must tell, since a mere quotation shows the same
    aim: str


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    surface: Literal["name", "brand", "category", "attribute"]
    text: str
    marker: str
    aim: str


def load_attacks(folder: Path = GOLDEN) -> tuple[Attack, ...]:
    """Every attack of attacks.jsonl. Raises BadInput: `file:line:` and what is wrong."""
    found: dict[str, Attack] = {}
    for number, line in read_lines(folder / ATTACKS_FILE, _Line):
        if line.id in found:
            raise BadInput(f"{ATTACKS_FILE}:{number}: the id {line.id} is there twice")
        found[line.id] = Attack(**line.model_dump())
    return tuple(found.values())


def planted(scenario: Scenario, attack: Attack) -> Scenario | None:
    """The scenario with the attack in the candidate that a seller would most like to lift; see `injection`."""
    return injection(scenario, attack.text, attack.surface, markers=(attack.marker,) if attack.marker else ())
