"""Eligibility: each rule, what it does when something is unknown, and that the counts add up."""

import math
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.catalog import Product
from app.domain.ranking import Filters
from app.pipeline.columns import snapshot_of
from app.pipeline.rules import CompiledRules, RuleContext, eligible, unapplied_rules
from app.pipeline.rules_schema import Rules, RulesFile, ScoringRules, ShopRules

DAY = 86_400.0
NOW = 1_790_000_000.0
NOWHERE = RulesFile("rules/shop.yaml", MappingProxyType({}))


def rules_of(*eligibility: dict, slate: tuple = (), promotions: tuple = ()) -> Rules:
    shop = ShopRules.model_validate(
        {"version": 1, "eligibility": eligibility, "slate": slate, "promotions": promotions}
    )
    return Rules(shop, ScoringRules.model_validate({"version": 1, "signals": {}}), "v", NOWHERE, NOWHERE)


def verdicts(products: list[Product], rule: dict, **context: object) -> list[str | None]:
    """What becomes of each product: None, or the rule that excluded it."""
    compiled = CompiledRules(rules_of(rule), snapshot_of(products, 1))
    found = eligible(compiled, RuleContext(**{"now": NOW, **context}))
    return [found.rule_of(row) for row in range(len(products))]


@pytest.mark.parametrize(("unknown", "expected"), [("allow", None), ("exclude", "in_stock")])
def test_stock_below_the_minimum_is_excluded_and_unknown_stock_is_as_stated(unknown, expected) -> None:
    """Exactly the minimum is enough; no stock figure follows whenUnknown; switched off always goes."""
    products = [
        Product("none", "", stock=1),
        Product("just", "", stock=2),
        Product("unknown", ""),
        Product("off", "", stock=9, available=False),
    ]
    found = verdicts(products, {"type": "in_stock", "min": 2, "whenUnknown": unknown})
    assert found == ["in_stock", None, expected, "in_stock"]


def test_switched_off_products_stay_out_without_a_stock_rule() -> None:
    """A shop that deletes in_stock does not thereby show deleted products."""
    compiled = CompiledRules(rules_of(), snapshot_of([Product("off", "", available=False), Product("on", "")], 1))
    found = eligible(compiled, RuleContext(now=NOW))
    assert found.excluded_counts() == {"unavailable": 1}
    assert found.public_counts() == {"out_of_stock": 1}


@pytest.mark.parametrize(("unknown", "expected"), [("allow", None), ("exclude", "min_margin")])
def test_margin_of_exactly_the_minimum_is_enough(unknown, expected) -> None:
    """0.25 is allowed, a cent more of cost is not; an unknown cost or a price of 0 follows whenUnknown."""
    products = [
        Product("exact", "", price_minor=1996, cost_minor=1497),
        Product("thin", "", price_minor=1996, cost_minor=1498),
        Product("no cost", "", price_minor=1996),
        Product("free", "", price_minor=0, cost_minor=0),
    ]
    found = verdicts(products, {"type": "min_margin", "min": 0.25, "whenUnknown": unknown})
    assert found == [None, "min_margin", expected, expected]


@given(price_cents=st.integers(1, 10**7), percent=st.integers(1, 99))
@settings(max_examples=200, deadline=None)
def test_a_margin_that_equals_the_minimum_in_exact_arithmetic_passes(price_cents, percent) -> None:
    """No rounding error turns an exact margin away, for any whole percentage."""
    price = price_cents * 100
    product = Product("p", "", price_minor=price, cost_minor=price - price_cents * percent)
    assert verdicts([product], {"type": "min_margin", "min": percent / 100}) == [None]


def test_margin_is_not_applied_where_no_product_has_a_cost() -> None:
    """Without any cost the rule would empty the shop: it is left out, and reported."""
    rules = rules_of({"type": "min_margin", "id": "margin"})
    snapshot = snapshot_of([Product("a", "", price_minor=100), Product("b", "", price_minor=200)], 1)
    assert "margin" in unapplied_rules(snapshot, rules)
    assert eligible(CompiledRules(rules, snapshot), RuleContext(now=NOW)).mask.all()
    with_cost = snapshot_of([Product("a", "", price_minor=100), Product("b", "", price_minor=200, cost_minor=1)], 1)
    assert unapplied_rules(with_cost, rules) == {}
    assert eligible(CompiledRules(rules, with_cost), RuleContext(now=NOW)).mask.tolist() == [False, True]


