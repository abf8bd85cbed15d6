"""Whether a written reason may be shown: every word and figure of it follows from the facts that it cites.

A closed world (DESIGN.md, Proof): what isn't a neutral word must come from a cited fact or the item's own record;
figures, comparisons and superlatives from a cited fact only, in the right unit, currency, role and direction; and at
least one fact of the item is stated. Whatever the rules here don't know is refused: a refused sentence costs a
compiled one in its place, a wrong one costs trust.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.domain.catalog import Product
from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence
from app.pipeline import proof_claims, proof_comparisons, proof_deeds, proof_places, proof_wishes
from app.pipeline.proof_facts import Backing, OwnWords, Quantity, backing_of, own_words
from app.pipeline.proof_kinship import wrong_kinship
from app.pipeline.proof_limits import kept_within
from app.pipeline.proof_names import NameMarks
from app.pipeline.proof_numbers import mentions
from app.pipeline.proof_orders import order_to_the_model
from app.pipeline.proof_people import misattributed
from app.pipeline.proof_plain import Place, as_property, crowd, plain_use, praises, soft
from app.pipeline.proof_quantities import UNIT_WORDS, places, rank_of, stated, wrong_month
from app.pipeline.proof_scope import too_wide
from app.pipeline.proof_spans import Groups, cited_elsewhere, groups_of
from app.pipeline.proof_text import (
    CitedAt,
    Resolved,
    Token,
    forms,
    markup_in,
    mended,
    resolve_citations,
    tokens_of,
    word_set,
)
from app.pipeline.reasons_schema import ReasonConfig

__all__ = ["MAX_CHARS", "Failure", "FailureKind", "Proof", "Resolved", "prove", "resolve_citations"]

MAX_CHARS = 300

FailureKind = Literal[
    "too_long",
    "markup",
    "language",
    "sensitive",
    "negation",
    "superlative",
    "wrong_comparative",
    "unbacked_claim",
    "uncited_number",
    "unit",
    "currency",
    "stock",
    "wrong_deed",
    "wrong_wish",
    "wrong_name",
    "wrong_citation",
    "unknown_word",
    "no_item_fact",
]

_SUBJECT_VERBS = word_set("is has was cost costs comes gets holds scores sits fits matches ranks carries stays")
_TAIL_VERBS = word_set("in on also from by often yours")


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that isn't proved, and the words in question."""

    kind: FailureKind
    span: str


@dataclass(frozen=True, slots=True)
class Proof:
    """The verdict on one sentence."""

    ok: bool
    text: str  # what may be shown when ok: spaces mended
    evidence_ids: tuple[str, ...]  # cited facts of the item that the sentence states, in the order of `cited`
    failures: tuple[Failure, ...]


def prove(
    text: str,
    *,
    item: Product,
    cited: Sequence[Evidence],
    profile_facts: Sequence[ProfileFact] = (),
    config: ReasonConfig,
    currency: str,
    citations: Sequence[CitedAt] = (),
    also: Sequence[Quantity] = (),
) -> Proof:
    """Whether a sentence about `item` follows from what it cites.

    Never raises on any text. Time is linear in the text and the facts: at most MAX_CHARS characters are looked at.

    Args:    text: the sentence without citations (`resolve_citations`); cited: facts of this item that it cites.
             profile_facts: lines about the shopper that it cites; currency: of all amounts.
             citations: where each citation stood; with none, every fact may stand behind every figure.
             also: figures of the item's record that hold without a citation, such as its price in a chat.
    Returns: `ok` with no failures, or every kind of failure found.
    """
    if len(text) > MAX_CHARS:
        return Proof(False, "", (), (Failure("too_long", f"{len(text)} characters"),))
    shown = mended(text)
    markup = markup_in(shown)
    if markup is not None:
        return Proof(False, shown, (), (Failure("markup", ascii(markup)),))
    check = _Check(shown, own_words(item, config), backing_of(cited, profile_facts, currency, also), config, currency)
    check.cited_at = groups_of(citations)
    check.run()
    used = check.used
    return Proof(
        ok=not check.failures,
        text=shown,
        evidence_ids=tuple(fact.id for fact in cited if fact.id in used),
        failures=tuple(check.failures),
    )


