"""The shop's store on SQLite."""

from __future__ import annotations

import functools
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Engine

from app.adapters.sql_store import (
    catalogue,
    conversations,
    events,
    import_progress,
    recent_events,
    shoppers,
    slates,
)
from app.adapters.sql_store.connection import cursor_of, open_engine, reading, reading_one_state, writing
from app.adapters.sql_store.currency import check, holds_amounts, remember, remembered
from app.adapters.sql_store.migrate import migrate
from app.adapters.sql_store.privacy import SqlPrivacy
from app.adapters.sql_store.shopper_changes import SqlShopperChanges
from app.adapters.sql_store.tombstones import Tombstones
from app.adapters.sql_store.transaction import SqlTransaction
from app.domain.catalog import Product, Snapshot
from app.domain.chat import Remembered, Talker
from app.domain.errors import ShelfwiseError, ShopperErased
from app.domain.imports import Counts, FileProgress, PriceChange, StatedShopper, StockChange, Written
from app.domain.intake import Outcome
from app.domain.interactions import (
    Consent,
    EventKind,
    Interaction,
    InteractionLog,
    PastInteraction,
    Preferences,
    Shopper,
)
from app.domain.ranking import Slate
from app.pipeline.pseudonym import Pseudonyms
from app.pipeline.trending import RecentEvents

_COUNTS = """
SELECT
    (SELECT count(*) FROM products WHERE NOT deleted),
    (SELECT count(*) FROM products WHERE deleted),
    (SELECT count(price_minor) FROM products WHERE NOT deleted),
    (SELECT count(cost_minor) FROM products WHERE NOT deleted),
    (SELECT count(stock) FROM products WHERE NOT deleted),
    (SELECT count(category) FROM products WHERE NOT deleted),
    (SELECT count(*) FROM price_history),
    (SELECT count(*) FROM stock_history),
    (SELECT count(*) FROM events),
    (SELECT count(*) FROM events WHERE product_id IS NOT NULL
        AND product_id NOT IN (SELECT product_id FROM products)),
    (SELECT count(*) FROM shoppers),
    (SELECT count(personalization) FROM shoppers),
    (SELECT count(*) FROM slates)
"""


