"""The defences, and how each is taken away: what must break then is what it is there for."""

from __future__ import annotations

import asyncio
import codecs
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import httpx
import pytest

from app.adapters import llm, llm_stream, llm_usage, llm_wire
from app.adapters.disk_cache import DiskOrderCache
from app.adapters.llm import LiteLlmClient, LiteLlmRun
from app.adapters.llm_breaker import Breaker, RetryBudget
from app.adapters.llm_library import Connection
from app.flight import Flight
from app.pipeline import repair, slate_items
from app.pipeline.proof import Proof
from app.pipeline.repair import RepairedReply
from app.rerank import RerankStage

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Defence:
    """One defence."""

    name: str  # as the page says it
    where: str  # the code
    off: Callable[[Patch], None]
    breaks: tuple[str, ...]  # cases, as "row name", that must fail without it


def _no_cool_down(patch: Patch) -> None:
    patch.setattr(Breaker, "cool_down", lambda *_: None)


def _naive_retry_after(patch: Patch) -> None:
    def naive(headers: Mapping[str, str], _: float) -> float | None:
        for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
            if headers.get(name):
                try:
                    return float(headers[name]) * scale
                except ValueError:
                    return 0.0
        return None

    patch.setattr(llm, "retry_after_s", naive)


def _everything_retryable(patch: Patch) -> None:
    real = llm.ending_of

    def ending(*args: Any, **kwargs: Any) -> Any:
        found = real(*args, **kwargs)
        return found if found.outcome == "complete" else replace(found, retryable=True)

    patch.setattr(llm, "ending_of", ending)


def _retries_for_free(patch: Patch) -> None:
    patch.setattr(RetryBudget, "take", lambda _: True)


def _no_retry(patch: Patch) -> None:
    patch.setattr(llm_stream, "RETRYABLE_STATUS", frozenset())


def _retry_to_the_end(patch: Patch) -> None:
    patch.setattr(llm, "MAX_JITTER_S", 0.0)
    real = LiteLlmClient.start

    def start(self: LiteLlmClient, call: Any, deadline: Any, on_end: Any) -> Any:
        class _Patient:
            def remaining_s(self) -> float:
                return 10.0

        return real(self, call, _Patient(), on_end)

    patch.setattr(LiteLlmClient, "start", start)


def _no_alarm(patch: Patch) -> None:
    patch.setattr(llm_stream, "CONFIGURATION_STATUS", frozenset())


def _unverified(patch: Patch) -> None:
    real = httpx.AsyncHTTPTransport.__init__

    def trusting(self: Any, verify: Any = True, **kwargs: Any) -> None:
        real(self, verify=False, **kwargs)

    patch.setattr(httpx.AsyncHTTPTransport, "__init__", trusting)


def _connect_forever(patch: Patch) -> None:
    patch.setattr(llm, "CONNECT_SHARE", 100.0)


def _no_places(patch: Patch) -> None:
    real = llm._Guard.refusal

    def refusal(self: Any) -> Any:
        told = real(self)
        return None if told == "overloaded" else told

    patch.setattr(llm._Guard, "refusal", refusal)


def _wait_to_the_end(patch: Patch) -> None:
    async def wait(self: LiteLlmRun, timeout_s: float) -> Any:
        await self._over.wait()
        return self._reply

    patch.setattr(LiteLlmRun, "wait", wait)


def _no_call_limit(patch: Patch) -> None:
    real = LiteLlmClient._attempt

    async def attempt(self: LiteLlmClient, received: Any, call: Any, left_s: float) -> Any:
        return await real(self, received, call, left_s + 60.0)

    patch.setattr(LiteLlmClient, "_attempt", attempt)


def _no_prefix(patch: Patch) -> None:
    real = repair.read_reply

    def whole_or_nothing(text: str, aliases: Any, *, complete: bool, limit: int) -> RepairedReply:
        read = real(text, aliases, complete=complete, limit=limit)
        return read if read.complete_order else RepairedReply()

    patch.setattr("app.flight.read_reply", whole_or_nothing)


def _any_end_is_an_end(patch: Patch) -> None:
    patch.setattr(llm_wire.WireFacts, "ended", property(lambda _: True))


def _cut_off_answers_are_kept(patch: Patch) -> None:
    def landed(self: RerankStage, flight: Flight, reply: Any) -> None:
        _LANDED(self, flight, replace(reply, outcome="complete"))

    patch.setattr(RerankStage, "_landed", landed)


