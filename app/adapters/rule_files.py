"""Reads rules/shop.yaml and rules/scoring.yaml; refuses the start with file, line and the word that was meant.

The YAML is composed, not loaded, so that every key keeps its line. Left out of YAML on purpose: anchors and aliases
(they can make a small file enormous), tags, duplicate keys and keys that are not text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from rapidfuzz import fuzz, process

from app.domain.catalog import Snapshot, category_key
from app.domain.errors import RulesError
from app.pipeline.rules_schema import (
    BUILT_IN,
    Diversity,
    ExcludedCategories,
    Location,
    Owned,
    Pin,
    Rules,
    RulesFile,
    ScoringRules,
    ShopRules,
)

MAX_FILE_BYTES = 256 * 1024
MAX_DEPTH = 12
_NEAR = 60.0  # rapidfuzz ratio; "minn" → "min" has 86, unrelated words of this vocabulary stay under 55
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ReferenceProblem:
    """A name in the rules that no product of the catalogue has. Only an `error` stops the start."""

    message: str  # begins with file:line
    severity: Literal["error", "warning"]


def load_rules(folder: Path) -> Rules:
    """The rules of a folder.

    Returns: shop and scoring rules with the line of every key; `version` hashes names and bytes of all *.yaml there.
    Raises:  RulesError: a file is missing, unreadable or says something unknown; one problem a line, each
             beginning with `file:line:`.
    """
    contents = {path.name: _read(path) for path in sorted(folder.glob("*.yaml"))} if folder.is_dir() else {}
    for name in ("shop.yaml", "scoring.yaml"):
        if name not in contents:
            raise RulesError(
                f"{_shown(folder / name)}:1: there is no such file; point SHELFWISE_RULES_DIR at a folder with it"
            )
    shop, shop_file = parse_shop(contents["shop.yaml"], _shown(folder / "shop.yaml"))
    scoring, scoring_file = parse_scoring(contents["scoring.yaml"], _shown(folder / "scoring.yaml"))
    digest = hashlib.sha256()
    for name, content in contents.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return Rules(shop, scoring, digest.hexdigest()[:12], shop_file, scoring_file)


def parse_shop(content: bytes, name: str) -> tuple[ShopRules, RulesFile]:
    """The shop rules in `content`; `name` is the file as messages shall call it. Raises RulesError."""
    rules, data, file = _parse(content, name, ShopRules)
    problems = list(_repeated_ids(data, file))
    diversity = [i for i, rule in enumerate(rules.slate) if isinstance(rule, Diversity)]
    problems += [f"{file.at(('slate', i))}: a second diversity rule; keep one" for i in diversity[1:]]
    if problems:
        raise RulesError("\n".join(problems))
    return rules, file


def parse_scoring(content: bytes, name: str) -> tuple[ScoringRules, RulesFile]:
    """The scoring rules in `content`; `name` is the file as messages shall call it. Raises RulesError."""
    rules, _, file = _parse(content, name, ScoringRules)
    return rules, file


def check_references(rules: Rules, snapshot: Snapshot) -> tuple[ReferenceProblem, ...]:
    """Names in the rules that no product has, in the order of the file; empty = all are known.

    Categories are compared only with a catalogue that has any category, brands and products likewise: an import
    without categories is not a spelling mistake. A category of `repurchaseDays` that no product has is a warning, since
    one list of intervals may serve several shops; every other unknown name is an error, which stops `serve`.
    """
    known = {
        "category": _with_ancestors(snapshot.categories),
        "brand": {brand.strip().casefold(): brand for brand in snapshot.brands},
    }
    problems: list[tuple[int, ReferenceProblem]] = []
    for kind, location, name, severity in _references(rules.shop):
        if kind == "product":
            unknown = len(snapshot) > 0 and name not in snapshot.row_of
            choices: Iterable[str] = snapshot.product_ids
        else:
            key = category_key(name) if kind == "category" else name.strip().casefold()
            unknown = bool(known[kind]) and key not in known[kind]
            choices = known[kind].values()
        if unknown:
            file = rules.shop_file
            text = f'{file.at(location)}: no product has the {kind} "{name}"{_meant(name, choices)}'
            problems.append((file.lines.get(location, 0), ReferenceProblem(text, severity)))
    return tuple(problem for _, problem in sorted(problems, key=lambda pair: pair[0]))


def _references(shop: ShopRules) -> Iterator[tuple[str, Location, str, Literal["error", "warning"]]]:
    for i, rule in enumerate(shop.eligibility):
        if isinstance(rule, ExcludedCategories):
            for j, path in enumerate(rule.categories):
                yield "category", ("eligibility", i, "categories", j), path, "error"
        elif isinstance(rule, Owned):
            for path in rule.repurchase_days:
                yield "category", ("eligibility", i, "repurchaseDays", path), path, "warning"
    for i, promotion in enumerate(shop.promotions):
        named = (("category", "categories"), ("brand", "brands"), ("product", "products"))
        for kind, field in named:
            for j, name in enumerate(getattr(promotion, field)):
                yield kind, ("promotions", i, field, j), name, "error"
    for i, slate_rule in enumerate(shop.slate):
        if isinstance(slate_rule, Pin):
            yield "product", ("slate", i, "productId"), slate_rule.product_id, "error"


def _with_ancestors(categories: Sequence[str]) -> dict[str, str]:
    """Comparable key → path as written, for every category and each of those above it."""
    paths: dict[str, str] = {}
    for category in categories:
        parts = [part.strip() for part in category.split(">") if part.strip()]
        for end in range(1, len(parts) + 1):
            path = " > ".join(parts[:end])
            paths.setdefault(category_key(path), path)
    return paths


# --------------------------------------------------------------------------------------------------- YAML


def _shown(path: Path) -> str:
    """The path as messages name it: relative to the working directory where it lies below it."""
    absolute, here = path.resolve(), Path.cwd()
    return absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else path.as_posix()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise RulesError(f"{_shown(path)}:1: can't be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise RulesError(f"{_shown(path)}:1: larger than {MAX_FILE_BYTES // 1024} KB; is this the right file?")
    return content


class _Composer(yaml.SafeLoader):
    """Nodes without aliases, and not deeper than any rule is. The parser is lazy: a bomb is refused as it is met."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.MarkedYAMLError(
                problem="anchors and aliases (& and *) are not read here", problem_mark=event.start_mark
            )
        if self.depth >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _load(content: bytes, name: str) -> tuple[Any, dict[Location, int]]:
    """Mappings as dicts, sequences as tuples, scalars as the safe loader reads them; and the line of each."""
    lines: dict[Location, int] = {(): 1}
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RulesError(f"{name}:{line}: not UTF-8 text; save the file as UTF-8") from error
    try:
        loader = _Composer(text)
        node = loader.get_single_node()
        return ({} if node is None else _value(loader, node, (), lines)), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise RulesError(f"{name}:{line}: {error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise RulesError(f"{name}:{line}: a control character; delete it") from error


def _value(loader: _Composer, node: yaml.Node, at: Location, lines: dict[Location, int]) -> Any:
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if key_node.tag != "tag:yaml.org,2002:str":
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} is not text", problem_mark=key_node.start_mark)
            if key in result:
                problem = f'the key "{key}" is there twice; first in line {lines[(*at, key)]}'
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            lines[(*at, key)] = key_node.start_mark.line + 1
            result[key] = _value(loader, value_node, (*at, key), lines)
        return result
    if isinstance(node, yaml.SequenceNode):
        for i, element in enumerate(node.value):
            lines[(*at, i)] = element.start_mark.line + 1
        return tuple(_value(loader, element, (*at, i), lines) for i, element in enumerate(node.value))
    try:
        return loader.construct_object(node)
    except ValueError as error:  # a date such as 2026-02-30, or a number of thousands of digits
        problem = f"{str(node.value)[:40]!r} can't be read: {error}"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from error


