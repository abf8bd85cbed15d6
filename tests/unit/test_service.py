"""RecommendationService on the demo shop: real store, real vectors, real model, real rules."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from app.bootstrap import Application
from app.domain.catalog import top_category
from app.domain.deadline import Deadline
from app.domain.errors import UnknownProduct, UnknownRecommendation
from app.domain.interactions import Consent, EventKind, Interaction, Preferences
from app.domain.ranking import Explanation, Filters, Query, Slate

NAMED = ["gamer", "student", "123", "parent", "eco", "runner", "cook", "gardener", "reader"]
STRANGERS = [f"u{i:04d}" for i in range(1, 61)]


def ask(application: Application, **query: object) -> Slate:
    """One slate."""
    return asyncio.run(application.service.recommend(Query(**query), Deadline.after_ms(500)))


def why(application: Application, slate: Slate, product_id: str) -> Explanation:
    """Why the product is, or is not, in the slate."""
    return asyncio.run(application.service.fate(slate.recommendation_id, product_id))


def categories(application: Application, slate: Slate) -> Counter[str]:
    """Top categories of a slate."""
    products = application.service.products([item.product_id for item in slate.items])
    return Counter(top_category(p.category) for p in products.values() if p.category)


@pytest.mark.parametrize("user", NAMED + STRANGERS)
def test_every_slate_keeps_every_rule(demo: Application, user: str) -> None:
    """In stock, margin of 25% or more, within the stored budget, nothing owned or avoided, for whoever asks."""
    slate = ask(demo, user_id=user, limit=10)
    shopper = demo.store.shopper(user)
    products = demo.service.products([item.product_id for item in slate.items])
    assert len(slate.items) == 10 or sum(slate.excluded.values()) > 0
    for product in products.values():
        assert product.available
        assert product.stock is None or product.stock >= 1
        assert product.cost_minor is not None
        assert (product.price_minor - product.cost_minor) / product.price_minor >= 0.25
        if shopper.consent.personalization != "none" and shopper.preferences.budget_minor is not None:
            assert product.price_minor <= shopper.preferences.budget_minor
    assert [item.position for item in slate.items] == list(range(1, len(slate.items) + 1))
    relevance = [item.relevance for item in slate.items]
    assert relevance == sorted(relevance, reverse=True)
    reasons = [item.reason for item in slate.items]
    assert None not in reasons
    assert len(set(reasons)) == len(reasons)


def test_shoppers_get_what_they_are_like(demo: Application) -> None:
    """The gardener sees the garden, the reader books, the runner sports: slates follow the person."""
    assert categories(demo, ask(demo, user_id="gardener", limit=10))["Garden"] >= 3
    assert categories(demo, ask(demo, user_id="reader", limit=10))["Books"] >= 2
    assert categories(demo, ask(demo, user_id="runner", limit=10))["Sports & Outdoor"] >= 3
    gamer = categories(demo, ask(demo, user_id="gamer", limit=10))
    assert gamer["Electronics"] + gamer["Computers"] >= 4
    slates = {tuple(i.product_id for i in ask(demo, user_id=user).items) for user in NAMED}
    assert len(slates) == len(NAMED)


def test_the_same_question_has_the_same_answer(demo: Application) -> None:
    """Order and reasons are deterministic."""
    first, second = ask(demo, user_id="gamer", limit=10), ask(demo, user_id="gamer", limit=10)
    assert first.items == second.items
    assert first.recommendation_id != second.recommendation_id


def test_an_unknown_shopper_gets_what_is_popular_and_varied(demo: Application) -> None:
    """A new shopper's slate is full, unprofiled, and from several categories."""
    slate = ask(demo, user_id="never-seen", limit=10)
    assert len(slate.items) == 10
    assert not slate.profiling_used
    assert len(categories(demo, slate)) >= 3
    assert slate.strategy == "baseline"
    assert slate.fallback_reason == "no_model"


def test_reasons_never_change_the_order(demo: Application) -> None:
    """Without reasons the same products come in the same order, and no sentence."""
    with_reasons = ask(demo, user_id="cook", limit=10)
    without = ask(demo, user_id="cook", limit=10, reasons="none")
    assert [i.product_id for i in with_reasons.items] == [i.product_id for i in without.items]
    assert all(item.reason is None and item.evidence == () for item in without.items)


