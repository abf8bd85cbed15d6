"""Each kind of evidence on both sides of its thresholds, and what is never evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.reason_files import load_reasons
from app.domain.catalog import Product
from app.domain.interactions import EventKind
from app.domain.ranking import Evidence
from app.pipeline.evidence import collect_evidence
from app.pipeline.evidence_catalogue import query_terms, shown_rating
from app.pipeline.evidence_facts import (
    ActivePromotion,
    Affinity,
    CategoryPrice,
    ItemFacts,
    Partner,
    RecentProduct,
    RequestFacts,
    ShopperFacts,
    TrendRank,
)
from app.pipeline.reason_slots import slot_values, variant_of

CONFIG = load_reasons(Path(__file__).resolve().parents[3] / "rules")
NOW = 1_795_132_800.0  # 2026-11-20T00:00Z
DAY = 86_400.0
KETTLE = Product("kettle", "Flux Kettle", brand="Aurel", category="Home > Kitchen", price_minor=2_490)
NOBODY = ShopperFacts()
SOMEBODY = ShopperFacts(personalised=True)
REQUEST = RequestFacts(now=NOW, currency="EUR")


def found(
    item: Product = KETTLE,
    facts: ItemFacts | None = None,
    shopper: ShopperFacts = NOBODY,
    request: RequestFacts = REQUEST,
) -> dict[str, Evidence]:
    """Evidence of one item by kind."""
    return {e.kind: e for e in collect_evidence(item, 1, facts or ItemFacts(), shopper, request, CONFIG)}


def test_nothing_known_is_no_evidence() -> None:
    """A bare product gives no fact at all."""
    assert found(Product("x", "X")) == {}


# ------------------------------------------------------------------------------------------------------ price


@pytest.mark.parametrize(("budget", "under"), [(2_489, None), (2_490, 0), (4_000, 1_510), (None, None)])
def test_price_vs_budget_holds_from_the_budget_down(budget: int | None, under: int | None) -> None:
    """A price above the budget is no fact; at the budget exactly nothing is left over."""
    fact = found(request=replace(REQUEST, budget_minor=budget)).get("price_vs_budget")
    assert (fact and fact.value["under_minor"]) == under


@pytest.mark.parametrize(("budget", "said"), [(9_960, True), (9_961, False)])
def test_a_price_is_set_against_a_budget_from_a_quarter_of_it_on(budget: int, said: bool) -> None:
    """24.90 is a quarter of 99.60; a cent more of budget, and the distance says nothing about the choice."""
    assert ("price_vs_budget" in found(request=replace(REQUEST, budget_minor=budget))) is said


def test_a_budget_line_states_money_with_its_currency() -> None:
    """The line says price, distance and budget; the value holds the same in minor units."""
    fact = found(request=replace(REQUEST, budget_minor=4_000))["price_vs_budget"]
    assert fact.text == "price 24.90 EUR, 15.10 EUR under the budget of 40.00 EUR"
    assert {k: v for k, v in fact.value.items() if k.endswith("_minor")} == {
        "price_minor": 2_490,
        "budget_minor": 4_000,
        "under_minor": 1_510,
    }


@pytest.mark.parametrize(("shopper", "said"), [(NOBODY, False), (SOMEBODY, True)])
def test_a_stored_budget_needs_consent(shopper: ShopperFacts, said: bool) -> None:
    """A budget from stored preferences is only cited to a shopper who agreed to personalisation."""
    request = replace(REQUEST, budget_minor=4_000, budget_source="preferences")
    assert ("price_vs_budget" in found(shopper=shopper, request=request)) is said


@pytest.mark.parametrize(
    ("stats", "standing"),
    [
        (CategoryPrice("Home", 7, 3_000, 5), None),
        (CategoryPrice("Home", 8, 2_490, 4), None),
        (CategoryPrice("Home", 8, 2_490.5, 4), None),
        (CategoryPrice("Home", 8, 2_491, 4), "below"),
        (CategoryPrice("Home", 20, 3_000, 11), "below"),
        (CategoryPrice("Home", 20, 3_000, 12), "cheaper"),
        (CategoryPrice("Home", 20, 3_000, 19), "lowest"),
        (CategoryPrice("Home", 20, float("nan"), 12), None),
    ],
)
def test_price_vs_category_needs_eight_products_and_a_price_below_the_median(
    stats: CategoryPrice, standing: str | None
) -> None:
    """Fewer than 8 products, or a price at the median, is no fact; the lowest of all is said as such."""
    fact = found(facts=ItemFacts(category_price=stats)).get("price_vs_category")
    assert (fact and fact.value["standing"]) == standing


def test_shares_of_a_category_are_rounded_down() -> None:
    """18 of 23 is 78.3 percent: 78 is said."""
    fact = found(facts=ItemFacts(category_price=CategoryPrice("Home", 23, 3_000, 18)))["price_vs_category"]
    assert fact.value["percent"] == 78


@pytest.mark.parametrize(
    ("n", "pricier", "said"),
    [(11, 8, "8 of 11 products"), (19, 12, "12 of 19 products"), (20, 12, "60% of 20 products")],
)
def test_a_percentage_needs_twenty_products(n: int, pricier: int, said: str) -> None:
    """Of fewer the fact states how many, and holds no percentage that a sentence could repeat."""
    fact = found(facts=ItemFacts(category_price=CategoryPrice("Home", n, 3_000, pricier)))["price_vs_category"]
    assert f"cheaper than {said} in Home" in fact.text
    assert ("percent" in fact.value, "pricier" in fact.value) == (n >= 20, n < 20)
    assert variant_of(fact.kind, fact.value) == ("cheaper" if n >= 20 else "count")


@pytest.mark.parametrize(
    ("reference", "age_days", "percent"),
    [
        (2_620, 1, None),  # 4.96 %
        (2_622, 1, 5),
        (4_000, 1, 37),  # 37.75 %, rounded down
        (4_000, 60, 37),
        (4_000, 61, None),
        (4_000, -1, None),
        (2_490, 1, None),
        (None, 1, None),
    ],
)
def test_discount_is_against_the_reference_price(reference: int | None, age_days: float, percent: int | None) -> None:
    """From 5 % on, rounded down, for a price that took effect within 60 days; the list price plays no part."""
    item = replace(KETTLE, list_price_minor=9_900, reference_price_minor=reference, price_since=NOW - age_days * DAY)
    fact = found(item).get("discount")
    assert (fact and fact.value["percent"]) == percent


def test_a_list_price_is_never_a_discount() -> None:
    """Without a price history there is no discount, whatever the list price says."""
    assert found(replace(KETTLE, list_price_minor=9_900, price_since=NOW)) == {}


@pytest.mark.parametrize(
    ("promotion", "said"),
    [
        (ActivePromotion("p", "Autumn days", 10), True),
        (ActivePromotion("p", "Autumn days", 10, NOW), False),
        (ActivePromotion("p", "Autumn days", 10, NOW + 1), True),
        (ActivePromotion("p", "Autumn days", 10, None, ("students",)), False),
        (ActivePromotion("p", "Autumn days", 10, None, ("Members",)), True),
        (ActivePromotion("p", "Senior days", 10), False),
        (ActivePromotion("p", "Autumn days", 10, None, ("members", "seniors")), False),
        (ActivePromotion("p", "Autumn days", float("nan")), False),
    ],
)
def test_promotion_rechecks_dates_and_audience(promotion: ActivePromotion, said: bool) -> None:
    """An ended promotion, another audience's, or one that names an age group is not cited."""
    shopper = ShopperFacts(segments=("members",))
    assert ("promotion" in found(facts=ItemFacts(promotions=(promotion,)), shopper=shopper)) is said


