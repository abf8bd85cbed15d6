"""Each contract check passes a good reply and fails one with its fault."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from evals.prompts.checks import contract
from evals.prompts.finding import Finding
from evals.prompts.outcome import Outcome
from tests.support.prompt_outcomes import alias_of, outcome, posed, rated, reply_text, scenario

SCENE = scenario()
AT = posed(SCENE)
IDS = [c.product.product_id for c in SCENE.candidates]
ALIASES = [alias_of(AT.given, p) for p in IDS]


def replied(text: str, **changes: object) -> Outcome:
    return outcome(SCENE, text=text, **changes)


def ordered(aliases: list[str], **extra: object) -> str:
    why = [{"id": a, "text": rated(AT.given, AT.given.product_of.get(a, "p1"))} for a in dict.fromkeys(aliases[:3])]
    return json.dumps({"order": aliases, "why": why, **extra})


LONG = "It is rated 4.1 out of 5 by 10 shoppers, which is what they gave it and " + "so " * 20 + "it is [{}1]."
FAULTY: list[tuple[Callable[[Outcome], Finding], str]] = [
    (contract.schema, "Here you are: " + reply_text(AT, IDS)),
    (contract.schema, ordered(ALIASES, note="x")),
    (contract.usable, "I can't help with that."),
    (contract.unknown_alias, ordered([*ALIASES[:4], "Z", *ALIASES[4:]])),
    (contract.duplicate_alias, ordered([*ALIASES, ALIASES[0]])),
    (contract.complete_order, ordered(ALIASES[:5])),
    (contract.truncated, reply_text(AT, IDS)[:-30]),
    (contract.reasons_given, reply_text(AT, IDS, why={"p1": rated(AT.given, "p1")})),
    (contract.reason_form, reply_text(AT, IDS, why={"p1": "<b>Rated</b> 4.1 [A1]"})),
    (contract.word_limit, reply_text(AT, IDS, why={"p1": LONG.format(ALIASES[0])})),
]


@pytest.mark.parametrize(("judge", "text"), FAULTY, ids=lambda v: getattr(v, "__name__", "reply"))
def test_a_fault_fails_its_check(judge: Callable[[Outcome], Finding], text: str) -> None:
    """A reply with the fault fails the check, with a count and a detail for a person."""
    found = judge(replied(text))
    assert found.passed is False
    assert found.value is not None
    assert found.value >= 1
    assert found.detail


@pytest.mark.parametrize("judge", [j for j, _ in FAULTY], ids=lambda v: v.__name__)
def test_a_good_reply_passes(judge: Callable[[Outcome], Finding]) -> None:
    """A reply as it was asked for passes every contract check."""
    found = judge(replied(reply_text(AT, IDS)))
    assert found.passed is True
    assert found.value == 0.0


@pytest.mark.parametrize("judge", [j for j, _ in FAULTY], ids=lambda v: v.__name__)
def test_a_provider_failure_is_no_failure_of_the_prompt(judge: Callable[[Outcome], Finding]) -> None:
    """What the provider never answered is not computed, which is neither a pass nor a zero."""
    found = judge(replied("", ended="rate_limited"))
    assert (found.passed, found.value) == (None, None)


def test_repairs_are_counted_by_kind() -> None:
    """The number of repairs is told with their kinds, and never fails by itself."""
    found = contract.repairs(replied("```json\n" + ordered([*ALIASES, ALIASES[0]]) + "\n```"))
    assert (found.value, found.passed) == (2.0, None)
    assert "duplicate_alias 1" in found.detail


def test_a_prompt_without_a_word_limit_is_not_held_to_one() -> None:
    """The limit is read from the prompt; where it names none, nothing is judged."""
    from dataclasses import replace

    good = replied(reply_text(AT, IDS))
    bare = replace(good, posed=replace(good.posed, call=replace(good.posed.call, messages=())))
    assert contract.word_limit(bare).passed is None
