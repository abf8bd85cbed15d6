"""Every fault mode does what its name says, seen from a plain client."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from evals.simulated.chat_faults import CHAT_FAULTS
from evals.simulated.faults import FAULTS
from evals.simulated.reply_faults import REPLY_FAULTS
from tests.support.rerank_prompts import body
from tests.support.simulated_provider import SimulatedProvider

PATH = "/v1/chat/completions"
ORDER = ["A", "E", "C", "D", "B", "F"]


def post(http: httpx.Client, fault: str, *, stream: bool = False) -> httpx.Response:
    return http.post(PATH, json=body(stream=stream), headers={"x-simulated-fault": fault})


def events(answer: httpx.Response) -> list[Any]:
    data = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(one) if one != "[DONE]" else one for one in data]


def choice(http: httpx.Client, fault: str) -> dict[str, Any]:
    return post(http, fault).json()["choices"][0]


def content(http: httpx.Client, fault: str) -> str:
    """The text of an answer, which is the same in a stream."""
    whole = choice(http, fault)["message"]["content"]
    streamed = events(post(http, fault, stream=True))
    parts = [e["choices"][0]["delta"].get("content") or "" for e in streamed if e != "[DONE]" and e["choices"]]
    assert "".join(parts) == whole
    return whole


def answer(http: httpx.Client, fault: str) -> dict[str, Any]:
    return json.loads(content(http, fault))


def texts(http: httpx.Client, fault: str) -> list[str]:
    return [why["text"] for why in answer(http, fault)["why"]]


def good(http: httpx.Client) -> str:
    return content(http, "none")


def everywhere(found: list[str], check: Callable[[str], bool]) -> bool:
    return len(found) == 3 and all(check(text) for text in found)


REPLIES: dict[str, Callable[[httpx.Client], bool]] = {
    "refusal": lambda h: (
        choice(h, "refusal")["message"]["content"] is None and "sorry" in choice(h, "refusal")["message"]["refusal"]
    ),
    "refusal_text": lambda h: content(h, "refusal_text").startswith("I'm sorry"),
    "content_filter": lambda h: choice(h, "content_filter")["finish_reason"] == "content_filter",
    "length": lambda h: choice(h, "length")["finish_reason"] == "length" and good(h).startswith(content(h, "length")),
    "null_content": lambda h: (
        choice(h, "null_content")["message"] == {"role": "assistant", "content": None, "refusal": None}
    ),
    "empty_choices": lambda h: post(h, "empty_choices").json()["choices"] == [],
    "extra_choices": lambda h: len(post(h, "extra_choices").json()["choices"]) == 3,
    "fences": lambda h: content(h, "fences") == f"```json\n{good(h)}\n```",
    "think": lambda h: content(h, "think").startswith("<think>") and content(h, "think").endswith(good(h)),
    "prose": lambda h: content(h, "prose").startswith("Sure!") and good(h) in content(h, "prose"),
    "two_objects": lambda h: (
        content(h, "two_objects").splitlines()[0] == good(h) and len(content(h, "two_objects").splitlines()) == 2
    ),
    "duplicate_keys": lambda h: content(h, "duplicate_keys").count('"order":') == 2,
    "extra_keys": lambda h: set(answer(h, "extra_keys")) == {"order", "why", "confidence"},
    "missing_keys": lambda h: set(answer(h, "missing_keys")) == {"why"},
    "deep": lambda h: content(h, "deep").count("[") == 100_000,
    "big_integer": lambda h: "9" * 5000 in content(h, "big_integer"),
    "wrong_types": lambda h: answer(h, "wrong_types")["why"] == "because" and 1 in answer(h, "wrong_types")["order"],
    "nan": lambda h: "NaN" in content(h, "nan") and "Infinity" in content(h, "nan"),
    "unknown_aliases": lambda h: sum(a in ORDER for a in answer(h, "unknown_aliases")["order"]) < 3,
    "duplicate_aliases": lambda h: answer(h, "duplicate_aliases")["order"] == [a for a in ORDER for _ in range(2)],
    "lookalike_aliases": lambda h: not {"A", "C", "B", "E"} & set(answer(h, "lookalike_aliases")["order"]),
    "half_missing": lambda h: answer(h, "half_missing")["order"] == ORDER[:3],
    "long_reasons": lambda h: everywhere(texts(h, "long_reasons"), lambda t: len(t) >= 5000),
    "html_reasons": lambda h: everywhere(texts(h, "html_reasons"), lambda t: "<script>" in t),
    "url_reasons": lambda h: everywhere(texts(h, "url_reasons"), lambda t: "https://" in t),
    "markdown_reasons": lambda h: everywhere(texts(h, "markdown_reasons"), lambda t: "](javascript:" in t),
    "bidi_reasons": lambda h: everywhere(
        texts(h, "bidi_reasons"), lambda t: {"\u202e", "\u200b", "\U000e0041", "\ud800"} <= set(t)
    ),
    "foreign_reasons": lambda h: everywhere(texts(h, "foreign_reasons"), lambda t: t.startswith("Dieses Produkt")),
    "missing_usage": lambda h: (
        "usage" not in post(h, "missing_usage").json()
        and all(not e.get("usage") for e in events(post(h, "missing_usage", stream=True))[:-1])
    ),
    "negative_usage": lambda h: post(h, "negative_usage").json()["usage"]["prompt_tokens"] < 0,
    "absurd_usage": lambda h: events(post(h, "absurd_usage", stream=True))[-2]["usage"]["prompt_tokens"] == 10**12,
    "other_model": lambda h: post(h, "other_model").json()["model"] == "simulated-somebody-else",
    "huge": lambda h: len(post(h, "huge").content) > 10**7 and len(content(h, "huge:1")) > 10**6,
}


@pytest.mark.parametrize("mode", sorted(set(REPLY_FAULTS) - set(CHAT_FAULTS)))
def test_a_fault_in_the_reply(http: httpx.Client, mode: str) -> None:
    """HTTP is right, what is said is not, streamed or not."""
    assert json.loads(good(http))["order"] == ORDER
    assert post(http, mode).status_code == 200
    assert REPLIES[mode](http)


STATUSES = {
    "error400": 400,
    "error401": 401,
    "error403": 403,
    "error404": 404,
    "error413": 413,
    "context_overflow": 400,
    "error429": 429,
    "quota": 429,
    "error500": 500,
    "error502": 502,
    "error503": 503,
    "error504": 504,
    "error529": 529,
}


@pytest.mark.parametrize("mode", STATUSES)
def test_an_error_status(provider: SimulatedProvider, mode: str) -> None:
    """OpenAI's client raises its own error for it, with the message."""
    with httpx.Client(trust_env=False) as transport:
        client = openai.OpenAI(base_url=provider.base_url, api_key="any", max_retries=0, http_client=transport)
        with pytest.raises(openai.APIStatusError) as raised:
            client.chat.completions.create(**body(), extra_headers={"x-simulated-fault": mode})
    assert raised.value.status_code == STATUSES[mode]
    assert raised.value.body


