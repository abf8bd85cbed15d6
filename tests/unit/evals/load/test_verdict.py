"""Every reply is looked at: what is a good one, and what is none."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from evals.load.http_connection import Answer
from evals.load.verdict import Kind, Verdict, judged


def slate(items: int = 5, **meta: Any) -> bytes:
    told = {"strategy": "baseline", "fallbackReason": "timeout", "latencyMs": {"total": 1.0}, **meta}
    return orjson.dumps({"recommendations": [{"productId": "p"}] * items, "meta": told})


@pytest.mark.parametrize(
    ("kind", "status", "body", "worth"),
    [
        ("slate", 200, slate(), "good"),
        ("slate", 200, slate(3), "short"),
        ("slate", 200, slate(0, candidates=9, excluded={"in_stock": 2}), "wrong"),
        ("slate", 200, slate(0, candidates=3, excluded={"within_budget": 3}), "short"),
        ("slate", 200, b"{", "wrong"),
        ("slate", 200, b"[]", "wrong"),
        ("slate", 200, b'{"recommendations": [1], "meta": {}}', "wrong"),
        ("slate", 202, slate(), "wrong"),
        ("slate", 500, slate(), "wrong"),
        ("search", 200, slate(1), "good"),
        ("similar", 200, slate(0), "short"),
        ("events", 202, b'{"accepted": 1, "rejected": []}', "good"),
        ("events", 202, b'{"accepted": 0, "rejected": [{"code": "missing_product"}]}', "wrong"),
        ("events", 202, b"{}", "wrong"),
        ("events", 200, b'{"rejected": []}', "wrong"),
        ("report", 200, b"{}", "good"),
        ("chat", 200, b'data: {"type":"finish"}\n\ndata: [DONE]\n\n', "good"),
        ("chat", 200, b'data: {"type":"finish"}\n\n', "wrong"),
        ("chat", 200, b'data: {"type":"error","errorText":"x"}\n\ndata: [DONE]\n\n', "wrong"),
        ("chat", 422, b"{}", "wrong"),
    ],
)
def test_what_a_reply_is_worth(kind: Kind, status: int, body: bytes, worth: str) -> None:
    """Status, JSON, shape and items decide; an empty slate is right only where rules took every candidate."""
    assert judged(kind, Answer(status, False, body)).worth == worth


def test_a_refusal_says_when_to_come_again() -> None:
    """503 with Retry-After is a refusal; without it the answer is wrong."""
    assert judged("slate", Answer(503, True, b"")).worth == "refused"
    assert judged("slate", Answer(503, False, b"")) == Verdict("wrong", "503 without Retry-After")


def test_where_a_slate_came_from_is_kept() -> None:
    """Strategy, fallbackReason and whether a worker remembered it."""
    found = judged("slate", Answer(200, False, slate(latencyMs={"total": 0.1, "memo": 0.1})))
    assert (found.strategy, found.fallback, found.memo) == ("baseline", "timeout", True)
    assert judged("slate", Answer(200, False, slate(fallbackReason=None))).fallback == ""
