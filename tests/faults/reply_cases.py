"""Rows 11 to 16, 18 and 19: what the model says, in a stream that is in order."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx

from app.pipeline.prompt_input import field_text
from evals.simulated.reading import RerankPrompt
from tests.faults.case import Bench, Case
from tests.support import provider_faults as faults
from tests.support.fault_server import Exchange, Fault
from tests.support.faulted_service import Answer, wait_until
from tests.support.provider_faults import chunk, good, order_of, reply, right, says, true_sentence, usage, whole

SECRET = "I am sorry, but I can not help with that request"
_GOOD: dict[str, Any] = {"strategy": "llm", "fallback": None, "outcome": "complete", "cached": True}
_USED: dict[str, Any] = {**_GOOD, "cached": False}  # enough for this slate, too little to keep for a longer one
_PARTIAL: dict[str, Any] = {"strategy": "partial", "fallback": "invalid_output", "outcome": "complete"}
_INVALID: dict[str, Any] = {"fallback": "invalid_output", "outcome": "complete"}
_REFUSED: dict[str, Any] = {"fallback": "invalid_output", "outcome": "refused"}


def named(bench: Bench, alias: str) -> str:
    """The name of the candidate that an alias of the last request stood for."""
    return next(c.name for c in bench.provider.requests[-1].prompt.candidates if c.alias == alias)


def ranked(answer: Answer) -> set[str]:
    """Names of the items that the model had a say in, as a prompt has them: cleaned, and cut where they are long."""
    return {field_text(item["name"], 60) for item in answer.items if item["rankedBy"] == "llm"}


BEGUN = 8
"""Aliases of an order that breaks off. Slate rules leave some out: of four, now and then all that counted."""


def _cut_order(prompt: RerankPrompt) -> str:
    return '{"order":' + json.dumps(order_of(prompt, BEGUN))[:-1]  # no closing bracket


def only_the_finished(bench: Bench, answer: Answer, _: Mapping[str, str]) -> None:
    """Of the aliases in an order that breaks off all but the last count: nothing says that that one was complete."""
    names = [named(bench, alias) for alias in order_of(bench.provider.requests[-1].prompt, BEGUN)]
    finished = set(names[:-1])
    assert ranked(answer) <= finished, "the last alias of a list that broke off was used"
    shown = {field_text(item["name"], 60) for item in answer.items}
    assert ranked(answer), "the finished part of the order was not used"
    assert ranked(answer) == shown & finished, "a finished part of the order was not used"


def never_shown(bench: Bench, answer: Answer, _: Mapping[str, str]) -> None:
    """Nothing of a refusal reaches a page."""
    assert "sorry" not in answer.text


BROKEN_OFF = (
    Case(
        11,
        "finish_reason length",
        says(_cut_order, finish="length"),
        strategy="partial",
        outcome="cut",
        limit=24,
        also=only_the_finished,
    ),
    Case(11, "truncated JSON", says(_cut_order), limit=24, also=only_the_finished, **_PARTIAL),
)

REFUSALS = (
    Case(12, "content filter", says(right, finish="content_filter"), credit=True, **_REFUSED),
    Case(12, "refusal field", says(right, refusal=SECRET), credit=True, also=never_shown, **_REFUSED),
    Case(12, "refusal in plain text", says(lambda _: SECRET), credit=True, also=never_shown, **_INVALID),
)

AROUND = (
    Case(13, "fences", says(lambda p: f"```json\n{right(p)}\n```"), **_GOOD),
    Case(13, "think", says(lambda p: f"<think>{{not this}}</think>{right(p)}"), **_GOOD),
    Case(13, "prose around JSON", says(lambda p: f"Here it is: {right(p)} Enjoy!"), **_GOOD),
    Case(13, "two objects", says(lambda p: right(p) + reply(order_of(p)[::-1])), **_INVALID),
    Case(13, "a list of objects", says(lambda p: f"[{right(p)},{right(p)}]"), **_INVALID),
)


def _order(change: Callable[[list[str]], list[object]]) -> Fault:
    return says(lambda p: reply(change(order_of(p))))


def _raw(text: Callable[[list[str]], str]) -> Fault:
    return says(lambda p: text([json.dumps(alias) for alias in order_of(p)]))


TYPES = (
    Case(14, "numbers among ids", _order(lambda o: [1, 2.5, *o[:8]]), **_USED),
    Case(
        14, "NaN and infinity", _raw(lambda o: f'{{"order":[NaN,-Infinity,1e999,{",".join(o[:7])}],"why":[]}}'), **_USED
    ),
    Case(14, "order is no list", says(lambda p: json.dumps({"order": {"1": order_of(p)[0]}})), **_INVALID),
    Case(14, "order missing", says(lambda _: '{"why":[]}'), **_INVALID),
    Case(14, "extra key", says(lambda p: reply(order_of(p), note={"order": ["?"]})), **_GOOD),
    Case(14, "duplicate key", _raw(lambda o: f'{{"order":[{",".join(o)}],"order":[{o[0]}],"why":[]}}'), **_INVALID),
)


def known_only(bench: Bench, answer: Answer, _: Mapping[str, str]) -> None:
    """The model had a say in candidates only, in each at most once."""
    offered = {c.name for c in bench.provider.requests[-1].prompt.candidates}
    assert ranked(answer) <= offered, "an item that was not offered counts as ranked by the model"


def _alike(order: list[str]) -> list[object]:
    """Ids that look like offered ones: lower case, full width, with a space, with a zero-width one, Cyrillic."""
    first = order[0]
    return [first.lower(), chr(ord(first) + 0xFEE0), f" {first}", f"{first}\u200b", *order[:6]]


def sold_out(bench: Bench, answer: Answer, who: Mapping[str, str]) -> None:
    """A product that went out of stock since the model ranked it is not shown from the cached order."""
    service = bench.service
    gone = answer.shown[0]
    change = service.http.patch(f"/api/products/{gone}", json={"stock": 0})
    assert change.status_code == 200, change.text
    wait_until(lambda: gone not in service.ask(who, deadline_ms=0).shown, "slate without what is sold out", 2)
    again = service.ask(who, deadline_ms=0)
    assert again.meta["strategy"] == "cache"
    assert len(again.items) == 5


IDS = (
    Case(15, "hallucinated ids", _order(lambda o: ["Z9", "P-4711", "", *o[:7]]), also=known_only, **_USED),
    Case(15, "duplicate ids", _order(lambda o: [o[0], o[0], o[0], *o[:7]]), also=known_only, **_USED),
    Case(15, "look-alike ids", _order(_alike), also=known_only, **_USED),
    Case(15, "half missing", _order(lambda o: list(o[:2])), also=known_only, **_PARTIAL),
    Case(15, "under half valid", _order(lambda o: ["X1", "X2", "X3", "X4", "X5", "X6", *o[:4]]), **_INVALID),
    Case(15, "sold out after it was ranked", good, also=sold_out, **_GOOD),
)

_POISON: Mapping[str, Callable[[str], str]] = {
    "HTML": lambda text: f"<b>{text}</b>",
    "URL": lambda text: f"{text} https://evil.test",
    "markdown": lambda text: f"**{text}**",
    "bidi": lambda text: f"\u202e{text}",
    "zero-width": lambda text: text.replace(" ", "\u200b ", 1),
    "tag characters": lambda text: text + "\U000e0041\U000e0042",
    "half a surrogate pair": lambda text: text + "\ud83d",
    "too long": lambda text: " ".join([text] * 8),
    "another language": lambda text: "Sehr gut bewertet und im Rahmen des Budgets. " + text,
    "unproved claim": lambda text: "Rated 4.9 by 98765 shoppers. " + text,
}


SPOILT = 5


def poisoned(poison: Callable[[str], str]) -> Fault:
    """True sentences for ten candidates; those of the first half carry the poison."""

    def text(prompt: RerankPrompt) -> str:
        order = order_of(prompt)
        true = [true_sentence(prompt, alias) for alias in order]
        return json.dumps(
            {
                "order": order,
                "why": [
                    {"id": alias, "text": poison(said) if n < SPOILT else said}
                    for n, (alias, said) in enumerate(zip(order, true, strict=True))
                ],
            }
        )  # in ASCII: half a surrogate pair travels as an escape

    return says(text)


def replaced_alone(bench: Bench, answer: Answer, _: Mapping[str, str]) -> None:
    """The spoilt sentences are replaced by compiled ones, and sentences beside them stay the model's."""
    names = {named(bench, alias) for alias in order_of(bench.provider.requests[-1].prompt, SPOILT)}
    spoilt = [item for item in answer.items if item["name"] in names]
    assert spoilt, "no spoilt item is in the slate"
    assert {item["reasonSource"] for item in spoilt} == {"template"}, [item["reason"] for item in spoilt]
    others = {item["reasonSource"] for item in answer.items if item["name"] not in names}
    assert "llm" in others, "no true sentence of the model was shown"


