"""What is asked in generated scenarios: shoppers and requests of every stratum, drawn with seeds.

Each group yields more requests than are wanted; `generate` takes the first that make a telling scenario.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from app.domain.interactions import Preferences
from app.domain.ranking import Filters, Query
from evals.prompts.golden_words import GIFTS, IN_SEASON, NEEDS, OTHER_LANGUAGES, SEASONAL_SHELVES, SIZED
from evals.prompts.hidden_taste import Asked, Tastes
from evals.prompts.scenario import Stratum
from fixtures import lexicon
from fixtures.market import search_text

LIMIT = 5
_FILLER = frozenset({"best", "cheap", "good"})
_SHORT = {"1-3": (1, 3), "4-10": (4, 10)}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, and how its candidates are graded."""

    query: Query
    strata: frozenset[Stratum]
    grade: Callable[[str], int | None]
    shopper: str  # the cluster
    last: int | None = None  # newest interactions that are shown; None = all
    preferences: Preferences | None = None  # in place of those stored
    language: str = "en"
    spoken: str | None = None  # the query in that language; `query` finds the candidates
    markers: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Scenarios of one kind: `name` begins their ids."""

    name: str
    wanted: int
    asks: Iterator[Ask]


@dataclass(frozen=True, slots=True)
class People:
    """Shoppers who let a model see their history, by how long it is; and some who don't."""

    by_history: dict[str, list[str]]
    unseen: list[str]  # full history, no consent to a model


def groups(tastes: Tastes, people: People) -> list[Group]:
    """Every group, in the order of the file."""
    maker = _Maker(tastes, people)
    found = [
        Group(f"{name}-home", n, maker.home(history))
        for name, history, n in (("cold", "0", 16), ("first", "1-3", 16), ("sparse", "4-10", 16), ("warm", "11+", 24))
    ]
    found += [
        Group(f"{name}-query", n, maker.queries(history))
        for name, history, n in (("cold", "0", 12), ("first", "1-3", 12), ("sparse", "4-10", 12), ("warm", "11+", 20))
    ]
    return [
        *found,
        Group("need-query", 24, maker.needs()),
        Group("page", 14, maker.pages()),
        Group("cart", 10, maker.carts()),
        Group("unseen-query", 6, maker.unseen()),
        Group("budget-home", 14, maker.budgets()),
        Group("budget-query", 10, maker.budget_queries()),
        Group("gift", 24, maker.gifts()),
        Group("size", 20, maker.sizes()),
        Group("season", 20, maker.seasons()),
        Group("sensitive", 14, maker.sensitive()),
        Group("language", 30, maker.languages()),
    ]


