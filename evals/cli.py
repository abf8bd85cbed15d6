"""`shelfwise eval …`: the evaluations."""

from __future__ import annotations

import datetime as dt
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from app.domain.errors import BadInput

if TYPE_CHECKING:
    from evals.ranking.experiment import Plan
    from evals.ranking.shop_data import ShopData
    from evals.rerank.run import Wish

evaluations = typer.Typer(
    name="eval", help="Evaluations.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
# A file or a pipe has no width of its own, and the tables are wide.
out = Console(width=None if sys.stdout.isatty() else 180)
err = Console(stderr=True, soft_wrap=True)


@evaluations.callback()
def _prepare() -> None:
    """Evaluations: what the rankings are worth, measured."""
    # Figures must not depend on a model hub being reachable.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


@evaluations.command()
def ranking(
    data: Annotated[Path, typer.Option(help="Folder with products and events, as `shelfwise import` takes it.")],
    protocol: Annotated[Literal["novel", "any", "leave-last-out"], typer.Option(help="What is to be foreseen.")],
    cut: Annotated[str | None, typer.Option(help="First day of the test part, UTC.", metavar="DATE")] = None,
    validation_cut: Annotated[
        str | None, typer.Option(help="First day of the slice that peers are tuned on.", metavar="DATE")
    ] = None,
    folder: Annotated[Path, typer.Option("--out", help="Where JSON and report go.")] = Path("var/eval"),
    currency: Annotated[str, typer.Option(help="Of the prices.")] = "EUR",
    quick: Annotated[bool, typer.Option("--quick", help="One setting per peer, 200 resamples.")] = False,
    embed: Annotated[bool, typer.Option(help="Embed the products; without, nothing is found by content.")] = True,
    tune: Annotated[bool, typer.Option("--tune", help="Train the service with --tune.")] = False,
    add: Annotated[
        bool,
        typer.Option("--add", help="Only what --cold and --tradeoff ask for, added to the JSON of an earlier run."),
    ] = False,
    cold: Annotated[bool, typer.Option("--cold", help="Also with histories hidden, and new products.")] = False,
    tradeoff: Annotated[bool, typer.Option("--tradeoff", help="Also relevance against margin; needs costs.")] = False,
    vectors: Annotated[
        Path | None, typer.Option(help="Folder in which item vectors are kept for the next run.")
    ] = None,
    rules: Annotated[Path | None, typer.Option(help="Folder of rules, for signals and slate; else the shop's.")] = None,
    seed: Annotated[int, typer.Option(help="Of every bootstrap.")] = 20260101,
    category: Annotated[
        bool, typer.Option("--by-category", help="Rank categories in place of products: for very wide catalogues.")
    ] = False,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="Instead of peers: what a model adds to the service's ranking.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="With --rerank: a litellm id; else SHELFWISE_LLM_MODEL.", metavar="ID")
    ] = None,
    recorded: Annotated[
        Path | None, typer.Option(help="With --rerank: read replies from this file and ask nobody.", metavar="FILE")
    ] = None,
    max_usd: Annotated[float, typer.Option(min=0, help="With --rerank: the most that this run may spend.")] = 1.0,
    limit_users: Annotated[int, typer.Option(min=1, help="With --rerank: requests, over all segments.")] = 400,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="With --rerank: calls at a time.")] = 8,
    write_gate: Annotated[
        bool, typer.Option("--write-gate", help="With --rerank: write the weights earned into gate.yaml.")
    ] = False,
    consent: Annotated[
        str | None,
        typer.Option(help="With --rerank: consent of shoppers who state none, such as full,true.", metavar="LEVEL,LLM"),
    ] = None,
) -> None:
    """Rank real shoppers by the service's own pipeline and by tuned peers, and compare."""
    from evals.ranking.by_category import by_category
    from evals.ranking.cold import evaluate_cold
    from evals.ranking.experiment import Plan, arena, evaluate
    from evals.ranking.results import read_evaluation, write_json
    from evals.ranking.shop_data import read_shop
    from evals.ranking.table import print_evaluation
    from evals.ranking.tradeoff import evaluate_tradeoff
    from evals.rerank.run import Wish

    plan = Plan(protocol, _day(cut, "--cut"), _day(validation_cut, "--validation-cut"), quick, embed, tune, seed)
    shop = by_category(read_shop(data, currency)) if category else read_shop(data, currency)
    if rerank:
        wish = Wish(model, recorded, max_usd, limit_users, concurrency, write_gate, consent)
        _rerank(shop, plan, wish, folder, rules=rules, vectors=vectors)
        return
    if model or recorded or write_gate or consent:
        raise BadInput("--model, --recorded, --write-gate and --consent go with --rerank.")
    path = folder / f"ranking-{shop.name}-{protocol}.json"
    before = read_evaluation(path) if add else None
    if before is not None:
        plan = replace(plan, settings={model.name: model.setting for model in before.models if model.setting})
    with arena(shop, plan, _say, rules_source=rules, vectors=vectors) as ground:
        result = before if before is not None else evaluate(ground, _say)
        if cold:
            result = replace(result, cold=evaluate_cold(ground, _say))
        if tradeoff:
            result = replace(result, tradeoff=evaluate_tradeoff(ground, _say))
    write_json(result, path)
    print_evaluation(result, out)
    out.print(f"Written: {path}", highlight=False, markup=False)
    try:
        from evals.ranking.report import write_report
    except ImportError:
        out.print("No HTML report: its plots need matplotlib (pip install 'shelfwise[eval]').", markup=False)
        return
    write_report(result, path.with_suffix(".html"))
    out.print(f"Written: {path.with_suffix('.html')}", highlight=False, markup=False)


