"""`shelfwise erase`, registered by app.cli: a shopper, what was left pending, or whom a backup brought back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.domain.privacy import Receipt


def erase(
    user: Annotated[str | None, typer.Argument(help="The shopper's id.", show_default=False)] = None,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="USER is a visitor without an account.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    finish: Annotated[bool, typer.Option("--finish", help="Finish what earlier erasures left pending.")] = False,
    tombstones: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write who was erased, as pseudonyms, to this file.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(dir_okay=False, help="After a restore: erase again whom this file names.")
    ] = None,
) -> None:
    """Erase a shopper everywhere and print the receipt. Exit code 1 when something is pending."""
    from app.adapters.personal_data import open_personal_data
    from app.adapters.tombstone_file import read_tombstones, write_tombstones
    from app.bootstrap import open_store
    from app.cli import check_length, out, read_settings
    from app.domain.ranking import MAX_ID_CHARS
    from app.observing import trace_eraser

    if [user is not None, finish, tombstones is not None, replay is not None].count(True) != 1:
        raise typer.BadParameter("give one shopper's id, --finish, --tombstones or --replay", param_hint="USER")
    if user is not None:
        check_length(user, MAX_ID_CHARS, "USER")
        if not yes:
            typer.confirm("Everything held about this shopper is deleted and can't be brought back. Erase?", abort=True)
    settings = read_settings()
    store = open_store(settings)
    try:
        privacy = open_personal_data(settings.data_dir, store, forget_traces=trace_eraser(settings))
        receipts: Sequence[Receipt]
        if tombstones is not None:
            kept = privacy.tombstones()
            write_tombstones(tombstones, kept, store.privacy.fingerprints())
            out.print(f"{len(kept):,} tombstones in {tombstones}.", markup=False, highlight=False)
            return
        if replay is not None:
            wanted = read_tombstones(replay, store.privacy.fingerprints())
            receipts = privacy.replay(wanted)
            out.print(
                f"{len(wanted):,} tombstones replayed, {len(receipts):,} erased again.", markup=False, highlight=False
            )
        elif user is None:
            receipts = privacy.finish(any_size=True)
        else:
            receipts = [privacy.erase(user, "anonymous" if anonymous else "user")]
    finally:
        store.close()
    for receipt in receipts:
        _print(receipt)
    if any(receipt.pending for receipt in receipts):
        raise typer.Exit(1)


def _print(receipt: Receipt) -> None:
    from app.cli import out

    counts = ", ".join(f"{name} {n:,}" for name, n in receipt.stores.items())
    out.print(f"Receipt {receipt.receipt_id}: {counts}.", markup=False, highlight=False)
    if receipt.baseline_version is not None:
        out.print(
            f"Model {receipt.baseline_version} has learned from the events (it holds no shopper); run `shelfwise "
            "train` within a day.",
            markup=False,
            highlight=False,
        )
    if receipt.pending:
        out.print(
            f"Pending: {', '.join(receipt.pending)}; run `shelfwise erase --finish` when nothing else reads the "
            "database, and for traces a minute later.",
            style="yellow",
            markup=False,
            highlight=False,
        )