def test_a_requested_budget_overrides_the_stored_one(demo: Application) -> None:
    """The gamer's 2,000 EUR don't matter when the request says 20."""
    slate = ask(demo, user_id="gamer", limit=10, budget_minor=2000)
    products = demo.service.products([item.product_id for item in slate.items])
    assert len(slate.items) == 10
    assert all(p.price_minor <= 2000 for p in products.values())
    assert slate.excluded["within_budget"] > 0


def test_a_budget_below_every_price_gives_an_empty_slate_that_says_why(demo: Application) -> None:
    """200, no item, and the rule that took them."""
    slate = ask(demo, user_id="gamer", budget_minor=1)
    assert slate.items == ()
    assert slate.excluded["within_budget"] > 100


def test_filters_and_exclusions_hold(demo: Application) -> None:
    """Only the asked-for category and price, never an excluded id or what is in the cart."""
    filters = Filters(categories=("Books",), price_max_minor=1500)
    first = ask(demo, user_id="reader", limit=5, filters=filters)
    products = demo.service.products([item.product_id for item in first.items])
    assert products
    assert all(p.category.startswith("Books") and p.price_minor <= 1500 for p in products.values())
    ids = [item.product_id for item in first.items]
    second = ask(demo, user_id="reader", limit=5, filters=filters, exclude_ids=(ids[0],), cart=(ids[1],))
    assert not {ids[0], ids[1]} & {item.product_id for item in second.items}


def test_a_product_page_shows_what_goes_with_it(demo: Application) -> None:
    """Around a book, mostly books; never the book itself."""
    book = next(p for p in demo.store.iter_products() if (p.category or "").startswith("Books"))
    slate = ask(demo, placement="product", product_id=book.product_id, limit=6)
    assert book.product_id not in {item.product_id for item in slate.items}
    assert categories(demo, slate)["Books"] >= 3


def test_a_query_is_answered_with_what_it_names(demo: Application) -> None:
    """ "running shoes" finds running products; nonsense gives nothing rather than anything."""
    slate = ask(demo, text="running jacket", limit=4)
    products = demo.service.products([item.product_id for item in slate.items])
    assert sum("running" in f"{p.name} {p.category} {p.description}".lower() for p in products.values()) >= 3


def test_nonsense_is_answered_with_nothing(demo: Application) -> None:
    """Something is nearest to any vector; that does not make it an answer."""
    assert ask(demo, text="xyzzy qwrt").items == ()


def test_nothing_sensitive_is_inferred(demo: Application) -> None:
    """No home slate of anybody shows a product tagged sensitive; whoever asks for one by name gets it."""
    sensitive = {p.product_id for p in demo.store.iter_products() if "sensitive" in p.tags}
    assert sensitive
    for user in NAMED + STRANGERS:
        assert not sensitive & {i.product_id for i in ask(demo, user_id=user, limit=20).items}
    assert sensitive & {i.product_id for i in ask(demo, text="pregnancy test").items}


def test_what_a_shopper_avoids_stays_away(demo_copy: Path, opened) -> None:
    """Leather is an attribute's value: avoiding it drops every product of it, vegan leather not."""
    application = opened(demo_copy)
    wish = Preferences(avoid=("leather",), interests=("shoes", "leather boots"))
    application.store.save_preferences("boots", wish)
    slate = ask(application, user_id="boots", limit=10)
    products = application.service.products([i.product_id for i in slate.items])
    assert products
    assert all(p.attributes.get("material") != "leather" for p in products.values())
    assert slate.excluded["avoided"] > 0


def test_a_trend_is_not_told_after_its_week(demo_copy: Path, opened) -> None:
    """Seven weeks after the last event nothing is called a trend of the last days."""
    late = opened(demo_copy, as_of="2026-11-20T10:00:00+00:00")
    kinds = {e.kind for u in ("nobody", "reader") for i in ask(late, user_id=u, limit=20).items for e in i.evidence}
    assert kinds
    assert "trending" not in kinds


def test_unknown_products_are_named(demo: Application) -> None:
    """A page of a product that does not exist is an error with its id, not an empty slate."""
    with pytest.raises(UnknownProduct, match="no-such-thing"):
        ask(demo, placement="product", product_id="no-such-thing")


