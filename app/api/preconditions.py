"""Entity tags, and the conditions that a request sets on what is stored (RFC 9110, sections 8.8 and 13)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from app.api.errors import ApiError, Code, FieldError

_TAG = r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_LIST = re.compile(rf"\s*{_TAG}(\s*,\s*{_TAG})*\s*")
_ONE = re.compile(_TAG)
_MAX_CHARS = 4_000


def entity_tag(body: bytes) -> str:
    """A strong tag of exactly these bytes.

    Of the bytes that are sent and nothing else: a tag over what a publishable key does not see (a cost) would let its
    holder find the hidden value by trying.
    """
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


@dataclass(frozen=True, slots=True)
class Preconditions:
    """If-Match and If-None-Match of one request; None where the header is absent, "*" as it stands."""

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    @classmethod
    def of(cls, request: Request) -> Preconditions:
        """Reads both headers. Raises: ApiError (422) for one that is neither * nor a list of quoted tags."""
        return cls(_tags(request, "If-Match"), _tags(request, "If-None-Match"))

    def check_write(self, current: Callable[[], str] | None) -> None:
        """Refuses a write that the headers rule out.

        Args:   current: makes the tag of what is stored; None where nothing is.
        Raises: ApiError (412 precondition_failed).
        """
        if self.match is not None and (current is None or not ("*" in self.match or current() in self.match)):
            stands = "nothing is stored under this id" if current is None else f"it is {current()} now"
            raise ApiError(
                Code.PRECONDITION_FAILED, f"If-Match does not hold: {stands}. Read the product again and repeat."
            )
        if self.none_match is not None and current is not None:
            if "*" in self.none_match:
                raise ApiError(Code.PRECONDITION_FAILED, "If-None-Match: * does not hold: the product exists already.")
            if current() in {tag.removeprefix("W/") for tag in self.none_match}:
                raise ApiError(Code.PRECONDITION_FAILED, "If-None-Match does not hold: the product is as you know it.")

    def not_modified(self, current: str) -> bool:
        """Whether a reader holds this very representation already (weak comparison, as RFC 9110 asks for GET)."""
        if self.none_match is None:
            return False
        return "*" in self.none_match or current in {tag.removeprefix("W/") for tag in self.none_match}


def _tags(request: Request, header: str) -> frozenset[str] | None:
    given = request.headers.getlist(header)
    if not given:
        return None
    text = ", ".join(given)
    if text.strip() == "*":
        return frozenset({"*"})
    if len(text) > _MAX_CHARS or not _LIST.fullmatch(text):
        wrong = FieldError(header, 'must be * or entity tags in quotes, such as "0123abcd"')
        raise ApiError(Code.INVALID_REQUEST, f"Not valid: {header}.", errors=[wrong])
    return frozenset(found.group(0) for found in _ONE.finditer(text))
