"""What the shop's interest costs: NDCG@10 against margin per slate, as the weights of `mode: shop` move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import yaml

from app.bootstrap import Application
from app.domain.catalog import FloatArray, IntArray
from app.domain.errors import BadInput
from app.domain.money import exponent
from app.pipeline.rules_schema import Mode
from evals.ranking.experiment import Arena, Say
from evals.ranking.metrics import EMPTY, accuracy
from evals.ranking.pipeline import ServiceRanker, opened
from evals.ranking.results import TradeoffPoint
from evals.ranking.rule_folder import write_rules
from evals.statistics import Bootstrap, Estimate

USER_MATCH = "userMatch"
STEPS = (0.25, 0.5, 0.75, 1.0)
MARGIN_WEIGHTS = (0.25, 0.5, 1.0, 2.0)


def evaluate_tradeoff(ground: Arena, say: Say) -> Sequence[TradeoffPoint]:
    """Mode relevance, the way from it to the shipped weights, and userMatch 1 against margin alone, under the shop's
    own eligibility and slate rules throughout. Shoppers with a history only.

    Raises: BadInput: no product has a cost.
    """
    shipped = yaml.safe_load((ground.rules_source / "scoring.yaml").read_text(encoding="utf-8"))["weights"]
    points: list[tuple[str, Mode, Mapping[str, float]]] = [("relevance", "relevance", {USER_MATCH: 1.0})]
    points += [(f"shop, {step:.0%} of the way", "shop", blended(shipped, step)) for step in STEPS[:-1]]
    points += [("shop, as shipped", "shop", shipped)]
    nothing = dict.fromkeys(shipped, 0.0)
    points += [(f"margin {w:g}", "shop", {**nothing, USER_MATCH: 1.0, "margin": w}) for w in MARGIN_WEIGHTS]
    known = ground.split.with_history
    users = [user_id for user_id, there in zip(ground.split.tested, known, strict=True) if there]
    relevant = ground.split.relevant[known]
    draw = Bootstrap(len(users), ground.plan.seed, ground.plan.resamples)
    result: list[TradeoffPoint] = []
    reference: FloatArray | None = None
    for name, mode, weights in points:
        rules = write_rules(
            ground.rules_source,
            ground.work / "rules-tradeoff",
            eligibility=None,
            slate=None,
            mode=mode,
            weights=weights,
        )
        with opened(ground.trained.settings.model_copy(update={"rules_dir": rules})) as application:
            slates = ServiceRanker(application, ground.split.product_ids).rank(users).slates
            earned, rate = margins(application, ground.split.product_ids, slates)
        ndcg = accuracy(slates, relevant)["ndcg"]
        reference = ndcg if reference is None else reference
        result.append(
            TradeoffPoint(
                name=name,
                weights=weights,
                ndcg=draw.estimate(ndcg),
                margin_per_slate=draw.estimate(earned / 10 ** exponent(ground.data.currency)),
                margin_rate=draw.estimate(rate),
                kept=None if name == "relevance" else ratio(draw, ndcg, reference),
            )
        )
        say(f"trade-off: {name}")
    return result


def blended(shipped: Mapping[str, float], step: float) -> dict[str, float]:
    """The shipped weights at step 1, userMatch alone at 0, in a straight line between; rounded to six decimals."""
    alone = {name: float(name == USER_MATCH) for name in shipped}
    return {name: round((1 - step) * alone[name] + step * shipped[name], 6) for name in shipped}


def margins(application: Application, product_ids: Sequence[str], slates: IntArray) -> tuple[FloatArray, FloatArray]:
    """Sum of price - cost in minor units and mean margin rate of each slate, over products whose cost is known.

    Raises: BadInput: no product has a cost.
    """
    snapshot = application.keeper.served().shelf.snapshot
    if np.isnan(snapshot.margin).all():
        raise BadInput("No product has a cost, so there is no margin to trade for; use a shop that states costs.")
    rows = np.asarray([snapshot.row_of[p] for p in product_ids], dtype=np.int32)
    filled = slates != EMPTY
    rate = np.where(filled, snapshot.margin[rows[slates]], np.nan)
    earned = np.nansum(rate * snapshot.price_minor[rows[slates]], axis=1)
    known = ~np.isnan(rate)
    with np.errstate(invalid="ignore"):
        return earned, np.where(known, rate, 0.0).sum(axis=1) / known.sum(axis=1)


def ratio(draw: Bootstrap, values: FloatArray, reference: FloatArray) -> Estimate:
    """Ratio of the means of both, from the same resamples."""
    means = draw.means(np.column_stack([values, reference]))
    low, high = np.nanpercentile(means[:, 0] / means[:, 1], (2.5, 97.5))
    value = float(np.nanmean(values) / np.nanmean(reference))
    return Estimate(value, float(low), float(high), draw.n)
