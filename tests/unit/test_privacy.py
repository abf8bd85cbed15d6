"""A shopper of the demo shop is erased by the real parts, and no file of the service holds a byte of them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.adapters.disk_cache import SHOPPER, DiskOrderCache
from app.adapters.shop_files.folder import open_folder
from app.bootstrap import Application, build, open_pseudonyms, open_store
from app.domain.deadline import Deadline
from app.domain.interactions import Consent, EventKind, Interaction, Preferences
from app.domain.model_calls import StoredOrder
from app.domain.ranking import Query
from app.ingest.folder import import_folder
from app.main import create_app
from app.telemetry import configure_logging
from tests.conftest import demo_settings

CANARY = "canary-9d2c7e"
WROTE = "wrote-4b71aa"


def _files_with(folder: Path, *texts: str) -> list[str]:
    wanted = [text.encode() for text in texts]
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(text in path.read_bytes() for text in wanted)
    ]


def _live(application: Application) -> list[Interaction]:
    now = application.clock.now()
    products = [p.product_id for p in application.store.iter_products()][:8]
    return [
        Interaction(
            f"{CANARY}-{i}",
            EventKind.VIEW,
            now - 600 + i,
            CANARY if i % 2 else None,
            f"{CANARY}-a",
            f"{CANARY}-s",
            product,
            query=WROTE,
            note=WROTE,
        )
        for i, product in enumerate(products)
    ]


def test_no_byte_of_an_erased_shopper_is_left_in_the_data_folder(demo_copy: Path, tmp_path: Path) -> None:
    """Database and its log, cached answers, slates, rejects files: scanned for the id and for what was written."""
    export = tmp_path / "export"
    export.mkdir()
    (export / "users.jsonl").write_text(
        "".join(json.dumps({"userId": CANARY, "note": WROTE}) + "\n" for _ in range(2))
        + json.dumps({"userId": CANARY, "budget": "minus one"})
        + "\n"
    )
    (export / "events.jsonl").write_text(
        json.dumps({"userId": CANARY, "type": "nonsense", "timestamp": 1_700_000_000, "query": WROTE})
        + "\n"
        + json.dumps({"userId": [CANARY], "type": "view", "timestamp": 1_700_000_000})
        + "\n"
    )
    settings = demo_settings(demo_copy)
    store = open_store(settings)
    report = import_folder(
        open_folder(export), store, currency="EUR", now=1_790_000_000.0, rejects_dir=demo_copy / "rejects"
    )
    store.close()
    assert report.rejects_file is not None
    assert _files_with(demo_copy / "rejects", CANARY, WROTE) == []  # what a row says of a shopper is not repeated
    Path(report.rejects_file).write_text(f'{{"file":"users.csv","line":3,"reason":"user_id: \'{CANARY}\' is there"}}\n')

    pseudonym = open_pseudonyms(settings).of(CANARY)
    cache = DiskOrderCache.open(demo_copy / "cache", fresh_s=900, stale_s=86_400)
    for i in range(30):
        cache.put(f"k{i}", StoredOrder(("p",), ("p",), {"p": f"You bought {WROTE}."}, extra={SHOPPER: pseudonym}))
    cache.close()

    application = build(settings)
    application.open()
    try:
        application.store.insert_events(_live(application))
        application.store.save_consent(CANARY, Consent("full", True))
        application.store.save_preferences(CANARY, Preferences(interests=(WROTE,), extra={"note": WROTE}))
        asked = Query(user_id=CANARY, session_id=f"{CANARY}-s", text=WROTE)
        slate = asyncio.run(application.service.recommend(asked, Deadline.after_ms(0)))
        application.slates.close()
        held = application.privacy.export(CANARY)
        assert (len(held.events), len(held.slates), held.anonymous_ids) == (8, 1, (f"{CANARY}-a",))
        assert {Path(name).name.partition("-")[0] for name in _files_with(demo_copy, CANARY, WROTE)} >= {
            "shop.db",
            "cache.db",
        }
        receipt = application.privacy.erase(CANARY)
        assert receipt.pending == ()
        assert receipt.stores == {
            "events": 8,
            "slates": 1,
            "identities": 0,
            "conversations": 0,
            "profiles": 1,
            "rejects": 1,
            "answers": 30,
        }
        assert receipt.baseline_version == slate.baseline_version
        assert _files_with(demo_copy, CANARY, WROTE) == []
        assert application.privacy.erase(CANARY) == receipt
        assert application.store.insert_events(_live(application)) == (0, 0)
        anew = asyncio.run(application.service.recommend(replace(asked, text=None), Deadline.after_ms(0)))
        assert not anew.profiling_used
    finally:
        application.shut()
    assert _files_with(demo_copy, CANARY, WROTE) == []


def test_readiness_tells_when_the_model_is_older_than_an_erasure(
    demo_copy: Path, opened: Callable[..., Application]
) -> None:
    """A day after, until a model is in use that was trained since."""
    application = opened(demo_copy)
    assert "erasure" not in application.health().degraded
    application.privacy.erase("gamer")
    assert "erasure" not in application.health().degraded
    application.privacy._wall = lambda: 4e9
    health = application.health()
    assert "erasure" in health.degraded
    assert "shelfwise train" in health.details["erasure"]
    model = application.keeper.served().shelf.model
    assert model is not None
    application.store.privacy.remember_training(model.version, 4e9)
    assert "erasure" not in application.health().degraded


def test_training_no_longer_sees_an_erased_shopper(demo_copy: Path, opened: Callable[..., Application]) -> None:
    """The log that a model is trained on has lost exactly the shopper's rows."""
    application = opened(demo_copy)
    known = {p.product_id for p in application.store.iter_products()}
    hers = [e for e in application.privacy.export("student").events if e.product_id in known]
    before = len(application.store.interaction_log())
    application.privacy.erase("student")
    assert len([e for e in hers if e.kind is not EventKind.SEARCH]) > 10
    assert before - len(application.store.interaction_log()) == len([e for e in hers if e.kind is not EventKind.SEARCH])


