"""Which traces are kept, where a rate is set; without one, all are."""

from __future__ import annotations

from app.domain.ranking import FallbackReason, Slate
from app.telemetry import trace_id_of

FALLBACKS: frozenset[FallbackReason] = frozenset(
    ("timeout", "provider_error", "invalid_output", "budget_exhausted", "circuit_open", "overloaded")
)
"""Why a model's answer was missing although one was wanted; the other reasons are by design."""

FALLBACKS_PER_S = 10.0


class Sampler:
    """Decides per slate. Of one thread."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._tokens, self._filled_at = FALLBACKS_PER_S, 0.0

    def keeps(self, slate: Slate, now: float) -> bool:
        """Whether this slate's trace is kept.

        A slate with a model call always is, since its cost must be; a fallback while fewer than 10 a second are; all
        else at the rate, by its id, so that every process decides alike.

        Args: now: epoch seconds.
        """
        if self._rate is None or slate.call_of is not None:
            return True
        if slate.fallback_reason in FALLBACKS:
            return self._takes_token(now)
        return self.by_rate(slate.recommendation_id)

    def scores(self, slate: Slate) -> bool:
        """Whether deeds upon this slate are told, read from the store, where its call is not known any more."""
        if self._rate is None or slate.strategy in ("llm", "partial"):
            return True
        return slate.fallback_reason not in FALLBACKS and self.by_rate(slate.recommendation_id)

    def by_rate(self, request_id: str) -> bool:
        """Whether the rate keeps this request."""
        return self._rate is None or int(trace_id_of(request_id)[-14:], 16) < self._rate * 16**14

    def _takes_token(self, now: float) -> bool:
        self._tokens = min(FALLBACKS_PER_S, self._tokens + max(0.0, now - self._filled_at) * FALLBACKS_PER_S)
        self._filled_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
