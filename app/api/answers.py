"""Domain objects → the JSON of the contract, as plain dicts written by hand and serialised once by orjson."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import orjson
from starlette.responses import Response
from starlette.types import Scope

from app.domain.catalog import Product
from app.domain.interactions import Consent, Preferences
from app.domain.money import format_minor
from app.domain.ranking import Evidence, Explanation, PublicReason, RankedItem, Slate, Usage
from app.telemetry import note_slate, note_stages

API_VERSION = "1"
_HIDDEN_REASON: PublicReason = "shop_policy"  # for a rule without a public reason of its own
Json = dict[str, object]
_SCALARS = frozenset({str, int, float, bool, type(None)})
_format_minor = functools.lru_cache(maxsize=8192)(format_minor)  # prices of a shop: the same ones again and again


def respond(body: Json) -> Response:
    """A 200 with this body."""
    return Response(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


def note(scope: Scope, slate: Slate) -> None:
    """Puts a slate's stages into the request's Server-Timing, and where its order came from into its log line."""
    note_stages(scope, slate.latency_ms)
    note_slate(
        scope,
        strategy=slate.strategy,
        fallback_reason=slate.fallback_reason,
        recommendation_id=slate.recommendation_id,
    )


def slate_answer(
    slate: Slate,
    products: Mapping[str, Product],
    *,
    currency: str,
    public_reasons: Mapping[str, PublicReason] | None,
) -> Json:
    """The answer to a request for recommendations.

    Args: products: current products; one that has gone since ranking is left out, the others keep their positions.
          public_reasons: rule id → public reason when the reader holds a publishable key; None for a secret key.
    """
    with_reasons = slate.query.reasons != "none"
    meta: Json = {
        "strategy": slate.strategy,
        "fallbackReason": slate.fallback_reason,
        "gate": slate.gate,
        "promptVersion": slate.prompt_version,
        "rulesVersion": slate.rules_version,
        "baselineVersion": slate.baseline_version,
        "candidates": slate.candidates,
        "excluded": dict(slate.excluded) if public_reasons is None else _by_reason(slate.excluded, public_reasons),
        "latencyMs": {name: round(ms, 2) for name, ms in slate.latency_ms.items()},
        "profilingUsed": slate.profiling_used,
    }
    if public_reasons is None:
        meta["model"] = slate.model
        meta["usage"] = _usage(slate.usage)
    return {
        "recommendationId": slate.recommendation_id,
        "userId": slate.query.user_id,
        "apiVersion": API_VERSION,
        "recommendations": [
            _recommended(item, products[item.product_id], currency, with_reasons)
            for item in slate.items
            if item.product_id in products
        ],
        "meta": meta,
    }


def _usage(usage: Usage | None) -> Json | None:
    """What the call used; None when no model was called for this slate, or its call had not ended."""
    if usage is None:
        return None
    return {"inputTokens": usage.input_tokens, "outputTokens": usage.output_tokens, "costUsd": usage.cost_usd}


def reason_event(recommendation_id: str, item: RankedItem, currency: str) -> Json:
    """A sentence that was proved after its slate had been sent."""
    return {
        "recommendationId": recommendation_id,
        "productId": item.product_id,
        "reason": item.reason,
        "reasonSource": item.reason_source,
        "evidence": [evidence_answer(e, currency) for e in item.evidence],
    }


def _recommended(item: RankedItem, product: Product, currency: str, with_reasons: bool) -> Json:
    return {
        "productId": item.product_id,
        "name": product.name,
        "brand": product.brand,
        "category": product.category,
        "price": _amount(product.price_minor, currency),
        "currency": currency,
        "imageUrl": product.image_url,
        "url": product.url,
        "position": item.position,
        "relevanceScore": round(item.relevance, 4),
        "reason": item.reason if with_reasons else None,
        "reasonSource": item.reason_source if with_reasons else None,
        "evidence": [evidence_answer(e, currency) for e in item.evidence] if with_reasons else [],
        "rankedBy": item.ranked_by,
        "promoted": item.promoted,
    }


def card_answer(product: Product, reason: str | None, evidence: Sequence[Evidence], *, currency: str) -> Json:
    """A product card of the chat."""
    return {
        "productId": product.product_id,
        "name": product.name,
        "price": _amount(product.price_minor, currency),
        "currency": currency,
        "imageUrl": product.image_url,
        "url": product.url,
        "reason": reason,
        "evidence": [evidence_answer(e, currency) for e in evidence],
    }


def _by_reason(excluded: Mapping[str, int], public_reasons: Mapping[str, PublicReason]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for rule, count in excluded.items():
        reason = public_reasons.get(rule, _HIDDEN_REASON)
        counts[reason] = counts.get(reason, 0) + count
    return counts


def product_answer(product: Product, *, currency: str, with_cost: bool) -> Json:
    """A product as the shop describes it; what it costs the shop only where `with_cost`."""
    answer: Json = {
        "productId": product.product_id,
        "name": product.name,
        "description": product.description,
        "brand": product.brand,
        "category": product.category,
        "price": _amount(product.price_minor, currency),
        "listPrice": _amount(product.list_price_minor, currency),
        "currency": currency,
        "stock": product.stock,
        "available": product.available,
        "imageUrl": product.image_url,
        "url": product.url,
        "tags": list(product.tags),
        "attributes": {name: v if isinstance(v, str) else list(v) for name, v in product.attributes.items()},
        "rating": None
        if product.rating_value is None
        else {"value": product.rating_value, "count": product.rating_count},
        "createdAt": None if product.created_at is None else moment(product.created_at),
        "seasons": list(product.seasons),
    }
    if with_cost:
        answer["cost"] = _amount(product.cost_minor, currency)
    return answer


def why_answer(explanation: Explanation, *, currency: str, public_reasons: Mapping[str, PublicReason] | None) -> Json:
    """What became of a product; with `public_reasons` (a publishable key) without rule ids and rule details."""
    fate = explanation.fate
    rule: str | None = fate.rule
    if public_reasons is not None and fate.rule is not None:
        rule = fate.public_reason or public_reasons.get(fate.rule, _HIDDEN_REASON)
    with_reason = explanation.reason is not None
    return {
        "recommendationId": explanation.slate.recommendation_id,
        "productId": fate.product_id,
        "outcome": fate.stage,
        "position": fate.position,
        "reason": explanation.reason,
        "reasonSource": (explanation.reason_source or "template") if with_reason else None,
        "evidence": [evidence_answer(e, currency) for e in explanation.evidence],
        "rule": rule,
        "detail": (fate.detail or None) if public_reasons is None else None,
        "evaluatedAt": moment(explanation.evaluated_at),
    }


def preferences_answer(preferences: Preferences, *, currency: str) -> Json:
    """What a shopper stated, in the form that PUT takes."""
    return {
        "budget": _amount(preferences.budget_minor, currency),
        "currency": currency,
        "interests": list(preferences.interests),
        "styleTags": list(preferences.style_tags),
        "sizes": list(preferences.sizes),
        "avoid": list(preferences.avoid),
        "segments": list(preferences.segments),
        "country": preferences.country,
        "ageBand": preferences.age_band,
    }


def consent_answer(consent: Consent) -> Json:
    """What a shopper agreed to, in the form that PUT takes."""
    return {"personalization": consent.personalization, "llmProcessing": consent.llm_processing}


def moment(epoch_s: float) -> str:
    """An ISO 8601 time in UTC, to the second: 2026-09-30T20:00:00Z."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _amount(minor: int | None, currency: str) -> str | None:
    return None if minor is None else _format_minor(minor, currency)