# ------------------------------------------------------------------------------------------------- messages


def _parse(content: bytes, name: str, model: type[_Model]) -> tuple[_Model, Any, RulesFile]:
    data, lines = _load(content, name)
    file = RulesFile(name, lines)
    if not isinstance(data, dict):
        raise RulesError(f"{name}:1: expected keys and values, such as `version: 1`")
    try:
        return model.model_validate(data), data, file
    except ValidationError as error:
        details = error.errors(include_url=False)
        found = {_explained(detail, model, data, file) for detail in details}
        raise RulesError("\n".join(text for _, text in sorted(found))) from error


def _explained(detail: ErrorDetails, model: type[BaseModel], data: Any, file: RulesFile) -> tuple[int, str]:
    """(line, message) of one validation error."""
    location, where = _in_file(detail["loc"], data)
    context = detail.get("ctx", {})
    key = location[-1] if location else ""
    kind = detail["type"]
    if kind == "extra_forbidden":
        text = f'unknown key "{key}"{where}{_meant(str(key), _keys_at(model, detail["loc"][:-1]))}'
    elif kind == "missing":
        text = f'the key "{detail["loc"][-1]}" is missing{where}'
    elif kind in {"union_tag_invalid", "union_tag_not_found"}:
        types = re.findall(r"'([^']+)'", str(context.get("expected_tags", ""))) or _tags_at(model, detail["loc"])
        if kind == "union_tag_invalid":
            location = (*location, "type")
            text = f'unknown rule type "{context["tag"]}"{_meant(str(context["tag"]), types) or _one_of(types)}'
        else:
            text = f'a rule without "type"{_one_of(types)}'
    elif kind == "literal_error":
        choices = re.findall(r"'([^']+)'", str(context["expected"]))
        given = str(detail["input"])
        text = f'unknown {key} "{given[:80]}"{where}{_meant(given, choices) or _one_of(choices)}'
        if not choices:
            text = f"{key}{where} must be {context['expected']}, not {given[:80]}"
    else:
        message = detail["msg"].removeprefix("Value error, ")
        text = f"{key}{where}: {message[:1].lower()}{message[1:]}, not {str(detail['input'])[:80]!r}"
        if kind == "value_error":
            text = f"{key}{where} {message}"
    line_of = file.at(location)
    return int(line_of.rpartition(":")[2]), f"{line_of}: {text}"


