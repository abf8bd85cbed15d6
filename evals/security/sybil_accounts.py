"""What fake accounts do for one product, as bodies of `POST /api/events`: the ways in which an attacker would try.

Every account is an honest-looking shopper to the service: a token of its own, consent of its own choosing, events with
times and ids. Purchases come from a browser, so they are claims (docs/events.md), except where the strategy pays for
one order of each account first, which the shop then reports. Deterministic for a seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.interactions import Personalization

DAY_S = 86_400.0
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """What the attackers know of the shop: what everybody sees, and when it is."""

    target: str  # product id that is to rise
    bestsellers: tuple[str, ...]  # product ids, most bought first
    now: float  # epoch seconds: nothing is stamped later


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to behave. `consent` is what each account says; None: it never chose."""

    name: str
    does: str  # in a line, for the table
    consent: Personalization | None
    events: Callable[[str, Scene, random.Random], Iterator[Event]]  # of one account
    pays: bool = False  # one real order of a bestseller for each account, before everything else


def _deed(account: str, session: str, kind: str, product: str, at: float, **more: object) -> Event:
    event_id = f"{account}:{session}:{kind}:{product}:{at:.3f}"
    who = {"userId": account, "sessionId": session}
    return {"eventId": event_id, "type": kind, **who, "productId": product, "timestamp": at, **more}


def _bought(account: str, session: str, products: Sequence[str], at: float, quantity: int = 1) -> Iterator[Event]:
    """Looked at, put into the cart and bought, in one order."""
    for place, product in enumerate(products):
        then = at + 5.0 * place
        yield _deed(account, session, "view", product, then)
        yield _deed(account, session, "click", product, then + 1.0)
        yield _deed(account, session, "add_to_cart", product, then + 2.0)
    order = f"o-{account}-{session}"
    for product in products:
        last = at + 5.0 * len(products) + 1.0
        yield _deed(account, session, "purchase", product, last, quantity=quantity, transactionId=order)


def _rush(account: str, scene: Scene, dice: random.Random) -> Iterator[Event]:
    for visit in range(40):
        at = scene.now - dice.uniform(0.01, 7.0) * DAY_S
        yield from _bought(account, f"{account}-{visit}", [scene.target], at - 60.0)
    yield _deed(account, f"{account}-0", "wishlist", scene.target, scene.now - 3600.0)
    yield _deed(account, f"{account}-0", "rating", scene.target, scene.now - 3000.0, value=5)


def _bulk(account: str, scene: Scene, dice: random.Random) -> Iterator[Event]:
    for day in range(14):
        at = scene.now - (day + dice.uniform(0.01, 0.9)) * DAY_S
        yield from _bought(account, f"{account}-{day}", [scene.target], at - 60.0, quantity=5_000)


def _beside_bestsellers(account: str, scene: Scene, dice: random.Random) -> Iterator[Event]:
    for day in range(35):
        at = scene.now - (day + dice.uniform(0.01, 0.9)) * DAY_S
        basket = [scene.target, *dice.sample(scene.bestsellers, 3)]
        yield from _bought(account, f"{account}-{day}", basket, at - 120.0)


def _patient(account: str, scene: Scene, dice: random.Random) -> Iterator[Event]:
    """A long ordinary past, then the target: an account that no rule about new accounts would notice."""
    for week in range(20, 0, -1):
        at = scene.now - (7.0 * week - dice.uniform(0.0, 6.0)) * DAY_S
        basket = dice.sample(scene.bestsellers, 2) + ([scene.target] if week <= 6 else [])
        yield from _bought(account, f"{account}-{week}", basket, at - 120.0)


def _many_visits(account: str, scene: Scene, dice: random.Random) -> Iterator[Event]:
    for visit in range(150):
        at = scene.now - dice.uniform(0.01, 28.0) * DAY_S
        basket = [scene.target, dice.choice(scene.bestsellers)]
        yield from _bought(account, f"{account}-{visit}", basket, at - 60.0)


STRATEGIES: tuple[Strategy, ...] = (
    Strategy("rush", "40 visits in the last week, each views, carts and buys the target; a rating of 5", "full", _rush),
    Strategy("bulk", "an order of 5,000 pieces on each of 14 days", "full", _bulk),
    Strategy(
        "beside bestsellers",
        "for 35 days an order a day of the target with three of the 30 bestsellers",
        "full",
        _beside_bestsellers,
    ),
    Strategy("patient", "20 weeks of ordinary orders of bestsellers, the target in the last six", "full", _patient),
    Strategy(
        "many visits",
        "150 visits in four weeks, each buys the target with a bestseller; consent never chosen, so that no visit may "
        "be tied to another",
        None,
        _many_visits,
    ),
    Strategy(
        "no consent",
        "the same 150 visits with consent refused, so that no event may be tied to another",
        "none",
        _many_visits,
    ),
    Strategy(
        "real customers",
        "each account pays for one real order of a bestseller, which the shop reports; then as beside bestsellers",
        "full",
        _beside_bestsellers,
        pays=True,
    ),
)


def accounts(n: int) -> tuple[str, ...]:
    """Ids of n fake accounts: like those that an app gives, and unlike any of the demo shop's."""
    return tuple(f"acct-{i:04d}" for i in range(n))


def bodies(strategy: Strategy, scene: Scene, n: int, seed: int, *, most: int = 1_000) -> Iterator[Mapping[str, Any]]:
    """The bodies that n accounts send, one account after the other; each event's time is at most `scene.now`."""
    for account in accounts(n):
        events = list(strategy.events(account, scene, random.Random(f"{seed}:{account}")))  # noqa: S311
        for start in range(0, len(events), most):
            yield {"events": events[start : start + most]}


def paid_orders(scene: Scene, n: int) -> Mapping[str, Any]:
    """The body in which the shop reports one order of a bestseller for each of n accounts, 40 days ago."""
    at = scene.now - 40.0 * DAY_S
    return {
        "events": [
            _deed(one, f"{one}-paid", "purchase", scene.bestsellers[0], at, transactionId=f"paid-{one}")
            for one in accounts(n)
        ]
    }
