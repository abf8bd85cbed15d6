"""docs/sybils.md, made from what `python -m evals.security.sybils` found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def page(found: Mapping[str, Any]) -> str:
    """Markdown."""
    attacked, chance, bound = found["attacked"], found["chance"], found["bound"]
    free, paid = ([one for one in attacked if one["pays"] == pays] for pays in (False, True))
    worst = max(attacked, key=lambda one: float(one["rise"]))
    lines = [
        "# Fake accounts: what one in a hundred can do for a product",
        "",
        "Made by `python -m evals.security.sybils` on the demo shop (invented shoppers): "
        f"{attacked[0]['shoppers']} honest shoppers and {attacked[0]['accounts']} fake accounts, who act for one "
        "product in one way at a time. Their events are taken as a browser's are, every body twice; then the baseline "
        "is trained and published whatever its verdict, and each honest shopper's home slate of ten is computed "
        "without a model. The figure: in how many slates of a hundred the product stands, after less before, with a "
        f"95% bootstrap interval over shoppers. Trainings of each case, with a seed each: {found['trainings']}.",
        "",
        f"**The bound is {bound} points. Without paying for anything {_verdict(free, bound)} With one real order of "
        f"each account {_verdict(paid, bound)}** The largest rise: "
        f"{worst['rise']:+.2f} points ({worst['strategy']}, the {worst['target']} product).",
        "",
        "| product | top category | honest shoppers who took it |",
        "|---|---|---|",
        *(f"| {t['kind']} | {t['category'].split('>')[0].strip()} | {t['takers']} |" for t in found["targets"]),
        "",
        "| what the accounts do | consent that they state |",
        "|---|---|",
        *(f"| **{s['name']}**: {s['does']} | {s['consent'] or 'none stated'} |" for s in found["strategies"]),
        "",
        "| way | product | slates before, % | after, % | rise, points | place by popularity | place by trend | gained "
        "slates, by interactions of the shopper |",
        "|---|---|---|---|---|---|---|---|",
        *(_line(one["strategy"], one, bold=one["rise"] > bound) for one in attacked),
        "",
        "## By chance",
        "",
        "The same shop without fake accounts, one training with another seed against one with the first:",
        "",
        "| way | product | slates before, % | after, % | rise, points | place by popularity | place by trend | gained "
        "slates, by interactions of the shopper |",
        "|---|---|---|---|---|---|---|---|",
        *(_line(f"seed {one['seed']}", one, bold=False) for one in chance),
        "",
    ]
    return "\n".join(lines)


def _verdict(cases: Sequence[Mapping[str, Any]], bound: float) -> str:
    missed = sum(one["rise"] > bound for one in cases)
    return f"all {len(cases)} cases hold it." if not missed else f"{missed} of {len(cases)} cases miss it."


def _line(way: str, one: Mapping[str, Any], *, bold: bool) -> str:
    low, high = one["interval"]
    rise = f"{one['rise']:+.2f} [{low:+.2f}, {high:+.2f}]"
    gained = ", ".join(f"{bucket}: {n}" for bucket, n in one["gained_by_history"].items()) or "-"
    popularity = " → ".join(str(rank) for rank in one["popularity_rank"])
    trend = " → ".join("-" if rank is None else str(rank) for rank in one["trend_rank"])
    return (
        f"| {way} | {one['target']} | {one['before']:.2f} | {one['after']:.2f} | {f'**{rise}**' if bold else rise} | "
        f"{popularity} | {trend} | {gained} |"
    )
