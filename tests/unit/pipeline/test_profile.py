"""A profile holds what consent lets in, decayed, with purchases, dismissals and affinities worked out."""

from dataclasses import replace

import numpy as np
import pytest

from app.domain.interactions import Consent, EventKind, Interaction, Preferences, Shopper, Signal
from app.pipeline.decay import DAY_S, SessionWeight
from app.pipeline.profile import allowed_ids, build_profile

SIGNALS = {
    EventKind.VIEW: Signal(1.0, 10.0),
    EventKind.ADD_TO_CART: Signal(4.0, 10.0),
    EventKind.PURCHASE: Signal(10.0, 100.0),
    EventKind.REFUND: Signal(-10.0, 100.0),
    EventKind.DISMISS: Signal(-10.0, 100.0),
    EventKind.RATING: Signal(4.0, 100.0),
}
NOW = 400 * DAY_S
FULL = Shopper("s", consent=Consent("full", False), known=True)


def _did(kind: EventKind, product: str, days_ago: float, number: int = 0) -> Interaction:
    return Interaction(f"{kind}-{product}-{days_ago}-{number}", kind, NOW - days_ago * DAY_S, "s", product_id=product)


def _profile(snapshot, *interactions: Interaction, shopper: Shopper = FULL):
    return build_profile(shopper, interactions, snapshot, SIGNALS, now=NOW)


def test_sums_decayed_weights_per_product_heaviest_first(snapshot) -> None:
    """Two views of one product add up; a purchase outweighs them; order is by weight."""
    profile = _profile(
        snapshot,
        _did(EventKind.VIEW, "lamp", 0, 1),
        _did(EventKind.VIEW, "lamp", 10, 2),
        _did(EventKind.PURCHASE, "pan", 100),
    )
    assert [snapshot.product_ids[r] for r in profile.rows] == ["pan", "lamp"]
    assert profile.weights.tolist() == pytest.approx([5.0, 1.5])
    assert profile.interactions == 3
    assert profile.used
    assert profile.strongest[snapshot.row_of["pan"]] is EventKind.PURCHASE


def test_a_refund_takes_the_purchase_back(snapshot) -> None:
    """A refunded product is neither owned nor liked, and does not come back by itself."""
    profile = _profile(snapshot, _did(EventKind.PURCHASE, "pan", 9), _did(EventKind.REFUND, "pan", 3))
    assert len(profile.rows) == 0
    assert profile.owned == {}
    assert profile.dismissed.tolist() == [snapshot.row_of["pan"]]


def test_dismissal_holds_until_the_shopper_wants_it_again(snapshot) -> None:
    """A dismissed product is remembered; putting it into the cart later lifts that."""
    dismissed = _did(EventKind.DISMISS, "pot", 5)
    assert _profile(snapshot, dismissed).dismissed.tolist() == [snapshot.row_of["pot"]]
    assert _profile(snapshot, dismissed, _did(EventKind.ADD_TO_CART, "pot", 1)).dismissed.tolist() == []
    assert _profile(snapshot, _did(EventKind.ADD_TO_CART, "pot", 9), dismissed).dismissed.tolist() == [
        snapshot.row_of["pot"]
    ]


def test_affinities_are_shares_of_positive_weight(snapshot) -> None:
    """Category and brand shares add up to 1 over what has a category or brand."""
    profile = _profile(snapshot, _did(EventKind.PURCHASE, "pan", 0), _did(EventKind.VIEW, "lamp", 0))
    assert profile.categories["Home > Kitchen"].share == pytest.approx(10 / 11)
    assert profile.categories["Home > Lighting"].count == 1
    assert sum(a.share for a in profile.brands.values()) == pytest.approx(1.0)


def test_the_future_and_unknown_products_are_left_out(snapshot) -> None:
    """A fixed AS_OF never sees later events, and a product that is gone says nothing."""
    profile = _profile(snapshot, _did(EventKind.PURCHASE, "pan", -1), _did(EventKind.PURCHASE, "vanished", 1))
    assert len(profile.rows) == 0
    assert not profile.used


def test_no_consent_means_an_empty_profile(snapshot) -> None:
    """Under consent `none` neither behaviour nor preferences are used."""
    shopper = Shopper("s", Preferences(budget_minor=100), Consent("none"), known=True)
    profile = _profile(snapshot, _did(EventKind.PURCHASE, "pan", 1), shopper=shopper)
    assert len(profile.rows) == 0
    assert profile.preferences == Preferences()
    assert not profile.used


@pytest.mark.parametrize(
    ("level", "allowed"), [("none", (None, None, None)), ("session", (None, None, "v")), ("full", ("s", "a", "v"))]
)
def test_consent_decides_which_ids_are_read(level, allowed) -> None:
    """`session` reads this session only; `full` also the shopper and the anonymous id; `none` nothing."""
    shopper = Shopper("s", consent=Consent(level), known=True)
    assert allowed_ids(shopper, anonymous_id="a", session_id="v") == allowed


def test_stated_preferences_alone_count_as_profiling(snapshot) -> None:
    """Preferences without behaviour are used and said to be used; a bare time stamp is not a preference."""
    stated = Shopper("s", Preferences(interests=("cooking",)), Consent("session"), known=True)
    empty = Shopper("s", Preferences(updated_at=1.0), Consent("session"), known=True)
    assert _profile(snapshot, shopper=stated).used
    assert not _profile(snapshot, shopper=empty).used
    assert np.asarray(_profile(snapshot, shopper=stated).rows).size == 0


