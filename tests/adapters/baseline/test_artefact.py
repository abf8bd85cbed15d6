"""Artefacts: verified, falling back, three kept."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from app.adapters.baseline.artefact import KEPT_VERSIONS, current_version, load_current
from app.adapters.baseline.training import train
from app.domain.errors import ModelUnavailable
from tests.adapters.baseline.shops import DAY, NOW, SIGNALS, two_tastes

LOG = two_tastes(n_actors=40, n_products=12)


def published(folder: Path, days_later: int = 0) -> str:
    report = train(LOG, SIGNALS, folder, now=NOW + days_later * DAY, tune=False, force=True)
    assert report.version is not None
    return report.version


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    folder = tmp_path_factory.mktemp("models")
    return folder, published(folder), published(folder, 1)


@pytest.fixture
def models(two_versions: tuple[Path, str, str], tmp_path: Path) -> tuple[Path, str, str]:
    """A private copy of a folder with an older and a current version."""
    shutil.copytree(two_versions[0], tmp_path / "models")
    return tmp_path / "models", two_versions[1], two_versions[2]


def test_the_newest_is_current_and_memory_mapped(models: tuple[Path, str, str]) -> None:
    """The pointer names the version published last; large arrays are mapped, not read."""
    folder, _, new = models
    model = load_current(folder)
    assert model.version == current_version(folder) == new
    assert model.fell_back_from is None
    assert model._sources.ease is not None
    assert isinstance(model._sources.ease.weights.base, np.memmap)


def test_what_is_loaded_scores_as_what_was_trained(models: tuple[Path, str, str]) -> None:
    """All sources and the pairs survive writing and reading; unknown products have the column -1."""
    model = load_current(models[0])
    columns = model.columns_of(["p3", "nope", "p1"])
    assert columns.tolist() == [3, -1, 1]
    scores = model.scores(columns[[0, 2]], np.array([4.0, 4.0], np.float32))
    assert set(scores) == {"ease", "item_item", "als"}
    assert all(s.max() == 1.0 and s.shape == (12,) for s in scores.values())
    assert model.scores(columns[:0], np.zeros(0, np.float32)) == {}
    assert model.popularity.max() == 1.0
    assert model.trend.shape == (12,)
    assert all(n >= 3 and lift > 1 for _, n, lift in model.bought_with(3, 20))


def damage_flip(folder: Path) -> None:
    path = folder / "ease_weights.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def damage_cut(folder: Path) -> None:
    path = folder / "als_items.npy"
    path.write_bytes(path.read_bytes()[:-8])


def damage_remove(folder: Path) -> None:
    (folder / "popularity.npy").unlink()


def damage_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"version": 7')


def damage_format(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["format"] = 999
    (folder / "manifest.json").write_text(json.dumps(manifest))


def damage_all(folder: Path) -> None:
    shutil.rmtree(folder)


DAMAGES = [damage_flip, damage_cut, damage_remove, damage_manifest, damage_format, damage_all]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_version_falls_back_and_says_so(models: tuple[Path, str, str], damage) -> None:
    """Whatever is broken in the current version, the one before serves, flagged and logged."""
    folder, old, new = models
    damage(folder / new)
    with capture_logs() as logs:
        model = load_current(folder)
    assert model.version == old
    assert model.fell_back_from == new
    assert [entry["event"] for entry in logs] == ["baseline_damaged", "baseline_fell_back"]
    assert logs[0]["version"] == new


def test_nothing_intact_is_model_unavailable(models: tuple[Path, str, str]) -> None:
    """With every version broken the error names each and what to do."""
    folder, old, new = models
    damage_flip(folder / new)
    damage_manifest(folder / old)
    with capture_logs(), pytest.raises(ModelUnavailable, match=r"ease_weights.*manifest.*shelfwise train"):
        load_current(folder)


def test_nothing_published_is_model_unavailable(tmp_path: Path) -> None:
    """A missing folder and an empty one are the same: train first."""
    assert current_version(tmp_path / "none") is None
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ModelUnavailable, match="shelfwise train"):
            load_current(folder)


def test_a_pointer_cannot_lead_out_of_the_folder(models: tuple[Path, str, str]) -> None:
    """Names with a path in them are not versions."""
    folder, old, _ = models
    (folder / "current").write_text(f"../../etc\n.writing-x\n{old}\n")
    assert load_current(folder).version == old


@pytest.mark.parametrize("garbage", [b"\x00\xffgarbage\n" * 4096, b"a" * 5000, b"a b\n"])
def test_a_damaged_pointer_names_nothing(models: tuple[Path, str, str], garbage: bytes) -> None:
    """Bytes that are no version's name: no model, no exception of another kind."""
    folder, _, _ = models
    (folder / "current").write_bytes(garbage)
    assert current_version(folder) is None
    with pytest.raises(ModelUnavailable):
        load_current(folder)


def test_three_versions_are_kept(tmp_path: Path) -> None:
    """Publishing deletes older versions than the last three and leaves no temporary folder."""
    versions = [published(tmp_path, day) for day in range(KEPT_VERSIONS + 1)]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*versions[1:], "current"])
    assert (tmp_path / "current").read_text().split() == versions[:0:-1]


def test_the_same_training_gives_the_same_bytes(tmp_path: Path) -> None:
    """Same log, clock and seed: the same version with the same hashes; another seed gives another."""
    first = train(LOG, SIGNALS, tmp_path / "a", now=NOW, tune=False)
    second = train(LOG, SIGNALS, tmp_path / "b", now=NOW, tune=False)
    other = train(LOG, SIGNALS, tmp_path / "c", now=NOW, tune=False, seed=7)
    assert first.version == second.version != other.version
    manifests = [load_current(tmp_path / name).manifest for name in ("a", "b", "c")]
    assert manifests[0].files == manifests[1].files != manifests[2].files


def test_training_again_repairs_a_damaged_version(tmp_path: Path) -> None:
    """The same version written over a damaged one is intact afterwards."""
    version = published(tmp_path)
    damage_flip(tmp_path / version)
    again = train(LOG, SIGNALS, tmp_path, now=NOW, tune=False, force=True)
    assert again.version == version
    assert load_current(tmp_path).fell_back_from is None
