"""Results written, read again, shown as a table, a page and a report, and the losses that they admit."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from app.domain.errors import BadInput
from evals.ranking.losses import losses
from evals.ranking.page import write_page
from evals.ranking.report import write_report
from evals.ranking.results import (
    Cold,
    ColdResult,
    Evaluation,
    ModelResult,
    NewItemResult,
    StatedResult,
    TradeoffPoint,
    plain,
    read_evaluation,
    write_json,
)
from evals.ranking.table import print_evaluation
from evals.statistics import HISTORY, NOTHING, Estimate

FIGURES = (
    *("ndcg", "precision", "recall", "hit", "recall@100", "recall@500"),
    *("coverage", "novelty", "diversity", "popularity", "gini"),
)


def about(value: float, n: int = 100) -> Estimate:
    """A figure with an interval of ±0.01."""
    return Estimate(value, round(value - 0.01, 6), round(value + 0.01, 6), n)


def model(name: str, ndcg: float, against: float | None, **segments: float) -> ModelResult:
    """A recommender all of whose figures are its NDCG; segments not named are empty."""
    by_history = {name: about(segments[f"s{name}"]) if f"s{name}" in segments else NOTHING for name in HISTORY.names}
    return ModelResult(
        name=name,
        kind="service" if name.startswith("Shelfwise") else "control" if name == "popular" else "peer",
        metrics={figure: about(ndcg) for figure in FIGURES},
        segments=by_history,
        ms_per_shopper=1.5,
        setting={"neighbours": 20} if name == "cosine" else {},
        fit_s=1.0,
        fit_mib=None,
        against_best_peer=None if against is None else about(against),
    )


@pytest.fixture
def result() -> Evaluation:
    return Evaluation(
        data="toy",
        protocol="novel",
        cut="2020-01-02T00:00:00+00:00",
        validation_cut="2020-01-01T00:00:00+00:00",
        events=10,
        train_events=8,
        products=5,
        train_shoppers=3,
        tested=120,
        tested_with_history=100,
        relevant_each=2.5,
        left_out=1,
        relevant_kinds=("purchase",),
        models=(
            model("Shelfwise", 0.20, 0.05, s0=0.05),
            model("cosine", 0.15, None, s0=0.08),
            model("popular", 0.10, -0.05, s0=0.08),
        ),
        best_peer="cosine",
        service=None,
        baseline_version="v<1>",
        embedded=True,
        quick=False,
        seed=1,
        resamples=100,
        machine={"cpu": "some <cpu>", "cores": 2, "memory_gib": 8},
        cold=Cold(
            histories=(
                ColdResult(1, "Shelfwise", about(0.05), None, about(0.02), about(-0.02)),
                ColdResult(1, "cosine", about(0.07), None, about(0.04), None),
                ColdResult(1, "popular", about(0.03), None, None, about(-0.04)),
            ),
            stated=(StatedResult("interests", about(0.1), about(0.05), "as shoppers stated them"),),
            new_items=(
                NewItemResult("Shelfwise", about(0.05), about(0.3)),
                NewItemResult("chance", about(0.06), about(0.2)),
            ),
            new_items_held_out=4,
        ),
        tradeoff=(
            TradeoffPoint("relevance", {"userMatch": 1.0}, about(0.2), about(10.0), about(0.4)),
            TradeoffPoint("shop, as shipped", {"userMatch": 0.4}, about(0.15), about(12.0), about(0.5), about(0.75)),
        ),
    )


def test_what_is_written_is_read_again(result: Evaluation, tmp_path: Path) -> None:
    """Every figure comes back, and one that could not be computed is no 0."""
    write_json(result, tmp_path / "r.json")
    again = read_evaluation(tmp_path / "r.json")
    assert again.models[0].metrics == result.models[0].metrics
    assert plain(again.cold) == plain(result.cold)
    assert plain(again.tradeoff) == plain(result.tradeoff)
    empty = again.models[0].segments["1"]
    assert empty.n == 0
    assert empty.value != empty.value
    write_json(again, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "r.json").read_bytes()


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    """Neither a missing file nor another JSON is taken for a result."""
    with pytest.raises(BadInput, match="does not exist"):
        read_evaluation(tmp_path / "none.json")
    (tmp_path / "other.json").write_text('{"sizes": []}')
    with pytest.raises(BadInput, match="is no result"):
        read_evaluation(tmp_path / "other.json")


def test_losses_are_found_without_being_told(result: Evaluation) -> None:
    """New shoppers, the cold peer and the shop mode's target are named; what is won is not."""
    found = losses(result)
    assert [line for line in found if line.startswith("New shoppers (n=100): NDCG@10 0.0500, plain bestsellers 0.0800")]
    assert [line for line in found if line.startswith("With the last 1 interactions shown: 0.0200 (for certain")]
    assert [line for line in found if line.startswith("Mode shop as shipped keeps 75%")]
    assert [line for line in found if line.startswith("New products: 5.0% of those bought are among the candidates")]
    assert not [line for line in found if "overall" in line or "popular" in line or "P@10" in line]


