"""Repair of replies: rows 7 to 16 of the fault table that are about text, and what must hold for any text."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.pipeline.repair import ORDER_MAX, REASON_MAX, RepairedReply, read_reply

ALIASES = tuple("ABCDEFGHIJKLMNOPQRSTUVWX")
GOOD = '{"order":["C","A","B","D","E"],"why":[{"id":"C","text":"Well rated [C2] and in your budget [u1]."}]}'


def read(text: str, *, complete: bool = True, limit: int = 5) -> RepairedReply:
    """The reply with 24 aliases on offer."""
    return read_reply(text, ALIASES, complete=complete, limit=limit)


def reply(order: Any = ("C", "A", "B", "D", "E"), why: Any = ()) -> str:
    """A reply as JSON text."""
    return json.dumps({"order": order, "why": why})


def reason(text: str, alias: str = "C") -> RepairedReply:
    """A reply with one reason."""
    return read(reply(why=[{"id": alias, "text": text}]))


def test_a_good_reply_needs_no_repair() -> None:
    """Order and reason come back as they were, complete."""
    assert read(GOOD) == RepairedReply(
        order=("C", "A", "B", "D", "E"),
        why={"C": "Well rated [C2] and in your budget [u1]."},
        complete_order=True,
        valid=True,
        repairs={},
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("\ufeff" + GOOD, "byte_order_mark"),
        (f"```json\n{GOOD}\n```", "fence"),
        (f'<think>maybe {{"order":["X"]}}?</think>{GOOD}', "thinking"),
        (f"  <THINKING>hm</THINKING>\n{GOOD}", "thinking"),
        (f"Sure! Here you are: {GOOD}", "prose"),
        (f"{GOOD} I hope this helps.", "prose"),
    ],
)
def test_what_stands_around_the_object_is_passed_over_and_counted(text: str, kind: str) -> None:
    """Fences, thoughts, prose and a byte order mark change nothing."""
    result = read(text)
    assert result.order == ("C", "A", "B", "D", "E")
    assert result.repairs == {kind: 1}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (GOOD + GOOD, "second_object"),
        (GOOD + '\nor rather {"order":["B"]}', "second_object"),
        (f"[{GOOD}]", "second_object"),
        ("I'm sorry, I can't help with that.", "no_object"),
        ("", "no_object"),
        ("<think>I am still thinking", "no_object"),
        ("<html><body>Bad gateway</body></html>", "no_object"),
        ('{"why":[]}', "missing_order"),
        ("{}", "missing_order"),
        ('{"order":"C"}', "wrong_type"),
        ('{"order":null,"why":[]}', "wrong_type"),
        ('{"order":{"C":1}}', "wrong_type"),
        ('{"order":["C","A"],"order":["B"],"why":[]}', "duplicate_key"),
        (reply(["Z9", "C", "Q7"]), "few_valid"),
        (reply(["C"] * 4), "few_valid"),
        (reply([["C"], "A", 3]), "few_valid"),
        ("{'order': ['C']}", "malformed"),
        ("{" * 100_000, "malformed"),
    ],
)
def test_what_can_not_be_read_is_invalid(text: str, kind: str) -> None:
    """Nothing of such a reply is used; the kind is counted."""
    result = read(text)
    assert not result.valid
    assert result.order == ()
    assert not result.why
    assert not result.complete_order
    assert result.repairs[kind] >= 1


def test_elements_that_are_no_alias_are_dropped_and_counted() -> None:
    """Unknown, look-alike, lower case and repeated aliases; the first is kept."""
    result = read(reply(["C", "\u0421", "A", "c", "C", "B", "D", "E", 5]), limit=5)
    assert result.order == ("C", "A", "B", "D", "E")
    assert result.repairs == {"unknown_alias": 2, "duplicate_alias": 1, "wrong_type": 1}
    assert result.complete_order


def test_an_order_that_lacks_what_was_asked_for_is_not_complete() -> None:
    """Three of five, finished: served as partial, and counted."""
    result = read(reply(["C", "A", "Z", "B"]))
    assert result.order == ("C", "A", "B")
    assert result.valid
    assert not result.complete_order
    assert result.repairs["missing_alias"] == 2


def test_half_valid_is_enough_and_less_is_not() -> None:
    """The bound is under a half."""
    assert read(reply(["C", "Z1", "A", "Z2"])).valid
    assert not read(reply(["C", "Z1", "A", "Z2", "Z3"])).valid


def test_at_most_ten_count() -> None:
    """The rest is left out, and ten make an order complete even before its end."""
    assert len(read(reply(list(ALIASES)), limit=50).order) == ORDER_MAX
    assert read(reply(list(ALIASES)), limit=50).repairs == {"too_many": 14}
    cut = '{"order":[' + ",".join(f'"{alias}"' for alias in ALIASES[:12])
    assert read(cut, complete=False, limit=50).complete_order


def test_fewer_candidates_than_asked_for_can_be_complete() -> None:
    """Two candidates, both named."""
    assert read_reply('{"order":["B","A"],"why":[]}', ("A", "B"), complete=True, limit=5).complete_order


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("", ()),
        ('{"order"', ()),
        ('{"order":["C', ()),
        ('{"order":["C"', ()),
        ('{"order":["C",', ()),
        ('{"order":["C","A', ()),
        ('{"order":["C","A"', ("C",)),
        ('{"order":["C","A","B', ("C",)),
        ('{"order":["C","A","B"', ("C", "A")),
        ('{"order":["C","A","B"]', ("C", "A", "B")),
    ],
)
def test_an_element_counts_once_its_successor_or_the_bracket_was_read(text: str, order: tuple[str, ...]) -> None:
    """At the deadline only what can't change any more is used, and a running stream is no repair."""
    result = read(text, complete=False)
    assert result.order == order
    assert result.complete_order is False
    assert "truncated" not in result.repairs


