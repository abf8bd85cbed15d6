"""Replies that were paid for are found again, and never taken for what they are not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.errors import BadInput
from app.domain.model_calls import Message
from evals.rerank.replies import RecordedReply, ReplyBook, names_simulated, request_hash
from tests.unit.evals.rerank.synthetic import MODEL, PROMPT_HASH, a_call, a_case, a_reply


def test_a_reply_is_found_by_all_that_it_depends_on_and_by_nothing_else() -> None:
    """Another model, message, schema or room for the answer is another request; ids of the call are not."""
    call = a_call()
    same = replace(call, call_id="another", request_id="another", placement="cart")
    assert request_hash(call, MODEL) == request_hash(same, MODEL)
    others = [
        request_hash(call, "openai/gpt-5-nano"),
        request_hash(replace(call, messages=(Message("user", "something else"),)), MODEL),
        request_hash(replace(call, schema=None), MODEL),
        request_hash(replace(call, max_output_tokens=99), MODEL),
    ]
    assert len({request_hash(call, MODEL), *others}) == 5


def test_what_was_added_is_read_again(tmp_path: Path) -> None:
    """A second run finds in the file what the first paid for, field by field."""
    path = tmp_path / "deep" / "replies.jsonl"
    case = a_case("u1", [3])
    ReplyBook.read(path, add=True).add(a_reply(case, [3, 4]))
    again = ReplyBook.read(path, add=False)
    assert again.find(request_hash(case.call, MODEL)) == a_reply(case, [3, 4])
    assert again.only_model() == MODEL


def test_a_line_that_was_cut_off_costs_no_other(tmp_path: Path) -> None:
    """After a power cut the whole lines are there, and the next reply stands on a line of its own."""
    path = tmp_path / "replies.jsonl"
    book = ReplyBook.read(path, add=True)
    cases = [a_case(f"u{i}", [3]) for i in range(3)]
    for case in cases[:2]:
        book.add(a_reply(case, [3]))
    path.write_bytes(path.read_bytes()[:-20])
    resumed = ReplyBook.read(path, add=True)
    assert len(resumed) == 1
    resumed.add(a_reply(cases[2], [3]))
    assert len(ReplyBook.read(path, add=False)) == 2


@pytest.mark.parametrize("line", ["rubbish", "{}", '{"hash": "zz"}', "[1, 2]", "null"])
def test_a_broken_line_is_named_with_its_number(tmp_path: Path, line: str) -> None:
    """What is no reply stops the run with file and line, before anything is paid for."""
    path = tmp_path / "replies.jsonl"
    path.write_text(a_reply(a_case("u1", [3]), [3]).model_dump_json(by_alias=True) + "\n" + line + "\n")
    with pytest.raises(BadInput, match=r"replies\.jsonl:2: not a recorded reply"):
        ReplyBook.read(path, add=False)


def test_a_row_without_a_source_is_refused(tmp_path: Path) -> None:
    """Who made a reply has to be said: without it nobody could tell a model from a program."""
    row = a_reply(a_case("u1", [3]), [3]).model_dump(mode="json", by_alias=True)
    del row["source"]
    path = tmp_path / "replies.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(BadInput, match="source"):
        ReplyBook.read(path, add=False)


@pytest.mark.parametrize("told", ["simulated-ranker", "simulated-gpt-4o-mini", "Simulated-x"])
def test_a_program_is_known_by_the_name_it_gives_whatever_the_row_says(told: str) -> None:
    """A row that claims to be a provider's is a simulation all the same where the reply names itself so."""
    honest = a_reply(a_case("u1", [3]), [3], told=told)
    assert honest.source == "simulated"
    assert RecordedReply.model_validate(honest.model_dump() | {"source": "provider"}).simulated
    assert names_simulated("openai/simulated-ranker")
    assert not a_reply(a_case("u1", [3]), [3]).simulated
    assert not names_simulated("openai/gpt-4o-mini")


def test_a_miss_says_what_has_changed() -> None:
    """Another model, a changed prompt and changed data are told apart."""
    book = ReplyBook([a_reply(a_case("u1", [3]), [3])])
    assert "no reply of other/model" in book.why_missed("other/model", PROMPT_HASH)
    assert "the prompt has changed" in book.why_missed(MODEL, "fedcba9876543210")
    assert PROMPT_HASH in book.why_missed(MODEL, "fedcba9876543210")
    assert "data" in book.why_missed(MODEL, PROMPT_HASH)


def test_replies_of_several_models_need_a_name() -> None:
    """Which model is measured is never guessed."""
    with pytest.raises(BadInput, match="--model"):
        ReplyBook().only_model()
