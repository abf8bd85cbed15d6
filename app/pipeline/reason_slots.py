"""A fact as wordings see it: which variant of its kind it is, and its slots as a sentence says them.

Everything comes from `Evidence.value`, so a sentence can state nothing that the value does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.domain.ranking import Evidence, EvidenceKind
from app.pipeline.evidence_draft import counted, money, spoken_day


def variant_of(kind: EvidenceKind, value: Mapping[str, object]) -> str:
    """The variant of a fact, one of SLOTS[kind]."""
    match kind:
        case "price_vs_budget":
            if value["under_minor"] == 0:
                return "equal"
            # Under half the budget, the distance says little about the choice: weaker, and worded without it.
            return "far" if 2 * _int(value, "price_minor") < _int(value, "budget_minor") else "under"
        case "price_vs_category":
            counted_out = value["standing"] == "cheaper" and "percent" not in value
            return "count" if counted_out else _text(value, "standing")
        case "promotion":
            return "_".join(part for part in ("percent", "until") if part in value) or "plain"
        case "bought_together":
            return _text(value, "source")
        case "same_brand" | "category_affinity":
            return "recent" if "seen" in value else "plain"
        case "attribute_match":
            return _text(value, "stated")
        case "trending":
            return "first" if value["rank"] == 1 else "ranked"
        case "query_match":
            return "full" if value["all"] else "part"
        case _:
            return "plain"


def slot_values(evidence: Evidence) -> dict[str, str]:
    """Slot → text of a fact. Raises TypeError when a figure in `value` has the wrong type."""
    value = evidence.value
    slots: dict[str, str] = {}
    match evidence.kind:
        case "price_vs_budget":
            slots = _amounts(value, "price", "budget", "under")
        case "price_vs_category":
            slots = _amounts(value, "price", "median", "below") | {
                "products": counted(_int(value, "n"), "product"),
                "category": _text(value, "category") if value["category"] is not None else "its category",
            }
            if "percent" in value:
                slots["percent"] = f"{_int(value, 'percent')}%"
            if "pricier" in value:
                slots["pricier"] = str(_int(value, "pricier"))
        case "discount":
            slots = _amounts(value, "price", "reference", "saved") | {
                "percent": f"{_int(value, 'percent')}%",
                "window": counted(_int(value, "window_days"), "day"),
            }
        case "promotion":
            slots["title"] = f"“{_text(value, 'title')}”"
            if "percent" in value:
                slots["percent"] = f"{_int(value, 'percent')}%"
            if "until" in value:
                slots["until"] = spoken_day(_text(value, "until"))
        case "bought_together":
            slots = {"partner": f"“{_text(value, 'partner')}”", "orders": counted(_int(value, "orders"), "order")}
            if "did" in value:
                slots["did"] = _text(value, "did")
        case "same_brand" | "category_affinity":
            slot = "brand" if evidence.kind == "same_brand" else "category"
            slots[slot] = _text(value, slot)
            if "seen" in value:
                slots |= {"seen": f"“{_text(value, 'seen')}”", "did": _text(value, "did")}
        case "attribute_match":
            stated = _text(value, "value")
            slots["value"] = stated if value["stated"] == "size" else f"“{stated}”"
        case "rating":
            slots = {
                "rating": _text(value, "rating"),
                "scale": str(_int(value, "scale")),
                "shoppers": counted(_int(value, "count"), "shopper"),
            }
        case "trending":
            slots = {
                "rank": str(_int(value, "rank")),
                "products": counted(_int(value, "n"), "product"),
                "category": _ranked_in(value),
                "window": counted(_int(value, "window_days"), "day"),
            }
        case "new_arrival" | "back_in_stock":
            slots["since"] = spoken_day(_text(value, "since"))
        case "low_stock":
            slots = {"left": str(_int(value, "left")), "pieces": counted(_int(value, "left"), "piece")}
        case "query_match":
            quoted = [f"“{term}”" for term in _texts(value, "terms")]
            slots["terms"] = _joined(quoted)
            slots["where"] = f"its {_joined(_texts(value, 'fields'))}"
            if value.get("category") is not None:
                slots["where"] += f" {_text(value, 'category')}"
    return slots


def _ranked_in(value: Mapping[str, object]) -> str:
    if value["category"] is not None:
        return _text(value, "category")
    return "our shop" if value.get("scope") == "shop" else "its category"


def _amounts(value: Mapping[str, object], *names: str) -> dict[str, str]:
    return {name: money(_int(value, f"{name}_minor"), _text(value, "currency")) for name in names}


def _int(value: Mapping[str, object], key: str) -> int:
    number = value[key]
    if not isinstance(number, int):
        raise TypeError(f"evidence value {key!r} is {number!r}, not a whole number")
    return number


def _text(value: Mapping[str, object], key: str) -> str:
    text = value[key]
    if not isinstance(text, str):
        raise TypeError(f"evidence value {key!r} is {text!r}, not a text")
    return text


def _texts(value: Mapping[str, object], key: str) -> list[str]:
    texts = value[key]
    if not isinstance(texts, (list, tuple)):
        raise TypeError(f"evidence value {key!r} is {texts!r}, not a list of texts")
    return [str(text) for text in texts]


def _joined(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
