"""Eligibility: which products may be shown in one request, and which rule first said no.

Everything that does not depend on the request is worked out once per snapshot (CompiledRules); what is left for a
request are a few comparisons over columns, so that 100,000 products cost about a millisecond.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from app.domain.catalog import BoolArray, FloatArray, IntArray, Snapshot
from app.domain.ranking import Filters, Placement, PublicReason
from app.pipeline.catalogue_codes import CatalogueCodes
from app.pipeline.decay import DAY_S
from app.pipeline.rules_schema import (
    BUILT_IN,
    FILTERS,
    IN_CART,
    REQUEST_EXCLUDE,
    SENSITIVE,
    UNAVAILABLE,
    Avoided,
    Dismissed,
    EligibilityRule,
    ExcludedCategories,
    InStock,
    MinMargin,
    Owned,
    Promotion,
    Rules,
    WithinBudget,
)

_ELIGIBLE = -1
_NONE = np.iinfo(np.int32).max
"""Stands behind the index of every rule."""
_NO_ROWS: IntArray = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class RuleContext:
    """What of one request and its shopper the rules look at. Rows are those of the compiled snapshot."""

    now: float  # epoch seconds of the service's clock (AS_OF)
    budget_minor: int | None = None  # the request's, else the stored one
    owned: Mapping[int, float] = field(default_factory=dict)  # row → last purchase, epoch seconds; NaN = no date
    dismissed: Collection[int] | IntArray = ()
    avoid: tuple[str, ...] = ()  # brands, category paths or names, tags
    exclude: Collection[int] | IntArray = ()
    cart: Collection[int] | IntArray = ()
    anchor: int | None = None  # the product of the page
    filters: Filters = Filters()
    placement: Placement = "home"
    segments: tuple[str, ...] = ()
    sensitive_asked: bool = False  # the request itself is about something sensitive or names what it wants


@dataclass(frozen=True, slots=True)
class Eligibility:
    """The verdict on some rows: `mask[i]` and `rule[i]` belong to `rows[i]`."""

    rows: IntArray
    mask: BoolArray  # True = may be shown
    rule: IntArray  # index into rule_ids of the first rule that said no, -1 where none did
    rule_ids: tuple[str, ...]
    public_reasons: Mapping[str, PublicReason]

    def eligible_rows(self) -> IntArray:
        """The rows that may be shown, in their given order."""
        return self.rows[self.mask]

    def excluded_counts(self) -> Mapping[str, int]:
        """Rule id → rows that it was the first to exclude, in the order of the rules; rules without any left out."""
        counts = np.bincount(self.rule[~self.mask], minlength=len(self.rule_ids)).tolist()
        return {rule_id: n for rule_id, n in zip(self.rule_ids, counts, strict=True) if n}

    def public_counts(self) -> Mapping[PublicReason, int]:
        """The same by public reason, for callers who must not see the shop's rules."""
        counts: Counter[PublicReason] = Counter()
        for rule_id, n in self.excluded_counts().items():
            counts[self.public_reasons[rule_id]] += n
        return counts

    def rule_of(self, row: int) -> str | None:
        """Id of the rule that excluded the row, None where it may be shown. KeyError: the row was not examined."""
        at = np.flatnonzero(self.rows == row)
        if len(at) == 0:
            raise KeyError(row)
        index = int(self.rule[at[0]])
        return None if index == _ELIGIBLE else self.rule_ids[index]