def _rerank(shop: ShopData, plan: Plan, wish: Wish, folder: Path, *, rules: Path | None, vectors: Path | None) -> None:
    from evals.rerank.run import run
    from evals.rerank.table import print_rerank

    result, path = run(shop, plan, wish, folder, _say, rules=rules, vectors=vectors)
    print_rerank(result, out)
    out.print(f"Written: {path}", highlight=False, markup=False)
    if result.gate_refused:
        raise typer.Exit(2)


@evaluations.command()
def page(
    folder: Annotated[Path, typer.Option("--from", help="Folder with the JSON files.")] = Path("docs/quality"),
    target: Annotated[Path, typer.Option("--to", help="The page.")] = Path("docs/quality.md"),
    reports: Annotated[Path | None, typer.Option(help="Write the HTML reports anew, too, in this folder.")] = None,
) -> None:
    """Write docs/quality.md from the results of earlier runs."""
    from evals.ranking.page import write_page
    from evals.ranking.report import write_report
    from evals.ranking.results import read_evaluation

    write_page(folder, target)
    if reports is not None:
        for path in sorted(folder.glob("ranking-*.json")):
            write_report(read_evaluation(path), reports / f"{path.stem}.html")
    out.print(f"Written: {target}", highlight=False, markup=False)


@evaluations.command()
def scaling(
    size: Annotated[int | None, typer.Option(min=1, max=3, help="Only the first, second or third size.")] = None,
    folder: Annotated[Path, typer.Option("--out", help="Where the JSON goes; sizes measured before are kept.")] = Path(
        "var/eval"
    ),
) -> None:
    """Time and memory of training and serving at three sizes, to 10 million synthetic events."""
    from evals.ranking.results import plain, read_json, write_json
    from evals.ranking.scaling import SIZES, measure
    from evals.ranking.scaling import scaling as result_of

    path = folder / "scaling.json"
    before = read_json(path)["sizes"] if path.exists() else []
    chosen = SIZES if size is None else SIZES[size - 1 : size]
    measured = []
    for one in chosen:
        _say(f"{one.events:,} events, {one.shoppers:,} shoppers, {one.products:,} products")
        measured.append(measure(one, folder / "scaling-work"))
        _say(str(plain(measured[-1])))
    fresh = plain(result_of(measured))
    made = {line["size"]["events"] for line in fresh["sizes"]}
    kept = [line for line in before if line["size"]["events"] not in made]
    fresh["sizes"] = sorted([*kept, *fresh["sizes"]], key=lambda line: line["size"]["events"])
    write_json(fresh, path)
    out.print(f"Written: {path}", highlight=False, markup=False)


