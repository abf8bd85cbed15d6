"""What may be asked next with an answer in hand, as OpenAPI links: for who reads the document, and for fuzzers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SLATE = "$response.body#/recommendationId"
_FIRST = "$response.body#/recommendations/0/productId"
_PRODUCT = "$response.body#/productId"
_USER = "$request.path.userId"
_SENT = "$request.body#/events/0/userId"

_OF_A_SLATE: Mapping[str, Mapping[str, Any]] = {
    "why": {"operationId": "getWhy", "parameters": {"recommendationId": _SLATE, "productId": _FIRST}},
    "vote": {
        "operationId": "postFeedback",
        "requestBody": {"recommendationId": _SLATE, "productId": _FIRST, "vote": "up"},
    },
    "product": {"operationId": "getProduct", "parameters": {"productId": _FIRST}},
    "similar": {"operationId": "getSimilar", "parameters": {"productId": _FIRST}},
}
_OF_A_PRODUCT = {
    name: {"operationId": operation, "parameters": {"productId": _PRODUCT}}
    for name, operation in (
        ("read", "getProduct"),
        ("change", "patchProduct"),
        ("delete", "deleteProduct"),
        ("similar", "getSimilar"),
        ("boughtTogether", "getBoughtTogether"),
    )
}


def _of_a_shopper(user_id: str, *operations: str) -> dict[str, Mapping[str, Any]]:
    return {one: {"operationId": one, "parameters": {"userId": user_id}} for one in operations}


LINKS: Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]] = {
    **{
        (operation, "200"): _OF_A_SLATE
        for operation in (
            "getRecommendations",
            "postRecommendations",
            "getSimilar",
            "getBoughtTogether",
            "getTrending",
            "getSearch",
        )
    },
    ("putProduct", "200"): _OF_A_PRODUCT,
    ("putProduct", "201"): _OF_A_PRODUCT,
    ("patchProduct", "200"): _OF_A_PRODUCT,
    ("getProduct", "200"): _OF_A_PRODUCT,
    ("putPreferences", "200"): _of_a_shopper(_USER, "getPreferences", "getUser", "deleteUser", "getRecommendations"),
    ("putConsent", "200"): _of_a_shopper(_USER, "getConsent", "getUser", "deleteUser", "getRecommendations"),
    ("postEvents", "202"): _of_a_shopper(_SENT, "getUser", "deleteUser", "getRecommendations"),
    ("getUser", "200"): _of_a_shopper(_USER, "deleteUser", "putConsent"),
    ("deleteUser", "200"): _of_a_shopper(_USER, "getUser", "getConsent", "getPreferences"),
    ("postToken", "200"): _of_a_shopper("$response.body#/userId", "getUser", "getConsent"),
}
"""(operation, status) → name → link, as OpenAPI 3.1 writes it."""


def add_links(document: dict[str, Any]) -> None:
    """Puts the links into the document's responses."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                links = LINKS.get((operation["operationId"], status))
                if links is not None:
                    response["links"] = {name: dict(link) for name, link in links.items()}
