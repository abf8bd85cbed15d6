"""livez and readyz, start and end."""

from __future__ import annotations

import pytest

from app.api.answer_schemas import LiveAnswer, ReadyAnswer
from app.domain.errors import ConfigurationError
from app.main import create_app
from tests.api.conftest import SECRET, FakeApplication, FakeHealth, OpenShop, Shop, running, settings_with


async def test_a_healthy_service_is_live_and_ready(open_: Shop) -> None:
    """200 on both."""
    async with open_.client() as client:
        live, ready = await client.get("/livez"), await client.get("/readyz")
    LiveAnswer.model_validate_json(live.content)
    ReadyAnswer.model_validate_json(ready.content)
    assert live.json() == {"status": "ok"}
    assert ready.json() == {"status": "ok", "degraded": [], "details": {"baseline": "v1"}}


async def test_a_degraded_service_is_ready_and_says_what_is_wrong(open_: Shop) -> None:
    """It answers, so it stays in the load balancer."""
    open_.behind.state = FakeHealth(degraded=("index",), details={"index": "corrupt"})
    async with open_.client() as client:
        ready = await client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "degraded", "degraded": ["index"], "details": {"index": "corrupt"}}


async def test_a_service_that_can_not_answer_is_not_ready_but_live(open_: Shop) -> None:
    """503, as a problem; restarting it would not help, so livez stays 200."""
    open_.behind.state = FakeHealth(ready=False, degraded=("store",))
    async with open_.client() as client:
        live, ready = await client.get("/livez"), await client.get("/readyz")
    assert live.status_code == 200
    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
    assert "store" in ready.json()["detail"]


async def test_a_lifespan_starts_and_closes_the_application() -> None:
    """Once each, in order."""
    async with running(settings_with()) as shop:
        assert shop.behind.log == ["start"]
    assert shop.behind.log == ["start", "close"]


async def test_keys_that_contradict_each_other_stop_the_start() -> None:
    """A key in both lists must not decide by chance: nothing is started, and what was built is closed."""
    behind = FakeApplication(settings_with(api_keys_secret=SECRET, api_keys_publishable=SECRET))
    app = create_app(lambda: behind)
    with pytest.raises(ConfigurationError, match="both"):
        async with app.router.lifespan_context(app):
            pass
    assert behind.log == ["close"]


async def test_readyz_asks_about_no_model_provider(open_shop: OpenShop) -> None:
    """A provider that can't be reached changes nothing."""
    async with (
        open_shop(llm_model="openai/gpt", llm_api_base="http://127.0.0.1:9") as shop,
        shop.client() as client,
    ):
        assert (await client.get("/readyz")).json()["status"] == "ok"