@pytest.mark.parametrize(("unknown", "expected"), [("allow", None), ("exclude", "within_budget")])
def test_a_price_equal_to_the_budget_is_within_it(unknown, expected) -> None:
    """One cent above is not; a product without a price follows whenUnknown."""
    products = [Product("at", "", price_minor=5000), Product("above", "", price_minor=5001), Product("?", "")]
    rule = {"type": "within_budget", "whenUnknown": unknown}
    assert verdicts(products, rule, budget_minor=5000) == [None, "within_budget", expected]


def test_without_a_budget_every_price_is_allowed_and_a_budget_of_zero_is_a_budget() -> None:
    """None is no budget, 0 is one."""
    products = [Product("free", "", price_minor=0), Product("dear", "", price_minor=10**9), Product("?", "")]
    assert verdicts(products, {"type": "within_budget"}) == [None, None, None]
    assert verdicts(products, {"type": "within_budget"}, budget_minor=0) == [None, "within_budget", "within_budget"]


@pytest.mark.parametrize(("unknown", "expected"), [("allow", None), ("exclude", "excluded_categories")])
def test_excluded_categories_hold_for_everything_below_them(unknown, expected) -> None:
    """Case and spaces do not matter; a longer word is another category; no category follows whenUnknown."""
    products = [
        Product("beer", "", category="Grocery > Alcohol > Beer"),
        Product("oil", "", category="Grocery > Oils"),
        Product("other", "", category="Grocery > Alcohol-free"),
        Product("none", ""),
    ]
    rule = {"type": "excluded_categories", "categories": ("grocery>ALCOHOL",), "whenUnknown": unknown}
    assert verdicts(products, rule) == ["excluded_categories", None, None, expected]


@pytest.mark.parametrize(("unknown", "expected"), [("allow", None), ("exclude", "avoided")])
def test_avoided_brands_categories_and_tags_are_excluded(unknown, expected) -> None:
    """A term is a brand, a category path, the name of one level of a category, or a tag, in any case."""
    products = [
        Product("brand", "", brand="Acme"),
        Product("path", "", category="Grocery > Alcohol > Beer"),
        Product("level", "", category="Gifts > Alcohol"),
        Product("tag", "", brand="Other", tags=("Leather",)),
        Product("fine", "", brand="Acme Two", category="Grocery", tags=("wool",)),
        Product("blank", ""),
    ]
    rule = {"type": "avoided", "whenUnknown": unknown}
    found = verdicts(products, rule, avoid=("ACME", " alcohol ", "LEATHER", ""))
    assert found == ["avoided", "avoided", "avoided", "avoided", None, expected]
    assert verdicts(products, rule) == [None] * 6


def test_dismissed_products_are_excluded() -> None:
    """As rows of any collection."""
    products = [Product(str(i), "") for i in range(3)]
    assert verdicts(products, {"type": "dismissed"}, dismissed={1}) == [None, "dismissed", None]
    rows = np.asarray([2], dtype=np.int32)
    assert verdicts(products, {"type": "dismissed"}, dismissed=rows) == [None, None, "dismissed"]


def test_an_owned_product_returns_when_its_category_says_so() -> None:
    """The longest path decides; null is for ever, 0 not at all; on the last day it is still owned, then it is not."""
    paths = ["Grocery > Coffee", "Grocery > Coffee > Beans", "Books", "Ink", None]
    products = [Product(str(i), "", category=path) for i, path in enumerate(paths)]
    rule = {
        "type": "owned",
        "repurchaseDays": {"Grocery > Coffee > beans": 30, "grocery": 10, "Ink": 0},
        "defaultDays": None,
    }

    def after(days: float) -> list[str | None]:
        return verdicts(products, rule, owned=dict.fromkeys(range(5), NOW - days * DAY))

    assert after(9.999) == ["owned", "owned", "owned", None, "owned"]
    assert after(10) == [None, "owned", "owned", None, "owned"]
    assert after(30) == [None, None, "owned", None, "owned"]
    assert after(36_000)[2] == "owned"


