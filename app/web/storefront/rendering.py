"""Templates and assets of the demo storefront, read once per process and always escaped."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).resolve().parent
ASSETS = {"shop.css": "text/css", "shop.js": "text/javascript", "icon.svg": "image/svg+xml"}
"""The files that pages load, and their media types."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent, and the version that its content gives it."""

    content: bytes
    media_type: str
    version: str


@cache
def asset(name: str) -> Asset:
    """One of ASSETS. Raises KeyError for any other name."""
    media_type = ASSETS[name]
    content = (_HERE / "assets" / name).read_bytes()
    return Asset(content, media_type, hashlib.sha256(content).hexdigest()[:12])


def render(template: str, **values: object) -> str:
    """The page that a template makes of the values; every value is text to it, never markup."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset_url"] = lambda name: f"/static/storefront/{name}?v={asset(name).version}"
    environment.filters["segment"] = lambda text: quote(str(text), safe="")
    return environment
