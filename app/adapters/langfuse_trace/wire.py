"""Observations and scores as Langfuse takes them: OTLP protobuf and one REST call, with SDK 5's names and models.

The SDK's client is not used for sending: it queues, retries and flushes in threads of its own, for up to 23 s at the
end of a process, and its spans are made of what is under way, not of what is over (docs/decisions). Here a span is
filled in from an observation, ids and times included, and one call is one request.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import httpx
from langfuse import LangfuseOtelSpanAttributes as Named
from langfuse import __version__ as sdk_version
from langfuse.api import CreateScoreRequest, LangfuseAPI, ScoreDataType
from langfuse.api.core.api_error import ApiError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from pydantic import ValidationError

from app.adapters import genai_attributes
from app.adapters.langfuse_trace.access import Access
from app.adapters.langfuse_trace.observation import Figures, Observation, Score, Value
from app.pipeline.redaction import without_contacts

TIMEOUT_S = 2.0
"""Of connecting, of sending and of each wait for an answer."""

Verdict = Literal["taken", "later", "refused", "unwanted"]
"""taken · later: try the same again · refused: the keys are wrong · unwanted: this content is never taken."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request."""

    verdict: Verdict
    detail: str = ""  # for the log: a status or the type of an error, never a body
    wait_s: float | None = None  # as the server asks, for `later`


TAKEN = Answer("taken")


class Wire:
    """The way to one Langfuse project. Of one thread."""

    def __init__(self, access: Access, *, timeout_s: float = TIMEOUT_S) -> None:
        """Opens no connection yet. Importing this module costs 0.5 s and 50 MB, so do it in the background."""
        self._access = access
        self._resource = Resource(
            attributes=_key_values(
                {"service.name": "shelfwise", Named.ENVIRONMENT: access.environment, Named.RELEASE: access.release}
            )
        )
        # Name and version tell the server which SDK wrote the attributes (metadata as JSON: version 5).
        self._scope = InstrumentationScope(
            name="langfuse-sdk", version=sdk_version, attributes=_key_values({"public_key": access.public_key})
        )
        self._http = httpx.Client(
            auth=(access.public_key, access.secret_key),
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            headers={
                "x-langfuse-sdk-name": "python",
                "x-langfuse-sdk-version": sdk_version,
                "x-langfuse-public-key": access.public_key,
                "x-langfuse-ingestion-version": "4",
            },
        )
        self.api = api_of(access, self._http)

    def close(self) -> None:
        """Closes connections."""
        self._http.close()

    def encoded(self, observations: Iterable[Observation]) -> bytes:
        """An OTLP request with these; requests put one after the other are one request."""
        spans = ScopeSpans(scope=self._scope, spans=[_span(one) for one in observations])
        request = ExportTraceServiceRequest(
            resource_spans=[ResourceSpans(resource=self._resource, scope_spans=[spans])]
        )
        return bytes(request.SerializeToString())

    def send_spans(self, encoded: Sequence[bytes]) -> Answer:
        """Sends encoded requests as one."""
        return self._post(
            "/api/public/otel/v1/traces",
            gzip.compress(b"".join(encoded), compresslevel=1),
            {"content-type": "application/x-protobuf", "content-encoding": "gzip"},
        )

    def send_scores(self, scores: Sequence[Score]) -> Answer:
        """Sends scores, at most 100; each is taken or refused alone."""
        request = [
            CreateScoreRequest(
                id=score.id,
                trace_id=score.trace_id,
                observation_id=score.observation_id,
                name=score.name,
                value=1.0,
                data_type=ScoreDataType.BOOLEAN,
                environment=self._access.environment,
                timestamp=datetime.fromtimestamp(score.at, UTC),
            )
            for score in scores
        ]
        try:
            answer = self.api.scores.create(request=request, request_options={"max_retries": 0})
        except ApiError as error:
            return _verdict(error.status_code or 0, error.headers or {})
        except (httpx.HTTPError, ValidationError) as error:
            return Answer("later", type(error).__name__)
        rejected = int(getattr(answer, "rejected", 0) or 0)
        return Answer("taken", f"{rejected} scores rejected") if rejected else TAKEN

    def _post(self, path: str, content: bytes, headers: dict[str, str]) -> Answer:
        try:
            with self._http.stream("POST", self._access.host + path, content=content, headers=headers) as response:
                return _verdict(response.status_code, dict(response.headers))
        except httpx.HTTPError as error:
            return Answer("later", type(error).__name__)


