"""Writes the generated part of the golden set: `python -m evals.prompts.generate --data var/demo`.

Every request goes through the service's own stages up to the model (`RecommendationService.prepared`) on a copy of a
trained demo shop, and what a model would be told is written down with what the shop's generator knows of the shopper.

Candidates hang on the trained model, so another training gives other scenarios. The files are made once and kept: only
a better generator is a reason to make them anew, with every version raised.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

from app import finder
from app.bootstrap import Application, build, consent_of, open_embedder
from app.domain.errors import ShelfwiseError
from app.domain.interactions import PastInteraction, Preferences, Shopper
from app.domain.ranking import HISTORY_BUCKETS, Query, history_bucket
from app.finder import Finder
from app.ports import ShopStore
from app.prompts import load_prompt
from app.service import RecommendationService
from app.settings import Settings
from evals.prompts.attacks import load_attacks, planted
from evals.prompts.golden import (
    FACTS_FILE,
    GOLDEN,
    RERANK_FILES,
    manifest_of,
    read_lines,
    read_manifest,
    write_lines,
    write_manifest,
)
from evals.prompts.golden_asks import Ask, Group, People, groups
from evals.prompts.golden_lines import IN_PROMPT, FactLine, ScenarioLine, line_of, scenario_hash, scenario_of
from evals.prompts.hidden_taste import Tastes
from evals.prompts.scenario import Candidate, History, Scenario
from evals.prompts.shop_records import shop_products
from evals.rerank.planning import planning_stage

FACTS_KEPT = 6
"""Facts of a candidate that a scenario keeps: the prompt's three, and three that may come up in a variant."""
_FEWEST = 6  # candidates under which there is nothing to order
_PER_SHOPPER = 4  # scenarios of one shopper: they are not independent


class _Showing:
    """The store, showing each shopper as one request wants it; everything else is the store's own."""

    def __init__(self, store: ShopStore) -> None:
        self._store = store
        self.last: int | None = None
        self.preferences: Preferences | None = None

    def shopper(self, user_id: str) -> Shopper:
        """The stored shopper, with other preferences where some are given."""
        shopper = self._store.shopper(user_id)
        return shopper if self.preferences is None else replace(shopper, preferences=self.preferences)

    def interactions(
        self, *, user_id: str | None, anonymous_id: str | None, session_id: str | None, limit: int
    ) -> Sequence[PastInteraction]:
        """The newest interactions that say something for a product, no more than are to be shown."""
        found = self._store.interactions(user_id=user_id, anonymous_id=anonymous_id, session_id=session_id, limit=limit)
        if self.last is None:
            return found
        return [event for event in found if event.product_id is not None and event.kind in _SPEAKING][: self.last]

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


_SPEAKING = frozenset({"view", "click", "add_to_cart", "purchase", "wishlist"})


class Poser:
    """Turns requests into scenarios on one demo shop."""

    def __init__(self, application: Application) -> None:
        settings = application.settings
        self._store = _Showing(application.store)
        store = cast(ShopStore, self._store)
        own = Finder(
            store=store,
            embedder=open_embedder(settings)[1],
            searches=application.pools[1],
            consent_default=consent_of(settings.consent_default),
        )
        stage = planning_stage(load_prompt(settings.prompts_dir, "rerank", "v1"), "golden")
        self._service = RecommendationService(replace(application.parts, rerank=stage, finder=own, store=store))
        self._application = application
        self._finder = own

    def people(self, user_ids: Sequence[str]) -> People:
        """Who may be asked about, by length of history."""
        application = self._application
        served, now = application.keeper.served(), application.clock.now()
        found: dict[str, list[str]] = {bucket: [] for bucket in HISTORY_BUCKETS}
        unseen = []
        for user_id in user_ids:
            shopper = self._finder.shopper(Query(user_id=user_id))
            profile = self._finder.profile(served, Query(user_id=user_id), shopper, now)
            if shopper.consent.personalization == "full" and shopper.consent.llm_processing:
                found[history_bucket(profile.interactions)].append(user_id)
            elif shopper.consent.personalization == "full":
                unseen.append(user_id)
        return People(found, unseen)

    def scenario(self, name: str, ask: Ask) -> Scenario | None:
        """The scenario of a request; None where no model would be asked."""
        self._store.last, self._store.preferences = ask.last, ask.preferences
        work = self._service.prepared(ask.query)
        if isinstance(work.plan, str) or not work.told.items:
            return None
        records = self._application.store.products([item.product_id for item in work.told.items])
        candidates = []
        for item, match in zip(work.told.items, work.told.percentiles, strict=True):
            # A word of the English query is no word of what the shopper wrote.
            facts = tuple(fact for fact in item.facts if ask.spoken is None or fact.kind != "query_match")
            candidates.append(
                Candidate(
                    product=records[item.product_id],
                    facts=facts[:IN_PROMPT],
                    percentile=round(match, 4),
                    grade=ask.grade(item.product_id),
                    more=facts[IN_PROMPT:FACTS_KEPT],
                )
            )
        profile = tuple(
            replace(fact, text=ask.spoken) if fact.kind == "query" and ask.spoken is not None else fact
            for fact in work.told.facts
        )
        return Scenario(
            id=name,
            version=1,
            shopper=ask.shopper,
            strata=ask.strata,
            history=cast(History, history_bucket(work.profile.interactions)),
            intent="none" if ask.query.text is None and ask.query.budget_minor is None else "stated",
            placement=ask.query.placement,
            limit=ask.query.limit,
            candidates=tuple(candidates),
            profile=profile,
            query=ask.query.text if ask.spoken is None else ask.spoken,
            budget_minor=ask.query.budget_minor,
            language=ask.language,
            markers=ask.markers,
            note=ask.note,
        )