async def test_no_log_line_of_any_request_names_a_shopper(
    demo_copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every endpoint that knows shoppers, wrong requests and an unexpected fault: the log has neither id nor text."""
    settings = demo_settings(demo_copy)
    configure_logging(level="DEBUG", stand_in=open_pseudonyms(settings).of)
    monkeypatch.setattr(logging.getLogger("httpx"), "disabled", True)  # this test's own client
    app = create_app(lambda: build(settings))
    event = {"type": "view", "userId": CANARY, "anonymousId": f"{CANARY}-a", "sessionId": f"{CANARY}-s", "query": WROTE}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 4000))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        answers = [
            await client.get("/api/recommendations", params={"userId": CANARY, "query": WROTE}),
            await client.get("/api/recommendations", params={"userId": CANARY, "limit": "99"}),
            await client.get("/api/search", params={"userId": CANARY, "q": WROTE}),
            await client.get("/api/trending", params={"userId": CANARY, "anonymousId": CANARY}),
            await client.post("/api/events", json={"events": [{**event, "productId": "unknown"}, event]}),
            await client.put(f"/api/users/{CANARY}/preferences", json={"interests": [WROTE], "budget": "x"}),
            await client.put(f"/api/users/{CANARY}/preferences", json={"interests": [WROTE]}),
            await client.put(f"/api/users/{CANARY}/consent", json={"personalization": "full", "llmProcessing": False}),
            await client.get(f"/api/users/{CANARY}"),
            await client.delete(f"/api/users/{CANARY}"),
        ]

        def broken(user_id: str) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr(app.state.api.store, "shopper", broken)
        answers.append(await client.get(f"/api/users/{CANARY}/preferences"))
    assert [a.status_code for a in answers] == [200, 422, 200, 200, 202, 422, 200, 200, 200, 200, 500]
    written = capsys.readouterr()
    assert "unexpected_error" in written.err
    assert "shopper_erased" in written.err
    for text in (CANARY, WROTE):
        assert text not in written.err + written.out
