"""The HTTP side: OpenAI's two endpoints, and a few under /simulated to watch and turn the thing."""

from __future__ import annotations

import asyncio
import functools
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TextIO

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from evals.simulated.faults import FAULT_HEADER, FAULTS, Fault, FaultPlan, FaultRule, UnknownFault
from evals.simulated.knobs import Knobs
from evals.simulated.player import Played, ScriptResponse
from evals.simulated.reply import Composed, compose
from evals.simulated.reply_faults import REPLY_FAULTS
from evals.simulated.script import Script, json_script, script_of
from evals.simulated.tokens import PrefixMemory, TokenRule
from evals.simulated.utility import Preferences
from evals.simulated.wire import DEFAULT_MODEL, ApiProblem, ChatRequest, error_body, read_request
from evals.simulated.wire_faults import WIRE_FAULTS

LABEL = "SIMULATED model provider: a program, no language model"
REQUESTS_KEPT = 100
SLOW_MS = 3000
_HEAVY = frozenset({"gzip_bomb", "huge", "drip"})  # megabytes or thousands of pieces: made off the event loop
KnobChange = TypeAdapter(dict[str, Any])
_HEADERS = {"x-simulated": "true"}


class SimulatedProvider:
    """State of one simulated provider: knobs, faults in force, prefixes seen, counters."""

    def __init__(
        self,
        knobs: Knobs,
        tokens: TokenRule,
        rules: tuple[FaultRule, ...] = (),
        preferences: Preferences | None = None,
        log: TextIO | None = None,
        requests_kept: int = REQUESTS_KEPT,
    ) -> None:
        self.knobs = knobs
        self.tokens = tokens
        self.plan = FaultPlan(knobs.seed, rules)
        self.preferences = preferences
        self.counts: Counter[str] = Counter()
        self.fault_counts: Counter[str] = Counter()
        self.requests: deque[dict[str, Any]] = deque(maxlen=requests_kept)
        self._memory = PrefixMemory()
        self._log = log

    async def complete(self, request: Request) -> ScriptResponse:
        """POST /v1/chat/completions."""
        body = await request.body()
        started = asyncio.get_running_loop().time()
        record: dict[str, Any] = {}
        self.counts["requests"] += 1
        self.counts["in_flight"] += 1
        try:
            script = await self._script(body, request.headers.get(FAULT_HEADER), record)
        except ApiProblem as problem:
            self.counts["refused"] += 1
            script = json_script(problem.status, problem.body)
        return ScriptResponse(script, started, functools.partial(self._ended, record, started))

    async def _script(self, body: bytes, header: str | None, record: dict[str, Any]) -> Script:
        request, request_hash = read_request(body)
        try:
            fault = self.plan.next(request_hash, self.counts["requests"], header)
        except (UnknownFault, ValidationError) as error:
            raise ApiProblem(400, str(error), kind="invalid_request_error", param=FAULT_HEADER) from error
        if fault is not None:
            self.fault_counts[fault.mode] += 1
        record |= {"body": json.loads(body), "fault": fault.mode if fault is not None else None}
        self.requests.append(record)
        composed = compose(request, self.knobs, self.tokens, self._memory, self.preferences)
        self._write_truth(composed, request_hash, fault)
        if fault is not None and fault.mode in _HEAVY:
            return await asyncio.to_thread(self._played, request, composed, request_hash, fault)
        return self._played(request, composed, request_hash, fault)

    def _played(self, request: ChatRequest, composed: Composed, request_hash: str, fault: Fault | None) -> Script:
        """The script of a reply with its fault, if any."""
        reply, knobs = composed.reply, self.knobs
        try:
            if fault is not None and fault.mode in REPLY_FAULTS:
                reply = REPLY_FAULTS[fault.mode].apply(reply, fault.detail)
            if fault is not None and fault.mode == "slow":
                knobs = knobs.changed(ttft_ms=float(fault.detail) if fault.detail else SLOW_MS)
            script = script_of(request, reply, knobs, self.tokens, request_hash)
            if fault is not None and fault.mode in WIRE_FAULTS:
                script = WIRE_FAULTS[fault.mode].apply(script, fault.detail)
        except ValueError as error:
            message = f"The detail of a fault can't be used: {error}"
            raise ApiProblem(400, message, kind="invalid_request_error", param=FAULT_HEADER) from error
        return script

    def _ended(self, record: dict[str, Any], started: float, played: Played) -> None:
        record["seconds"] = asyncio.get_running_loop().time() - started
        self.counts["in_flight"] -= 1
        self.counts[played] += 1

    def _write_truth(self, composed: Composed, request_hash: str, fault: Fault | None) -> None:
        """One line for the order and one per sentence, before any fault touches them."""
        if self._log is None or composed.answer is None:
            return
        common = {"request": request_hash, "model": composed.reply.model, "fault": fault.mode if fault else None}
        answer = composed.answer
        hidden = {alias: round(value, 6) for alias, value in answer.hidden.items()}
        lines: list[Mapping[str, object]] = [{"kind": "order", "order": answer.order, "utility": hidden}]
        for told in answer.why:
            lines.append(
                {
                    "kind": "sentence",
                    "alias": told.alias,
                    "name": told.name,
                    "text": told.text,
                    "cites": told.cites,
                    "true": told.lie is None,
                    "lie": told.lie,
                }
            )
        for line in lines:
            self._log.write(json.dumps({**line, **common}, ensure_ascii=False) + "\n")
        self._log.flush()

    async def models(self, _request: Request) -> Response:
        """GET /v1/models."""
        model = {"id": DEFAULT_MODEL, "object": "model", "created": 0, "owned_by": "simulated"}
        return JSONResponse({"object": "list", "data": [model]}, headers=_HEADERS)

    async def status(self, _request: Request) -> Response:
        """GET /simulated/status: label, knobs, counters, fault rules in force."""
        counts = {name: self.counts[name] for name in ("requests", "in_flight", "sent", "left", "refused")}
        shown = {
            "label": LABEL,
            "tokens": self.tokens.name,
            "knobs": self.knobs.model_dump(),
            "counts": counts,
            "faultCounts": dict(self.fault_counts),
            "faults": self.plan.shown(),
        }
        return JSONResponse(shown, headers=_HEADERS)

    async def seen(self, _request: Request) -> Response:
        """GET /simulated/requests: the last bodies, oldest first, with fault and, once over, the seconds."""
        return JSONResponse(list(self.requests), headers=_HEADERS)

    async def change_knobs(self, request: Request) -> Response:
        """POST /simulated/knobs {name: value, …}: turns some knobs from the next request on."""
        return await self._changed(request, self._turn)

    async def change_faults(self, request: Request) -> Response:
        """POST /simulated/faults: one rule or a list of rules replaces those in force; [] ends all faults."""
        if request.method == "DELETE":
            self.plan.replace(())
            return JSONResponse({"faults": []}, headers=_HEADERS)
        if request.method == "GET":
            return JSONResponse({"faults": self.plan.shown(), "known": dict(FAULTS)}, headers=_HEADERS)
        return await self._changed(request, self._put_in_force)

    def _turn(self, given: Any) -> dict[str, Any]:
        self.knobs = self.knobs.changed(**KnobChange.validate_python(given))
        return self.knobs.model_dump()

    def _put_in_force(self, given: Any) -> dict[str, Any]:
        rules = given if isinstance(given, list) else [given]
        self.plan.replace([FaultRule.model_validate(rule) for rule in rules])
        return {"faults": self.plan.shown()}

    async def _changed(self, request: Request, change: Callable[[Any], dict[str, Any]]) -> Response:
        try:
            return JSONResponse(change(json.loads(await request.body())), headers=_HEADERS)
        except ValueError as error:  # pydantic's ValidationError is one
            body = error_body(str(error), kind="invalid_request_error")
            return JSONResponse(body, status_code=400, headers=_HEADERS)


async def _unknown_path(request: Request, _error: Exception) -> Response:
    body = error_body(f"Unknown request: {request.method} {request.url.path}.", kind="invalid_request_error")
    return JSONResponse(body, status_code=404, headers=_HEADERS)


def create_app(provider: SimulatedProvider, on_ready: Callable[[], None]) -> Starlette:
    """The ASGI application; `on_ready` is called once, when requests can be answered."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        on_ready()
        yield

    routes = [
        Route("/v1/chat/completions", provider.complete, methods=["POST"]),
        Route("/chat/completions", provider.complete, methods=["POST"]),
        Route("/v1/models", provider.models),
        Route("/simulated/status", provider.status),
        Route("/simulated/requests", provider.seen),
        Route("/simulated/knobs", provider.change_knobs, methods=["POST"]),
        Route("/simulated/faults", provider.change_faults, methods=["GET", "POST", "DELETE"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: _unknown_path, 405: _unknown_path})
