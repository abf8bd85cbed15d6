"""rules/gate.yaml: shipped priors, measured lines, and what is refused with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.adapters.gate_file import load_gate, parse_gate
from app.domain.errors import RulesError
from app.domain.ranking import HISTORY_BUCKETS
from app.pipeline.gate_schema import INTENTS, Gate, gate_line

RULES = Path(__file__).resolve().parents[2] / "rules"
SHIPPED = (RULES / "gate.yaml").read_text(encoding="utf-8")

MEASURED = """  - { history: "11+", intent: none, w: 0.5, maxLift: 7, source: measured,
      model: openai/gpt-4o-mini, promptHash: 0123456789abcdef, n: 400, interval: [0.002, 0.03] }
"""


def gate(extra: str = "") -> Gate:
    """The shipped gate with lines at its end."""
    return parse_gate((SHIPPED + extra).encode(), "gate.yaml")


def test_the_shipped_priors() -> None:
    """A stated intent trusts the model more; every segment has its line."""
    shipped = load_gate(RULES)
    for bucket in HISTORY_BUCKETS:
        for intent in INTENTS:
            line = gate_line(shipped, bucket, intent, "any", "hash")
            assert (line.w, line.max_lift) == ((0.8, 12) if intent == "stated" else (0.35, 5))
            assert line.source == "prior"
            assert line.name == f"{bucket}/{intent}"


def test_a_measured_line_holds_for_its_model_and_prompt_only() -> None:
    """Another model, another prompt, another segment: the prior."""
    measured = gate(MEASURED)
    line = gate_line(measured, "11+", "none", "openai/gpt-4o-mini", "0123456789abcdef")
    assert (line.w, line.max_lift, line.source, line.n, line.interval) == (0.5, 7, "measured", 400, (0.002, 0.03))
    assert gate_line(measured, "11+", "none", "openai/gpt-4o", "0123456789abcdef").source == "prior"
    assert gate_line(measured, "11+", "none", "openai/gpt-4o-mini", "fedcba9876543210").source == "prior"
    assert gate_line(measured, "4-10", "none", "openai/gpt-4o-mini", "0123456789abcdef").source == "prior"


def test_the_key_tells_lines_apart() -> None:
    """A changed weight never serves what was fused or asked with another."""
    measured = gate(MEASURED)
    prior = gate_line(measured, "11+", "none", "x", "y")
    line = gate_line(measured, "11+", "none", "openai/gpt-4o-mini", "0123456789abcdef")
    assert prior.name == line.name == "11+/none"
    assert prior.key != line.key


def test_a_measurement_that_excludes_no_loss_turns_the_model_off() -> None:
    """With w 0 it loads; with more it is refused."""
    loss = MEASURED.replace("[0.002, 0.03]", "[-0.002, 0.03]")
    off = gate(loss.replace("w: 0.5", "w: 0"))
    assert gate_line(off, "11+", "none", "openai/gpt-4o-mini", "0123456789abcdef").w == 0
    with pytest.raises(RulesError, match=r"gate.yaml:\d+: .*does not exclude a loss, so w must be 0, not 0.5"):
        gate(loss)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("w: 0.5", "w: 1.5", "w"),
        ("w: 0.5", "w: .nan", "w"),
        ("maxLift: 7", "maxLift: -1", "maxLift"),
        ("maxLift: 7", "maxlift: 7", 'did you mean "maxLift"'),
        ('"11+"', '"12+"', "unknown history"),
        ("intent: none", "intent: nonee", 'did you mean "none"'),
        ("n: 400, ", "", "a measured line needs n"),
        ("interval: [0.002, 0.03]", "interval: [0.03, 0.002]", "low before high"),
        ("interval: [0.002, 0.03]", "interval: [0.002]", "interval"),
        ("source: measured", "source: prior", "a prior has no model"),
    ],
)
def test_a_mistake_is_named_with_its_line(before: str, after: str, said: str) -> None:
    """One line of the file is wrong, and the message says which."""
    assert before in MEASURED
    with pytest.raises(RulesError) as caught:
        gate(MEASURED.replace(before, after))
    first = SHIPPED.count("\n") + 1
    assert any(f"gate.yaml:{line}: " in str(caught.value) for line in (first, first + 1))
    assert said in str(caught.value)


def test_every_segment_needs_one_prior_and_one_line_each() -> None:
    """A missing prior and a second line for the same are refused."""
    line = '  - { history: "4-10", intent: stated, w: 0.8, maxLift: 12, source: prior }\n'
    with pytest.raises(RulesError, match=r'no prior for history "4-10" and intent stated'):
        parse_gate(SHIPPED.replace(line, "").encode(), "gate.yaml")
    with pytest.raises(RulesError, match=r"a second prior line"):
        gate(line)
    with pytest.raises(RulesError, match=r"a second measured line"):
        gate(MEASURED + MEASURED)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With the folder that was looked in."""
    with pytest.raises(RulesError, match=r"gate.yaml:1: can't be read"):
        load_gate(tmp_path)
