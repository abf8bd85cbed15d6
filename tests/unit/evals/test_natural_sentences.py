"""The hand-written sentences of evals/proofs/natural.jsonl are well formed, and their facts are the service's own."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evals.proofs.natural_facts import CASES, facts_of, profile_facts_of

ROOT = Path(__file__).resolve().parents[3]
CITATION = re.compile(r"\[([^\]]*)\]")
GROUPS = {
    "price and budget": {"price_vs_budget"},
    "comparison with the category": {"price_vs_category"},
    "discount and promotion": {"discount", "promotion"},
    "rating and trend": {"rating", "trending"},
    "brand and category affinity": {"same_brand", "category_affinity"},
    "bought together": {"bought_together"},
    "attributes": {"attribute_match", "query_match"},
    "stock and new": {"low_stock", "new_arrival", "back_in_stock"},
}


@pytest.fixture(scope="module")
def sentences() -> list[dict[str, Any]]:
    """Every line of the file."""
    return [json.loads(line) for line in (ROOT / "evals/proofs/natural.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def products() -> dict[str, dict[str, Any]]:
    """The demo shop's products by id."""
    lines = (ROOT / "fixtures/shop/products.jsonl").read_text("utf-8").splitlines()
    return {row["productId"]: row for row in map(json.loads, lines)}


def test_there_are_enough_sentences_of_both_classes(sentences: list[dict[str, Any]]) -> None:
    """At least 240 sentences, at least 110 of them true and 110 false."""
    count = Counter(row["truth"] for row in sentences)
    assert len(sentences) >= 240
    assert min(count[True], count[False]) >= 110


def test_every_line_has_the_schema(sentences: list[dict[str, Any]]) -> None:
    """A line holds exactly the agreed fields with the agreed types, and its texts are not empty."""
    for row in sentences:
        assert list(row) == ["id", "productId", "facts", "profileFacts", "text", "truth", "why"]
        assert isinstance(row["truth"], bool)
        assert row["text"].strip() == row["text"] != ""
        assert row["why"].strip() == row["why"] != ""
        assert all(set(fact) == {"id", "kind", "text", "value"} for fact in row["facts"])
        assert all(set(fact) == {"id", "kind", "text"} for fact in row["profileFacts"])


def test_ids_and_sentences_do_not_repeat(sentences: list[dict[str, Any]]) -> None:
    """Sentence ids count up from n001 and no sentence is there twice; fact ids are unique within a line."""
    assert [row["id"] for row in sentences] == [f"n{n:03}" for n in range(1, len(sentences) + 1)]
    assert len({row["text"] for row in sentences}) == len(sentences)
    for row in sentences:
        ids = [fact["id"] for fact in row["facts"] + row["profileFacts"]]
        assert len(set(ids)) == len(ids)


def test_every_sentence_cites_facts_that_it_was_given(sentences: list[dict[str, Any]]) -> None:
    """Each sentence cites one to three facts of the product, and nothing that its line doesn't hold."""
    for row in sentences:
        cited = set(CITATION.findall(row["text"]))
        about_product = {fact["id"] for fact in row["facts"]}
        assert cited <= about_product | {fact["id"] for fact in row["profileFacts"]}, row["id"]
        assert 1 <= len(cited & about_product) <= 3, row["id"]


def test_products_are_the_demo_shops_and_spread_over_it(
    sentences: list[dict[str, Any]], products: dict[str, dict[str, Any]]
) -> None:
    """At least 40 products from at least 10 top categories, all of them in the demo shop."""
    used = {row["productId"] for row in sentences}
    assert used <= set(products)
    assert used == set(CASES)
    assert len(used) >= 40
    assert len({products[product]["category"].split(" > ")[0] for product in used}) >= 10


def test_every_group_of_facts_is_written_about(sentences: list[dict[str, Any]]) -> None:
    """At least 25 sentences cite each group of facts, at least 10 of either class."""
    for group, kinds in GROUPS.items():
        count: Counter[bool] = Counter()
        for row in sentences:
            cited = set(CITATION.findall(row["text"]))
            count[row["truth"]] += any(fact["id"] in cited and fact["kind"] in kinds for fact in row["facts"])
        assert count.total() >= 25, group
        assert min(count[True], count[False]) >= 10, group


def test_facts_are_what_the_service_collects(sentences: list[dict[str, Any]]) -> None:
    """Every figure of a recorded fact is what the service's own code finds for the product's case today.

    The facts were recorded when the sentences were written: their wording may be older than the service's, and a
    sentence is judged by the facts that its writer saw. A kind that is no longer produced for a product is left out.
    """
    today = {product: {fact["kind"]: fact["value"] for fact in facts_of(product)} for product in CASES}
    compared = 0
    for row in sentences:
        assert [fact["id"] for fact in row["profileFacts"]] == [f["id"] for f in profile_facts_of(row["productId"])]
        for fact in row["facts"]:
            for key, value in today[row["productId"]].get(fact["kind"], {}).items():
                if type(value) in (int, float) and key in fact["value"]:
                    assert fact["value"][key] == value, (row["id"], fact["kind"], key)
                    compared += 1
    assert compared > 3000
