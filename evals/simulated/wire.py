"""What a client sends, checked, and the shapes of OpenAI's answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evals.simulated.dice import fingerprint
from evals.simulated.reading import Turn
from evals.simulated.strict_schema import strictness_error

MODEL_PREFIX = "simulated-"
DEFAULT_MODEL = "simulated-ranker"


class ApiProblem(Exception):
    """A request that is refused; `body` is OpenAI's error object."""

    def __init__(
        self, status: int, message: str, *, kind: str, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(message, kind=kind, param=param, code=code)


def error_body(message: str, *, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: str
    text: str = ""


class _Message(BaseModel):
    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[_Part] | None = None

    def turn(self) -> Turn:
        if isinstance(self.content, list):
            return Turn(self.role, "\n".join(part.text for part in self.content))
        return Turn(self.role, self.content if self.content is not None else "")


class _NamedSchema(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    strict: bool | None = None
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")


class _ResponseFormat(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: Literal["text", "json_object", "json_schema"]
    json_schema: _NamedSchema | None = None


class _Function(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")


class _Tool(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: Literal["function"]
    function: _Function


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="allow")

    include_usage: bool = False


class ChatRequest(BaseModel):
    """The body of POST /v1/chat/completions. Fields that change nothing here are accepted and ignored."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(min_length=1, max_length=200)
    messages: list[_Message] = Field(min_length=1)
    stream: bool = False
    stream_options: _StreamOptions | None = None
    response_format: _ResponseFormat | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    n: int | None = Field(default=None, ge=1, le=1)
    tools: list[_Tool] = []

    @property
    def tool_names(self) -> tuple[str, ...]:
        """Names of the tools that may be asked for."""
        return tuple(tool.function.name for tool in self.tools)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The messages as text."""
        return tuple(message.turn() for message in self.messages)

    @property
    def token_limit(self) -> int | None:
        """The most tokens that the reply may have."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @property
    def schema_wanted(self) -> Mapping[str, Any] | None:
        """The JSON schema of the reply, where one is asked for."""
        wanted = self.response_format.json_schema if self.response_format is not None else None
        return wanted.schema_ if wanted is not None else None

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with a usage chunk."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def model_named(self) -> str:
        """The model's name in the answer: always labelled as simulated."""
        return self.model if self.model.startswith(MODEL_PREFIX) else f"{MODEL_PREFIX}{self.model}"


def read_request(body: bytes) -> tuple[ChatRequest, str]:
    """A checked request and its hash, which leaves out how the answer is delivered.

    Raises: ApiProblem: 400 with OpenAI's error object; a schema that says strict but is not names its place.
    """
    try:
        raw = json.loads(body)
        request = ChatRequest.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise ApiProblem(
            400,
            f"Invalid value for '{place}': {first['msg']}.",
            kind="invalid_request_error",
            param=place,
            code="invalid_value",
        ) from error
    except (ValueError, RecursionError) as error:
        raise ApiProblem(400, "The body is not JSON.", kind="invalid_request_error") from error
    _check_format(request)
    content = {name: value for name, value in raw.items() if name not in {"stream", "stream_options"}}
    return request, fingerprint(json.dumps(content, sort_keys=True, ensure_ascii=True))


def _check_format(request: ChatRequest) -> None:
    wanted = request.response_format
    if wanted is None or wanted.type != "json_schema":
        return
    if wanted.json_schema is None:
        raise ApiProblem(
            400,
            "Missing required parameter: 'response_format.json_schema'.",
            kind="invalid_request_error",
            param="response_format.json_schema",
            code="missing_required_parameter",
        )
    if wanted.json_schema.strict:
        error = strictness_error(wanted.json_schema.schema_)
        if error is not None:
            raise ApiProblem(
                400,
                f"Invalid schema for response_format '{wanted.json_schema.name}': {error}.",
                kind="invalid_request_error",
                param="response_format",
                code=None,
            )
