"""The order cache's key: what splits it, what doesn't, and that an answer never invalidates itself."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.adapters.rule_files import load_rules
from app.domain.catalog import Product
from app.domain.interactions import Consent, EventKind, Interaction, Preferences, Shopper
from app.domain.ranking import Filters, Query
from app.pipeline.cache_key import budget_bucket, cache_key, normalised_query, profile_digest
from app.pipeline.columns import snapshot_of
from app.pipeline.profile import Profile, build_profile
from app.pipeline.pseudonym import pseudonym, pseudonym_key

NOW = 1_790_000_000.0
QUERY = Query(
    user_id="u1",
    placement="product",
    product_id="p1",
    cart=("p2", "p3"),
    text="black shoes",
    filters=Filters(("Home",), ("Acme", "Bolt"), 100, 9000),
)
FIXED: dict[str, Any] = {
    "profile": "d",
    "budget_minor": 5000,
    "locale": "en",
    "model": "m",
    "prompt_id": "rerank/v1",
    "prompt_hash": "h",
    "schema_version": "1",
    "gate": "g",
    "consent": Consent("full", True),
}
SNAPSHOT = snapshot_of(
    [
        Product(product_id=f"p{i}", name=f"Thing {i}", category=f"C{i % 5}", brand=f"B{i % 4}", price_minor=1000)
        for i in range(20)
    ],
    1,
)
SIGNALS = load_rules(Path(__file__).resolve().parents[3] / "rules").scoring.signal_map()


def profile_of(*interactions: Interaction, preferences: Preferences = Preferences(), now: float = NOW) -> Profile:
    shopper = Shopper("u1", preferences, Consent("full", True), known=True)
    return build_profile(shopper, interactions, SNAPSHOT, SIGNALS, now=now)


def did(kind: EventKind, product: str, number: int = 0) -> Interaction:
    return Interaction(f"{kind}{product}{number}", kind, NOW - 3600.0, user_id="u1", product_id=product)


@pytest.mark.parametrize(
    "other",
    [
        replace(QUERY, placement="home"),
        replace(QUERY, product_id="p9"),
        replace(QUERY, product_id=None),
        replace(QUERY, cart=("p2",)),
        replace(QUERY, cart=("p2p3",)),
        replace(QUERY, text="shoes black"),
        replace(QUERY, text=None),
        replace(QUERY, filters=replace(QUERY.filters, categories=())),
        replace(QUERY, filters=replace(QUERY.filters, brands=("Home",))),
        replace(QUERY, filters=replace(QUERY.filters, price_min_minor=None)),
        replace(QUERY, filters=replace(QUERY.filters, price_max_minor=9001)),
    ],
)
def test_a_different_question_has_a_different_key(other: Query) -> None:
    """Whatever changes the prompt changes the key."""
    assert cache_key(other, **FIXED) != cache_key(QUERY, **FIXED)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("profile", "e"),
        ("budget_minor", None),
        ("budget_minor", 50_000),
        ("locale", "de"),
        ("model", "n"),
        ("prompt_id", "rerank/v2"),
        ("prompt_hash", "i"),
        ("schema_version", "2"),
        ("gate", "h"),
        ("consent", Consent("full", False)),
        ("consent", Consent("session", True)),
    ],
)
def test_a_different_setting_has_a_different_key(part: str, value: object) -> None:
    """An edited prompt, another model or gate line never serves old answers."""
    assert cache_key(QUERY, **{**FIXED, part: value}) != cache_key(QUERY, **FIXED)


@pytest.mark.parametrize(
    "same",
    [
        replace(QUERY, cart=("p3", "p2", "p3")),
        replace(QUERY, filters=replace(QUERY.filters, brands=("Bolt", "Acme"))),
        replace(QUERY, text="  Black\u00a0SHOES! "),
        replace(QUERY, limit=10),
        replace(QUERY, exclude_ids=("p7",)),
        replace(QUERY, reasons="none"),
        replace(QUERY, deadline_ms=0),
        replace(QUERY, user_id="u2", anonymous_id="a", session_id="s"),
    ],
)
def test_what_is_applied_on_read_is_not_in_the_key(same: Query) -> None:
    """Order of cart and filters, spelling, number of items, exclusions and ids leave the key alone."""
    assert cache_key(same, **FIXED) == cache_key(QUERY, **FIXED)


def test_the_key_is_stable_across_releases() -> None:
    """A change of the encoding shows here; raise FORMAT with it."""
    assert cache_key(Query(), **FIXED) == "58d27bdd586e9a8daf5b5a71f0e5da89a6b614c6da3bcf3e0b30554ffe7b78b6"


def test_a_lone_surrogate_is_a_key_too() -> None:
    """Text that can't be encoded as UTF-8 gets a key rather than an error."""
    assert len(cache_key(replace(QUERY, product_id="\ud800"), **FIXED)) == 64


def test_budgets_of_a_bucket_share() -> None:
    """40 and 45 share, 40 and 60 don't; the stored budget counts by its bucket too."""
    keys = [cache_key(QUERY, **{**FIXED, "budget_minor": minor}) for minor in (4000, 4500, 6000)]
    assert keys[0] == keys[1] != keys[2]
    stated = [profile_digest(profile_of(preferences=Preferences(budget_minor=m)), None) for m in (4000, 4500, 6000)]
    assert stated[0] == stated[1] != stated[2]


