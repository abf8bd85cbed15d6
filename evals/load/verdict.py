"""What a reply is worth: every one is looked at, by what was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import orjson

from evals.load.http_connection import Answer

Kind = Literal["slate", "events", "search", "similar", "chat", "report", "catalogue"]
WRITING: frozenset[Kind] = frozenset({"events", "catalogue"})
"""Kinds that leave something behind in the shop."""

Worth = Literal[
    "good",  # what was asked for, whole
    "short",  # 200 and in order, with fewer items than asked for
    "refused",  # 503 with Retry-After: the service says that it has too much to do
    "wrong",  # anything else that was answered
    "broken",  # no whole answer: refused or cut connection
    "late",  # given up after the client's own limit
]

SLATE_ITEMS = 5
"""Items that every slate is asked for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One reply, judged. The last four say something of slates only."""

    worth: Worth
    detail: str = ""  # of one that is neither good nor refused
    strategy: str = ""
    fallback: str = ""  # fallbackReason; "" for none
    memo: bool = False  # answered from a worker's memory (docs/decisions/021)


def judged(kind: Kind, answer: Answer) -> Verdict:
    """What an answer is worth."""
    if answer.status == 503:
        return Verdict("refused") if answer.retry_after else Verdict("wrong", "503 without Retry-After")
    if kind == "chat":
        return _chat(answer)
    if answer.status != (202 if kind == "events" else 200):
        return Verdict("wrong", f"status {answer.status}")
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return Verdict("wrong", "no JSON")
    if not isinstance(body, dict):
        return Verdict("wrong", "no JSON object")
    if kind == "events":
        return _events(body)
    if kind in ("report", "catalogue"):
        return Verdict("good")
    return _items(body, kind)


def _events(body: dict[str, Any]) -> Verdict:
    rejected = body.get("rejected")
    if rejected == []:
        return Verdict("good")
    code = rejected[0].get("code") if isinstance(rejected, list) and isinstance(rejected[0], dict) else "no `rejected`"
    return Verdict("wrong", f"event: {code}")


def _items(body: dict[str, Any], kind: Kind) -> Verdict:
    wanted = SLATE_ITEMS if kind == "slate" else 1
    items, meta = body.get("recommendations"), body.get("meta")
    if not isinstance(items, list) or not isinstance(meta, dict) or "strategy" not in meta:
        return Verdict("wrong", "not in the answer's shape")
    if not items and kind == "slate" and not _none_eligible(meta):
        return Verdict("wrong", "no items")
    fallback, stages = meta.get("fallbackReason"), meta.get("latencyMs")
    return Verdict(
        "good" if len(items) >= wanted else "short",
        "" if len(items) >= wanted else f"{len(items)} items",
        str(meta["strategy"]),
        "" if fallback is None else str(fallback),
        isinstance(stages, dict) and "memo" in stages,
    )


def _none_eligible(meta: dict[str, Any]) -> bool:
    """Whether an empty slate is as it should be: rules took every candidate, as a small budget does to a search."""
    excluded, candidates = meta.get("excluded"), meta.get("candidates")
    return isinstance(excluded, dict) and isinstance(candidates, int) and sum(excluded.values()) >= candidates


def _chat(answer: Answer) -> Verdict:
    if answer.status != 200:
        return Verdict("wrong", f"status {answer.status}")
    if b'"type":"error"' in answer.body:
        return Verdict("wrong", "chat: an error part")
    if not answer.body.rstrip().endswith(b"data: [DONE]"):
        return Verdict("wrong", "chat: no end")
    return Verdict("good")
