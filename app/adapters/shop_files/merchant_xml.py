"""Google Merchant feeds as RSS 2.0 or Atom, read as a stream by expat; document types and entities are refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from xml.parsers import expat

from app.adapters.shop_files.opened import naming, open_bytes, sha256_of
from app.domain.errors import ImportRejected
from app.domain.imports import FileFacts, FileKind, RawRow, Unreadable
from app.ingest.merchant import READ, Faulty, attribute_name, merchant_row, sale_in_effect
from app.ports import Progress

_BLOCK = 1 << 16
_DEEPEST = 32
_LONGEST_ITEM = 1_000_000  # characters; a longer one is a row error, and its text is not kept
_ITEMS = frozenset({"item", "entry"})
_ATOM = {"summary": "description", "content": "description"}
_DETAIL = ("section_name", "attribute_name", "attribute_value")
_REPORT_EVERY = 10_000

Item = tuple[int, dict[str, list[str]] | Unreadable]
"""Line of its first tag, and values by attribute name."""
Unit = Literal["line", "item"]


@dataclass(slots=True)
class MerchantXml:
    """Implements app.ports.ShopFile; an item's number is the line of its first tag.

    Where several items begin on one line, which `check` finds out, it is the item's place in the file from 1.
    """

    path: Path
    now: float  # epoch seconds at which sales are looked at
    kind: FileKind = "products"
    _unit: Unit = "line"

    @property
    def name(self) -> str:
        """See ShopFile."""
        return self.path.name

    @property
    def unit(self) -> Unit:
        """See ShopFile."""
        return self._unit

    def check(self, progress: Progress | None = None) -> FileFacts:
        """See ShopFile. The hash covers which sales hold: the same file is another catalogue when a sale begins."""
        digest = hashlib.sha256(sha256_of(self.path).encode())
        columns: dict[str, None] = {}
        rows = last_line = 0
        self._unit = "line"
        for line, item in self._items():
            rows += 1
            if line == last_line:
                self._unit = "item"
            last_line = line
            digest.update(sales_mark(item, self.now))
            if not isinstance(item, Unreadable):
                columns.update(dict.fromkeys(name for name in item if name not in READ))
                row = merchant_row(item, self.now)
                columns.update({} if isinstance(row, Unreadable) else dict.fromkeys(row))
            if progress is not None and rows % _REPORT_EVERY == 0:
                progress(f"check {self.name}", rows, None)
        if not rows:
            raise ImportRejected(f"{self.name} holds no <item> or <entry>; a Google Merchant feed is expected.")
        return FileFacts(digest.hexdigest(), rows, tuple(columns))

    def batches(self, size: int) -> Iterator[Sequence[RawRow]]:
        """See ShopFile."""
        batch: list[RawRow] = []
        for place, (line, item) in enumerate(self._items(), start=1):
            number = line if self._unit == "line" else place
            batch.append((number, item if isinstance(item, Unreadable) else merchant_row(item, self.now)))
            if len(batch) >= size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _items(self) -> Iterator[Item]:
        reader = _Reader(self.name)
        with naming(self.path), open_bytes(self.path) as file:
            try:
                while block := file.read(_BLOCK):
                    reader.parser.Parse(block, False)
                    yield from reader.taken()
                reader.parser.Parse(b"", True)
                yield from reader.taken()
            except (LookupError, ValueError) as error:  # what Python's codecs say of an encoding they can't read
                raise ImportRejected(
                    f"{self.name} is in an encoding that is not read: {error}. Save it as UTF-8."
                ) from error
            except expat.ExpatError as error:
                raise ImportRejected(
                    f"{self.name}, line {error.lineno}: {expat.ErrorString(error.code)}; it is no well-formed XML to "
                    "its end. Nothing was imported."
                ) from error


def sales_mark(item: dict[str, list[str]] | Unreadable, now: float) -> bytes:
    """A byte that differs when an item's sale begins or ends."""
    try:
        return b"?" if isinstance(item, Unreadable) else b"s" if sale_in_effect(item, now) else b"-"
    except Faulty:
        return b"?"


@dataclass(slots=True)
class _Reader:
    """Collects items as expat meets them; holds one unfinished item at a time."""

    name: str
    parser: expat.XMLParserType = field(init=False)
    _done: list[Item] = field(default_factory=list)
    _path: list[str] = field(default_factory=list)  # names of open elements
    _item: dict[str, list[str]] | None = None
    _line: int = 0
    _size: int = 0
    _depth: int = 0  # of the item's element
    _text: list[str] = field(default_factory=list)
    _detail: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data

    def taken(self) -> list[Item]:
        """The items finished since the last call."""
        done, self._done = self._done, []
        return done

    def _refuse(self, *_: object) -> None:
        raise ImportRejected(
            f"{self.name}, line {self.parser.CurrentLineNumber}: document types and entities are not read: they can "
            "name other files and grow without bound; write the feed without <!DOCTYPE>."
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = attribute_name(tag.rsplit(" ", 1)[-1])
        self._path.append(name)
        if len(self._path) > _DEEPEST:
            raise ImportRejected(f"{self.name}, line {self.parser.CurrentLineNumber}: elements nest too deeply.")
        if self._item is None:
            if name in _ITEMS:
                self._item, self._line, self._size = {}, self.parser.CurrentLineNumber, 0
                self._depth = len(self._path)
        elif len(self._path) == self._depth + 1:
            self._text = []
            self._detail = {}
            if name == "link" and attributes.get("href") and attributes.get("rel", "alternate") == "alternate":
                self._item.setdefault("link", []).append(attributes["href"])
        elif name in _DETAIL:
            self._text = []

    def _end(self, _tag: str) -> None:
        name = self._path.pop()
        if self._item is None:
            return
        depth = len(self._path) + 1
        if depth == self._depth:
            too_long = Unreadable(f"the item is longer than {_LONGEST_ITEM:,} characters")
            self._done.append((self._line, too_long if self._size > _LONGEST_ITEM else self._item))
            self._item = None
        elif depth == self._depth + 2 and name in _DETAIL:
            self._detail[name] = "".join(self._text)
            self._text = []
        elif depth == self._depth + 1:
            text = "".join(self._text).strip()
            if name == "product_detail" and self._detail:
                text = ":".join(self._detail.get(part, "").replace(":", " ") for part in _DETAIL[:2])
                text += ":" + self._detail.get(_DETAIL[2], "")
            if text:
                self._item.setdefault(_ATOM.get(name, name), []).append(text)
            self._text = []

    def _data(self, data: str) -> None:
        if self._item is not None:
            self._size += len(data)
            if self._size <= _LONGEST_ITEM:
                self._text.append(data)
