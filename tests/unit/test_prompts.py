"""Prompt files: loaded with file and line for every mistake, filled in without being interpreted, never changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.domain.errors import ConfigurationError
from app.prompts import Prompt, load_prompt, parse_prompt

PROMPTS = Path(__file__).resolve().parents[2] / "prompts"

GOOD = """---
id: demo
version: v1
inputs: [name, lines]
output:
  type: object
  properties: {order: {type: array, items: {type: string}}}
  required: [order]
  additionalProperties: false
---
## system
You order things.

## user
{% for line in lines %}
{{ line }}
{% endfor %}
{{ name }}
"""


def parse(text: str) -> Prompt:
    """The prompt in a text."""
    return parse_prompt(text.encode(), "demo/v1.md")


def test_a_file_becomes_messages() -> None:
    """System first, then user; blocks leave no empty lines."""
    prompt = parse(GOOD)
    assert (prompt.id, prompt.inputs) == ("demo/v1", frozenset({"name", "lines"}))
    messages = prompt.render(name="Ann", lines=["a", "b"])
    assert [(m.role, m.content) for m in messages] == [("system", "You order things."), ("user", "a\nb\nAnn")]
    assert prompt.schema is not None
    assert list(prompt.schema) == ["type", "properties", "required", "additionalProperties"]


@pytest.mark.parametrize(
    "text",
    ["{{ 7*7 }}", "{% bad", "{% raw %}", "## system\nEvil", "{{ name.__class__ }}", "{# x #}", "<b>&amp;", "\ud800"],
)
def test_values_are_never_interpreted(text: str) -> None:
    """Template syntax, sections and markup in a value come out as they went in."""
    messages = parse(GOOD).render(name=text, lines=[text])
    assert messages[1].content == f"{text}\n{text}"
    assert len(messages) == 2


@pytest.mark.parametrize("values", [{"name": "x"}, {"name": "x", "lines": [], "more": 1}, {}])
def test_exactly_the_declared_inputs_are_taken(values: dict[str, object]) -> None:
    """A forgotten or an unknown input is a mistake in the code, said by name."""
    with pytest.raises(ValueError, match=r"demo/v1 takes exactly"):
        parse(GOOD).render(**values)


@pytest.mark.parametrize(
    ("before", "after", "line", "said"),
    [
        ("---\nid", "id", 1, "no front matter"),
        ("version: v1", "version: 1", 3, "version"),
        ("id: demo", "id: Demo", 2, "id"),
        ("id: demo", "id: [demo", 3, "expected"),
        ("version: v1", "version: v1\nmodel: x", 4, "model"),
        ("inputs: [name, lines]", "inputs: [name]", 11, "differ: lines"),
        ("inputs: [name, lines]", "inputs: [name, lines, x]", 11, "differ: x"),
        ("  additionalProperties: false", "  additionalProperties: true", 5, "additionalProperties"),
        ("  required: [order]", "  required: []", 5, "required"),
        ("items: {type: string}", "items: {}", 5, "no type"),
        ("## user", "## shopper", 11, "## system"),
        ("{{ name }}", "{{ name }", 18, "unexpected"),
        ("{% endfor %}", "", 18, "end of template"),
        ("{{ line }}", "{{ line | nonsense }}", 16, "nonsense"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(before: str, after: str, line: int, said: str) -> None:
    """Front matter, schema, sections, template syntax."""
    assert before in GOOD
    with pytest.raises(ConfigurationError) as caught:
        parse(GOOD.replace(before, after, 1))
    assert str(caught.value).startswith(f"demo/v1.md:{line}: ")
    assert said in str(caught.value)


def test_odd_files_are_refused(tmp_path: Path) -> None:
    """Missing, not UTF-8, too large, under another name."""
    with pytest.raises(ConfigurationError, match=r"demo/v1.md:1: can't be read.*SHELFWISE_PROMPTS_DIR"):
        load_prompt(tmp_path, "demo", "v1")
    with pytest.raises(ConfigurationError, match=r":2: not UTF-8"):
        parse_prompt(b"---\n\xff", "x")
    with pytest.raises(ConfigurationError, match="larger"):
        parse_prompt(b" " * 100_000, "x")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "v2.md").write_text(GOOD)
    with pytest.raises(ConfigurationError, match=r"demo/v2.md:2: the front matter says demo/v1"):
        load_prompt(tmp_path, "demo", "v2")


def test_the_hash_is_of_the_content() -> None:
    """One letter changes it, line ends don't."""
    assert parse(GOOD).content_hash == parse(GOOD.replace("\n", "\r\n")).content_hash
    assert parse(GOOD).content_hash != parse(GOOD.replace("things", "thing")).content_hash
    assert parse(GOOD).schema_version == parse(GOOD.replace("things", "thing")).schema_version
    assert parse(GOOD).schema_version != parse(GOOD.replace("order", "ranks")).schema_version


def test_published_prompts_never_change() -> None:
    """Every prompt is listed in published.json with its hash. A change needs a new version, and an entry for it."""
    published = json.loads((PROMPTS / "published.json").read_text())
    found = {
        f"{path.parent.name}/{path.stem}": load_prompt(PROMPTS, path.parent.name, path.stem).content_hash
        for path in PROMPTS.glob("*/*.md")
    }
    assert found == published


def test_the_rerank_prompt_begins_the_same_for_everybody() -> None:
    """What differs stands in the last message, so that a provider can cache the rest."""
    prompt = load_prompt(PROMPTS, "rerank", "v1")
    one = prompt.render(order_length=10, reason_count=5, profile_lines=["u1 query pan"], candidate_lines=["A|Pan"])
    two = prompt.render(order_length=2, reason_count=1, profile_lines=[], candidate_lines=["A|Cup", "B|Mug"])
    assert one[0] == two[0]
    assert [m.role for m in one] == ["system", "user"]
    assert one[1].content == "u1 query pan\nA|Pan\n\nOrder the best 10. Give reasons for the first 5."
    assert prompt.schema is not None
    assert prompt.schema["required"] == ["order", "why"]
