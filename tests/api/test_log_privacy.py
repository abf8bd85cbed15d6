"""No line of the log holds what is a shopper's: neither of good requests nor of bad ones."""

from __future__ import annotations

import json
import logging

import pytest

from app.telemetry import configure_logging
from tests.api.conftest import Shop

CANARIES = ("canary-ada", "canary-lamp", "canary@example.com", "canary-product", "canary-boom")


async def test_no_canary_is_in_the_log_of_a_mix_of_requests(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Ids, queries, addresses of good, wrong, failing and unauthorised requests; each line is JSON with its ids."""
    configure_logging(level="DEBUG")
    lamp = "canary-lamp canary@example.com"
    event = {"type": "search", "userId": "canary-ada", "query": lamp, "productId": "canary-product"}
    async with shop.secret() as client:
        await client.get("/api/recommendations", params={"userId": "canary-ada", "query": lamp})
        await client.get("/api/search", params={"q": lamp, "userId": "canary-ada"})
        await client.get("/api/products/canary-product")
        await client.get("/canary-product/canary-ada")
        await client.post("/api/events", json={"events": [event, {"type": lamp}]})
        await client.post("/api/events", content=lamp.encode(), headers={"content-type": "application/json"})
        await client.get("/api/users/canary-ada/preferences")
        await client.put("/api/users/canary-ada/preferences", json={"budget": lamp})
        await client.delete("/api/users/somebody")  # the fake store puts the id into its receipt
        await client.request("CANARY-ADA", "/api/search")
        chat = {
            "id": "c",
            "userId": "canary-ada",
            "messages": [{"role": "user", "parts": [{"type": "text", "text": lamp}]}],
        }
        await client.post("/api/chat", json=chat)
        for error in (RuntimeError("canary-boom"), KeyError("canary@example.com")):
            shop.behind.service.fails_with = error
            await client.get("/api/recommendations", params={"userId": "canary-ada"})
    async with shop.client(x_api_key="canary-boom") as stranger:
        await stranger.get("/api/users/canary-ada")
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task RuntimeError('canary-boom')>")
    written = capsys.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    assert [canary for canary in CANARIES if canary in written.lower()] == []
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) == 14
    assert all(len(line["trace_id"]) == 32 and line["request_id"] for line in requests)
    assert {"unexpected_error"} <= {line["event"] for line in lines}
    slate = requests[0]
    assert (slate["endpoint"], slate["status"], slate["strategy"]) == ("/api/recommendations", 200, "baseline")
    assert slate["ms"] >= 0


async def test_probes_that_go_well_are_no_news(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that don't are."""
    configure_logging()
    async with shop.client() as client:
        await client.get("/livez")
        await client.get("/readyz")
        await client.get("/metrics")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["endpoint"], line["status"]) for line in lines] == [("/metrics", 401)]
