"""The golden set: complete, what its manifest says, true of the products, and refused with file and line when wrong."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.reason_files import load_reasons
from app.bootstrap import Application
from app.domain.errors import BadInput
from app.pipeline.evidence import collect_evidence
from app.pipeline.evidence_catalogue import query_terms
from app.pipeline.evidence_facts import ItemFacts, RequestFacts, ShopperFacts
from app.pipeline.prompt_input import PromptItem, prompt_input
from evals.prompts.golden import (
    FACTS_FILE,
    GOLDEN,
    load_rerank,
    manifest_of,
    read_manifest,
    unraised,
    write_manifest,
)
from evals.prompts.scenario import Scenario
from evals.prompts.shop_records import category_price, shop_products
from evals.prompts.written import read_entries

ROOT = Path(__file__).resolve().parents[4]

WANTED = {
    "cold": 40,
    "sparse": 60,
    "warm": 90,
    "query": 100,
    "no_query": 100,
    "tight_budget": 24,
    "gift": 24,
    "sizes": 20,
    "seasonal": 20,
    "sensitive_history": 13,
    "language": 30,
    "hostile_seller": 24,
}


@pytest.fixture(scope="module")
def scenarios() -> tuple[Scenario, ...]:
    """The whole golden set."""
    return load_rerank()


def test_there_are_enough_of_every_stratum(scenarios: tuple[Scenario, ...]) -> None:
    """At least 240 generated scenarios, enough of each stratum, by many shoppers, in five languages and more."""
    generated = [one for one in scenarios if one.source == "generated"]
    counts = Counter(stratum for one in generated for stratum in one.strata)
    assert len(generated) >= 240
    assert {name: counts[name] for name in WANTED if counts[name] < WANTED[name]} == {}
    assert len({one.shopper for one in generated}) >= 150
    drawn = [one.shopper for one in generated if one.shopper != "nobody" and "hostile_seller" not in one.strata]
    assert max(Counter(drawn).values()) <= 4
    assert {"de", "fr", "es", "nl", "pl"} <= {one.language for one in generated}
    assert {one.segment for one in generated} == {
        f"{history}/{intent}" for history in ("0", "1-3", "4-10", "11+") for intent in ("none", "stated")
    }


def test_every_scenario_is_what_the_manifest_says(scenarios: tuple[Scenario, ...]) -> None:
    """Who changes a scenario raises its version and writes the manifest anew: old figures aren't compared with new."""
    manifest = read_manifest()
    assert {key: manifest.get(key) for key in manifest_of(scenarios)} == manifest_of(scenarios)


def test_what_people_wrote(scenarios: tuple[Scenario, ...]) -> None:
    """At least 40 by hand, each with a note, with products that must not lead, and graded as written.yaml says."""
    by_hand = {one.id: one for one in scenarios if one.source == "written"}
    entries = read_entries(GOLDEN / "written.yaml")
    assert len(by_hand) >= 40
    assert [entry.id for entry in entries] == list(by_hand)
    for entry in entries:
        one = by_hand[entry.id]
        assert (one.note, one.query, one.version) == (entry.note, entry.query, entry.version)
        said = dict.fromkeys(entry.best, 3) | dict.fromkeys(entry.good, 2) | dict.fromkeys(entry.fair, 1)
        assert {p: g for p, g in one.grades.items() if g} == said
        assert one.must_not_lead == set(entry.never_first)
        assert one.must_not_lead, one.id
        assert not one.must_not_lead & {p for p, g in said.items() if g >= 2}


def test_grades_tell_right_from_wrong(scenarios: tuple[Scenario, ...]) -> None:
    """In every generated scenario something is wanted and something is not."""
    for one in scenarios:
        if one.source == "generated":
            assert max(one.grades.values()) >= 2 > min(one.grades.values()), one.id


def test_facts_that_need_only_the_record_are_true(scenarios: tuple[Scenario, ...]) -> None:
    """Ratings, stock, discounts and prices within the category are what the service's own code says of the record."""
    config = load_reasons(ROOT / "rules")
    kinds = {"rating", "low_stock", "price_vs_category", "discount", "query_match", "price_vs_budget"}
    compared: Counter[str] = Counter()
    for one in scenarios[::5]:
        for candidate in one.candidates:
            cited = (*candidate.facts, *candidate.more)
            budget = next((fact.value for fact in cited if fact.kind == "price_vs_budget"), None)
            request = RequestFacts(
                now=candidate.product.price_since or 0.0,
                currency=one.currency,
                budget_minor=None if budget is None else int(str(budget["budget_minor"])),
                query_terms=() if one.query is None else query_terms(one.query),
            )
            facts = ItemFacts(category_price=category_price(candidate.product))
            true = {
                fact.kind: fact.text
                for fact in collect_evidence(candidate.product, 1, facts, ShopperFacts(), request, config)
            }
            for fact in cited:
                if fact.kind in kinds and not candidate.hostile:
                    assert true.get(fact.kind) == fact.text, (one.id, candidate.product.product_id)
                    compared[fact.kind] += 1
    assert set(compared) == kinds
    assert sum(compared.values()) > 1000


