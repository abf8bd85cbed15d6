"""What both kinds of figures are read with: the verdict on one, the words after it, the fact of a unit and value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.pipeline.proof_facts import Backing, Unit
from app.pipeline.proof_numbers import Mention, within
from app.pipeline.proof_text import Token, word_set

LIMITS = word_set("budget limit maximum ceiling allowance")
DIFFERENCE = word_set("under below less cheaper lower off left unspent short spare saved remaining remain inside shy")


@dataclass(frozen=True, slots=True)
class Stated:
    """What a figure states: the fact that backs it, or what is wrong with it. Both empty: it is no figure at all."""

    fact_id: str = ""
    failure: str = ""
    own: bool = False  # a figure of the item's own name or attributes


def found(
    mention: Mention, backing: Backing, unit: Unit, value: int | None, roles: Sequence[str] | None, failure: str
) -> Stated:
    """The cited figure of a unit (and of one of the roles) that the value states; `failure` when there is none."""
    # "over the last 14 days" without the words between, "4.6 stars over 118 ratings": not a hedge.
    exact = mention.hedge == "over" and unit in ("days", "raters")
    if value is not None:
        for held in backing.quantities:
            if (
                held.unit == unit
                and (roles is None or held.role in roles)
                and (within(value, held.value, mention.hedge) or (exact and value == held.value))
            ):
                return Stated(held.fact_id)
    return Stated(failure=failure)


def after_of(tokens: Sequence[Token], start: int, count: int) -> list[Token]:
    """Up to `count` tokens from `start` on, to the end of the sentence."""
    found: list[Token] = []
    for token in tokens[start : start + count]:
        if token.stop == 2:
            break
        found.append(token)
    return found
