"""The answer to a rerank prompt: sentences that are true, lies that are planted, aliases that are invented."""

from __future__ import annotations

import json
import re
from typing import get_args

import pytest

from evals.simulated.answer import answer_rerank
from evals.simulated.knobs import Knobs
from evals.simulated.lies import LieKind
from evals.simulated.reading import RerankPrompt, Turn, folded, read_rerank
from tests.support.rerank_prompts import CANDIDATES, SHOPPER, messages

NUMBER = re.compile(r"\d+(?:\.\d+)?")
CITE = re.compile(r"\[([A-Z]+\d+|u\d+)\]")


def prompt_of(candidates: tuple[str, ...] = CANDIDATES, shopper: tuple[str, ...] = SHOPPER) -> RerankPrompt:
    prompt = read_rerank([Turn(m["role"], m["content"]) for m in messages(shopper, candidates)])
    assert prompt is not None
    return prompt


def told(knobs: Knobs, prompt: RerankPrompt | None = None):
    return answer_rerank(prompt if prompt is not None else prompt_of(), (), knobs)


@pytest.mark.parametrize("verbosity", [1, 2, 3])
def test_true_sentences_say_only_what_the_lines_say(verbosity: int) -> None:
    """Every number stands in a cited line, every citation exists and is the candidate's own or the shopper's."""
    prompt = prompt_of()
    lines = {f.id: f.text for c in prompt.candidates for f in c.facts} | {u.id: u.text for u in prompt.shopper}
    seen = set()
    for seed in range(30):
        for one in told(Knobs(seed=seed, verbosity=verbosity, reasons=6), prompt).why:
            cites = CITE.findall(one.text)
            assert all(cite in lines and (cite[0] == "u" or cite.startswith(one.alias)) for cite in cites)
            assert tuple(dict.fromkeys(cites)) == one.cites
            said = NUMBER.findall(CITE.sub("", one.text))
            cited = " ".join(lines[cite] for cite in cites)
            assert set(said) <= set(NUMBER.findall(cited))
            assert one.lie is None
            seen.add(one.text)
    assert len(seen) > 15 * verbosity


def test_shopper_lines_are_cited_where_they_support() -> None:
    """A budget, an interest and a purchase, beside the fact."""
    cites = {one.alias: one.cites for one in told(Knobs(verbosity=3, reasons=6)).why}
    assert cites["A"] == ("u1", "A1", "u2", "A2", "A3")
    assert cites["C"] == ("u3", "C1", "C2")
    assert cites["F"] == ()


def test_verbosity_is_the_number_of_facts() -> None:
    """One fact, two, three; and never one that is not there."""
    for verbosity, facts in ((1, 1), (2, 2), (3, 3)):
        own = next(one for one in told(Knobs(verbosity=verbosity, reasons=6)).why if one.alias == "A").cites
        assert len([cite for cite in own if cite.startswith("A")]) == facts


def test_the_word_limit_of_the_prompt_is_kept() -> None:
    """By leaving facts out, never the first one; the most verbose model doesn't care."""
    turns = [Turn(m["role"], m["content"]) for m in messages(system="Sentences of at most 12 words.")]
    prompt = read_rerank(turns)
    for verbosity, most in ((2, 1), (3, 3)):
        own = next(one for one in told(Knobs(verbosity=verbosity, reasons=6), prompt).why if one.alias == "A").cites
        assert len([cite for cite in own if cite.startswith("A")]) == most


def test_the_lie_rate_is_the_share_of_lies() -> None:
    """None at 0, about a third at 0.3, all at 1, of every kind."""
    for rate, low, high in ((0.0, 0.0, 0.0), (0.3, 0.2, 0.4), (1.0, 1.0, 1.0)):
        lies = [one.lie for seed in range(60) for one in told(Knobs(seed=seed, lie_rate=rate, reasons=6)).why]
        assert low <= sum(lie is not None for lie in lies) / len(lies) <= high
    assert set(lies) == set(get_args(LieKind))


def test_lies_are_lies() -> None:
    """A wrong number is in no line of the product, a wrong citation not its own, an invention not in its line."""
    prompt = prompt_of()
    candidates = {c.alias: c for c in prompt.candidates}
    for seed in range(60):
        for one in told(Knobs(seed=seed, lie_rate=1.0, reasons=6), prompt).why:
            mine = candidates[one.alias]
            numbers = set(NUMBER.findall(CITE.sub("", one.text)))
            if one.lie == "wrong_number":
                assert numbers - set(NUMBER.findall(mine.text))
            elif one.lie == "wrong_citation":
                own = {fact.id for fact in mine.facts}
                assert any(cite not in own and not cite.startswith("u") for cite in one.cites)
            else:
                lie = CITE.sub("", one.text).rstrip(". ").rsplit(", and ", 1)[-1].strip()
                assert lie
                assert folded(lie) not in folded(mine.text)


def test_hallucination_invents_aliases() -> None:
    """Before some places; what is real keeps its order."""
    lengths = set()
    for seed in range(10):
        real = told(Knobs(seed=seed)).order
        order = told(Knobs(seed=seed, hallucination=0.5)).order
        assert [alias for alias in order if alias in "ABCDEF"] == list(real)
        lengths.add(len(order))
    assert len(lengths) > 2
    assert len(told(Knobs(hallucination=1.0)).order) == 12
    assert told(Knobs(hallucination=0.0)).order == told(Knobs()).order


def test_the_order_is_at_most_ten_long_and_comes_first() -> None:
    """Compact JSON that begins with the order, which is done long before the sentences."""
    many = tuple(f"{chr(ord('A') + i)}|Thing {i}|Acme|Kitchen" for i in range(24))
    text = told(Knobs(), prompt_of(many)).text
    assert text.startswith('{"order":["')
    assert len(json.loads(text)["order"]) == 10


def test_names_can_hold_anything() -> None:
    """Braces and percent signs in a name are text."""
    odd = ("A|{0} {name} 100% %s|{x}|Home|A1 promotion 10% off in the promotion “{percent} days”",)
    for seed in range(12):
        text = told(Knobs(seed=seed), prompt_of(odd)).why[0].text
        assert "{percent} days" in text


def test_the_same_prompt_gets_the_same_answer() -> None:
    """And another seed other words."""
    assert told(Knobs(lie_rate=0.5)).text == told(Knobs(lie_rate=0.5)).text
    assert len({told(Knobs(seed=seed)).text for seed in range(10)}) > 5