def telling(scenario: Scenario) -> bool:
    """Whether an order can be right or wrong here: enough candidates, some wanted and some not."""
    grades = [candidate.grade for candidate in scenario.candidates if candidate.grade is not None]
    wanted = sum(grade >= 2 for grade in grades)
    return len(scenario.candidates) >= _FEWEST and 2 <= wanted <= len(grades) - 2


@contextmanager
def _patient() -> Iterator[None]:
    """Waits for an index however busy the machine is: a request goes on without a late one, a golden set must not."""
    served, finder.INDEX_TIMEOUT_S = finder.INDEX_TIMEOUT_S, 60.0
    try:
        yield
    finally:
        finder.INDEX_TIMEOUT_S = served


@contextmanager
def posing(data_dir: Path) -> Iterator[Poser]:
    """A poser on a copy of a trained demo shop. Raises ShelfwiseError where it can't be opened."""
    with tempfile.TemporaryDirectory() as scratch, _patient():
        copy = Path(shutil.copytree(data_dir, Path(scratch) / "data"))
        settings = Settings(
            data_dir=copy, database_url="", as_of="last-event", currency="EUR", llm_model="", api_keys_secret=()
        )
        application = build(settings)
        try:
            application.open()
            yield Poser(application)
        finally:
            application.shut()


def generated(poser: Poser, tastes: Tastes, say: Callable[[str], None]) -> list[Scenario]:
    """All generated scenarios, in the order of the groups."""
    met: Counter[str] = Counter()
    found: list[Scenario] = []
    for group in groups(tastes, poser.people(list(tastes.people))):
        mine = list(_of_group(poser, group, met))
        found += mine
        say(f"{group.name}: {len(mine)} of {group.wanted}")
    return found


def hostile(scenarios: Sequence[Scenario]) -> list[Scenario]:
    """Each attack of the project's own, planted into one scenario; one scenario in ten is taken, whatever its kind."""
    found = []
    hosts = iter(scenarios[3::10])
    for attack in load_attacks():
        made = next(one for host in hosts if (one := planted(host, attack)) is not None)
        found.append(
            replace(
                made,
                id=f"hostile-{attack.id.removeprefix('shop-')}",
                parent="",
                relation="",
                expects={},
                shuffle="",
                strata=made.strata - {"metamorphic"},
                note=f"{attack.id} in the {attack.surface} of the last product that nobody wants: {attack.aim}",
            )
        )
    return found


def _of_group(poser: Poser, group: Group, met: Counter[str]) -> Iterator[Scenario]:
    number = 0
    for ask in group.asks:
        if number == group.wanted:
            return
        if ask.shopper != "nobody" and met[ask.shopper] >= _PER_SHOPPER:
            continue
        scenario = poser.scenario(f"{group.name}-{number + 1:03d}", ask)
        if scenario is not None and telling(scenario):
            met[ask.shopper] += 1
            number += 1
            yield scenario


def write_scenarios(scenarios: Sequence[Scenario], name: str, folder: Path = GOLDEN) -> None:
    """Writes one file of scenarios, the facts that any file needs, and the manifest; versions go up with changes."""
    products = shop_products()
    before = read_manifest(folder)
    facts: dict[str, FactLine] = {}
    lines = []
    for scenario in scenarios:
        line, cited = line_of(scenario, products)
        facts |= {fact.key: fact for fact in cited}
        version, _, content = before.get(line.id, "").partition(":")
        if version:
            changed = scenario_hash(scenario_of(line, products, facts)) != content
            line = line.model_copy(update={"version": int(version) + changed})
        lines.append(line)
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest(manifest_of([scenario_of(line, products, facts) for line in lines]), folder)
    write_lines(folder / name, lines)
    _write_facts(folder, facts)


def _write_facts(folder: Path, fresh: dict[str, FactLine]) -> None:
    path = folder / FACTS_FILE
    known = {fact.key: fact for _, fact in read_lines(path, FactLine)} if path.exists() else {}
    known |= fresh
    needed: set[str] = set()
    for name in RERANK_FILES:
        if (folder / name).exists():
            for _, line in read_lines(folder / name, ScenarioLine):
                needed |= {key for candidate in line.candidates for key in candidate.facts}
    write_lines(path, [known[key] for key in sorted(needed)])


def main() -> int:
    """The command line; 0, or 2 where the shop can't be opened or a version was not raised."""
    parser = argparse.ArgumentParser(prog="python -m evals.prompts.generate", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("var/demo"), help="trained demo shop (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=GOLDEN, help="folder to write to (default: the golden set)")
    given = parser.parse_args()
    try:
        with posing(given.data) as poser:
            scenarios = generated(poser, Tastes.build(), print)
        scenarios += hostile(scenarios)
        write_scenarios(scenarios, "rerank.jsonl", given.out)
    except ShelfwiseError as error:
        print(error)
        return 2
    print(f"{len(scenarios)} scenarios written to {given.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
