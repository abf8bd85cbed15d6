"""What the commands refuse, hide and print."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from app import cli
from app.bootstrap import open_store
from app.domain.errors import BadInput, ConfigurationError
from app.domain.imports import FileReport, ImportReport, Written
from app.retrain import retrain
from app.settings import Settings


@pytest.fixture
def shelfwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[object, str]]:
    """Runs one command in an empty folder; its exit code and standard error in one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "configure_logging", lambda **_: None)

    def run(*arguments: str) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["shelfwise", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, " ".join(capsys.readouterr().err.split())

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("u", "--query", ""), "--query has 0 characters; it must have 1 to 500."),
        (("u", "--query", " \t "), "--query has 0 characters; it must have 1 to 500."),
        (("u", "--query", "x" * 501), "--query has 501 characters; it must have 1 to 500."),
        (("u" * 201,), "USER has 201 characters; it must have 1 to 200."),
        (("",), "USER has 0 characters; it must have 1 to 200."),
    ],
)
def test_recommend_refuses_what_the_api_refuses(
    shelfwise: Callable[..., tuple[object, str]], arguments: tuple[str, ...], message: str
) -> None:
    """Empty and over-long ids and queries end with the limit in the message, before anything is opened."""
    assert shelfwise("recommend", *arguments) == (2, message)
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("command", [("recommend", "x" * 201), ("doctor",)])
def test_recommend_and_doctor_hide_warnings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Both run beside a server: "in use by another owner" is doctor's to report, not a log line before the slate."""
    levels: list[str] = []
    monkeypatch.setattr(cli, "configure_logging", lambda *, level="INFO", style="json": levels.append(level))
    monkeypatch.setenv("SHELFWISE_DATA_DIR", str(tmp_path / "file" / "x"))
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(sys, "argv", ["shelfwise", *command])
    with pytest.raises(SystemExit):
        cli.main()
    assert levels[-1] == "ERROR"


def test_a_data_folder_that_cant_be_made_is_a_setting_to_mend(tmp_path: Path) -> None:
    """The message names folder, reason and setting."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"file/x can't be made: Not a directory\. Set SHELFWISE_DATA_DIR"):
        open_store(Settings(_env_file=None, data_dir=tmp_path / "file" / "x"))


def test_train_without_products_says_what_to_do(tmp_path: Path) -> None:
    """Nothing is published: an empty model would only ask for training again."""
    with pytest.raises(BadInput, match="no products; run `shelfwise import FOLDER`"):
        retrain(Settings(_env_file=None, data_dir=tmp_path), tune=False, force=False)
    assert not (tmp_path / "models").exists()


def _table(*files: FileReport) -> list[list[str]]:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(cli._import_table(ImportReport("i", files)))
    return [line.split() for line in console.export_text().splitlines()]


def test_the_summary_of_a_resumed_import_adds_up() -> None:
    """Rows that the interrupted import had written have a column of their own, which is there only when needed."""
    resumed = FileReport("e.csv", "events", rows=30, written=Written(inserted=20), resumed=10)
    assert _table(resumed) == [
        ["file", "rows", "inserted", "updated", "unchanged", "duplicate", "rejected", "resumed"],
        ["e.csv", "30", "20", "0", "0", "0", "0", "10"],
    ]
    assert "resumed" not in _table(FileReport("e.csv", "events", rows=3, written=Written(inserted=3)))[0]
