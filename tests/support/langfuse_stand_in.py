"""A Langfuse on loopback, as far as this service talks to it: OTLP by the real protobufs, REST by the SDK's own models.

    with LangfuseStandIn() as langfuse:
        settings = {"langfuse_host": langfuse.url, "langfuse_public_key": PUBLIC, "langfuse_secret_key": SECRET}
        …
        langfuse.mode = "hung"

What it does not know it refuses, so that a test fails where a real server might: unknown keys of a body, another
version of OTLP, keys of another project. It is no Langfuse: that the real one takes the same is not shown by it.

`python -m tests.support.langfuse_stand_in --mode hung` serves until its standard input closes, for benchmarks.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, get_args
from urllib.parse import parse_qs, urlsplit

from langfuse.api import CreateScoreRequest
from langfuse.api.commons.types import Dataset, DatasetItem
from langfuse.api.core.pydantic_utilities import parse_obj_as
from langfuse.api.dataset_items.types import CreateDatasetItemRequest
from langfuse.api.datasets.types import CreateDatasetRequest
from langfuse.api.prompts.types import CreateTextPromptRequest, TextPrompt
from langfuse.api.score_configs.types import CreateScoreConfigRequest
from langfuse.api.unstable.dashboard_widgets.types import (
    CreateDashboardWidgetRequest,
    DashboardWidget,
    UpdateDashboardWidgetRequest,
)
from langfuse.api.unstable.dashboards.types import (
    CreateDashboardPlacementRequest_Widget,
    CreateDashboardRequest,
    Dashboard,
    UpdateDashboardRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from pydantic import BaseModel, ValidationError

from tests.support.langfuse_metrics import measured

PUBLIC, SECRET = "pk-lf-test", "sk-lf-test"
VERSION = "4.60.0"
SLOW_S = 1.0

Mode = Literal["well", "hung", "slow", "401", "429", "500"]
"""Besides: a server that was stopped is dead."""


@dataclass(frozen=True)
class Seen:
    """A span as it arrived."""

    trace_id: str
    id: str
    parent_id: str | None
    name: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    scope: str

    @property
    def kind(self) -> str:
        return str(self.attributes["langfuse.observation.type"])

    @property
    def user(self) -> str | None:
        return self.attributes.get("user.id")

    @property
    def session(self) -> str | None:
        return self.attributes.get("session.id")

    @property
    def usage(self) -> Mapping[str, int]:
        return json.loads(self.attributes.get("langfuse.observation.usage_details", "{}"))

    @property
    def cost_usd(self) -> float | None:
        details = json.loads(self.attributes.get("langfuse.observation.cost_details", "{}"))
        return details.get("total")

    def metadata(self, name: str) -> Any:
        return json.loads(self.attributes[f"langfuse.observation.metadata.{name}"])


@dataclass
class Held:
    """What arrived, and what was provisioned."""

    spans: dict[tuple[str, str], Seen] = field(default_factory=dict)  # by trace and id; the last one counts
    scores: dict[str, CreateScoreRequest] = field(default_factory=dict)
    score_posts: int = 0
    deleted: list[str] = field(default_factory=list)  # trace ids, as they were asked for
    score_configs: list[dict[str, Any]] = field(default_factory=list)
    widgets: list[dict[str, Any]] = field(default_factory=list)
    dashboards: list[dict[str, Any]] = field(default_factory=list)
    prompts: list[dict[str, Any]] = field(default_factory=list)
    datasets: list[dict[str, Any]] = field(default_factory=list)
    dataset_items: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)  # "POST /api/public/scores" …
    bodies: list[bytes] = field(default_factory=list)  # raw, decompressed
    writes: int = 0  # of the REST API

    def traces(self) -> dict[str, list[Seen]]:
        found: dict[str, list[Seen]] = {}
        for span in list(self.spans.values()):
            found.setdefault(span.trace_id, []).append(span)
        return found

    def named(self, name: str) -> list[Seen]:
        return [span for span in list(self.spans.values()) if span.name == name]


class Refused(Exception):
    """A request that a real server would refuse: status and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class LangfuseStandIn:
    """The server, in threads of its own. A context manager; `stop` makes it dead."""

    def __init__(self, mode: Mode = "well", version: str = VERSION) -> None:
        self.mode: Mode = mode
        self.version = version
        self.held = Held()
        self.answers: bytes | None = None  # to everything, with 200: a server that is something else
        self.refusals: list[str] = []  # what it refused although it was well: a test wants none
        self._release = threading.Event()
        self._lock = threading.Lock()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                stand_in._serve(self)

            do_GET = do_POST = do_PATCH = do_DELETE = _any

            def log_message(self, format: str, *args: object) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> LangfuseStandIn:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it: from now on connections are refused."""
        self._release.set()
        self._server.shutdown()
        self._server.server_close()

    def until(self, holds: Callable[[Held], bool], timeout_s: float = 10.0) -> None:
        """Waits until what arrived is as wanted. Raises AssertionError, with what it refused."""
        ends = time.monotonic() + timeout_s
        while not holds(self.held):
            assert time.monotonic() < ends, (self.refusals, list(self.held.requests)[-5:], len(self.held.spans))
            time.sleep(0.01)

    def _serve(self, http: BaseHTTPRequestHandler) -> None:
        body = http.rfile.read(int(http.headers.get("content-length", 0)))
        mode = self.mode
        if mode == "hung":
            self._release.wait()
            http.close_connection = True
            return
        if mode == "slow":
            self._release.wait(SLOW_S)
        if mode in ("401", "429", "500"):
            self._answer(http, int(mode), {"message": mode}, {"retry-after": "1"} if mode == "429" else {})
            return
        if self.answers is not None:
            self._answer(http, 200, self.answers)
            return
        try:
            with self._lock:
                answer = self._taken(http, body)
        except Refused as error:
            self.refusals.append(f"{http.command} {http.path}: {error}")
            self._answer(http, error.status, {"message": str(error)})
        except ValidationError as error:
            self.refusals.append(f"{http.command} {http.path}: {error}")
            self._answer(http, 400, {"message": str(error)})
        else:
            self._answer(http, *answer)

    def _answer(
        self, http: BaseHTTPRequestHandler, status: int, answer: Any, headers: Mapping[str, str] | None = None
    ) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer, default=str).encode()
        http.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            http.send_header(name, value)
        http.send_header("content-length", str(len(content)))
        http.end_headers()
        http.wfile.write(content)

    def _taken(self, http: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any]:
        expected = "Basic " + base64.b64encode(f"{PUBLIC}:{SECRET}".encode()).decode()
        if http.headers.get("authorization") != expected:
            raise Refused(401, "another project's keys")
        parts = urlsplit(http.path)
        self.held.requests.append(f"{http.command} {parts.path}")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/api/public/otel/v1/traces":
            return self._spans(http.headers, body)
        self.held.bodies.append(body)
        given = json.loads(body) if body else {}
        if http.command != "GET":
            self.held.writes += 1
        for (method, pattern), handler in _ROUTES.items():
            found = re.fullmatch(pattern, parts.path)
            if found and method == http.command:
                return handler(self, given, query, *found.groups())
        raise Refused(404, "no such path")

    def _spans(self, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        if headers.get("content-type") != "application/x-protobuf":
            raise Refused(415, "no protobuf")
        if headers.get("x-langfuse-sdk-version", "").split(".")[0] != "5":
            raise Refused(400, "another SDK's spans")
        raw = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        self.held.bodies.append(raw)
        request = ExportTraceServiceRequest()
        request.ParseFromString(raw)
        for resource in request.resource_spans:
            about = {a.key: _value(a.value) for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    seen = Seen(
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex() or None,
                        span.name,
                        span.start_time_unix_nano,
                        span.end_time_unix_nano,
                        {a.key: _value(a.value) for a in span.attributes},
                        about,
                        scope.scope.name,
                    )
                    _checked(seen)
                    self._checked_experiment(seen)
                    if seen.trace_id not in self.held.deleted:
                        self.held.spans[seen.trace_id, seen.id] = seen
        return 200, b"{}"

    def _checked_experiment(self, span: Seen) -> None:
        """An experiment's spans name a dataset and an item that are there; without its root there is no item."""
        about = {
            name.removeprefix("langfuse.experiment."): value
            for name, value in span.attributes.items()
            if name.startswith("langfuse.experiment.")
        }
        if not about:
            return
        if not {"id", "name", "item.root_observation_id"} <= about.keys():
            raise Refused(400, f"{span.name}: no item of an experiment")
        if about.get("item.id") not in {
            one["id"] for one in self.held.dataset_items if one["datasetId"] == about.get("dataset.id")
        }:
            raise Refused(400, f"{span.name}: no such item in such a dataset")
        for name in ("metadata", "item.metadata", "item.expected_output"):
            json.loads(about.get(name, "null"))

    def _scores(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        self.held.score_posts += 1
        for one in given:
            score = parse_obj_as(CreateScoreRequest, checked(CreateScoreRequest, one))
            upon = score.trace_id or score.dataset_run_id
            if score.id is None or upon is None or score.timestamp is None:
                raise Refused(400, "a score that is not idempotent")
            self.held.scores[score.id] = score
        return 202, {"message": "Accepted"}

    def _observations(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        rows = [
            {
                "id": span.id,
                "traceId": span.trace_id,
                "startTime": _time(span.start_ns),
                "endTime": _time(span.end_ns),
                "projectId": "p",
                "parentObservationId": span.parent_id,
                "type": span.kind.upper(),
                "name": span.name,
                "userId": span.user,
                "sessionId": span.session,
            }
            for span in self.held.spans.values()
            if query.get("userId", span.user) == span.user
            and query.get("sessionId", span.session) == span.session
            and span.start_ns / 1e9 < datetime.fromisoformat(query.get("toStartTime", "9999-01-01T00:00Z")).timestamp()
        ]
        first = int(query.get("cursor", "0"))
        limit = int(query.get("limit", "50"))
        cursor = str(first + limit) if len(rows) > first + limit else None
        return 200, {"data": rows[first : first + limit], "meta": {"cursor": cursor}}

    def _delete(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        if set(given) != {"traceIds"} or not given["traceIds"]:
            raise Refused(400, "traceIds, and no others")
        self.held.deleted += given["traceIds"]
        gone = set(given["traceIds"])
        self.held.spans = {key: span for key, span in self.held.spans.items() if span.trace_id not in gone}
        return 200, {"message": "Traces deleted"}

    def _health(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        return 200, {"status": "OK", "version": self.version}

    def _metrics(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        try:
            return 200, {"data": measured(json.loads(query["query"]), self.held)}
        except (KeyError, ValueError) as error:
            raise Refused(400, f"{type(error).__name__}: {error}") from error

    def _create(self, kind: str, model: type[BaseModel], given: Any) -> dict[str, Any]:
        parse_obj_as(model, checked(model, given))
        made = {**_DEFAULTS[kind], **given, "id": uuid.uuid4().hex, "createdAt": _now(), "updatedAt": _now()}
        getattr(self.held, kind).append(made)
        return made

    def _find(self, kind: str, wanted: str) -> dict[str, Any]:
        for one in getattr(self.held, kind):
            if one["id"] == wanted:
                return one  # type: ignore[no-any-return]
        raise Refused(404, f"no such {kind}")

    def _new_config(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        if any(one["name"] == given["name"] for one in self.held.score_configs):
            raise Refused(400, "a score config of that name is there")
        return 200, self._create("score_configs", CreateScoreConfigRequest, given)

    def _configs(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        return 200, _page(self.held.score_configs, query)

    def _new_widget(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        if len(given["dimensions"]) > 1 and given["chartType"] != "PIVOT_TABLE":
            raise Refused(400, "only a pivot table takes several dimensions")
        given.setdefault("chartConfig", {"type": given["chartType"]})
        given["chartConfig"].setdefault("type", given["chartType"])
        made = self._create("widgets", CreateDashboardWidgetRequest, given)
        parse_obj_as(DashboardWidget, made)
        return 200, made

    def _changed_widget(self, given: Any, query: Mapping[str, str], wanted: str) -> tuple[int, Any]:
        parse_obj_as(UpdateDashboardWidgetRequest, checked(UpdateDashboardWidgetRequest, given))
        self._find("widgets", wanted).update(given)
        return 200, self._find("widgets", wanted)

    def _widgets(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        return 200, _page(self.held.widgets, query)

    def _new_dashboard(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        made = self._create("dashboards", CreateDashboardRequest, given)
        parse_obj_as(Dashboard, made)
        return 200, made

    def _dashboards(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        return 200, _page(self.held.dashboards, query)

    def _dashboard(self, given: Any, query: Mapping[str, str], wanted: str) -> tuple[int, Any]:
        return 200, self._find("dashboards", wanted)

    def _changed_dashboard(self, given: Any, query: Mapping[str, str], wanted: str) -> tuple[int, Any]:
        parse_obj_as(UpdateDashboardRequest, checked(UpdateDashboardRequest, given))
        self._find("dashboards", wanted).update(given)
        return 200, self._find("dashboards", wanted)

    def _placed(self, given: Any, query: Mapping[str, str], wanted: str) -> tuple[int, Any]:
        model = CreateDashboardPlacementRequest_Widget
        parse_obj_as(model, checked(model, given))
        self._find("widgets", given["widgetId"])
        tiles = self._find("dashboards", wanted)["definition"]["widgets"]
        tile = {"id": uuid.uuid4().hex, "x": 0, "y": 6 * len(tiles), "width": 6, "height": 6, **given}
        tiles.append(tile)
        return 200, tile

    def _new_prompt(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        parse_obj_as(CreateTextPromptRequest, checked(CreateTextPromptRequest, given))
        version = 1 + sum(one["name"] == given["name"] for one in self.held.prompts)
        made = {"labels": [], "tags": [], "config": {}, "type": "text", **given, "version": version}
        self.held.prompts.append(made)
        parse_obj_as(TextPrompt, made)
        return 200, made

    def _prompts(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        names = {one["name"] for one in self.held.prompts if query.get("name", one["name"]) == one["name"]}
        rows = []
        for name in sorted(names):
            versions = [one for one in self.held.prompts if one["name"] == name]
            last = versions[-1]
            rows.append(
                {
                    "name": name,
                    "type": "text",
                    "versions": [one["version"] for one in versions],
                    "labels": last["labels"],
                    "tags": last["tags"],
                    "lastUpdatedAt": _now(),
                    "lastConfig": last["config"],
                }
            )
        return 200, _page(rows, query)

    def _prompt(self, given: Any, query: Mapping[str, str], wanted: str) -> tuple[int, Any]:
        for one in self.held.prompts:
            if one["name"] == wanted and str(one["version"]) == query.get("version", str(one["version"])):
                return 200, one
        raise Refused(404, "no such prompt")

    def _new_dataset(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        if any(one["name"] == given.get("name") for one in self.held.datasets):
            raise Refused(409, "a dataset of that name is there")  # the real one changes it: nobody here wants that
        made = self._create("datasets", CreateDatasetRequest, given)
        parse_obj_as(Dataset, made)
        return 200, made

    def _dataset(self, given: Any, query: Mapping[str, str], wanted: str) -> tuple[int, Any]:
        found = next((one for one in self.held.datasets if one["name"] == wanted), None)
        # Who asks whether it is there does nothing wrong, so that this 404 is no refusal.
        return (404, {"message": "no such dataset"}) if found is None else (200, found)

    def _new_item(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        parse_obj_as(CreateDatasetItemRequest, checked(CreateDatasetItemRequest, given))
        dataset = next((one for one in self.held.datasets if one["name"] == given["datasetName"]), None)
        if dataset is None:
            raise Refused(404, "no such dataset")
        wanted = given["id"]
        there = next((one for one in self.held.dataset_items if one["id"] == wanted), None)
        if len(wanted) > 255 or (there is not None and there["datasetId"] != dataset["id"]):
            raise Refused(400, "an id is of one dataset, and of 255 characters at most")
        made = {**_DEFAULTS["dataset_items"], **given, "datasetId": dataset["id"], "createdAt": _now()}
        made["updatedAt"] = _now()
        parse_obj_as(DatasetItem, made)
        self.held.dataset_items = [one for one in self.held.dataset_items if one["id"] != wanted] + [made]
        return 200, made

    def _items(self, given: Any, query: Mapping[str, str]) -> tuple[int, Any]:
        name = query.get("datasetName")
        return 200, _page([one for one in self.held.dataset_items if name in (None, one["datasetName"])], query)


_DEFAULTS: dict[str, dict[str, Any]] = {
    "datasets": {"projectId": "p", "metadata": None},
    "dataset_items": {"status": "ACTIVE", "expectedOutput": None, "metadata": None, "mediaReferences": []},
    "score_configs": {"projectId": "p", "isArchived": False},
    "widgets": {"description": ""},
    "dashboards": {"description": "", "filters": [], "definition": {"widgets": []}},
}

_P = "/api/public"
_U = "/api/public/unstable"
_ROUTES: dict[tuple[str, str], Callable[..., tuple[int, Any]]] = {
    ("POST", f"{_P}/scores"): LangfuseStandIn._scores,
    ("GET", f"{_P}/v2/observations"): LangfuseStandIn._observations,
    ("DELETE", f"{_P}/traces"): LangfuseStandIn._delete,
    ("GET", f"{_P}/health"): LangfuseStandIn._health,
    ("GET", f"{_P}/v2/metrics"): LangfuseStandIn._metrics,
    ("POST", f"{_P}/score-configs"): LangfuseStandIn._new_config,
    ("GET", f"{_P}/score-configs"): LangfuseStandIn._configs,
    ("POST", f"{_P}/v2/prompts"): LangfuseStandIn._new_prompt,
    ("GET", f"{_P}/v2/prompts"): LangfuseStandIn._prompts,
    ("GET", f"{_P}/v2/prompts/([^/]+)"): LangfuseStandIn._prompt,
    ("POST", f"{_P}/v2/datasets"): LangfuseStandIn._new_dataset,
    ("GET", f"{_P}/v2/datasets/([^/]+)"): LangfuseStandIn._dataset,
    ("POST", f"{_P}/dataset-items"): LangfuseStandIn._new_item,
    ("GET", f"{_P}/dataset-items"): LangfuseStandIn._items,
    ("POST", f"{_U}/dashboard-widgets"): LangfuseStandIn._new_widget,
    ("GET", f"{_U}/dashboard-widgets"): LangfuseStandIn._widgets,
    ("PATCH", f"{_U}/dashboard-widgets/([^/]+)"): LangfuseStandIn._changed_widget,
    ("POST", f"{_U}/dashboards"): LangfuseStandIn._new_dashboard,
    ("GET", f"{_U}/dashboards"): LangfuseStandIn._dashboards,
    ("GET", f"{_U}/dashboards/([^/]+)"): LangfuseStandIn._dashboard,
    ("PATCH", f"{_U}/dashboards/([^/]+)"): LangfuseStandIn._changed_dashboard,
    ("POST", f"{_U}/dashboards/([^/]+)/placements"): LangfuseStandIn._placed,
}


def checked(model: type[BaseModel], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A body without keys that the SDK's model does not have: its models let any pass. Raises Refused."""
    names = set()
    for name, info in model.model_fields.items():
        alias = next((a for m in info.metadata if (a := getattr(m, "alias", None)) is not None), None)
        names.add(alias or name)
    unknown = set(given) - names
    if unknown:
        raise Refused(400, f"{model.__name__} has no {', '.join(sorted(unknown))}")
    return given


def _checked(span: Seen) -> None:
    """Raises Refused for a span that Langfuse would file wrongly."""
    attributes = span.attributes
    known = {"span", "agent", "tool", "retriever", "guardrail", "generation"}
    if attributes.get("langfuse.observation.type") not in known or "langfuse.trace.name" not in attributes:
        raise Refused(400, f"{span.name}: no observation of a trace")
    if span.end_ns < span.start_ns or not span.start_ns:
        raise Refused(400, f"{span.name}: ends before it begins")
    if span.kind == "generation":
        usage = span.usage
        if usage["total"] != sum(n for name, n in usage.items() if name != "total"):
            raise Refused(400, f"{span.name}: token counts overlap: {usage}")
    for name, value in attributes.items():
        if name.startswith("langfuse.observation.metadata."):
            json.loads(value)  # SDK 5 writes JSON


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return [_value(v) for v in value.array_value.values] if kind == "array_value" else getattr(value, kind)


def _page(rows: list[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    page, limit = int(query.get("page", "1")), int(query.get("limit", "50"))
    meta = {"page": page, "limit": limit, "totalItems": len(rows), "totalPages": -(-len(rows) // limit)}
    return {"data": rows[(page - 1) * limit : page * limit], "meta": meta}


def _time(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat()


def _now() -> str:
    return datetime.now(UTC).isoformat()


def main() -> None:
    """Serves until standard input closes; the first line printed is the address."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=get_args(Mode), default="well")
    given = parser.parse_args()
    with LangfuseStandIn(given.mode) as langfuse:
        print(langfuse.url, flush=True)
        sys.stdin.read()
        print(json.dumps({"spans": len(langfuse.held.spans), "refusals": langfuse.refusals[:3]}), flush=True)


if __name__ == "__main__":
    main()
