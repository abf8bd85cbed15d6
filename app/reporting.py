"""Business reports, wired: for the server, and for the command line without one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from app.adapters.sql_store.attribution import SqlAttribution
from app.budgets import budgets_of
from app.domain.figures import AttributionRule
from app.report import ReportDesk, ReportParts
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Reporting:
    """What business reports are wired from. Open with `open`, end with `close`."""

    attribution: SqlAttribution
    parts: ReportParts
    thread: ThreadPoolExecutor
    desk: ReportDesk

    @classmethod
    def open(cls, settings: Settings, now: Callable[[], float]) -> Reporting:
        """Reports from the database of the settings, which a store has opened before; reads nothing yet.

        Args: now: the service's clock (AS_OF), epoch seconds.
        """
        attribution = SqlAttribution.open(settings.sqlalchemy_url)
        rule = AttributionRule(window_s=settings.attribution_window_days * 86_400.0)
        parts = ReportParts(attribution, rule, settings.currency, now, attribution.ledger(), budgets_of(settings))
        thread = ThreadPoolExecutor(1, thread_name_prefix="report")
        return cls(attribution, parts, thread, ReportDesk(parts, thread))

    def close(self) -> None:
        """Waits for a report under way, drops those that wait."""
        self.thread.shutdown(wait=True, cancel_futures=True)
        self.attribution.close()