def test_why_and_why_not(demo: Application) -> None:
    """A served product gives its reason; a missing one the rule or stage that dropped it."""
    slate = ask(demo, user_id="gamer", limit=5)
    served = why(demo, slate, slate.items[0].product_id)
    assert served.fate.stage == "served"
    assert served.reason == slate.items[0].reason
    owned = next(
        i.product_id
        for i in demo.store.interactions(user_id="gamer", anonymous_id=None, session_id=None, limit=500)
        if i.kind is EventKind.PURCHASE
        and not demo.store.products([i.product_id])[i.product_id].category.startswith("Gro")
    )
    assert why(demo, slate, owned).fate.stage in {"rule", "not_a_candidate"}
    stages = Counter(why(demo, slate, p.product_id).fate.stage for p in list(demo.store.iter_products())[::25])
    assert stages["not_a_candidate"] > 0
    assert stages["ranked_lower"] > 0
    with pytest.raises(UnknownRecommendation):
        asyncio.run(demo.service.fate("nothing", slate.items[0].product_id))
    with pytest.raises(UnknownProduct):
        why(demo, slate, "no-such-thing")


def test_consent_is_kept(demo_copy: Path, opened) -> None:
    """Under `none` the gamer gets a stranger's slate; under `session` only the session's clicks count."""
    application = opened(demo_copy)
    stranger = [i.product_id for i in ask(application, user_id="never-seen").items]
    application.store.save_consent("gamer", Consent("none", False))
    nobody = ask(application, user_id="gamer")
    assert [i.product_id for i in nobody.items] == stranger
    assert not nobody.profiling_used
    application.store.save_consent("gamer", Consent("session", False))
    application.store.save_preferences("gamer", Preferences())
    assert not ask(application, user_id="gamer").profiling_used
    book = next(p for p in application.store.iter_products() if (p.category or "").startswith("Books"))
    now = application.clock.now()
    seen = [
        Interaction(
            f"live-{i}", EventKind.ADD_TO_CART, now - 60 + i, "gamer", session_id="live", product_id=p.product_id
        )
        for i, p in enumerate(p for p in application.store.iter_products() if p.category == book.category)
        if i < 4
    ]
    application.store.insert_events(seen)
    session = ask(application, user_id="gamer", session_id="live", limit=10)
    application.store.save_consent("gamer", Consent("none", False))
    assert not ask(application, user_id="gamer", session_id="live", limit=10).profiling_used
    told = why(application, session, session.items[0].product_id)
    assert (told.fate.stage, told.reason, told.evidence) == ("served", None, ())  # nor is the old reason repeated
    assert session.profiling_used
    assert categories(application, session)["Books"] >= 2


def test_a_changed_product_is_seen_without_a_restart(demo_copy: Path, opened) -> None:
    """A sold-out product is gone from the next slate once the keeper looked; back in stock it may return."""
    from dataclasses import replace

    application = opened(demo_copy)
    first = ask(application, user_id="gamer").items[0].product_id
    product = application.store.products([first])[first]
    application.store.upsert_products([replace(product, stock=0)], at=application.clock.now())
    assert application.keeper.follow_once()
    after = ask(application, user_id="gamer")
    assert first not in {item.product_id for item in after.items}
    assert why(application, after, first).fate.rule == "in_stock"
    assert not application.keeper.follow_once()


def test_everything_sold_out_is_an_empty_slate(demo_copy: Path, opened) -> None:
    """All out of stock: no item, and in_stock says why."""
    from dataclasses import replace

    application = opened(demo_copy)
    products = [replace(p, stock=0) for p in application.store.iter_products()]
    application.store.upsert_products(products, at=application.clock.now())
    application.keeper.follow_once()
    slate = ask(application, user_id="gamer")
    assert slate.items == ()
    assert slate.excluded["in_stock"] > 0


def test_a_damaged_model_means_the_last_good_one_or_none(demo_copy: Path, opened) -> None:
    """Corrupt model files don't stop the service: it answers, and health says what is wrong."""
    for path in (demo_copy / "models").rglob("*.np*"):
        path.write_bytes(b"rubbish" + path.read_bytes()[7:])
    application = opened(demo_copy)
    health = application.health()
    assert health.ready
    assert "baseline" in health.degraded
    assert len(ask(application, user_id="gamer").items) == 5


def test_damaged_vectors_and_indexes_are_done_without(demo_copy: Path, opened) -> None:
    """Corrupt vector, Chroma and word files degrade the service; slates stay full, searches go by name."""
    for folder in ("vectors", "chroma", "lexical"):
        for path in (demo_copy / folder).rglob("*"):
            if path.is_file():
                path.write_bytes(b"\x00" * 64)
    application = opened(demo_copy)
    assert {"vectors", "words"} <= set(application.health().degraded)
    assert len(ask(application, user_id="gamer").items) == 5
    found = application.service.products([i.product_id for i in ask(application, text="keyboard").items])
    assert found
    assert all("keyboard" in f"{p.name} {p.category}".lower() for p in found.values())
