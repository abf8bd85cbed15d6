"""Slate composition: caps, diversity, pins, and that nothing ineligible ever gets in."""

from collections import Counter
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.catalog import Product
from app.pipeline.columns import snapshot_of
from app.pipeline.rules import CompiledRules, RuleContext
from app.pipeline.rules_schema import Rules, RulesFile, ScoringRules, ShopRules
from app.pipeline.slate import Composition, compose

NOW = 1_790_000_000.0  # 2026-09-21
CAP_BRAND = {"type": "cap", "id": "cap_brand", "by": "brand", "max": 2}
NOWHERE = RulesFile("rules/shop.yaml", MappingProxyType({}))


def composed(
    products: list[Product], slate: tuple, limit: int, *, order=None, percentiles=None, vectors=None, **context
) -> Composition:
    """The slate of these products in their order, or the one given."""
    shop = ShopRules.model_validate({"version": 1, "eligibility": ({"type": "in_stock"},), "slate": slate})
    rules = Rules(shop, ScoringRules.model_validate({"version": 1, "signals": {}}), "v", NOWHERE, NOWHERE)
    rows = np.arange(len(products), dtype=np.int32) if order is None else np.asarray(order, dtype=np.int32)
    scores = np.linspace(0.9, 0.1, len(rows)) if percentiles is None else np.asarray(percentiles)
    compiled = CompiledRules(rules, snapshot_of(products, 1))
    return compose(rows, scores, limit, compiled, RuleContext(**{"now": NOW, **context}), vectors=vectors)


def of_brands(brands: str) -> list[Product]:
    """One product per letter, which is its brand; a dot has none."""
    return [Product(str(i), "", brand=None if b == "." else b) for i, b in enumerate(brands)]


def pin(product_id: str, position: int, **more: object) -> dict:
    return {"type": "pin", "id": f"pin_{product_id}", "productId": product_id, "position": position, **more}


def test_without_slate_rules_the_order_is_kept() -> None:
    """The first `limit` eligible rows; a repeat in the order counts once."""
    found = composed(of_brands("aaaa"), (), 3, order=[2, 0, 2, 1, 3], percentiles=[0.9, 0.4, 0.9, 0.6, 0.1])
    assert found.rows.tolist() == [2, 0, 1]
    assert found.relevance.tolist() == [0.9, 0.4, 0.4]
    assert not found.promoted.any()


def test_a_cap_lets_the_next_brands_pass() -> None:
    """The third of a brand waits for the others, and is named as dropped by the cap when it does not get in."""
    found = composed(of_brands("aaabca"), (CAP_BRAND,), 4)
    assert found.rows.tolist() == [0, 1, 3, 4]
    assert found.dropped == {2: "cap_brand"}
    assert found.relaxed == {}


def test_a_cap_gives_way_before_a_slate_stays_short() -> None:
    """Everything within the cap comes first, then what breaks it, in order; each time is counted."""
    found = composed(of_brands("aaaab"), (CAP_BRAND,), 5)
    assert found.rows.tolist() == [0, 1, 4, 2, 3]
    assert found.relaxed == {"cap_brand": 2}
    assert found.dropped == {}


def test_of_two_caps_as_few_as_possible_are_broken() -> None:
    """When one brand is all there is, the category cap still holds where it can."""
    products = [Product(str(i), "", brand="a", category=c) for i, c in enumerate(["X > 1", "X > 1", "X > 2", "Y"])]
    slate = ({**CAP_BRAND, "max": 1}, {"type": "cap", "id": "cap_category", "by": "category", "max": 1})
    found = composed(products, slate, 4)
    assert found.rows.tolist() == [0, 2, 3, 1]
    assert found.relaxed == {"cap_brand": 3, "cap_category": 1}


def test_top_categories_are_capped_over_their_branches() -> None:
    """Case does not matter, and what has no category is not capped."""
    paths = ["X > 1", "x > 2", None, None, "Y > 1"]
    products = [Product(str(i), "", category=path) for i, path in enumerate(paths)]
    slate = ({"type": "cap", "by": "topCategory", "max": 1},)
    assert composed(products, slate, 4).rows.tolist() == [0, 2, 3, 4]


def test_a_cap_holds_for_each_ten_positions() -> None:
    """In 20 positions there may be twice as many, but not all of them in the first ten."""
    found = composed(of_brands("a" * 6 + "." * 16), (CAP_BRAND,), 20)
    assert [int(p) for p in np.flatnonzero(found.rows < 6)] == [0, 1, 10, 11]