@evaluations.command()
def search(
    data: Annotated[Path, typer.Option(help="Folder with products and judgements as Parquet.")],
    folder: Annotated[Path, typer.Option("--out", help="Where the JSON and the indexed catalogue go.")] = Path(
        "var/eval"
    ),
    page: Annotated[Path | None, typer.Option(help="Where the page goes, where one is wanted.")] = None,
    currency: Annotated[str, typer.Option(help="Of the prices.")] = "USD",
    seed: Annotated[int, typer.Option(help="Of folds, typing errors and bootstrap.")] = 20260101,
) -> None:
    """Rank the answers to judged queries by words, by meaning and by the service's mix, and compare."""
    from evals.search.judgements import read_judgements
    from evals.search.measure import measure
    from evals.search.page import print_figures, write_figures
    from evals.search.shop import search_shop

    judged = read_judgements(data)
    with search_shop(data, folder / f"search-{data.resolve().name}", currency, _say) as shop:
        _say(f"{len(judged)} queries, {shop.n:,} products")
        figures = measure(shop, judged, seed=seed)
    path = folder / f"search-{data.resolve().name}.json"
    write_figures(figures, path, page)
    print_figures(figures, out)
    out.print(f"Written: {path}", highlight=False, markup=False)


@evaluations.command()
def prompts(
    prompt: Annotated[str, typer.Option(help="The prompt under test, such as rerank/v2.", metavar="NAME/VERSION")],
    against: Annotated[
        str | None, typer.Option(help="The prompt that it is set against.", metavar="NAME/VERSION")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A litellm id, asked and paid for; may be repeated.", metavar="ID")
    ] = None,
    recorded: Annotated[
        Path | None, typer.Option(help="Read replies from this file and ask nobody.", metavar="FILE")
    ] = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Also a program that plays a provider: no quality is measured.")
    ] = False,
    knobs: Annotated[str, typer.Option(help="Of the simulated provider: quality=0.5,ttft_ms=0.")] = "",
    scenario: Annotated[
        list[str] | None, typer.Option("--scenarios", help="Ids, or how they begin; may be repeated.")
    ] = None,
    stratum: Annotated[list[str] | None, typer.Option(help="Only scenarios of it; may be repeated.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many scenarios, spread over the golden set.")] = None,
    shuffles: Annotated[int, typer.Option(min=0, max=20, help="Further orders of each prompt's lines.")] = 5,
    variants: Annotated[bool, typer.Option(help="Ask the metamorphic variants, too.")] = True,
    max_usd: Annotated[float, typer.Option(min=0, help="The most that this run may spend.")] = 1.0,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Calls at a time.")] = 8,
    rpm: Annotated[float | None, typer.Option(min=0.1, help="Calls begun in a minute, at most.")] = None,
    folder: Annotated[Path, typer.Option("--out", help="Where replies and reports go.")] = Path("var/eval/prompts"),
    gates: Annotated[
        Path | None, typer.Option(help="What decides the exit code; else evals/prompts/gates.yaml.", metavar="FILE")
    ] = None,
    langfuse: Annotated[
        bool, typer.Option("--langfuse", help="Also tell Langfuse: scenarios as a dataset, each run as an experiment.")
    ] = False,
) -> None:
    """Measure a rerank prompt on the golden set, alone or against another. Exit code 1: a gate fails."""
    from app.cli import read_settings
    from evals.prompts import command
    from evals.prompts.reports.terminal import print_report
    from evals.rerank.asking import Pace

    wish = command.Wish(
        prompt=prompt,
        against=against,
        models=tuple(model or ()),
        recorded=recorded,
        simulated=simulated,
        knobs=knobs,
        scenarios=tuple(scenario or ()),
        strata=tuple(stratum or ()),
        limit=limit,
        shuffles=shuffles,
        variants=variants,
        max_usd=max_usd,
        pace=Pace(concurrency, rpm, again=5),
        folder=folder,
        gates=gates,
        langfuse=langfuse,
    )
    settings = read_settings()
    with command.progress_bar(err) as follow:
        report = command.run(wish, settings, _say, follow)
    print_report(report, out)
    command.write_reports(report, folder, _say, settings.llm_deadline_ms / 1000.0)
    if langfuse:
        command.tell_langfuse(report, settings, _say)
    if report.failed:
        raise typer.Exit(1)


