"""Shopper tokens on a clock that the test holds."""

from __future__ import annotations

import pytest

from app.api.tokens import LIFETIME_S, ShopperTokens, TokenRefused

SECRET = "s" * 32


class HandClock:
    """Wall clock that moves when told."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.5

    def __call__(self) -> float:
        return self.now_s


def test_a_token_holds_for_its_lifetime_and_not_a_second_longer() -> None:
    """Valid until just before the announced end, refused at it."""
    clock = HandClock()
    tokens = ShopperTokens(SECRET, clock)
    token = tokens.mint("äöü/7")
    assert token.expires_at == 1_000_000 + LIFETIME_S
    clock.now_s = token.expires_at - 0.001
    assert tokens.subject(token.text) == "äöü/7"
    clock.now_s = token.expires_at
    with pytest.raises(TokenRefused, match="expired"):
        tokens.subject(token.text)


def test_another_secret_does_not_verify() -> None:
    """Rotating TOKEN_SECRET ends all tokens."""
    token = ShopperTokens(SECRET).mint("7")
    with pytest.raises(TokenRefused, match="not valid"):
        ShopperTokens("o" * 32).subject(token.text)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_token_does_not_verify(part: int) -> None:
    """Header, claims and signature are all covered."""
    tokens = ShopperTokens(SECRET)
    parts = tokens.mint("7").text.split(".")
    middle = len(parts[part]) // 2
    swapped = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + swapped + parts[part][middle + 1 :]
    with pytest.raises(TokenRefused):
        tokens.subject(".".join(parts))


def test_an_empty_secret_is_refused() -> None:
    """Everybody knows it."""
    with pytest.raises(ValueError, match="empty"):
        ShopperTokens("")
