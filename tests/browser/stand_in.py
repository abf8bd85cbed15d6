"""A shop's page and a scripted service behind one address: what comes when is decided by the test."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from app.api.widgets import FOLDER, NAMES

STRICT_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
PAGE_CSS = """
:root { color-scheme: light dark; }
body { margin: 0; padding: 24px 16px; font: 16px/1.5 system-ui, sans-serif; background: Canvas; color: CanvasText; }
main { max-width: 1200px; margin: 0 auto; }
shelf-recommendations:not(:defined) { display: block; min-block-size: 480px; }
"""
PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 320">
<rect width="320" height="320" fill="#dfe6f5"/>
<circle cx="160" cy="150" r="78" fill="none" stroke="#33415c" stroke-width="18"/>
<rect x="66" y="150" width="40" height="84" rx="18" fill="#e4572e"/>
<rect x="214" y="150" width="40" height="84" rx="18" fill="#e4572e"/></svg>"""
WAIT_S = 10.0

Step = tuple[str, Any]
"""An event and its data; ("wait", name) holds the stream until the test lets it go on; ("cut", None) breaks it off."""


@dataclass
class Request:
    """What a page sent."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class StandIn:
    """The script: pages by path, the steps of streams, JSON answers by path, and what was asked."""

    pages: dict[str, str] = field(default_factory=dict)
    stream: list[Step] = field(default_factory=list)
    chat: list[list[Step]] = field(default_factory=list)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    dead: bool = False
    asked: list[Request] = field(default_factory=list)
    gates: dict[str, threading.Event] = field(default_factory=dict)
    address: str = ""

    def gate(self, name: str) -> threading.Event:
        """What a ("wait", name) waits for."""
        return self.gates.setdefault(name, threading.Event())

    def sent(self, path: str, method: str | None = None) -> list[Request]:
        """Requests of a path, in order."""
        return [r for r in list(self.asked) if r.path == path and method in (None, r.method)]

    def await_sent(self, path: str, count: int = 1) -> list[Request]:
        """The requests of a path once there are `count`: a page's last ones may come after it has gone."""
        until = time.monotonic() + WAIT_S
        while len(self.sent(path)) < count and time.monotonic() < until:
            time.sleep(0.02)
        return self.sent(path)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Events of one type that arrived at /api/events, in order."""
        return [e for r in self.sent("/api/events") for e in r.body["events"] if e["type"] == kind]


class Handler(BaseHTTPRequestHandler):
    """Serves one stand-in. Answers end with their connection, so a stream needs no framing."""

    stand_in: ClassVar[StandIn]

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test knows what it asked."""

    def do_GET(self) -> None:
        self._answer(None)

    def do_PUT(self) -> None:
        self._answer(self._body())

    def do_POST(self) -> None:
        self._answer(self._body())

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("content-length", "0"))))

    def _answer(self, body: Any) -> None:
        try:
            self._route(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the page went on to something else

    def _route(self, body: Any) -> None:
        shop = self.stand_in
        parts = urlsplit(self.path)  # still quoted: a page may quote too little
        name = parts.path.rsplit("/", 1)[-1]
        if parts.path in shop.pages:
            self._send(200, "text/html; charset=utf-8", shop.pages[parts.path].encode(), csp=True)
        elif name in NAMES and parts.path.startswith("/static/widgets/"):
            self._send(200, "text/javascript", (FOLDER / name).read_bytes())
        elif name.endswith(".svg"):
            self._send(200, "image/svg+xml", PICTURE.encode())
        elif name.endswith(".css"):
            self._send(200, "text/css", PAGE_CSS.encode())
        elif parts.path.startswith("/api/"):
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            headers = {key.lower(): value for key, value in self.headers.items()}
            shop.asked.append(Request(self.command, parts.path, query, headers, body))
            self._api(parts.path)
        else:
            self._send(404, "text/plain", b"nothing here")

    def _api(self, path: str) -> None:
        shop = self.stand_in
        if shop.dead:
            self.close_connection = True
            self.connection.close()
        elif path == "/api/recommendations/stream":
            self._stream(shop.stream)
        elif path == "/api/chat" and shop.chat:
            self._stream(shop.chat.pop(0))
        elif path == "/api/events":
            self._send(202, "application/json", b'{"accepted":1,"duplicates":0,"rejected":[]}')
        else:
            status, answer = shop.answers.get(path, (404, {"code": "unknown_route", "detail": "Nothing is here."}))
            self._send(status, "application/json", json.dumps(answer).encode())

    def _stream(self, steps: Sequence[Step]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event, data in steps:
            if event == "wait":
                self.stand_in.gate(data).wait(WAIT_S)
                continue
            if event == "cut":
                return
            head = f"event: {event}\r\n" if event else ""
            text = data if isinstance(data, str) else json.dumps(data)
            self.wfile.write(f"{head}data: {text}\r\n\r\n".encode())
            self.wfile.flush()

    def _send(self, status: int, kind: str, content: bytes, *, csp: bool = False) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        if csp:
            self.send_header("content-security-policy", STRICT_CSP)
        self.end_headers()
        self.wfile.write(content)


def serving(stand_in: StandIn) -> ThreadingHTTPServer:
    """A server of this stand-in on a free port of this machine; `shutdown` and `server_close` end it."""
    handler = type("StandInHandler", (Handler,), {"stand_in": stand_in})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    stand_in.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


def item(number: int, **changes: Any) -> dict[str, Any]:
    """One recommended product, its position its number."""
    base: dict[str, Any] = {
        "productId": f"p{number}",
        "name": f"Nordvik Orbit {number} On-Ear Headphones",
        "brand": "Nordvik",
        "category": "Electronics > Headphones",
        "price": f"{40 + 20 * number}.90",
        "currency": "EUR",
        "imageUrl": f"/pictures/p{number}.svg",
        "url": f"/product/p{number}",
        "position": number,
        "relevanceScore": 1 - number / 100,
        "reason": f"Rated 4.{number} out of 5 by 178 shoppers.",
        "reasonSource": "template",
        "evidence": [{"id": "E1", "kind": "rating", "text": f"4.{number} out of 5, 178 ratings", "value": {}}],
        "rankedBy": "baseline",
        "promoted": False,
    }
    return base | changes


def slate(name: str, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """An answer with these products in this order, positions renumbered."""
    return {
        "recommendationId": name,
        "userId": None,
        "apiVersion": "1",
        "recommendations": [one | {"position": index} for index, one in enumerate(items, 1)],
        "meta": {"strategy": "baseline", "profilingUsed": "none"},
    }


def page(body: str, *, widget: str = "shelf-recommendations.js", lang: str = "en", direction: str = "ltr") -> str:
    """A shop's page around this markup, with nothing inline."""
    return (
        f'<!doctype html><html lang="{lang}" dir="{direction}"><head><meta charset="utf-8"><title>Shop</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/page.css">'
        f'<script type="module" src="/static/widgets/{widget}"></script></head>'
        f"<body><main><h1>A shop</h1>{body}</main></body></html>"
    )
