"""Compiles golden/written.yaml, what a person wrote and graded, into golden/written.jsonl: one command.

    python -m evals.prompts.written --data var/demo            writes written.jsonl
    python -m evals.prompts.written --data var/demo --show ID  prints the candidates of one, to grade them by

Candidates and facts are the service's own, as for generated scenarios; grades, notes and what must not lead are
the person's. A product that is graded but was not found stops the command: the entry is to be looked at again.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.domain.errors import BadInput, ShelfwiseError
from app.domain.ranking import Query
from evals.prompts.generate import Poser, posing, write_scenarios
from evals.prompts.golden import GOLDEN
from evals.prompts.golden_asks import LIMIT, Ask
from evals.prompts.scenario import Scenario, Stratum

SOURCE_FILE = "written.yaml"

Ids = Annotated[tuple[str, ...], Field(default=())]


class Entry(BaseModel):
    """One situation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^written-[a-z0-9-]{2,50}$")
    version: int = Field(default=1, ge=1)
    note: str = Field(min_length=20)
    shopper: str
    query: str | None = None
    euros: int | None = None
    page: str | None = None
    cart: Ids
    strata: tuple[Stratum, ...] = ()
    best: Ids  # grade 3
    good: Ids  # grade 2
    fair: Ids  # grade 1
    never_first: Ids


def read_entries(path: Path) -> tuple[Entry, ...]:
    """The entries of written.yaml. Raises BadInput: unreadable, or an entry is wrong."""
    try:
        listed = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise BadInput(f"{path.name}:1: can't be read: {error}") from error
    found = []
    for number, one in enumerate(listed, start=1):
        try:
            found.append(Entry.model_validate(one))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            name = one.get("id") if isinstance(one, dict) else None
            raise BadInput(f"{path.name}: entry {number} ({name}): {where}: {first['msg']}") from error
    return tuple(found)


def compiled(poser: Poser, entry: Entry) -> Scenario:
    """The scenario of an entry. Raises BadInput: a graded product was not found, or no model would be asked."""
    grades = dict.fromkeys(entry.best, 3) | dict.fromkeys(entry.good, 2) | dict.fromkeys(entry.fair, 1)
    query = Query(
        user_id=entry.shopper,
        limit=LIMIT,
        text=entry.query,
        budget_minor=None if entry.euros is None else entry.euros * 100,
        product_id=entry.page,
        cart=entry.cart,
        placement="search" if entry.query else "product" if entry.page else "cart" if entry.cart else "home",
    )
    asked: Stratum = "query" if entry.query else "no_query"
    ask = Ask(query, frozenset({asked, *entry.strata}), lambda p: grades.get(p, 0), entry.shopper, note=entry.note)
    scenario = poser.scenario(entry.id, ask)
    if scenario is None:
        raise BadInput(f"{entry.id}: no model would be asked; is {entry.shopper!r} a shopper who agreed to one?")
    offered = {one.product.product_id for one in scenario.candidates}
    if missing := sorted({*grades, *entry.never_first} - offered):
        raise BadInput(f"{entry.id}: {missing[0]} is graded, but not among the candidates")
    length: Stratum = "cold" if scenario.history == "0" else "warm" if scenario.history == "11+" else "sparse"
    return replace(
        scenario,
        version=entry.version,
        strata=scenario.strata | {length},
        must_not_lead=frozenset(entry.never_first),
        source="written",
    )


def main() -> int:
    """The command line; 0, or 2 where an entry is wrong."""
    parser = argparse.ArgumentParser(prog="python -m evals.prompts.written", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("var/demo"), help="trained demo shop (default: %(default)s)")
    parser.add_argument("--show", metavar="ID", help="print the candidates of one entry and write nothing")
    given = parser.parse_args()
    try:
        entries = read_entries(GOLDEN / SOURCE_FILE)
        with posing(given.data) as poser:
            if given.show:
                _show([compiled(poser, entry) for entry in entries if given.show in (entry.id, "all")])
                return 0
            write_scenarios([compiled(poser, entry) for entry in entries], "written.jsonl")
    except ShelfwiseError as error:
        print(error)
        return 2
    print(f"{len(entries)} scenarios written to {GOLDEN / 'written.jsonl'}")
    return 0


def _show(scenarios: list[Scenario]) -> None:
    for scenario in scenarios:
        print(f"{scenario.id}: {scenario.query} | {', '.join(f'{f.kind} {f.text}' for f in scenario.profile)}")
        for one in scenario.candidates:
            product = one.product
            told = ", ".join(f"{key} {value}" for key, value in product.attributes.items())
            print(f"  {one.grade} {product.product_id} {product.name} {(product.price_minor or 0) / 100:.2f} | {told}")


if __name__ == "__main__":
    raise SystemExit(main())
