"""The background work of a shop, which its leader does for all workers (app/leader.py): what, and how often."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable

from app.adapters.index_source import EmbeddedSource, SharedSource
from app.adapters.reembedding import Reembedding
from app.adapters.sql_store.ledger import SqlLedger
from app.adapters.sql_store.store import SqlStore
from app.leader import Job, Leader
from app.ports import Clock, Embedder, Leases
from app.privacy import PersonalData

SLATE_RETENTION_S = 30 * 86_400.0

CONVERSATION_RETENTION_S = 30 * 86_400.0
"""By the wall clock, which stamps what a conversation keeps."""

PURGE_EVERY_S = 3_600.0

FINISH_EVERY_S = 600.0
"""How long what an erasure left pending waits for its next attempt."""

INDEX_EVERY_S = 1.0
"""How long the vector index of several workers may lag behind new item vectors, not counting the writing."""

REEMBED_EVERY_S = 0.1
"""How long a product with new words waits to be looked at. A look that finds nothing asks for the newest change:
0.11 ms in the demo shop (500 looks one after the other)."""


LEDGER_EVERY_S = 3_600.0


def ledger_job(url: str, retention_days: int, wall: Callable[[], float] = time.time) -> Job:
    """Deletes the rows of model calls that are older than `retention_days`, by the wall clock, as they are stamped.

    Args: url: of the database. The ledger is opened for each run: without a model nothing else here writes to it.
    """

    def purge() -> None:
        ledger = SqlLedger.open(url, wall=wall)
        try:
            ledger.purge(wall() - retention_days * 86_400.0)
        finally:
            ledger.close()

    return Job("purge_ledger", LEDGER_EVERY_S, purge)


def standing_jobs(
    store: SqlStore,
    clock: Clock,
    indexes: EmbeddedSource | SharedSource,
    privacy: PersonalData,
    embedder: Embedder | None,
    embedded: Callable[[], None],
) -> list[Job]:
    """What is done for as long as the service runs. A new kind of background work is one more line here.

    Args: embedded: called when products got new vectors and words, so that this process reads them at once.
    """
    jobs = [
        Job("purge_slates", PURGE_EVERY_S, lambda: store.purge_slates(clock.now() - SLATE_RETENTION_S)),
        Job(
            "purge_conversations",
            PURGE_EVERY_S,
            lambda: store.purge_conversations(time.time() - CONVERSATION_RETENTION_S),
        ),
        Job("finish_erasures", FINISH_EVERY_S, privacy.finish),
    ]
    if isinstance(indexes, SharedSource):
        jobs.append(Job("vector_index", INDEX_EVERY_S, indexes.bring_up_to_date))
    if embedder is not None:
        jobs.append(Job("reembed", REEMBED_EVERY_S, Reembedding(store, indexes.data_dir, embedder, embedded).run))
    return jobs


def leader_of(jobs: list[Job], leases: Leases | None) -> Leader:
    """Who leads this shop by these leases; without any, this process does."""
    return Leader(jobs, leases=leases, owner=f"{os.getpid()}-{uuid.uuid4().hex}")
