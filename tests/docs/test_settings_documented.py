"""What a person reads about settings is what the program knows."""

from pathlib import Path

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def test_every_setting_is_in_the_example() -> None:
    """`.env.example` names every setting, and none that does not exist."""
    named = {
        line.removeprefix("# ").split("=", 1)[0]
        for line in (ROOT / ".env.example").read_text().splitlines()
        if line.removeprefix("# ").startswith("SHELFWISE_")
    }
    assert named == {f"SHELFWISE_{name.upper()}" for name in Settings.model_fields}


def test_example_loads_to_the_defaults(monkeypatch) -> None:
    """Copying `.env.example` to `.env` changes nothing."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SHELFWISE_{name.upper()}", raising=False)
    assert Settings(_env_file=ROOT / ".env.example") == Settings(_env_file=None)