def test_a_cap_can_be_limited_to_placements() -> None:
    """Someone who searches for a brand is not held to two of it."""
    slate = ({**CAP_BRAND, "placements": ("home",)},)
    assert composed(of_brands("aaab"), slate, 3, placement="search").rows.tolist() == [0, 1, 2]
    assert composed(of_brands("aaab"), slate, 3, placement="home").rows.tolist() == [0, 1, 3]


def circle(*degrees: float):
    """Unit vectors in a plane, by row."""
    angles = np.radians(np.asarray(degrees))
    matrix = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return lambda rows: matrix[rows]


def test_diversity_moves_a_near_copy_down_by_about_five_positions() -> None:
    """A gentle lambda: the copy of the first product falls to sixth or so, the others keep their order."""
    degrees = [0.0, 1.0, *np.linspace(91, 130, 18)]
    matrix = np.eye(20, dtype=np.float32)
    matrix[1] = matrix[0] * 0.99 + matrix[1] * np.sqrt(1 - 0.99**2)
    found = composed(
        of_brands("." * len(degrees)), ({"type": "diversity", "lambda": 0.85},), 20, vectors=lambda r: matrix[r]
    )
    order = found.rows.tolist()
    assert 5 <= order.index(1) <= 10
    assert [row for row in order if row != 1] == [0, *range(2, 20)]


def test_diversity_names_itself_when_it_drops_something() -> None:
    """A near copy that falls out of a short slate was dropped by the diversity rule."""
    found = composed(of_brands("..."), ({"type": "diversity", "lambda": 0.5},), 2, vectors=circle(0, 1, 90))
    assert found.rows.tolist() == [0, 2]
    assert found.dropped == {1: "diversity"}


@pytest.mark.parametrize("vectors", [None, lambda rows: np.zeros((len(rows), 0), dtype=np.float32)])
def test_without_vectors_diversity_keeps_the_order(vectors) -> None:
    """No vectors at all, or none for any product."""
    slate = ({"type": "diversity", "lambda": 0.1},)
    assert composed(of_brands("...."), slate, 3, vectors=vectors).rows.tolist() == [0, 1, 2]


def test_lambda_of_one_keeps_the_order() -> None:
    """Then likeness counts nothing."""
    slate = ({"type": "diversity", "lambda": 1},)
    assert composed(of_brands("..."), slate, 3, vectors=circle(0, 0, 90)).rows.tolist() == [0, 1, 2]


def test_a_pinned_product_stands_at_its_position_and_is_marked() -> None:
    """Also when it was no candidate; the others move down and keep their relevance."""
    found = composed(of_brands("....."), (pin("4", 2),), 3, order=[0, 1, 2], percentiles=[0.9, 0.8, 0.7])
    assert found.rows.tolist() == [0, 4, 1]
    assert found.promoted.tolist() == [False, True, False]
    assert found.pinned == {4: "pin_4"}
    assert found.relevance.tolist() == [0.9, 0.8, 0.8]
    assert found.dropped == {2: "pin_4"}


def test_a_pinned_candidate_appears_once() -> None:
    """It leaves its own place in the order."""
    found = composed(of_brands("..."), (pin("0", 3),), 3)
    assert found.rows.tolist() == [1, 2, 0]
    assert found.promoted.tolist() == [False, False, True]


def test_two_pins_never_share_a_position() -> None:
    """The first in the file has it, the other gets the next free one; one beyond the slate is left out."""
    found = composed(of_brands("....."), (pin("4", 1), pin("3", 1), pin("2", 9)), 3)
    assert found.rows.tolist() == [4, 3, 0]
    assert found.pinned == {4: "pin_4", 3: "pin_3"}


def test_a_pin_beyond_what_is_there_closes_the_gap() -> None:
    """Two eligible products and a pin at 5 make a slate of three."""
    found = composed(of_brands("..."), (pin("2", 5),), 5)
    assert found.rows.tolist() == [0, 1, 2]


