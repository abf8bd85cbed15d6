"""What is told before a model is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.errors import BadInput
from app.settings import Settings
from evals.prompts.command import Wish, run
from evals.rerank.asking import Pace


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_paid(tmp_path: Path) -> None:
    """A reply that can't be kept would be paid for in vain."""
    (tmp_path / "file").write_text("no folder")
    wish = Wish(prompt="rerank/v1", models=("openai/gpt-4o-mini",), pace=Pace(1), folder=tmp_path / "file")
    with pytest.raises(BadInput, match=r"can't be written: .* name another with --out"):
        run(wish, Settings(_env_file=None), lambda _: None)
