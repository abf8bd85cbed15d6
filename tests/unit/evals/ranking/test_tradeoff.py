"""Weights between the shopper's and the shop's interest, and the rules folder that carries them."""

from pathlib import Path

import numpy as np
import pytest

from app.adapters.rule_files import load_rules
from app.settings import shipped_directory
from evals.ranking.rule_folder import protocol_rules, write_rules
from evals.ranking.tradeoff import blended, ratio
from evals.statistics import Bootstrap

SHIPPED = {"userMatch": 0.4, "trend": 0.2, "margin": 0.4}


def test_the_way_from_relevance_to_the_shipped_weights() -> None:
    """Step 0 is the user match alone, step 1 what is shipped, the middle half of each."""
    assert blended(SHIPPED, 0.0) == {"userMatch": 1.0, "trend": 0.0, "margin": 0.0}
    assert blended(SHIPPED, 1.0) == SHIPPED
    assert blended(SHIPPED, 0.5) == {"userMatch": 0.7, "trend": 0.1, "margin": 0.2}


def test_a_ratio_of_means_is_paired() -> None:
    """Nine tenths of every value is 0.9 for certain, however the values vary."""
    values = np.random.default_rng(1).random(200)
    found = ratio(Bootstrap(200), 0.9 * values, values)
    assert (found.value, found.low, found.high) == pytest.approx((0.9, 0.9, 0.9), abs=1e-5)


def test_protocol_rules_replace_eligibility_and_slate_and_nothing_else(tmp_path: Path) -> None:
    """`novel` excludes what was bought, for ever; `any` nothing; signals and promotions stay the shop's."""
    source = shipped_directory("rules")
    novel = load_rules(protocol_rules(source, tmp_path / "novel", excludes_owned=True))
    anything = load_rules(protocol_rules(source, tmp_path / "any", excludes_owned=False))
    own = load_rules(source)
    assert [rule.type for rule in novel.shop.eligibility] == ["owned"]
    assert anything.shop.eligibility == ()
    assert novel.shop.slate == anything.shop.slate == ()
    assert novel.scoring.mode == "relevance"
    assert novel.scoring.signals == own.scoring.signals
    assert novel.shop.promotions == own.shop.promotions


def test_own_slate_rules_can_be_kept(tmp_path: Path) -> None:
    """With the shop's slate rules only eligibility is the protocol's."""
    source = shipped_directory("rules")
    kept = load_rules(protocol_rules(source, tmp_path, excludes_owned=True, own_slate=True))
    assert kept.shop.slate == load_rules(source).shop.slate


def test_weights_and_mode_are_written(tmp_path: Path) -> None:
    """The written folder is one that the service loads, with the mode and weights given."""
    rules = load_rules(
        write_rules(
            shipped_directory("rules"),
            tmp_path,
            eligibility=None,
            slate=None,
            mode="shop",
            weights={"userMatch": 1.0, "trend": 0, "inventory": 0, "margin": 0.5, "freshness": 0, "season": 0},
        )
    )
    assert rules.scoring.mode == "shop"
    assert rules.scoring.weights.margin == 0.5
    assert rules.shop == load_rules(shipped_directory("rules")).shop
