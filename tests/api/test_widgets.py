"""The web components as files: what is sent, how long it is kept, and how big it may be."""

from __future__ import annotations

import gzip
import re

import pytest

from app.api.widgets import FOLDER, KEPT, KEPT_FOR_GOOD, NAMES, widget
from tests.api.conftest import Shop

MOST_BYTES = 15_000


@pytest.mark.parametrize("name", NAMES)
async def test_a_page_of_any_origin_loads_it(open_: Shop, name: str) -> None:
    """A script element of type module from another origin needs its CORS header; no key is asked for."""
    async with open_.client() as client:
        answer = await client.get(f"/static/widgets/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == KEPT
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == (FOLDER / name).read_bytes()


async def test_its_own_version_is_kept_for_good(open_: Shop) -> None:
    """With the version of the file it never changes; with any other it is asked for again."""
    version = widget(NAMES[0]).version
    async with open_.client() as client:
        kept = {
            v: (await client.get(f"/static/widgets/{NAMES[0]}?v={v}")).headers["cache-control"]
            for v in (version, "old")
        }
        again = await client.get(f"/static/widgets/{NAMES[0]}", headers={"if-none-match": f'W/"x", "{version}"'})
    assert kept == {version: KEPT_FOR_GOOD, "old": KEPT}
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("asked", ["identity", "gzip;q=0", "br"])
async def test_it_is_plain_where_gzip_is_not_taken(open_: Shop, asked: str) -> None:
    """Who doesn't take gzip gets the file as it is."""
    async with open_.client() as client:
        answer = await client.get(f"/static/widgets/{NAMES[0]}", headers={"accept-encoding": asked})
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "accept-encoding"


@pytest.mark.parametrize("name", ["nothing.js", "..%2f..%2fmain.py", "shelf-recommendations.js%00"])
async def test_nothing_else_is_served(open_: Shop, name: str) -> None:
    """Only the widgets by name: no other file of the folder or beside it."""
    async with open_.client() as client:
        answer = await client.get(f"/static/widgets/{name}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "unknown_route"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_and_stands_alone(name: str) -> None:
    """Under 15 kB gzipped, no imports, and nothing that turns data into markup or code."""
    text = (FOLDER / name).read_text("utf-8")
    assert len(gzip.compress(text.encode(), 9)) < MOST_BYTES
    assert not re.search(r"^\s*import\b|\bimport\(", text, re.MULTILINE)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|cssText", text)