class _Maker:
    def __init__(self, tastes: Tastes, people: People) -> None:
        self._tastes = tastes
        self._people = people
        kinds = lexicon.kinds()
        self._sensitive = {p.product_id for p in tastes.products.values() if kinds[p.kind.key].sensitive}

    def home(self, history: str) -> Iterator[Ask]:
        """A home page, nothing asked."""
        for user, last in self._shoppers(history, "home"):
            yield Ask(
                Query(user_id=user, limit=LIMIT),
                _strata(history, "no_query"),
                functools.partial(self._tastes.of_taste, user),
                user,
                last,
            )

    def queries(self, history: str) -> Iterator[Ask]:
        """What somebody types who wants a product of a kind that the shopper likes; now and then without an id."""
        for number, (user, last) in enumerate(self._shoppers(history, "query")):
            text, asked = self._search(user, f"query:{history}:{number}")
            stranger = history == "0" and number % 4 == 0
            yield Ask(
                Query(user_id=None if stranger else user, limit=LIMIT, text=text, placement="search"),
                _strata(history, "query"),
                functools.partial(self._tastes.of_query, asked, user_id=None if stranger else user),
                "nobody" if stranger else user,
                last,
            )

    def needs(self) -> Iterator[Ask]:
        """What somebody wants to do, in their words: no product is called that."""
        shoppers = self._mixed("need")
        for text, asked in NEEDS * 2:
            user, last, history = next(shoppers)
            yield Ask(
                Query(user_id=user, limit=LIMIT, text=text, placement="search"),
                _strata(history, "query"),
                functools.partial(self._tastes.of_query, asked, user_id=user),
                user,
                last,
            )

    def unseen(self) -> Iterator[Ask]:
        """A query of somebody whose history no provider may see: a prompt without lines about the shopper."""
        for number, user in enumerate(self._people.unseen):
            text, asked = self._search(user, f"unseen:{number}")
            yield Ask(
                Query(user_id=user, limit=LIMIT, text=text, placement="search"),
                frozenset({"query", "warm"}),
                functools.partial(self._tastes.of_query, asked),
                user,
                note="no consent to a model: nothing of the shopper is told",
            )

    def pages(self) -> Iterator[Ask]:
        """A product's page: what goes with it, then what could stand in for it."""
        yield from self._around("product")

    def carts(self) -> Iterator[Ask]:
        """A cart: what goes with what lies in it."""
        yield from self._around("cart")

    def budgets(self) -> Iterator[Ask]:
        """A home page with a budget for which little of what the shopper likes can be had."""
        for user, _ in self._shoppers("11+", "budget"):
            budget = self._tight(user)
            yield Ask(
                Query(user_id=user, limit=LIMIT, budget_minor=budget),
                _strata("11+", "no_query") | {"tight_budget"},
                functools.partial(self._tastes.of_taste, user, budget_minor=budget),
                user,
            )

    def budget_queries(self) -> Iterator[Ask]:
        """A query and a budget."""
        for number, (user, _) in enumerate(self._shoppers("11+", "budget query")):
            text, asked = self._search(user, f"budget:{number}")
            prices = sorted(one.price_minor for one in self._tastes.market.by_kind[asked.kinds[0]])
            budget = _rounded(prices[len(prices) // 3])
            yield Ask(
                Query(user_id=user, limit=LIMIT, text=text, budget_minor=budget, placement="search"),
                _strata("11+", "query") | {"tight_budget"},
                functools.partial(self._tastes.of_query, asked, user_id=user, budget_minor=budget),
                user,
            )

    def gifts(self) -> Iterator[Ask]:
        """A present for somebody else: the shopper's own taste is no guide, the words are."""
        shoppers = self._mixed("gift")
        for number in range(4 * len(GIFTS)):
            text, persona, euros = GIFTS[number % len(GIFTS)]
            user, last, history = next(shoppers)
            yield Ask(
                Query(user_id=user, limit=LIMIT, text=text, budget_minor=euros * 100, placement="search"),
                _strata(history, "query") | {"gift"},
                functools.partial(self._tastes.of_gift, persona, budget_minor=euros * 100),
                user,
                last,
            )

    def sizes(self) -> Iterator[Ask]:
        """Clothes and shoes for a shopper whose sizes are known: what isn't made in them is of no use."""
        for number, (user, _) in enumerate(self._shoppers("11+", "size")):
            mine = self._tastes.people[user].preferences["sizes"]
            if not mine:
                continue
            likes = set(self._tastes.likes(user)[:8])
            shelf, text, kinds = SIZED[number % len(SIZED)]
            if not likes & set(kinds):
                continue
            query = Query(
                user_id=user,
                limit=LIMIT,
                text=text,
                filters=Filters() if text else Filters(categories=(shelf,)),
                placement="home" if text is None else "search",
            )
            yield Ask(
                query,
                _strata("11+", "query" if text else "no_query") | {"sizes"},
                functools.partial(self._sized, user, Asked(kinds) if text else None),
                user,
            )

    def seasons(self) -> Iterator[Ask]:
        """At the end of September: what is wanted now, and what comes next."""
        shoppers = self._mixed("season")
        for number in range(6 * len(IN_SEASON)):
            user, last, history = next(shoppers)
            if number % 2:
                text, asked = IN_SEASON[number // 2 % len(IN_SEASON)]
                query = Query(user_id=user, limit=LIMIT, text=text, placement="search")
                grade: Callable[[str], int] = functools.partial(self._tastes.of_query, asked)
            else:
                shelf = SEASONAL_SHELVES[number // 2 % len(SEASONAL_SHELVES)]
                query = Query(user_id=user, limit=LIMIT, filters=Filters(categories=(shelf,)))
                grade = functools.partial(self._tastes.of_taste, user)
            yield Ask(query, _strata(history, "query" if query.text else "no_query") | {"seasonal"}, grade, user, last)

    def sensitive(self) -> Iterator[Ask]:
        """Shoppers who bought what nobody may be told about: it must not be in the prompt, and not in a reply."""
        for number, (user, _) in enumerate(self._shoppers("11+", "sensitive")):
            bought = sorted(self._tastes.memory(user).owned & self._sensitive)
            if not bought:
                continue
            grade: Callable[[str], int] = functools.partial(self._tastes.of_taste, user)
            text = None
            if number % 3 == 0:
                text, asked = self._search(user, f"sensitive:{number}")
                grade = functools.partial(self._tastes.of_query, asked, user_id=user)
            yield Ask(
                Query(user_id=user, limit=LIMIT, text=text, placement="search" if text else "home"),
                _strata("11+", "query" if text else "no_query") | {"sensitive_history"},
                grade,
                user,
                markers=tuple(self._tastes.products[product_id].name for product_id in bought),
            )

    def languages(self) -> Iterator[Ask]:
        """Queries and stated interests in other languages of the shop's shoppers."""
        shoppers = self._mixed("language")
        for line in OTHER_LANGUAGES * 2:
            user, last, history = next(shoppers)
            budget = None if line.euros is None else line.euros * 100
            yield Ask(
                Query(
                    user_id=user,
                    limit=LIMIT,
                    text=line.english,
                    budget_minor=budget,
                    placement="search",
                ),
                _strata(history, "query") | {"language"},
                functools.partial(self._tastes.of_query, line.asked, budget_minor=budget),
                user,
                last,
                preferences=Preferences(interests=line.interests),
                language=line.language,
                spoken=line.text,
                note=f"candidates are those found for “{line.english}”: the search of this version reads English",
            )

    def _around(self, placement: str) -> Iterator[Ask]:
        histories = ("11+", "0", "4-10", "11+", "1-3")
        chosen = {history: self._shoppers(history, placement) for history in dict.fromkeys(histories)}
        rng = random.Random(f"golden:{placement}")  # noqa: S311 - repeatable, not secret
        anchors = [p for p in self._tastes.products.values() if sum(map(len, p.partners.values())) >= 3 and p.available]
        rng.shuffle(anchors)
        for number, anchor in enumerate(anchors):
            history = histories[number % len(histories)]
            user, last = next(chosen[history])
            at_page = placement == "product"
            yield Ask(
                Query(
                    user_id=user,
                    limit=LIMIT,
                    placement="product" if at_page else "cart",
                    product_id=anchor.product_id if at_page else None,
                    cart=() if at_page else (anchor.product_id,),
                ),
                _strata(history, "no_query"),
                functools.partial(self._beside, user, anchor.product_id, not at_page),
                user,
                last,
            )

    def _beside(self, user: str, anchor: str, cart: bool, product_id: str) -> int:
        return self._tastes.of_page(user, [anchor], product_id, cart=cart)

    def _sized(self, user: str, asked: Asked | None, product_id: str) -> int:
        tastes = self._tastes
        grade = tastes.of_taste(user, product_id) if asked is None else tastes.of_query(asked, product_id, user_id=user)
        return tastes.with_size(user, product_id, grade)

    def _search(self, user: str, seed: str) -> tuple[str, Asked]:
        """What this shopper might type, and what was meant by it."""
        rng = random.Random(f"golden:{seed}")  # noqa: S311
        likes = [kind for kind in self._tastes.likes(user)[:5] if not lexicon.kinds()[kind].sensitive]
        kind = rng.choice(likes)
        pool = [p for p in self._tastes.market.by_kind[kind] if p.available and not p.cold]
        text = search_text(rng.choice(pool), rng).lower()
        words = tuple(word for word in text.split() if word not in _FILLER)
        return text, Asked((kind,), words)

    def _tight(self, user: str) -> int:
        """A price under which a quarter of what the shopper likes most can be had."""
        prices = sorted(
            one.price_minor for kind in self._tastes.likes(user)[:4] for one in self._tastes.market.by_kind[kind]
        )
        return _rounded(prices[len(prices) // 4])

    def _shoppers(self, history: str, seed: str) -> Iterator[tuple[str, int | None]]:
        """(shopper, interactions shown), in an order drawn; long histories stand in for middling ones, cut short."""
        rng = random.Random(f"golden:{seed}:{history}")  # noqa: S311
        own = list(self._people.by_history[history])
        rng.shuffle(own)
        for user in own:
            yield user, None
        longer = list(self._people.by_history["11+"])
        rng.shuffle(longer)
        low, high = _SHORT.get(history, (0, 0))
        for user in longer if history != "11+" else ():
            yield user, rng.randint(low, high)

    def _mixed(self, seed: str) -> Iterator[tuple[str, int | None, str]]:
        histories: Sequence[str] = ("11+", "0", "11+", "1-3", "11+", "4-10")
        chosen = {history: self._shoppers(history, seed) for history in dict.fromkeys(histories)}
        while True:
            for history in histories:
                user, last = next(chosen[history])
                yield user, last, history


def _strata(history: str, query: Stratum) -> frozenset[Stratum]:
    length: Stratum = "cold" if history == "0" else "warm" if history == "11+" else "sparse"
    return frozenset({length, query})


def _rounded(minor: int) -> int:
    """An amount as somebody would state it: whole euros, from 20 on in fives."""
    euros = max(2, -(-minor // 100))
    return (euros if euros < 20 else -(-euros // 5) * 5) * 100