@pytest.mark.parametrize(
    ("minor", "bucket"),
    [
        (None, "none"),
        (-5, "0"),
        (0, "0"),
        (1, "1"),
        (9, "9"),
        (10, "10"),
        (14, "10"),
        (15, "15"),
        (99, "68"),
        (100, "100"),
        (3299, "2200"),
        (3300, "3300"),
        (10**12 - 1, "680000000000"),
    ],
)
def test_budget_buckets(minor: int | None, bucket: str) -> None:
    """Both sides of every kind of bound."""
    assert budget_bucket(minor) == bucket


def test_budget_buckets_are_monotone_and_about_half_as_wide_as_their_bound() -> None:
    """No bucket holds budgets that differ by more than a factor of 1.55 (from 10 minor units on)."""
    widest: dict[str, list[int]] = {}
    for minor in range(10, 100_000):
        widest.setdefault(budget_bucket(minor), []).append(minor)
    assert max((held[-1] + 1) / held[0] for held in widest.values()) < 1.55
    assert [int(bucket) for bucket in widest] == sorted(int(bucket) for bucket in widest)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  Wireless   Mouse ", "wireless mouse"),
        ("ＵＳＢ－Ｃ Kabel", "usb-c kabel"),
        ("„Straße“?", "strasse"),
        ("a\u200bb\u202e", "ab"),
        ("tab\tand\nline", "tab and line"),
        ("c++", "c++"),
        ("...", ""),
        ("", ""),
    ],
)
def test_normalised_queries(text: str, normal: str) -> None:
    """Case, width, blanks, invisible characters and punctuation at the ends go; the rest stays."""
    assert normalised_query(text) == normal
    assert normalised_query(normal) == normal


def test_serving_never_changes_the_digest() -> None:
    """Impressions of a served slate, whatever their number, leave the digest as it was."""
    history = [did(EventKind.VIEW, "p1"), did(EventKind.ADD_TO_CART, "p2")]
    seen = [did(EventKind.IMPRESSION, f"p{i}", n) for i in range(20) for n in range(30)]
    assert profile_digest(profile_of(*history, *seen), "v1.x") == profile_digest(profile_of(*history), "v1.x")


def test_time_alone_does_not_change_the_digest() -> None:
    """Decay keeps the proportions of signals of one kind, so a day later the answer is still found."""
    history = [did(EventKind.VIEW, f"p{i}") for i in range(6)]
    assert profile_digest(profile_of(*history, now=NOW + 86_400.0), "v1.x") == profile_digest(
        profile_of(*history), "v1.x"
    )


def test_shoppers_share_below_four_interactions_and_not_from_there_on() -> None:
    """Two shoppers alike share an answer at 3 interactions and none at 4."""
    three = profile_of(*[did(EventKind.VIEW, "p1", n) for n in range(3)])
    four = profile_of(*[did(EventKind.VIEW, "p1", n) for n in range(4)])
    assert profile_digest(three, "v1.a") == profile_digest(three, "v1.b")
    assert profile_digest(four, "v1.a") != profile_digest(four, "v1.b")


def test_a_changed_taste_changes_the_digest() -> None:
    """Another category among the top three, or another history bucket, asks anew."""
    one = profile_of(did(EventKind.VIEW, "p1"))
    assert profile_digest(one, None) != profile_digest(profile_of(did(EventKind.VIEW, "p2")), None)
    assert profile_digest(one, None) != profile_digest(profile_of(), None)


def test_swapped_places_among_the_top_do_not_change_the_digest() -> None:
    """Which of the top categories leads is not in the digest, only which they are."""
    lead = profile_of(did(EventKind.VIEW, "p1"), did(EventKind.VIEW, "p2"), did(EventKind.VIEW, "p2", 1))
    swap = profile_of(did(EventKind.VIEW, "p2"), did(EventKind.VIEW, "p1"), did(EventKind.VIEW, "p1", 1))
    assert list(lead.categories) != list(swap.categories)
    assert profile_digest(lead, None) == profile_digest(swap, None)


def test_stated_preferences_count_without_their_order_and_spelling() -> None:
    """Interests in another order or case are the same; another interest is not. Country and age band never count."""
    base = Preferences(interests=("Coffee", "Home"), avoid=("leather",), country="DE", age_band="25-34", updated_at=1.0)
    same = Preferences(interests=("home", "coffee"), avoid=("Leather",), country="FR", age_band="65+", updated_at=2.0)
    assert profile_digest(profile_of(preferences=base), None) == profile_digest(profile_of(preferences=same), None)
    for other in (
        replace(base, interests=("Coffee",)),
        replace(base, style_tags=("cosy",)),
        replace(base, sizes=("M",)),
        replace(base, avoid=()),
        replace(base, segments=("student",)),
        replace(base, extra={"pet": "dog"}),
    ):
        assert profile_digest(profile_of(preferences=other), None) != profile_digest(profile_of(preferences=base), None)


def test_pseudonyms_hide_the_id_and_depend_on_everything() -> None:
    """The same id gives the same pseudonym under one key only, and a session is nobody's user."""
    key = pseudonym_key(b"s" * 32)
    name = pseudonym("ada@example.org", key, 1)
    assert name == pseudonym("ada@example.org", key, 1)
    assert name.startswith("p1:")
    assert "ada" not in name
    others = {
        pseudonym("bob", key, 1),
        pseudonym("ada@example.org", pseudonym_key(b"t" * 32), 1),
        pseudonym("ada@example.org", key, 2),
        pseudonym("ada@example.org", key, 1, "session"),
    }
    assert len(others | {name}) == 5
    assert key != b"s" * 32
