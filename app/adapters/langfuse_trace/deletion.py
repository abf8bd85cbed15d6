"""Deletes a shopper's traces: Langfuse is asked what it holds under a pseudonym, and to delete that.

Langfuse takes traces in and deletes them in the background, so one request proves nothing: only a later question that
finds nothing does. Until then an erasure stays pending.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.adapters.langfuse_trace.access import Access
from app.domain.errors import StoreUnavailable

if TYPE_CHECKING:
    from langfuse.api import LangfuseAPI

SETTLED_S = 60.0
"""Until then traces of before the erasure may still arrive: from other processes, and from Langfuse's own queue."""

PAGE = 1_000
AT_ONCE = 100


class TraceEraser:
    """Forgets the traces of erased shoppers. Any thread may call it."""

    def __init__(
        self,
        access: Access,
        *,
        mask: Callable[[Sequence[str]], None] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Takes what it works with; connects to nothing.

        Args: mask: lets nothing more of these pseudonyms leave this process and soon asks for their deletion; None:
              this process sends nothing.
        """
        self._access, self._mask, self._wall = access, mask, wall

    def forget(self, pseudonyms: Sequence[str], erased_at: float) -> bool:
        """Whether Langfuse holds nothing under these pseudonyms any more; what it holds it is asked to delete.

        Args:   erased_at: epoch seconds; shortly after, the answer is no, whatever is found.
        Raises: StoreUnavailable: Langfuse can't be reached, or refuses.
        """
        young = self._wall() - erased_at < SETTLED_S
        if young and self._mask is not None:
            self._mask(pseudonyms)  # no network in the request that erases
            return False
        import httpx

        from app.adapters.langfuse_trace.wire import TIMEOUT_S, api_of

        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as http:
            found = delete_traces(api_of(self._access, http), pseudonyms, erased_at)
        return not found and not young


def delete_traces(api: LangfuseAPI, pseudonyms: Sequence[str], until: float) -> int:
    """Asks for the deletion of every trace under these users or sessions; how many were found.

    Args:   until: epoch seconds; what began later is of a new profile, and stays.

    Raises: StoreUnavailable: Langfuse can't be reached, or refuses.
    """
    import httpx
    from langfuse.api.core.api_error import ApiError
    from pydantic import ValidationError

    try:
        found = sorted({trace for name in pseudonyms for trace in _traces_of(api, name, until)})
        for i in range(0, len(found), AT_ONCE):
            api.trace.delete_multiple(trace_ids=found[i : i + AT_ONCE], request_options={"max_retries": 0})
    except ApiError as error:
        raise StoreUnavailable(f"Langfuse answers {error.status_code}; its traces are not deleted yet.") from error
    except (httpx.HTTPError, ValidationError) as error:
        raise StoreUnavailable(f"Langfuse: {type(error).__name__}; its traces are not deleted yet.") from error
    return len(found)


def _traces_of(api: LangfuseAPI, name: str, until: float) -> Iterator[str]:
    """Ids of the traces under a pseudonym: a shopper's or visitor's is a user, a session's a session."""
    for key in ("user_id", "session_id"):
        cursor: str | None = None
        while True:
            page = api.observations.get_many(
                fields="core",
                limit=PAGE,
                cursor=cursor,
                user_id=name if key == "user_id" else None,
                session_id=name if key == "session_id" else None,
                to_start_time=datetime.fromtimestamp(until, UTC),
                request_options={"max_retries": 0},
            )
            for one in page.data:
                if one.trace_id is not None:
                    yield one.trace_id
            cursor = page.meta.cursor
            if cursor is None:
                break
