"""What the model is told: products as lines with ids of this answer, sellers' texts cleaned and marked as data."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import replace

from app.domain.catalog import Product
from app.domain.ranking import Evidence
from app.pipeline.chat_proof import Subject
from app.pipeline.comparison import availability
from app.pipeline.evidence_draft import money
from app.pipeline.prompt_input import field_text
from app.pipeline.reasons_schema import ReasonConfig
from app.pipeline.seller_text import spoken_name
from app.pipeline.sensitivity import attribute_values

MAX_SUBJECTS = 26
_PERSONAL = frozenset({"same_brand", "category_affinity", "attribute_match"})
_QUOTES = str.maketrans({"“": '"', "”": '"'})


class Transcript:
    """Products that an answer may talk about, by alias. Real ids never reach the model."""

    def __init__(self, *, config: ReasonConfig, currency: str, personal: bool) -> None:
        self._config = config
        self._currency = currency
        self._personal = personal  # whether facts about the shopper may be told
        self.subjects: dict[str, Subject] = {}
        self._alias_of: dict[str, str] = {}

    def line(self, product: Product, evidence: Sequence[Evidence] = ()) -> str | None:
        """The line of a product, which can be cited from now on; None when there are too many."""
        product = replace(product, name=spoken_name(product.name))
        facts = tuple(fact for fact in evidence if self._personal or not _about_the_shopper(fact))
        alias = self._alias_of.get(product.product_id)
        if alias is None:
            if len(self.subjects) >= MAX_SUBJECTS:
                return None
            alias = string.ascii_uppercase[len(self.subjects)]
            self._alias_of[product.product_id] = alias
        held = self.subjects.get(alias)
        facts = tuple({fact.kind: fact for fact in (*(() if held is None else held.facts), *facts)}.values())
        self.subjects[alias] = Subject(product, facts)
        return "|".join(self._fields(alias, product, facts))

    def product_id(self, alias: str) -> str | None:
        """The product that an alias stands for; None for none."""
        subject = self.subjects.get(alias.strip().strip("[]"))
        return None if subject is None else subject.product.product_id

    def _fields(self, alias: str, product: Product, facts: Sequence[Evidence]) -> list[str]:
        sensitive = self._config.sensitivity.sensitive_product(product)
        name = field_text(product.name, 60) or "unnamed product"
        price = "price unknown" if product.price_minor is None else money(product.price_minor, self._currency)
        held = availability(product)
        fields = [
            alias,
            f"«{name}»",
            field_text(product.brand or "", 24),
            field_text((product.category or "").split(">")[-1], 40),
            price,
            "stock unknown" if held is None else held,
        ]
        if not sensitive:
            fields.append(field_text("; ".join(self._attributes(product)), 240))
        for number, fact in enumerate(facts, start=1):
            fields.append(f"{alias}{number} {fact.kind} {field_text(fact.text.translate(_QUOTES), 110)}")
        return fields

    def _attributes(self, product: Product) -> list[str]:
        hidden = self._config.sensitivity.attributes
        told = [
            f"{field_text(name.replace('_', ' '), 24)}: {field_text(', '.join(attribute_values(value)), 40)}"
            for name, value in product.attributes.items()
            if name.casefold() not in hidden
        ]
        return [*told[:10], *([f"tags: {field_text(', '.join(product.tags), 60)}"] if product.tags else [])]


def _about_the_shopper(fact: Evidence) -> bool:
    """Whether a fact tells what the shopper did, likes or can spend."""
    if fact.kind in _PERSONAL or "did" in fact.value or "seen" in fact.value:
        return True
    return fact.kind == "bought_together" and fact.value.get("source") not in ("cart", "page")