RETRY_AFTER = {
    "int": ("retry-after", "2"),
    "float": ("retry-after", "1.5"),
    "ms": ("retry-after-ms", "1500"),
    "zero": ("retry-after", "0"),
    "negative": ("retry-after", "-5"),
    "nan": ("retry-after", "nan"),
    "day": ("retry-after", "86400"),
    "7": ("retry-after", "7"),
}


@pytest.mark.parametrize("detail", RETRY_AFTER)
def test_retry_after_comes_in_every_form(http: httpx.Client, detail: str) -> None:
    """Named variants, or any value."""
    name, value = RETRY_AFTER[detail]
    assert post(http, f"error429:{detail}").headers[name] == value


def test_retry_after_as_a_date_and_not_at_all(http: httpx.Client) -> None:
    """The date is an HTTP date; without a detail there is no header."""
    assert post(http, "error429:date").headers["retry-after"].endswith("GMT")
    assert not {"retry-after", "retry-after-ms"} & set(post(http, "error429").headers)


def test_hang_never_answers(http: httpx.Client) -> None:
    """Not even headers."""
    with pytest.raises(httpx.ReadTimeout):
        http.post(PATH, json=body(), headers={"x-simulated-fault": "hang"}, timeout=0.3)


def test_slow_takes_its_time_to_the_first_token(http: httpx.Client) -> None:
    """3 s unless told otherwise."""
    started = time.perf_counter()
    post(http, "slow:400", stream=True)
    assert 0.4 <= time.perf_counter() - started < 2
    with pytest.raises(httpx.ReadTimeout):
        http.post(PATH, json=body(), headers={"x-simulated-fault": "slow"}, timeout=0.5)