@pytest.mark.parametrize(("unknown", "expected"), [("allow", None), ("exclude", "owned")])
def test_a_purchase_without_a_date_follows_when_unknown(unknown, expected) -> None:
    """NaN stands for no date."""
    rule = {"type": "owned", "defaultDays": 5, "whenUnknown": unknown}
    assert verdicts([Product("a", "")], rule, owned={0: math.nan}) == [expected]


def test_a_request_excludes_by_itself_before_the_rules_of_the_shop() -> None:
    """Page, cart, exclusions and filters are counted under their own ids, also for a product that is sold out."""
    products = [Product(str(i), "", stock=0) for i in range(5)]
    found = verdicts(products, {"type": "in_stock"}, anchor=0, exclude=[1], cart=(2,), filters=Filters(brands=("x",)))
    assert found == ["request_exclude", "request_exclude", "in_cart", "filters", "filters"]


def test_filters_are_hard_limits() -> None:
    """Every filter that is set must hold, borders included; what is unknown does not pass a filter."""
    products = [
        Product("in", "", brand="Acme", category="A > B", price_minor=100),
        Product("brand", "", brand="Else", category="A > B", price_minor=100),
        Product("category", "", brand="Acme", category="AB", price_minor=100),
        Product("cheap", "", brand="Acme", category="A", price_minor=99),
        Product("dear", "", brand="Acme", category="A", price_minor=201),
        Product("unknown", ""),
        Product("top", "", brand="aCME", category="a", price_minor=200),
    ]
    filters = Filters(categories=("a",), brands=("acme",), price_min_minor=100, price_max_minor=200)
    found = verdicts(products, {"type": "dismissed"}, filters=filters)
    assert found == [None, "filters", "filters", "filters", "filters", "filters", None]
    assert verdicts(products, {"type": "dismissed"}, filters=Filters(price_max_minor=0)) == ["filters"] * 7


def test_a_row_that_was_not_examined_has_no_verdict() -> None:
    """rule_of raises rather than calling an unseen product eligible."""
    compiled = CompiledRules(rules_of(), snapshot_of([Product("a", ""), Product("b", "")], 1))
    found = eligible(compiled, RuleContext(now=NOW), np.asarray([1], dtype=np.int32))
    assert found.rule_of(1) is None
    with pytest.raises(KeyError):
        found.rule_of(0)


def test_an_empty_catalogue_has_no_eligible_products() -> None:
    """No rows, no counts, no error."""
    rules = rules_of({"type": "min_margin"}, {"type": "avoided", "whenUnknown": "exclude"}, {"type": "owned"})
    found = eligible(CompiledRules(rules, snapshot_of([], 0)), RuleContext(now=NOW, budget_minor=1, avoid=("x",)))
    assert len(found.rows) == 0
    assert found.excluded_counts() == {}


def test_a_promotion_runs_on_both_of_its_days_for_its_audience_and_products() -> None:
    """Days are UTC and included; any of the lists may name the product; an audience needs one of its segments."""
    promotions = (
        {"id": "all", "title": "All", "percentOff": 5, "from": "2026-09-21", "to": "2026-09-22"},
        {
            "id": "some", "title": "Some", "percentOff": 5.5, "from": "2026-09-21", "to": "2026-09-22",
            "audience": {"segments": ("Student",)}, "categories": ("A",), "brands": ("acme",), "products": ("c",),
        },
    )  # fmt: skip
    products = [
        Product("a", "", category="A > B"),
        Product("b", "", brand="Acme"),
        Product("c", ""),
        Product("d", "", category="AB"),
    ]
    compiled = CompiledRules(rules_of(promotions=promotions), snapshot_of(products, 1))
    begin = 1_789_948_800.0  # 2026-09-21T00:00Z

    def running(row: int, now: float, *segments: str) -> list[str]:
        return [p.id for p in compiled.promotions(row, now, segments)]

    assert [running(row, begin, "student", "vip") for row in range(4)] == [["all", "some"]] * 3 + [["all"]]
    assert running(0, begin) == ["all"]
    assert running(0, begin - 1, "student") == []
    assert running(0, begin + 2 * DAY - 1, "student") == ["all", "some"]
    assert running(0, begin + 2 * DAY, "student") == []


