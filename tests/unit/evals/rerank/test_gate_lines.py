"""Measured lines in rules/gate.yaml: what is put in, what stays, and what is refused."""

import shutil
from pathlib import Path

import pytest

from app.adapters.gate_file import load_gate
from app.domain.errors import BadInput, RulesError
from app.pipeline.gate_schema import gate_line
from app.settings import shipped_directory
from evals.rerank.gate_lines import gate_text, measured, refusal, write_gate
from evals.rerank.measure import Segment, segments, service
from tests.unit.evals.rerank.synthetic import MODEL, PROMPT_HASH, a_case, a_reply, with_order


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The shipped rules, to be changed."""
    return Path(shutil.copytree(shipped_directory("rules"), tmp_path / "rules"))


def figures(rules: Path) -> list[Segment]:
    """A model that helps new shoppers and harms those with a history."""
    found = [with_order(a_case(f"a{i}", [8], history="0"), [8]) for i in range(60)]
    found += [with_order(a_case(f"b{i}", [0]), [5, 6, 7]) for i in range(60)]
    return measured(segments(found, load_gate(rules), MODEL, PROMPT_HASH, seed=1, resamples=200))


def test_the_service_reads_what_was_written(rules: Path) -> None:
    """The line holds for its model and prompt; for others, and for other segments, the prior does."""
    write_gate(rules, figures(rules), MODEL, PROMPT_HASH)
    gate = load_gate(rules)
    helped = gate_line(gate, "0", "none", MODEL, PROMPT_HASH)
    assert helped.source == "measured"
    assert helped.w > 0
    assert helped.n == 30
    harmed = gate_line(gate, "11+", "none", MODEL, PROMPT_HASH)
    assert (harmed.source, harmed.w, harmed.max_lift) == ("measured", 0.0, 0)
    assert harmed.interval is not None
    assert harmed.interval[1] <= 0
    assert gate_line(gate, "0", "none", MODEL, "another-prompt").source == "prior"
    assert gate_line(gate, "0", "none", "other/model", PROMPT_HASH).source == "prior"
    assert gate_line(gate, "1-3", "none", MODEL, PROMPT_HASH).source == "prior"


def test_comments_priors_and_other_models_stay(rules: Path) -> None:
    """Measuring again replaces the same model's lines; every other line is as it was, byte for byte."""
    path = rules / "gate.yaml"
    before = path.read_text()
    write_gate(rules, figures(rules), "other/model", PROMPT_HASH)
    write_gate(rules, figures(rules), MODEL, PROMPT_HASH)
    once = path.read_text()
    assert once.startswith(before.rstrip("\n"))
    assert once.count("other/model") == 2
    write_gate(rules, figures(rules), MODEL, PROMPT_HASH)
    assert path.read_text() == once


def test_a_prompt_hash_of_digits_stays_text(rules: Path) -> None:
    """YAML would read 1234567890123456 as a number."""
    write_gate(rules, figures(rules), MODEL, "1234567890123456")
    assert gate_line(load_gate(rules), "0", "none", MODEL, "1234567890123456").source == "measured"


@pytest.mark.parametrize("text", ["  - { history: 11+,\n      w: 0.5 }\n", "  - history: '0'\n    w: 0.5\n"])
def test_lines_that_go_on_below_are_left_alone(rules: Path, text: str) -> None:
    """A file in another form is refused with what to do; nothing is cut apart."""
    with pytest.raises(BadInput, match="on one line"):
        gate_text("version: 1\nlines:\n" + text, figures(rules), MODEL, PROMPT_HASH)


def test_a_broken_file_is_left_as_it_is(rules: Path) -> None:
    """What is no gate before is not made one."""
    path = rules / "gate.yaml"
    found = figures(rules)
    path.write_text("version: 1\nlines: []\n")
    with pytest.raises(RulesError):
        write_gate(rules, found, MODEL, PROMPT_HASH)
    assert path.read_text() == "version: 1\nlines: []\n"
    assert sorted(entry.name for entry in rules.iterdir()) == sorted(
        p.name for p in shipped_directory("rules").iterdir()
    )


def test_a_missing_file_is_named(tmp_path: Path, rules: Path) -> None:
    """A folder without gate.yaml ends with a message, not a traceback."""
    with pytest.raises(BadInput, match=r"gate\.yaml"):
        write_gate(tmp_path, figures(rules), MODEL, PROMPT_HASH)


def test_a_programs_replies_make_no_gate(rules: Path) -> None:
    """One simulated reply among many is enough to refuse, and the message names the program."""
    found = [with_order(a_case(f"a{i}", [8]), [8]) for i in range(60)]
    replies = [one.reply for one in found]
    told = service(found, 500)
    assert refusal(replies, told, figures(rules)) is None
    spoilt = [*replies[1:], a_reply(a_case("x", [8]), [8], told="simulated-gpt-4o-mini")]
    problem = refusal(spoilt, told, figures(rules))
    assert problem is not None
    assert "1 of 60" in problem
    assert "simulated-gpt-4o-mini" in problem


def test_a_providers_bad_day_makes_no_gate(rules: Path) -> None:
    """Where one reply in five is useless, nothing is written."""
    found = [with_order(a_case(f"a{i}", [8]), "sorry" if i % 5 == 0 else [8]) for i in range(60)]
    problem = refusal([one.reply for one in found], service(found, 500), figures(rules))
    assert problem is not None
    assert "bad day" in problem


def test_no_segment_makes_no_gate() -> None:
    """Nothing to write is said, not written."""
    found = [with_order(a_case("u", [8]), [8])]
    problem = refusal([one.reply for one in found], service(found, 500), [])
    assert problem is not None
    assert "--limit-users" in problem
