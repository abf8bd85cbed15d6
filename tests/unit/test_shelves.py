"""ShelfService on the demo shop: real store, real vectors, real model, real rules."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from app.bootstrap import Application
from app.domain.catalog import Product
from app.domain.deadline import Deadline
from app.domain.errors import UnknownProduct
from app.domain.interactions import Consent, EventKind, Interaction, Preferences
from app.domain.ranking import Explanation, Filters, Query, RankedItem
from app.pipeline.variants import variant_group
from app.shelves import Shelved

HEADPHONES = "el-0001"
SHELVES = [
    {"shelf": "similar", "placement": "product", "product_id": HEADPHONES},
    {"shelf": "bought_together", "placement": "product", "product_id": "gr-0034"},
    {"shelf": "trending"},
    {"shelf": "trending", "filters": Filters(categories=("Books",))},
    {"shelf": "search", "placement": "search", "text": "wireless headphones"},
    {"shelf": "search", "placement": "search", "text": "garden"},
]


def show(application: Application, **query: object) -> Shelved:
    """One shelf, without reasons unless they are asked for."""
    return asyncio.run(application.shelves.show(Query(**{"reasons": "none", "limit": 10, **query})))


def search(application: Application, text: str, **query: object) -> Shelved:
    """One search."""
    return show(application, shelf="search", placement="search", text=text, **query)


def ids(shelved: Shelved) -> list[str]:
    return [item.product_id for item in shelved.slate.items]


def records(application: Application, shelved: Shelved) -> list[Product]:
    """Records of the slate, in its order."""
    found = application.service.products(ids(shelved))
    return [found[product_id] for product_id in ids(shelved)]


def why(application: Application, shelved: Shelved, product_id: str) -> Explanation:
    return asyncio.run(application.service.fate(shelved.slate.recommendation_id, product_id))


@pytest.mark.parametrize("user", [None, "gamer", "student", "123", "cook"])
@pytest.mark.parametrize("query", SHELVES, ids=lambda query: "-".join(str(v) for v in query.values())[:60])
def test_every_rule_holds_on_every_shelf(demo: Application, query: dict[str, object], user: str | None) -> None:
    """In stock, with margin, within the stored budget, nothing owned; positions, scores and the strategy as agreed."""
    shelved = show(demo, user_id=user, **query)
    budget = None if user is None else demo.store.shopper(user).preferences.budget_minor
    for product in records(demo, shelved):
        assert product.available
        assert product.stock is None or product.stock >= 1
        assert product.cost_minor is not None
        assert product.price_minor is not None
        assert (product.price_minor - product.cost_minor) / product.price_minor >= 0.25
        assert budget is None or product.price_minor <= budget
        assert product.product_id != query.get("product_id")
    slate = shelved.slate
    assert [item.position for item in slate.items] == list(range(1, len(slate.items) + 1))
    scores = [item.relevance for item in slate.items]
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 <= score <= 1.0 for score in scores)
    assert (slate.strategy, slate.fallback_reason, slate.model, slate.usage) == (
        "baseline",
        "not_requested",
        None,
        None,
    )
    assert all(item.reason is None and item.evidence == () for item in slate.items)
    assert slate.profiling_used is (user is not None)


@pytest.mark.parametrize("query", SHELVES, ids=lambda query: "-".join(str(v) for v in query.values())[:60])
def test_a_shelf_can_be_explained_by_its_id(demo: Application, query: dict[str, object]) -> None:
    """Served products as they were served, others by the stage of this very shelf that drops them."""
    shelved = show(demo, **query)
    if shelved.slate.items:
        served = why(demo, shelved, shelved.slate.items[0].product_id)
        assert (served.fate.stage, served.fate.position) == ("served", 1)
    snapshot = demo.keeper.served().shelf.snapshot
    stages = Counter(
        why(demo, shelved, product_id).fate.stage
        for product_id in snapshot.product_ids[:40]
        if product_id not in ids(shelved)
    )
    assert set(stages) <= {"not_a_candidate", "rule", "slate_rule", "ranked_lower"}


def test_reasons_are_there_where_they_are_asked_for(demo: Application) -> None:
    """Compiled from evidence, and the order is the same as without."""
    query = {"shelf": "trending", "user_id": "cook"}
    asked = show(demo, **query, reasons="template")
    assert ids(asked) == ids(show(demo, **query))
    assert all(item.reason and item.reason_source == "template" for item in asked.slate.items)


def test_similar_products_are_of_a_kind_with_the_page(demo: Application) -> None:
    """Headphones beside headphones, and no two variants of anything."""
    shelved = show(demo, shelf="similar", placement="product", product_id=HEADPHONES)
    assert len(shelved.slate.items) >= 5
    found = records(demo, shelved)
    assert {product.category for product in found} == {"Electronics > Headphones"}
    groups = [variant_group(product) for product in found]
    assert len(set(groups)) == len(groups)


def test_variants_are_shown_once(demo_copy: Path, opened: Callable[..., Application]) -> None:
    """Of a group the nearest; neither the page's own variants nor a second one of another group."""
    application = opened(demo_copy, similar_min_similarity=0.2)
    by_id = application.store.products([HEADPHONES, "el-0005", "el-0009", "el-0011", "el-0014"])
    grouped = {
        HEADPHONES: "page", "el-0014": "page", "el-0005": "g", "el-0009": "g", "el-0011": "g",
    }  # fmt: skip
    for product_id, group in grouped.items():
        product = by_id[product_id]
        changed = {name: getattr(product, name) for name in Product.__dataclass_fields__ if name != "attributes"}
        attributes = {**product.attributes, "item_group_id": group}
        application.store.upsert_products([Product(**changed, attributes=attributes)], at=application.clock.now())
    application.keeper.follow_once()
    shelved = show(application, shelf="similar", placement="product", product_id=HEADPHONES, limit=20)
    assert "el-0014" not in ids(shelved)
    assert len({"el-0005", "el-0009", "el-0011"} & set(ids(shelved))) == 1
    dropped = why(application, shelved, "el-0014").fate
    assert (dropped.stage, dropped.rule) == ("slate_rule", "variants")
    assert shelved.slate.excluded["variants"] >= 3


