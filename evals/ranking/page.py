"""docs/quality.md from the JSON files of the evaluations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.finder import HISTORY_LIMIT
from app.pipeline.candidates import POOL
from evals.ranking.losses import FEWEST, losses
from evals.ranking.results import Evaluation, read_evaluation, read_json
from evals.statistics import HISTORY, Estimate


def write_page(folder: Path, target: Path) -> None:
    """Writes the page from `ranking-*.json` and `scaling.json` of the folder; what is not there is left out."""
    results = [read_evaluation(path) for path in sorted(folder.glob("ranking-*.json"))]
    scaling = read_json(folder / "scaling.json") if (folder / "scaling.json").exists() else None
    target.write_text("\n".join(_lines(results, scaling)) + "\n", encoding="utf-8")


def _lines(results: Sequence[Evaluation], scaling: Mapping[str, Any] | None) -> Iterator[str]:
    yield "# Ranking quality"
    yield ""
    yield "Written by `make quality` from `docs/quality/*.json`; don't edit."
    yield ""
    yield (
        "The service is ranked by its own pipeline: the product's import of the train part into an empty data folder, "
        "the product's training, and the stages that answer a request, with the clock at the cut. Peers are tuned in "
        "the same run on the last slice of train. Intervals are 95% percentile bootstraps over shoppers; differences "
        "are paired. The best peer is the one that does best on the test part, which favours the peers. Figures are "
        "over shoppers with a history; those without stand in the segment 0, where every peer answers what is popular."
    )
    yield ""
    yield (
        "NDCG@10 has binary gain, discount log2(position + 1) and an ideal of min(10, relevant) ones. The protocols "
        "leave caps and diversity out; the line *shop's slate rules* has them. The service's ranking ends with its "
        f"candidates, at most {POOL} before the rules, a peer's with the catalogue: recall@500 shows what that costs."
    )
    yield ""
    yield (
        "What these figures can't tell: a product's price, stock and text are those of the folder where it has no "
        "history of them, so they may be from after the cut; a product without a creation date exists from its first "
        "event on, and one without any event always; the service reads a shopper's newest "
        f"{HISTORY_LIMIT:,} interactions, so of the few who have more it may show again what they own; and nobody was "
        "shown these slates, so what they would have bought because of them is not in the data."
    )
    for result in results:
        yield from _evaluation(result)
    if scaling is not None:
        yield from _scaling(scaling)


def _evaluation(r: Evaluation) -> Iterator[str]:
    yield ""
    yield f"## {r.data}, `{r.protocol}`"
    yield ""
    yield (
        f"{held_out(r)}; {r.train_events:,} of {r.events:,} events in "
        f"train, {r.products:,} products, {r.tested_with_history:,} shoppers with a history tested, "
        f"{r.relevant_each:.1f} relevant products each ({', '.join(r.relevant_kinds)}); "
        f"{r.left_out:,} shoppers had nothing relevant and are "
        f"left out.{' **Quick run: peers untuned.**' if r.quick else ''}"
        f"{'' if r.embedded else ' **Without vectors: nothing is found by content.**'}"
    )
    yield ""
    yield f"| | NDCG@10 | against {r.best_peer} | P@10 | recall@10 | hit@10 | recall@100 | recall@500 |"
    yield "|---|---|---|---|---|---|---|---|"
    for m in r.models:
        against = "" if m.against_best_peer is None else _difference(m.against_best_peer)
        rest = " | ".join(
            _interval(m.metrics[k], 3) for k in ("precision", "recall", "hit", "recall@100", "recall@500")
        )
        yield f"| {m.name} | {_interval(m.metrics['ndcg'])} | {against} | {rest} |"
    yield ""
    yield "| | coverage | novelty, bits | diversity | popularity percentile | Gini | fit, s | MiB | ms per shopper |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for m in r.models:
        rest = " | ".join(
            _interval(m.metrics[k], 3) for k in ("coverage", "novelty", "diversity", "popularity", "gini")
        )
        yield f"| {m.name} | {rest} | {_figure(m.fit_s, 1)} | {_figure(m.fit_mib, 0)} | {m.ms_per_shopper:.2f} |"
    yield ""
    named = [name for name in HISTORY.names if r.models[0].segments[name].n > 0]
    yield "| NDCG@10 by interactions | " + " | ".join(f"{n} (n={r.models[0].segments[n].n:,})" for n in named) + " |"
    yield "|---|" + "---|" * len(named)
    for m in r.models:
        yield f"| {m.name} | " + " | ".join(_segment(m.segments[name]) for name in named) + " |"
    if r.service is not None:
        s = r.service
        yield ""
        yield (
            f"Import {s.import_s:.1f} s, embedding {s.embed_s:.1f} s, training {s.train_s:.1f} s, peak memory of that "
            f"process {_figure(s.peak_mib, 0)} MiB."
        )
    yield from _cold(r)
    yield from _tradeoff(r)
    yield ""
    yield "Where it loses:"
    yield ""
    yield from (f"- {line}" for line in losses(r) or ["Nowhere in these figures."])


def held_out(r: Evaluation) -> str:
    """What is train and what is test, in words."""
    if r.protocol == "leave-last-out":
        return (
            "Of each shopper the last day with a purchase is held out, for validation the one before it; the clock "
            f"stands at the end of train, {r.cut[:10]}, for everybody, so others' later purchases are known and short "
            "histories may lie years back: a protocol to compare with papers, not what a shop would see"
        )
    return f"Cut {r.cut[:10]}, validation from {r.validation_cut[:10]}"


def _cold(r: Evaluation) -> Iterator[str]:
    if r.cold is None:
        return
    yield ""
    yield (
        "Cold start: the same shoppers, of whom only the last interactions are shown. Relevant is what they bought "
        "after the cut and is not among what is shown; *strict* counts only what is new to their whole history."
    )
    yield ""
    yield "| shown | | NDCG@10 | against popular | against best folded-in peer | strict |"
    yield "|---|---|---|---|---|---|"
    for c in r.cold.histories:
        popular = "" if c.against_popular is None else _difference(c.against_popular)
        peer = "" if c.against_best_peer is None else _difference(c.against_best_peer)
        strict = "" if c.strict is None else _interval(c.strict)
        yield f"| {c.shown} | {c.name} | {_interval(c.ndcg)} | {popular} | {peer} | {strict} |"
    for s in r.cold.stated:
        if s.against_nothing is not None:
            yield ""
            yield (
                f"Stated interests and nothing else ({s.note}, {s.ndcg.n:,} shoppers): {_interval(s.ndcg)}; against "
                f"being told nothing {_difference(s.against_nothing)}."
            )
    for n in r.cold.new_items:
        yield ""
        yield (
            f"New products ({r.cold.new_items_held_out} with every interaction held out), {n.name}: "
            f"{_interval(n.share_among_candidates, 3)} of those bought are among the candidates, NDCG@10 of the order "
            f"among new products {_interval(n.ndcg_among_new, 3)} ({n.ndcg_among_new.n:,} shoppers)."
        )


def _tradeoff(r: Evaluation) -> Iterator[str]:
    if not r.tradeoff:
        return
    yield ""
    yield "Relevance against margin, under the shop's own eligibility and slate rules:"
    yield ""
    yield "| | NDCG@10 | share of relevance's | margin per slate of ten | margin rate |"
    yield "|---|---|---|---|---|"
    for t in r.tradeoff:
        kept = "" if t.kept is None else _interval(t.kept, 3)
        yield (
            f"| {t.name} | {_interval(t.ndcg)} | {kept} | {_interval(t.margin_per_slate, 2)} | "
            f"{_interval(t.margin_rate, 3)} |"
        )


def _scaling(scaling: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "## Growth"
    yield ""
    yield (
        "Synthetic shops through the product's own store, training and requests, without vectors; each step in a "
        "process of its own. `shelfwise eval scaling`."
    )
    yield ""
    yield (
        "| events | shoppers | products | database, MiB | reading events, s | reading and training, s | peak, MiB | "
        "open, s | request p50 / p95, ms | serving peak, MiB |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for line in scaling["sizes"]:
        size = line["size"]
        yield (
            f"| {size['events']:,} | {size['shoppers']:,} | {size['products']:,} | {line['database_mib']:,.0f} | "
            f"{line['read_s']:.1f} | {line['train_s']:.1f} | {_figure(line['train_peak_mib'], 0)} | "
            f"{line['open_s']:.2f} | {line['ms_p50']:.1f} / {line['ms_p95']:.1f} | "
            f"{_figure(line['serve_peak_mib'], 0)} |"
        )
    machine = scaling["machine"]
    yield ""
    yield f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Python {machine['python']}."


def _segment(e: Estimate) -> str:
    return f"{e.value:.4f}" if 0 < e.n < FEWEST else _interval(e)


def _interval(e: Estimate, digits: int = 4) -> str:
    return "–" if e.n == 0 else f"{e.value:.{digits}f} [{e.low:.{digits}f}, {e.high:.{digits}f}]"


def _difference(e: Estimate) -> str:
    return "–" if e.n == 0 else f"{e.value:+.4f} [{e.low:+.4f}, {e.high:+.4f}]"


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"