def test_the_best_promotion_is_cited_with_its_last_day() -> None:
    """The highest percentage wins; one that ends at midnight has its last day before."""
    promotions = (ActivePromotion("a", "Small", 5), ActivePromotion("b", "Big", 12.9, NOW + 2 * DAY))
    fact = found(facts=ItemFacts(promotions=promotions))["promotion"]
    assert fact.text == "12% off in the promotion “Big”, until 21 November"
    assert fact.value["until"] == "2026-11-21"


# -------------------------------------------------------------------------------------------------- behaviour


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, True),
        ({"orders": 2}, False),
        ({"lift": 1.0}, False),
        ({"lift": 1.01}, True),
        ({"product_id": "kettle"}, False),
        ({"name": "Pregnancy Test"}, False),
        ({"category": "Baby > Care"}, False),
        ({"sensitive": True}, False),
        ({"name": "www.evil.example"}, False),
        ({"source": "history", "interaction": EventKind.PURCHASE}, True),
        ({"source": "history", "interaction": EventKind.REFUND}, False),
        ({"source": "history", "interaction": None}, False),
    ],
)
def test_bought_together_needs_three_orders_and_lift(change: dict, said: bool) -> None:
    """3 orders and a lift above 1, with a partner that may be named and that the shopper really dealt with."""
    partner = replace(Partner("pot", "Moka Pot", 3, 2.0, "cart"), **change)
    assert ("bought_together" in found(facts=ItemFacts(partners=(partner,)), shopper=SOMEBODY)) is said


