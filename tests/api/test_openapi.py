"""The OpenAPI document."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Shop


@pytest.fixture
async def document(open_: Shop) -> dict[str, Any]:
    """The document as served."""
    async with open_.client() as client:
        answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json())


def test_it_lists_the_endpoints_of_this_version(document: dict[str, Any]) -> None:
    """Exactly these: nothing that is planned is announced."""
    assert {path: sorted(operations) for path, operations in document["paths"].items()} == {
        "/api/recommendations": ["get", "post"],
        "/api/recommendations/stream": ["get"],
        "/api/recommendations/{recommendationId}/why/{productId}": ["get"],
        "/api/events": ["post"],
        "/api/feedback": ["post"],
        "/api/products/{productId}/similar": ["get"],
        "/api/products/{productId}/bought-together": ["get"],
        "/api/trending": ["get"],
        "/api/search": ["get"],
        "/api/products/{productId}": ["delete", "get", "patch", "put"],
        "/api/products:batch": ["post"],
        "/api/metrics/business": ["get"],
        "/api/costs": ["get"],
        "/api/users/{userId}": ["delete", "get"],
        "/api/users/{userId}/preferences": ["get", "put"],
        "/api/users/{userId}/consent": ["get", "put"],
        "/api/users/{userId}/token": ["post"],
        "/api/chat": ["post"],
        "/livez": ["get"],
        "/readyz": ["get"],
        "/metrics": ["get"],
    }


def test_every_operation_describes_its_answer_and_its_problems(document: dict[str, Any]) -> None:
    """A model for what went well, the one problem for everything else, an id and a sentence."""
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["operationId"]
            assert operation["description"]
            for status, response in operation["responses"].items():
                if status in ("204", "304"):
                    assert "content" not in response
                    continue
                [media_type] = response["content"]
                if media_type in ("text/event-stream", "text/plain"):
                    continue  # its events or lines are described in words
                name = response["content"][media_type]["schema"]["$ref"].rsplit("/", 1)[1]
                assert name in document["components"]["schemas"]
                assert (media_type == "application/problem+json") == (name == "ProblemAnswer") == (status[0] != "2")


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    """Code generators stop at the first one that does not."""

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [r for value in node.values() for r in references(value)]
        return [r for value in node for r in references(value)] if isinstance(node, list) else []

    found = references(document)
    assert found
    for reference in found:
        assert reference.rsplit("/", 1)[1] in document["components"]["schemas"]


def test_parameters_state_their_bounds(document: dict[str, Any]) -> None:
    """A client can check before it asks."""
    parameters = {p["name"]: p["schema"] for p in document["paths"]["/api/recommendations"]["get"]["parameters"]}
    assert (parameters["limit"]["minimum"], parameters["limit"]["maximum"], parameters["limit"]["default"]) == (
        1,
        50,
        5,
    )
    assert parameters["placement"]["enum"] == ["home", "product", "cart", "search", "email"]
    assert set(parameters) == {
        "userId", "anonymousId", "sessionId", "limit", "placement", "productId", "budget", "query", "reasons",
        "deadlineMs",
    }  # fmt: skip


def test_it_says_where_key_and_token_go(document: dict[str, Any]) -> None:
    """Under /api a key, or a key with a token; the probes need neither."""
    assert document["components"]["securitySchemes"]["apiKey"]["name"] == "X-API-Key"
    assert document["components"]["securitySchemes"]["shopperToken"]["name"] == "X-Shopper-Token"
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path == "/metrics":
                assert operation["security"] == [{"apiKey": []}, {"metricsToken": []}]
                continue
            expected = [{"apiKey": []}, {"apiKey": [], "shopperToken": []}] if path.startswith("/api/") else None
            assert operation.get("security") == expected
