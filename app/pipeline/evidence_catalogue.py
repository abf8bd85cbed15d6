"""Facts from the catalogue and the query: rating, trend, age, stock, and words of the query that the item holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal

from app.pipeline.evidence_draft import Draft, Subject, counted, day_of, days_between, spoken_day
from app.pipeline.search_words import FILLER
from app.pipeline.seller_text import folded_words, plain
from app.pipeline.sensitivity import attribute_values

RATING_SCALE = 5
MAX_TERMS = 3
_MAX_PHRASE = 40  # characters of a query that a sentence quotes whole


def query_terms(text: str) -> tuple[str, ...]:
    """The words of a query that an item can match, in order, without repeats: no filler, no single letters.

    Words are lower case and otherwise as typed; at most 12, each at most 30 characters long.
    """
    words = plain(text, 300).casefold().replace("-", " ").split()
    cleaned = (word.strip(".,;:!?'\"()/&+*#%") for word in words)
    kept = [word for word in cleaned if 1 < len(word) <= 30 and word not in FILLER and len(folded_words(word)) == 1]
    return tuple(dict.fromkeys(kept))[:12]


def catalogue_drafts(subject: Subject) -> Iterator[Draft]:
    """The true facts about the item that need no profile, but hang on the query or the time."""
    yield from _query(subject)
    yield from _age(subject)


def standing_catalogue_drafts(subject: Subject) -> Iterator[Draft]:
    """The true facts about the item that hold for everybody, for as long as record and catalogue stay."""
    yield from _rating(subject)
    yield from _trend(subject)
    yield from _stock(subject)


def _query(subject: Subject) -> Iterator[Draft]:
    terms = subject.request.query_terms
    if not terms or subject.sensitive:
        return
    fields = _searched(subject)
    matched: dict[str, str] = {}  # term → field that holds it
    for term in terms:
        folded = folded_words(term)
        if len(folded) != 1 or not subject.config.sensitivity.speakable(term):
            continue
        where = next((name for name, words in fields.items() if folded[0] in words), None)
        if where is not None:
            matched[term] = where
    whole = " ".join(terms)
    if len(matched) == len(terms) and len(whole) <= _MAX_PHRASE and subject.config.sensitivity.speakable(whole):
        value: dict[str, object] = {"terms": terms, "fields": tuple(dict.fromkeys(matched.values())), "all": True}
        yield Draft("query_match", f"holds all of your search: {_quoted(terms)}", value | {"source": "request"})
        return
    # A bare number ("for 2") says nothing by itself; in a full match above it does ("phone 12").
    telling = [term for term in matched if _tells(term)][:MAX_TERMS]
    if not telling:
        yield from _category_match(subject)
        return
    where_found = tuple(dict.fromkeys(matched[term] for term in telling))
    value = {"terms": tuple(telling), "fields": where_found, "all": False}
    yield Draft(
        "query_match",
        f"holds {_quoted(telling)} of your search in its {' and '.join(where_found)}",
        value | {"source": "request"},
    )


def _category_match(subject: Subject) -> Iterator[Draft]:
    """Words of the query that nothing but the category holds, never as a full match.

    A tea in "Coffee & Tea" is no coffee: the fact says where the word stands, and names that part of the path.
    """
    sensitivity = subject.config.sensitivity
    for part in reversed((subject.item.category or "").split(">")):
        words = folded_words(part)
        held = [t for t in subject.request.query_terms if _tells(t) and sensitivity.speakable(t)]
        held = [t for t in held if len(folded_words(t)) == 1 and folded_words(t)[0] in words][:MAX_TERMS]
        if held:
            label = subject.name(part)
            yield Draft(
                "query_match",
                f"holds {_quoted(held)} of your search in its category" + (f" {label}" if label else ""),
                {
                    "terms": tuple(held),
                    "fields": ("category",),
                    "category": label,
                    "all": False,
                    "source": "request",
                },
            )
            return


def _tells(term: str) -> bool:
    return len(term) >= 3 and not term.isdigit()


def _quoted(terms: Sequence[str]) -> str:
    return ", ".join(f"“{term}”" for term in terms)


def _searched(subject: Subject) -> dict[str, frozenset[str]]:
    """What the item says of itself, by field. Its category is left out: one may name several things."""
    item = subject.item
    details = [*item.tags, *(one for value in item.attributes.values() for one in attribute_values(value))]
    return {
        "name": frozenset(folded_words(item.name)),
        "brand": frozenset(folded_words(item.brand)) if item.brand else frozenset(),
        "details": frozenset(word for text in details for word in folded_words(text)),
    }


def _rating(subject: Subject) -> Iterator[Draft]:
    value, count = subject.item.rating_value, subject.item.rating_count
    limits = subject.config.thresholds
    if value is None or count is None or not limits.min_rating <= value <= RATING_SCALE:
        return
    if count < limits.min_rating_count:
        return
    shown = shown_rating(value)
    yield Draft(
        "rating",
        f"rated {shown} out of {RATING_SCALE} by {counted(count, 'shopper')}",
        {"rating": shown, "scale": RATING_SCALE, "count": count, "source": "catalogue"},
    )


def shown_rating(value: float) -> str:
    """A rating with one decimal, half up, but never rounded up to the full scale: 4.27 → "4.3", 4.96 → "4.9"."""
    shown = Decimal(str(float(value))).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    if shown >= RATING_SCALE > value:
        return str(RATING_SCALE - Decimal("0.1"))
    return str(shown)


def _trend(subject: Subject) -> Iterator[Draft]:
    trend, limits = subject.facts.trend, subject.config.thresholds
    if (
        trend is None
        or subject.sensitive
        or not 1 <= trend.rank <= limits.trending_top_rank
        or trend.n < limits.min_trending_products
    ):
        return
    if trend.shoppers is not None and trend.shoppers < limits.min_trending_shoppers:
        return
    label = subject.category(trend.category)
    where = f"in {label}" if label else "in its category"
    if trend.category is None:
        where = "in the shop"
    yield Draft(
        "trending",
        f"number {trend.rank} of {counted(trend.n, 'product')} {where} by growth in interest over the last "
        f"{counted(trend.window_days, 'day')}",
        {
            "rank": trend.rank,
            "n": trend.n,
            "category": label,
            "scope": "shop" if trend.category is None else "category",
            "window_days": trend.window_days,
            "source": "behaviour of all shoppers",
        },
    )


def _age(subject: Subject) -> Iterator[Draft]:
    now, limits = subject.request.now, subject.config.thresholds
    created, restocked = subject.item.created_at, subject.item.restocked_at
    if created is not None and 0 <= (age := days_between(created, now)) <= limits.new_days:
        day = day_of(created)
        yield Draft(
            "new_arrival",
            f"new in the range since {spoken_day(day)}",
            {"since": day, "days": math.floor(age), "source": "catalogue"},
        )
    if restocked is None or not subject.buyable or (created is not None and restocked <= created):
        return
    if 0 <= (age := days_between(restocked, now)) <= limits.restocked_days:
        day = day_of(restocked)
        yield Draft(
            "back_in_stock",
            f"back in stock since {spoken_day(day)}",
            {"since": day, "days": math.floor(age), "source": "catalogue"},
        )


def _stock(subject: Subject) -> Iterator[Draft]:
    stock = subject.item.stock
    if stock is not None and subject.buyable and 1 <= stock <= subject.config.thresholds.low_stock_max:
        yield Draft("low_stock", f"{stock} left in stock", {"left": stock, "source": "catalogue"})