def evidence_answer(evidence: Evidence, currency: str) -> Json:
    """A fact with its values in machine form, amounts as decimal strings beside their currency."""
    value, has_money = _plain(evidence.value, currency)
    if has_money:
        value["currency"] = currency
    return {"id": evidence.id, "kind": evidence.kind, "text": evidence.text, "value": value}


def _plain(value: Mapping[str, object], currency: str) -> tuple[Json, bool]:
    """Evidence values with camelCase names and amounts as decimal strings, and whether there was any amount."""
    plain: Json = {}
    has_money = False
    for name, content in value.items():
        camel, money = _names(name)
        if money is not None and isinstance(content, (int, float)):
            plain[money] = _format_minor(round(content), currency)
            has_money = True
        elif type(content) in _SCALARS:  # nearly all are; the general questions below are slow ones
            plain[camel] = content
        elif isinstance(content, Mapping):
            plain[camel], inner = _plain(content, currency)
            has_money = has_money or inner
        elif isinstance(content, Sequence) and not isinstance(content, str):
            plain[camel] = list(content)
        else:
            plain[camel] = content
    return plain, has_money


@functools.lru_cache(maxsize=1024)
def _names(name: str) -> tuple[str, str | None]:
    """A value's name in camelCase, and its name as an amount, None where it is none; evidence has a few dozen names."""
    return _camel(name), _camel(name.removesuffix("_minor")) if name.endswith("_minor") else None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