def test_the_threshold_of_similarity_is_a_setting(demo_copy: Path, opened: Callable[..., Application]) -> None:
    """A higher one leaves fewer, 1 leaves none."""
    query = {"shelf": "similar", "placement": "product", "product_id": HEADPHONES, "limit": 50}
    counts = [
        len(show(opened(demo_copy, similar_min_similarity=least), **query).slate.items) for least in (-1.0, 0.7, 1.0)
    ]
    assert counts[0] > counts[1] > counts[2] == 0


def test_bought_together_states_facts_only(demo: Application) -> None:
    """Each item is a partner that the model counted; its sentence says in how many orders."""
    shelf = demo.keeper.served().shelf
    model = shelf.model
    assert model is not None
    asked = 0
    for column, product_id in enumerate(model.product_ids):
        partners = {model.product_ids[c] for c, _, lift in model.bought_with(column, 20) if lift > 1}
        if product_id not in shelf.snapshot.row_of or asked >= 15:
            continue
        asked += bool(partners)
        shelved = show(demo, shelf="bought_together", placement="product", product_id=product_id, reasons="template")
        assert set(ids(shelved)) <= partners
        for item in shelved.slate.items:
            assert _is_explained(item)
    assert asked > 0


def _is_explained(item: RankedItem) -> bool:
    return item.reason is not None and item.reason_source == "template"


def test_trending_follows_the_events(demo_copy: Path, opened: Callable[..., Application]) -> None:
    """A sudden favourite of thirty shoppers leads after one look; a bulk buyer's favourite does not."""
    application = opened(demo_copy)
    now = application.clock.now()
    before = ids(show(application, shelf="trending"))
    favourite, bulk = [p for p in ("el-0014", "el-0009", "el-0005", "bo-0011") if p not in before][:2]
    crowd = [
        Interaction(
            f"crowd{i}", EventKind.PURCHASE, now - 60.0, user_id=f"new{i}", session_id=f"c{i}", product_id=favourite
        )
        for i in range(30)
    ]
    hoard = [
        Interaction(
            f"hoard{i}",
            EventKind.PURCHASE,
            now - 60.0,
            user_id="hoarder",
            session_id="h",
            product_id=bulk,
            quantity=500,
        )
        for i in range(200)
    ]
    application.store.insert_events([*crowd, *hoard])
    application.trends.refresh()
    after = show(application, shelf="trending")
    assert ids(after)[0] == favourite
    assert bulk not in ids(after)
    assert after.scope == "everybody"


