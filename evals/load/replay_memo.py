"""How many requests of a replay a worker's memory answers (docs/decisions/021)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from app.domain.catalog import Snapshot
from app.domain.interactions import Shopper
from app.domain.ranking import Query, Slate
from app.pipeline.profile import Profile
from app.ports import ShopperChanges
from app.slate_memo import Remembered, SlateMemo


class ReplayMemo:
    """The service's own memory, with slates that hold nothing; one worker that gets every request."""

    def __init__(
        self,
        changes: ShopperChanges,
        snapshot: Snapshot,
        read: Callable[[Query], tuple[Shopper, Profile]],
        now: Callable[[], float],
    ) -> None:
        self._memo = SlateMemo(changes, monotonic=now)
        self._snapshot, self._read, self._now = snapshot, read, now
        self._found: Counter[str] = Counter()

    def known(self, query: Query, *, counted: bool) -> Remembered:
        """The shopper of a query, remembered or read; what was found is counted where asked for."""
        now = self._now()
        found = self._memo.slate(self._snapshot, query, now)
        known = self._memo.recall(self._snapshot, query, now)
        how = "slate" if found is not None else "nothing" if known is None else "profile"
        if known is None:
            reading = self._memo.begin(self._snapshot, query)
            known = self._memo.keep(reading, *self._read(query), now, math.inf)
            if known.shared and self._memo.slate_of(known, query) is not None:
                how = "slate of others"
        if counted:
            self._found[how] += 1
            self._found[f"{how}, {'anonymous' if query.user_id is None else 'known'}"] += 1
        return known

    def composed(self, known: Remembered, query: Query, fresh_s: float | None = None) -> None:
        """Keeps a slate, as the service does with one that nothing better is on its way for."""
        if fresh_s is None or fresh_s > 0:
            self._memo.keep_slate(known, query, Slate("", query, (), self._now()), fresh_s)

    def shares(self) -> dict[str, dict[str, float]]:
        """What was remembered of the counted requests: the slate, one for others, the profile only, or nothing."""
        total = sum(self._found[how] for how in ("slate", "slate of others", "profile", "nothing"))
        return {"remembered": {name: round(n / max(1, total), 3) for name, n in sorted(self._found.items())}}
