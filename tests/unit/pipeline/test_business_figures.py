"""Which groups are too small to be shown, and what is said beside the figures."""

from __future__ import annotations

import pytest

from app.pipeline.business_figures import too_small


@pytest.mark.parametrize(
    ("shoppers", "merged"),
    [
        ({}, set()),
        ({"a": 5, "b": 50}, set()),
        ({"a": 4, "b": 4, "c": 50}, {"a", "b"}),
        ({"a": 1, "b": 7, "c": 6}, {"a", "c"}),
        ({"a": 1, "b": 2}, {"a", "b"}),
        ({"a": 3}, {"a"}),
    ],
)
def test_groups_of_too_few_shoppers_are_merged(shoppers: dict[str, int], merged: set[str]) -> None:
    """Into a group of five or more, so that no difference from the total tells a small one."""
    assert too_small(shoppers) == merged