class _Check:
    """One sentence on its way through the rules; collects failures and the facts that were stated."""

    def __init__(self, text: str, own: OwnWords, backing: Backing, config: ReasonConfig, currency: str) -> None:
        self.text, self.own, self.backing, self.config, self.currency = text, own, backing, config, currency
        self.tokens: list[Token] = tokens_of(text)
        names = NameMarks(self.tokens, backing)
        self.named = names.named  # 1 + index into backing.names
        self.covered = names.covered  # 1: part of a whole field; 2: of a name or brand; 3: of a cited name
        self.figures = [0] * len(self.tokens)
        self.used: set[str] = names.used
        self.failures: list[Failure] = []
        self.telling = False
        self.cited_at: Groups = ()
        self.kept_within = kept_within(self.tokens, backing)

    def run(self) -> None:
        """Every rule, the cheap and general ones first."""
        if not self.config.sensitivity.speakable(self.text):
            self._fail("sensitive", "")
        self._own_fields()
        self._figures()
        self._words()
        deed = proof_deeds.wrong_deeds(self.tokens, self.backing, self.named, self.own)
        if deed:
            self._fail("wrong_deed", deed)
        relation = proof_deeds.wrong_relation(
            self.tokens,
            self.backing,
            [self._told(i) for i in range(len(self.tokens))],
            [n if n and self.backing.names[n - 1].deed else 0 for n in self.named],
        )
        if relation:
            self._fail("unbacked_claim", relation)
        kinship = wrong_kinship(self.tokens, self.backing, self.named, self.own)
        if kinship:
            self._fail("wrong_name", kinship)
        people = misattributed(self.tokens, self.named)
        if people:
            self._fail("wrong_deed", people)
        wide = too_wide(self.tokens, self.backing)
        if wide:
            self._fail("superlative", wide)
        wish = proof_wishes.wrong_wish(self.tokens, self.backing, self.own, self.config)
        if wish:
            self._fail("wrong_wish", wish)
        order = order_to_the_model(self.tokens)
        if order:
            self._fail("unbacked_claim", order)
        place = proof_places.wrong_place(self.tokens, self.backing, self.named, self.own)
        if place:
            self._fail("wrong_wish", place)
        if not self.used and not self.telling:
            self._fail("no_item_fact", self.text[:40])

    def _told(self, i: int) -> bool:
        """Whether the word at i is part of a name or a stated word, or is used plainly."""
        if self.covered[i] or self.tokens[i].word in self.backing.terms or i in self.kept_within:
            return True
        return plain_use(self._place(i))

    def _fail(self, kind: FailureKind, span: str) -> None:
        self.failures.append(Failure(kind, span))

    def _own_fields(self) -> None:
        """Whole names, brands, tags and values of the item's own record."""
        for i, token in enumerate(self.tokens):
            for words in self.own.fields.get(token.word, ()):
                end = i + len(words)
                if len(words) == 1 and token.figure:
                    continue  # the bare figure of an attribute: proved with its unit only
                if end <= len(self.tokens) and all(
                    self.tokens[i + k].word == word for k, word in enumerate(words[1:], start=1)
                ):
                    mark = 2 if words in self.own.trusted else 1
                    for k in range(i, end):
                        self.covered[k] = max(self.covered[k], mark)

    # Figures.

    def _figures(self) -> None:
        for mention in mentions(self.tokens, self.currency):
            if isinstance(mention, int):
                if not self.covered[mention]:
                    self._fail("uncited_number", self.tokens[mention].text)
                continue
            result = stated(self.tokens, mention, self.backing, self.own, self.covered, self.currency)
            if result.failure and mention.hedge and not self.tokens[mention.first].figure and mention.n == 1:
                continue
            if result.failure:
                written = " ".join(t.text for t in self.tokens[mention.start : mention.end])
                self._fail("currency" if result.failure == "currency" else _number_failure(result.failure), written)
            if result.fact_id:
                self.used.add(result.fact_id)
                if cited_elsewhere(self.cited_at, mention.start, mention.end, result.fact_id, self.backing):
                    self._fail("wrong_citation", self.tokens[mention.first].text)
            if result.own and self.tokens[mention.first].figure:
                self.telling = True
            for k in range(mention.start, mention.end):
                self.figures[k] = 1
            if result.own and mention.end < len(self.tokens) and self.tokens[mention.end].text in UNIT_WORDS:
                self.figures[mention.end] = 1
        for i in range(len(self.tokens)):
            wrong = None if self.figures[i] or self.covered[i] else wrong_month(self.tokens, i, self.backing)
            if wrong:
                self._fail("uncited_number", self.tokens[i].text)
            self.figures[i] = self.figures[i] or int(wrong is not None)
        for i, place in places(self.tokens):
            held = rank_of(self.backing, place)
            if held is not None:
                self.figures[i] = 1
                self.used.add(held.fact_id)
            elif not self.covered[i] and not self.figures[i]:
                self._fail("superlative" if place == 1 else "uncited_number", self.tokens[i].text)
                self.figures[i] = 1

    # Words.

    def _words(self) -> None:
        unknown: list[str] = []
        for i, token in enumerate(self.tokens):
            if token.negated or (token.text in proof_claims.NEGATIONS and token.text != "none"):
                if self.covered[i] < 1 and not self._plain_denial(i):
                    self._fail("negation", token.text)
                continue
            if self.figures[i] or token.figure or token.sign:
                if token.text == "#" and self.figures[i + 1 : i + 2] == [1]:
                    continue
                if token.sign and not self.figures[i] and not self.covered[i] and token.text not in "&+/×°":
                    self._fail("unit", token.text)
                continue
            if self.covered[i] >= 2:
                self._named_word(i)
                continue
            if not self._word(i):
                unknown.append(token.text)
        words = sum(not t.figure and not t.sign for t in self.tokens)
        if len(unknown) >= 3 and 2 * len(unknown) >= words:
            self._fail("language", " ".join(unknown)[:60])
        for word in unknown:
            self._fail(_unknown_kind(word), word)

    def _plain_denial(self, i: int) -> bool:
        """Whether the negation at i is part of a figure or says what a cited fact says."""
        if i in self.kept_within or self.figures[i] or self._rank_number(i) or plain_use(self._place(i)):
            return True
        return proof_comparisons.denied(self.tokens, i, self.backing)

    def _rank_number(self, i: int) -> bool:
        return self.tokens[i].text == "no" and i + 1 < len(self.tokens) and self.figures[i + 1] > 0

    def _named_word(self, i: int) -> None:
        """A name at the head of a sentence is its subject: another product's name there says its facts of that one."""
        brand_like = self.covered[i] == 2
        self.telling = self.telling or (brand_like and self.tokens[i].word in self.own.telling)
        number = self.named[i]
        if not number or self.backing.names[number - 1].deed is None or self.covered[i] != 3:
            return
        words = self.backing.names[number - 1].words
        before = self.tokens[i - 1].text if i else ""
        inside = i > 0 and self.named[i - 1] == number  # "Crocus Bulbs from Gardenia", all of one name
        if (
            not inside
            and before in ("by", "from", "brand")
            and words[0] == self.tokens[i].word
            and not self._is_own_brand(i)
        ):
            self._fail("wrong_name", self.tokens[i].text)
        end = i + 1
        while end < len(self.tokens) and self.named[end] == number:
            end += 1
        starts = self.tokens[i].stop == 2 or (i >= 1 and before in ("the", "this") and self.tokens[i - 1].stop == 2)
        told = self.tokens[end : end + 2]
        if starts and len(told) == 2 and told[0].text in _SUBJECT_VERBS and told[1].text not in _TAIL_VERBS:
            self._fail("wrong_name", self.tokens[i].text)

    def _is_own_brand(self, i: int) -> bool:
        return any(
            all(i + k < len(self.tokens) and self.tokens[i + k].word == word for k, word in enumerate(words))
            for words in self.own.trusted
        )

    def _word(self, i: int) -> bool:
        """Whether the word at i is proved or neutral. Failures of claims are recorded here; False = unknown."""
        token = self.tokens[i]
        if i in self.kept_within:
            self.used.add(self.backing.kinds["price_vs_budget"])
            return True
        told = forms(token.word)
        claim = next((f for f in (token.text, *told) if f in self.config.claim_words), None)
        fact = self.backing.terms.get(token.word, "") or proof_claims.profile_backing(token, self.backing)
        if fact:
            self.used.add(fact)
        if claim is not None:
            kinds = self.config.claim_words[claim]
            backed = [self.backing.kinds[kind] for kind in kinds if kind in self.backing.kinds]
            self.used.update(backed)
            if not backed and not fact and not plain_use(self._place(i)):
                if self.covered[i] and kinds:
                    self.telling = True  # a whole tag or value that happens to be such a word
                    return True
                superlative = (claim.endswith("est") and "interest" not in claim) or claim in (
                    "best",
                    "most",
                    "top",
                    "first",
                    "perfect",
                    "ideal",
                )
                self._fail("superlative" if superlative else "unbacked_claim", token.text)
                return True
        if plain_use(self._place(i)):
            return True
        wrong = "" if self.covered[i] else proof_claims.misplaced(self.tokens, i, self.backing, self.figures)
        if wrong and not (fact and token.word in self.backing.terms):
            self._fail(_claim_failure(wrong), token.text)
            return True
        if claim is not None or fact:
            return True
        if as_property(self._place(i)):
            return False
        if token.text in self.config.neutral_words or self._inflected(i, told):
            return True
        if self.covered[i] or any(f in self.own.words for f in told):
            self.telling = self.telling or any(f in self.own.telling for f in told)
            return True
        return self._told_otherwise(i)

    def _inflected(self, i: int, told: Sequence[str]) -> bool:
        """Whether the word is a form of a neutral one, and no adjective made of it: "a standing desk"."""
        token = self.tokens[i]
        if token.word in self.backing.wished or not any(form in self.config.neutral_words for form in told):
            return False
        before = self.tokens[i - 1].text if i and not token.stop else ""
        return not token.text.endswith("ing") or before not in ("a", "an", "the", "this", "these", "your", "its", "our")

    def _told_otherwise(self, i: int) -> bool:
        """Words that only their place makes sayable: praise of a rating, a crowd of raters, the shopper's own words."""
        place, wished = self._place(i), self.backing.wished.get(self.tokens[i].word, "")
        if wished and proof_wishes.framed(self.tokens, i, self.backing):
            return True
        if gathered := crowd(place):
            self.used.add(gathered)
            return True
        return praises(place) or soft(place)

    def _place(self, i: int) -> Place:
        return Place(self.tokens, i, self.covered, self.figures, self.backing, self.own)


def _number_failure(failure: str) -> FailureKind:
    return "unit" if failure == "unit" else "uncited_number"


_CLAIM_FAILURES: dict[str, FailureKind] = {
    "wrong_comparative": "wrong_comparative",
    "superlative": "superlative",
    "negation": "negation",
    "stock": "stock",
    "uncited_number": "uncited_number",
}


def _claim_failure(wrong: str) -> FailureKind:
    return _CLAIM_FAILURES.get(wrong, "unknown_word")


def _unknown_kind(word: str) -> FailureKind:
    if word in proof_claims.INVERTED:
        return "wrong_comparative"
    return "superlative" if word.endswith("est") and len(word) > 5 else "unknown_word"