_LANDED = RerankStage._landed


def _pieces_decoded_alone(patch: Patch) -> None:
    real = llm_wire._CappedStream.__aiter__

    async def strict(self: Any) -> AsyncIterator[bytes]:
        async for piece in real(self):
            codecs.decode(piece, "utf-8")
            yield piece

    patch.setattr(llm_wire._CappedStream, "__aiter__", strict)


def _never_left(patch: Patch) -> None:
    patch.setattr(LiteLlmClient, "_leave", lambda *_: None)


def _any_type(patch: Patch) -> None:
    patch.setattr(llm_wire, "_fault", lambda _: None)


def _any_encoding(patch: Patch) -> None:
    real = llm_wire._fault
    patch.setattr(llm_wire, "_fault", lambda r: None if real(r) == "bad_encoding" else real(r))


def _redirects(patch: Patch) -> None:
    real = llm_wire._fault
    patch.setattr(llm_wire, "_fault", lambda r: None if real(r) == "redirect" else real(r))
    opened = Connection.open.__func__  # type: ignore[attr-defined]

    def following(cls: Any, *args: Any, **kwargs: Any) -> Connection:
        connection: Connection = opened(cls, *args, **kwargs)
        connection._http.follow_redirects = True
        return connection

    patch.setattr(Connection, "open", classmethod(following))


def _no_text_is_an_answer(patch: Patch) -> None:
    real = llm.ending_of

    def ending(*args: Any, **kwargs: Any) -> Any:
        found = real(*args, **kwargs)
        return llm_stream.Ending("complete") if found.outcome == "empty" else found

    patch.setattr(llm, "ending_of", ending)


def _uncapped(patch: Patch) -> None:
    patch.setattr(llm_wire, "MAX_BYTES", 2**40)
    patch.setattr(llm_wire, "_DECODED_STEP", 2**26)


def _trusting_reader(patch: Patch) -> None:
    """json.loads in place of our reader: all or nothing, and nesting is its own affair."""

    def naive(text: str, aliases: Any, *, complete: bool, limit: int) -> RepairedReply:
        try:
            told = json.loads(text)
            order = tuple(told["order"])
            why = {entry["id"]: entry["text"] for entry in told.get("why", ())}
        except (ValueError, KeyError, TypeError):
            return RepairedReply()
        return RepairedReply(order, MappingProxyType(why), len(order) >= min(limit, 10), True)

    patch.setattr("app.flight.read_reply", naive)
    patch.setattr("app.rerank.read_reply", naive)


def _all_choices(patch: Patch) -> None:
    real = llm_stream._take

    def take(piece: Any, received: Any, clock: Any) -> None:
        for choice in piece.choices or ():
            real(type("One", (), {"choices": [choice], "usage": None})(), received, clock)
        real(type("None_", (), {"choices": [], "usage": getattr(piece, "usage", None)})(), received, clock)

    patch.setattr(llm_stream, "_take", take)


def _any_model(patch: Patch) -> None:
    patch.setattr(llm_stream, "same_family", lambda *_: True)


def _unfinished_counts(patch: Patch) -> None:
    real = repair._order

    def order(reader: Any, *args: Any) -> Any:
        if not reader.order_closed:
            reader.order = [*reader.order, None]
        return real(reader, *args)

    patch.setattr(repair, "_order", order)


def _refusals_count(patch: Patch) -> None:
    real = llm.ending_of

    def ending(*args: Any, **kwargs: Any) -> Any:
        found = real(*args, **kwargs)
        return llm_stream.Ending("complete") if found.outcome == "refused" else found

    patch.setattr(llm, "ending_of", ending)


def _first_object(patch: Patch) -> None:
    patch.setattr(repair, "_trailing", lambda *_: False)


def _lists_of_answers(patch: Patch) -> None:
    real = repair._object_start

    def start(text: str, *args: Any, **kwargs: Any) -> int | None:
        return real(text.lstrip("["), *args, **kwargs) and text.find("{")

    patch.setattr(repair, "_object_start", start)
    patch.setattr(repair, "_trailing", lambda *_: False)


def _last_key_wins(patch: Patch) -> None:
    patch.setattr(repair._Reader, "_duplicate", lambda *_: None)


