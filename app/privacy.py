"""PersonalData: what a shopper may ask for beyond recommendations. Everything held, and that nothing is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

import structlog

from app.domain.errors import StoreUnavailable
from app.domain.privacy import ErasedKind, Erasure, Holdings, PendingPart, Receipt, Tombstone

log = structlog.get_logger(__name__)

RETRAIN_WITHIN_S = 86_400.0
"""How long a model that learned from an erased shopper may serve before `readyz` and `doctor` say so."""


TRACES_WITHIN_S = 3_600.0
"""The same for traces that were sent elsewhere: an attempt every ten minutes, and Langfuse's own delay."""


class Records(Protocol):
    """The store's side. Every method may raise StoreUnavailable."""

    def holdings(self, user_id: str) -> Holdings:
        """Everything held about a shopper, as one state."""
        ...

    def erase(self, subject: str, kind: ErasedKind, *, baseline_version: str | None) -> Erasure:
        """Deletes every row and puts tombstones, in one transaction."""
        ...

    def tombstones(self) -> Sequence[Tombstone]:
        """Who was erased, as pseudonyms, oldest first."""
        ...

    def replay(self, wanted: Sequence[Tombstone], *, baseline_version: str | None) -> Sequence[Erasure]:
        """Erases again whom these tombstones name, in one transaction."""
        ...

    def clean_files(self, traces: Sequence[str] | None, *, any_size: bool = False) -> bool:
        """Whether nothing of what was deleted is left in the files; None = it is not known what that was."""
        ...

    def unfinished(self) -> Sequence[Erasure]:
        """Erasures with something pending, oldest first."""
        ...

    def save_receipt(self, receipt: Receipt) -> None:
        """Remembers what is pending, and counts that came later."""
        ...

    def oldest_untrained(self, version: str | None) -> float | None:
        """When the first shopper was erased whose events this model learned from, None where there is none."""
        ...

    def key_problem(self) -> str | None:
        """Why erased shoppers can't be told with the keys of now, None when they can."""
        ...