class CompiledRules:
    """The rules of a shop made ready for one snapshot. Immutable after construction; shared by all requests.

    Order of the rules: what the request itself rules out (exclusions and the product of the page, cart, filters),
    then switched-off products where no in_stock rule speaks for them, then the shop's rules as the file lists them.
    """

    def __init__(self, rules: Rules, snapshot: Snapshot, sensitive: BoolArray | None = None) -> None:
        """`sensitive`: rows that no slate shows to somebody who did not ask for such a thing; None = none are."""
        self.rules = rules
        self.snapshot = snapshot
        self.codes = CatalogueCodes(snapshot)
        shop = rules.shop
        has_stock_rule = any(isinstance(rule, InStock) for rule in shop.eligibility)
        built_in = [REQUEST_EXCLUDE, IN_CART, FILTERS, SENSITIVE] + ([] if has_stock_rule else [UNAVAILABLE])
        self.rule_ids: tuple[str, ...] = (*built_in, *(rule.id for rule in shop.eligibility))
        self.public_reasons: Mapping[str, PublicReason] = {
            **{rule_id: BUILT_IN[rule_id] for rule_id in built_in},
            **{rule.id: rule.public_reason for rule in shop.eligibility},
        }
        self.not_applied = unapplied_rules(snapshot, rules)
        self._static: dict[str, BoolArray] = {}  # rule id → True where excluded
        self.sensitive = sensitive
        self._repurchase_s: dict[str, FloatArray] = {}  # rule id → seconds per category code
        self._blank: BoolArray | None = None
        if not has_stock_rule:
            self._static[UNAVAILABLE] = ~snapshot.available
        for rule in shop.eligibility:
            self._compile(rule)
        # Of the rules that look at nothing of a request only the first that says no matters: one table for all of them.
        self.first_static: IntArray = np.full(len(snapshot), _NONE, dtype=np.int32)
        for index, rule_id in reversed(list(enumerate(self.rule_ids))):
            if rule_id in self._static and rule_id not in self.not_applied:
                self.first_static[self._static[rule_id]] = index
        self.asked_per_request = tuple(
            (index, rule_id) for index, rule_id in enumerate(self.rule_ids) if rule_id not in self._static
        )
        self._by_id = {rule.id: rule for rule in shop.eligibility}
        self._promotions = tuple((p, self._participants(p)) for p in shop.promotions)
        self._active = (-1, self._promotions)  # day, promotions that run on it

    def promotions(self, row: int, now: float, segments: tuple[str, ...]) -> tuple[Promotion, ...]:
        """Promotions that the product takes part in, that run at `now` and that are meant for these segments."""
        day = int(now // DAY_S)
        active = self._active  # promotions begin and end with a day
        if active[0] != day:
            active = self._active = (day, tuple(entry for entry in self._promotions if entry[0].active(now)))
        running = active[1]
        if not running:
            return ()
        category, brand = int(self.snapshot.category[row]), int(self.snapshot.brand[row])
        return tuple(
            promotion
            for promotion, takes_part in running
            if promotion.audience.holds(segments) and takes_part(row, category, brand)
        )

    def excluded(self, rule_id: str, context: RuleContext, at: IntArray | slice) -> BoolArray | None:
        """Where one rule says no, for the rows `at`; None when it has nothing to say in this request."""
        if rule_id in self.not_applied:
            return None
        if rule_id in self._static:
            return self._static[rule_id][at]
        if rule_id == REQUEST_EXCLUDE:
            anchor = () if context.anchor is None else (context.anchor,)
            return self._among(_union(context.exclude, anchor), at)
        if rule_id == IN_CART:
            return self._among(_rows(context.cart), at)
        if rule_id == FILTERS:
            return self._outside_filters(context.filters, at)
        if rule_id == SENSITIVE:
            return None if self.sensitive is None or context.sensitive_asked else self.sensitive[at]
        match self._by_id[rule_id]:
            case WithinBudget() as rule:
                return self._over_budget(rule, context.budget_minor, at)
            case Avoided() as rule:
                return self._avoided(rule, context.avoid, at)
            case Dismissed():
                return self._among(_rows(context.dismissed), at)
            case Owned() as rule:
                return self._among(self._still_owned(rule, context), at)
            case _:  # the others are static
                return None

    def _compile(self, rule: EligibilityRule) -> None:
        snapshot = self.snapshot
        match rule:
            case InStock():
                too_few = _below(snapshot.stock, float(rule.min), exclude_unknown=rule.when_unknown == "exclude")
                self._static[rule.id] = too_few | ~snapshot.available
            case MinMargin():
                exclude_unknown = rule.when_unknown == "exclude"
                self._static[rule.id] = _below(snapshot.margin, rule.min, exclude_unknown=exclude_unknown)
            case ExcludedCategories():
                table = self.codes.in_categories(rule.categories)
                table[-1] = rule.when_unknown == "exclude"
                self._static[rule.id] = table[snapshot.category]
            case Owned():
                days = {path: np.inf if d is None else float(d) for path, d in rule.repurchase_days.items()}
                default = np.inf if rule.default_days is None else float(rule.default_days)
                self._repurchase_s[rule.id] = self.codes.by_category(days, default) * DAY_S
            case Avoided() if rule.when_unknown == "exclude":
                tagged = [rows for rows in snapshot.tag_rows.values() if len(rows)]
                self._blank = (snapshot.brand < 0) & (snapshot.category < 0)
                self._blank[np.concatenate(tagged) if tagged else _NO_ROWS] = False
            case _:
                pass

    def _participants(self, promotion: Promotion) -> Callable[[int, int, int], bool]:
        if not (promotion.categories or promotion.brands or promotion.products):
            return lambda row, category, brand: True
        categories = self.codes.in_categories(promotion.categories)
        brands = self.codes.named_brands(promotion.brands)
        rows = frozenset(self.snapshot.rows(promotion.products).tolist())
        return lambda row, category, brand: bool(categories[category] or brands[brand] or row in rows)

    def _among(self, rows: IntArray, at: IntArray | slice) -> BoolArray | None:
        if len(rows) == 0:
            return None
        chosen = np.zeros(len(self.snapshot), dtype=np.bool_)
        chosen[rows] = True
        return chosen[at]

    def _outside_filters(self, filters: Filters, at: IntArray | slice) -> BoolArray | None:
        snapshot = self.snapshot
        checks: list[BoolArray] = []
        if filters.categories:
            checks.append(~self.codes.in_categories(filters.categories)[snapshot.category[at]])
        if filters.brands:
            checks.append(~self.codes.named_brands(filters.brands)[snapshot.brand[at]])
        if filters.price_min_minor is not None:
            checks.append(~(snapshot.price_minor[at] >= filters.price_min_minor))
        if filters.price_max_minor is not None:
            checks.append(~(snapshot.price_minor[at] <= filters.price_max_minor))
        if filters.in_stock:
            checks.append(~(snapshot.stock[at] > 0) | ~snapshot.available[at])
        return np.logical_or.reduce(checks) if checks else None

    def _over_budget(self, rule: WithinBudget, budget_minor: int | None, at: IntArray | slice) -> BoolArray | None:
        if budget_minor is None:
            return None
        price = self.snapshot.price_minor[at]
        over: BoolArray = price > budget_minor if rule.when_unknown == "allow" else ~(price <= budget_minor)
        return over

    def _avoided(self, rule: Avoided, terms: tuple[str, ...], at: IntArray | slice) -> BoolArray | None:
        terms = tuple(term for term in terms if term.strip())
        if not terms:
            return None
        snapshot = self.snapshot
        checks: list[BoolArray] = []
        for table, codes in (
            (self.codes.named_brands(terms), snapshot.brand),
            (self.codes.named_categories(terms), snapshot.category),
        ):
            if table.any():
                checks.append(table[codes[at]])
        tagged = [snapshot.tag_rows[t] for t in {t.strip().lower() for t in terms} if t in snapshot.tag_rows]
        among = self._among(np.concatenate(tagged), at) if tagged else None
        if among is not None:
            checks.append(among)
        if rule.when_unknown == "exclude" and self._blank is not None:
            checks.append(self._blank[at])
        return np.logical_or.reduce(checks) if checks else None

    def _still_owned(self, rule: Owned, context: RuleContext) -> IntArray:
        rows = np.fromiter(context.owned.keys(), dtype=np.int32, count=len(context.owned))
        bought = np.fromiter(context.owned.values(), dtype=np.float64, count=len(context.owned))
        wait_s = self._repurchase_s[rule.id][self.snapshot.category[rows]]
        still = np.where(np.isnan(bought), rule.when_unknown == "exclude", context.now - bought < wait_s)
        return rows[still]


def eligible(rules: CompiledRules, context: RuleContext, rows: IntArray | None = None) -> Eligibility:
    """Applies all rules to the given rows of the snapshot, or to all of them.

    Returns: rows in the given order (repeats stay), each with the first rule that excluded it.
    """
    at: IntArray | slice = slice(None) if rows is None else rows
    examined = np.arange(len(rules.snapshot), dtype=np.int32) if rows is None else np.asarray(rows, dtype=np.int32)
    first = rules.first_static[at].copy()
    for index, rule_id in rules.asked_per_request:
        excluded = rules.excluded(rule_id, context, at)
        if excluded is not None:
            first[excluded & (first > index)] = index
    mask = first == _NONE
    first[mask] = _ELIGIBLE
    return Eligibility(examined, mask, first, rules.rule_ids, rules.public_reasons)


def unapplied_rules(snapshot: Snapshot, rules: Rules) -> Mapping[str, str]:
    """Rule id → why it is not applied to this catalogue: a margin rule where no product has a known margin."""
    if len(snapshot) == 0 or not bool(np.isnan(snapshot.margin).all()):
        return {}
    why = "not_applied: no product has a cost, so no margin is known"
    return {rule.id: why for rule in rules.shop.eligibility if isinstance(rule, MinMargin)}


def _below(values: FloatArray, least: float, *, exclude_unknown: bool) -> BoolArray:
    below: BoolArray = ~(values >= least) if exclude_unknown else values < least
    return below


def _rows(rows: Collection[int] | IntArray) -> IntArray:
    return np.asarray(rows if isinstance(rows, np.ndarray) else list(rows), dtype=np.int32)


def _union(rows: Collection[int] | IntArray, more: tuple[int, ...]) -> IntArray:
    return np.concatenate([_rows(rows), _rows(more)])