def test_history_is_not_cited_without_consent_but_the_cart_is() -> None:
    """What is in the request may be cited to anybody; what is in the past only with consent."""
    cart = Partner("pot", "Moka Pot", 3, 2.0, "cart")
    history = replace(cart, source="history", interaction=EventKind.PURCHASE)
    assert "bought_together" not in found(facts=ItemFacts(partners=(history,)))
    assert found(facts=ItemFacts(partners=(history, cart)))["bought_together"].value["source"] == "cart"


@pytest.mark.parametrize(("share", "count", "said"), [(0.15, 3, True), (0.149, 3, False), (0.9, 2, False)])
def test_affinity_needs_share_and_count(share: float, count: int, said: bool) -> None:
    """15 % of the interest and 3 interactions, for brand and category alike."""
    shopper = replace(
        SOMEBODY, brand_affinity={"Aurel": Affinity(share, count)}, category_affinity={"Home": Affinity(share, count)}
    )
    assert {"same_brand", "category_affinity"} & set(found(shopper=shopper)) == (
        {"same_brand", "category_affinity"} if said else set()
    )
    assert found(shopper=replace(shopper, personalised=False)) == {}


def test_affinity_names_the_newest_product_that_may_be_named() -> None:
    """A refunded or sensitive product is passed over."""
    recent = (
        RecentProduct("a", "Returned Pan", EventKind.REFUND, "Home > Kitchen", "Aurel"),
        RecentProduct("b", "Pregnancy Test", EventKind.PURCHASE, "Home > Kitchen", "Aurel"),
        RecentProduct("c", "Moka Pot", EventKind.WISHLIST, "Home > Kitchen", "Aurel"),
    )
    shopper = replace(SOMEBODY, brand_affinity={"Aurel": Affinity(0.5, 5)}, recent=recent)
    value = found(shopper=shopper)["same_brand"].value
    assert (value["seen_id"], value["seen"], value["did"]) == ("c", "Moka Pot", "saved")


@pytest.mark.parametrize(
    ("shopper", "expected"),
    [
        (replace(SOMEBODY, interests=("Camping", "TEA lovers")), ("tag", "tea lover", "TEA lovers", "interest")),
        (replace(SOMEBODY, interests=("kitchens",)), ("category", "Kitchen", "kitchens", "interest")),
        (replace(SOMEBODY, style_tags=("retro",)), ("look", "retro", "retro", "style")),
        (replace(SOMEBODY, sizes=("1.7 l",)), ("size", "1.7 l", "1.7 l", "size")),
        (replace(SOMEBODY, interests=("1.7 l",)), None),
        (replace(SOMEBODY, sizes=("retro",)), None),
        (replace(SOMEBODY, interests=("tea",)), None),
        (replace(SOMEBODY, interests=("8",)), None),
        (replace(SOMEBODY, interests=("<retro\u200b>",)), ("look", "retro", "retro", "interest")),
        (replace(SOMEBODY, interests=("children",)), None),
        (ShopperFacts(interests=("kitchen",)), None),
    ],
)
def test_attribute_match_is_equality(shopper: ShopperFacts, expected: tuple[str, ...] | None) -> None:
    """A wish equals a tag, category part or attribute, plurals aside; sizes meet sizes only; age never counts."""
    item = replace(
        KETTLE, tags=("tea lover", "children"), attributes={"look": "retro", "size": ("1 l", "1.7 l"), "age_from": "8"}
    )
    fact = found(item, shopper=shopper).get("attribute_match")
    assert (fact and tuple(fact.value[k] for k in ("attribute", "offered", "value", "stated"))) == expected


@pytest.mark.parametrize(
    ("interest", "text"),
    [("pets", "“pets”, one of your interests, by its tag “pet”"), ("pet", "tag “pet”, one of your interests")],
)
def test_what_the_shopper_stated_is_quoted_as_stated(interest: str, text: str) -> None:
    """The list of interests holds "pets", whatever the item's tag says; a sentence repeats the shopper's word."""
    fact = found(replace(KETTLE, tags=("pet",)), shopper=replace(SOMEBODY, interests=(interest,)))["attribute_match"]
    assert fact.text == text
    assert slot_values(fact)["value"] == f"“{interest}”"