def _in_file(loc: Sequence[str | int], data: Any) -> tuple[Location, str]:
    """pydantic's location without the parts that are not in the file (union tags, "[key]"), and " in rule x"."""
    location: list[str | int] = []
    where = ""
    here = data
    for part in loc:
        inside = (isinstance(here, dict) and part in here) or (
            isinstance(here, tuple) and isinstance(part, int) and part < len(here)
        )
        if not inside:
            continue
        here = here[part]
        location.append(part)
        if isinstance(here, dict):
            named = here.get("id", here.get("type"))
            if isinstance(part, int) and isinstance(named, str):
                where = f" in {'promotion' if location[0] == 'promotions' else 'rule'} {named}"
            elif isinstance(part, str) and not where and len(location) < len(loc):
                where = f' in "{part}"'
    return tuple(location), where


def _keys_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys that the model at a pydantic location knows."""
    here: Any = model
    for part in loc:
        here = _step(here, part)
    return [f.alias or n for n, f in here.model_fields.items()] if _is_model(here) else []


def _tags_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    here: Any = model
    for part in loc:
        here = _step(here, part)
    return [get_args(m.model_fields["type"].annotation)[0] for m in get_args(_bare(here)) if _is_model(m)]


def _step(annotation: Any, part: str | int) -> Any:
    """The annotation one step of a pydantic location further in."""
    here = _bare(annotation)
    if _is_model(here):
        fields = {f.alias or n: f.annotation for n, f in here.model_fields.items()}
        return fields.get(str(part))
    if get_origin(here) is tuple:
        return get_args(here)[0]
    if get_origin(here) in (Union, UnionType):
        for member in get_args(here):
            if _is_model(member) and part in get_args(member.model_fields["type"].annotation):
                return member
    return None


def _bare(annotation: Any) -> Any:
    """Without Annotated and `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        members = [m for m in get_args(annotation) if m is not type(None)]
        return _bare(members[0]) if len(members) == 1 else annotation
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _repeated_ids(data: Mapping[str, Any], file: RulesFile) -> Iterator[str]:
    seen: dict[str, int] = {}
    for section in ("eligibility", "promotions", "slate"):
        for i, rule in enumerate(data.get(section, ())):
            rule_id = rule.get("id", rule.get("type"))
            location: Location = (section, i, "id") if "id" in rule else (section, i)
            if rule_id in BUILT_IN:
                yield f'{file.at(location)}: the id "{rule_id}" belongs to a built-in rule; choose another'
            elif rule_id in seen:
                advice = f"first in line {seen[rule_id]}; give this rule an `id:` of its own"
                yield f'{file.at(location)}: the id "{rule_id}" is there twice, {advice}'
            else:
                seen[rule_id] = file.lines[(section, i)]


def _meant(word: str, choices: Iterable[str]) -> str:
    """`; did you mean "x"?` for the nearest choice, or nothing where none is near."""
    near = process.extractOne(word, list(choices), scorer=fuzz.ratio, processor=str.casefold, score_cutoff=_NEAR)
    return "" if near is None else f'; did you mean "{near[0]}"?'


def _one_of(choices: Sequence[str]) -> str:
    return f"; one of {', '.join(choices)}" if choices else ""
