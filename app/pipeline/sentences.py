"""Sentences of a text that is still being written, each as soon as it is complete."""

from __future__ import annotations

import re

MAX_SENTENCE_CHARS = 400
"""A longer stretch without an end is cut off there, and proved to be none."""

_END = re.compile(r"(?<=[.!?…])[\"'”’)]*(?=\s)|\n")
_LIST_MARK = re.compile(r"^\s*(?:[-*•–]\s+|\d{1,2}[.)]\s+|#{1,6}\s+)")
_LIST_NUMBER = re.compile(r"\d{1,2}[.)]")
_EMPHASIS = re.compile(r"\*\*|__|(?<!\w)[*_`]|[*_`](?!\w)|[«»]")
_LEADING_CITATION = re.compile(r"^\s*(?:\[[^\[\]]{1,80}\]\s*)+")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|approx|incl|no|vs|ca|etc|dr|mr|mrs|st)\.$", re.IGNORECASE)


class SentenceReader:
    """Reads a growing text. A citation after the full stop is left out: it would be taken for the next sentence's."""

    def __init__(self) -> None:
        self._at = 0

    def complete(self, text: str, *, ended: bool) -> list[str]:
        """The sentences that were completed since the last call, in order, without list marks and emphasis.

        Args: text: everything so far, which begins with what was given before; ended: nothing more will come.
        """
        found: list[str] = []
        start = self._at
        for match in _END.finditer(text, self._at):
            piece = text[start : match.end()]
            if match[0] != "\n" and (_ABBREVIATION.search(piece.rstrip()) or _LIST_NUMBER.fullmatch(piece.strip())):
                continue
            found.append(piece)
            start = match.end()
        while len(text) - start > MAX_SENTENCE_CHARS:
            found.append(text[start : start + MAX_SENTENCE_CHARS])
            start += MAX_SENTENCE_CHARS
        self._at = start
        if ended and start < len(text):
            found.append(text[start:])
            self._at = len(text)
        return [sentence for piece in found if (sentence := _bare(piece))]


def _bare(piece: str) -> str:
    text = _EMPHASIS.sub("", _LIST_MARK.sub("", _LEADING_CITATION.sub("", piece)))
    return " ".join(text.split())
