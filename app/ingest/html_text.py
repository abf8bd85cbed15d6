"""HTML as a shop's feeds hold it, to the text that it shows."""

from __future__ import annotations

import re
from html.parser import HTMLParser

MOST_CHARS = 200_000
"""What is read at all; bounds the work on a hostile text."""

_BREAKING = frozenset(
    "address article blockquote br dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p section table tr ul".split()
)
_HIDDEN = frozenset({"script", "style", "template", "noscript"})
_MARKUP = re.compile(r"<[a-zA-Z/!]|&[#a-zA-Z]")
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\s*\n\s*")


def plain_text(html: str) -> str:
    """The visible text, a line per block, without scripts and styles; text without markup stays as it is."""
    if not _MARKUP.search(html):
        return html.strip()
    reader = _Reader()
    reader.feed(html[:MOST_CHARS])
    reader.close()
    return _LINES.sub("\n", _SPACES.sub(" ", "".join(reader.parts))).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag in _BREAKING:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag in _BREAKING:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)
