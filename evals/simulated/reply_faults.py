"""Faults in what the model says: each turns a good reply into a bad one that is still correct HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from evals.simulated.answer import compact
from evals.simulated.chat_faults import CHAT_FAULTS
from evals.simulated.reply import Reply, usage_of, with_text

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class ReplyFault:
    """What a fault does, in words and as a function of (good reply, detail)."""

    says: str
    apply: Callable[[Reply, str], Reply]


def _text(change: Callable[[str], str]) -> Callable[[Reply, str], Reply]:
    """A fault that rewrites the text as a whole."""

    def apply(reply: Reply, _detail: str) -> Reply:
        return with_text(reply, change(reply.text if reply.text is not None else ""))

    return apply


def _answer(change: Callable[[dict[str, Any]], object], *, ascii_only: bool = False) -> Callable[[Reply, str], Reply]:
    """A fault that rewrites a rerank answer; a reply that is no JSON object is left alone."""

    def apply(reply: Reply, _detail: str) -> Reply:
        parsed = _parsed(reply)
        if parsed is None:
            return reply
        changed = change(parsed)
        return with_text(reply, json.dumps(changed, separators=(",", ":")) if ascii_only else compact(changed))

    return apply


def _parsed(reply: Reply) -> dict[str, Any] | None:
    try:
        value = json.loads(reply.text if reply.text is not None else "")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _reasons(change: Callable[[str], str], *, ascii_only: bool = False) -> Callable[[Reply, str], Reply]:
    """A fault in every sentence."""

    def apply(answer: dict[str, Any]) -> object:
        return answer | {"why": [why | {"text": change(why["text"])} for why in answer.get("why", [])]}

    return _answer(apply, ascii_only=ascii_only)


def _order(change: Callable[[list[str]], object]) -> Callable[[Reply, str], Reply]:
    """A fault in the order."""
    return _answer(lambda answer: answer | {"order": change(answer.get("order", []))})


def _refusal(reply: Reply, _detail: str) -> Reply:
    return replace(reply, text=None, refusal="I'm sorry, but I can't help with ranking these products.")


def _content_filter(reply: Reply, _detail: str) -> Reply:
    return replace(reply, text=_half(reply), finish_reason="content_filter")


def _length(reply: Reply, _detail: str) -> Reply:
    return replace(reply, text=_half(reply), finish_reason="length")


def _half(reply: Reply) -> str:
    text = reply.text if reply.text is not None else ""
    return text[: len(text) // 2]


def _two_objects(text: str) -> str:
    other = {"order": ["B", "A"], "why": []}
    return f"{text}\n{compact(other)}"


def _duplicate_keys(text: str) -> str:
    return text[:-1] + ',"order":["B","A"],"why":[]}' if text.endswith("}") else text


def _unknown(order: list[str]) -> list[str]:
    """Three of five aliases become ones that were never dealt, so that under half are valid."""
    return [f"Q{70 + place}" if place % 5 < 3 else alias for place, alias in enumerate(order)]


def _lookalike(order: list[str]) -> list[str]:
    return [alias.translate(str.maketrans("ABCEHKMOPTX", "АВСЕНКМОРТХ")) for alias in order]


def _wrong_types(answer: dict[str, Any]) -> object:
    order = answer.get("order", [])
    return {"order": [1, {"id": order[0] if order else "A"}, ["A"], None, True, *order[:2]], "why": "because"}


def _huge(reply: Reply, detail: str) -> Reply:
    size = int(float(detail) * MEGABYTE) if detail else 10 * MEGABYTE
    parsed = _parsed(reply)
    if parsed is None or not parsed.get("why"):
        return with_text(reply, "a" * size)
    why = [parsed["why"][0] | {"text": "a" * size}, *parsed["why"][1:]]
    return with_text(reply, compact(parsed | {"why": why}))


def _usage(change: Callable[[], Mapping[str, Any] | None]) -> Callable[[Reply, str], Reply]:
    def apply(reply: Reply, _detail: str) -> Reply:
        return replace(reply, usage=change())

    return apply


def _hide(text: str) -> str:
    """Right-to-left override, zero-width space, tag characters and a lone surrogate in one sentence."""
    return f"\u202e{text[:20]}\u202c\u200b{text[20:]}\U000e0041\U000e0042\ud800\u2066"


def _german(text: str) -> str:
    cited = " ".join(part for part in text.split() if part.startswith("["))
    return f"Dieses Produkt passt hervorragend zu Ihren Wünschen und ist sein Geld wert. {cited}".strip()


REPLY_FAULTS: Mapping[str, ReplyFault] = {
    "refusal": ReplyFault("the refusal field is set and there is no content", _refusal),
    "refusal_text": ReplyFault(
        "a refusal in plain text", _text(lambda _: "I'm sorry, but I can't help with that request.")
    ),
    "content_filter": ReplyFault("half of the text, finish_reason content_filter", _content_filter),
    "length": ReplyFault("half of the text, finish_reason length", _length),
    "null_content": ReplyFault("content is null", lambda reply, _: replace(reply, text=None)),
    "empty_choices": ReplyFault("no choices", lambda reply, _: replace(reply, choices=0)),
    "extra_choices": ReplyFault("three choices", lambda reply, _: replace(reply, choices=3)),
    "fences": ReplyFault("the JSON in a Markdown code block", _text(lambda text: f"```json\n{text}\n```")),
    "think": ReplyFault(
        "a <think> block first", _text(lambda text: f'<think>\nThe shopper {{likes}} ["A"].\n</think>\n{text}')
    ),
    "prose": ReplyFault(
        "sentences around the JSON", _text(lambda text: f"Sure! Here is the ranking:\n{text}\nI hope that this helps!")
    ),
    "two_objects": ReplyFault("two JSON objects", _text(_two_objects)),
    "duplicate_keys": ReplyFault("every key twice, with other values", _text(_duplicate_keys)),
    "extra_keys": ReplyFault("a key that the schema lacks", _answer(lambda answer: answer | {"confidence": 0.93})),
    "missing_keys": ReplyFault("no `order`", _answer(lambda answer: {"why": answer.get("why", [])})),
    "deep": ReplyFault("100,000 nested arrays", _text(lambda _: '{"order":' + "[" * 100_000)),
    "big_integer": ReplyFault(
        "an integer of 5,000 digits", _text(lambda _: '{"order":[' + "9" * 5_000 + '],"why":[]}')
    ),
    "wrong_types": ReplyFault("numbers, objects and null among the aliases, `why` a string", _answer(_wrong_types)),
    "nan": ReplyFault(
        "NaN and Infinity among the aliases", _order(lambda o: [*o[:1], float("nan"), float("inf"), *o[1:]])
    ),
    "unknown_aliases": ReplyFault("three of five aliases were never dealt", _order(_unknown)),
    "duplicate_aliases": ReplyFault("every alias twice", _order(lambda o: [alias for alias in o for _ in range(2)])),
    "lookalike_aliases": ReplyFault("Cyrillic letters that look like aliases", _order(_lookalike)),
    "half_missing": ReplyFault("the first half of the order only", _order(lambda o: o[: (len(o) + 1) // 2])),
    "long_reasons": ReplyFault(
        "sentences of 5,000 characters", _reasons(lambda text: (text + " ") * (5_000 // (len(text) + 1) + 1))
    ),
    "html_reasons": ReplyFault(
        "markup and script in the sentences",
        _reasons(lambda text: f'<script>alert(1)</script><img src=x onerror="alert(2)"><b>{text}</b>'),
    ),
    "url_reasons": ReplyFault(
        "links in the sentences", _reasons(lambda text: f"{text} See https://shop.example/offer or www.shop.example.")
    ),
    "markdown_reasons": ReplyFault(
        "Markdown in the sentences",
        _reasons(lambda text: f"**{text}** [click](javascript:alert(1)) ![x](http://x.example/x.png)"),
    ),
    "bidi_reasons": ReplyFault(
        "bidi, zero-width, tag characters and a lone surrogate in the sentences", _reasons(_hide, ascii_only=True)
    ),
    "foreign_reasons": ReplyFault("sentences in German", _reasons(_german)),
    "missing_usage": ReplyFault("no usage", _usage(lambda: None)),
    "negative_usage": ReplyFault("negative token counts", _usage(lambda: usage_of(-1500, -200, -10))),
    "absurd_usage": ReplyFault("a million million tokens", _usage(lambda: usage_of(10**12, 10**12, 0))),
    "other_model": ReplyFault("another model's name", lambda reply, _: replace(reply, model="simulated-somebody-else")),
    "huge": ReplyFault("10 MB of text; detail: megabytes", _huge),
    **{name: ReplyFault(says, apply) for name, (says, apply) in CHAT_FAULTS.items()},
}
"""By name."""
