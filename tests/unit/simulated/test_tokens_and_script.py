"""Tokens are counted by a stated rule, prefixes are remembered, and an answer is timed by the knobs."""

from __future__ import annotations

import json

import pytest

from evals.simulated.dice import Dice
from evals.simulated.faults import FAULTS, FaultPlan, FaultRule, UnknownFault, parse_fault
from evals.simulated.knobs import Knobs
from evals.simulated.reply import Reply, compose
from evals.simulated.script import DONE, Script, script_of
from evals.simulated.tokens import CharacterRule, PrefixMemory, TokenRule, chunked, token_rule
from evals.simulated.wire import read_request
from tests.support.rerank_prompts import body

TEXT = 'Pour-over “kettle”, 1.299,00 € 🧡 <|endoftext|> {"order":["A"]}'


@pytest.fixture(params=["characters", "machine"])
def rule(request: pytest.FixtureRequest) -> TokenRule:
    """The plain rule, and whichever this machine has."""
    return CharacterRule() if request.param == "characters" else token_rule()


def test_pieces_are_the_text_and_ids_their_number(rule: TokenRule) -> None:
    """Also where characters are cut and where text looks like a special token."""
    assert "".join(rule.pieces(TEXT)) == TEXT
    assert len(rule.pieces(TEXT)) == len(rule.ids(TEXT)) > 10
    assert rule.pieces("") == []


def test_chunks_are_the_text_too(rule: TokenRule) -> None:
    """One to four tokens each, a few more where a character would be cut; no chunk is empty."""
    chunks = chunked(rule.pieces(TEXT * 5), Dice("chunks"))
    assert "".join(text for text, _ in chunks) == TEXT * 5
    assert sum(count for _, count in chunks) == len(rule.pieces(TEXT * 5))
    assert all(text and 1 <= count <= 7 for text, count in chunks)
    assert len({count for _, count in chunks}) > 2


def test_prefixes_are_remembered_in_blocks() -> None:
    """From 1,024 tokens, in steps of 128, up to where the prompts part."""
    memory = PrefixMemory()
    first = list(range(3000))
    assert memory.cached_tokens(first) == 0
    assert memory.cached_tokens(first) == 2944
    assert memory.cached_tokens([*first[:1500], *range(9000, 9500)]) == 1408
    assert memory.cached_tokens([*first[:1000], *range(9000, 9500)]) == 0


def script(knobs: Knobs, *, stream: bool = True) -> Script:
    request, request_hash = read_request(json.dumps(body(stream=stream)).encode())
    tokens = CharacterRule()
    composed = compose(request, knobs, tokens, PrefixMemory(), None)
    return script_of(request, composed.reply, knobs, tokens, request_hash)


def test_a_stream_keeps_the_clock_of_its_knobs() -> None:
    """The first chunk at the time to the first token, the last when all tokens have passed; [DONE] at the end."""
    timed = script(Knobs(ttft_ms=200, tokens_per_s=50))
    tokens = script(Knobs(ttft_ms=0, tokens_per_s=1)).pieces[-1].at_s + 1
    assert timed.pieces[0].at_s == pytest.approx(0.2)
    assert timed.pieces[-1].at_s == pytest.approx(0.2 + (tokens - 1) / 50)
    assert timed.pieces[-1].data == DONE
    assert [p.at_s for p in timed.pieces] == sorted(p.at_s for p in timed.pieces)


def test_speed_zero_is_all_at_once() -> None:
    """Every chunk is due with the first token."""
    assert {piece.at_s for piece in script(Knobs(ttft_ms=30, tokens_per_s=0)).pieces} == {0.03}


def test_jitter_belongs_to_the_request() -> None:
    """The same request waits the same time; without jitter exactly the knob."""
    jittered = [script(Knobs(seed=s, ttft_ms=100, jitter=0.5)).pieces[0].at_s for s in (1, 1, 2)]
    assert jittered[0] == jittered[1] != jittered[2]


def test_delivery_is_no_part_of_the_request_hash() -> None:
    """Streamed or not, a request gets the same words; another message is another request."""
    hashes = [
        read_request(json.dumps(b).encode())[1] for b in (body(), body(stream=True), body(model="simulated-other"))
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_fault_is_named_with_detail_and_share() -> None:
    """mode, mode:detail, mode@share; an address keeps its colons."""
    assert parse_fault("cut") == FaultRule(mode="cut")
    assert parse_fault("error429:date@0.25") == FaultRule(mode="error429", detail="date", share=0.25)
    assert parse_fault("redirect:http://x.example/a@b").detail == "http://x.example/a@b"
    for wrong in ("gremlins", "", "cut@2", "cut@often"):
        with pytest.raises(ValueError, match=r"fault|share"):
            parse_fault(wrong)


def test_the_plan_takes_the_first_rule_that_strikes() -> None:
    """Counts run out, headers go before rules, the header none means none."""
    plan = FaultPlan(0, [FaultRule(mode="cut", count=1), FaultRule(mode="hang")])
    assert [str(f and f.mode) for f in (plan.next("a", i, None) for i in range(3))] == ["cut", "hang", "hang"]
    assert plan.next("a", 4, "none") is None
    chosen = plan.next("a", 5, "slow:10")
    assert chosen is not None
    assert (chosen.mode, chosen.detail) == ("slow", "10")
    with pytest.raises(UnknownFault):
        plan.next("a", 6, "gremlins")
    assert [rule["struck"] for rule in plan.shown()] == [1, 2]


def test_a_share_is_drawn_per_request() -> None:
    """About that share of requests, always the same ones."""
    plan = FaultPlan(0, [FaultRule(mode="cut", share=0.2)])
    struck = [plan.next(f"request {i}", i, None) is not None for i in range(1000)]
    assert 150 < sum(struck) < 250
    assert struck == [plan.next(f"request {i}", 0, None) is not None for i in range(1000)]


def test_every_fault_says_what_it_does() -> None:
    """One line each, for the list of the command line."""
    assert all(says and "\n" not in says for says in FAULTS.values())


def test_other_schemas_are_filled_as_far_as_they_ask() -> None:
    """Properties that the answer lacks get the smallest value; those that the schema lacks are left out."""
    schema = {"type": "object", "additionalProperties": False, "required": ["order", "note"]}
    schema |= {"properties": {"note": {"type": "string"}, "order": {"type": "array", "items": {"type": "string"}}}}
    asked = body(
        response_format={"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    )
    request, _ = read_request(json.dumps(asked).encode())
    reply: Reply = compose(request, Knobs(), CharacterRule(), PrefixMemory(), None).reply
    assert reply.text is not None
    assert list(json.loads(reply.text)) == ["note", "order"]
