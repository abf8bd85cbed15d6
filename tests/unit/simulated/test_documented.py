"""The page about the simulated provider names everything that can be turned."""

from __future__ import annotations

from pathlib import Path

from evals.simulated.faults import FAULTS
from evals.simulated.knobs import Knobs

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "simulated.md").read_text(encoding="utf-8")


def test_every_fault_and_knob_is_documented() -> None:
    """Faults with what they do, knobs by their option."""
    assert [mode for mode, says in FAULTS.items() if f"| `{mode}` | {says} |" not in PAGE] == []
    options = {"prompt_cache": "--no-prompt-cache"}
    names = [options.get(name, "--" + name.replace("_", "-")) for name in Knobs.model_fields]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
