"""Reads rules/shop.yaml and rules/scoring.yaml; refuses the start with file, line and the word that was meant.

Both files are read with the line of every key (yaml_lines) and validated as the types of pipeline/rules_schema; what
pydantic finds is said in the words of the file. Names of categories, brands and products are compared with the
catalogue by `check_references`, once there is one.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import structlog
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from rapidfuzz import fuzz, process

from app.adapters.yaml_lines import load_with_lines
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

log = structlog.get_logger(__name__)

MAX_FILE_BYTES = 256 * 1024
_NEAR = 68.0  # rapidfuzz ratio; "minn" → "min" has 86, unrelated words seldom reach 65
_SLIP = 85.0  # so near that it can only be a spelling mistake
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
    contents = {path.name: read_capped(path) for path in sorted(folder.glob("*.yaml"))} if folder.is_dir() else {}
    for name in ("shop.yaml", "scoring.yaml"):
        if name not in contents:
            raise RulesError(
                f"{shown_path(folder / name)}:1: there is no such file; point SHELFWISE_RULES_DIR at a folder with it"
            )
    shop, shop_file = parse_shop(contents["shop.yaml"], shown_path(folder / "shop.yaml"))
    scoring, scoring_file = parse_scoring(contents["scoring.yaml"], shown_path(folder / "scoring.yaml"))
    digest = hashlib.sha256()
    for name, content in contents.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return Rules(shop, scoring, digest.hexdigest()[:12], shop_file, scoring_file)


def parse_shop(content: bytes, name: str) -> tuple[ShopRules, RulesFile]:
    """The shop rules in `content`; `name` is the file as messages shall call it. Raises RulesError."""
    rules, data, file = parse_model(content, name, ShopRules)
    problems = list(_repeated_ids(data, file))
    diversity = [i for i, rule in enumerate(rules.slate) if isinstance(rule, Diversity)]
    problems += [f"{file.at(('slate', i))}: a second diversity rule; keep one" for i in diversity[1:]]
    if problems:
        raise RulesError("\n".join(problems))
    return rules, file


def parse_scoring(content: bytes, name: str) -> tuple[ScoringRules, RulesFile]:
    """The scoring rules in `content`; `name` is the file as messages shall call it. Raises RulesError."""
    rules, _, file = parse_model(content, name, ScoringRules)
    return rules, file


def check_references(rules: Rules, snapshot: Snapshot) -> tuple[ReferenceProblem, ...]:
    """Names in the rules that no product has, in the order of the file; empty = all are known.

    Categories are compared only with a catalogue that has any category, brands and products likewise: an import
    without categories is not a spelling mistake. An unknown name is an error, which stops `serve`, with two exceptions
    that are warnings, since one file may serve several shops: a category of `repurchaseDays`, and a promotion of which
    no name is known here and none is close to one that is.
    """
    catalogue = _CatalogueNames(snapshot)
    problems: list[tuple[int, ReferenceProblem]] = []
    for reference in _references(rules.shop):
        if catalogue.has(reference.kind, reference.name):
            continue
        at = rules.shop_file.at(reference.location)
        hint = _meant(reference.name, catalogue.choices(reference.kind))
        text = f'{at}: no product has the {reference.kind} "{reference.name}"{hint}'
        elsewhere = reference.may_be_elsewhere and not any(catalogue.nearly(*one) for one in reference.siblings)
        line = int(at.rpartition(":")[2])
        problems.append((line, ReferenceProblem(text, "warning" if elsewhere else "error")))
    return tuple(problem for _, problem in sorted(problems, key=lambda pair: pair[0]))


def refuse_dangling(rules: Rules, snapshot: Snapshot) -> None:
    """Raises RulesError when the rules name what the catalogue doesn't have; logs what is only a warning."""
    problems = check_references(rules, snapshot)
    for problem in problems:
        if problem.severity == "warning":
            log.warning("rules_reference", problem=problem.message)
    errors = [problem.message for problem in problems if problem.severity == "error"]
    if errors:
        raise RulesError("\n".join(errors))


@dataclass(frozen=True, slots=True)
class _Reference:
    kind: str  # category, brand or product
    name: str
    location: Location
    may_be_elsewhere: bool = False
    siblings: tuple[tuple[str, str], ...] = ()  # all names of the same promotion, itself included


