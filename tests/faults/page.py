"""The table of docs/faults.md: fault, defence, where it is, and that the fault's test fails without it.

    python -m tests.faults.page          writes the table

What the table says is asserted elsewhere: that a case holds by test_matrix.py and test_chat.py, that it fails without
its defence by the slow tests beside them.
"""

from __future__ import annotations

from pathlib import Path

from tests.faults import test_chat
from tests.faults.defences import DEFENCES
from tests.faults.test_matrix import CASES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
BEGIN, END = "<!-- matrix -->", "<!-- end of matrix -->"


def table() -> str:
    """One line per fault and defence."""
    lines = ["| Row, fault | Defence, without which its test fails | Where |", "|---|---|---|"]
    for case in CASES:
        found = [defence for defence in DEFENCES if case.id in defence.breaks]
        lines += [f"| {case.id} | {defence.name} | `{defence.where}` |" for defence in found]
        if not found:
            lines.append(f"| {case.id} | none: it shows that the others fail for their own reason | |")
    lines += [f"| {c.row:02d} chat: {c.name} | {c.defence} | `chat.model_answer` |" for c in test_chat.CASES]
    return "\n".join(lines)


def with_table(page: str) -> str:
    """The page with today's table between its marks."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
