"""LangfuseTracing: listens, and sends what it heard from a thread of its own.

A request pays for one append to a bounded queue. Everything else (making observations, encoding, sending, finding what
a click belongs to) is the thread's, which gives the others their turn after every request. Where Langfuse is slow,
dead or refusing, what waits is bounded, what is too much is dropped and counted, and nobody else notices.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from app.adapters.langfuse_trace.access import Access
from app.adapters.langfuse_trace.deletion import delete_traces
from app.adapters.langfuse_trace.erased import Erased
from app.adapters.langfuse_trace.observation import About, Observation, Score
from app.adapters.langfuse_trace.reading import (
    MADE,
    ORDERED_BY_MODEL,
    CallUse,
    about_call,
    about_chat,
    about_request,
    call_observation,
    chat_observations,
    orphan_root,
    request_observations,
    score_of,
    scored_events,
)
from app.adapters.langfuse_trace.sampling import Sampler
from app.domain.errors import StoreUnavailable
from app.domain.interactions import Interaction
from app.domain.model_calls import LedgerRow
from app.domain.ranking import Slate
from app.observer import ChatTold, RequestTold
from app.pipeline.pseudonym import Pseudonyms

if TYPE_CHECKING:
    from app.adapters.langfuse_trace.wire import Answer, Wire

log = structlog.get_logger(__name__)

HEARD_MOST = 4_000
"""Things told that may wait to be looked at: more than ten seconds of a service at its limit."""

WAITING_MOST = 2_000
"""Requests, and as many scores, that may wait to be sent."""

KNOWN_MOST = 8_000
"""Requests whose later calls and clicks are matched without asking the store."""

BATCH = 200
SCORES_BATCH = 100

DELETIONS_MOST = 1_000
"""Pseudonyms whose traces wait to be deleted; more are left to the background work that finishes erasures."""

DELETIONS_AT_ONCE = 4

TICK_S = 0.25

BREATH_S = 0.001
"""Between two requests' encoding, 0.15 ms each. A sleep of nothing would give the interpreter's lock up and take it
again before a request under way has woken: that one would pay for many that are over."""

READ_AT_ONCE = 10
"""Requests read, at 0.03 ms, between two breaths."""

CALL_WAITS_S = 5.0
CHAT_CALL_WAITS_S = 65.0
"""How long a call's generation waits for the slate or answer that it belongs to: longer than either can take."""

FIRST_PAUSE_S, LONGEST_PAUSE_S, REFUSED_PAUSE_S = 1.0, 30.0, 60.0
EXIT_S = 1.5

Told = RequestTold | LedgerRow | ChatTold | Interaction


@dataclass(frozen=True, slots=True)
class _Known:
    about: About
    kept: bool
    ended_at: float
    use: CallUse = ""


