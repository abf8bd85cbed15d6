"""Who listens to what the service tells (app/observer.py), wired: opened with the service, closed with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from app.adapters.langfuse_trace.access import access_of
from app.adapters.langfuse_trace.deletion import TraceEraser
from app.adapters.langfuse_trace.tracing import LangfuseTracing
from app.domain.ranking import Slate
from app.metering import Metering, Watched
from app.observer import Observers
from app.pipeline.pseudonym import Pseudonyms
from app.settings import Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Observing:
    """The listeners of one process. A new one is one more line in `open`."""

    told: Observers
    metering: Metering
    tracing: LangfuseTracing | None = None  # None: no keys

    @classmethod
    def open(
        cls,
        settings: Settings,
        pseudonyms: Pseudonyms,
        slate_of: Callable[[str], Slate | None],
        metering: Metering,
    ) -> Observing:
        """The listeners that the settings ask for. Imports no library, opens no connection and no thread.

        Args:   slate_of: a served slate by its id; may raise StoreUnavailable.
        Raises: ConfigurationError: a listener's settings contradict each other.
        """
        access = access_of(settings)
        if access is None:
            return cls(Observers((metering.metrics,)), metering)
        tracing = LangfuseTracing(
            access, pseudonyms=pseudonyms, slate_of=slate_of, sample_rate=settings.langfuse_sample_rate
        )
        return cls(Observers((metering.metrics, tracing)), metering, tracing)

    def start(self, application: Watched) -> None:
        """Lets them begin their work in the background."""
        self.metering.start(application)
        if self.tracing is None:
            log.info("langfuse_off", reason="no SHELFWISE_LANGFUSE_PUBLIC_KEY")
        else:
            self.tracing.start()

    @property
    def forget_traces(self) -> Callable[[Sequence[str], float], bool] | None:
        """Has the traces of erased shoppers deleted (see PersonalData); None where none are sent."""
        if self.tracing is None:
            return None
        return TraceEraser(self.tracing.access, mask=self.tracing.forget).forget

    def close(self) -> None:
        """Sends what waits, for 1.5 s at most."""
        self.metering.close()
        if self.tracing is not None:
            self.tracing.close()


def trace_eraser(settings: Settings) -> Callable[[Sequence[str], float], bool] | None:
    """The same for a process that traces nothing itself. Raises ConfigurationError."""
    access = access_of(settings)
    return None if access is None else TraceEraser(access).forget
