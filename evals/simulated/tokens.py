"""How tokens are counted and cut: tiktoken's o200k_base where its file is on this machine, else characters / 4."""

from __future__ import annotations

import codecs
import importlib.util
import os
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from evals.simulated.dice import Dice, fingerprint

ENCODING = "o200k_base"
# tiktoken names a cached file by the SHA-1 of the address it comes from; litellm ships this one.
_ENCODING_FILE = "fb374d419588a4632f3f557e76b4b70aebbca790"
CHARACTERS_PER_TOKEN = 4
CACHE_BLOCK_TOKENS = 128
CACHE_MIN_TOKENS = 1024
CACHE_BLOCKS_KEPT = 20_000


class TokenRule(Protocol):
    """A way to cut text into tokens."""

    name: str

    def ids(self, text: str) -> Sequence[int]:
        """One number per token, equal for equal tokens."""
        ...

    def pieces(self, text: str) -> list[str]:
        """One piece of text per token; together they are the text. A token that ends inside a character is ''."""
        ...


class CharacterRule:
    """Four characters are a token."""

    name = f"characters/{CHARACTERS_PER_TOKEN}"

    def ids(self, text: str) -> Sequence[int]:
        """A checksum per four characters."""
        return [zlib.crc32(piece.encode("utf-8", "surrogatepass")) for piece in self.pieces(text)]

    def pieces(self, text: str) -> list[str]:
        """Every four characters."""
        return [text[i : i + CHARACTERS_PER_TOKEN] for i in range(0, len(text), CHARACTERS_PER_TOKEN)]


class TiktokenRule:
    """OpenAI's own tokens."""

    def __init__(self, folder: Path) -> None:
        os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
        import tiktoken

        self._encoding = tiktoken.get_encoding(ENCODING)
        self.name = f"tiktoken {ENCODING}"

    def ids(self, text: str) -> Sequence[int]:
        """Token numbers; text that looks like a special token is plain text."""
        return self._encoding.encode(text, disallowed_special=())

    def pieces(self, text: str) -> list[str]:
        """The text of each token."""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        return [decoder.decode(self._encoding.decode_single_token_bytes(token)) for token in self.ids(text)]


def token_rule() -> TokenRule:
    """The rule for this machine; it never reaches for the network."""
    spec = importlib.util.find_spec("litellm")  # finds the package without importing it
    places = (
        [Path(root) / "litellm_core_utils" / "tokenizers" for root in (spec.submodule_search_locations or [])]
        if spec
        else []
    )
    if "TIKTOKEN_CACHE_DIR" in os.environ:
        places.insert(0, Path(os.environ["TIKTOKEN_CACHE_DIR"]))
    for folder in places:
        if (folder / _ENCODING_FILE).is_file() and importlib.util.find_spec("tiktoken") is not None:
            return TiktokenRule(folder)
    return CharacterRule()


class PrefixMemory:
    """Which prompt prefixes were seen before, in blocks of 128 tokens as providers cache them."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[str, None] = OrderedDict()

    def cached_tokens(self, ids: Sequence[int]) -> int:
        """Tokens at the beginning that an earlier prompt began with: 0, or from 1024 up in steps of 128.

        The prompt itself is remembered from now on.
        """
        seen = 0
        key = ""
        unbroken = True
        for end in range(CACHE_BLOCK_TOKENS, len(ids) + 1, CACHE_BLOCK_TOKENS):
            key = fingerprint(key, list(ids[end - CACHE_BLOCK_TOKENS : end]))
            unbroken = unbroken and key in self._blocks
            if unbroken:
                seen = end
            self._blocks[key] = None
            self._blocks.move_to_end(key)
        while len(self._blocks) > CACHE_BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return seen if seen >= CACHE_MIN_TOKENS else 0


def chunked(pieces: Sequence[str], dice: Dice) -> list[tuple[str, int]]:
    """Tokens grouped as a provider streams them: (text, tokens), one to four tokens each, no empty text."""
    chunks: list[tuple[str, int]] = []
    text, count, size = "", 0, 1 + dice.below(4, "chunk", 0)
    for piece in pieces:
        text += piece
        count += 1
        if count >= size and text:
            chunks.append((text, count))
            text, count, size = "", 0, 1 + dice.below(4, "chunk", len(chunks))
    if text:
        chunks.append((text, count))
    return chunks
