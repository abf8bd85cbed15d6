"""A slate that is given again."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from app.domain.ranking import Query, Slate


def test_a_slate_given_again_is_the_same_but_for_what_is_each_answers_own() -> None:
    """Every field is passed on, those included that are added one day."""
    own: dict[str, Any] = {
        "recommendation_id": "again", "query": Query(limit=2), "served_at": 7.0, "latency_ms": {"memo": 0.1},
    }  # fmt: skip
    marks: dict[str, Any] = {field.name: f"kept {field.name}" for field in fields(Slate)}
    slate = Slate(**marks)
    assert slate.given_again(**own) == replace(slate, **own)
    assert slate.given_again(**own) != slate
