"""Reads a model's reply, whole or cut anywhere, and keeps of it only what is certain.

The reader goes from left to right, so what it has kept of a prefix it also keeps of the whole: a waiter can read at
any moment. It closes no brackets and guesses nothing. What it left out or set right is counted by kind:

| kind | what was found | what becomes of it |
|---|---|---|
| `byte_order_mark`, `fence`, `thinking`, `prose` | something around the object | passed over |
| `no_object` | no `{`: a refusal in plain text, nothing | invalid |
| `second_object` | another `{` or a list around it | invalid |
| `truncated` | the text ends before the object does | what came before counts |
| `malformed` | not JSON from some point on | what came before counts |
| `too_deep` | nested more than 16 levels | what came before counts |
| `duplicate_key` | `order` twice | invalid; `why` twice: the first is dropped too; in a reason: no such reason |
| `missing_order` | an object without it | invalid |
| `wrong_type` | `order` no list | invalid; an element no string, a reason not two strings: left out |
| `extra_key` | a key that was not asked for | left out; in a reason: no such reason |
| `unknown_alias`, `duplicate_alias` | in `order` or `why` | left out; the first is kept |
| `too_many` | more than 10 elements | the first 10 count |
| `few_valid` | under half of the elements were aliases | invalid |
| `missing_alias` | fewer than asked for in an order that was finished | `complete_order` is false |
| `reason_markup`, `_characters`, `_length`, `_empty` | a text that must not reach a page | no such reason |
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

ORDER_MAX = 10
REASON_MAX = 240
_MAX_DEPTH = 16
_MAX_TEXT = 256 * 1024

_SPACE = re.compile(r"[ \t\r\n]*+")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"')
_OPEN_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z')
_SCALAR = re.compile(r"-?[A-Za-z0-9.+-]++")
_THINKING = re.compile(r"\s*<(think|thinking|reasoning)>", re.IGNORECASE)
_FENCE = re.compile(r"```")
_CITATION = re.compile(r"\[(?:u[0-9]{1,2}|[A-X][0-9]{1,2})\]")
_MARKUP = re.compile(
    r"[<>{}\[\]|`\\]|\*\*|__|~~|\*\w|^\s*(?:[#>*+-]|\d+\.)\s|&(?:#\w+|[a-z]+);|https?:|www\.|\S@\S"
    r"|\b[a-z0-9-]+\.(?:com|net|org|info|io|shop|ru|cn|xyz|de|eu|co|app|site|online)\b",
    re.IGNORECASE,
)
_FORBIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class RepairedReply:
    """What is certain of a reply. Aliases are those that were offered."""

    order: tuple[str, ...] = ()  # distinct, best first, at most ORDER_MAX; empty when not valid
    why: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # alias → sentence with citations
    complete_order: bool = False  # the order was finished and names all that were asked for
    valid: bool = False  # at least one alias, and at least half of what was emitted
    repairs: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # kind → times; see the module


def read_reply(text: str, aliases: Collection[str], *, complete: bool, limit: int) -> RepairedReply:
    """The validated part of a reply. Never raises for any text.

    An element of `order` counts once its successor or the closing bracket has been read; a reason once its object is
    closed and its alias is in the order.

    Args: text: everything received so far; complete: the stream is over (counts a missing end as a repair);
          limit: items asked for, 1 or more; min(limit, 10, len(aliases)) of them make an order complete.
    """
    repairs: Counter[str] = Counter()
    start = _object_start(text, repairs, complete=complete)
    if start is None:
        return RepairedReply(repairs=MappingProxyType(dict(repairs)))
    reader = _Reader(text[:_MAX_TEXT], start, repairs)
    reader.read()
    if reader.cut and complete:
        repairs["truncated"] += 1
    if reader.closed_at is not None and _trailing(text[reader.closed_at :], repairs):
        reader.invalid = True
    order, finished = _order(reader, frozenset(aliases), repairs)
    if reader.invalid or not order:
        return RepairedReply(repairs=MappingProxyType(dict(repairs)))
    asked = min(limit, ORDER_MAX, len(aliases))
    if finished and len(order) < asked:
        repairs["missing_alias"] += asked - len(order)
    why = _reasons(reader.why, frozenset(order), repairs)
    return RepairedReply(
        order=order,
        why=MappingProxyType(why),
        complete_order=finished and len(order) >= asked,
        valid=True,
        repairs=MappingProxyType(dict(repairs)),
    )


def _object_start(text: str, repairs: Counter[str], *, complete: bool) -> int | None:
    """Where the object begins, past what models like to put before it."""
    at = 0
    if text.startswith("\ufeff"):
        repairs["byte_order_mark"] += 1
        at = 1
    thinking = _THINKING.match(text, at)
    if thinking is not None:
        end = re.compile(rf"</{thinking[1]}>", re.IGNORECASE).search(text, thinking.end())
        if end is None:
            if complete:
                repairs["no_object"] += 1
            return None
        repairs["thinking"] += 1
        at = end.end()
    start = text.find("{", at)
    if start < 0:
        if complete:
            repairs["no_object"] += 1
        return None
    before = text[at:start]
    if before.rstrip().endswith("["):
        repairs["second_object"] += 1
        return None
    _note_around(before, repairs)
    return start


def _trailing(rest: str, repairs: Counter[str]) -> bool:
    """Whether what follows the object makes two answers of it."""
    if "{" in rest:
        repairs["second_object"] += 1
        return True
    _note_around(rest, repairs)
    return False


def _note_around(text: str, repairs: Counter[str]) -> None:
    if _FENCE.search(text):
        repairs["fence"] = 1
        text = re.sub(r"```(?:json)?", "", text, flags=re.IGNORECASE)
    if text.strip():
        repairs["prose"] = 1


def _order(reader: _Reader, aliases: frozenset[str], repairs: Counter[str]) -> tuple[tuple[str, ...], bool]:
    """Valid aliases, and whether the model had finished naming them."""
    emitted = reader.order if reader.order_closed else reader.order[:-1]
    finished = reader.order_closed or len(emitted) >= ORDER_MAX
    if len(emitted) > ORDER_MAX:
        repairs["too_many"] += len(emitted) - ORDER_MAX
        emitted = emitted[:ORDER_MAX]
    kept: dict[str, None] = {}
    for alias in emitted:
        if alias is None:
            repairs["wrong_type"] += 1
        elif alias not in aliases:
            repairs["unknown_alias"] += 1
        elif alias in kept:
            repairs["duplicate_alias"] += 1
        else:
            kept[alias] = None
    if 2 * len(kept) < len(emitted):
        repairs["few_valid"] += 1
        return (), finished
    return tuple(kept), finished


def _reasons(entries: list[tuple[str, str]], ranked: frozenset[str], repairs: Counter[str]) -> dict[str, str]:
    seen: set[str] = set()
    why: dict[str, str] = {}
    for alias, text in entries:
        if alias in seen:
            repairs["duplicate_alias"] += 1
            continue
        if alias not in ranked:
            repairs["unknown_alias"] += 1
            continue
        seen.add(alias)
        problem = _unfit(text)
        if problem is None:
            why[alias] = text.strip()
        else:
            repairs[problem] += 1
    return why


def _unfit(text: str) -> str | None:
    """Why a reason must not reach a page, None when nothing speaks against its form."""
    if len(text) > REASON_MAX:
        return "reason_length"
    if any(unicodedata.category(c) in _FORBIDDEN or "\ufe00" <= c <= "\ufe0f" for c in text):
        return "reason_characters"
    bare = _CITATION.sub("", text)
    if not any(c.isalpha() for c in bare):
        return "reason_empty"
    return "reason_markup" if _MARKUP.search(unicodedata.normalize("NFKC", bare)) else None


class _CutOff(Exception):
    """The text ends here."""


class _NotJson(Exception):
    """From here on it is not JSON that is read here; the message is the kind of repair."""


class _Reader:
    """Pulls `order` and `why` out of one object, without recursion and without turning numbers into numbers."""

    def __init__(self, text: str, at: int, repairs: Counter[str]) -> None:
        self._text = text
        self._at = at
        self._repairs = repairs
        self.order: list[str | None] = []  # None: an element of a wrong type
        self.order_closed = False
        self.why: list[tuple[str, str]] = []
        self.closed_at: int | None = None
        self.cut = False
        self.invalid = False

    def read(self) -> None:
        """Reads as far as it goes."""
        seen: set[str] = set()
        try:
            self._take("{")
            for key in self._keys():
                if key in seen:
                    self._duplicate(key)
                    self._skip()
                elif key == "order":
                    self._read_order()
                elif key == "why":
                    self._read_why()
                else:
                    self._repairs["extra_key"] += 1
                    self._skip()
                seen.add(key)
            self.closed_at = self._at
            if "order" not in seen:
                self._repairs["missing_order"] += 1
                self.invalid = True
        except _CutOff:
            self.cut = True
        except _NotJson as problem:
            self._repairs[str(problem)] += 1

    def _duplicate(self, key: str) -> None:
        self._repairs["duplicate_key"] += 1
        if key == "order":
            self.invalid = True
        elif key == "why":
            self.why.clear()

    def _read_order(self) -> None:
        if self._peek() != "[":
            self._repairs["wrong_type"] += 1
            self.invalid = True
            self._skip()
            return
        self._take("[")
        for _ in self._elements():
            is_text = self._peek() == '"'
            if is_text:
                self.order.append(self._string())
            else:
                self._skip()
                self.order.append(None)
        self.order_closed = True

    def _read_why(self) -> None:
        if self._peek() != "[":
            self._repairs["wrong_type"] += 1
            self._skip()
            return
        self._take("[")
        for _ in self._elements():
            if self._peek() == "{":
                self._read_reason()
            else:
                self._repairs["wrong_type"] += 1
                self._skip()

    def _read_reason(self) -> None:
        self._take("{")
        values: dict[str, str] = {}
        seen: set[str] = set()
        problem: str | None = None
        for key in self._keys():
            if key in seen:
                problem = "duplicate_key"
            elif key not in ("id", "text"):
                problem = "extra_key"
            seen.add(key)
            if self._peek() == '"':
                values[key] = self._string()
            else:
                problem = problem or "wrong_type"
                self._skip()
        if problem is None and seen != {"id", "text"}:
            problem = "wrong_type"
        if problem is None:
            self.why.append((values["id"], values["text"]))
        else:
            self._repairs[problem] += 1

    def _keys(self) -> _Items:
        """The keys of the object that was just opened; the caller reads each value."""
        return _Items(self, "}")

    def _elements(self) -> _Items:
        return _Items(self, "]")

    def advance(self, close: str, *, first: bool) -> str | None:
        """The next key ("" in a list), or None after the closing bracket."""
        if self._peek() == close:
            self._at += 1
            return None
        if not first:
            self._take(",")
        if close == "]":
            self._peek()
            return ""
        key = self._string()
        self._take(":")
        return key

    def _peek(self) -> str:
        """The next character that is no white space. Raises _CutOff at the end."""
        space = _SPACE.match(self._text, self._at)
        if space is not None:
            self._at = space.end()
        if self._at >= len(self._text):
            raise _CutOff
        return self._text[self._at]

    def _take(self, character: str) -> None:
        if self._peek() != character:
            raise _NotJson("malformed")
        self._at += 1

    def _string(self) -> str:
        self._peek()
        found = _STRING.match(self._text, self._at)
        if found is None:
            raise _CutOff if _OPEN_STRING.match(self._text, self._at) else _NotJson("malformed")
        self._at = found.end()
        text: str = json.loads(found[0])
        return text

    def _skip(self) -> None:
        """Passes over one value of any kind, however deep."""
        stack: list[str] = []
        while True:
            character = self._peek()
            if character == '"':
                self._string()
            elif character in "{[":
                stack.append("}" if character == "{" else "]")
                if len(stack) > _MAX_DEPTH:
                    raise _NotJson("too_deep")
                self._at += 1
                continue
            elif stack and character in ",:":
                self._at += 1
                continue
            elif stack and character == stack[-1]:
                stack.pop()
                self._at += 1
            else:
                self._scalar()
            if not stack:
                return

    def _scalar(self) -> None:
        found = _SCALAR.match(self._text, self._at)
        if found is None:
            raise _NotJson("malformed")
        if found.end() == len(self._text):
            raise _CutOff
        self._at = found.end()


class _Items:
    """Iterates over the keys or elements of an open bracket."""

    def __init__(self, reader: _Reader, close: str) -> None:
        self._reader = reader
        self._close = close
        self._first = True

    def __iter__(self) -> _Items:
        return self

    def __next__(self) -> str:
        key = self._reader.advance(self._close, first=self._first)
        self._first = False
        if key is None:
            raise StopIteration
        return key