def test_budgets_hold_and_sensitive_purchases_are_not_told(scenarios: tuple[Scenario, ...]) -> None:
    """No candidate over a stated budget but one that is planted; what was bought of the sensitive kind stays unsaid."""
    for one in scenarios:
        if one.budget_minor is not None:
            dear = [c for c in one.candidates if (c.product.price_minor or 0) > one.budget_minor]
            assert all(c.forbidden == "within_budget" for c in dear), one.id
        if "sensitive_history" in one.strata:
            told = " ".join(fact.text for fact in one.profile) + " ".join(
                fact.text for c in one.candidates for fact in c.facts
            )
            assert one.markers
            assert not any(marker in told for marker in one.markers), one.id


def test_a_prompt_can_be_made_of_every_scenario(scenarios: tuple[Scenario, ...]) -> None:
    """Each gives lines for all its candidates, the same again for the same seed, and others for another."""
    for one in scenarios[::7]:
        items = [
            PromptItem(c.product.product_id, c.product.name, c.product.brand, c.product.category, c.facts)
            for c in one.candidates
        ]
        given = prompt_input(items, one.profile, seed=one.seed)
        assert len(given.candidate_lines) == len(one.candidates)
        assert given.candidate_lines == prompt_input(items, one.profile, seed=one.seed).candidate_lines
        assert given.candidate_lines != prompt_input(items, one.profile, seed=f"{one.seed}/1").candidate_lines


def test_records_are_those_of_the_store(demo: Application) -> None:
    """Products read from fixtures/shop equal those that the service reads from its database."""
    products = shop_products()
    ids = list(products)[::40]
    assert demo.store.products(ids) == {product_id: products[product_id] for product_id in ids}


def _copied(tmp_path: Path) -> Path:
    """The golden set, cut to its first scenarios."""
    folder = Path(shutil.copytree(GOLDEN, tmp_path / "golden"))
    lines = (folder / "rerank.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "rerank.jsonl").write_text("\n".join(lines[:4]), encoding="utf-8")
    return folder


def _changed(folder: Path, number: int, **changes: object) -> None:
    """Changes one line of rerank.jsonl."""
    path = folder / "rerank.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[number - 1] = json.dumps(json.loads(lines[number - 1]) | changes)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 0}, "rerank.jsonl:3: version: Input should be greater than or equal to 1"),
        ({"surprise": 1}, "rerank.jsonl:3: surprise: Extra inputs are not permitted"),
        ({"intent": "stated"}, "rerank.jsonl:3: cold-home-003: intent stated, but a query or a budget is not stated"),
        ({"must_not_lead": ["el-0000"]}, "rerank.jsonl:3: cold-home-003: mustNotLead names el-0000"),
        ({"candidates": [{"p": "el-0001", "match": 1}] * 2}, "product el-0001 is there twice"),
        (
            {"candidates": [{"p": "zz-1", "match": 1}, {"p": "el-0001", "match": 1}]},
            "the demo shop has no product 'zz-1'",
        ),
        (
            {"candidates": [{"p": "el-0001", "match": 1, "facts": ["0123456789"]}, {"p": "el-0002", "match": 1}]},
            "facts.jsonl has no fact '0123456789', which el-0001 cites",
        ),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    """A mistake in a golden file names the file, the line and what is wrong."""
    folder = _copied(tmp_path)
    _changed(folder, 3, **changes)
    with pytest.raises(BadInput) as raised:
        load_rerank(folder, files=["rerank.jsonl"])
    assert str(raised.value).startswith("rerank.jsonl:3: ")
    assert message in str(raised.value)


def test_a_fact_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """So is a file that is missing."""
    folder = _copied(tmp_path)
    path = folder / FACTS_FILE
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    path.write_text(f"{first}\n{first}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"facts.jsonl:2: the fact \w+ is there twice"):
        load_rerank(folder)
    path.unlink()
    with pytest.raises(BadInput, match=r"facts.jsonl:1: can't be read"):
        load_rerank(folder)


def test_a_change_without_a_raised_version_is_refused(scenarios: tuple[Scenario, ...], tmp_path: Path) -> None:
    """A changed scenario with its old version can't be written down; with a raised one it can."""
    folder = _copied(tmp_path)
    one = scenarios[0]
    changed = replace(one, limit=one.limit + 1)
    assert unraised(read_manifest(folder), manifest_of([changed])) == [one.id]
    with pytest.raises(BadInput, match="Raise it"):
        write_manifest(manifest_of([changed]), folder)
    raised = replace(changed, version=one.version + 1)
    write_manifest(manifest_of([raised]), folder)
    assert read_manifest(folder)[one.id].startswith(f"{one.version + 1}:")
