"""schemathesis against the whole application: every operation of the OpenAPI document, and what it finds.

Every check of schemathesis is on. A finding is left out only by a row of RULES_BEYOND_SCHEMAS, which says why.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import schemathesis
from fastapi import FastAPI
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER
from schemathesis.python.asgi import shutdown_lifespans

from app.bootstrap import build
from app.main import create_app
from tests.api.conftest import PUBLISHABLE, SECRET, TOKEN_SECRET
from tests.conftest import demo_settings

SEED = 20_260_930
HIDDEN = frozenset({"cost", "margin", "usage", "model", "details"})
"""Fields that only a secret key sees."""

REFUSED = (400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422)
"""Beside what schemathesis takes for a refusal: 412, a condition is looked at first; 413, a list is too long."""

PHASES = ("examples", "coverage", "fuzzing", "stateful")

RULES_BEYOND_SCHEMAS: Sequence[tuple[str, str, str]] = (
    # check, what the refusal says, why no schema can say it
    ("positive_data_acceptance", r"is finer than the smallest unit of", "depends on the deployment's currency"),
    ("positive_data_acceptance", r"must be an amount of money", "a number with more than six decimals is no amount"),
    ("positive_data_acceptance", r"prices here are in EUR|this shop's prices are in", "the deployment's currency"),
    ("positive_data_acceptance", r"min must not be above max|priceMin must not be above", "compares two fields"),
    ("positive_data_acceptance", r"The period ends before it begins", "compares two parameters"),
    ("positive_data_acceptance", r"is not in this recommendation", "depends on what was recommended"),
    ("positive_data_acceptance", r"(limit|deadlineMs): Input should be a valid integer", "5.0 is no whole number here"),
    ("positive_data_acceptance", r"If-(None-)?Match: must be", "boundary cases of headers disregard the pattern"),
    ("use_after_free", r"GET /api/users/", "who was erased is a new shopper: the contract answers with defaults"),
    ("positive_data_acceptance", r"is not a time between 1970 and 2100", "JSON Schema has no bounds for times"),
    ("positive_data_acceptance", r" 412 ", "If-Match and If-None-Match depend on what is stored"),
)


@dataclass
class Fuzzed:
    """What an attack came to."""

    findings: dict[str, str] = field(default_factory=dict)  # what → how to see it again
    cases: Counter[str] = field(default_factory=Counter)  # by phase
    answers: Counter[str] = field(default_factory=Counter)  # by operation and status
    excused: Counter[str] = field(default_factory=Counter)  # by the reason of the rule


@contextmanager
def served(data_dir: Path, **changes: object) -> Iterator[FastAPI]:
    """The application on a data folder of its own, with keys and without rates; it is started by the first request."""
    values: dict[str, object] = {
        "api_keys_secret": SECRET,
        "api_keys_publishable": PUBLISHABLE,
        "token_secret": TOKEN_SECRET,
        "rate_limit_key_per_min": 0,
        "rate_limit_address_per_min": 0,
        "rate_limit_shopper_per_min": 0,
        **changes,
    }
    settings = demo_settings(data_dir, **values)
    try:
        yield create_app(lambda: build(settings))
    finally:
        shutdown_lifespans()


def attack(
    app: FastAPI, *, phases: Sequence[str], examples: int, steps: int = 6, tag: str | None = None, key: str = SECRET
) -> Fuzzed:
    """Runs these phases of schemathesis, the same requests each time.

    Args: examples: of each operation when fuzzing, and scenarios; steps: requests of one scenario at most; tag:
             of the operations, None for all; key: with a publishable one an answer that tells what only the shop may
             see is a finding, too.
    """
    config = SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "headers": {"X-API-Key": key},
            "workers": 1,
            "continue-on-failure": True,
            "generation": {"max-examples": examples, "database": "none", "deterministic": True, "no-shrink": True},
            "checks": {"negative_data_rejection": {"expected-statuses": list(REFUSED)}},
            "phases": {
                **{phase: {"enabled": phase in phases} for phase in PHASES},
                "stateful": {"enabled": "stateful" in phases, "max-steps": steps},
            },
        }
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    if tag is not None:
        schema = schema.include(tag=tag)
    found = Fuzzed()
    schemathesis.hook("before_call")(_made_sensible)
    try:
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                _read(event, found, hidden=frozenset() if key == SECRET else HIDDEN)
            elif isinstance(event, events.NonFatalError | events.FatalError):
                found.findings[f"schemathesis itself: {event}"] = ""
    finally:
        GLOBAL_HOOK_DISPATCHER.unregister(_made_sensible)
    return found


def _made_sensible(_context: Any, case: Any, _kwargs: Any) -> None:
    """Two things that a valid body must be and no schema can say, or hardly one would get past them."""
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(case.body, dict):
        return
    operation = case.operation.definition.raw["operationId"]
    if operation in ("putProduct", "patchProduct") and "productId" in case.body:
        case.body["productId"] = unquote(str(case.path_parameters["productId"]))  # it is quoted already
    elif operation == "postChat" and case.body.get("messages"):
        case.body["messages"][-1:] = [{"role": "user", "parts": [{"type": "text", "text": "a warm lamp under 50"}]}]


def _read(event: events.ScenarioFinished, found: Fuzzed, *, hidden: frozenset[str]) -> None:
    recorder = event.recorder
    found.cases[event.phase.value] += len(recorder.cases)
    for case_id, one in recorder.cases.items():
        interaction = recorder.interactions.get(case_id)
        response = None if interaction is None else interaction.response
        if response is not None:
            found.answers[f"{one.value.operation.label} {response.status_code}"] += 1
            if seen := sorted(hidden & set(_names(response.content))):
                found.findings.setdefault(f"{one.value.operation.label} tells {seen}", response.content[:600].decode())
        for check in recorder.checks.get(case_id, ()):
            if check.failure_info is None:
                continue
            told = "no answer" if response is None else f"{response.status_code} {_said(response.content)}"
            said = f"{one.value.operation.label} {told}"
            reason = _excuse(check.name, said)
            if reason is not None:
                found.excused[reason] += 1
                continue
            title = check.failure_info.failure.title
            what = f"{check.name}: {title}, {said[:250]}"
            failure = check.failure_info
            found.findings.setdefault(what, f"{failure.failure.message[:600]}\n{failure.code_sample[:1500]}")


def _excuse(check: str, said: str) -> str | None:
    return next((why for name, text, why in RULES_BEYOND_SCHEMAS if name == check and re.search(text, said)), None)


def _names(content: bytes) -> Iterator[str]:
    """Every field of a JSON answer but for those that the shop or the catalogue names."""
    try:
        waiting: list[object] = [json.loads(content)]
    except ValueError:
        return
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield from one
            waiting += [value for name, value in one.items() if name not in ("attributes", "value", "excluded")]
        elif isinstance(one, list):
            waiting += one


def _said(content: bytes) -> str:
    try:
        body = json.loads(content)
    except ValueError:
        return content[:200].decode("utf-8", "replace")
    errors = body.get("errors", []) if isinstance(body, dict) else []
    told = "; ".join(f"{one.get('field')}: {one.get('message')}" for one in errors if isinstance(one, dict))
    return told or str(body.get("detail", ""))[:200] if isinstance(body, dict) else ""
