"""How often the order cache answers: a day of the demo shop's sessions, replayed against the real cache.

    python -m evals.load.replay                          5,000 requests over 24 simulated hours
    python -m evals.load.replay --placements home,email  only these pages ask for recommendations
    python -m evals.load.replay --anonymous-consent full,true

Shoppers are drawn by Zipf's law, 30% of the sessions are anonymous. Each session is one that was logged in the demo
shop (of that shopper, or of an anonymous visitor), moved into the simulated day: its pages ask for recommendations,
its events are written between the requests and shape later profiles. All but the model's answer is the service's own.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from app.adapters.disk_cache import DiskOrderCache
from app.adapters.rule_files import load_rules
from app.adapters.shop_files.folder import open_folder
from app.adapters.sql_store.store import SqlStore
from app.bootstrap import consent_of, open_store
from app.domain.interactions import Consent, EventKind, Interaction, PastInteraction, Shopper
from app.domain.model_calls import StoredOrder
from app.domain.ranking import Placement, Query, history_bucket
from app.ingest.folder import import_folder
from app.pipeline.cache_key import cache_key, profile_digest
from app.pipeline.profile import Profile, allowed_ids, build_profile
from app.pipeline.pseudonym import Kind, pseudonym
from app.settings import Settings, shipped_directory
from evals.load.replay_memo import ReplayMemo

SEED = 20260101
HISTORY_LIMIT = 1000
LOGGED_KINDS = ("view", "search", "add_to_cart", "remove_from_cart", "wishlist", "purchase", "dismiss")
KEY = bytes(32)
FIXED = {"locale": "en", "model": "simulated/reranker", "prompt_id": "rerank/v1", "prompt_hash": "0", "gate": "prior"}


@dataclass(frozen=True, slots=True)
class Visit:
    """A logged session: what was done, and how many seconds after its start."""

    steps: tuple[tuple[float, EventKind, str | None, str | None], ...]  # (offset_s, kind, product_id, query)


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happens in the simulated day: a page that asks, or an event to be written."""

    at: float
    query: Query | None
    event: Interaction | None