class _CatalogueNames:
    """What the products of a snapshot are called."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._names: dict[str, Mapping[str, str]] = {
            "category": _with_ancestors(snapshot.categories),
            "brand": {brand.strip().casefold(): brand for brand in snapshot.brands},
        }
        self._products = snapshot.row_of

    def has(self, kind: str, name: str) -> bool:
        """Whether a product has it. True for every name where the catalogue has none of the kind."""
        if kind == "product":
            return not self._products or name in self._products
        names = self._names[kind]
        return not names or (category_key(name) if kind == "category" else name.strip().casefold()) in names

    def nearly(self, kind: str, name: str) -> bool:
        """Whether a product has it, or something so like it that the name is a slip of the pen."""
        return self.has(kind, name) or _nearest(name, self.choices(kind), _SLIP) is not None

    def choices(self, kind: str) -> Collection[str]:
        """All names of the kind, as the catalogue writes them."""
        return self._products.keys() if kind == "product" else self._names[kind].values()


def _references(shop: ShopRules) -> Iterator[_Reference]:
    for i, rule in enumerate(shop.eligibility):
        if isinstance(rule, ExcludedCategories):
            for j, path in enumerate(rule.categories):
                yield _Reference("category", path, ("eligibility", i, "categories", j))
        elif isinstance(rule, Owned):
            for path in rule.repurchase_days:
                yield _Reference("category", path, ("eligibility", i, "repurchaseDays", path), may_be_elsewhere=True)
    for i, promotion in enumerate(shop.promotions):
        named = (
            ("category", "categories", promotion.categories),
            ("brand", "brands", promotion.brands),
            ("product", "products", promotion.products),
        )
        siblings = tuple((kind, name) for kind, _, names in named for name in names)
        for kind, key, names in named:
            for j, name in enumerate(names):
                yield _Reference(kind, name, ("promotions", i, key, j), may_be_elsewhere=True, siblings=siblings)
    for i, slate_rule in enumerate(shop.slate):
        if isinstance(slate_rule, Pin):
            yield _Reference("product", slate_rule.product_id, ("slate", i, "productId"))


def _with_ancestors(categories: Sequence[str]) -> dict[str, str]:
    """Comparable key → path as written, for every category and each of those above it."""
    paths: dict[str, str] = {}
    for category in categories:
        parts = [part.strip() for part in category.split(">") if part.strip()]
        for end in range(1, len(parts) + 1):
            path = " > ".join(parts[:end])
            paths.setdefault(category_key(path), path)
    return paths


def shown_path(path: Path) -> str:
    """The path as messages name it: relative to the working directory where it lies below it."""
    absolute, here = path.resolve(), Path.cwd()
    return absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else path.as_posix()


def read_capped(path: Path) -> bytes:
    """The bytes of a rule file. Raises RulesError when it can't be read or is larger than MAX_FILE_BYTES."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise RulesError(f"{shown_path(path)}:1: can't be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise RulesError(f"{shown_path(path)}:1: larger than {MAX_FILE_BYTES // 1024} KB; is this the right file?")
    return content


# ------------------------------------------------------------------------------------------------- messages


def parse_model(content: bytes, name: str, model: type[_Model]) -> tuple[_Model, Any, RulesFile]:
    """The content as `model`, as plain values, and with its lines. Raises RulesError, one problem a line."""
    data, lines = load_with_lines(content, name)
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
    kind, loc, context = detail["type"], detail["loc"], detail.get("ctx", {})
    location = _in_file(loc, data)
    key, where = _described((*location, loc[-1]) if kind == "missing" else location, data)
    given = str(detail["input"])[:80]
    if kind == "extra_forbidden":
        text = f'unknown key "{key}"{where}{_meant(key, _keys_at(model, loc[:-1]))}'
    elif kind == "missing":
        text = f'the key "{key}" is missing{where}'
    elif kind == "union_tag_invalid":
        location, tag, types = (*location, "type"), str(context["tag"]), _tags_at(model, loc)
        text = f'unknown rule type "{tag}"{_meant(tag, types) or _one_of(types)}'
    elif kind == "union_tag_not_found":
        text = f'a rule without "type"{_one_of(_tags_at(model, loc))}'
    elif kind == "literal_error":
        choices = re.findall(r"'([^']+)'", str(context["expected"]))
        text = f'unknown {key} "{given}"{where}{_meant(given, choices) or _one_of(choices)}'
        if not choices:
            text = f"{key}{where} must be {context['expected']}, not {given}"
    elif kind == "string_pattern_mismatch":  # only ids have a pattern
        text = f"{key}{where} must be small letters, digits, - and _, at most 64 of them"
    elif kind == "value_error":
        text = f"{key}{where}: {context['error']}"
    elif kind == "tuple_type":
        text = f"{key}{where} must be a list, each element behind a dash, or []; not {given!r}"
    elif kind in {"dict_type", "model_type", "model_attributes_type"}:
        text = f"{key}{where} must be keys and values, not {given!r}"
    else:
        text = f"{key}{where}: {detail['msg'][:1].lower()}{detail['msg'][1:]}, not {given!r}"
    line_of = file.at(location)
    return int(line_of.rpartition(":")[2]), f"{line_of}: {text}"


def _in_file(loc: Sequence[str | int], data: Any) -> Location:
    """pydantic's location without the parts that are not in the file: union tags, "[key]", a missing key."""
    location: list[str | int] = []
    here = data
    for part in loc:
        if part in here if isinstance(here, dict) else isinstance(here, tuple) and isinstance(part, int):
            here = here[part]
            location.append(part)
    return tuple(location)


def _described(location: Location, data: Any) -> tuple[str, str]:
    """What a value is called, and where it is: ("min", " in rule min_margin"), ("click", ' in "signals"')."""
    keys = [part for part in location if isinstance(part, str)]
    element = data[location[0]][location[1]] if len(location) > 1 and isinstance(location[1], int) else None
    if isinstance(element, dict):
        rule = f"{'promotion' if location[0] == 'promotions' else 'rule'} {element.get('id', element.get('type'))}"
        return (rule, "") if len(location) == 2 else (keys[-1], f" in {rule}")
    return keys[-1], f' in "{keys[-2]}"' if len(keys) > 1 else ""


def _keys_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys that the model at a pydantic location knows."""
    here = _bare(functools.reduce(_step, loc, model))
    return [f.alias or n for n, f in here.model_fields.items()] if _is_model(here) else []


def _tags_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The `type`s of the union at a pydantic location."""
    here = functools.reduce(_step, loc, model)
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


def _nearest(word: str, choices: Collection[str], least: float) -> str | None:
    near = process.extractOne(word, choices, scorer=fuzz.ratio, processor=str.casefold, score_cutoff=least)
    return None if near is None else near[0]


def _meant(word: str, choices: Collection[str]) -> str:
    """`; did you mean "x"?` for the nearest choice, or nothing where none is near."""
    near = _nearest(word, choices, _NEAR)
    return "" if near is None else f'; did you mean "{near}"?'


def _one_of(choices: Sequence[str]) -> str:
    return f"; one of {', '.join(choices)}" if choices else ""