# -------------------------------------------------------------------------------------------------- catalogue


@pytest.mark.parametrize(
    ("value", "count", "said"),
    [(4.0, 10, True), (3.99, 10, False), (4.5, 9, False), (5.0, 10, True), (5.1, 10, False), (float("nan"), 10, False)],
)
def test_rating_thresholds(value: float, count: int, said: bool) -> None:
    """4.0 of 5 from 10 shoppers on."""
    assert ("rating" in found(replace(KETTLE, rating_value=value, rating_count=count))) is said


@pytest.mark.parametrize(("value", "shown"), [(4.27, "4.3"), (4.25, "4.3"), (4.24, "4.2"), (4.96, "4.9"), (5.0, "5.0")])
def test_a_rating_is_not_rounded_up_to_the_full_scale(value: float, shown: str) -> None:
    """One decimal, half up; only a full 5 is a 5."""
    assert shown_rating(value) == shown


@pytest.mark.parametrize(
    ("trend", "said"),
    [
        (TrendRank("Home", 5, 8, 7), True),
        (TrendRank("Home", 6, 8, 7), False),
        (TrendRank("Home", 1, 7, 7), False),
        (TrendRank("Home", 0, 8, 7), False),
        (TrendRank("Home", 1, 8, 7, shoppers=4), False),
        (TrendRank("Home", 1, 8, 7, shoppers=5), True),
    ],
)
def test_trending_thresholds(trend: TrendRank, said: bool) -> None:
    """The first 5 of at least 8, and 5 shoppers behind it where that is known."""
    assert ("trending" in found(facts=ItemFacts(trend=trend))) is said


@pytest.mark.parametrize(
    ("category", "text", "slot"),
    [
        (None, "in the shop", "our shop"),
        ("Home > Kitchen", "in Kitchen", "Kitchen"),
        ("Fashion > Women", "in its category", "its category"),
    ],
)
def test_a_trend_without_a_category_is_one_of_the_shop(category: str | None, text: str, slot: str) -> None:
    """A shop without categories has trends too; a category that is not to be said is not taken for the shop."""
    fact = found(Product("x", "X"), facts=ItemFacts(trend=TrendRank(category, 2, 40, 7)))["trending"]
    assert fact.text == f"number 2 of 40 products {text} by growth in interest over the last 7 days"
    assert (slot_values(fact)["category"], fact.value["scope"]) == (slot, "category" if category else "shop")


@pytest.mark.parametrize(("days", "said"), [(0, True), (30, True), (30.01, False), (-0.01, False)])
def test_new_arrival_is_thirty_days(days: float, said: bool) -> None:
    """Created within 30 days, and not in the future."""
    assert ("new_arrival" in found(replace(KETTLE, created_at=NOW - days * DAY))) is said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, True),
        ({"restocked_at": NOW - 14.01 * DAY}, False),
        ({"restocked_at": NOW + 1}, False),
        ({"stock": 0}, False),
        ({"available": False}, False),
        ({"created_at": NOW - 14 * DAY}, False),
    ],
)
def test_back_in_stock_is_fourteen_days(change: dict, said: bool) -> None:
    """Restocked within 14 days, still there, and not simply new."""
    item = replace(replace(KETTLE, stock=9, restocked_at=NOW - 14 * DAY), **change)
    assert ("back_in_stock" in found(item)) is said


@pytest.mark.parametrize(("stock", "said"), [(0, False), (1, True), (5, True), (6, False), (None, False)])
def test_low_stock_is_one_to_five(stock: int | None, said: bool) -> None:
    """1 to 5 pieces of a product that can be bought."""
    assert ("low_stock" in found(replace(KETTLE, stock=stock))) is said
    assert found(replace(KETTLE, stock=stock, available=False)) == {}