def _few_are_enough(patch: Patch) -> None:
    def order(reader: Any, aliases: Any, repairs: Any) -> Any:
        kept = tuple(dict.fromkeys(alias for alias in reader.order if alias in aliases))
        return kept, True

    patch.setattr(repair, "_order", order)


def _unknown_ids_pass(patch: Patch) -> None:
    def order(reader: Any, *_: Any) -> Any:
        return tuple(reader.order[:10]), True

    patch.setattr(repair, "_order", order)


def _short_orders_are_whole(patch: Patch) -> None:
    real = repair.read_reply

    def generous(text: str, aliases: Any, *, complete: bool, limit: int) -> RepairedReply:
        return replace(real(text, aliases, complete=complete, limit=limit), complete_order=True)

    patch.setattr("app.rerank.read_reply", generous)
    patch.setattr("app.flight.read_reply", generous)


def _rules_before_only(patch: Patch) -> None:
    """Cached orders are served as they were made."""
    from app.pipeline import ranker

    real = ranker.eligible

    def once(rules: Any, context: Any, rows: Any = None) -> Any:
        found = real(rules, context, rows)
        return found if rows is None else replace(found, mask=found.mask | True)

    patch.setattr(ranker, "eligible", once)


def _every_sentence(patch: Patch) -> None:
    """Neither the form nor the truth of a sentence is looked at."""
    patch.setattr(repair, "_unfit", lambda _: None)

    def believed(text: str, *, cited: Any, **_: Any) -> Proof:
        return Proof(True, text, tuple(fact.id for fact in cited), ())

    patch.setattr(slate_items, "prove", believed)


def _believed_usage(patch: Patch) -> None:
    def figure(told: object, *_: object) -> int | None:
        return told if isinstance(told, int) else 0

    patch.setattr(llm_usage, "_believed", figure)


def _cancelled_with_its_request(patch: Patch) -> None:
    """Whoever stops waiting ends the call."""
    real = RerankStage.ordered

    async def ordered(self: RerankStage, flight: Flight, *args: Any) -> Any:
        found = await real(self, flight, *args)
        if flight.left_behind:
            for task in asyncio.all_tasks():
                if task.get_name().startswith("llm ") and task.get_name() != "llm connect":
                    task.cancel()
        return found

    patch.setattr(RerankStage, "ordered", ordered)


def _one_key_for_all(patch: Patch) -> None:
    real_get, real_put = DiskOrderCache.get, DiskOrderCache.put
    patch.setattr(DiskOrderCache, "get", lambda self, _: real_get(self, "everybody"))
    patch.setattr(DiskOrderCache, "put", lambda self, _, order: real_put(self, "everybody", order))


_STOP_AFTER = llm.stop_after_attempt


def _no_baseline(patch: Patch) -> None:
    """A call that failed fails its request."""
    real = Flight.read

    def read(self: Flight, limit: int, *, reply: Any, late: Any) -> Any:
        if reply is not None and reply.outcome == "provider_error":
            raise RuntimeError("the model could not be asked")
        return real(self, limit, reply=reply, late=late)

    patch.setattr(Flight, "read", read)


def _anything_is_valid(patch: Patch) -> None:
    real = repair.read_reply

    def generous(text: str, aliases: Any, *, complete: bool, limit: int) -> RepairedReply:
        return replace(real(text, aliases, complete=complete, limit=limit), valid=True)

    patch.setattr("app.flight.read_reply", generous)


def _strict_keys(patch: Patch) -> None:
    """One key too many, and the whole reply is thrown away."""
    real = repair.read_reply

    def strict(text: str, aliases: Any, *, complete: bool, limit: int) -> RepairedReply:
        read = real(text, aliases, complete=complete, limit=limit)
        return RepairedReply() if read.repairs.get("extra_key") else read

    patch.setattr("app.rerank.read_reply", strict)
    patch.setattr("app.flight.read_reply", strict)


def _another_request_s_ids(patch: Patch) -> None:
    """Letters are read as what they stood for in the request before."""
    real = Flight.read
    before: list[Mapping[str, str]] = []

    def read(self: Flight, *args: Any, **kwargs: Any) -> Any:
        found = real(self, *args, **kwargs)
        before.append(self.asked.given.product_of)
        theirs = tuple(before[-2].values())[:10] if len(before) > 1 else found.order
        return replace(found, order=theirs, candidates=tuple(dict.fromkeys((*theirs, *found.candidates))))

    patch.setattr(Flight, "read", read)


