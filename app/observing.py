"""Who listens to what the service tells (app/observer.py), wired: opened with the service, closed with it."""

from __future__ import annotations

from dataclasses import dataclass

from app.observer import Observers
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Observing:
    """The listeners of one process. A new one is one more line in `open`."""

    told: Observers

    @classmethod
    def open(cls, settings: Settings) -> Observing:
        """The listeners that the settings ask for. Imports no library, opens no connection and no thread."""
        return cls(Observers())

    def start(self) -> None:
        """Lets them begin their work in the background."""

    def close(self) -> None:
        """Sends what waits, for 2 s at most."""
