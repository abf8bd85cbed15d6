"""The installation's secret: made once, private, and never guessed from a damaged file."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.adapters.secret_file import NAME, installation_secret
from app.domain.errors import ConfigurationError


def test_the_secret_is_made_once(tmp_path: Path) -> None:
    """32 bytes, the same ever after, others in another folder, readable by the owner only, nothing left beside it."""
    secret = installation_secret(tmp_path / "data")
    assert len(secret) == 32
    assert installation_secret(tmp_path / "data") == secret
    assert installation_secret(tmp_path / "other") != secret
    assert stat.S_IMODE((tmp_path / "data" / NAME).stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == [NAME]


def test_of_many_that_start_at_once_one_wins(tmp_path: Path) -> None:
    """Every starter gets the same secret."""
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: installation_secret(tmp_path), range(64)))
    assert len(found) == 1


def test_a_file_that_others_may_read_is_closed(tmp_path: Path) -> None:
    """A restored backup with the usual mode is made private again."""
    secret = installation_secret(tmp_path)
    (tmp_path / NAME).chmod(0o644)
    assert installation_secret(tmp_path) == secret
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"abcd", b"zz" * 32, b"\xff" * 64, b"ab" * 33])
def test_a_damaged_secret_stops_the_start(tmp_path: Path, content: bytes) -> None:
    """A new secret in silence would make every pseudonym a stranger."""
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"secret\.key"):
        installation_secret(tmp_path)
    assert (tmp_path / NAME).read_bytes() == content
