"""What docs/metrics.md says, in plain loops over lists: slow, and easy to see to be right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import floor

from app.domain.figures import AttributionRule, Grouping, Period
from app.domain.interactions import EventKind, Interaction
from app.domain.ranking import Slate

Identities = Mapping[str, tuple[str, float]]


@dataclass
class Touch:
    """A click or cart event that names a slate; `order` is the order of arrival."""

    slate: Slate
    event: Interaction
    order: int


@dataclass
class Line:
    """A purchase (one product of one order) or one add_to_cart."""

    event: Interaction
    order: int
    amount: int | None
    quantity: float
    net: int = 0


@dataclass
class Found:
    """Everything about one group, with the shopper of each unit."""

    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    waits: list[float] = field(default_factory=list)


def shopper_of(event: Interaction) -> str | None:
    return event.user_id or event.anonymous_id or event.session_id


def amount_of(event: Interaction) -> int | None:
    if event.price_minor is None:
        return None
    exact = event.price_minor * (1.0 if event.quantity is None else event.quantity)
    return floor(exact + 0.5) if 0 <= exact <= 10**12 else None


def name_of(slate: Slate, grouping: Grouping | None) -> str:
    if grouping is None:
        return ""
    if grouping == "day":
        return datetime.fromtimestamp(slate.served_at, UTC).date().isoformat()
    if grouping == "prompt":
        return slate.prompt_version or "none"
    return slate.query.placement if grouping == "placement" else slate.strategy


class Reference:
    """The figures of one shop."""

    def __init__(
        self,
        events: Sequence[Interaction],
        slates: Sequence[tuple[Slate, str | None]],
        identities: Identities,
        period: Period,
        rule: AttributionRule,
    ) -> None:
        self.events, self.period, self.rule, self.identities = list(events), period, rule, identities
        self.slates = {slate.recommendation_id: slate for slate, _ in slates}
        self.owner = {s.recommendation_id: ("slate", s.recommendation_id) if k is None else k for s, k in slates}
        self.robots = self._robots()
        self.named = [
            (order, event)
            for order, event in enumerate(self.events)
            if event.timestamp >= period.since - rule.window_s - rule.skew_s
            and event.recommendation_id in self.slates
            and event.session_id not in self.robots
            and any(event.product_id == item.product_id for item in self.slates[event.recommendation_id].items)
        ]
        self.lines = self._lines()
        self.credit = self._credit()

    def _inside(self, at: float) -> bool:
        return self.period.since <= at < (float("inf") if self.period.until is None else self.period.until)

    def _read(self, event: Interaction) -> bool:
        return event.timestamp >= self.period.since - self.rule.skew_s

    def _robots(self) -> set[str | None]:
        count: dict[str, int] = defaultdict(int)
        for event in self.events:
            if event.session_id is not None and self._inside(event.timestamp):
                count[event.session_id] += 1
        return {session for session, n in count.items() if n > self.rule.most_events}

    def _lines(self) -> list[Line]:
        lines: dict[object, Line] = {}
        for order, event in enumerate(self.events):
            if event.kind not in (EventKind.PURCHASE, EventKind.ADD_TO_CART) or not self._read(event):
                continue
            known = event.kind is EventKind.PURCHASE and event.transaction_id is not None
            key = (event.transaction_id, event.product_id) if known else order
            quantity = 1.0 if event.quantity is None else event.quantity
            if key not in lines:
                lines[key] = Line(event, order, amount_of(event), quantity)
            else:
                line, more = lines[key], amount_of(event)
                line.quantity += quantity
                if more is not None:
                    line.amount = more if line.amount is None else line.amount + more
        for line in lines.values():
            line.net = 0 if line.amount is None else max(0, line.amount - self._refunded(line))
        return list(lines.values())

    def _refunded(self, line: Line) -> int:
        if line.event.transaction_id is None or line.amount is None or line.event.kind is not EventKind.PURCHASE:
            return 0
        back, pieces = 0, 0.0
        for event in self.events:
            if event.kind is not EventKind.REFUND or not self._read(event) or event.product_id != line.event.product_id:
                continue
            if event.transaction_id != line.event.transaction_id:
                continue
            if event.price_minor is None and event.quantity is None:
                return line.amount
            if event.price_minor is None:
                pieces += event.quantity or 0.0
            else:
                back += amount_of(event) or 0
        return back + floor(line.amount * pieces / max(line.quantity, 1e-9) + 0.5)

    def _same_shopper(self, touch: Interaction, line: Interaction) -> bool:
        for key in ("user_id", "anonymous_id", "session_id"):
            if getattr(touch, key) is not None and getattr(touch, key) == getattr(line, key):
                return True
        if touch.user_id is None and touch.anonymous_id in self.identities and line.user_id is not None:
            user, shared_from = self.identities[touch.anonymous_id]
            return user == line.user_id and touch.timestamp < shared_from
        return False

    def _credit(self) -> dict[int, str]:
        """Order of the line's event → the slate that it is credited to."""
        credit = {}
        for line in self.lines:
            at = line.event.timestamp
            claims = []
            for order, event in self.named:
                slate = self.slates[str(event.recommendation_id)]
                if order == line.order:
                    if slate.served_at - self.rule.skew_s <= at <= slate.served_at + self.rule.window_s:
                        claims.append((True, at, slate.served_at, order, slate))
                    continue
                touches = {EventKind.CLICK}
                if line.event.kind is EventKind.PURCHASE:
                    touches.add(EventKind.ADD_TO_CART)
                if event.kind not in touches or event.product_id != line.event.product_id:
                    continue
                if not self._same_shopper(event, line.event):
                    continue
                if at - self.rule.window_s <= event.timestamp <= at + self.rule.skew_s:
                    claims.append((event.timestamp <= at, event.timestamp, slate.served_at, order, slate))
            if claims:
                credit[line.order] = max(claims, key=lambda claim: claim[:4])[4].recommendation_id
        return credit

    def _small(self, grouping: Grouping | None) -> set[str]:
        """Groups of fewer than five shoppers, and the next smallest where they are fewer than five together."""
        people: dict[str, set[object]] = defaultdict(set)
        for slate in self.slates.values():
            if self._inside(slate.served_at):
                people[name_of(slate, grouping)].add(self.owner[slate.recommendation_id])
        sizes = sorted((len(found), name) for name, found in people.items())
        small = [(n, name) for n, name in sizes if n < 5]
        for group in sizes[len(small) :]:
            if small and sum(n for n, _ in small) < 5:
                small.append(group)
        return {name for _, name in small}

    def groups(self, grouping: Grouping | None, *, merge: bool = False) -> dict[str, Found]:
        """Group → sums over its slates, orders and sessions, and waits; in order, what was merged last."""
        small = self._small(grouping) if merge else set()
        found: dict[str, Found] = defaultdict(Found)
        shoppers: dict[str, set[object]] = defaultdict(set)
        shown_shoppers: dict[str, set[object]] = defaultdict(set)
        sessions: dict[str, set[str]] = defaultdict(set)
        orders: dict[str, set[str]] = defaultdict(set)
        for slate in self.slates.values():
            if not self._inside(slate.served_at):
                continue
            name, rec = name_of(slate, grouping), slate.recommendation_id
            name = "other" if name in small else name
            sums = found[name].sums
            mine = [event for _, event in self.named if event.recommendation_id == rec]
            shown = {e.product_id for e in mine if e.kind is EventKind.IMPRESSION}
            clicked = {e.product_id for e in mine if e.kind is EventKind.CLICK}
            credited = [line for line in self.lines if self.credit.get(line.order) == rec]
            carted = {line.event.product_id for line in credited if line.event.kind is EventKind.ADD_TO_CART}
            bought = [line for line in credited if line.event.kind is EventKind.PURCHASE]
            products = {line.event.product_id for line in bought}
            shoppers[name].add(self.owner[rec])
            sums["served"] += 1
            sums["shown"] += bool(shown)
            sums["impressions"] += len(shown)
            sums["clicked_impressions"] += len(shown & clicked)
            sums["clicks"] += len(clicked)
            sums["clicked_slates"] += bool(shown & clicked)
            sums["carts"] += len(carted)
            sums["carted_clicks"] += len(carted & clicked)
            sums["purchases"] += len(bought)
            sums["bought_clicks"] += len(products & clicked)
            sums["bought_slates"] += bool(shown and bought)
            sums["revenue_minor"] += sum(line.net for line in bought)
            if shown:
                shown_shoppers[name].add(self.owner[rec])
                sums["shown_revenue_minor"] += sum(line.net for line in bought)
            if bought:
                first = min((e.timestamp for e in mine if e.kind is EventKind.IMPRESSION), default=slate.served_at)
                found[name].waits.append(max(0.0, min(line.event.timestamp for line in bought) - first))
            orders[name] |= {line.event.transaction_id for line in bought if line.event.transaction_id is not None}
            seen_in = [e.session_id for e in mine if e.kind is EventKind.IMPRESSION]
            sessions[name] |= {s for s in seen_in[-1:] if s is not None}
        for name, group in found.items():
            group.sums["shoppers"] = len(shoppers[name])
            group.sums["shown_shoppers"] = len(shown_shoppers[name])
            group.sums["orders"] = len(orders[name])
            group.sums["order_minor"] = sum(
                line.net for line in self.lines if self._is_order(line) and line.event.transaction_id in orders[name]
            )
            for session in sessions[name]:
                self._add_visit(group.sums, session)
            group.waits.sort()
        return {name: found[name] for name in sorted(found, key=lambda name: (name == "other", name))}

    def _is_order(self, line: Line) -> bool:
        return line.event.kind is EventKind.PURCHASE and line.event.transaction_id is not None

    def _add_visit(self, sums: dict[str, float], session: str) -> None:
        events = [e for e in self.events if e.session_id == session and self._inside(e.timestamp)]
        if not events or all(shopper_of(e) is None for e in events):
            return
        began, ended = min(e.timestamp for e in events), max(e.timestamp for e in events)
        carts = [e.timestamp for e in events if e.kind is EventKind.ADD_TO_CART]
        # An order's product counts where and when its first line came.
        bought = [ln for ln in self.lines if ln.event.kind is EventKind.PURCHASE]
        here = any(ln.event.session_id == session and self._inside(ln.event.timestamp) for ln in bought)
        shopper = shopper_of(events[-1])
        elsewhere = any(
            ln.event.session_id is None
            and shopper_of(ln.event) == shopper
            and carts
            and min(carts) - self.rule.skew_s <= ln.event.timestamp <= ended + 86_400.0
            for ln in bought
        )
        sums["visits"] += 1
        if ended - began <= self.rule.longest_visit_s:
            sums["timed_visits"] += 1
            sums["seconds"] += ended - began
        sums["cart_visits"] += bool(carts)
        sums["buying_visits"] += here
        sums["abandoned"] += bool(carts) and not here and not elsewhere

    def shop(self) -> Found:
        """The whole shop in the period."""
        found = Found()
        inside = [e for e in self.events if self._inside(e.timestamp)]
        people: set[object] = {self._of_session(e) for e in inside if e.session_id not in self.robots}
        lines = [ln for ln in self.lines if ln.event.kind is EventKind.PURCHASE]
        now = [ln for ln in lines if self._inside(ln.event.timestamp)]
        people |= {shopper_of(ln.event) or ("order", ln.event.transaction_id or ln.order) for ln in now}
        found.sums["shop_shoppers"] = len(people - {None})
        found.sums["shop_revenue_minor"] = sum(ln.net for ln in now)
        first_at: dict[str, float] = {}
        nets: dict[str, int] = defaultdict(int)
        for ln in lines:
            order = ln.event.transaction_id
            if order is not None:
                first_at[order] = min(first_at.get(order, ln.event.timestamp), ln.event.timestamp)
                nets[order] += ln.net
        found.sums["orders"] = sum(self._inside(at) for at in first_at.values())
        found.sums["order_minor"] = sum(nets[order] for order, at in first_at.items() if self._inside(at))
        for session in {e.session_id for e in inside if e.session_id is not None} - self.robots:
            self._add_visit(found.sums, str(session))
        for key in ("user_id", "anonymous_id"):
            self._first_purchases(found, key)
        found.waits.sort()
        return found

    def _of_session(self, event: Interaction) -> str | None:
        """Whoever acted last in a session is whose session it was."""
        if event.session_id is None:
            return shopper_of(event)
        inside = [e for e in self.events if e.session_id == event.session_id and self._inside(e.timestamp)]
        return shopper_of(inside[-1])

    def _first_purchases(self, found: Found, key: str) -> None:
        def whose(event: Interaction) -> str | None:
            return getattr(event, key) if key == "user_id" or event.user_id is None else None

        for person in {whose(e) for e in self.events} - {None}:
            mine = [e for e in self.events if whose(e) == person]
            bought = [
                ln.event.timestamp
                for ln in self.lines
                if ln.event.kind is EventKind.PURCHASE and whose(ln.event) == person
            ]
            early = any(e.kind is EventKind.PURCHASE and e.timestamp < self.period.since for e in mine)
            inside = [at for at in bought if self._inside(at)]
            if inside and not early:
                found.waits.append(max(0.0, min(inside) - min(e.timestamp for e in mine)))