def test_pins_count_towards_caps_but_are_not_held_back() -> None:
    """Two pins of a brand with a cap of one stay; no further product of the brand comes in."""
    slate = ({**CAP_BRAND, "max": 1}, pin("1", 1), pin("2", 2))
    found = composed(of_brands("aaab"), slate, 3)
    assert found.rows.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "more",
    [
        {"from": "2026-09-22"},
        {"to": "2026-09-20"},
        {"placements": ("cart",)},
        {"audience": {"segments": ("vip",)}},
        {"position": 4},
    ],
)
def test_a_pin_holds_only_at_its_time_and_place_and_for_its_audience(more) -> None:
    """Otherwise the slate is as without it."""
    found = composed(of_brands("...."), ({**pin("3", 1), **more},), 3)
    assert found.rows.tolist() == [0, 1, 2]
    assert found.pinned == {}


def test_a_pinned_product_must_be_eligible() -> None:
    """Rules have the last word: sold out stays out, and the exclusion is counted."""
    products = [*of_brands(".."), Product("gone", "", stock=0)]
    found = composed(products, (pin("gone", 1),), 2)
    assert found.rows.tolist() == [0, 1]
    assert found.eligibility.rule_of(2) == "in_stock"


def test_an_order_that_turned_ineligible_is_checked_again() -> None:
    """A cached order may name products that were sold since."""
    products = [Product("a", "", stock=0), Product("b", "", stock=1), Product("c", "", available=False)]
    found = composed(products, (), 3)
    assert found.rows.tolist() == [1]
    assert found.eligibility.excluded_counts() == {"in_stock": 2}


def test_nothing_gives_an_empty_slate() -> None:
    """No candidates, or none eligible."""
    slate = (CAP_BRAND, {"type": "diversity", "lambda": 0.5})
    assert len(composed([], slate, 5, vectors=circle()).rows) == 0
    assert len(composed([Product("a", "", stock=0)], slate, 5, vectors=circle(0)).rows) == 0


@st.composite
def cases(draw):
    """A catalogue, an order over part of it, slate rules with pins, and a limit."""
    n = draw(st.integers(0, 14))
    products = [
        Product(
            str(i),
            "",
            brand=draw(st.sampled_from([None, "a", "b", "c"])),
            category=draw(st.sampled_from([None, "X", "X > 1", "Y"])),
            stock=draw(st.sampled_from([0, 1, None])),
        )
        for i in range(n)
    ]
    order = draw(st.permutations(range(n)))[: draw(st.integers(0, n))]
    pins = [
        {**pin(str(draw(st.integers(0, 15))), draw(st.integers(1, 12))), "id": f"pin_{i}"}
        for i in range(draw(st.integers(0, 3)))
    ]
    caps = [
        {"type": "cap", "id": by.lower(), "by": by, "max": draw(st.integers(1, 3))} for by in ("brand", "topCategory")
    ]
    diversity = {"type": "diversity", "lambda": draw(st.sampled_from([0.0, 0.6, 0.85]))}
    exclude = draw(st.sets(st.integers(0, n - 1), max_size=3)) if n else set()
    return products, order, (*caps, *pins, diversity), draw(st.integers(1, 12)), exclude


@given(cases())
@settings(max_examples=300, deadline=None)
def test_what_holds_for_every_slate(case) -> None:
    """Eligible, unique, as long as possible, pins in place, caps kept unless counted, relevance falling, repeatable."""
    products, order, slate, limit, exclude = case
    angles = np.linspace(0, 300, max(len(products), 1))
    arguments = {"order": order, "vectors": circle(*angles), "exclude": exclude}
    found = composed(products, slate, limit, **arguments)
    rows = found.rows.tolist()

    assert all(products[r].stock != 0 and r not in exclude for r in rows)
    assert len(set(rows)) == len(rows)
    eligible_rows = {r for r in order if products[r].stock != 0 and r not in exclude}
    ranked = [r for r, promoted in zip(rows, found.promoted.tolist(), strict=True) if not promoted]
    assert set(ranked) <= eligible_rows
    assert len(rows) == min(limit, len(eligible_rows | set(found.pinned)))
    assert (np.diff(found.relevance) <= 0).all()
    assert set(found.dropped) == {r for r in order[:limit] if r in eligible_rows and r not in rows}

    known = {rule["id"] for rule in slate if "id" in rule} | {"diversity"}
    assert set(found.dropped.values()) | set(found.relaxed) | set(found.pinned.values()) <= known
    if "brand" not in found.relaxed and not found.pinned and limit <= 10:
        counts = Counter(products[r].brand for r in rows if products[r].brand is not None)
        assert max(counts.values(), default=0) <= slate[0]["max"]
    again = composed(products, slate, limit, **arguments)
    assert again.rows.tolist() == rows
