"""The assistant in a terminal."""

import io
from pathlib import Path

from rich.console import Console

from app.chat_console import converse
from tests.conftest import demo_settings


async def test_a_conversation_in_a_terminal(demo_copy: Path) -> None:
    """Who is answering is told once; cards, a table and a proposal are lines; brackets in texts are no markup."""
    lines = iter(["headphones under 50 euros", "", "compare the first two", "put the first into my cart [red]", "exit"])
    shown = io.StringIO()
    await converse(demo_settings(demo_copy), None, lambda: next(lines, None), Console(file=shown, width=200))
    told = shown.getvalue()
    assert told.count("talking to a machine") == 1
    assert "  1  " in told
    assert "battery hours" in told
    assert "Proposed for your cart" in told


async def test_the_end_of_input_ends_it(demo_copy: Path) -> None:
    """Nothing is said without a line."""
    shown = io.StringIO()
    await converse(demo_settings(demo_copy), None, lambda: None, Console(file=shown))
    assert shown.getvalue() == ""
