"""Immutable generations: what is written, what is trusted, what is kept."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.adapters import generations
from app.domain.errors import IndexUnavailable


def written(root: Path, content: str) -> generations.Generation:
    def fill(folder: Path) -> dict[str, str | int]:
        (folder / "data").write_text(content)
        return {"length": len(content)}

    root.mkdir(exist_ok=True)
    return generations.write_generation(root, fill)


def current(root: Path) -> str:
    return (next(generations.intact_generations(root)).folder / "data").read_text()


def test_the_newest_generation_is_current(tmp_path):
    """Each write gets a higher number and the pointer."""
    assert [written(tmp_path, c).name for c in "abc"] == ["gen-000001", "gen-000002", "gen-000003"]
    assert current(tmp_path) == "c"


@pytest.mark.parametrize("harm", ["flip", "truncate", "remove", "manifest", "no manifest"])
def test_a_damaged_generation_is_passed_over(tmp_path, damage, harm):
    """Any altered, short or missing file sends the reader to the generation before."""
    written(tmp_path, "good")
    data = written(tmp_path, "newer").folder / "data"
    if harm == "flip":
        damage(data)
    elif harm == "truncate":
        data.write_text("new")
    elif harm == "remove":
        data.unlink()
    elif harm == "manifest":
        (data.parent / "manifest.json").write_text("{")
    else:
        (data.parent / "manifest.json").unlink()
    assert current(tmp_path) == "good"


@pytest.mark.parametrize("pointer", [None, "", "gen-000009", "../../etc", "\udcff"])
def test_a_useless_pointer_means_the_newest(tmp_path, pointer):
    """A lost or damaged pointer loses nothing, and never leads out of the folder."""
    written(tmp_path, "old")
    written(tmp_path, "new")
    target = tmp_path / "current"
    target.unlink()
    if pointer is not None:
        target.write_bytes(pointer.encode("utf-8", "surrogateescape"))
    assert current(tmp_path) == "new"


def test_a_failed_write_changes_nothing(tmp_path):
    """An error while filling leaves the current generation and no litter."""
    written(tmp_path, "good")

    def fill(folder: Path) -> dict[str, str | int]:
        (folder / "data").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        generations.write_generation(tmp_path, fill)
    assert current(tmp_path) == "good"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["current", "gen-000001"]


def test_a_number_is_never_used_twice(tmp_path):
    """Even where the generation pointed to is gone, the next one gets a higher number."""
    written(tmp_path, "a")
    written(tmp_path, "b")
    generations.prune(tmp_path, set())
    assert written(tmp_path, "c").name == "gen-000003"


def test_the_lock_is_exclusive_within_a_process(tmp_path):
    """A second owner in the same process is refused, and the third gets in after release."""
    with (
        generations.locked(tmp_path, "first"),
        pytest.raises(IndexUnavailable, match="in use by another owner"),
        generations.locked(tmp_path, "second"),
    ):
        pass
    with generations.locked(tmp_path, "third"):
        pass


def test_the_lock_dies_with_its_process(tmp_path):
    """A process that is killed leaves no lock behind."""
    code = (
        "import sys, pathlib; from app.adapters import generations as g; "
        "held = g.take_lock(pathlib.Path(sys.argv[1]), 'x'); print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(IndexUnavailable), generations.locked(tmp_path, "us"):
        pass
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    with generations.locked(tmp_path, "us"):
        pass