maybe = st.one_of(st.none(), st.integers(0, 300))
names = st.sampled_from([None, "A", "A > B", "C"])
products_strategy = st.lists(
    st.builds(
        Product,
        product_id=st.uuids().map(str),
        name=st.just(""),
        brand=st.sampled_from([None, "x", "y"]),
        category=names,
        price_minor=maybe,
        cost_minor=maybe,
        stock=st.one_of(st.none(), st.integers(0, 3)),
        available=st.booleans(),
        tags=st.sampled_from([(), ("t",)]),
    ),
    max_size=12,
    unique_by=lambda p: p.product_id,
)
EVERY_RULE = (
    {"type": "in_stock"},
    {"type": "min_margin"},
    {"type": "within_budget"},
    {"type": "excluded_categories", "categories": ("C",)},
    {"type": "avoided"},
    {"type": "dismissed"},
    {"type": "owned", "repurchaseDays": {"A": 3}},
)


@st.composite
def situations(draw):
    """A catalogue, and a request against it."""
    products = draw(products_strategy)
    rows = st.lists(st.integers(0, len(products) - 1), max_size=3) if products else st.just([])
    context = RuleContext(
        now=NOW,
        budget_minor=draw(maybe),
        owned=dict.fromkeys(draw(rows), NOW - draw(st.sampled_from([1, 3, 9])) * DAY),
        dismissed=draw(rows),
        avoid=draw(st.sampled_from([(), ("x",), ("B", "t")])),
        exclude=draw(rows),
        cart=draw(rows),
        filters=Filters(brands=draw(st.sampled_from([(), ("y",)])), price_max_minor=draw(maybe)),
    )
    return products, context


@given(situations())
@settings(max_examples=150, deadline=None)
def test_counts_add_up_and_a_part_is_judged_like_the_whole(situation) -> None:
    """Every row is eligible or counted under exactly one rule; examining some rows gives the same verdicts as all."""
    products, context = situation
    compiled = CompiledRules(rules_of(*EVERY_RULE), snapshot_of(products, 1))
    whole = eligible(compiled, context)
    assert sum(whole.excluded_counts().values()) + int(whole.mask.sum()) == len(products)
    assert sum(whole.public_counts().values()) == sum(whole.excluded_counts().values())
    some = np.arange(len(products), dtype=np.int32)[::-2]
    part = eligible(compiled, context, some)
    assert part.rule.tolist() == whole.rule[some].tolist()
    assert part.eligible_rows().tolist() == [r for r in some.tolist() if whole.mask[r]]


@given(situations())
@settings(max_examples=150, deadline=None)
def test_no_eligible_product_breaks_a_rule_read_off_its_record(situation) -> None:
    """The verdict agrees with the product's own record, checked without the columns."""
    products, context = situation
    compiled = CompiledRules(rules_of(*EVERY_RULE), snapshot_of(products, 1))
    margins_known = any(p.cost_minor is not None and p.price_minor for p in products)
    for row in eligible(compiled, context).eligible_rows().tolist():
        product = products[row]
        assert product.available
        assert product.stock != 0
        assert product.category != "C"
        assert row not in {*context.exclude, *context.cart, *context.dismissed}
        if context.budget_minor is not None:
            assert product.price_minor is not None
            assert product.price_minor <= context.budget_minor
        if margins_known:
            assert product.price_minor - product.cost_minor >= 0.25 * product.price_minor
        assert not {product.brand, *product.tags} & set(context.avoid)
        if context.filters.brands:
            assert product.brand == "y"
        if row in context.owned:
            assert product.category in {"A", "A > B"}
            assert NOW - context.owned[row] >= 3 * DAY
