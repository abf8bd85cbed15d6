"""The rules that sentences are held against, read once, when the first check needs them."""

from __future__ import annotations

from functools import lru_cache

from app.adapters.reason_files import load_reasons
from app.pipeline.reasons_schema import ReasonConfig
from app.settings import shipped_directory


@lru_cache(maxsize=1)
def reason_config() -> ReasonConfig:
    """rules/reasons.yaml as shipped."""
    return load_reasons(shipped_directory("rules"))
