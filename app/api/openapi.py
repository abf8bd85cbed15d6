"""How endpoints describe their answers and problems in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from app.api.errors import PROBLEM_JSON, Code, status_of
from app.api.schemas import ProblemAnswer

_REFERENCE = {"$ref": "#/components/schemas/ProblemAnswer"}


def answers(model: type[BaseModel], *codes: Code) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint: 200 with a model, and the problems that it can answer with."""
    described: dict[int | str, dict[str, Any]] = {200: {"model": model}}
    everywhere = (Code.API_KEY_MISSING, Code.LOOPBACK_ONLY, Code.INVALID_REQUEST, Code.INTERNAL_ERROR)
    by_status: dict[int, list[str]] = {}
    for code in (*codes, *everywhere):
        by_status.setdefault(status_of(code), []).append(code.value)
    for status, names in sorted(by_status.items()):
        described[status] = {
            "description": "Problem: " + ", ".join(dict.fromkeys(names)),
            "content": {PROBLEM_JSON: {"schema": _REFERENCE}},
        }
    return described


def body_codes() -> tuple[Code, ...]:
    """The problems that an endpoint with a body has on top."""
    return (Code.MALFORMED_JSON, Code.BODY_TIMEOUT, Code.BODY_TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE)


def describe_problems(app: FastAPI) -> None:
    """Puts the problem's schema into the document: endpoints refer to it under a media type of its own."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            schema = ProblemAnswer.model_json_schema(ref_template="#/components/schemas/{model}")
            inner: Mapping[str, Any] = schema.pop("$defs", {})
            document.setdefault("components", {}).setdefault("schemas", {}).update({**inner, "ProblemAnswer": schema})
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
