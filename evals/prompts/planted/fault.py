"""What a planted fault is: a good output with exactly one thing wrong, and the checks that have to say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evals.prompts.outcome import Outcome
from evals.prompts.planted.good import Good

Plant = Callable[[Good], "Planted | None"]


@dataclass(frozen=True, slots=True)
class Planted:
    """The outcomes with the fault, and the same without it: the family that a check is given, plain outcome first."""

    faulty: Sequence[Outcome]
    clean: Sequence[Outcome]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault."""

    name: str
    caught_by: tuple[str, ...]  # checks whose own fault it is: at least one must fail
    plant: Plant  # None: this output has no place for it, another is taken
    says: str  # one line for the table
    where: str = "reply"  # reply: the model's text, judged again; slate: what the service shows; world: the records


def in_reply(text: str | None, good: Good) -> Planted | None:
    """A faulty text in place of the good reply, judged like any; None where there is none."""
    if text is None:
        return None
    return Planted((good.desk.judged(good.posed, text),), (good.outcome,))


def on_slate(faulty: Outcome | None, good: Good) -> Planted | None:
    """A faulty outcome in place of the good one; None where there is none."""
    return None if faulty is None else Planted((faulty,), (good.outcome,))
