"""The `shelfwise` command."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from app import __version__
from app.domain.errors import BadInput, ConfigurationError, ShelfwiseError
from app.domain.imports import ImportReport
from app.domain.ranking import MAX_ID_CHARS, MAX_QUERY_CHARS
from app.erase_command import erase
from app.langfuse_commands import langfuse
from app.report_commands import costs, report
from app.search_command import search
from app.settings import Settings
from app.telemetry import LINES_WAIT_S, configure_logging

app = typer.Typer(
    name="shelfwise",
    help="Product recommendations with reasons that are true.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


def main() -> None:
    """Entry point. An error that a person can mend ends with one message and exit code 2, never a traceback."""
    for name, value in (
        ("OPENBLAS_NUM_THREADS", "1"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("LITELLM_LOCAL_MODEL_COST_MAP", "True"),
    ):
        os.environ.setdefault(name, value)
    try:
        app()
    except ShelfwiseError as error:
        err.print(str(error), style="red", markup=False, highlight=False)
        sys.exit(2)


@app.callback()
def _configure(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        out.print(__version__)
        raise typer.Exit
    configure_logging(style="console" if sys.stderr.isatty() else "json", level="WARNING")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; other than loopback needs API keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer; one per core at most.")] = 1,
) -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C."""
    from app.bootstrap import open_pseudonyms

    settings = read_settings()
    style: Literal["json", "console"] = "console" if sys.stderr.isatty() else "json"
    configure_logging(style=style, stand_in=open_pseudonyms(settings).of, lines_wait_s=LINES_WAIT_S)
    err.print(f"Shelfwise on http://{host}:{port}", highlight=False)
    if workers == 1:
        from app.main import serve as run

        run(settings, host=host, port=port)
    else:
        from app.workers import serve as supervise

        supervise(settings, host=host, port=port, workers=workers)


