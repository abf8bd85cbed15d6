"""What the prover catches and what it wrongly refuses: planted lies, generated truths, a person's sentences."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence
from app.pipeline.proof import Proof, prove, resolve_citations
from app.pipeline.reasons import ItemEvidence, compile_reasons
from app.pipeline.reasons_schema import ReasonConfig
from evals.proofs.grammar import SEED, Case, lies, truths
from evals.proofs.paraphrased import paraphrased_cases
from evals.proofs.shop_cases import load_products, subjects

NATURAL = Path(__file__).parent / "natural.jsonl"
NATURAL_SECOND = Path(__file__).parent / "natural_second.jsonl"
NATURAL_THIRD = Path(__file__).parent / "natural_third.jsonl"
_SHOWN = 40  # sentences listed of each kind of mistake


@dataclass(slots=True)
class Tally:
    """How many of a group of sentences got the right verdict, and those that did not."""

    n: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, text: str, *, right: bool, why: str = "") -> None:
        """Counts one sentence."""
        self.n += 1
        self.right += right
        if not right:
            self.wrong.append(f"{text}{' — ' + why if why else ''}")

    @property
    def share(self) -> float:
        """The share with the right verdict; 1.0 of none."""
        return self.right / self.n if self.n else 1.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that docs/proofs.md reports."""

    lies: Mapping[str, Tally]  # by type; right = refused
    truths: Tally  # right = accepted
    refusals: Mapping[str, int]  # of truths, by kind of failure
    unproved_figures: int  # digits in accepted sentences, lies included, that no cited fact or item record holds
    compiled: Tally  # sentences of compile_reasons; right = accepted
    natural_false: Tally | None
    natural_true: Tally | None
    second_false: Tally  # the second set of natural sentences
    second_true: Tally
    third_false: Tally  # the third, which nobody who works on the prover may read: what it does on unseen prose
    third_true: Tally
    paraphrased_false: Tally
    paraphrased_true: Tally
    ms_p50: float
    ms_p95: float
    ms_max: float

    @property
    def caught(self) -> Tally:
        """All lies together."""
        return Tally(sum(t.n for t in self.lies.values()), sum(t.right for t in self.lies.values()))


def verdict(case: Case, config: ReasonConfig) -> Proof | None:
    """The prover's verdict; None when the sentence cites something that the item doesn't have."""
    resolved = resolve_citations(case.text, case.facts)
    if resolved.unknown:
        return None
    return prove(
        resolved.sentence,
        item=case.item,
        cited=resolved.evidence,
        profile_facts=resolved.profile_facts,
        config=config,
        currency=case.currency,
        citations=resolved.citations,
    )


