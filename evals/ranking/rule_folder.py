"""A folder of rules for one protocol: the shop's own, with what the protocol says in their place."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from app.pipeline.rules_schema import Mode

OWNED_FOR_EVER: Mapping[str, Any] = {"type": "owned", "defaultDays": None}


def write_rules(
    source: Path,
    target: Path,
    *,
    eligibility: Sequence[Mapping[str, Any]] | None,
    slate: Sequence[Mapping[str, Any]] | None,
    mode: Mode = "relevance",
    weights: Mapping[str, float] | None = None,
) -> Path:
    """Copies the folder `source` to `target` and replaces what is given; None leaves the shop's own. Returns `target`.

    Args:   eligibility, slate: rules as rules/shop.yaml writes them; weights: as rules/scoring.yaml does.
    """
    shutil.copytree(source, target, dirs_exist_ok=True)
    shop = yaml.safe_load((source / "shop.yaml").read_text(encoding="utf-8"))
    scoring = yaml.safe_load((source / "scoring.yaml").read_text(encoding="utf-8"))
    if eligibility is not None:
        shop["eligibility"] = [dict(rule) for rule in eligibility]
    if slate is not None:
        shop["slate"] = [dict(rule) for rule in slate]
    scoring["mode"] = mode
    if weights is not None:
        scoring["weights"] = dict(weights)
    for name, content in (("shop.yaml", shop), ("scoring.yaml", scoring)):
        (target / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return target


def protocol_rules(source: Path, target: Path, *, excludes_owned: bool, own_slate: bool = False) -> Path:
    """The rules of a protocol: what was bought is excluded for ever or not at all, nothing else is, mode relevance.

    Args: own_slate: keep the shop's caps and diversity, which the accuracy protocols leave out.
    """
    eligibility = [OWNED_FOR_EVER] if excludes_owned else []
    return write_rules(source, target, eligibility=eligibility, slate=None if own_slate else [])
