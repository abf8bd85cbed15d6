"""Who was erased, and what may therefore not be written any more.

A tombstone is a pseudonym and a time. It is looked up in the very transaction that writes, and SQLite has one writer
at a time: a write comes before the erasure and is deleted by it, or after it and finds the tombstone. What is stamped
at or before the tombstone is refused; what is stamped later begins anew, without the consent given before.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from app.domain.errors import ConfigurationError
from app.domain.interactions import Consent, Interaction, Personalization
from app.domain.ranking import Query, Slate
from app.pipeline.pseudonym import Kind, Pseudonyms
from app.pipeline.redaction import without_contacts

Identity = tuple[Kind, str]

_ANY = "SELECT EXISTS (SELECT 1 FROM tombstones)"
_OF = "SELECT pseudonym, erased_at FROM tombstones WHERE pseudonym IN (SELECT value FROM json_each(?))"
_PUT = (
    "INSERT INTO tombstones VALUES (?,?,?) ON CONFLICT (pseudonym) DO UPDATE SET "
    "erased_at = max(erased_at, excluded.erased_at), receipt_id = excluded.receipt_id"
)
_FINGERPRINT = "pseudonym key p"
_LEVELS = (
    "SELECT user_id, personalization FROM shoppers "
    "WHERE personalization IS NOT NULL AND user_id IN (SELECT value FROM json_each(?))"
)
_SHOWN_TO_SOMEBODY = "SELECT EXISTS (SELECT 1 FROM slates WHERE recommendation_id = ? AND user_key IS NOT NULL)"


@dataclass(frozen=True, slots=True)
class Admitted:
    """What of a batch of events may be stored, and in what form."""

    events: Sequence[Interaction]  # in their order; those of shoppers who agreed to nothing carry no id of a person
    refused: tuple[int, ...] = ()  # positions in the batch of events stamped before their shopper was erased


@dataclass(frozen=True, slots=True)
class Tombstones:
    """The rules by which shoppers' data is written. Every method works on the cursor of an open transaction.

    Raises of every method that looks a tombstone up: ConfigurationError, when there are some and no key to tell them
    by: writing on would bring back who was erased.
    """

    pseudonyms: Pseudonyms | None  # None: of a store that is never written about erased shoppers (tests, tools)
    consent_default: Consent

    def admit(self, cursor: sqlite3.Cursor, events: Sequence[Interaction]) -> Admitted:
        """What may be stored of these events; call it in the transaction that inserts them.

        An event stamped at or before the erasure of any of its ids is refused. One of a shopper who agreed to no
        personalisation is kept for the shop's figures and loses user, anonymous and session id (docs/privacy.md).
        """
        erased = self.erased_at(cursor, {identity for event in events for identity in _identities(event)})
        refused = {
            position
            for position, event in enumerate(events)
            if erased and any(event.timestamp <= erased.get(identity, -1.0) for identity in _identities(event))
        }
        unasked = self._unasked(cursor, {event.user_id for event in events if event.user_id is not None})
        kept = []
        for position, event in enumerate(events):
            if position in refused:
                continue
            kept.append(_unlinked(cursor, event) if self._is_nobody(event.user_id, unasked) else event)
        return Admitted(kept, tuple(sorted(refused)))

    def admit_slates(
        self,
        cursor: sqlite3.Cursor,
        slates: Sequence[Slate],
        user_keys: Sequence[str | None],
        begun_at: Sequence[float] | None,
    ) -> list[tuple[Slate, str | None]]:
        """What may be stored of served slates, and under which key; see ShopStore.save_slates."""
        asked = [_identities(slate.query) for slate in slates]
        erased = self.erased_at(cursor, {identity for ids in asked for identity in ids})
        unasked = self._unasked(cursor, {slate.query.user_id for slate in slates if slate.query.user_id is not None})
        begun = [math.inf] * len(slates) if begun_at is None else begun_at
        admitted: list[tuple[Slate, str | None]] = []
        for slate, key, ids, since in zip(slates, user_keys, asked, begun, strict=True):
            if any(since <= erased.get(identity, -1.0) for identity in ids):
                continue
            if self._is_nobody(slate.query.user_id, unasked):
                admitted.append((_unlinked_slate(slate), None))
            else:
                admitted.append((slate, key))
        return admitted

    def erased_at(self, cursor: sqlite3.Cursor, identities: Collection[Identity]) -> Mapping[Identity, float]:
        """When those of these ids that were erased were, epoch seconds; one query for all."""
        if not identities or not cursor.execute(_ANY).fetchone()[0]:
            return {}
        names = {name: identity for identity in identities for name in self._keys().every(identity[1], identity[0])}
        found: dict[Identity, float] = {}
        for name, at in cursor.execute(_OF, (_json(names),)):
            found[names[name]] = max(at, found.get(names[name], at))
        return found

    def erased_users(self, cursor: sqlite3.Cursor, user_ids: Iterable[str]) -> Mapping[str, float]:
        """The same for shoppers alone, by user id."""
        return {name: at for (_, name), at in self.erased_at(cursor, {("user", u) for u in user_ids}).items()}

    def default_consent(self, cursor: sqlite3.Cursor, user_id: str) -> Consent:
        """What holds for a shopper who has chosen nothing, or nothing since an erasure: then the session at most."""
        default = self.consent_default
        if default.personalization != "full" and not default.llm_processing:
            return default  # nothing to take away
        if not self.erased_users(cursor, [user_id]):
            return default
        return Consent("none" if default.personalization == "none" else "session", False)

    def default_levels(
        self, cursor: sqlite3.Cursor, user_ids: Collection[str | None]
    ) -> Mapping[str | None, Personalization]:
        """The level that holds for each of these shoppers, none of whom has chosen; None stands for visitors."""
        default = self.consent_default.personalization
        # What a visitor did is never tied beyond the session or the anonymous id, whatever the default says.
        levels: dict[str | None, Personalization] = {
            user_id: "session" if user_id is None and default == "full" else default for user_id in user_ids
        }
        if default == "full":
            levels |= dict.fromkeys(self.erased_users(cursor, filter(None, user_ids)), "session")
        return levels

    def put(self, cursor: sqlite3.Cursor, identities: Iterable[Identity], at: float, receipt_id: str) -> list[str]:
        """Writes tombstones, or moves older ones up to this time; all pseudonyms of these ids, newest key first."""
        keys, of = self._keys(), list(identities)
        names = [keys.of(name, kind) for kind, name in of]
        cursor.executemany(_PUT, [(name, at, receipt_id) for name in names])
        self.note_keys(cursor)
        older = [other for kind, name in of for other in keys.every(name, kind) if other not in names]
        return [*names, *older]

    def note_keys(self, cursor: sqlite3.Cursor) -> None:
        """Notes by what the keys of these tombstones can be told, see `problem`."""
        cursor.executemany(
            "INSERT OR IGNORE INTO meta VALUES (?,?)",
            [(f"{_FINGERPRINT}{version}", print_) for version, print_ in self._keys().fingerprints().items()],
        )

    def receipt_of(self, cursor: sqlite3.Cursor, identity: Identity) -> str | None:
        """The receipt of the newest erasure of this id, None when it was never erased."""
        names = _json(self._keys().every(identity[1], identity[0]))
        statement = "SELECT receipt_id FROM tombstones WHERE pseudonym IN (SELECT value FROM json_each(?)) "
        row = cursor.execute(statement + "ORDER BY erased_at DESC LIMIT 1", (names,)).fetchone()
        return None if row is None else str(row[0])

    def problem(self, cursor: sqlite3.Cursor) -> str | None:
        """Why tombstones that exist can't be told with the keys given, None when all can."""
        if not cursor.execute(_ANY).fetchone()[0]:
            return None
        known = {} if self.pseudonyms is None else self.pseudonyms.fingerprints()
        versions = {
            int(name.partition(":")[0][1:]) for (name,) in cursor.execute("SELECT pseudonym FROM tombstones").fetchall()
        }
        stored = dict(cursor.execute("SELECT key, value FROM meta WHERE key LIKE ?", (f"{_FINGERPRINT}%",)))
        wrong = sorted(v for v in versions if known.get(v) is None or known[v] != stored.get(f"{_FINGERPRINT}{v}"))
        if not wrong:
            return None
        return (
            f"key {', '.join(f'p{v}' for v in wrong)} of PSEUDONYM_KEYS (or secret.key, where that is empty) is not "
            "the one that shoppers were erased under: an import may bring them back. Restore it from a backup."
        )

    def _keys(self) -> Pseudonyms:
        if self.pseudonyms is None:
            raise ConfigurationError(
                "The database knows of erased shoppers; without the pseudonym keys it can't be written. Open it with "
                "the settings of the service."
            )
        return self.pseudonyms

    def _is_nobody(self, user_id: str | None, unasked: Collection[str]) -> bool:
        """Whether nothing may be tied to who did this; somebody without an account has the default consent."""
        return self.consent_default.personalization == "none" if user_id is None else user_id in unasked

    def _unasked(self, cursor: sqlite3.Cursor, user_ids: Collection[str]) -> Collection[str]:
        """Which of these shoppers agreed to no personalisation."""
        if not user_ids:
            return ()
        stated = dict(cursor.execute(_LEVELS, (_json(user_ids),)).fetchall())
        default = self.consent_default.personalization
        return {user_id for user_id in user_ids if stated.get(user_id, default) == "none"}