def test_a_category_holds_what_is_below_it(demo: Application) -> None:
    """Trending in Electronics is electronics; an unknown category is empty, not an error."""
    shelved = show(demo, shelf="trending", filters=Filters(categories=("electronics",)))
    assert len(shelved.slate.items) == 10
    assert all((product.category or "").startswith("Electronics") for product in records(demo, shelved))
    assert ids(show(demo, shelf="trending", filters=Filters(categories=("Nowhere",)))) == []


def test_a_shop_without_events_shows_what_is_popular(demo_copy: Path, opened: Callable[..., Application]) -> None:
    """Long after the last event nothing trends; the shelf says so and is filled all the same."""
    shelved = show(opened(demo_copy, as_of="2030-01-01T00:00Z"), shelf="trending")
    assert shelved.scope == "popular"
    assert len(shelved.slate.items) == 10


def test_search_counts_all_matches(demo: Application) -> None:
    """The total is that of every page, and the facets add up to it."""
    few, many = search(demo, "headphones", limit=3), search(demo, "headphones", limit=50)
    assert few.search is not None
    assert many.search is not None
    assert few.search.total == many.search.total == len(many.slate.items) > 3
    assert sum(value.count for value in many.search.facets.brands) == many.search.total
    assert sum(band.count for band in many.search.facets.prices) == many.search.total


def test_filters_are_hard_and_every_facet_keeps_its_promise(demo: Application) -> None:
    """Filtering by a value gives as many as its facet said."""
    whole = search(demo, "headphones", limit=50)
    assert whole.search is not None
    for value in whole.search.facets.brands[:4]:
        part = search(demo, "headphones", limit=50, filters=Filters(brands=(value.value,)))
        assert part.search is not None
        assert part.search.total == value.count == len(part.slate.items)
        assert {product.brand for product in records(demo, part)} == {value.value}
        assert part.search.facets.brands == whole.search.facets.brands
    for band in whole.search.facets.prices:
        top = None if band.max_minor is None else band.max_minor - 1
        part = search(demo, "headphones", filters=Filters(price_min_minor=band.min_minor, price_max_minor=top))
        assert part.search is not None
        assert part.search.total == band.count


def test_attributes_filter_by_name_and_value(demo: Application) -> None:
    """Case and plurals don't count, another name with this value does not do."""
    blue = Filters(attributes=(("Colour", "Midnight Blue"),))
    found = search(demo, "headphones", limit=50, filters=blue)
    assert found.slate.items
    assert {product.attributes["colour"] for product in records(demo, found)} == {"midnight blue"}
    assert found.search is not None
    assert found.search.total == len(found.slate.items)
    other = search(demo, "headphones", filters=Filters(attributes=(("fit", "midnight blue"),)))
    assert other.slate.items == ()


def test_in_stock_means_known_to_be_there(demo: Application) -> None:
    """A product without a stock figure may be shown, but not to somebody who asks for what is there."""
    found = search(demo, "headphones", limit=50, filters=Filters(in_stock=True))
    assert found.slate.items
    assert all(product.stock is not None and product.stock > 0 for product in records(demo, found))
    everything = search(demo, "headphones", limit=50)
    assert any(product.stock is None for product in records(demo, everything))


def test_a_typing_error_is_read_and_told(demo: Application) -> None:
    """The same products, and the answer says how the text was read."""
    right, wrong = search(demo, "wireless headphones"), search(demo, "wirless hedphones")
    assert wrong.search is not None
    assert wrong.search.read_as == "wireless headphone"
    assert right.search is not None
    assert right.search.read_as is None
    assert len(set(ids(right)) & set(ids(wrong))) >= 5


