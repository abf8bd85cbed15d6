"""Vector search in a `chroma run` of this machine, over its HTTP API, with a time limit on every call.

The library's own client has no time limits: a server that hangs would hold its caller for good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx
import numpy as np
import orjson
from numpy.typing import NDArray

from app.domain.errors import IndexUnavailable

QUERY_TIMEOUT_S = 0.2
"""Below app.finder.INDEX_TIMEOUT_S, so that exact search can still answer in its place."""

WRITE_TIMEOUT_S = 60.0
_COLLECTION = "items"
_JSON = {"content-type": "application/json"}
_DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"


@dataclass(frozen=True, slots=True)
class ServedCollection:
    """The one collection of a running server. Any thread may call any method; all raise IndexUnavailable.

    Methods have the names and arguments of Chroma's own, as far as app.adapters.chroma_index uses them.
    """

    http: httpx.Client
    path: str

    @classmethod
    def open(cls, port: int) -> Self:
        """The collection of the server at this port of loopback."""
        http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=1.0, trust_env=False)
        try:
            found = _call(http, "GET", f"{_DATABASE}/collections/{_COLLECTION}", None, 1.0)
        except IndexUnavailable:
            http.close()
            raise
        if not isinstance(found, dict) or not isinstance(found.get("id"), str):
            http.close()
            raise IndexUnavailable(f"what answers at port {port} is not Chroma")
        return cls(http, f"{_DATABASE}/collections/{found['id']}")

    def close(self) -> None:
        """Closes its connections."""
        self.http.close()

    def count(self) -> int:
        """Vectors held."""
        return int(_call(self.http, "GET", f"{self.path}/count", None, 2.0))

    def nearest(self, unit: NDArray[np.float32], k: int, timeout_s: float = QUERY_TIMEOUT_S) -> list[str]:
        """Chroma ids of about the k nearest, nearest first."""
        answer = self._query(unit[np.newaxis, :], k, timeout_s)
        return [str(found) for found in answer["ids"][0]]

    def query(
        self, *, query_embeddings: NDArray[np.float32], n_results: int, include: Sequence[str]
    ) -> Mapping[str, Any]:
        """`ids` of the nearest to each vector; `include` is not looked at."""
        return self._query(query_embeddings, n_results, WRITE_TIMEOUT_S)

    def upsert(self, *, ids: Sequence[str], embeddings: NDArray[np.float32]) -> None:
        """Adds vectors, or replaces those with the same ids."""
        self._write("upsert", {"ids": list(ids), "embeddings": np.ascontiguousarray(embeddings, dtype=np.float32)})

    def delete(self, *, ids: Sequence[str]) -> None:
        """Removes vectors."""
        self._write("delete", {"ids": list(ids)})

    def _query(self, vectors: NDArray[np.float32], k: int, timeout_s: float) -> Mapping[str, Any]:
        body = {"query_embeddings": np.ascontiguousarray(vectors, dtype=np.float32), "n_results": k, "include": []}
        answer = _call(self.http, "POST", f"{self.path}/query", body, timeout_s)
        if not isinstance(answer, dict) or not isinstance(answer.get("ids"), list) or not answer["ids"]:
            raise IndexUnavailable("the Chroma server gave something else than ids")
        return answer

    def _write(self, operation: str, body: Mapping[str, object]) -> None:
        _call(self.http, "POST", f"{self.path}/{operation}", body, WRITE_TIMEOUT_S)


def _call(http: httpx.Client, method: str, path: str, body: Mapping[str, object] | None, timeout_s: float) -> Any:
    content = None if body is None else orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
    try:
        answer = http.request(method, path, content=content, headers=_JSON, timeout=timeout_s)
    except (httpx.HTTPError, RuntimeError) as error:  # RuntimeError: the client was closed by another thread
        raise IndexUnavailable(f"the Chroma server did not answer: {type(error).__name__} {error}") from error
    if answer.is_error:
        raise IndexUnavailable(f"the Chroma server answered {answer.status_code}: {answer.text[:200]}")
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError as error:
        raise IndexUnavailable("the Chroma server gave something else than JSON") from error
