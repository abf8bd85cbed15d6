"""Who asks for what, and when: planned beforehand from a seed, out of the sessions that a shop has logged.

Shoppers are drawn by Zipf's law, 30% of the sessions are anonymous. Each session is a logged one: its pages ask for
slates, and between two pages the shopper does what was done then, so that a profile has changed by the next page and
a remembered slate (docs/decisions/021) is of use only where it would be of use to real shoppers. Pages arrive as a
Poisson process: that is what many people who know nothing of each other make (Palm-Khintchine).
"""

from __future__ import annotations

import itertools
import math
import random
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import orjson

from app.domain.errors import BadInput
from app.domain.interactions import EventKind, Interaction
from app.domain.ranking import Query
from evals.load.open_loop import Planned
from evals.load.replay import LOGGED_KINDS, Day, Moment, Visit
from evals.load.verdict import SLATE_ITEMS, WRITING, Kind

ZIPF = 1.0
ANONYMOUS = 0.3
PAGES = frozenset({"home", "product", "search", "cart"})
THINK_S = 10.0
"""Mean seconds from a shopper's page to the next one."""

THINK_SIGMA = 0.8
"""Of the log-normal law of those seconds."""

_DOES_S = (0.5, 3.0)
"""When a page's events are sent, seconds after it."""

_QUESTIONS = ("What goes with this?", "Do you have this in another colour?", "Show me something cheaper")


@dataclass(frozen=True, slots=True)
class Crowd:
    """A shop's shoppers and what they were seen to do."""

    users: Sequence[str]
    of_shopper: Mapping[str, Sequence[Visit]]
    of_visitors: Sequence[Visit]

    @property
    def products(self) -> list[str]:
        """Products that were looked at, as often as they were."""
        return [product for visit in self._visits() for _, _, product, _ in visit.steps if product is not None]

    @property
    def searches(self) -> list[str]:
        """What was searched for, as often as it was."""
        return [text for visit in self._visits() for _, _, _, text in visit.steps if text is not None]

    def _visits(self) -> Iterator[Visit]:
        yield from itertools.chain.from_iterable(self.of_shopper[user] for user in sorted(self.of_shopper))
        yield from self.of_visitors


