"""One shape for every error, wherever it comes from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import structlog

from app.api.answer_schemas import ProblemAnswer
from app.api.errors import Code, status_of
from app.domain.errors import BadInput, IndexUnavailable
from tests.api.conftest import Shop

DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"
JSON = {"content-type": "application/json"}

CASES = [
    ("GET", "/nope", None, 404, "unknown_route"),
    ("GET", "/api/recommendations/", None, 404, "unknown_route"),
    ("DELETE", "/api/recommendations", None, 405, "method_not_allowed"),
    ("TRACE", "/livez", None, 405, "method_not_allowed"),
    ("GET", "/api/recommendations?limit=x", None, 422, "invalid_request"),
    ("POST", "/api/recommendations", b"{", 400, "malformed_json"),
    ("POST", "/api/recommendations", b"x" * (256 * 1024 + 1), 413, "body_too_large"),
    ("GET", "/api/products/nope", None, 404, "unknown_product"),
    ("PATCH", "/api/products/nope", b"{}", 404, "unknown_product"),
    ("GET", "/api/recommendations/nope/why/p1", None, 404, "unknown_recommendation"),
]


@pytest.mark.parametrize(("method", "path", "content", "status", "code"), CASES, ids=lambda v: str(v)[:30])
async def test_every_error_has_the_one_shape(
    shop: Shop, method: str, path: str, content: bytes | None, status: int, code: str
) -> None:
    """RFC 9457 with code and request id, and never cached."""
    async with shop.secret() as client:
        answer = await client.request(method, path, content=content, headers=JSON if content else None)
    body = ProblemAnswer.model_validate_json(answer.content)
    assert answer.status_code == body.status == status
    assert body.code == code
    assert body.type == f"urn:shelfwise:problem:{code}"
    assert body.request_id == answer.headers["x-request-id"]
    assert body.instance == path.split("?")[0]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert "total;dur=" in answer.headers["server-timing"]


async def test_an_unexpected_error_tells_the_log_and_not_the_client(shop: Shop) -> None:
    """500 with a generic text; what happened is in the log under the request id, without the path's ids."""
    shop.behind.service.fails_with = RuntimeError("password=hunter2")
    async with shop.secret() as client:
        with structlog.testing.capture_logs() as lines:
            answer = await client.get("/api/recommendations?userId=7", headers={"X-Request-Id": "abc"})
    body = ProblemAnswer.model_validate_json(answer.content)
    assert (answer.status_code, body.code, body.request_id) == (500, "internal_error", "abc")
    assert answer.headers["x-request-id"] == "abc"
    assert "total;dur=" in answer.headers["server-timing"]
    assert "hunter2" not in answer.text
    [line] = [line for line in lines if line["event"] != "request"]
    assert line["event"] == "unexpected_error"
    assert line["exc_info"] is shop.behind.service.fails_with
    assert line["route"] == "/api/recommendations"


async def test_a_broken_part_is_unavailable(shop: Shop) -> None:
    """503 without the detail of what broke."""
    shop.behind.service.fails_with = IndexUnavailable("/srv/private/index is corrupt")
    async with shop.secret() as client:
        answer = await client.get("/api/recommendations")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "/srv" not in answer.text


async def test_bad_input_found_late_still_names_its_field(shop: Shop) -> None:
    """The service may know more than the schema; its refusal looks the same."""
    shop.behind.service.fails_with = BadInput("no such occasion", field="query")
    async with shop.secret() as client:
        answer = await client.get("/api/recommendations")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "query", "message": "no such occasion"}]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/recommendations", {"GET", "POST"}),
        ("/api/users/7/consent", {"GET", "PUT"}),
        ("/api/users/7/token", {"POST"}),
        ("/api/products:batch", {"POST"}),
        ("/livez", {"GET", "HEAD"}),
        ("/api/products/7/similar", {"GET"}),
    ],
)
async def test_a_wrong_method_learns_the_right_ones(shop: Shop, path: str, allowed: set[str]) -> None:
    """Allow lists the methods of all routes at the path."""
    async with shop.secret() as client:
        answer = await client.request("PATCH", path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed


def test_the_document_describes_every_code_with_its_status() -> None:
    """docs/errors.md has one row per code, and no row for a code that does not exist."""
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d\w\w) \|", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(rows) == {code.value for code in Code}
    for code in Code:
        if code is not Code.BAD_REQUEST:  # takes the framework's own status
            assert rows[code.value] == str(status_of(code))