def api_of(access: Access, http: httpx.Client) -> LangfuseAPI:
    """The SDK's REST client over an HTTP client with its time limits."""
    return LangfuseAPI(
        base_url=access.host,
        username=access.public_key,
        password=access.secret_key,
        x_langfuse_sdk_name="python",
        x_langfuse_sdk_version=sdk_version,
        x_langfuse_public_key=access.public_key,
        httpx_client=http,
    )


def _span(one: Observation) -> Span:
    return Span(
        trace_id=bytes.fromhex(one.trace_id),
        span_id=bytes.fromhex(one.id),
        parent_span_id=b"" if one.parent_id is None else bytes.fromhex(one.parent_id),
        name=one.name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=int(one.started_at * 1e9),
        end_time_unix_nano=int(max(one.ended_at, one.started_at) * 1e9),
        attributes=_key_values(_attributes(one)),
    )


def _key_values(found: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=name, value=_any_value(value)) for name, value in found.items() if value is not None]


def _any_value(value: Any) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=one) for one in value]))


def _attributes(one: Observation) -> dict[str, Any]:
    about = one.about
    found: dict[str, Any] = {
        Named.OBSERVATION_TYPE: one.kind,
        Named.TRACE_NAME: about.trace_name,
        Named.TRACE_TAGS: about.tags,
        Named.OBSERVATION_LEVEL: "DEFAULT" if one.warning is None else "WARNING",
        Named.OBSERVATION_STATUS_MESSAGE: None if one.warning is None else _masked(one.warning),
        Named.TRACE_USER_ID: about.user,
        Named.TRACE_SESSION_ID: about.session,
        Named.IS_APP_ROOT: True if one.parent_id is None else None,
    }
    for name, value in one.metadata.items():
        found[f"{Named.OBSERVATION_METADATA}.{name}"] = json.dumps(_masked(value))
    if one.products:
        found[Named.OBSERVATION_OUTPUT] = json.dumps({"productIds": one.products})
    found |= genai_attributes.operation(one.kind, one.name)
    if one.figures is not None:
        found |= _generation(one.figures)
    return found | dict(one.attributes)


def _generation(figures: Figures) -> dict[str, Any]:
    usage = {"input": figures.input_tokens, "output": figures.output_tokens}
    if figures.cached_tokens:
        usage["input_cached_tokens"] = figures.cached_tokens
    usage["total"] = figures.input_tokens + figures.cached_tokens + figures.output_tokens
    found: dict[str, Any] = {
        Named.OBSERVATION_MODEL: figures.model,
        Named.OBSERVATION_PROMPT_NAME: figures.prompt_name,
        Named.OBSERVATION_PROMPT_VERSION: figures.prompt_version,
        Named.OBSERVATION_USAGE_DETAILS: json.dumps(usage),
    }
    # OpenTelemetry's names for the same, for who reads the spans elsewhere.
    found |= genai_attributes.generation(
        figures.model,
        input_tokens=figures.input_tokens + figures.cached_tokens,
        output_tokens=figures.output_tokens,
        cached_tokens=figures.cached_tokens,
        prompt_name=figures.prompt_name,
    )
    if figures.cost_usd is not None:
        found[Named.OBSERVATION_COST_DETAILS] = json.dumps({"total": figures.cost_usd})
    return found


def _masked(value: Value) -> Value:
    """The value without addresses and numbers of a person. None is put in; this is the second lock."""
    return without_contacts(value) if isinstance(value, str) and ("@" in value or " " in value) else value


def _verdict(status: int, headers: dict[str, Any]) -> Answer:
    detail = f"HTTP {status}"
    if 200 <= status < 300:
        return TAKEN
    if status in (401, 403):
        return Answer("refused", detail)
    if status in (408, 425, 429) or status >= 500:
        return Answer("later", detail, _retry_after(headers))
    return Answer("unwanted", detail)


def _retry_after(headers: dict[str, Any]) -> float | None:
    """Seconds that a Retry-After header asks for; None where it names none."""
    stated = {str(name).lower(): str(value) for name, value in headers.items()}.get("retry-after", "")
    return float(stated) if stated.isascii() and stated.isdigit() and len(stated) < 6 else None