def test_the_history_is_every_interaction_in_order_of_time(snapshot) -> None:
    """Rows, kinds and times of all that was seen, oldest first; orders have codes, and -1 where there was none."""
    profile = build_profile(
        FULL,
        [
            Interaction("e1", EventKind.VIEW, NOW - DAY_S, product_id="pot"),
            Interaction("e4", EventKind.PURCHASE, NOW - 2 * DAY_S, product_id="pan", transaction_id="t2"),
            Interaction("e3", EventKind.PURCHASE, NOW - 3 * DAY_S, product_id="pot", transaction_id="t1"),
            Interaction("e2", EventKind.PURCHASE, NOW - 3 * DAY_S, product_id="pan", transaction_id="t1"),
        ],
        snapshot,
        SIGNALS,
        now=NOW,
    )
    history = profile.history
    assert [snapshot.product_ids[row] for row in history.product] == ["pan", "pot", "pan", "pot"]
    assert history.timestamp.tolist() == [NOW - 3 * DAY_S, NOW - 3 * DAY_S, NOW - 2 * DAY_S, NOW - DAY_S]
    assert history.order[0] == history.order[1]
    assert history.order[2] not in {-1, history.order[0]}
    assert history.order[3] == -1


def _rated(product: str, stars: float, days_ago: float) -> Interaction:
    return replace(_did(EventKind.RATING, product, days_ago), value=stars)


def test_stars_speak_for_or_against(snapshot) -> None:
    """A good rating makes a product liked, a bad one outweighs looking at it."""
    profile = _profile(snapshot, _rated("lamp", 5, 0), _rated("pan", 1, 0), _did(EventKind.VIEW, "pan", 0))
    assert [snapshot.product_ids[r] for r in profile.rows] == ["lamp"]
    assert profile.weights.tolist() == pytest.approx([4.0])


def test_of_several_ratings_the_newest_counts(snapshot) -> None:
    """Whoever changes their mind has changed it, in both directions."""
    assert _profile(snapshot, _rated("pan", 1, 5), _rated("pan", 5, 1)).interactions == 1
    assert len(_profile(snapshot, _rated("pan", 5, 5), _rated("pan", 1, 1)).rows) == 0


def test_of_one_instant_what_arrived_later_counts(snapshot) -> None:
    """The store gives the newest first; a clock that stands still must not turn a dismissal's order around."""
    dismissed, wanted = _did(EventKind.DISMISS, "pot", 0), _did(EventKind.ADD_TO_CART, "pot", 0)
    assert _profile(snapshot, wanted, dismissed).dismissed.tolist() == []
    assert _profile(snapshot, dismissed, wanted).dismissed.tolist() == [snapshot.row_of["pot"]]


def test_the_visit_under_way_counts_more(snapshot) -> None:
    """Of two products looked at as long ago, the one of this visit leads; elsewhere nothing changes."""
    here = replace(_did(EventKind.VIEW, "lamp", 0), session_id="now")
    events = [_did(EventKind.VIEW, "pan", 0), here]
    session = SessionWeight(boost=1.0, half_life_s=1800.0)
    profile = build_profile(FULL, events, snapshot, SIGNALS, now=NOW, session_id="now", session=session)
    assert [snapshot.product_ids[r] for r in profile.rows] == ["lamp", "pan"]
    assert profile.weights.tolist() == pytest.approx([2.0, 1.0])
    other = build_profile(FULL, events, snapshot, SIGNALS, now=NOW, session_id="another", session=session)
    assert other.weights.tolist() == pytest.approx([1.0, 1.0])


def _stated(preferences: Preferences) -> Shopper:
    return Shopper("s", replace(preferences, updated_at=NOW - 2 * DAY_S), Consent("full"), known=True)


def test_what_is_avoided_now_takes_older_liking_back(snapshot) -> None:
    """Purchases of a brand that is avoided since no longer shape the profile; they are still owned."""
    shopper = _stated(Preferences(avoid=("forge",)))
    profile = _profile(snapshot, _did(EventKind.PURCHASE, "pan", 9), _did(EventKind.VIEW, "lamp", 9), shopper=shopper)
    assert [snapshot.product_ids[r] for r in profile.rows] == ["lamp"]
    assert set(profile.brands) == {"Lumen"}
    assert profile.history.product.tolist() == [snapshot.row_of["lamp"]]
    assert list(profile.owned) == [snapshot.row_of["pan"]]


def test_what_is_done_after_a_statement_counts_again(snapshot) -> None:
    """A statement overrides older signals only."""
    shopper = _stated(Preferences(avoid=("forge",)))
    assert len(_profile(snapshot, _did(EventKind.PURCHASE, "pan", 1), shopper=shopper).rows) == 1


def test_stated_interests_weaken_older_signals_that_fit_none(snapshot) -> None:
    """Half of their weight; what fits by tag, category or brand keeps all, and so does what came later."""
    shopper = _stated(Preferences(interests=("cooking",), style_tags=("Football",)))
    events = [_did(EventKind.VIEW, p, 10) for p in ("lamp", "pan", "ball")] + [_did(EventKind.VIEW, "knife", 0)]
    profile = _profile(snapshot, *events, shopper=shopper)
    weight = dict(zip((snapshot.product_ids[r] for r in profile.rows), profile.weights.tolist(), strict=True))
    assert weight == pytest.approx({"knife": 1.0, "pan": 0.5, "ball": 0.5, "lamp": 0.25})


def test_a_statement_from_the_future_overrides_nothing(snapshot) -> None:
    """Preferences imported today into a shop of the past: whether they are newer can't be told."""
    shopper = Shopper("s", Preferences(avoid=("forge",), updated_at=NOW + 1), Consent("full"), known=True)
    assert len(_profile(snapshot, _did(EventKind.PURCHASE, "pan", 9), shopper=shopper).rows) == 1