_NOT_429 = ("500", "502", "503", "504", "529")

DEFENCES = (
    Defence(
        "a 429 opens the breaker at once",
        "llm_breaker.Breaker.cool_down",
        _no_cool_down,
        (
            "01 429 Retry-After int",
            "01 429 Retry-After float",
            "01 429 Retry-After date",
            "01 429 retry-after-ms",
            "02 429 without Retry-After",
        ),
    ),
    Defence(
        "Retry-After is checked and clamped to 1..120 s",
        "llm_breaker.retry_after_s",
        _naive_retry_after,
        (
            "01 429 Retry-After 0",
            "01 429 Retry-After negative",
            "01 429 Retry-After NaN",
            "01 429 Retry-After a day",
        ),
    ),
    Defence(
        "only what may pass by itself is asked again",
        "llm_stream.ending_of",
        _everything_retryable,
        (
            "02 429 without Retry-After",
            *(f"04 {name}" for name in ("400", "401", "403", "404", "413", "context overflow")),
            "12 content filter",
            "12 refusal field",
        ),
    ),
    Defence(
        "retries have a budget of a tenth of the calls",
        "llm_breaker.RetryBudget",
        _retries_for_free,
        tuple(f"03 {code} without credit" for code in _NOT_429),
    ),
    Defence("one retry after a server error", "llm.LiteLlmClient._drive", _no_retry, ("03 503 once, with credit",)),
    Defence(
        "no retry once half of the deadline is over",
        "llm.LiteLlmClient._drive",
        _retry_to_the_end,
        ("03 503 after half of the deadline",),
    ),
    Defence(
        "one retry at most",
        "llm.stop_after_attempt(2)",
        lambda patch: patch.setattr(llm, "stop_after_attempt", lambda _: _STOP_AFTER(4)) or _retries_for_free(patch),
        ("03 503 for ever, with credit",),
    ),
    Defence(
        "a configuration error raises an alarm",
        "llm_stream.CONFIGURATION_STATUS",
        _no_alarm,
        tuple(f"04 {name}" for name in ("400", "401", "403", "404", "413", "context overflow")),
    ),
    Defence(
        "certificates are verified",
        "llm_library.Connection.open",
        _unverified,
        ("05 TLS expired", "05 TLS wrong host"),
    ),
    Defence("connecting has its own limit", "llm.CONNECT_SHARE", _connect_forever, ("05 TLS stall", "05 black hole")),
    Defence("calls have a number of places", "llm._Guard.refusal", _no_places, ("05 pool exhausted",)),
    Defence(
        "one retry after a lost connection",
        "llm.LiteLlmClient._drive",
        lambda patch: patch.setattr(RetryBudget, "take", lambda _: False),
        ("05 stale keep-alive",),
    ),
    Defence(
        "a failed call is no failed request: the baseline is served",
        "flight.Flight.read",
        _no_baseline,
        ("05 DNS failure", "05 refused", "05 reset"),
    ),
    Defence(
        "the deadline ends the wait, whatever arrives",
        "llm.LiteLlmRun.wait",
        _wait_to_the_end,
        ("05 DNS delay", "06 no headers, call of 3 s"),
    ),
    Defence(
        "a call has a total limit",
        "llm.LiteLlmClient._attempt",
        _no_call_limit,
        ("06 no headers", "06 stall mid-body", "06 drip", "07 endless keep-alives"),
    ),
    Defence(
        "a connection that stays open is left within a second",
        "llm.LiteLlmClient._leave",
        _never_left,
        ("06 slow close",),
    ),
    Defence(
        "a validated prefix counts",
        "repair.read_reply",
        _no_prefix,
        (
            "06 stall mid-body",
            "07 cut mid-chunk",
            "07 error event after 200",
            "07 reset midway",
            "07 half-closed",
            "07 chunk of no size",
            "07 shorter than promised",
            "11 finish_reason length",
        ),
    ),
    Defence(
        "a stream without an end was cut",
        "llm_wire.WireFacts.ended",
        _any_end_is_an_end,
        ("07 no terminator",),
    ),
    Defence(
        "only a complete answer is kept",
        "rerank.RerankStage._landed",
        _cut_off_answers_are_kept,
        ("07 no terminator",),
    ),
    Defence(
        "characters are put together over packets",
        "llm_wire, below every decoder",
        _pieces_decoded_alone,
        ("07 split UTF-8",),
    ),
    Defence(
        "content types and charsets of no model API are refused",
        "llm_wire._fault",
        _any_type,
        ("08 HTML with 200", "08 wrong content type", "08 wrong charset", "08 encoding nobody asked for"),
    ),
    Defence(
        "redirects are not followed",
        "llm_wire._fault, llm_library._handler",
        _redirects,
        ("08 redirect to another host",),
    ),
    Defence(
        "a reply without text is no answer",
        "llm_stream.ending_of",
        _no_text_is_an_answer,
        ("08 empty", "08 204", "10 no choices", "10 null content"),
    ),
    Defence(
        "256 KB on the wire and decoded",
        "llm_wire._CappedStream",
        _uncapped,
        ("09 10 MB", "09 error page of 1 MB", "09 gzip bomb", "09 endless white space"),
    ),
    Defence(
        "a reader of our own in place of json.loads",
        "repair.read_reply",
        _trusting_reader,
        (
            "08 BOM",
            "09 nesting of 100,000",
            "09 integer of 5,000 digits",
            "11 truncated JSON",
            "13 fences",
            "13 think",
            "13 prose around JSON",
            "14 numbers among ids",
            "14 NaN and infinity",
            "14 order is no list",
            "15 hallucinated ids",
            "15 look-alike ids",
        ),
    ),
    Defence("only the first choice is read", "llm_stream._take", _all_choices, ("10 extra choices",)),
    Defence(
        "the answer is the model's that was asked", "llm_stream.same_family", _any_model, ("10 another model's name",)
    ),
    Defence(
        "the last element of an order that broke off does not count",
        "repair._order",
        _unfinished_counts,
        ("11 finish_reason length", "11 truncated JSON"),
    ),
    Defence(
        "refusals are no answers",
        "llm_stream.ending_of",
        _refusals_count,
        ("12 content filter", "12 refusal field"),
    ),
    Defence("exactly one object", "repair._trailing", _first_object, ("13 two objects",)),
    Defence("an answer is no list of answers", "repair._object_start", _lists_of_answers, ("13 a list of objects",)),
    Defence(
        "a key that comes twice spoils its part", "repair._Reader._duplicate", _last_key_wins, ("14 duplicate key",)
    ),
    Defence(
        "keys that were not asked for are passed over",
        "repair._Reader.read",
        _strict_keys,
        ("14 extra key", "09 integer of 5,000 digits"),
    ),
    Defence(
        "half of the ids must be valid",
        "repair._order",
        _few_are_enough,
        ("15 under half valid", "09 repeated tokens"),
    ),
    Defence(
        "a reply without an order is invalid",
        "repair.read_reply",
        _anything_is_valid,
        ("12 refusal in plain text", "14 order missing"),
    ),
    Defence(
        "only offered ids, each once",
        "repair._order",
        _unknown_ids_pass,
        ("15 hallucinated ids", "15 look-alike ids", "15 duplicate ids"),
    ),
    Defence(
        "a short order is a part of one",
        "repair.read_reply",
        _short_orders_are_whole,
        ("15 half missing",),
    ),
    Defence(
        "rules are applied to cached orders on every read",
        "ranker.remembered",
        _rules_before_only,
        ("15 sold out after it was ranked",),
    ),
    Defence(
        "every sentence is looked at and proved",
        "repair._unfit, proof.prove",
        _every_sentence,
        tuple(
            f"16 {name}"
            for name in (
                "HTML",
                "URL",
                "markdown",
                "bidi",
                "zero-width",
                "tag characters",
                "half a surrogate pair",
                "too long",
                "another language",
                "unproved claim",
            )
        ),
    ),
    Defence(
        "usage is believed only where it can be true",
        "llm_usage.usage_of",
        _believed_usage,
        ("18 usage missing", "18 usage negative", "18 usage of 1e12", "18 usage of nought"),
    ),
    Defence(
        "a call outlives its request",
        "rerank.RerankStage.ordered",
        _cancelled_with_its_request,
        ("19 late answer",),
    ),
    Defence("answers are kept under their own key", "cache_key.cache_key", _one_key_for_all, ("19 late answer",)),
    Defence(
        "an answer ranks only what its own request offered",
        "flight.Flight.read, model_order.fused",
        _another_request_s_ids,
        ("19 another request's answer",),
    ),
)
"""Every defence of rows 1 to 19, but those of the chat."""