def test_a_worse_service_loses_overall(result: Evaluation) -> None:
    """A negative paired difference is the first loss, with whether it is certain."""
    worse = replace(result.models[0], against_best_peer=about(-0.005))
    found = losses(replace(result, models=(worse, *result.models[1:])))
    assert found[0].startswith("NDCG@10 overall: 0.0050 (not for certain")


def test_a_service_that_loses_nowhere_admits_nothing(result: Evaluation) -> None:
    """Without anything behind, the list is empty, and the page says so."""
    best = model("Shelfwise", 0.2, 0.05, s0=0.5)
    best = replace(best, metrics={**best.metrics, "gini": about(0.1)})
    assert losses(replace(result, models=(best, *result.models[1:]), cold=None, tradeoff=())) == []


def test_the_report_is_one_file_without_scripts(result: Evaluation, tmp_path: Path) -> None:
    """No script, no address that would be loaded, five plots, and text from data is escaped."""
    write_report(result, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    tags: list[str] = []
    loads: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            loads.extend(
                v or "" for k, v in attrs if k in {"src", "href", "xlink:href"} and not (v or "").startswith("#")
            )

    Reader().feed(page)
    assert tags.count("svg") == 5
    assert "script" not in tags
    assert "link" not in tags
    assert loads == []
    assert "url(http" not in page
    assert "some &lt;cpu&gt;" in page
    assert "0.2000 [0.1900, 0.2100]" in page


def test_the_same_result_gives_the_same_report(result: Evaluation, tmp_path: Path) -> None:
    """Plots carry no date and no random ids."""
    for name in ("a", "b"):
        write_report(result, tmp_path / f"{name}.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_the_page_holds_every_model_and_the_losses(result: Evaluation, tmp_path: Path) -> None:
    """docs/quality.md is made from the files of a folder; tables have as many cells in every row."""
    write_json(result, tmp_path / "ranking-toy-novel.json")
    write_page(tmp_path, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    for name in ("Shelfwise", "cosine", "popular"):
        assert f"| {name} | 0." in text
    for line in losses(result):
        assert f"- {line}" in text
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({row.count("|") for row in table.splitlines()}) == 1


def test_growth_is_part_of_the_page(tmp_path: Path) -> None:
    """Sizes measured one after the other stand in one table."""
    size = {"events": 100_000, "shoppers": 5_000, "products": 2_000}
    line = dict.fromkeys(("write_s", "database_mib", "train_s", "read_s", "open_s", "ms_p50", "ms_p95"), 1.25)
    write_json(
        {
            "sizes": [{"size": size, **line, "train_peak_mib": 512.0, "serve_peak_mib": None, "message": ""}],
            "machine": {"cpu": "x", "cores": 2, "memory_gib": 8, "python": "3.11"},
        },
        tmp_path / "scaling.json",
    )
    write_page(tmp_path, tmp_path / "page.md")
    assert (
        "| 100,000 | 5,000 | 2,000 | 1 | 1.2 | 1.2 | 512 | 1.25 | 1.2 / 1.2 | – |" in (tmp_path / "page.md").read_text()
    )


def test_the_table_names_every_recommender(result: Evaluation) -> None:
    """The terminal shows each with its NDCG@10."""
    console = Console(width=200, record=True, file=(Path("/dev/null").open("w")))  # noqa: SIM115
    print_evaluation(result, console)
    console.file.close()
    text = console.export_text()
    for one in result.models:
        assert re.search(rf"{one.name}\s+{one.metrics['ndcg'].value:.4f}", text)


def test_a_peer_that_leads_in_one_segment_only_is_named(result: Evaluation) -> None:
    """Not the best overall, but ahead in a segment by more than both intervals: that is a loss as well."""
    models = (
        model("Shelfwise", 0.20, 0.05, s0=0.05, s3=0.10, s2=0.10),
        model("cosine", 0.15, None, s0=0.08, s3=0.12, s2=0.10),
        model("BM25", 0.14, -0.01, s0=0.08, s3=0.36, s2=0.11),
        model("popular", 0.10, -0.05, s0=0.08, s3=0.9, s2=0.9),
    )
    told = [line for line in losses(replace(result, models=models)) if "of all peers" in line]
    assert told == ["Shoppers with 3 interactions (n=100): NDCG@10 0.1000, BM25, the best of all peers there, 0.3600."]


def test_the_page_says_what_was_held_out(result: Evaluation, tmp_path: Path) -> None:
    """A cut in time, or each shopper's last day, which looks into the shop's future and says so."""
    pages = {}
    for protocol in ("novel", "leave-last-out"):
        folder = tmp_path / protocol
        write_json(replace(result, protocol=protocol), folder / "ranking-toy.json")
        write_page(folder, folder / "page.md")
        write_report(replace(result, protocol=protocol), folder / "page.html")
        pages[protocol] = (folder / "page.md").read_text(), (folder / "page.html").read_text()
    assert all("Cut 2020-01-02, validation from 2020-01-01" in page for page in pages["novel"])
    assert all("the last day with a purchase is held out" in page for page in pages["leave-last-out"])