def test_poor_results_are_widened_and_marked(demo: Application) -> None:
    """Nothing is both; what is one of the two is offered instead, and said to be that."""
    found = search(demo, "headphones qzxqzx")
    assert found.search is not None
    assert found.search.relaxed
    assert found.search.total >= len(found.slate.items) > 0
    nothing = search(demo, "qzxqzx wvwvwv")
    assert nothing.search is not None
    assert (nothing.search.total, nothing.search.relaxed, nothing.slate.items) == (0, False, ())


@pytest.mark.parametrize(
    "text",
    ["🎧", "a", "%", "'; DROP TABLE products; --", "x" * 500, "ヘッドホン", "наушники", "سماعات", "\u202eabc",
     "*", "NOT", '"', "a" * 64 + " " + "b" * 64, "1", "()[]{}", "null", "для дома 5"],
)  # fmt: skip
def test_weird_texts_are_only_texts(demo: Application, text: str) -> None:
    """Whatever is typed gives an answer that holds together."""
    found = search(demo, text)
    assert found.search is not None
    assert found.search.total >= len(found.slate.items)


def test_brand_caps_are_for_browsing(demo: Application) -> None:
    """Who searches for a brand gets it, more than two times in ten."""
    found = search(demo, "Beatfold")
    brands = Counter(product.brand for product in records(demo, found))
    assert brands["Beatfold"] > 2


def test_personal_search_is_a_setting(demo_copy: Path, opened: Callable[..., Application]) -> None:
    """Off, two shoppers see one order; on, what they are like moves it."""

    def order(application: Application, user: str) -> list[str]:
        return ids(search(application, "gift", user_id=user, limit=20, budget_minor=10**9))

    off, on = opened(demo_copy), opened(demo_copy, search_personalized=True)
    seen_by_both = set(order(off, "reader")) & set(order(off, "runner"))
    assert [p for p in order(off, "reader") if p in seen_by_both] == [
        p for p in order(off, "runner") if p in seen_by_both
    ]
    assert order(on, "reader") != order(off, "reader")


def test_consent_none_shows_a_strangers_shelf(demo_copy: Path, opened: Callable[..., Application]) -> None:
    """Neither what was bought nor a stored budget counts."""
    application = opened(demo_copy)
    application.store.save_preferences("shy", Preferences(budget_minor=1))
    application.store.save_consent("shy", Consent("none", False))
    mine = show(application, shelf="trending", user_id="shy")
    assert ids(mine) == ids(show(application, shelf="trending"))
    assert not mine.slate.profiling_used


def test_an_unknown_product_has_no_shelf(demo: Application) -> None:
    """Nor has a deleted one."""
    for shelf in ("similar", "bought_together"):
        with pytest.raises(UnknownProduct):
            show(demo, shelf=shelf, product_id="nope")


def test_a_deleted_product_has_no_shelf_and_is_on_none(demo_copy: Path, opened: Callable[..., Application]) -> None:
    """From the next look at the catalogue on."""
    application = opened(demo_copy)
    shelved = show(application, shelf="similar", product_id=HEADPHONES)
    gone = ids(shelved)[0]
    application.store.delete_products([gone], at=application.clock.now())
    application.keeper.follow_once()
    assert gone not in ids(show(application, shelf="similar", product_id=HEADPHONES))
    with pytest.raises(UnknownProduct):
        show(application, shelf="similar", product_id=gone)


def test_a_sold_out_page_still_has_alternatives(demo: Application) -> None:
    """That is when similar products are needed most."""
    snapshot = demo.keeper.served().shelf.snapshot
    sold_out = next(p for p, stock in zip(snapshot.product_ids, snapshot.stock.tolist(), strict=True) if stock == 0)
    shelved = show(demo, shelf="similar", placement="product", product_id=sold_out)
    assert sold_out not in ids(shelved)


def test_recommendations_are_as_they_were(demo: Application) -> None:
    """A shelf leaves no trace in what the recommendation service answers."""
    before = asyncio.run(demo.service.recommend(Query(user_id="cook"), Deadline.after_ms(0)))
    show(demo, shelf="trending", user_id="cook")
    after = asyncio.run(demo.service.recommend(Query(user_id="cook"), Deadline.after_ms(0)))
    assert before.items == after.items
