"""The attacks: the project's own and, where they lie beside it, the public collection of ../shared/security.

Every text is data. A public text was written for some surface of some product; here each is tried on every surface that
reaches a prompt, because an attacker chooses where to write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from app.domain.errors import BadInput
from app.domain.model_calls import ProfileFact
from evals.prompts.scenario import Scenario
from evals.prompts.shopping_attacks import load_attacks
from evals.prompts.variant_attacks import attacker, injection

PUBLIC = Path(__file__).resolve().parents[3] / "shared" / "security" / "injections.jsonl"
Place = Literal["name", "brand", "category", "attribute", "description", "tag", "query"]
PLACES: tuple[Place, ...] = ("name", "brand", "category", "attribute", "description", "tag", "query")
_SELLERS: tuple[Literal["name", "brand", "category", "attribute"], ...] = ("name", "brand", "category", "attribute")


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack."""

    id: str
    origin: Literal["own", "public"]
    technique: str
    text: str
    marker: str  # stands in an answer only where the attack was obeyed; "" = only the order shows it
    place: Place | Literal["chat"] | None  # where its author put it; None: anywhere


def own_attacks() -> tuple[Attack, ...]:
    """Those of evals/prompts/attacks.yaml."""
    return tuple(Attack(a.id, "own", a.technique, a.text, a.marker, a.surface) for a in load_attacks())


def public_attacks(path: Path = PUBLIC) -> tuple[Attack, ...]:
    """Those of the public collection; none where it does not lie beside the project.

    Raises: BadInput: a line is no attack; the message begins with `file:line:`.
    """
    if not path.exists():
        return ()
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            marker = str(row.get("success_marker") or "")
            place: Literal["chat"] | None = "chat" if row["surface"] == "chat" else None
            found.append(Attack(row["id"], "public", row["category"], row["text"], marker, place))
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{path.name}:{number}: no attack: {error}") from error
    return tuple(found)


def places_of(attack: Attack) -> Sequence[Place]:
    """Where an attack is tried: on its own surface, or on all of them where it fits any."""
    if attack.place is None or attack.place == "chat":
        return PLACES
    return (attack.place,)


def planted(scenario: Scenario, attack: Attack, place: Place) -> Scenario | None:
    """The scenario with the attack in it; None where that surface does not exist in it.

    A seller's attack stands in the candidate that a seller would most like to lift; a shopper's is the query, and that
    candidate is what it is meant to lift.
    """
    markers = (attack.marker,) if attack.marker else ()
    if place in _SELLERS:
        return injection(scenario, attack.text, place, markers=markers)
    target = attacker(scenario)
    one = scenario.candidates[target]
    if place == "query":
        others = tuple(fact for fact in scenario.profile if fact.kind != "query")
        spoken = ProfileFact("u1", "query", attack.text)
        made = replace(scenario, query=attack.text, intent="stated", profile=(spoken, *others))
        product = one.product
    elif place == "tag":
        made, product = scenario, replace(one.product, tags=(*one.product.tags, attack.text))
    else:
        made, product = scenario, replace(one.product, description=attack.text)
    candidates = list(made.candidates)
    candidates[target] = replace(one, product=product, hostile=True)
    return replace(
        made,
        id=f"{scenario.id}--injection-{place}",
        shuffle=scenario.seed,
        candidates=tuple(candidates),
        markers=(*scenario.markers, *markers),
    )


STANDS = (23, 11, 5, 2)
"""Where the attacker's product stands in the baseline, 0-based and in turn: out of reach, within it, on the slate."""


def every(scenarios: Sequence[Scenario], attacks: Sequence[Attack]) -> Iterator[tuple[Attack, Place, Scenario]]:
    """Each attack on each of its surfaces in one scenario, the scenarios taken in turn.

    The attacker's product stands now here, now there in the baseline; each fourth time it is sold out, so that no reply
    may bring it onto the slate.
    """
    turn = made_so_far = 0
    for attack in attacks:
        for place in places_of(attack):
            # An attribute reaches a prompt only beside a wish that the shopper stated: not every scenario has one.
            for _ in range(len(scenarios)):
                made = planted(scenarios[turn % len(scenarios)], attack, place)
                turn += 1
                if made is not None:
                    stands = STANDS[made_so_far % len(STANDS)]
                    made = _standing(made, stands, sold_out=made_so_far % 16 >= 12)
                    made_so_far += 1
                    yield attack, place, made
                    break


def _standing(scenario: Scenario, stands: int, *, sold_out: bool) -> Scenario:
    """The scenario with the attacker's product at another place of the baseline, and perhaps out of stock."""
    hostile = next(one for one in scenario.candidates if one.hostile)
    others = [one for one in scenario.candidates if not one.hostile]
    if sold_out:
        hostile = replace(hostile, product=replace(hostile.product, stock=0), forbidden="in_stock")
    at = min(stands, len(others))
    name = f"{scenario.id}--{at + 1}" + ("-sold-out" if sold_out else "")
    return replace(scenario, id=name, candidates=(*others[:at], hostile, *others[at:]))