def _json(values: Iterable[str]) -> str:
    # A lone surrogate that came in an id is in no database and no JSON: it matches nothing.
    return orjson.dumps([value.encode("utf-8", "replace").decode() for value in values]).decode()


def _identities(of: Interaction | Query) -> list[Identity]:
    ids: tuple[tuple[Kind, str | None], ...] = (
        ("user", of.user_id),
        ("anonymous", of.anonymous_id),
        ("session", of.session_id),
    )
    return [(kind, name) for kind, name in ids if name is not None]


def _unlinked_slate(slate: Slate) -> Slate:
    text = None if slate.query.text is None else without_contacts(slate.query.text)
    return replace(slate, query=replace(slate.query, user_id=None, anonymous_id=None, session_id=None, text=text))


def _unlinked(cursor: sqlite3.Cursor, event: Interaction) -> Interaction:
    """The event as nobody's: without ids, contacts in its text, or a slate that is somebody's."""
    served = event.recommendation_id
    if served is not None and cursor.execute(_SHOWN_TO_SOMEBODY, (served,)).fetchone()[0]:
        served = None
    return replace(
        event,
        user_id=None,
        anonymous_id=None,
        session_id=None,
        query=None if event.query is None else without_contacts(event.query),
        recommendation_id=served,
        note=None,
    )
