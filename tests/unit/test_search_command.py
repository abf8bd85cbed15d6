"""`shelfwise search`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app import cli


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(cli, "configure_logging", lambda **_: None)
    monkeypatch.setattr(cli.out, "width", 200)
    monkeypatch.setattr(sys, "argv", ["shelfwise", "search", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def test_search_prints_hits_and_how_it_read_the_text(
    demo_copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing error is put right and said; a row per hit, no dearer than the budget."""
    monkeypatch.setenv("SHELFWISE_DATA_DIR", str(demo_copy))
    monkeypatch.setenv("SHELFWISE_AS_OF", "last-event")
    assert _run(monkeypatch, "wirless hedphones", "--limit", "3", "--budget", "100") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Read as: wireless headphone")
    rows = [line for line in lines if line.lstrip()[:1].isdigit() and " EUR " in line]
    assert 1 <= len(rows) <= 3
    assert all(float(row.split(" EUR ")[0].split()[-1]) <= 100 for row in rows)
    assert lines[-1].endswith("products match")


def test_an_empty_text_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As the API refuses it, before anything is opened."""
    assert _run(monkeypatch, "  ") == 2
    assert "TEXT has 0 characters" in capsys.readouterr().err
