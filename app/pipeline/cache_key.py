"""Which requests may share a model's answer: the key of the order cache (docs/decisions/006). Pure.

In the key is what shapes the prompt. Not in it is what is applied whenever an answer is read: rules, prices, stock,
proofs, the number of items asked for, excluded ids, and whether reasons are wanted.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from app.domain.interactions import Consent, Preferences
from app.domain.ranking import Query, history_bucket
from app.pipeline.profile import Profile

FORMAT = 1
"""Raised when the encoding below changes: entries of another format are never found."""

TOP_CATEGORIES = 3
TOP_BRANDS = 2

_SHARED_BUCKETS = ("0", "1-3")
"""Histories too short to tell shoppers apart: those who prefer the same share an answer."""

_STEPS = (10, 15, 22, 33, 47, 68)
"""E6 series: six steps to a factor of ten, each about 1.5 times the one before."""


def cache_key(
    query: Query,
    *,
    profile: str,
    budget_minor: int | None,
    locale: str,
    model: str,
    prompt_id: str,
    prompt_hash: str,
    schema_version: str,
    gate: str,
    consent: Consent,
) -> str:
    """The key under which a model's answer to this request is kept, 64 hexadecimal digits of SHA-256.

    Args:    profile: see `profile_digest`; budget_minor: the one in force, the query's or else the stored one;
             prompt_hash: of the prompt file's content, so that an edited prompt never serves old answers;
             gate: the gate line that applied, with its weight.
    Returns: the same for requests that differ only in the order of cart or filters, in the spelling of the query
             (see `normalised_query`), or in a budget of the same bucket.
    """
    filters = query.filters
    parts = {
        "format": FORMAT,
        "placement": query.placement,
        "product": query.product_id,
        "cart": sorted(set(query.cart)),
        "categories": sorted(set(filters.categories)),
        "brands": sorted(set(filters.brands)),
        "priceMin": filters.price_min_minor,
        "priceMax": filters.price_max_minor,
        "query": None if query.text is None else normalised_query(query.text),
        "budget": budget_bucket(budget_minor),
        "locale": locale,
        "model": model,
        "prompt": [prompt_id, prompt_hash],
        "schema": schema_version,
        "gate": gate,
        "consent": [consent.personalization, consent.llm_processing],
        "profile": profile,
    }
    return _sha256(parts)


def profile_digest(profile: Profile, shopper: str | None) -> str:
    """What of a shopper shapes an answer, 64 hexadecimal digits of SHA-256.

    Explicit preferences, the 3 strongest categories and 2 strongest brands (as sets: a swap of places changes
    nothing), the history bucket, and from 4 interactions on also the shopper. Serving or rendering a slate changes
    none of these, so an answer never invalidates itself.

    Args:    shopper: the pseudonym (see pipeline/pseudonym), None for one without any id.
    """
    bucket = history_bucket(profile.interactions)
    parts = {
        "stated": _stated(profile.preferences),
        "categories": sorted(list(profile.categories)[:TOP_CATEGORIES]),
        "brands": sorted(list(profile.brands)[:TOP_BRANDS]),
        "history": bucket,
        "shopper": None if bucket in _SHARED_BUCKETS else shopper,
    }
    return _sha256(parts)


def budget_bucket(minor: int | None) -> str:
    """The bucket of a budget in minor units: "none", "0", or its lower bound, six to a factor of ten.

    Wide enough that a budget of 45 and one of 40 share an answer: the exact budget is a rule, applied on every read.
    """
    if minor is None:
        return "none"
    if minor <= 0:
        return "0"
    # Integers only: a logarithm would put a bound now on one side, now on the other.
    scale = 10 ** max(0, len(str(minor)) - 2)
    if minor < _STEPS[0]:
        return str(minor)
    return str(max(step * scale for step in _STEPS if step * scale <= minor))


def normalised_query(text: str) -> str:
    """A search text without what doesn't change its meaning: NFKC, case folded, single blanks, bare ends.

    Control and format characters are dropped; punctuation is dropped at the ends of words' row only ("usb-c"
    stays), and words keep their order. Empty when nothing is left.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(" " if c.isspace() else c for c in folded if c.isspace() or unicodedata.category(c)[0] != "C")
    words = " ".join(kept.split())
    start, end = 0, len(words)
    while start < end and _is_edge(words[start]):
        start += 1
    while end > start and _is_edge(words[end - 1]):
        end -= 1
    return words[start:end]


def _is_edge(character: str) -> bool:
    return character == " " or unicodedata.category(character)[0] == "P"


def _stated(preferences: Preferences) -> dict[str, object]:
    """What the shopper stated and a prompt may hold: never country and age band, the budget only as a bucket."""
    return {
        "budget": budget_bucket(preferences.budget_minor),
        "interests": _folded(preferences.interests),
        "styles": _folded(preferences.style_tags),
        "sizes": _folded(preferences.sizes),
        "avoid": _folded(preferences.avoid),
        "segments": sorted(set(preferences.segments)),
        "extra": dict(preferences.extra),
    }


def _folded(words: Iterable[str]) -> list[str]:
    return sorted({_normalised_word(word) for word in words})


@lru_cache(maxsize=4_096)  # what shoppers state recurs in every request, and most of them share it
def _normalised_word(word: str) -> str:
    return normalised_query(word)


def _sha256(parts: Mapping[str, object]) -> str:
    # Escaped to ASCII, keys sorted, no blanks: one encoding per content, and a lone surrogate can't make it fail.
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
