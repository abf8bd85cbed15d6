"""A profile holds what consent lets in, decayed, with purchases, dismissals and affinities worked out."""

import numpy as np
import pytest

from app.domain.interactions import Consent, EventKind, Interaction, Preferences, Shopper, Signal
from app.pipeline.decay import DAY_S
from app.pipeline.profile import allowed_ids, build_profile

SIGNALS = {
    EventKind.VIEW: Signal(1.0, 10.0),
    EventKind.ADD_TO_CART: Signal(4.0, 10.0),
    EventKind.PURCHASE: Signal(10.0, 100.0),
    EventKind.REFUND: Signal(-10.0, 100.0),
    EventKind.DISMISS: Signal(-10.0, 100.0),
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
            Interaction("e2", EventKind.PURCHASE, NOW - 3 * DAY_S, product_id="pan", transaction_id="t1"),
            Interaction("e3", EventKind.PURCHASE, NOW - 3 * DAY_S, product_id="pot", transaction_id="t1"),
            Interaction("e4", EventKind.PURCHASE, NOW - 2 * DAY_S, product_id="pan", transaction_id="t2"),
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