def test_a_truncated_reply_keeps_its_prefix_and_closes_no_bracket() -> None:
    """finish_reason=length in the middle of a reason: the order stands, that reason does not exist."""
    cut = GOOD[: GOOD.index("budget")]
    result = read(cut)
    assert result.order == ("C", "A", "B", "D", "E")
    assert result.complete_order
    assert not result.why
    assert result.repairs == {"truncated": 1}


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "-Infinity", "1e999", "true", "null", "9" * 5000, '{"id":"A"}'])
def test_a_wrong_element_is_left_out_without_being_evaluated(odd: str) -> None:
    """Not a number, numbers of thousands of digits, objects: no alias."""
    result = read(f'{{"order":["C",{odd},"A"],"why":[]}}')
    assert result.order == ("C", "A")
    assert result.repairs["wrong_type"] == 1


def test_deep_nesting_is_safe_and_fast() -> None:
    """100,000 brackets as a value: what came before counts, in no time and without recursion."""
    began = time.thread_time()
    result = read('{"order":["C","A"],"x":' + "[" * 100_000)
    assert result.order == ("C", "A")
    assert result.repairs["too_deep"] == 1
    assert time.thread_time() - began < 0.5


def test_the_worst_text_of_the_byte_cap_is_read_quickly() -> None:
    """256 KB of white space, of open strings or of escapes take less than half a second."""
    began = time.thread_time()
    for filling in (" " * 262_000, '"' + "a" * 262_000, '"' + "\\n" * 131_000, '["C",' * 52_000, "<think>" * 37_000):
        read('{"order":' + filling)
        read(filling)
    assert time.thread_time() - began < 2.0


@pytest.mark.parametrize(
    ("why", "kind"),
    [
        ([{"id": "C", "text": "Fine.", "price": 3}], "extra_key"),
        ([{"id": "C"}], "wrong_type"),
        ([{"id": "C", "text": 3}], "wrong_type"),
        (["C"], "wrong_type"),
        ("C", "wrong_type"),
        ([{"id": "X", "text": "Fine."}], "unknown_alias"),
    ],
)
def test_a_reason_of_another_shape_is_left_out(why: Any, kind: str) -> None:
    """The order stays."""
    result = read(reply(why=why))
    assert not result.why
    assert result.complete_order
    assert result.repairs == {kind: 1}


def test_duplicate_keys_reject_the_part_they_are_in() -> None:
    """A reason with two texts is none; two lists of reasons are none; keys that nobody asked for are left out."""
    two_texts = '{"order":["C","A"],"why":[{"id":"C","text":"Good.","text":"Evil."},{"id":"A","text":"Fine."}],"x":{}}'
    result = read(two_texts, limit=2)
    assert result.why == {"A": "Fine."}
    assert result.repairs == {"duplicate_key": 1, "extra_key": 1}
    two_lists = '{"order":["C","A"],"why":[{"id":"C","text":"Good."}],"why":[{"id":"A","text":"Fine."}]}'
    assert read(two_lists, limit=2).why == {}