def main() -> None:
    """Prints the shares as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--zipf", type=float, default=1.0, help="exponent of the shoppers' law")
    parser.add_argument("--anonymous", type=float, default=0.3, help="share of sessions")
    parser.add_argument("--anonymous-consent", default="session,false", help="CONSENT_DEFAULT")
    parser.add_argument("--placements", default="home,product,search,cart", help="pages that ask")
    parser.add_argument("--warm-up-h", type=float, default=0.0, help="hours of the same traffic before, not counted")
    parser.add_argument("--hours", type=float, default=24.0, help="that the requests are spread over")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        settings = Settings(data_dir=Path(folder), consent_default=given.anonymous_consent)
        result = replay(
            settings,
            requests=given.requests,
            zipf=given.zipf,
            anonymous=given.anonymous,
            placements=frozenset(given.placements.split(",")),
            warm_up_s=given.warm_up_h * 3600.0,
            seed=given.seed,
            day_s=given.hours * 3600.0,
        )
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


def replay(
    settings: Settings,
    *,
    requests: int,
    zipf: float,
    anonymous: float,
    placements: frozenset[str],
    warm_up_s: float,
    seed: int,
    day_s: float = 86_400.0,
) -> dict[str, Any]:
    """Fills an empty DATA_DIR with the demo shop, replays a day, and says how the requests were answered.

    Args:    zipf: exponent, 0 = all shoppers alike; anonymous: share of sessions, 0..1; placements: pages that ask;
             warm_up_s: seconds of the same traffic before the day, answered but not counted.
    Returns: `hit_share` of the requests for which a model would be asked (a shopper who lets none see the profile
             asks none without a query or product), and where the misses come from.
    """
    shop = shipped_directory("fixtures") / "shop"
    shop = shop if shop.is_dir() else shipped_directory("fixtures/shop")
    store = open_store(settings)
    try:
        import_folder(
            open_folder(shop),
            store,
            currency=settings.currency,
            consent=None,
            now=time.time(),
            rejects_dir=settings.data_dir / "rejects",
        )
        of_shopper, of_visitors = _logged_visits(shop)
        draw = random.Random(seed)  # noqa: S311 - a simulation, not a secret
        start = store.last_event_at()
        if start is None:
            raise ValueError(f"{shop} holds no events to replay")
        users = [json.loads(line)["userId"] for line in (shop / "users.jsonl").read_text().splitlines()]
        day = Day(users, of_shopper, of_visitors, draw, zipf=zipf, anonymous=anonymous, placements=placements)
        whole_s = day_s + warm_up_s
        moments = day.moments(start + 60.0, int(requests * whole_s / day_s), whole_s)
        return Replay(settings, store).run(moments, count_from=start + 60.0 + warm_up_s)
    finally:
        store.close()


class Day:
    """What happens in a simulated day, drawn from logged visits."""

    def __init__(
        self,
        users: Sequence[str],
        of_shopper: Mapping[str, Sequence[Visit]],
        of_visitors: Sequence[Visit],
        draw: random.Random,
        *,
        zipf: float,
        anonymous: float,
        placements: frozenset[str],
    ) -> None:
        self._users = draw.sample(list(users), len(users))
        self._weights = list(accumulate(1.0 / rank**zipf for rank in range(1, len(users) + 1)))
        self._of_shopper, self._of_visitors = of_shopper, of_visitors
        self._all = [visit for visits in of_shopper.values() for visit in visits]
        self._draw, self._anonymous, self._placements = draw, anonymous, placements

    def moments(self, start: float, requests: int, whole_s: float) -> list[Moment]:
        """Enough sessions for this many requests, spread over `whole_s` seconds from `start`, ordered by time."""
        found: list[Moment] = []
        asked, number = 0, 0
        while asked < requests:
            for moment in self.session(number, start + self._draw.random() * whole_s):
                if moment.query is not None:
                    if moment.query.placement not in self._placements or asked == requests:
                        continue
                    asked += 1
                found.append(moment)
            number += 1
        return sorted(found, key=lambda moment: moment.at)

    def session(self, number: int, start: float) -> Iterator[Moment]:
        """The page asks first, then its event is written: as a browser does both while the page loads."""
        user = None
        if self._draw.random() >= self._anonymous:
            user = self._draw.choices(self._users, cum_weights=self._weights)[0]
        # A shopper who has never come before behaves like anybody.
        visits = self._of_visitors if user is None else self._of_shopper.get(user, self._all)
        visit = self._draw.choice(visits)
        ids = Query(user_id=user, anonymous_id=f"a{number}" if user is None else None, session_id=f"r{number}")
        yield Moment(start, replace(ids, placement="home"), None)
        cart: tuple[str, ...] = ()
        for index, (offset_s, kind, product, text) in enumerate(visit.steps):
            at = start + 5.0 + offset_s
            if kind is EventKind.ADD_TO_CART and product is not None:
                cart = (*cart, product)
            elif kind is EventKind.REMOVE_FROM_CART:
                cart = tuple(p for p in cart if p != product)
            page = _page(kind)
            if page == "product":
                yield Moment(at, replace(ids, placement=page, product_id=product), None)
            elif page == "search":
                yield Moment(at, replace(ids, placement=page, text=text), None)
            event = Interaction(
                event_id=f"r{number}-{index}",
                kind=kind,
                timestamp=at + 0.5,
                user_id=user,
                anonymous_id=ids.anonymous_id,
                session_id=ids.session_id,
                product_id=product,
                query=text,
            )
            yield Moment(at + 0.5, None, event)
            if page == "cart" and cart:
                yield Moment(at + 1.0, replace(ids, placement=page, cart=cart), None)


class Replay:
    """The service's own parts, asked for nothing but keys and cached answers."""

    def __init__(self, settings: Settings, store: SqlStore) -> None:
        self._store, self._snapshot = store, store.load_snapshot()
        self._signals = load_rules(settings.rules_dir).scoring.signal_map()
        self._nobody = Shopper(None, consent=consent_of(settings.consent_default))
        self._settings = settings
        self.now = 0.0

    def run(self, moments: Sequence[Moment], *, count_from: float) -> dict[str, Any]:
        """Lets the moments pass in their order; requests before `count_from` are answered and not counted."""
        cache = DiskOrderCache.open(
            self._settings.data_dir / "orders",
            fresh_s=self._settings.cache_fresh_s,
            stale_s=self._settings.cache_stale_s,
            wall=lambda: self.now,
        )
        tally = Tally(self._settings.cache_stale_s, count_from)
        get_us: list[float] = []
        memo = ReplayMemo(self._store.shopper_changes, self._snapshot, self._profile, lambda: self.now)
        for moment in moments:
            self.now = moment.at
            if moment.event is not None:
                self._store.insert_events([moment.event])
            if moment.query is None:
                continue
            known = memo.known(moment.query, counted=moment.at >= count_from)
            shopper, profile = known.shopper, known.profile
            if not _asks_model(shopper.consent, moment.query):
                memo.composed(known, moment.query)
                tally.opted_out += moment.at >= count_from
                continue
            keys = _keys(moment.query, shopper, profile)
            started = time.perf_counter()
            found = cache.get(keys["as designed"])
            get_us.append((time.perf_counter() - started) * 1e6)
            memo.composed(known, moment.query, -1.0 if found is None else cache.fresh_s - found[1])
            state = "miss" if found is None else "fresh" if found[1] < cache.fresh_s else "stale"
            if state != "fresh":
                cache.put(keys["as designed"], StoredOrder(candidates=("p",), order=("p",), prose={}))
            tally.count(moment, profile, keys, state)
        cache.close()
        us_p50 = round(sorted(get_us)[len(get_us) // 2], 1)
        return {**tally.result(), **memo.shares(), "get_us_p50": us_p50, "dropped": cache.dropped}

    def _profile(self, query: Query) -> tuple[Shopper, Profile]:
        """As the service does it (RecommendationService._profile)."""
        shopper = self._nobody if query.user_id is None else self._store.shopper(query.user_id)
        user_id, anonymous_id, session_id = allowed_ids(
            shopper, anonymous_id=query.anonymous_id, session_id=query.session_id
        )
        interactions: Sequence[PastInteraction] = ()
        if user_id is not None or anonymous_id is not None or session_id is not None:
            interactions = self._store.interactions(
                user_id=user_id, anonymous_id=anonymous_id, session_id=session_id, limit=HISTORY_LIMIT
            )
        return shopper, build_profile(shopper, interactions, self._snapshot, self._signals, now=self.now)


class Tally:
    """Counts answers, and what other keys would have answered."""

    def __init__(self, stale_s: float, count_from: float) -> None:
        self._stale_s, self._count_from = stale_s, count_from
        self._states: Counter[str] = Counter()
        self._groups: dict[str, Counter[str]] = defaultdict(Counter)
        self._held: dict[str, dict[str, float]] = defaultdict(dict)  # key variant → key → when it was stored
        self._hits: Counter[str] = Counter()
        self.opted_out = 0

    def count(self, moment: Moment, profile: Profile, keys: Mapping[str, str], state: str) -> None:
        """One request, answered as `state` says."""
        if moment.query is None:
            return
        counted = moment.at >= self._count_from
        for variant, key in keys.items():
            stored_at = self._held[variant].get(key)
            if counted and stored_at is not None and moment.at - stored_at < self._stale_s:
                self._hits[variant] += 1
            self._held[variant][key] = moment.at  # at most 15 minutes late: a fresh hit renews nothing
        if not counted:
            return
        self._states[state] += 1
        who = "anonymous" if moment.query.user_id is None else "known"
        for group in (
            f"placement {moment.query.placement}",
            who,
            f"history {history_bucket(profile.interactions)}",
        ):
            self._groups[group][state] += 1

    def result(self) -> dict[str, Any]:
        """Shares of the requests for which a model would be asked."""
        total = sum(self._states.values())
        return {
            "requests": total,
            "opted_out": self.opted_out,
            "hit_share": round(1 - self._states["miss"] / total, 3),
            "fresh_share": round(self._states["fresh"] / total, 3),
            "stale_share": round(self._states["stale"] / total, 3),
            "model_calls_per_request": round((self._states["miss"] + self._states["stale"]) / total, 3),
            "groups": {
                name: {"requests": states.total(), "hit_share": round(1 - states["miss"] / states.total(), 3)}
                for name, states in sorted(self._groups.items())
            },
            "hit_share_of_other_keys": {v: round(self._hits[v] / total, 3) for v in sorted(self._held)},
        }


def _keys(query: Query, shopper: Shopper, profile: Profile) -> dict[str, str]:
    """The key as designed, and keys with one part left out: what that part costs."""
    ids: tuple[tuple[str | None, Kind], ...] = (
        (query.user_id, "user"),
        (query.anonymous_id, "anonymous"),
        (query.session_id, "session"),
    )
    stands_for = next((pseudonym(found, KEY, 1, kind) for found, kind in ids if found is not None), None)
    stored_budget = profile.preferences.budget_minor
    budget = stored_budget if query.budget_minor is None else query.budget_minor

    def key(query: Query, digest: str) -> str:
        return cache_key(
            query, profile=digest, budget_minor=budget, schema_version="1", consent=shopper.consent, **FIXED
        )

    digest = profile_digest(profile, stands_for)
    # Under 4 interactions the shopper is not in the digest.
    few = replace(profile, interactions=min(profile.interactions, 3))
    variants = {
        "as designed": key(query, digest),
        "without shopper": key(query, profile_digest(profile, None)),
        "without top categories and brands": key(
            query, profile_digest(replace(profile, categories={}, brands={}), stands_for)
        ),
        "without stated preferences": key(
            query, profile_digest(replace(profile, preferences=Shopper(None).preferences), stands_for)
        ),
        "without history bucket": key(query, profile_digest(few, stands_for if profile.interactions >= 4 else None)),
        "without any profile": key(query, ""),
        "without product": key(replace(query, product_id=None), digest),
        "without query": key(replace(query, text=None), digest),
        "without cart": key(replace(query, cart=()), digest),
    }
    hidden = not shopper.consent.llm_processing
    about = query.product_id is not None or bool(query.cart)
    variants["no profile where the model may not see it"] = key(query, "" if hidden else digest)
    variants["no profile on product and cart pages"] = key(query, "" if about else digest)
    return variants


def _asks_model(consent: Consent, query: Query) -> bool:
    return consent.llm_processing or query.text is not None or query.product_id is not None


def _page(kind: EventKind) -> Placement | None:
    pages: dict[EventKind, Placement] = {
        EventKind.VIEW: "product",
        EventKind.SEARCH: "search",
        EventKind.ADD_TO_CART: "cart",
    }
    return pages.get(kind)


def _logged_visits(shop: Path) -> tuple[dict[str, list[Visit]], list[Visit]]:
    """Visits per shopper, and those of visitors who never said who they are."""
    columns = ["event", "user_id", "session_id", "product_id", "query", "timestamp"]
    rows = pq.read_table(shop / "events.parquet", columns=columns).to_pylist()
    sessions: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["session_id"] is not None and row["event"] in LOGGED_KINDS:
            sessions[row["session_id"]].append(row)
    of_shopper, of_visitors = defaultdict[str, list[Visit]](list), list[Visit]()
    for steps in sessions.values():
        steps.sort(key=lambda row: row["timestamp"])
        first = steps[0]["timestamp"]
        visit = Visit(
            tuple(
                ((s["timestamp"] - first).total_seconds(), EventKind(s["event"]), s["product_id"], s["query"])
                for s in steps
            )
        )
        users = {s["user_id"] for s in steps} - {None}
        if users:
            of_shopper[min(users)].append(visit)
        else:
            of_visitors.append(visit)
    return dict(of_shopper), of_visitors


if __name__ == "__main__":
    main()
