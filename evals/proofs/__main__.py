"""Writes docs/proofs.md and docs/proofs.json: what the prover catches, and what it wrongly refuses.

    python -m evals.proofs [--docs docs] [--rules rules]

Ends with 1 when a target of the reasons is missed (evals/proofs/page.py).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from app.adapters.reason_files import load_reasons
from evals.proofs.measure import as_json, measure
from evals.proofs.page import first_run, missed_targets, page

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Measures, writes both files, and says on standard error which targets were missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    parser.add_argument("--rules", type=Path, default=ROOT / "rules")
    given = parser.parse_args()
    figures = measure(load_reasons(given.rules))
    report = as_json(figures) | {"naturalFirstRun": first_run()}
    given.docs.mkdir(parents=True, exist_ok=True)
    (given.docs / "proofs.md").write_text(page(figures), encoding="utf-8")
    text = json.dumps(report, indent=1, ensure_ascii=False)
    (given.docs / "proofs.json").write_text(text + "\n", encoding="utf-8")
    missed = missed_targets(figures)
    for line in missed:
        sys.stderr.write(f"missed: {line}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
