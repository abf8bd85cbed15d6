"""`shelfwise doctor`: what is set up, what is missing, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from app.adapters.rule_files import check_references
from app.bootstrap import build
from app.domain.errors import RulesError
from app.pipeline.hidden_products import mostly_hidden
from app.settings import Settings

Level = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. A `note` is worth knowing, a `problem` needs doing."""

    level: Level
    part: str
    text: str


def examine(settings: Settings) -> list[Finding]:
    """Opens everything that serving opens, and reports. Raises what stops a start: settings, rules, database."""
    application = build(settings)
    try:
        try:
            application.open()
        except RulesError as error:
            return [Finding("problem", "rules", str(error))]
        counts = application.store.counts()
        served = application.keeper.served()
        model = served.shelf.model
        found = [_data(counts.products, counts.events, counts.shoppers)]
        if counts.events_of_unknown_products:
            text = f"{counts.events_of_unknown_products:,} are about products that the catalogue does not have"
            found.append(Finding("note", "events", text))
        if model is not None:
            found.append(Finding("ok", "baseline", f"version {model.version}, {len(model.product_ids):,} products"))
        missing = int((served.shelf.vector_of_row < 0).sum())
        if served.shelf.vectors is not None:
            level: Level = "ok" if missing == 0 else "problem"
            text = f"{missing:,} of {counts.products:,} products have no vector; run `shelfwise train`"
            found.append(Finding(level, "vectors", "every product has one" if missing == 0 else text))
        found += [Finding("problem", part, text) for part, text in sorted(application.keeper.problems.items())]
        found += [Finding("problem", part, text) for part, text in application.privacy.warnings().items()]
        found += [Finding("note", f"rule {rule}", why) for rule, why in served.rules.not_applied.items()]
        found += [Finding("note", f"rule {rule}", why) for rule, why in mostly_hidden(served.rules).items()]
        found += [
            Finding("note" if p.severity == "warning" else "problem", "rules", p.message)
            for p in check_references(application.rules, served.shelf.snapshot)
        ]
        found += list(_settings(settings))
        return found
    finally:
        application.shut()


def _data(products: int, events: int, shoppers: int) -> Finding:
    if products == 0:
        return Finding("problem", "data", "no products; run `shelfwise import FOLDER`")
    return Finding("ok", "data", f"{products:,} products, {events:,} events, {shoppers:,} shoppers")


def _settings(settings: Settings) -> Iterator[Finding]:
    if not settings.has_keys:
        yield Finding("note", "keys", "no API key is set: serves this machine only, and trusts every caller on it")
    if settings.has_keys and not settings.token_secret.get_secret_value():
        yield Finding("problem", "tokens", "SHELFWISE_TOKEN_SECRET is empty: browsers can't act for a shopper")
    if settings.llm_model:
        budget = settings.llm_daily_budget_usd
        cap = "no daily budget is set" if budget is None else f"at most {budget:g} US dollars a day"
        yield Finding("note", "model", f"{settings.llm_model}; {cap}")
