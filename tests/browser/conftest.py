"""Debian's chromium, driven by Playwright, and a stand-in shop for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.stand_in import StandIn, item, serving, slate

WAIT_MS = 8000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One chromium for a module's tests: while it is open no test with an event loop of its own can run."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A shop that recommends six products at once, in the order p1 to p6."""
    six = slate("base", [item(number) for number in range(1, 7)])
    shop = StandIn(stream=[("baseline", six), ("done", {})])
    server = serving(shop)
    yield shop
    for gate in shop.gates.values():
        gate.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def open_page(browser: Browser, stand_in: StandIn) -> Iterator[Callable[..., Page]]:
    """Opens a page of the stand-in with settings of the browser's context; what the console says must be no error."""
    contexts = []
    complaints: list[str] = []

    def opened(path: str = "/", *, width: int = 1280, height: int = 900, **settings: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
        page.add_init_script(WATCH)
        page.goto(stand_in.address + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


WATCH = """
window.shifted = 0; window.told = []; window.attacked = 0;
new PerformanceObserver((list) => {
  for (const e of list.getEntries()) if (!e.hadRecentInput) window.shifted += e.value;
}).observe({ type: "layout-shift", buffered: true });
for (const type of ["shelf:view", "shelf:select", "shelf:add-to-cart", "shelf:slate", "shelf:error", "shelf:dismiss",
  "shelf:chat-open", "shelf:personalisation"])
  addEventListener(type, (event) => window.told.push({ type, ...event.detail }));
"""
"""Run in every page before its own scripts: sums up layout shifts and keeps the widgets' DOM events."""

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with the page as it stands, shadow trees included."""
    page.evaluate(AXE)
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    return [f"{v['id']}: {n['target']} {n['failureSummary']}" for v in found["violations"] for n in v["nodes"]]
