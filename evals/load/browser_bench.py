"""How fast a shelf is painted, and whether anything moves, in a real browser on this machine.

    python -m evals.load.browser_bench --data DATA_DIR [--loads 25]      writes docs/widgets-bench.json

Serves a copy of a demo shop's data folder without a model and opens pages that hold one <shelf-recommendations>, each
time in a fresh browser context, so that nothing comes from a cache. The page comes from a second server, as a shop's
own would (a page that Playwright answers for would hold up every request of the browser); script and slate come from
the service. Times are from the moment at which the script had arrived to the first animation frame after the one that
painted the cards. A layout shift counts as browsers count it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "widgets-bench.json"
READY_S = 60.0

PAINTED_MS = 150.0
"""p95, from the script's arrival to the painted cards; issue 6."""
SHIFT = 0.02
"""Largest cumulative layout shift of any load; issue 6."""

SHELVES = {
    "home, a visitor": 'anonymous-id="bench" limit="8"',
    "home, a shopper with a history": 'user-id="gamer" limit="8"',
    "product page": 'placement="product" product-id="el-0001" anonymous-id="bench" limit="8"',
    "similar": 'source="similar" product-id="el-0001" limit="8"',
    "trending, as a grid": 'source="trending" layout="grid" limit="8"',
}

WATCH = """
window.shifted = 0;
new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) shifted += e.value; })
  .observe({ type: "layout-shift", buffered: true });
addEventListener("shelf:slate", () => requestAnimationFrame(() => requestAnimationFrame(() => {
  const [script] = performance.getEntriesByType("resource").filter((entry) => entry.name.endsWith(".js"));
  window.painted = performance.now() - script.responseEnd;
})));
"""

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>shelf-recommendations:not(:defined) {{ display: block; min-block-size: 480px }}</style>
<script type="module" src="{address}/static/widgets/shelf-recommendations.js"></script></head>
<body><h1>A shop</h1>
<shelf-recommendations api-base="{address}" {attributes}></shelf-recommendations><p>What follows.</p></body></html>"""


def main() -> None:
    """Measures and writes the figures; ends with 1 where a target is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--loads", type=int, default=25)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    load = os.getloadavg()[0]
    with pages() as shop, serving(given.data, shop.origin) as address, sync_playwright() as playwright:
        shop.address = address
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        measured = {name: _loads(browser, shop.origin, attributes, given.loads) for name, attributes in SHELVES.items()}
        version = browser.version
        browser.close()
    found = {
        "loads_each": given.loads,
        "shelves": measured,
        "targets": {"painted_ms_p95": PAINTED_MS, "layout_shift": SHIFT},
        "chromium": version,
        "load_before": round(load, 1),  # beside this measurement; with as many as cores, times say little
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
    }
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    given.out.write_text(text)
    sys.stdout.write(text)
    sys.exit(0 if meets_targets(measured) else 1)


def meets_targets(measured: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether every shelf is painted in time and none moves."""
    return all(m["painted_ms"]["p95"] <= PAINTED_MS and m["layout_shift"] < SHIFT for m in measured.values())


class Pages(ThreadingHTTPServer):
    """The shop's own server: answers each path with a page whose shelf has the path as its attributes."""

    address = ""  # of the service

    @property
    def origin(self) -> str:
        """Its own address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Page(BaseHTTPRequestHandler):
    server: Pages

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        body = PAGE.format(address=self.server.address, attributes=unquote(self.path[1:])).encode()
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def pages() -> Iterator[Pages]:
    """A server of pages on a free port, in a thread."""
    with Pages(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@contextmanager
def serving(data: Path, page_origin: str) -> Iterator[str]:
    """The address of a service, in a process of its own, on a copy of this data folder, for pages of this origin."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        copy = shutil.copytree(data, Path(folder) / "data")
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        settings = {
            "DATA_DIR": str(copy),
            "AS_OF": "last-event",
            "CURRENCY": "EUR",
            "LLM_MODEL": "",
            "ALLOWED_ORIGINS": page_origin,
        }
        environment = {**os.environ, **{f"SHELFWISE_{name}": value for name, value in settings.items()}}
        command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", str(port)]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet)  # noqa: S603
        address = f"http://127.0.0.1:{port}"
        try:
            _await_ready(address, process)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)


def _await_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        if process.poll() is not None:
            sys.exit(f"the service ended with {process.returncode} before it was ready")
        try:
            if httpx.get(f"{address}/readyz", timeout=1.0).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    sys.exit(f"the service was not ready within {READY_S:g} s")


def _loads(browser: Browser, shop: str, attributes: str, loads: int) -> dict[str, Any]:
    painted, shifts = [], []
    for number in range(loads + 1):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.add_init_script(WATCH)
        page.goto(f"{shop}/{quote(attributes)}")
        page.wait_for_function("window.painted !== undefined")
        page.wait_for_timeout(150)  # what moves after the cards counts too
        if number > 0:  # the first load warms the service up
            painted.append(float(page.evaluate("painted")))
            shifts.append(float(page.evaluate("shifted")))
        context.close()
    return {"painted_ms": percentiles(painted), "layout_shift": round(max(shifts), 4)}


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50 and p95 by rank, and the largest, rounded to 0.1."""
    ordered = sorted(values)
    at = {f"p{p}": ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))] for p in (50, 95)}
    return {name: round(value, 1) for name, value in {**at, "max": ordered[-1]}.items()}


if __name__ == "__main__":
    main()