def received(http: httpx.Client, fault: str, *, stream: bool) -> tuple[bytes, type[httpx.TransportError] | None]:
    """What arrived before the answer ended or broke, and how it broke."""
    got = b""
    try:
        with http.stream(
            "POST", PATH, json=body(stream=stream), headers={"x-simulated-fault": fault}, timeout=0.3
        ) as response:
            for part in response.iter_raw():
                got += part
    except httpx.TransportError as error:
        return got, type(error)
    return got, None


@pytest.mark.parametrize("stream", [False, True])
def test_cut_closes_in_the_middle(http: httpx.Client, stream: bool) -> None:
    """The client sees an incomplete message, after some of it."""
    got, broke = received(http, "cut", stream=stream)
    assert broke is httpx.RemoteProtocolError
    assert 0 < len(got) < len(post(http, "none", stream=stream).content)


@pytest.mark.parametrize("stream", [False, True])
def test_stall_keeps_the_line_open(http: httpx.Client, stream: bool) -> None:
    """Half of the answer arrives, and then nothing."""
    got, broke = received(http, "stall", stream=stream)
    assert broke is httpx.ReadTimeout
    assert 0 < len(got) < len(post(http, "none", stream=stream).content)


def test_no_terminator(http: httpx.Client) -> None:
    """All of the text, but no finish_reason, usage or [DONE]; unstreamed, a body that is no JSON."""
    streamed = events(post(http, "no_terminator", stream=True))
    assert "[DONE]" not in streamed
    assert all(e["choices"][0]["finish_reason"] is None for e in streamed)
    assert "".join(e["choices"][0]["delta"]["content"] for e in streamed) == good(http)
    with pytest.raises(json.JSONDecodeError):
        post(http, "no_terminator").json()


def test_error_event(http: httpx.Client) -> None:
    """Some chunks, then an error, with status 200."""
    answer = post(http, "error_event", stream=True)
    *chunks, last = events(answer)
    assert answer.status_code == 200
    assert chunks[-1]["choices"]
    assert last["error"]["type"] == "server_error"
    assert "error" in post(http, "error_event").json()


def test_drip(http: httpx.Client) -> None:
    """One byte per write; a read timeout does not notice."""
    started = time.perf_counter()
    got = b""
    with http.stream("POST", PATH, json=body(), headers={"x-simulated-fault": "drip:20"}, timeout=0.5) as response:
        for part in response.iter_raw():
            got += part
            if time.perf_counter() - started > 0.4:
                break
    assert 3 <= len(got) <= 25


@pytest.mark.parametrize("stream", [False, True])
def test_endless_answers(http: httpx.Client, stream: bool) -> None:
    """Keep-alives hold no content; white space soon passes any cap."""
    for mode, enough in (("keepalives", 3), ("whitespace", 100_000)):
        size = 0
        with http.stream("POST", PATH, json=body(stream=stream), headers={"x-simulated-fault": mode}) as response:
            for part in response.iter_raw():
                size += len(part)
                if mode == "keepalives":
                    assert not part.replace(b": keep-alive", b"").strip()
                if size >= enough:
                    break
        assert size >= enough


