"""The values that labels of metrics may have: taken from the types that the code itself is checked against."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

from app.chat.model_answer import Failure
from app.domain.chat import ToolName
from app.domain.model_calls import CallOutcome, Purpose
from app.domain.ranking import FallbackReason, Placement, ShelfKind, Strategy
from app.pipeline.proof import FailureKind

OTHER = "other"

LISTS = frozenset({"recommendations", *get_args(ShelfKind)})
PLACEMENTS = frozenset(get_args(Placement))
STRATEGIES = frozenset(get_args(Strategy))
REASONS = frozenset(get_args(FallbackReason))
PURPOSES = frozenset(get_args(Purpose))
PROOF_FAILURES = frozenset(get_args(FailureKind))
FAILURES_OF_CHAT = frozenset(get_args(Failure))
STAGES = frozenset({"total", "memo", "profile", "candidates", "ranking", "prompt", "rerank", "reasons"})

BY_DESIGN = frozenset({"no_model", "gate", "opted_out", "not_requested"})
"""Of a slate's fallback reason: no model was to order it, so no fallback happened."""

WAITED = frozenset({"none", "timeout", "provider_error", "invalid_output"})
"""The same: a model was asked, and waited for."""

NOT_MADE = frozenset({"circuit_open", "overloaded", "budget_exhausted", "lost"})
"""Outcomes of calls that nobody saw end: they have no duration and no tokens."""

OUTCOMES = frozenset({*get_args(CallOutcome), *NOT_MADE})

TOOLS = frozenset({*get_args(ToolName), "unknown"})
TOOL_OUTCOMES = frozenset({"done", "refused", "late"})

REPAIRS = frozenset(
    "byte_order_mark fence thinking prose no_object second_object truncated malformed too_deep duplicate_key "
    "missing_order wrong_type extra_key unknown_alias duplicate_alias too_many few_valid missing_alias "
    "reason_markup reason_characters reason_length reason_empty".split()
)
"""The kinds of app/pipeline/repair.py."""

EVENT_CODES = frozenset(
    "malformed_event unmapped_event too_many_items unknown_type invalid_quantity invalid_price wrong_currency "
    "invalid_timestamp invalid_value invalid_field missing_identity missing_query missing_product missing_value "
    "timestamp_in_future timestamp_too_old secret_key_required erased".split()
)
"""The codes of rejected events (docs/events.md)."""

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})
_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")


def known(value: str, values: Collection[str]) -> str:
    """The value where it is one of these, else "other"."""
    return value if value in values else OTHER


def method_of(value: str) -> str:
    """An HTTP method, "other" for one that no endpoint takes."""
    return known(value, _METHODS)


def status_class(status: int) -> str:
    """The class of a status: 404 → "4xx"; 0, an answer that was never begun, → "other"."""
    return _CLASSES[status // 100 - 1] if 100 <= status < 600 else OTHER
