"""What metrics say of the door."""

from __future__ import annotations

from app.adapters.prometheus import Metrics
from app.admission import Door, Rank
from app.sampling import Sampled, Sampler


def test_the_door_is_told() -> None:
    """Its limit, who is where, and since the last look who was refused, by class; a class that never was stays 0."""
    door = Door(places_most=2, wait_s=0.0, clock=lambda: 0.0)
    metrics = Metrics()
    sampler = Sampler(
        metrics,
        Sampled(
            queues={},
            dropped=dict,
            events={},
            baseline_age_s=lambda: None,
            problems=dict,
            door=door,
            untrained_since=lambda: None,
            model=None,
        ),
    )

    def told(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"shelfwise_{name}", labels)

    places = [door.ask(Rank.SLATE, "any", lambda: None) for _ in range(2)]
    places[0].set_down()
    for _ in range(64 + 2 + 1):
        door.ask(Rank.SHELF, "any", lambda: None)
    door.ask(Rank.WRITE, "any", lambda: None)
    sampler.look()
    sampler.look()
    assert told("admission_limit") == 2
    states = {state: told("admission_requests", state=state) for state in door.states}
    assert states == {"working": 2, "waiting": 64, "elsewhere": 1, "writing": 1, "aside": 0}
    assert told("refused_total", **{"class": "shelf"}) == 2
    assert told("refused_total", **{"class": "slate"}) == 0
