"""Key ring and bind check."""

from __future__ import annotations

import pytest

from app.api.keys import KeyRing, KeyScope, check_bind
from app.domain.errors import ConfigurationError
from app.settings import Settings


def settings_with(**values: object) -> Settings:
    """Settings that ignore the environment."""
    return Settings(_env_file=None, **values)  # type: ignore[call-arg, arg-type]


@pytest.fixture(autouse=True)
def _no_keys_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHELFWISE_API_KEYS_SECRET", raising=False)
    monkeypatch.delenv("SHELFWISE_API_KEYS_PUBLISHABLE", raising=False)


@pytest.mark.parametrize(
    ("key", "scope"),
    [
        (b"s1", KeyScope.SECRET),
        (b"s2", KeyScope.SECRET),
        (b"p1", KeyScope.PUBLISHABLE),
        ("ä-key".encode(), KeyScope.PUBLISHABLE),
        (b"S1", None),
        (b"s1 ", None),
        (b"s", None),
        (b"", None),
        (b"s1,s2", None),
        (b"\xff", None),
    ],
)
def test_a_key_has_the_scope_of_its_list(key: bytes, scope: KeyScope | None) -> None:
    """Every configured key is found, and nothing like one is."""
    ring = KeyRing(secret=["s1", "s2"], publishable=["p1", "ä-key"])
    assert ring.scope_of(key) is scope


def test_keys_are_not_kept_as_text() -> None:
    """A dump of the ring does not show a key."""
    assert "sk-visible" not in repr(vars(KeyRing(secret=["sk-visible"], publishable=[])))


def test_a_ring_without_keys_is_empty() -> None:
    """And knows nobody."""
    ring = KeyRing(secret=[], publishable=[])
    assert ring.empty
    assert ring.scope_of(b"") is None
    assert not KeyRing(secret=[], publishable=["p"]).empty


def test_a_key_in_both_lists_is_refused() -> None:
    """Which scope it has would be a guess."""
    with pytest.raises(ConfigurationError, match="both"):
        KeyRing(secret=["a", "b"], publishable=["b"])


def test_keys_come_from_the_settings() -> None:
    """Comma separated, as in the environment."""
    ring = KeyRing.from_settings(settings_with(api_keys_secret="s1, s2", api_keys_publishable="p1"))
    assert (ring.scope_of(b"s2"), ring.scope_of(b"p1")) == (KeyScope.SECRET, KeyScope.PUBLISHABLE)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.0.5", "shop.example", "localhost.example"])
def test_without_keys_the_service_does_not_listen_to_others(host: str) -> None:
    """The refusal says what to set."""
    with pytest.raises(ConfigurationError, match="SHELFWISE_API_KEYS_SECRET"):
        check_bind(host, settings_with())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_without_keys_loopback_is_fine(host: str) -> None:
    """A developer's machine needs no set-up."""
    check_bind(host, settings_with())


def test_with_any_key_every_address_is_fine() -> None:
    """Also with publishable keys only."""
    check_bind("0.0.0.0", settings_with(api_keys_secret="s"))
    check_bind("0.0.0.0", settings_with(api_keys_publishable="p"))