@evaluations.command()
def chat(
    data: Annotated[Path, typer.Option(help="A trained demo shop, of which a copy is talked to.")] = Path("var/demo"),
    model: Annotated[
        str | None, typer.Option(help="A litellm id, asked and paid for; else SHELFWISE_LLM_MODEL.", metavar="ID")
    ] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="A program plays the model.")] = False,
    knobs: Annotated[str, typer.Option(help="Of the simulated provider: ttft_ms=0,obey=true.")] = "",
    stratum: Annotated[list[str] | None, typer.Option(help="Only conversations of it; may be repeated.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many conversations, spread evenly.")] = None,
    max_usd: Annotated[float, typer.Option(min=0, help="The most that this run may spend.")] = 1.0,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Conversations at a time.")] = 4,
    folder: Annotated[Path, typer.Option("--out", help="Where the JSON goes.")] = Path("var/eval/prompts"),
) -> None:
    """Hold the golden conversations with the shopping assistant. Exit code 1: a promise is broken."""
    from app.cli import read_settings
    from evals.prompts.chat_golden import load_chat
    from evals.prompts.chat_running import run_chat
    from evals.prompts.command import chosen
    from evals.prompts.providers import knobs as read_knobs
    from evals.prompts.reports.chat import chat_json, print_chat
    from evals.ranking.results import write_json

    settings = read_settings()
    if model is not None:
        settings = settings.model_copy(update={"llm_model": model})
    conversations = chosen(load_chat(), (), tuple(stratum or ()), limit)
    given = read_knobs(knobs) if simulated else None
    run = run_chat(data, conversations, settings, simulated=given, concurrency=concurrency, max_usd=max_usd)
    print_chat(run, out)
    write_json(chat_json(run), folder / "chat.json")
    _say(f"Written: {folder / 'chat.json'}")
    if run.failed:
        raise typer.Exit(1)


@evaluations.command()
def load(
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            help="steady, ramp, overload, outage, flapping, cold, mixed, shoppers or all; may be repeated.",
            metavar="NAME",
        ),
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="Measured; of a ramp for each step.")] = None,
    requests: Annotated[int | None, typer.Option(min=1, help="Slates, in place of --seconds.")] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="Slates a second; of overload how many times the peak.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the plan: who asks for what, and when.")] = 20260101,
    folder: Annotated[
        Path, typer.Option("--out", help="Where the reports go; other scenarios' results there are kept.")
    ] = Path("var/eval/load"),
    data: Annotated[Path, typer.Option(help="A trained shop, of which copies are served.")] = Path("var/demo"),
    workers: Annotated[int, typer.Option(min=1, max=64, help="Of the service that is started.")] = 1,
    url: Annotated[
        str | None, typer.Option(help="Ask this service instead, http://HOST:PORT, as strangers.", metavar="URL")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="With --url: also send events, which stay in that shop.")
    ] = False,
    key_file: Annotated[
        Path | None, typer.Option(help="With --url: a file with the API key to send.", metavar="FILE")
    ] = None,
) -> None:
    """Put a service under load, scenario by scenario. Exit code 1: something that must hold does not."""
    from evals.load.command import Asked, run_load

    asked = Asked(
        scenarios=tuple(scenario or ("all",)),
        seconds=seconds,
        requests=requests,
        rate=rate,
        seed=seed,
        folder=folder,
        data=data,
        workers=workers,
        url=url,
        write=write,
        key_file=key_file,
    )
    missed = run_load(asked, _say)
    for sentence in missed:
        err.print(sentence, style="red", highlight=False, markup=False)
    if missed:
        raise typer.Exit(1)


def _day(text: str | None, option: str) -> float | None:
    """Midnight UTC of a day, epoch seconds."""
    if text is None:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{option} {text!r} is not a day; write 2011-09-01.") from error
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp()


def _say(line: str) -> None:
    err.print(line, style="dim", highlight=False, markup=False)
