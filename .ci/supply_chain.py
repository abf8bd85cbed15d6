"""What Shelfwise is made of: writes dist/sbom.json (CycloneDX 1.6) and checks licences and known vulnerabilities.

Only what a deployment installs counts: the closure of the project's own requirements, without its development extras.
Run by `make audit`, which installs the tools. Exit code 1: a licence that is not allowed, a known vulnerability, or a
bill of materials that is no valid one. A package that no vulnerability database could be asked about is told, and is
not an error: without a network there is nothing to ask.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter, deque
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = "shelfwise"

ALLOWED = (
    "MIT",
    "Apache",
    "BSD",
    "ISC",
    "PSF",
    "Python Software Foundation",
    "MPL",
    "Mozilla Public License 2.0",
    "CNRI-Python",
    "Zlib",
    "CC0",
    "BSL-1.0",
    "LLVM-exception",
    "0BSD",
)
"""Beginnings of licences that allow to run and to pass on a service; MPL asks for changes to its own files only."""


def runtime_packages() -> dict[str, str]:
    """Every distribution that the project needs to run, name → version, by what is installed here."""
    extras_of: dict[str, frozenset[str]] = {}
    waiting: deque[tuple[str, frozenset[str]]] = deque([(PROJECT, frozenset())])
    while waiting:
        name, extras = waiting.popleft()
        key = canonicalize_name(name)
        if key in extras_of and extras <= extras_of[key]:
            continue
        extras_of[key] = extras_of.get(key, frozenset()) | extras
        for line in metadata.distribution(name).requires or []:
            needed = Requirement(line)
            wanted = needed.marker is None or any(
                needed.marker.evaluate({"extra": extra}) for extra in extras_of[key] | {""}
            )
            if wanted:
                waiting.append((needed.name, frozenset(needed.extras)))
    del extras_of[PROJECT]
    return {name: metadata.version(name) for name in sorted(extras_of)}


def bill(runtime: dict[str, str]) -> dict[str, Any]:
    """The bill of materials of this environment, without what only development needs."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(ROOT / "pyproject.toml")]
    command += ["--of", "JSON", "--spec-version", "1.6", "--output-reproducible"]
    made = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own command
    found: dict[str, Any] = json.loads(made.stdout)
    found["components"] = [one for one in found["components"] if canonicalize_name(one["name"]) in runtime]
    kept = {one["bom-ref"] for one in found["components"]} | {found["metadata"]["component"]["bom-ref"]}
    found["dependencies"] = [
        {**one, "dependsOn": [ref for ref in one.get("dependsOn", []) if ref in kept]}
        for one in found["dependencies"]
        if one["ref"] in kept
    ]
    return found


def licence_of(component: dict[str, Any]) -> str:
    """What a component says of its licence, as one line."""
    said = []
    for one in component.get("licenses", []):
        inner = one.get("license", {})
        said.append(one.get("expression") or inner.get("id") or inner.get("name") or "")
    if not any(said):
        said = (metadata.metadata(component["name"]).get("License") or "unknown").splitlines()[:1]
    return "; ".join(dict.fromkeys(" ".join(text.split()) for text in said if text))


def allowed(licence: str) -> bool:
    """Whether one of the licences named may be used; of `A AND B` every part has to be allowed."""
    choices = [part for choice in licence.split(";") for part in choice.split(" OR ")]
    return any(
        all(_known(part) for part in choice.replace("(", " ").replace(")", " ").split(" AND ")) for choice in choices
    )


def _known(part: str) -> bool:
    text = part.replace("License ::", "").replace("OSI Approved ::", "").strip()
    return any(text.startswith(name) or name in text.split(" ")[:2] for name in (*ALLOWED, "3-Clause", "The MIT"))


def vulnerabilities(runtime: dict[str, str]) -> tuple[list[str], int]:
    """Known vulnerabilities, one line each, and how many packages no database could be asked about."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as pins:
        # A local version (2.13.0+cpu) is of no database; its public part is.
        pins.writelines(f"{name}=={version.partition('+')[0]}\n" for name, version in runtime.items())
        pins.flush()
        command = [sys.executable, "-m", "pip_audit", "-r", pins.name, "--no-deps", "--disable-pip", "-f", "json"]
        made = subprocess.run([*command, "--progress-spinner", "off"], check=False, capture_output=True, text=True)  # noqa: S603 - our own command
    try:
        told = json.loads(made.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        print(made.stderr.strip().splitlines()[-1] if made.stderr.strip() else "pip-audit said nothing")
        return [], len(runtime)
    lines = [f"{one['name']} {one.get('version')}: {hole['id']}" for one in told for hole in one.get("vulns", [])]
    return lines, sum("skip_reason" in one for one in told)


def main() -> int:
    """Prints what was found; see the module."""
    runtime = runtime_packages()
    made = bill(runtime)
    text = json.dumps(made, indent=1)
    invalid = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    target = ROOT / "dist" / "sbom.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text + "\n")
    print(f"{len(made['components'])} packages in dist/sbom.json" + (f", NOT VALID: {invalid}" if invalid else ""))
    licences = {one["name"]: licence_of(one) for one in made["components"]}
    for licence, count in Counter(licences.values()).most_common():
        print(f"{count:4} {licence}")
    refused = [f"{name}: {licence}" for name, licence in licences.items() if not allowed(licence)]
    holes, unknown = vulnerabilities(runtime)
    print(
        f"{len(runtime) - unknown} of {len(runtime)} packages looked up for known vulnerabilities, {len(holes)} found"
    )
    if unknown == len(runtime):
        print("NOTHING WAS AUDITED: no vulnerability database could be reached from here")
    for line in (*refused, *holes):
        print(f"problem: {line}")
    return 1 if invalid or refused or holes else 0


if __name__ == "__main__":
    sys.exit(main())
