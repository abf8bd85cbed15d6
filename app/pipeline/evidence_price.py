"""Facts about the price: against the budget, the category and the price before, and promotions."""

from __future__ import annotations

import math
from collections.abc import Iterator

from app.pipeline.evidence_draft import Draft, Subject, counted, day_of, days_between, spoken_day
from app.pipeline.evidence_facts import ActivePromotion

REFERENCE_WINDOW_DAYS = 30
"""Days before the current price took effect whose lowest price is the reference (EU Price Indication Directive)."""

_CHEAPER_FROM_PERCENT = 60  # below this share "cheaper than" says less than the distance to the median


def price_drafts(subject: Subject) -> Iterator[Draft]:
    """The true price facts that hang on shopper, request or time; none for an item without a price.

    A sensitive item is set against its category and its own past only: a budget is the shopper's, and so may the
    audience of a promotion be.
    """
    if subject.item.price_minor is None:
        return
    if not subject.sensitive:
        yield from _against_budget(subject, subject.item.price_minor)
        yield from _promotion(subject)
    yield from _discount(subject, subject.item.price_minor)


def standing_price_drafts(subject: Subject) -> Iterator[Draft]:
    """The true price facts that hold for everybody, for as long as record and catalogue stay."""
    if subject.item.price_minor is not None:
        yield from _against_category(subject, subject.item.price_minor)


def _against_budget(subject: Subject, price: int) -> Iterator[Draft]:
    request = subject.request
    budget = request.budget_minor
    if budget is None or price > budget:
        return
    if request.budget_source == "preferences" and not subject.shopper.personalised:
        return
    if price * 100 < budget * subject.config.thresholds.min_budget_share_percent:
        return  # true, but nobody is helped by a bar of chocolate that is 1,998 EUR under a budget
    under = budget - price
    rest = f"{subject.money(under)} under the budget of" if under else "exactly the budget of"
    yield Draft(
        "price_vs_budget",
        f"price {subject.money(price)}, {rest} {subject.money(budget)}",
        {
            "price_minor": price,
            "budget_minor": budget,
            "under_minor": under,
            "currency": request.currency,
            "source": request.budget_source,
        },
    )


def _against_category(subject: Subject, price: int) -> Iterator[Draft]:
    stats = subject.facts.category_price
    if stats is None or stats.n < subject.config.thresholds.min_category_products:
        return
    if not math.isfinite(stats.median_minor) or price >= math.floor(stats.median_minor):
        return
    median = math.floor(stats.median_minor)
    percent = 100 * stats.pricier // stats.n
    label = subject.category(stats.category)
    products = counted(stats.n, "product")
    where = f"in {label}" if label else "in its category"
    lowest = stats.pricier == stats.n - 1
    cheaper = percent >= _CHEAPER_FROM_PERCENT
    value: dict[str, object] = {
        "price_minor": price,
        "median_minor": median,
        "below_minor": median - price,
        "n": stats.n,
        "category": label,
        "currency": subject.request.currency,
        "source": "catalogue",
    }
    if lowest:
        text = f"price {subject.money(price)}, the lowest of {products} {where}"
    elif cheaper and stats.n >= subject.config.thresholds.min_percent_products:
        text = f"price {subject.money(price)}, cheaper than {percent}% of {products} {where}"
        value["percent"] = percent
    elif cheaper:  # "72% of 11" claims a precision that 11 products don't have
        text = f"price {subject.money(price)}, cheaper than {stats.pricier} of {products} {where}"
        value["pricier"] = stats.pricier
    else:
        text = (
            f"price {subject.money(price)}, {subject.money(median - price)} below the median of "
            f"{subject.money(median)} of {products} {where}"
        )
    value["standing"] = "lowest" if lowest else "cheaper" if cheaper else "below"
    yield Draft("price_vs_category", text, value)


def _discount(subject: Subject, price: int) -> Iterator[Draft]:
    reference = subject.item.reference_price_minor
    since = subject.item.price_since
    if reference is None or since is None or not 0 <= price < reference:
        return
    age_days = days_between(since, subject.request.now)
    limits = subject.config.thresholds
    percent = 100 * (reference - price) // reference
    if not 0 <= age_days <= limits.discount_max_age_days or percent < limits.min_discount_percent:
        return
    yield Draft(
        "discount",
        f"price {subject.money(price)}, {percent}% below {subject.money(reference)}, the lowest price of the "
        f"{REFERENCE_WINDOW_DAYS} days before this price",
        {
            "price_minor": price,
            "reference_minor": reference,
            "saved_minor": reference - price,
            "percent": percent,
            "window_days": REFERENCE_WINDOW_DAYS,
            "currency": subject.request.currency,
            "source": "catalogue",
        },
    )


def _promotion(subject: Subject) -> Iterator[Draft]:
    """The promotion with the highest percentage that this shopper may use, ties by id."""
    usable = [p for p in subject.facts.promotions if _may_use(subject, p)]
    if not usable:
        return
    best = min(usable, key=lambda p: (-p.percent_off if p.percent_off is not None else 0.0, p.promotion_id))
    title = subject.name(best.title)
    if title is None:
        return
    value: dict[str, object] = {"promotion_id": best.promotion_id, "title": title, "source": "shop"}
    text = f"promotion “{title}”"
    percent = math.floor(best.percent_off) if best.percent_off is not None else 0
    if percent >= 1:
        value["percent"] = percent
        text = f"{percent}% off in the promotion “{title}”"
    if best.ends_at is not None:
        # One second earlier: a promotion that ends at midnight has its last day before it.
        last_day = day_of(best.ends_at - 1)
        value["until"] = last_day
        text += f", until {spoken_day(last_day)}"
    yield Draft("promotion", text, value)


def _may_use(subject: Subject, promotion: ActivePromotion) -> bool:
    if promotion.ends_at is not None and promotion.ends_at <= subject.request.now:
        return False
    if promotion.percent_off is not None and not 0 <= promotion.percent_off <= 100:
        return False
    if not promotion.audience:
        return True
    if not all(subject.config.sensitivity.speakable(name) for name in promotion.audience):
        return False
    mine = {segment.casefold() for segment in subject.shopper.segments}
    return any(segment.casefold() in mine for segment in promotion.audience)