@pytest.mark.parametrize(
    ("query", "terms", "whole"),
    [
        ("flux kettles", ("flux", "kettles"), True),
        ("a kettle for my brother", ("kettle",), False),
        ("toaster", None, None),
        ("women's kettle", ("kettle",), False),
        ("aurel home", ("aurel",), False),
        ("home", ("home",), False),
        ("retro flux", ("retro", "flux"), True),
        ("17", None, None),
    ],
)
def test_query_match_quotes_words_that_the_item_holds(query: str, terms: tuple | None, whole: bool | None) -> None:
    """All words of the query, or those that name, brand, category or attributes hold; never words for gender."""
    item = replace(KETTLE, tags=("retro",))
    fact = found(item, request=replace(REQUEST, query_terms=query_terms(query))).get("query_match")
    assert (fact and (fact.value["terms"], fact.value["all"])) == (terms and (terms, whole))


@pytest.mark.parametrize(
    ("category", "text", "where"),
    [
        ("Food > Coffee & Tea", "in its category Coffee & Tea", "its category Coffee & Tea"),
        ("Coffee > Tea", "in its category Coffee", "its category Coffee"),
        ("Women's coffee", "in its category", "its category"),
    ],
)
def test_a_word_that_only_the_category_holds_is_no_full_match(category: str, text: str, where: str) -> None:
    """Assam tea in "Coffee & Tea" doesn't match all of "coffee": the fact says where the word stands."""
    item = Product("assam", "Assam", category=category)
    fact = found(item, request=replace(REQUEST, query_terms=("coffee",)))["query_match"]
    assert fact.text == f"holds “coffee” of your search {text}"
    assert (fact.value["all"], variant_of(fact.kind, fact.value)) == (False, "part")
    assert slot_values(fact)["where"] == where


def test_a_word_of_the_category_counts_in_full_where_the_item_says_it_too() -> None:
    """A tag that repeats the category's word is the item's own."""
    item = Product("blend", "House Blend", category="Coffee & Tea", tags=("coffee",))
    fact = found(item, request=replace(REQUEST, query_terms=("coffee",)))["query_match"]
    assert (fact.value["all"], fact.value["fields"]) == (True, ("details",))


# -------------------------------------------------------------------------------------------------- sensitive

EVERYTHING = ItemFacts(
    CategoryPrice("Home > Kitchen", 20, 3_000, 12),
    TrendRank("Home > Kitchen", 1, 20, 7),
    (Partner("pot", "Moka Pot", 30, 3.0, "cart"),),
    (ActivePromotion("p", "Members", 10, None, ("members",)),),
)
KEEN = ShopperFacts(
    True,
    interests=("kitchen",),
    segments=("members",),
    brand_affinity={"Aurel": Affinity(0.9, 9)},
    category_affinity={"Home": Affinity(0.9, 9)},
)
RICH = replace(
    KETTLE,
    cost_minor=987_654,
    reference_price_minor=4_000,
    price_since=NOW - DAY,
    created_at=NOW - 20 * DAY,
    restocked_at=NOW - DAY,
    stock=3,
    rating_value=4.5,
    rating_count=128,
)
ASKED = replace(REQUEST, budget_minor=4_000, query_terms=("kettle",))


def test_an_item_of_which_all_is_known_has_all_fourteen_kinds_strongest_first() -> None:
    """One fact per kind, ordered by strength, ids unique and derived from the row."""
    evidence = collect_evidence(RICH, 7, EVERYTHING, KEEN, ASKED, CONFIG)
    assert len({e.kind for e in evidence}) == len(evidence) == 14
    assert [e.kind for e in evidence][:2] == ["query_match", "bought_together"]
    assert evidence[-1].kind == "low_stock"
    assert [e.id for e in evidence] == [f"e7_{i}" for i in range(1, 15)]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Pregnancy Tests"},
        {"category": "Health > Kettles"},
        {"category": "Home > Incontinence Care"},
        {"tags": ("Sensitive",)},
        {"attributes": {"use": "blood-pressure"}},
    ],
)
def test_a_sensitive_item_gets_neutral_catalogue_facts_only(change: dict) -> None:
    """Nothing that the shopper has a part in, the budget included, whichever field makes the item sensitive."""
    everything = replace(EVERYTHING, promotions=(ActivePromotion("p", "Autumn days", 10),))
    assert set(found(replace(RICH, **change), everything, KEEN, ASKED)) == {
        "price_vs_category",
        "discount",
        "rating",
        "new_arrival",
        "back_in_stock",
        "low_stock",
    }


def test_cost_is_never_in_a_fact() -> None:
    """Neither the digits of the cost nor a margin computed from it."""
    said = str(found(RICH, EVERYTHING, KEEN, ASKED)).casefold()
    assert "9876" not in said
    assert "margin" not in said
    assert "cost" not in said