class LangfuseTracing:
    """Implements app.observer.Observer. Silent until `start`; `close` sends what waits, for 1.5 s at most."""

    def __init__(
        self,
        access: Access,
        *,
        pseudonyms: Pseudonyms,
        slate_of: Callable[[str], Slate | None],
        sample_rate: float | None = None,
        open_wire: Callable[[Access], Wire] | None = None,
        wall: Callable[[], float] = time.time,
        tick_s: float = TICK_S,
    ) -> None:
        """Takes what it works with; imports and opens nothing.

        Args: slate_of: a served slate by its id, for clicks (may raise StoreUnavailable); sample_rate: see Sampler.
        """
        self.access, self._pseudonyms, self._slate_of = access, pseudonyms, slate_of
        self._open_wire, self._wall, self._tick_s = open_wire or _open_wire, wall, tick_s
        self._sampler = Sampler(sample_rate)
        self._heard: deque[Told] = deque()
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._calls: dict[str, list[tuple[LedgerRow, float]]] = {}  # without a slate or answer yet, and since when
        self._spans: deque[list[Observation]] = deque()
        self._scores: deque[Score] = deque()
        self._erased = Erased()
        self._deletions: deque[tuple[str, float]] = deque(maxlen=DELETIONS_MOST)
        self._pause_until, self._pause_s = 0.0, FIRST_PAUSE_S
        self._listening = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._last_detail = ""
        self.counts: Counter[str] = Counter()
        """Since the start: sent and dropped requests and scores, by name."""

    def start(self) -> None:
        """Begins to listen, and imports the SDK in the background."""
        self._listening = True
        # A daemon: at the end of the process a request that hangs is left behind.
        self._thread = threading.Thread(target=self._run, name="langfuse", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Sends what waits; gives up after 1.5 s: with the rest of an exit that stays below 3."""
        self._listening = False
        self._stop.set()
        if self._thread is not None:
            self._thread.join(EXIT_S)
            if self._thread.is_alive():
                log.warning("langfuse_left_behind", waiting=len(self._spans), waited_s=EXIT_S)
            self._thread = None

    def listen(self, on: bool) -> None:
        """Whether what is told is taken, while it runs: for measurements."""
        self._listening = on

    @property
    def busy(self) -> bool:
        """Whether anything waits to be looked at or to be sent."""
        return bool(self._heard or self._spans or self._scores)

    def request_ended(self, told: RequestTold) -> None:
        """See Observer."""
        self._hear(told)

    def call_ended(self, row: LedgerRow) -> None:
        """See Observer."""
        if row.outcome in MADE:
            self._hear(row)

    def chat_ended(self, told: ChatTold) -> None:
        """See Observer."""
        self._hear(told)

    def events_taken(self, events: Sequence[Interaction]) -> None:
        """See Observer."""
        for event in scored_events(list(events)):
            self._hear(event)

    def forget(self, pseudonyms: Sequence[str]) -> None:
        """From now on nothing told before leaves under these pseudonyms; what left already is soon to be deleted."""
        now = self._wall()
        self._erased.add(pseudonyms, now)
        self._deletions.extend((name, now) for name in pseudonyms)

    def _hear(self, told: Told) -> None:
        if not self._listening:
            return
        if len(self._heard) >= HEARD_MOST:
            self.counts["dropped:heard"] += 1
            return
        self._heard.append(told)

    def _run(self) -> None:
        try:
            wire = self._open_wire(self.access)
        except ImportError as error:
            self._listening = False
            log.error("langfuse_off", reason=str(error), action="install langfuse 5, or remove its keys")
            return
        log.info("langfuse_on", host=self.access.host, environment=self.access.environment)
        try:
            while not self._stop.wait(self._tick_s):
                self._turn(wire)
            self._turn(wire, last=True)
        finally:
            wire.close()

    def _turn(self, wire: Wire, *, last: bool = False) -> None:
        """Looks at what was heard and sends what waits, unless Langfuse asked for a pause."""
        for n in range(len(self._heard)):
            told = self._heard.popleft()
            try:
                self._take(told)
            except (ValueError, TypeError, OverflowError) as error:  # one that can't be told must not end the others
                self.counts["dropped:unreadable"] += 1
                log.error("not_told", error=type(error).__name__, told=type(told).__name__)
            if n % READ_AT_ONCE == 0:
                self._breathe()
        self._take_late_calls(at_once=last)
        if last or self._wall() >= self._pause_until:
            self._send(wire)
            if not last:
                self._delete(wire)

    def _take(self, told: Told) -> None:
        if isinstance(told, RequestTold):
            about = self._of_today(about_request(told, self._pseudonyms), told.ended_at)
            kept = self._sampler.keeps(told.slate, told.ended_at)
            use: CallUse = "" if told.slate.strategy in ORDERED_BY_MODEL else ".behind"
            self._remember(told.slate.recommendation_id, _Known(about, kept, told.ended_at, use))
            if kept:
                self._put(request_observations(told, about))
            self._take_calls(told.slate.recommendation_id)
        elif isinstance(told, ChatTold):
            about = self._of_today(about_chat(told, self._pseudonyms), told.ended_at)
            kept = told.with_model or self._sampler.by_rate(told.request_id)
            self._remember(told.request_id, _Known(about, kept, told.ended_at))
            if kept:
                self._put(chat_observations(told, about))
            self._take_calls(told.request_id)
        elif isinstance(told, LedgerRow):
            self._calls.setdefault(told.request_id, []).append((told, self._wall()))
            if told.request_id in self._known:
                self._take_calls(told.request_id)
        else:
            self._take_event(told)

    def _take_calls(self, request_id: str) -> None:
        """Puts the calls of a request whose slate or answer is known."""
        known = self._known[request_id]
        for row, _ in self._calls.pop(request_id, ()):
            root = [] if known.kept else [orphan_root(row, known.about)]
            self._put([*root, call_observation(row, known.about, known.use)])

    def _take_late_calls(self, *, at_once: bool) -> None:
        """Puts calls whose slate never came: an answer that was renewed behind another request."""
        now = self._wall()
        for request_id, calls in list(self._calls.items()):
            row, since = calls[0]
            limit = CHAT_CALL_WAITS_S if row.purpose == "chat" else CALL_WAITS_S
            if at_once or now - since >= limit or len(self._calls) > WAITING_MOST:
                about = about_call(row)
                self._put([orphan_root(row, about), *(call_observation(each, about, ".renewed") for each, _ in calls)])
                del self._calls[request_id]

    def _take_event(self, event: Interaction) -> None:
        if event.recommendation_id is None:
            return
        try:
            slate = self._slate_of(event.recommendation_id)
        except StoreUnavailable as error:
            log.warning("click_not_told", reason=str(error))
            slate = None
        if slate is None:
            self.counts["dropped:unknown_slate"] += 1
            return
        known = self._known.get(event.recommendation_id)
        if known.kept if known is not None else self._sampler.scores(slate):
            if len(self._scores) >= WAITING_MOST:
                self._scores.popleft()
                self.counts["dropped:scores"] += 1
            self._scores.append(score_of(event, slate, None if known is None else known.ended_at))

    def _remember(self, request_id: str, known: _Known) -> None:
        self._known[request_id] = known
        if len(self._known) > KNOWN_MOST:
            self._known.popitem(last=False)

    def _put(self, observations: list[Observation]) -> None:
        if len(self._spans) >= WAITING_MOST:
            self._spans.popleft()
            self.counts["dropped:requests"] += 1
        self._spans.append(observations)

    def _of_today(self, about: About, told_at: float) -> About:
        return about.anonymous if self._erased.covers(about, told_at) else about

    def _send(self, wire: Wire) -> None:
        while self._spans:
            batch = [self._spans.popleft() for _ in range(min(BATCH, len(self._spans)))]
            encoded = []
            for observations in batch:
                try:
                    encoded.append(wire.encoded(self._masked(observations)))
                except (ValueError, OverflowError) as error:  # an id of a shop that has no form in UTF-8
                    self.counts["dropped:unreadable"] += 1
                    log.error("not_told", error=type(error).__name__, told="Observation")
                self._breathe()
            if not self._settled(wire.send_spans(encoded), "requests", len(batch)):
                self._spans.extendleft(reversed(batch))
                return
        while self._scores:
            scores = [self._scores.popleft() for _ in range(min(SCORES_BATCH, len(self._scores)))]
            if not self._settled(wire.send_scores(scores), "scores", len(scores)):
                self._scores.extendleft(reversed(scores))
                return

    def _delete(self, wire: Wire) -> None:
        for _ in range(min(DELETIONS_AT_ONCE, len(self._deletions))):
            name, at = self._deletions.popleft()
            try:
                self.counts["deleted:traces"] += delete_traces(wire.api, [name], at)
            except StoreUnavailable as error:
                self._deletions.clear()
                log.warning("traces_not_deleted", reason=str(error), action="it is tried again in the background")

    def _breathe(self) -> None:
        if not self._stop.is_set():
            time.sleep(BREATH_S)

    def _masked(self, observations: list[Observation]) -> list[Observation]:
        """Of nobody, where the shopper was erased after they were made."""
        about, ended = observations[0].about, observations[0].ended_at
        if not self._erased.covers(about, ended):
            return observations
        return [replace(one, about=about.anonymous) for one in observations]

    def _settled(self, answer: Answer, what: str, n: int) -> bool:
        """Counts what came of a batch; False where it is to be sent again later."""
        if answer.verdict == "taken":
            self.counts[f"sent:{what}"] += n
            self._pause_s, self._last_detail = FIRST_PAUSE_S, ""
            if answer.detail:
                log.warning("langfuse_rejected", detail=answer.detail)
            return True
        if answer.detail != self._last_detail:  # once per kind of trouble, not once per attempt
            self._last_detail = answer.detail
            log.warning(f"langfuse_{answer.verdict}", detail=answer.detail, host=self.access.host, what=what)
        if answer.verdict == "unwanted":
            self.counts[f"dropped:{what}"] += n
            return True
        pause = REFUSED_PAUSE_S if answer.verdict == "refused" else self._pause_s
        if answer.wait_s is not None:
            pause = max(pause, min(answer.wait_s, REFUSED_PAUSE_S))
        self._pause_until = self._wall() + pause
        self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2)
        return False


def _open_wire(access: Access) -> Wire:
    from app.adapters.langfuse_trace.wire import Wire  # 0.5 s and 50 MB, in the background

    return Wire(access)