def test_split_characters(http: httpx.Client) -> None:
    """Writes end inside characters; together they are valid."""
    with http.stream("POST", PATH, json=body(stream=True), headers={"x-simulated-fault": "split_utf8"}) as response:
        parts = list(response.iter_raw())
    assert any(_broken(part) for part in parts)
    assert "🧡" in b"".join(parts).decode()


def _broken(part: bytes) -> bool:
    try:
        part.decode()
    except UnicodeDecodeError:
        return True
    return False


def test_bodies_that_are_no_answer(http: httpx.Client) -> None:
    """Empty, 204, HTML, another type, a byte order mark, another host."""
    assert post(http, "empty").content == b""
    assert post(http, "no_content").status_code == 204
    page = post(http, "html200")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.text.startswith("<!doctype html>")
    odd = post(http, "wrong_content_type")
    assert odd.headers["content-type"] == "text/plain; charset=latin-1"
    assert json.loads(odd.content)["choices"]
    assert post(http, "bom").content.startswith(b"\xef\xbb\xbf{")
    moved = post(http, "redirect")
    assert moved.status_code == 307
    assert "127.0.0.1" not in moved.headers["location"]


def test_gzip_bomb(http: httpx.Client) -> None:
    """Small on the wire, 200 MB unless told otherwise when inflated."""
    with http.stream("POST", PATH, json=body(), headers={"x-simulated-fault": "gzip_bomb:20"}) as response:
        raw = b"".join(response.iter_raw())
        assert response.headers["content-encoding"] == "gzip"
    assert len(raw) < 100_000
    assert len(gzip.decompress(raw)) > 20_000_000


TESTED_ABOVE = {
    "slow", "hang", "stall", "cut", "no_terminator", "error_event", "drip", "split_utf8", "keepalives", "whitespace",
    "empty", "no_content", "html200", "wrong_content_type", "bom", "redirect", "gzip_bomb",
}  # fmt: skip


def test_every_mode_is_shown_here() -> None:
    """A new mode needs a test."""
    assert TESTED_ABOVE | set(STATUSES) | set(REPLIES) == set(FAULTS) - set(CHAT_FAULTS)  # test_chat_faults.py


def test_faults_by_rule(provider: SimulatedProvider, http: httpx.Client) -> None:
    """A count ends by itself, a share strikes its share, an empty list ends all; both forms of a rule are taken."""
    try:
        provider.faults({"mode": "error503", "count": 2})
        assert [post_plain(http).status_code for _ in range(4)] == [503, 503, 200, 200]
        provider.faults({"mode": "error500", "share": 0.3, "by": "arrival"})
        failed = sum(post_plain(http).status_code == 500 for _ in range(100))
        assert 15 <= failed <= 45
        provider.faults({"mode": "error500", "share": 0.5})
        by_request = [post_plain(http, user=str(i)).status_code for i in range(40)]
        assert by_request == [post_plain(http, user=str(i)).status_code for i in range(40)]
        assert set(by_request) == {200, 500}
        assert http.post("/simulated/faults", json={"mode": "html200"}).json()["faults"][0]["mode"] == "html200"
        assert post(http, "none").headers["content-type"] == "application/json"
    finally:
        provider.faults()
    assert post_plain(http).status_code == 200


def post_plain(http: httpx.Client, **changes: Any) -> httpx.Response:
    return http.post(PATH, json=body(**changes))


def test_a_fault_that_does_not_exist_is_refused(http: httpx.Client) -> None:
    """By header and by rule, with the names that there are."""
    assert "gzip_bomb" in post(http, "gremlins").json()["error"]["message"]
    assert http.post("/simulated/faults", json={"mode": "gremlins"}).status_code == 400
    assert post(http, "slow:soon").status_code == 400
    assert post(http, "error500@2").status_code == 400
