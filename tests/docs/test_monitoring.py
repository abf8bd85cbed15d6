"""Alert rules and dashboard: right by Prometheus' own tools, and about metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from app.adapters.prometheus import Metrics

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "docs/operations/prometheus/alerts.yml"
RULE_TESTS = ROOT / "docs/operations/prometheus/alerts.test.yml"
DASHBOARD = ROOT / "docs/operations/grafana/shelfwise.json"


def panels() -> Iterator[dict[str, object]]:
    """Panels of the dashboard that show something."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] != "row":
            yield panel


def queries() -> list[tuple[str, str]]:
    """(where, PromQL) of every panel and every alert, thresholds included."""
    found = [(f"panel {p['title']}", str(t["expr"])) for p in panels() for t in p["targets"]]  # type: ignore[attr-defined]
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        found += [(f"alert {rule['alert']}", rule["expr"]) for rule in group["rules"]]
    return found


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Debian's package prometheus has promtool")
@pytest.mark.parametrize("command", [["check", "rules", RULES.name], ["test", "rules", RULE_TESTS.name]])
def test_promtool_accepts_the_rules(command: list[str]) -> None:
    """Their syntax, and that each fires on what it is for and stays quiet beside it."""
    done = subprocess.run(
        ["promtool", *command], cwd=RULES.parent, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested() -> None:
    """At least once with an alert that fires."""
    written = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    fired = {
        one["alertname"]
        for test in yaml.safe_load(RULE_TESTS.read_text())["tests"]
        for one in test["alert_rule_test"]
        if one.get("exp_alerts")
    }
    assert fired == written


@pytest.mark.parametrize(("where", "query"), queries(), ids=lambda value: str(value)[:50])
def test_queries_name_metrics_and_labels_that_exist(where: str, query: str) -> None:
    """A renamed metric or label fails here, not on the night it was needed."""
    labels_of: dict[str, set[str]] = {}
    for one in Metrics().registry._collector_to_names:
        names = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(one._type, ("",))
        labels_of |= {one._name + suffix: set(one._labelnames) for suffix in names}
    used = set(re.findall(r"shelfwise_\w+", query))
    assert used <= labels_of.keys(), where
    for name, selector in re.findall(r"(shelfwise_\w+)\{([^}]*)\}", query):
        assert set(re.findall(r"(\w+)\s*[=!]~?\"", selector)) <= labels_of[name], where
    known = {label for name in used for label in labels_of[name]} | {"le", "job", "instance"}
    for grouped in re.findall(r"by \(([^)]*)\)", query):
        assert {label.strip() for label in grouped.split(",")} <= known, where


def test_the_dashboard_has_the_shape_that_grafana_imports() -> None:
    """Unique panel ids, no panel over another, every panel with a unit, and a data source that can be chosen."""
    board = json.loads(DASHBOARD.read_text())
    assert board["schemaVersion"] >= 36
    assert [v["type"] for v in board["templating"]["list"]] == ["datasource"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    for panel in panels():
        assert panel["fieldConfig"]["defaults"]["unit"]  # type: ignore[index]
        assert panel["datasource"]["uid"] == "${datasource}"  # type: ignore[index]
        assert all(target["legendFormat"] for target in panel["targets"])  # type: ignore[attr-defined]
