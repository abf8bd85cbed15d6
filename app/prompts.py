"""Loads, checks and renders prompts/<name>/<version>.md. A published version never changes (prompts/published.json).

A file is YAML front matter (id, version, inputs, output) and a Jinja2 body with the sections `## system` and
`## user`. Values are put in, never interpreted: the template is compiled from the file alone, sections are cut before
anything is filled in, and the sandbox has no loader. `{{ 7*7 }}` in a product name stays what it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import yaml
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, UndefinedError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.domain.errors import ConfigurationError
from app.domain.model_calls import Message

MAX_FILE_BYTES = 64 * 1024

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*\n", re.DOTALL | re.MULTILINE)
_SECTION = re.compile(r"^## (\S.*?)[ \t]*$", re.MULTILINE)
_ROLES: tuple[Literal["system", "user"], ...] = ("system", "user")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]


class _Front(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
    version: Annotated[str, StringConstraints(pattern=r"^v[1-9][0-9]{0,3}$")]
    inputs: list[Name]
    output: dict[str, Any] | None = Field(default=None)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version of a prompt, ready to be filled in."""

    id: str  # "rerank/v1", for meta.promptVersion, cache key and ledger
    content_hash: str  # of the file, 16 hex digits
    inputs: frozenset[str]
    schema: Mapping[str, object] | None  # strict JSON schema of the reply, None for free text
    sections: tuple[tuple[Literal["system", "user"], Template], ...]

    @property
    def schema_version(self) -> str:
        """Hash of the schema, 8 hex digits; "" for free text."""
        return "" if self.schema is None else hashlib.sha256(repr(self.schema).encode()).hexdigest()[:8]

    def render(self, **values: object) -> tuple[Message, ...]:
        """The messages with the values in them, in the order system, user.

        Args:   values: exactly the declared inputs; text, numbers, or sequences of text. Nothing in them is read as
                a template.
        Raises: ValueError: an input is missing, or there is one that is not declared.
        """
        if set(values) != self.inputs:
            wrong = ", ".join(sorted(self.inputs.symmetric_difference(values)))
            raise ValueError(f"{self.id} takes exactly the inputs {', '.join(sorted(self.inputs))}; wrong: {wrong}")
        try:
            return tuple(Message(role, template.render(**values).strip()) for role, template in self.sections)
        except (UndefinedError, TemplateError) as error:
            raise ValueError(f"{self.id} can't be filled in: {error}") from error


def load_prompt(folder: Path, name: str, version: str) -> Prompt:
    """The prompt in `folder`/<name>/<version>.md.

    Raises: ConfigurationError: missing, unreadable or wrong; the message begins with `file:line:`.
    """
    path = folder / name / f"{version}.md"
    shown = "/".join(path.parts[-3:])
    try:
        content = path.read_bytes()
    except OSError as error:
        advice = "point SHELFWISE_PROMPTS_DIR at a folder with it"
        raise ConfigurationError(f"{shown}:1: can't be read: {error.strerror}; {advice}") from error
    prompt = parse_prompt(content, shown)
    if prompt.id != f"{name}/{version}":
        raise ConfigurationError(f"{shown}:2: the front matter says {prompt.id}; file and front matter must agree")
    return prompt


def parse_prompt(content: bytes, name: str) -> Prompt:
    """The prompt in `content`; `name` is the file as messages shall call it. Raises ConfigurationError."""
    if len(content) > MAX_FILE_BYTES:
        raise ConfigurationError(f"{name}:1: larger than {MAX_FILE_BYTES // 1024} KB; is this the right file?")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{name}:{line}: not UTF-8 text; save the file as UTF-8") from error
    found = _FRONT.match(text)
    if found is None:
        raise ConfigurationError(f"{name}:1: no front matter; begin with a line ---, keys and values, and a line ---")
    front = _front(found[1], name)
    if front.output is not None:
        _check_schema(front.output, "output", name, _line_of(text, "output:"))
    sections = _sections(text, found.end(), frozenset(front.inputs), name)
    return Prompt(
        id=f"{front.id}/{front.version}",
        content_hash=hashlib.sha256(text.encode()).hexdigest()[:16],
        inputs=frozenset(front.inputs),
        schema=front.output,
        sections=sections,
    )


def _front(text: str, name: str) -> _Front:
    try:
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = 2 if error.problem_mark is None else error.problem_mark.line + 2
        raise ConfigurationError(f"{name}:{line}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{name}:2: the front matter is no YAML: {error}") from error
    try:
        return _Front.model_validate(data)
    except ValidationError as error:
        lines = []
        for detail in error.errors(include_url=False):
            key = str(detail["loc"][0]) if detail["loc"] else ""
            lines.append(f"{name}:{_line_of(text, f'{key}:') + 1}: {key or 'front matter'}: {detail['msg'].lower()}")
        raise ConfigurationError("\n".join(sorted(set(lines)))) from error


def _line_of(text: str, beginning: str) -> int:
    """1-based line that begins so, 1 when none does."""
    lines = text.splitlines()
    return next((i for i, line in enumerate(lines, start=1) if line.startswith(beginning)), 1)


def _check_schema(schema: Mapping[str, Any], where: str, name: str, line: int) -> None:
    """Strict mode of the providers wants every object closed and every property required."""
    if schema.get("type") == "object":
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        if schema.get("additionalProperties") is not False:
            raise ConfigurationError(f"{name}:{line}: {where} needs `additionalProperties: false`")
        if schema.get("required") != list(properties):
            raise ConfigurationError(f"{name}:{line}: {where}.required must list every property, in their order")
        for key, inner in properties.items():
            _check_schema(cast("Mapping[str, Any]", inner), f"{where}.{key}", name, line)
    elif schema.get("type") == "array":
        _check_schema(cast("Mapping[str, Any]", schema.get("items", {})), f"{where}[]", name, line)
    elif not isinstance(schema.get("type"), str):
        raise ConfigurationError(f"{name}:{line}: {where} has no type")


def _sections(
    text: str, start: int, inputs: frozenset[str], name: str
) -> tuple[tuple[Literal["system", "user"], Template], ...]:
    environment = ImmutableSandboxedEnvironment(  # no loader; plain text, so nothing to escape
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    heads = list(_SECTION.finditer(text, start))
    named = [head[1] for head in heads]
    first_line = text[:start].count("\n") + 1
    if named != list(_ROLES):
        raise ConfigurationError(f"{name}:{first_line}: the body needs the sections `## system` and `## user`, in turn")
    ends = [head.start() for head in heads[1:]] + [len(text)]
    used: set[str] = set()
    sections = []
    for role, head, end in zip(_ROLES, heads, ends, strict=True):
        source = text[head.end() : end]
        line = text[: head.end()].count("\n")
        try:
            used |= meta.find_undeclared_variables(environment.parse(source))
            sections.append((role, environment.from_string(source)))
        except TemplateSyntaxError as error:
            raise ConfigurationError(f"{name}:{line + error.lineno}: {error.message}") from error
    if used != inputs:
        wrong = ", ".join(sorted(used ^ inputs))
        raise ConfigurationError(f"{name}:{first_line}: inputs in the front matter and in the body differ: {wrong}")
    return tuple(sections)