@app.command("import")
def import_(
    path: Annotated[
        Path,
        typer.Argument(
            help="Folder with products, events and users as Parquet, CSV or JSONL; or one file, also a Google Merchant "
            "feed (.xml, .tsv) or a Shopify product CSV."
        ),
    ],
    consent: Annotated[
        str | None, typer.Option(help="Consent of shoppers who state none, such as full,true.", metavar="LEVEL,LLM")
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="The products are all there are: delete those that the file does not name."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Also when more than 30% of the products would go.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and write nothing.")] = False,
) -> None:
    """Load a shop's products and behaviour. Can be repeated and resumed; changes nothing when a file is broken."""
    from app.adapters.shop_files.single import open_path
    from app.bootstrap import consent_of, open_store
    from app.ingest.folder import import_folder
    from app.progress_bar import progress_bars

    settings = read_settings()
    try:
        given = None if consent is None else consent_of(consent)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--consent") from error
    now = time.time()
    folder = open_path(path, now)
    store = open_store(settings)
    try:
        with progress_bars() as progress:
            report = import_folder(
                folder,
                store,
                currency=settings.currency,
                consent=given,
                now=now,
                rejects_dir=settings.data_dir / "rejects",
                progress=progress,
                delete_absent=replace,
                force=force,
                dry_run=dry_run,
            )
    finally:
        store.close()
    out.print(_import_table(report))
    if replace:
        out.print(f"Deleted, for the file no longer names them: {report.deleted:,}", highlight=False)
    for example in report.examples:
        out.print(f"  {example}", markup=False, highlight=False)
    if report.dry_run:
        out.print("Dry run: nothing was written.", style="bold")
    for note in report.notes:
        out.print(note, markup=False, highlight=False)
    if report.rejects_file is not None:
        out.print(f"Rejected rows, with line and reason: {report.rejects_file}", markup=False, highlight=False)
    out.print(f"{report.seconds:.1f} s", style="dim", highlight=False)


@app.command()
def train(
    tune: Annotated[bool, typer.Option("--tune", help="Search for better parameters; takes minutes.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Publish the model even if it is worse.")] = False,
) -> None:
    """Embed what changed, train the baseline on a temporal validation slice, and put it to use if it is not worse."""
    from app.progress_bar import progress_bars
    from app.retrain import retrain

    settings = read_settings()
    with progress_bars() as progress:
        done = retrain(settings, tune=tune, force=force, progress=progress)
    for line in done.lines():
        out.print(line, markup=False, highlight=False)
    if not done.model.published:
        raise typer.Exit(3)


@app.command()
def recommend(
    user: Annotated[str, typer.Argument(help="The shopper's id; an unknown one is a new shopper.")],
    limit: Annotated[int, typer.Option(min=1, max=50)] = 5,
    budget: Annotated[str | None, typer.Option(help="Highest price per item; overrides the stored budget.")] = None,
    query: Annotated[str | None, typer.Option(help="What the shopper is looking for.")] = None,
) -> None:
    """Print one shopper's slate with its reasons."""
    from app.bootstrap import build
    from app.domain.deadline import Deadline
    from app.domain.money import format_minor, parse_minor
    from app.domain.ranking import Query

    quieten()
    check_length(user, MAX_ID_CHARS, "USER")
    if query is not None:
        query = " ".join(query.split())
        check_length(query, MAX_QUERY_CHARS, "--query")
    settings = read_settings()
    minor = None if budget is None else parse_minor(budget, settings.currency)
    with quiet_start():
        application = build(settings)
        application.open()
    try:
        asked = Query(user_id=user, limit=limit, budget_minor=minor, text=query)
        slate = asyncio.run(application.service.recommend(asked, Deadline.after_ms(settings.llm_deadline_ms)))
        products = application.service.products([item.product_id for item in slate.items])
    finally:
        application.shut()
    out.print(f"For {user}:", style="bold", markup=False, highlight=False)
    for item in slate.items:
        product = products[item.product_id]
        price = "no price" if product.price_minor is None else format_minor(product.price_minor, settings.currency)
        where = "" if product.category is None else f", {product.category}"
        aside = _escaped(f"{price} {settings.currency}{where}")
        out.print(f"{item.position:>3}  [bold]{_escaped(product.name)}[/] [dim]{aside}[/]", highlight=False)
        out.print(f"     {_escaped(item.reason)}", highlight=False)
    left_out = ", ".join(f"{rule} {n}" for rule, n in slate.excluded.items()) or "nothing"
    out.print(
        f"{slate.candidates} candidates, left out by rule: {left_out}; {slate.strategy} ({slate.fallback_reason}), "
        f"{slate.latency_ms['total']:.1f} ms\n",
        style="dim",
        markup=False,
        highlight=False,
    )


@app.command()
def chat(
    user: Annotated[str | None, typer.Option(help="Talk as this shopper, whose consent holds.")] = None,
) -> None:
    """Talk to the shopping assistant; `exit` or Ctrl-D ends it."""
    from app.chat_console import converse

    quieten()
    if user is not None:
        check_length(user, MAX_ID_CHARS, "--user")

    def line() -> str | None:
        try:
            return input("> " if sys.stdin.isatty() else "")
        except (EOFError, KeyboardInterrupt):
            return None

    asyncio.run(converse(read_settings(), user, line, out))


@app.command(
    "eval",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    help="Measure: rankings against tuned peers on real behaviour, and more (`shelfwise eval --help`).",
)
def eval_(context: typer.Context) -> None:
    """Hands the rest of the line to the evaluations, which nothing else here needs."""
    from evals.cli import evaluations

    evaluations(context.args, prog_name="shelfwise eval")


app.command()(erase)
app.command()(report)
app.command()(costs)
app.command()(search)
app.add_typer(langfuse)


@app.command()
def doctor() -> None:
    """Check settings, rules, data, indexes and model; say what is missing and what to do (exit code 1)."""
    from app.doctor import examine

    quieten()
    findings = examine(read_settings())
    for finding in findings:
        mark = {"ok": "[green]ok[/]     ", "note": "[cyan]note[/]   ", "problem": "[red]problem[/]"}[finding.level]
        out.print(f"{mark}  {_escaped(finding.part)}: {_escaped(finding.text)}", highlight=False)
    if any(finding.level == "problem" for finding in findings):
        raise typer.Exit(1)


def quieten() -> None:
    """Hides warnings about parts that are missing or in use elsewhere: `doctor` reports them in its own words."""
    configure_logging(style="console" if sys.stderr.isatty() else "json", level="ERROR")


def check_length(text: str, longest: int, field: str) -> None:
    """Raises BadInput for a text that the API refuses too: empty or too long."""
    if not 1 <= len(text) <= longest:
        raise BadInput(f"{field} has {len(text):,} characters; it must have 1 to {longest}.", field=field)


def read_settings() -> Settings:
    """Settings of this process. Raises ConfigurationError naming each wrong one, without its value."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"SHELFWISE_{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise ConfigurationError(f"A setting is wrong. {wrong}") from None


def _import_table(report: ImportReport) -> Table:
    table = Table(box=None, pad_edge=False)
    headings = ["file", "rows", "inserted", "updated", "unchanged", "duplicate", "rejected"]
    some_resumed = any(file.resumed for file in report.files)
    if some_resumed:
        headings.append("resumed")  # written by the interrupted import that this one went on with
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "file" else "right")
    for file in report.files:
        written = file.written
        counts = [file.rows, written.inserted, written.updated, written.unchanged, written.duplicates, file.rejected]
        if some_resumed:
            counts.append(file.resumed)
        name = f"{file.file} (imported before)" if file.skipped else file.file
        table.add_row(name, *(f"{n:,}" for n in counts))
    return table


def _escaped(text: str | None) -> str:
    from rich.markup import escape

    return escape(text or "")


@contextmanager
def quiet_start() -> Iterator[None]:
    """Says that something is loading while a person waits."""
    if sys.stderr.isatty():
        with err.status("Loading"):
            yield
    else:
        yield
