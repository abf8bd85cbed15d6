"""On whose account a request's model calls go: the key's, and the shopper's, session's or address's."""

from __future__ import annotations

import pytest

from app.domain.budgets import NOBODY, Payer, key_id
from tests.api.conftest import PUBLISHABLE, SECRET, Shop


@pytest.mark.parametrize(
    ("asked", "parties"),
    [
        ("anonymousId=a&sessionId=s", (("anonymous", "a"),)),
        ("sessionId=s", (("session", "s"),)),
        ("", ()),
    ],
)
async def test_a_browser_is_counted_by_its_id_and_its_address(
    shop: Shop, asked: str, parties: tuple[tuple[str, str], ...]
) -> None:
    """The id that says most; an attacker may choose a new one each time, so the address counts beside it."""
    async with shop.client(address="203.0.113.9", x_api_key=PUBLISHABLE) as client:
        await client.get(f"/api/recommendations?{asked}")
    assert shop.behind.service.payers == [Payer(key_id(PUBLISHABLE.encode()), (*parties, ("address", "203.0.113.9")))]


async def test_the_shop_s_own_server_is_counted_by_shopper_alone(shop: Shop) -> None:
    """All shoppers come from its address."""
    async with shop.secret() as client:
        await client.get("/api/recommendations?userId=ann&anonymousId=a")
    assert shop.behind.service.payers == [Payer(key_id(SECRET.encode()), (("user", "ann"),))]


async def test_without_keys_nobody_is_counted(open_: Shop) -> None:
    """The machine's own calls."""
    async with open_.client() as client:
        await client.get("/api/recommendations?userId=ann")
    assert open_.behind.service.payers == [NOBODY]


async def test_a_key_stays_out_of_what_is_handed_on(shop: Shop) -> None:
    """Eight digits of its hash are all that a ledger row can hold of it."""
    assert len(key_id(SECRET.encode())) == 8
    assert SECRET not in repr(Payer(key_id(SECRET.encode()), (("user", "ann"),)))
