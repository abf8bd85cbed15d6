"""Sentences in other words than the facts', true and false, by the people who work on the prover.

Unlike natural.jsonl they were not written blind: they show what the rules are meant to do and keep it so. The figure
for prose that nobody tuned to is another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import yaml

from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence
from evals.proofs.grammar import Case
from evals.proofs.natural_facts import CURRENCY, facts_of, product_of, profile_facts_of

_FOLDER = Path(__file__).parent
_FILES = ((True, "paraphrases.yaml"), (False, "paraphrase_lies.yaml"))


def paraphrased_cases() -> Iterator[tuple[str, Case, bool]]:
    """(kind of fact or round of writing, sentence with its facts, whether it is true), in the order of the files."""
    for truth, name in _FILES:
        for kind, by_product in yaml.safe_load((_FOLDER / name).read_text(encoding="utf-8")).items():
            for product_id, sentences in by_product.items():
                for text in sentences:
                    yield kind, case_of(product_id, text), truth


def case_of(product_id: str, text: str) -> Case:
    """A sentence about a demo product with all that it may cite: C1, C2, … of the product, u1, u2, … of the shopper.

    Raises: KeyError: for a product without a case in `natural_facts.CASES`.
    """
    return Case(text, product_of(product_id), dict(_facts(product_id)), CURRENCY)


@lru_cache(maxsize=128)
def _facts(product_id: str) -> dict[str, Evidence | ProfileFact]:
    evidence = [Evidence(f["id"], f["kind"], f["text"], f["value"]) for f in facts_of(product_id)]
    lines = [ProfileFact(f["id"], f["kind"], f["text"]) for f in profile_facts_of(product_id)]  # type: ignore[arg-type]
    found: dict[str, Evidence | ProfileFact] = {}
    found.update({fact.id: fact for fact in evidence})
    found.update({line.id: line for line in lines})
    return found