@contextmanager
def _readable(database: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        raise BadInput(f"{database} can't be read as a shop ({error}). Make one with `make demo SERVE=0`.") from error


def read_crowd(data_dir: Path) -> Crowd:
    """The shoppers and sessions of a DATA_DIR. Raises BadInput: it holds none."""
    database = data_dir / "shop.db"
    if not database.is_file():
        raise BadInput(f"{data_dir} holds no shop: there is no shop.db. Make one with `make demo SERVE=0`.")
    marks = ",".join("?" * len(LOGGED_KINDS))
    steps: dict[str, list[tuple[float, EventKind, str | None, str | None]]] = defaultdict(list)
    user_of: dict[str, str] = {}
    with _readable(database) as connection:
        users = [row[0] for row in connection.execute("SELECT user_id FROM shoppers ORDER BY user_id")]
        rows = connection.execute(
            "SELECT session_id, user_id, kind, timestamp, product_id, query FROM events "  # noqa: S608 - marks only
            f"WHERE session_id IS NOT NULL AND kind IN ({marks}) ORDER BY timestamp, event_id",
            LOGGED_KINDS,
        )
        for session, user, kind, at, product, text in rows:
            steps[session].append((at, EventKind(kind), product, text))
            if user is not None:
                user_of[session] = user
    if not steps or not users:
        raise BadInput(f"{data_dir} has no logged sessions or no shoppers: there is nobody to play.")
    of_shopper, of_visitors = defaultdict[str, list[Visit]](list), list[Visit]()
    for session, done in steps.items():
        visit = Visit(tuple((at - done[0][0], kind, product, text) for at, kind, product, text in done))
        if session in user_of:
            of_shopper[user_of[session]].append(visit)
        else:
            of_visitors.append(visit)
    return Crowd(users, dict(of_shopper), of_visitors or [v for visits in of_shopper.values() for v in visits])


@dataclass(frozen=True, slots=True)
class Turn:
    """One page, and what the shopper does on it before the next."""

    page: Query
    deeds: tuple[Interaction, ...]


class Traffic:
    """Draws requests. The same crowd and seed draw the same.

    Args: host: what requests name as their host; headers: more lines of each head, such as a key;
          writes: whether events and changed stocks are sent; strangers: nobody is a known shopper;
          label: part of the ids of visitors, sessions and events, so that a shop that keeps them sees new ones.
    """

    def __init__(
        self,
        crowd: Crowd,
        seed: int,
        *,
        host: str = "localhost",
        headers: Mapping[str, str] | None = None,
        writes: bool = True,
        strangers: bool = False,
        label: str = "",
    ) -> None:
        self._crowd = crowd
        self._draw = random.Random(seed)  # noqa: S311 - a simulation, not a secret
        self._head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": host, **(headers or {})}.items())
        self._writes = writes
        self._label = f"load-{seed}-{label}"
        self._day = Day(
            crowd.users,
            crowd.of_shopper,
            crowd.of_visitors,
            self._draw,
            zipf=ZIPF,
            anonymous=1.0 if strangers else ANONYMOUS,
            placements=PAGES,
        )
        self._sessions = itertools.count()
        self._products, self._searches = crowd.products, crowd.searches or ["gift"]

    def open(
        self,
        rate: float,
        seconds: float,
        *,
        start_s: float = 0.0,
        beside: Mapping[Kind, float] | None = None,
        doing: float = 1.0,
    ) -> list[Planned]:
        """An open loop: `rate` pages a second for some seconds, and `beside` other requests for each of them.

        Args:    doing: share of what shoppers do between pages that is sent.

        Returns: ordered by time; the events of the last pages may come up to 3 s after the end and are left out.
        """
        live = [self._midway() for _ in range(max(4, round(rate * THINK_S)))]
        planned: list[Planned] = []
        for at in self._arrivals(rate, start_s, seconds):
            place = self._draw.randrange(len(live))
            turn = next(live[place], None)
            if turn is None:
                live[place] = self._session()
                turn = next(live[place])
            planned += self._turn(turn, at, start_s + seconds, doing=doing)
        for kind, share in (beside or {}).items():
            if kind in WRITING and not self._writes:
                continue
            planned += [Planned(at, kind, self._other(kind)) for at in self._arrivals(rate * share, start_s, seconds)]
        return sorted(planned, key=lambda one: one.due_s)

    def shoppers(self, many: int, seconds: float) -> list[Planned]:
        """So many shoppers at a time, each with think times of their own (log-normal, mean 10 s), one after another.

        Each is a lane: the next page waits for the last to be answered, and its time counts from when it was due.
        """
        median_s = THINK_S / math.exp(THINK_SIGMA**2 / 2.0)
        planned: list[Planned] = []
        for lane in range(many):
            at = self._draw.random() * THINK_S  # nobody begins in step with anybody
            turns = self._midway()
            while at < seconds:
                turn = next(turns, None)
                if turn is None:
                    turns = self._session()
                    continue
                think_s = median_s * math.exp(THINK_SIGMA * self._draw.gauss(0.0, 1.0))
                planned += self._turn(turn, at, min(at + think_s, seconds), lane)
                at += think_s
        return sorted(planned, key=lambda one: one.due_s)

    def _arrivals(self, rate: float, start_s: float, seconds: float) -> Iterator[float]:
        at = start_s
        while rate > 0.0 and (at := at + self._draw.expovariate(rate)) < start_s + seconds:
            yield at

    def _turn(self, turn: Turn, at: float, ends: float, lane: int = -1, doing: float = 1.0) -> Iterator[Planned]:
        yield Planned(at, "slate", self._page(turn.page), lane=lane)
        if not self._writes:
            return
        for deed in turn.deeds:
            due = at + self._draw.uniform(*_DOES_S)
            if due < ends and (doing >= 1.0 or self._draw.random() < doing):
                yield Planned(due, "events", self._event(deed), lane=lane)

    def _session(self) -> Iterator[Turn]:
        number = next(self._sessions)
        turns: list[Turn] = []
        for moment in self._day.session(number, 0.0):
            turns = _with(turns, moment)
        return iter(turns)

    def _midway(self) -> Iterator[Turn]:
        """A session that began before the plan: not everybody is on the home page when it starts."""
        turns = list(self._session())
        return iter(turns[self._draw.randrange(len(turns)) :])

    def _page(self, query: Query) -> bytes:
        said = {
            "userId": query.user_id,
            "anonymousId": self._own(query.anonymous_id),
            "sessionId": self._own(query.session_id),
            "placement": query.placement,
            "productId": query.product_id,
            "query": query.text,
            "limit": SLATE_ITEMS,
        }
        stated = {name: value for name, value in said.items() if value is not None}
        if query.cart:
            return self._post("/api/recommendations", {**stated, "cart": list(query.cart)})
        return self._get(f"/api/recommendations?{urlencode(stated)}")

    def _event(self, deed: Interaction) -> bytes:
        """Without a time: the service's clock says when, also where it stands at a shop's last event."""
        said = {
            "eventId": self._own(deed.event_id),
            "type": deed.kind.value,
            "userId": deed.user_id,
            "anonymousId": self._own(deed.anonymous_id),
            "sessionId": self._own(deed.session_id),
            "productId": deed.product_id,
            "query": deed.query,
        }
        return self._post("/api/events", {"events": [{name: v for name, v in said.items() if v is not None}]})

    def _other(self, kind: Kind) -> bytes:
        product, text = self._draw.choice(self._products), self._draw.choice(self._searches)
        if kind == "search":
            return self._get(f"/api/search?{urlencode({'q': text, 'limit': SLATE_ITEMS})}")
        if kind == "similar":
            return self._get(f"/api/products/{quote(product, safe='')}/similar?limit={SLATE_ITEMS}")
        if kind == "report":
            return self._get("/api/metrics/business")
        if kind == "catalogue":
            stock = {"stock": self._draw.randint(0, 30)}
            return self._sent("PATCH", f"/api/products/{quote(product, safe='')}", stock)
        asked = self._draw.choice((text, *_QUESTIONS))
        message = {"role": "user", "parts": [{"type": "text", "text": asked}]}
        who = f"{self._label}chat{next(self._sessions)}"
        return self._post("/api/chat", {"id": who, "anonymousId": who, "productId": product, "messages": [message]})

    def _own(self, name: str | None) -> str | None:
        return None if name is None else self._label + name

    def _get(self, path: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode()

    def _post(self, path: str, body: Mapping[str, object]) -> bytes:
        return self._sent("POST", path, body)

    def _sent(self, method: str, path: str, body: Mapping[str, object]) -> bytes:
        text = orjson.dumps(body)
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Type: application/json\r\n"
        return f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text


def _with(turns: list[Turn], moment: Moment) -> list[Turn]:
    """The turns with what happened next; a session begins with its home page, so an event has a page to belong to."""
    if moment.query is not None:
        return [*turns, Turn(moment.query, ())]
    if moment.event is None:
        return turns
    return [*turns[:-1], Turn(turns[-1].page, (*turns[-1].deeds, moment.event))]