_SLOW = ("URL", "markdown", "zero-width", "too long")

REASONS = tuple(
    Case(16, name, poisoned(poison), limit=24, also=replaced_alone, slow=name in _SLOW, **_GOOD)
    for name, poison in _POISON.items()
)


def charged_enough(bench: Bench, answer: Answer, _: Mapping[str, str]) -> None:
    """The ledger holds our own estimate: at least what the texts come to, and nothing absurd."""
    row = bench.service.ledger()[-1]
    sent = sum(len(m["content"]) for m in bench.provider.requests[-1].body["messages"])
    assert sent / 8 <= row["input_tokens"] <= sent, row
    assert 20 <= row["output_tokens"] <= 2000, row
    assert row["estimated"], row
    assert 0 < row["cost_usd"] < 0.01, row


USAGE = tuple(
    Case(18, f"usage {name}", says(right, told=told), also=charged_enough, **_GOOD)
    for name, told in (
        ("missing", {**chunk(), "choices": []}),
        ("negative", usage(-5, -5)),
        ("of 1e12", usage(10**12, 10**12)),
        ("of nought", usage(0, 0)),
    )
)


def kept_for_next_time(bench: Bench, _: Answer, who: Mapping[str, str]) -> None:
    """What came too late serves the same shopper's next request, and nobody else's."""
    service = bench.service
    assert service.ask(who, deadline_ms=0).meta["strategy"] == "cache"
    bench.provider.fault = faults.silence
    other = service.ask(service.shopper(), deadline_ms=0)
    assert other.meta["strategy"] == "baseline", other.meta