class PersonalData:
    """Export and erasure across every store. Synchronous; any thread may call it.

    An erasure does the irrevocable part first: rows and tombstones in one transaction. What then can't be done at once
    (a file that another process holds) is in the receipt as `pending`, is tried again in the background and at
    every repetition of the request, and is never reported as done.
    """

    def __init__(
        self,
        *,
        records: Records,
        forget_answers: Callable[[Sequence[str]], int],
        forget_rejects: Callable[[Sequence[str]], int],
        baseline_version: Callable[[], str | None],
        forget_traces: Callable[[Sequence[str], float], bool] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Takes what it works with.

        Args: forget_answers: removes what the model cache holds for pseudonyms, in every worker; forget_rejects: takes
              the lines that name one of the texts out of rejects files; either says how many there were; forget_traces:
              whether nothing sent elsewhere is held any more under pseudonyms that were erased at a time, None where
              nothing is sent.
        """
        self._records = records
        self._forget_answers = forget_answers
        self._forget_rejects = forget_rejects
        self._baseline_version = baseline_version
        self._forget_traces = forget_traces
        self._wall = wall

    def export(self, user_id: str) -> Holdings:
        """Everything held about a shopper. Raises StoreUnavailable."""
        return self._records.holdings(user_id)

    def erase(self, subject: str, kind: ErasedKind = "user") -> Receipt:
        """Erases a shopper, or a visitor without an account, everywhere.

        Returns: what was deleted; the receipt of before where nothing was held any more.
        Raises:  StoreUnavailable: the database can't be written; nothing was erased, and it may be asked for again.
        """
        return self._gone(self._records.erase(subject, kind, baseline_version=self._baseline_version()))

    def tombstones(self) -> Sequence[Tombstone]:
        """Who was erased, as pseudonyms, oldest first: to be kept apart from the backups. Raises StoreUnavailable."""
        return self._records.tombstones()

    def replay(self, wanted: Sequence[Tombstone]) -> Sequence[Receipt]:
        """Erases again whom these tombstones name and a restored database still holds; a receipt for each.

        Raises: StoreUnavailable: the database can't be written; nothing was erased, and it may be asked for again.
        """
        done = self._records.replay(wanted, baseline_version=self._baseline_version())
        return [self._gone(one) for one in done]

    def finish(self, *, any_size: bool = False) -> Sequence[Receipt]:
        """Tries again what is pending of earlier erasures; the receipts that still have something pending.

        Args: any_size: writes a large database anew as well; writers wait until that is done.
        """
        tried = [self._finished(done, None, any_size=any_size) for done in self._records.unfinished()]
        return [receipt for receipt in tried if receipt.pending]

    def untrained_since(self) -> float | None:
        """When the first shopper was erased whose events the model in use learned from, wall clock; None: none was.

        Raises: StoreUnavailable.
        """
        return self._records.oldest_untrained(self._baseline_version())

    def warnings(self) -> Mapping[str, str]:
        """What an operator has to do so that erasures hold, by part; empty when nothing."""
        found = {}
        if (problem := self._records.key_problem()) is not None:
            found["pseudonyms"] = problem
        since = self.untrained_since()
        if since is not None and self._wall() - since > RETRAIN_WITHIN_S:
            day = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M")
            found["erasure"] = (
                f"the baseline model learned from a shopper who was erased on {day} UTC; run `shelfwise train`"
            )
        if waiting := sorted({part for done in self._records.unfinished() for part in self._overdue(done.receipt)}):
            found["erasure pending"] = f"{', '.join(waiting)} of an erasure is not done; run `shelfwise erase --finish`"
        return found

    def _gone(self, done: Erasure) -> Receipt:
        """What follows on the rows: rejects, cached answers, bytes in files."""
        rejects = self._forget_rejects(done.traces)
        counts = dict(done.receipt.stores)
        if rejects:
            counts["rejects"] = counts.get("rejects", 0) + rejects
        pending = done.receipt.pending
        if self._forget_traces is not None and not done.again:
            pending = (*pending, "traces")
        receipt = self._finished(
            replace(done, receipt=replace(done.receipt, stores=counts, pending=pending)), done.traces
        )
        log.info("shopper_erased", receipt_id=receipt.receipt_id, pending=list(receipt.pending), again=done.again)
        return receipt

    def _overdue(self, receipt: Receipt) -> list[PendingPart]:
        """What is pending and should not be. Traces are deleted elsewhere, in the background: they take their time."""
        young = self._wall() - receipt.erased_at < TRACES_WITHIN_S
        return [part for part in receipt.pending if not (part == "traces" and young)]

    def _finished(self, done: Erasure, traces: Sequence[str] | None, *, any_size: bool = False) -> Receipt:
        counts, pending = dict(done.receipt.stores), list(done.receipt.pending)
        parts: dict[PendingPart, Callable[[], bool]] = {
            "answers": lambda: self._answers_forgotten(done.pseudonyms, counts),
            "database": lambda: self._records.clean_files(traces, any_size=any_size),
        }
        forget_traces = self._forget_traces
        if forget_traces is not None:
            parts["traces"] = lambda: forget_traces(done.pseudonyms, done.receipt.erased_at)
        for part, work in parts.items():
            # Of an erasure that was done before, what may have come since is looked for again all the same.
            if part not in pending and not done.again:
                continue
            try:
                clean = work()
            except StoreUnavailable as error:
                clean = False
                log.warning("erasure_pending", part=part, reason=str(error), receipt_id=done.receipt.receipt_id)
            if clean and part in pending:
                pending.remove(part)
            elif not clean and part not in pending:
                pending.append(part)
        receipt = replace(done.receipt, stores=counts, pending=tuple(pending))
        self._records.save_receipt(receipt)
        return receipt

    def _answers_forgotten(self, pseudonyms: Sequence[str], counts: dict[str, int]) -> bool:
        counts["answers"] = counts.get("answers", 0) + self._forget_answers(pseudonyms)
        return True
