"""The JSON of evidence, moments and missing values."""

from __future__ import annotations

import orjson
import pytest

from app.api.answers import moment, product_answer, respond, why_answer
from app.domain.catalog import Product
from app.domain.ranking import Evidence, Explanation, Fate, Query, Slate


def explanation(**value: object) -> Explanation:
    """A served product with one piece of evidence."""
    slate = Slate("r", Query(), (), 0.0)
    return Explanation(slate, Fate("p", "served"), 0.0, "Good.", evidence=(Evidence("e1", "discount", "t", value),))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"price_minor": 1999}, {"price": "19.99", "currency": "EUR"}),
        ({"lowest_price_minor": 5, "days": 30}, {"lowestPrice": "0.05", "days": 30, "currency": "EUR"}),
        ({"with": {"price_minor": 100}}, {"with": {"price": "1.00"}, "currency": "EUR"}),
        ({"names": ("a", "b")}, {"names": ["a", "b"]}),
        ({"share": 0.25, "brand": "Sonora"}, {"share": 0.25, "brand": "Sonora"}),
        ({"price_minor": None}, {"priceMinor": None}),
    ],
)
def test_evidence_leaves_with_decimal_amounts(value: dict[str, object], expected: dict[str, object]) -> None:
    """Minor units stay inside; the currency comes along where there is money."""
    answer = why_answer(explanation(**value), currency="EUR", public_reasons=None)
    assert answer["evidence"] == [{"id": "e1", "kind": "discount", "text": "t", "value": expected}]


def test_a_reason_of_unknown_origin_is_a_compiled_one() -> None:
    """Prose of a model is always marked as such when it is stored."""
    assert why_answer(explanation(), currency="EUR", public_reasons=None)["reasonSource"] == "template"


def test_what_a_shop_did_not_say_is_null() -> None:
    """A bare product is answered with every field."""
    answer = product_answer(Product("p", "Thing"), currency="EUR", with_cost=True)
    assert {k for k, v in answer.items() if v is None} == {
        "brand", "category", "price", "listPrice", "stock", "imageUrl", "url", "rating", "createdAt", "cost",
    }  # fmt: skip


def test_a_price_of_zero_is_a_price() -> None:
    """Free is not unknown."""
    assert product_answer(Product("p", "Thing", price_minor=0), currency="EUR", with_cost=False)["price"] == "0.00"


def test_moments_are_utc() -> None:
    """To the second, with a Z."""
    assert moment(1_790_000_000.9) == "2026-09-21T14:13:20Z"


def test_a_response_is_plain_json() -> None:
    """What orjson writes for numbers that JSON has no word for is null."""
    assert orjson.loads(respond({"a": float("nan"), "b": "ä"}).body) == {"a": None, "b": "ä"}