class Crossed:
    """Two requests at a time; each is answered with what was meant for the other."""

    def __init__(self) -> None:
        self._waiting: list[Exchange] = []

    async def __call__(self, x: Exchange) -> None:
        self._waiting.append(x)
        if len(self._waiting) % 2:
            await x.forever()
        mine, other = self._waiting[-1], self._waiting[-2]
        for there, meant in ((mine, other), (other, mine)):
            await there.head()
            await there.send(whole(right(meant.asked.prompt)))
            there.writer.write_eof()


def mixed_up(bench: Bench, _: Answer, __: Mapping[str, str]) -> None:
    """Two shoppers at once, their answers swapped: each slate is made of what its own shopper may be shown."""
    service = bench.service
    bench.provider.fault = Crossed()
    answers: list[Answer] = []
    shoppers = [service.shopper(), service.shopper()]
    threads = [threading.Thread(target=lambda who=who: answers.append(_own_connection(bench, who))) for who in shoppers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    asked = bench.provider.requests
    offered = [{c.name for c in request.prompt.candidates} for request in asked]
    assert len(answers) == len(offered) == 2
    for answer in answers:
        assert answer.status == 200
        assert any(ranked(answer) <= names for names in offered), "an item that was offered to somebody else"
        assert not any(item["reasonSource"] == "llm" and "[" in item["reason"] for item in answer.items)


def _own_connection(bench: Bench, who: Mapping[str, str]) -> Answer:
    """A request beside another one, on a connection that is closed after it."""
    with httpx.Client(base_url=bench.service.http.base_url, trust_env=False, timeout=20) as http:
        return replace(bench.service, http=http).ask(who, deadline_ms=2000)


LATE = (
    Case(
        19,
        "late answer",
        faults.after(0.45, good),
        fallback="timeout",
        outcome="complete",
        deadline_ms=250,
        call_limit_s=0.9,
        cached=True,
        also=kept_for_next_time,
    ),
    Case(19, "another request's answer", good, also=mixed_up, **_GOOD),
)

REPLY_CASES = (*BROKEN_OFF, *REFUSALS, *AROUND, *TYPES, *IDS, *REASONS, *USAGE, *LATE)
