"""How endpoints describe their answers and problems in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from app.api.answer_schemas import ProblemAnswer, SlateAnswer
from app.api.errors import PROBLEM_JSON, Code, status_of
from app.api.links import add_links

_REFERENCE = {"$ref": "#/components/schemas/ProblemAnswer"}

_SERVER_SENT = {
    "description": "One event of the stream; `data` is JSON.",
    "type": "object",
    "required": ["data"],
    "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
}


_EVERYWHERE = (Code.LOOPBACK_ONLY, Code.INTERNAL_ERROR)
_METRICS = (Code.API_KEY_MISSING, Code.API_KEY_UNKNOWN, Code.SECRET_KEY_REQUIRED, Code.RATE_LIMITED)
_UNDER_API = (
    *_EVERYWHERE,
    Code.API_KEY_MISSING,
    Code.API_KEY_UNKNOWN,
    Code.INVALID_REQUEST,
    Code.RATE_LIMITED,
    Code.OVERLOADED,
    Code.TIMED_OUT,
)


def answers(model: type[BaseModel], *codes: Code, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint under /api: a model with this status, and the problems that it can answer with."""
    return _described(model, (*codes, *_UNDER_API), status)


def stream_answers(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint that answers with server-sent events."""
    described = _described(SlateAnswer, (*codes, *_UNDER_API))
    described[200] = {
        "description": "Events: `baseline` and `slate` hold an answer, `reason` one item's sentence, `done` nothing.",
        "content": {"text/event-stream": {"schema": _SERVER_SENT}},
    }
    return described


def probe_answers(model: type[BaseModel], *codes: Code) -> dict[int | str, dict[str, Any]]:
    """The same for an endpoint that needs no key and takes no input."""
    return _described(model, (*codes, *_EVERYWHERE, Code.RATE_LIMITED))


def metrics_answers() -> dict[int | str, dict[str, Any]]:
    """The `responses` of the scrape: no JSON, and keys of its own."""
    described = _described(SlateAnswer, (*_EVERYWHERE, *_METRICS))
    described[200] = {
        "description": "Prometheus' text format, or OpenMetrics where it is asked for.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    return described


def _described(model: type[BaseModel], codes: Sequence[Code], status: int = 200) -> dict[int | str, dict[str, Any]]:
    described: dict[int | str, dict[str, Any]] = {status: {"model": model}}
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(status_of(code), []).append(code.value)
    for problem, names in sorted(by_status.items()):
        described[problem] = {
            "description": "Problem: " + ", ".join(dict.fromkeys(names)),
            "content": {PROBLEM_JSON: {"schema": _REFERENCE}},
        }
    return described


def body_codes() -> tuple[Code, ...]:
    """The problems that an endpoint with a body has on top."""
    return (Code.MALFORMED_JSON, Code.BODY_TIMEOUT, Code.BODY_TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE)


def describe_problems(app: FastAPI) -> None:
    """Completes the document with the problem's schema (it has a media type of its own) and with who may call."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            schema = ProblemAnswer.model_json_schema(ref_template="#/components/schemas/{model}")
            inner: Mapping[str, Any] = schema.pop("$defs", {})
            document.setdefault("components", {}).setdefault("schemas", {}).update({**inner, "ProblemAnswer": schema})
            for path in document["paths"].values():
                for operation in path.values():
                    if {"metricsToken": []} in operation.get("security", ()):
                        operation["security"] = [{"apiKey": []}, {"metricsToken": []}]
                    elif "security" in operation:  # the framework says "key or token"; a token comes with a key
                        operation["security"] = [{"apiKey": []}, {"apiKey": [], "shopperToken": []}]
            add_links(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
