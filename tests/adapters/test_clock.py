"""AS_OF is the only wall clock."""

from app.adapters.clock import AsOfClock


def test_now_follows_the_wall() -> None:
    """`now` asks the wall clock each time."""
    times = iter([1.0, 2.0])
    clock = AsOfClock("now", lambda: 99.0, wall=lambda: next(times))
    assert (clock.now(), clock.now()) == (1.0, 2.0)


def test_iso_time_stands_still() -> None:
    """A fixed AS_OF never moves, whatever happens in the store."""
    clock = AsOfClock("1970-01-02T00:00:00+00:00", lambda: 5.0, wall=lambda: 7.0)
    clock.refresh()
    assert clock.now() == 86_400.0


def test_last_event_moves_on_refresh_and_an_empty_store_means_real_time() -> None:
    """Under last-event the clock is the newest event's time."""
    newest: list[float | None] = [None]
    clock = AsOfClock("last-event", lambda: newest[0], wall=lambda: 7.0)
    assert clock.now() == 7.0
    newest[0] = 3.0
    clock.refresh()
    assert clock.now() == 3.0