class SqlStore:
    """Implements app.ports.ShopStore and ImportStore. Any thread may call any method; `close` ends it.

    Raises of every method: StoreUnavailable, when the database can't be read or written.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        currency: str,
        consent_default: Consent,
        now: Callable[[], float],
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        self._engine = engine
        self.currency = currency
        self._consent_default = consent_default
        self._now = now
        # SQLite has one writer; threads of this process queue here instead of polling for the file's lock.
        self._write_lock = threading.Lock()
        self._tombstones = Tombstones(pseudonyms, consent_default)
        self.privacy = SqlPrivacy(engine, self._write_lock, self._tombstones, now)
        self.shopper_changes = SqlShopperChanges.of(engine)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        currency: str,
        consent_default: Consent,
        now: Callable[[], float] = time.time,
        pseudonyms: Pseudonyms | None = None,
    ) -> SqlStore:
        """The store at this URL (sqlite:///path), its schema brought up to date.

        Args:    consent_default: of shoppers who never chose; now: stamps preferences, consent, changes and
                 erasures; pseudonyms: by which erased shoppers are told; without them nobody can be erased.
        Raises:  ConfigurationError: no SQLite URL, another program's file, one of a newer version, or amounts in
                 another currency. A database that doesn't know its currency, but holds amounts, takes this one.
                 StoreUnavailable: damaged or not accessible; nothing was written.
        """
        engine = open_engine(url)
        try:
            migrate(engine)
            _settle_currency(engine, currency)
        except ShelfwiseError:
            engine.dispose()
            raise
        return cls(engine, currency=currency, consent_default=consent_default, now=now, pseudonyms=pseudonyms)

    def close(self) -> None:
        """Closes every connection."""
        self.shopper_changes.close()
        self._engine.dispose()

    # Reads

    def load_snapshot(self) -> Snapshot:
        """See ShopStore; 100,000 products take well under two seconds."""
        with reading_one_state(self._engine) as connection:
            return catalogue.load_snapshot(cursor_of(connection))

    def sequence(self) -> int:
        """See ShopStore."""
        with self._reading() as cursor:
            return catalogue.newest_sequence(cursor)

    def changed_product_ids(self, after_sequence: int) -> tuple[int, Sequence[str]]:
        """See ShopStore. Of these ids, those that `products` leaves out were deleted."""
        with self._reading() as cursor:
            return catalogue.changed_product_ids(cursor, after_sequence)

    def products(self, product_ids: Sequence[str]) -> dict[str, Product]:
        """See ShopStore; in the order asked for, deleted ones left out."""
        with self._reading() as cursor:
            return catalogue.products(cursor, product_ids)

    def iter_products(self, *, with_deleted: bool = False) -> Iterator[Product]:
        """Streams all products in row order; deleted ones are left out, or given as not available."""
        with reading_one_state(self._engine) as connection:
            yield from catalogue.iter_products(cursor_of(connection), with_deleted=with_deleted)

    def product_ids(self, *, with_deleted: bool = True) -> frozenset[str]:
        """See ImportStore."""
        wanted = "" if with_deleted else " WHERE deleted = 0"
        with self._reading() as cursor:
            return frozenset(row[0] for row in cursor.execute(f"SELECT product_id FROM products{wanted}"))  # noqa: S608

    def shopper(self, user_id: str) -> Shopper:
        """See ShopStore; one who has events but stated nothing is known, too."""
        with self._reading() as cursor:
            return shoppers.read(cursor, user_id, self._tombstones.default_consent)

    def frequent_interests(self, limit: int) -> Sequence[str]:
        """See ShopStore."""
        with self._reading() as cursor:
            return shoppers.frequent_interests(cursor, limit)

    def interactions(
        self, *, user_id: str | None, anonymous_id: str | None, session_id: str | None, limit: int
    ) -> Sequence[PastInteraction]:
        """See ShopStore."""
        with self._reading() as cursor:
            return events.newest(cursor, user_id=user_id, anonymous_id=anonymous_id, session_id=session_id, limit=limit)

    def interaction_log(self) -> InteractionLog:
        """See ShopStore; product_ids are those with an interaction, in catalogue order."""
        with reading_one_state(self._engine) as connection:
            cursor = cursor_of(connection)
            return events.interaction_log(cursor, functools.partial(self._tombstones.default_levels, cursor))

    def recent_events(
        self,
        *,
        after: int,
        since: float,
        row_of: Mapping[str, int],
        strength: Mapping[EventKind, float],
        code_of: Callable[[str], int],
    ) -> tuple[int, RecentEvents]:
        """The newest event's row, and the events between `after` and it; arguments as for `recent_events.read`."""
        with reading_one_state(self._engine) as connection:
            cursor = cursor_of(connection)
            found = recent_events.read(
                cursor,
                after=after,
                since=since,
                default=self._consent_default.personalization,
                row_of=row_of,
                strength=strength,
                code_of=code_of,
            )
            return recent_events.newest_row(cursor), found

    def last_event_at(self) -> float | None:
        """See ShopStore."""
        with self._reading() as cursor:
            return events.last_at(cursor)

    def slate(self, recommendation_id: str) -> Slate | None:
        """See ShopStore."""
        with self._reading() as cursor:
            return slates.read(cursor, recommendation_id)

    def recall(self, talker: Talker, conversation_id: str | None) -> Remembered:
        """See ChatMemory."""
        with self._reading() as cursor:
            return conversations.read(cursor, talker, conversation_id)

    def import_progress(self, key: str) -> FileProgress | None:
        """See ImportStore."""
        with self._reading() as cursor:
            return import_progress.read(cursor, key)

    def counts(self) -> Counts:
        """How much the store holds; reads whole tables, so not on a request."""
        with reading_one_state(self._engine) as connection:
            return Counts(*cursor_of(connection).execute(_COUNTS).fetchone())

    def ping(self) -> None:
        """See ShopStore."""
        with self._reading() as cursor:
            cursor.execute("SELECT count(*) FROM (SELECT 1 FROM products LIMIT 1)").fetchone()

    # Writes

    @contextmanager
    def transaction(self) -> Iterator[SqlTransaction]:
        """Writes that become visible and durable together at the end of the block, or not at all."""
        with self._write_lock, writing(self._engine) as connection:
            yield SqlTransaction(cursor_of(connection), self.currency, self._tombstones)

    def upsert_products(self, products: Sequence[Product], at: float) -> Written:
        """See StoreTransaction."""
        with self.transaction() as transaction:
            return transaction.upsert_products(products, at)

    def delete_products(self, product_ids: Sequence[str], at: float) -> int:
        """Marks products as deleted; how many were not before."""
        with self.transaction() as transaction:
            return transaction.delete_products(product_ids, at)

    def append_price_history(self, changes: Sequence[PriceChange]) -> Written:
        """See StoreTransaction."""
        with self.transaction() as transaction:
            return transaction.append_price_history(changes)

    def append_stock_history(self, changes: Sequence[StockChange]) -> Written:
        """See StoreTransaction."""
        with self.transaction() as transaction:
            return transaction.append_stock_history(changes)

    def insert_events(self, given: Sequence[Interaction]) -> tuple[int, int]:
        """Adds events, durable when it returns: how many were new, how many were held already."""
        with self.transaction() as transaction:
            written = transaction.insert_events(given)
        return written.inserted, written.duplicates

    def record_events(self, given: Sequence[Sequence[Interaction]]) -> Sequence[Sequence[Outcome]]:
        """Adds the live events of several requests in one transaction, durable when it returns; what became of each."""
        with self.transaction() as transaction:
            return [transaction.record_events(events_of_one) for events_of_one in given]

    def upsert_shoppers(self, given: Sequence[StatedShopper], at: float) -> Written:
        """See StoreTransaction."""
        with self.transaction() as transaction:
            return transaction.upsert_shoppers(given, at)

    def save_preferences(self, user_id: str, preferences: Preferences, *, asked_at: float | None = None) -> None:
        """See ShopStore; stamped with the present where they carry no time."""
        with self._writing() as cursor:
            self._refuse_erased(cursor, user_id, asked_at)
            if preferences.budget_minor is not None:
                remember(cursor, self.currency)
            shoppers.save_preferences(cursor, user_id, preferences, self._now())

    def save_consent(self, user_id: str, consent: Consent, *, asked_at: float | None = None) -> None:
        """See ShopStore."""
        with self._writing() as cursor:
            self._refuse_erased(cursor, user_id, asked_at)
            shoppers.save_consent(cursor, user_id, consent, self._now())

    def save_slates(
        self, given: Sequence[Slate], user_keys: Sequence[str | None], begun_at: Sequence[float] | None = None
    ) -> None:
        """See ShopStore."""
        with self._writing() as cursor:
            admitted = self._tombstones.admit_slates(cursor, given, user_keys, begun_at)
            slates.insert(cursor, [slate for slate, _ in admitted], [key for _, key in admitted])

    def remember(
        self, talker: Talker, conversation_id: str | None, memory: Remembered, *, begun_at: float | None = None
    ) -> None:
        """See ChatMemory."""
        with self._writing() as cursor:
            erased = self._tombstones.erased_at(cursor, set(conversations.identities(talker)))
            if begun_at is not None and any(begun_at <= at for at in erased.values()):
                return
            conversations.save(cursor, talker, conversation_id, memory, self._now())

    def purge_conversations(self, before: float) -> int:
        """Deletes conversations not continued since this time (epoch seconds); how many."""
        with self._writing() as cursor:
            return conversations.purge(cursor, before)

    def purge_slates(self, before: float) -> int:
        """Deletes slates served before this time (epoch seconds); how many."""
        with self._writing() as cursor:
            return slates.purge(cursor, before)

    def _refuse_erased(self, cursor: sqlite3.Cursor, user_id: str, asked_at: float | None) -> None:
        if asked_at is not None and asked_at <= self._tombstones.erased_users(cursor, [user_id]).get(user_id, -1.0):
            raise ShopperErased

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Cursor]:
        with reading(self._engine) as connection:
            yield cursor_of(connection)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Cursor]:
        with self._write_lock, writing(self._engine) as connection:
            yield cursor_of(connection)


def _settle_currency(engine: Engine, currency: str) -> None:
    """Refuses another currency than the stored one; a database from before it was noted takes this one."""
    with reading(engine) as connection:
        cursor = cursor_of(connection)
        stored = remembered(cursor)
        unnoted = stored is None and holds_amounts(cursor)
    check(stored, currency)
    if unnoted:
        with writing(engine) as connection:
            remember(cursor_of(connection), currency)
