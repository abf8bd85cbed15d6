"""Every operation of the OpenAPI document under schemathesis, on the demo shop, through the real ASGI application."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from app.main import create_app
from tests.api.conftest import PUBLISHABLE
from tests.fuzz.attack import Fuzzed, attack, served
from tests.fuzz.documented import operations


def told(fuzzed: Fuzzed) -> str:
    """What was found, to be read in the log of a test."""
    return "\n\n".join(f"{what}\n{how}" for what, how in fuzzed.findings.items())


def test_a_few_requests_of_every_kind(demo_copy: Path) -> None:
    """No server error, nothing undocumented, valid data taken, invalid data refused: in a sample of each operation."""
    with served(demo_copy) as app:
        fuzzed = attack(app, phases=("examples", "fuzzing", "stateful"), examples=1, steps=4)
    assert fuzzed.findings == {}, told(fuzzed)
    assert fuzzed.cases["examples"] >= 4


TAGS = ("recommendations", "shelves", "products", "shoppers", "events", "chat", "metrics", "health")


def test_no_operation_is_without_a_tag_of_these() -> None:
    """Or the long run would leave it out."""
    document = create_app(_nothing).openapi()
    tagged = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    assert tagged == set(TAGS)


def _nothing() -> NoReturn:
    raise AssertionError("nothing is started")


@pytest.mark.slow
@pytest.mark.parametrize("tag", TAGS)
def test_hundreds_of_requests_of_each_operation(demo_copy: Path, tag: str) -> None:
    """The same with 200 drawn examples of each, half of them valid."""
    with served(demo_copy) as app:
        fuzzed = attack(app, phases=("fuzzing",), examples=200, tag=tag)
    assert fuzzed.findings == {}, told(fuzzed)


@pytest.mark.slow
def test_requests_of_a_browser(demo_copy: Path) -> None:
    """With a publishable key: refused or answered, and never with a cost, a margin, a model or what it used."""
    with served(demo_copy) as app:
        fuzzed = attack(app, phases=("fuzzing", "stateful"), examples=40, key=PUBLISHABLE)
    assert fuzzed.findings == {}, told(fuzzed)
    assert fuzzed.answers["GET /api/costs 403"]
    assert fuzzed.answers["GET /api/search 200"]


@pytest.mark.slow
def test_every_bound_of_every_field(demo_copy: Path) -> None:
    """The shortest, the longest, one more; each field missing, null, of another type, twice; each method."""
    with served(demo_copy) as app:
        fuzzed = attack(app, phases=("coverage",), examples=1)
    assert fuzzed.findings == {}, told(fuzzed)
    assert fuzzed.cases["coverage"] > 2_500
    for path, method, _ in operations(app.openapi()):
        assert not path.startswith("/api/") or fuzzed.answers[f"{method} {path} 401"], "a key was not asked for"


@pytest.mark.slow
def test_scenarios_that_go_from_answer_to_answer(demo_copy: Path) -> None:
    """Along the links of the document: a slate's why and votes, a product's life, a shopper's export and erasure."""
    with served(demo_copy) as app:
        fuzzed = attack(app, phases=("stateful",), examples=500, steps=12)
    assert fuzzed.findings == {}, told(fuzzed)
    assert fuzzed.answers["GET /api/recommendations/{recommendationId}/why/{productId} 200"]