def measure(config: ReasonConfig, *, n_truths: int = 5_000, n_lies: int = 300, natural: Path = NATURAL) -> Figures:
    """All figures, the same for the same arguments but for the times."""
    by_type: dict[str, Tally] = {}
    unproved = 0
    for case in lies(n_lies, config=config):
        proof = verdict(case, config)
        accepted = proof is not None and proof.ok
        by_type.setdefault(case.lie or "", Tally()).add(case.text, right=not accepted)
        unproved += accepted and _unproved_figures(case) > 0
    accepted_truths, refusals, times = Tally(), Counter[str](), []
    for case in truths(n_truths, config=config):
        started = time.perf_counter()
        proof = verdict(case, config)
        times.append(1000 * (time.perf_counter() - started))
        ok = proof is not None and proof.ok
        failures = () if proof is None else proof.failures
        accepted_truths.add(case.text, right=ok, why=", ".join(f"{f.kind} “{f.span}”" for f in failures))
        refusals.update({f.kind for f in failures})
        unproved += ok and _unproved_figures(case) > 0
    times.sort()
    false, true = _natural(natural, config) if natural.exists() else (None, None)
    second_false, second_true = _natural(NATURAL_SECOND, config)
    third_false, third_true = _natural(NATURAL_THIRD, config)
    told_false, told_true = _paraphrased(config)
    return Figures(
        lies=by_type,
        truths=accepted_truths,
        refusals=dict(refusals.most_common()),
        unproved_figures=unproved,
        compiled=_compiled(config),
        natural_false=false,
        natural_true=true,
        second_false=second_false,
        second_true=second_true,
        third_false=third_false,
        third_true=third_true,
        paraphrased_false=told_false,
        paraphrased_true=told_true,
        ms_p50=times[len(times) // 2],
        ms_p95=times[len(times) * 95 // 100],
        ms_max=times[-1],
    )


def _unproved_figures(case: Case) -> int:
    """Digits of an accepted sentence that are nowhere in its item or facts, hedged and grouped forms aside.

    A check of its own, on purpose cruder than the prover: the runs of digits of a figure, without separators and
    zeros at either end, must be found in the facts, in their text or their machine form.
    """
    resolved = resolve_citations(case.text, case.facts)
    cited: list[Evidence | ProfileFact] = [*resolved.evidence, *resolved.profile_facts]
    texts = [case.item.name, *case.item.tags, *map(str, case.item.attributes.values()), *(f.text for f in cited)]
    known = {_bare(word) for text in texts for word in text.replace("/", " ").split()}
    known |= {"".join(c for c in part if c.isdigit()).strip("0") for text in texts for part in _parts(text)}
    known |= {str(v).strip("0") for e in resolved.evidence for v in e.value.values() if isinstance(v, int)}
    words = resolved.sentence.replace("-", " ").replace("/", " ").split()
    unknown = 0
    for i, word in enumerate(words):
        bare = _bare(word)
        if not bare or bare in known or any(bare in "".join(_bare(w) for w in t.text.split()) for t in cited):
            continue
        hedged = {w.casefold() for w in words[max(i - 3, 0) : i]}
        if hedged.isdisjoint(
            {"about", "around", "roughly", "approximately", "nearly", "almost", "just", "over", "than"}
        ):
            unknown += 1
    return unknown


def _bare(word: str) -> str:
    return "".join(c for c in word if c.isdigit()).strip("0")


def _parts(text: str) -> Iterable[str]:
    return "".join(c if c.isdigit() or c in ".," else " " for c in text).split()


def _compiled(config: ReasonConfig) -> Tally:
    """Whether the prover accepts what `compile_reasons` says of the same items."""
    tally = Tally()
    pool = subjects(600, SEED + 2, config)
    rng = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    for start in range(0, len(pool), 6):
        slate = list({s.item.product_id: s for s in pool[start : start + 6]}.values())
        entries = [ItemEvidence(s.item.product_id, s.item.name, s.evidence, s.currency) for s in slate]
        for subject, reason in zip(slate, compile_reasons(entries, seed=str(rng.random()), config=config), strict=True):
            if not reason.evidence_ids:
                continue
            cited = [e for e in subject.evidence if e.id in reason.evidence_ids]
            proof = prove(reason.text, item=subject.item, cited=cited, config=config, currency=subject.currency)
            why = ", ".join(f"{f.kind} “{f.span}”" for f in proof.failures)
            tally.add(reason.text, right=proof.ok and set(proof.evidence_ids) == set(reason.evidence_ids), why=why)
    return tally


def natural_cases(path: Path = NATURAL) -> list[tuple[Case, bool, str]]:
    """(sentence with its facts, whether its writer says that it is true, why) of every line of the file."""
    products = {p.product_id: p for p in load_products()}
    cases = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        facts: dict[str, Evidence | ProfileFact] = {
            f["id"]: Evidence(f["id"], f["kind"], f["text"], f["value"]) for f in row["facts"]
        }
        facts |= {f["id"]: ProfileFact(f["id"], f["kind"], f["text"]) for f in row["profileFacts"]}
        cases.append((Case(row["text"], products[row["productId"]], facts, "EUR"), bool(row["truth"]), row["why"]))
    return cases


def _natural(path: Path, config: ReasonConfig) -> tuple[Tally, Tally]:
    false, true = Tally(), Tally()
    for case, truth, why in natural_cases(path):
        proof = verdict(case, config)
        accepted = proof is not None and proof.ok
        reasons = "" if proof is None else ", ".join(f"{f.kind} “{f.span}”" for f in proof.failures)
        (true if truth else false).add(case.text, right=accepted == truth, why=reasons if truth else why)
    return false, true


def _paraphrased(config: ReasonConfig) -> tuple[Tally, Tally]:
    false, true = Tally(), Tally()
    for _, case, truth in paraphrased_cases():
        proof = verdict(case, config)
        accepted = proof is not None and proof.ok
        reasons = "" if proof is None else ", ".join(f"{f.kind} “{f.span}”" for f in proof.failures)
        (true if truth else false).add(case.text, right=accepted == truth, why=reasons)
    return false, true


def as_json(figures: Figures) -> dict[str, Any]:
    """The figures as plain data."""

    def told(tally: Tally | None) -> dict[str, Any] | None:
        if tally is None:
            return None
        return {"n": tally.n, "right": tally.right, "share": round(tally.share, 4), "wrong": tally.wrong[:_SHOWN]}

    return {
        "lies": told(figures.caught),
        "liesByType": {kind: told(tally) for kind, tally in figures.lies.items()},
        "truths": told(figures.truths),
        "refusalsOfTruths": dict(figures.refusals),
        "unprovedFigures": figures.unproved_figures,
        "compiled": told(figures.compiled),
        "naturalFalse": told(figures.natural_false),
        "naturalTrue": told(figures.natural_true),
        "secondNaturalFalse": told(figures.second_false),
        "secondNaturalTrue": told(figures.second_true),
        "thirdNaturalFalse": {"n": figures.third_false.n, "right": figures.third_false.right},
        "thirdNaturalTrue": {"n": figures.third_true.n, "right": figures.third_true.right},
        "paraphrasedFalse": told(figures.paraphrased_false),
        "paraphrasedTrue": told(figures.paraphrased_true),
        "milliseconds": {"p50": figures.ms_p50, "p95": figures.ms_p95, "max": figures.ms_max},
    }


def listed(texts: Sequence[str]) -> list[str]:
    """Markdown items of at most `_SHOWN` sentences."""
    return [f"- {text.replace('|', '/')}" for text in texts[:_SHOWN]]