def test_the_first_of_two_reasons_for_an_item_is_kept() -> None:
    """A second one is counted."""
    result = read(reply(why=[{"id": "C", "text": "First."}, {"id": "C", "text": "Second."}]))
    assert result.why == {"C": "First."}
    assert result.repairs == {"duplicate_alias": 1}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<b>Great</b> [C1].", "reason_markup"),
        ("Great <img src=x onerror=alert(1)>.", "reason_markup"),
        ("Great &lt;b&gt;.", "reason_markup"),
        ("\uff1cscript\uff1e great", "reason_markup"),
        ("See https://evil.example [C1].", "reason_markup"),
        ("See www.evil.example", "reason_markup"),
        ("See evil.shop now", "reason_markup"),
        ("Write to me@evil.example", "reason_markup"),
        ("**Great** [C1].", "reason_markup"),
        ("[Great](x) choice", "reason_markup"),
        ("# Great", "reason_markup"),
        ("- Great", "reason_markup"),
        ("`Great`", "reason_markup"),
        ("Great [Z9].", "reason_markup"),
        ("Great\u202e [C1].", "reason_characters"),
        ("Gre\u200bat [C1].", "reason_characters"),
        ("Great\U000e0041 [C1].", "reason_characters"),
        ("Great\ud800 [C1].", "reason_characters"),
        ("Great\ufe0f [C1].", "reason_characters"),
        ("Great\nchoice [C1].", "reason_characters"),
        ("Great\x07", "reason_characters"),
        ("x" * (REASON_MAX + 1), "reason_length"),
        ("", "reason_empty"),
        ("[C1] [u1].", "reason_empty"),
    ],
)
def test_a_reason_that_must_not_reach_a_page_is_dropped_alone(text: str, kind: str) -> None:
    """HTML, links, markdown and invisible characters cost their own item its prose and nothing else."""
    result = reason(text)
    assert result.why == {}
    assert result.complete_order
    assert result.repairs == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        "Rated 4.6 out of 5 by 118 shoppers [C1].",
        "Price 64.90 EUR, 12% below the median [C2], within your budget [u1].",
        "Café-style cups by Müller & Söhne: dishwasher-safe [C1].",
        "Size 42, as you prefer [u3] – in stock again [C1].",
    ],
)
def test_ordinary_sentences_pass(text: str) -> None:
    """The filter is about form; truth is the prover's."""
    assert reason(text).why == {"C": text}


_PIECES = """{"order":  [  ]  "C"  "A"  "Zz"  ,  }  {  "why":  {"id":"C","text":"x [C1]"}  :  NaN  -1  ```  <think>
</think>  \\  "  "order"  1e5"""
fragments = st.sampled_from([*_PIECES.split(), " ", "\ud800", "\x00", "\ufeff"])


@given(st.lists(fragments, max_size=25).map("".join) | st.text(max_size=80), st.booleans(), st.integers(1, 50))
@example('{"order":["C"\ud800', True, 1)
def test_no_text_raises_and_no_unknown_alias_comes_out(text: str, complete: bool, limit: int) -> None:
    """Fuzz: whatever a model says, the result holds offered aliases only, each once."""
    result = read_reply(text, ("A", "C"), complete=complete, limit=limit)
    assert set(result.order) <= {"A", "C"}
    assert len(set(result.order)) == len(result.order)
    assert set(result.why) <= set(result.order)
    assert result.valid == bool(result.order)
    assert result.valid or not result.complete_order


orders = st.lists(st.sampled_from([*ALIASES[:8], "zz", 4, None]), max_size=14)
reasons = st.lists(
    st.fixed_dictionaries({"id": st.sampled_from(ALIASES[:8]), "text": st.text(max_size=20)}), max_size=4
)


@given(orders, reasons, st.booleans(), st.data())
def test_a_prefix_of_the_text_gives_a_prefix_of_the_order(
    order: list[object], why: list[dict[str, str]], why_first: bool, data: st.DataObject
) -> None:
    """What was certain at the deadline is certain at the end, order and reasons."""
    parts = [("order", order), ("why", why)]
    text = json.dumps(dict(reversed(parts) if why_first else parts))
    whole = read(text)
    part = read(text[: data.draw(st.integers(0, len(text)))], complete=False)
    if whole.valid and part.valid:
        assert whole.order[: len(part.order)] == part.order
    assert not (part.complete_order and whole.valid and part.order != whole.order)
    assert all(whole.why.get(alias) == said for alias, said in part.why.items() if whole.valid)
