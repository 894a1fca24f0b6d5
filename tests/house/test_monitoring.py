"""Dashboards and alerts speak of what is exported, and each says what to do."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

# Imported for what they register: together they are every metric that there is.
import connectors.metrics
import streams.health
import streams.metrics
import streams.view.metrics
from deploy.grafana.build import BOARDS, stale
from deploy.grafana.panels import Note, Panel
from tests.house.project import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOK = ROOT / "deploy" / "RUNBOOK.md"
PARTS = ("Meaning", "Impact", "First look", "Mending", "Escalation")
OF_THE_CLIENT = {
    "up",
    "process_start_time_seconds",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
}
"""What Prometheus itself and prometheus-client on Linux add."""
NAMES = re.compile(r"\b(?:onhand[_:][\w:]+|process_\w+|python_\w+|up)\b(?!-)")
LABELS = re.compile(r"\bby \(([\w, ]+)\)|\{([^}]*)\}")
OWN_LABELS = {"le", "job", "instance"}  # Of histograms, and what a scrape adds.


def rules() -> list[dict[str, Any]]:
    """Every rule of every group."""
    return [
        rule
        for path in sorted((PROMETHEUS / "rules").glob("*.yaml"))
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
        for rule in group["rules"]
    ]


ALERTS = [rule for rule in rules() if "alert" in rule]
RECORDED = {rule["record"] for rule in rules() if "record" in rule}
PANELS = [pytest.param(panel, id=f"{board.uid}: {panel.title}") for board in BOARDS for panel in board.panels]


@cache
def exported() -> frozenset[str]:
    """The names of all series that Onhand's processes export."""
    names = set(OF_THE_CLIENT)
    for family in REGISTRY.collect():
        endings = {
            "counter": ("_total",),
            "histogram": ("_bucket", "_sum", "_count"),
            "gauge": ("",),
        }.get(family.type, ("",))
        names |= {family.name + ending for ending in endings}
    return frozenset(names)


@cache
def labels() -> frozenset[str]:
    """The names of all labels that our metrics have."""
    named = {
        label
        for module in (connectors.metrics, streams.metrics, streams.view.metrics)
        for metric in vars(module).values()
        for label in getattr(metric, "_labelnames", ())
    }
    return frozenset(named | OWN_LABELS)


def expressions() -> list[tuple[str, str]]:
    """Where each PromQL expression stands, and itself."""
    of_rules = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]
    of_panels = [
        (panel.title, query.expression)
        for board in BOARDS
        for panel in board.panels
        if isinstance(panel, Panel)
        for query in panel.queries
    ]
    return of_rules + of_panels


@pytest.mark.parametrize(("where", "expression"), expressions())
def test_every_metric_that_is_asked_for_exists(where: str, expression: str) -> None:
    """A renamed metric must not leave an empty panel or an alert that can never fire."""
    asked = set(NAMES.findall(expression))
    assert asked, f"{where} asks for nothing"
    assert asked <= exported() | RECORDED, where


@pytest.mark.parametrize(("where", "expression"), expressions())
def test_every_label_that_is_asked_for_exists(where: str, expression: str) -> None:
    """Nor may a label, whose absence would join what should be apart. None is by SKU."""
    for grouped, matched in LABELS.findall(expression):
        asked = set(re.findall(r"\w+", grouped)) or set(re.findall(r"(\w+)\s*[=!]", matched))
        assert asked <= labels(), where
    assert "sku" not in labels()


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_says_what_it_shows_and_what_to_do(panel: Panel | Note) -> None:
    """A title in words, a unit, and a sentence for the moment when it looks bad."""
    assert " " in panel.title, "a title is words, not the name of a metric"
    assert panel.when_bad.endswith("."), panel.title
    if isinstance(panel, Panel):
        assert panel.unit, panel.title
        assert panel.queries, panel.title


def test_dashboard_files_are_up_to_date() -> None:
    """`python -m deploy.grafana.build` was run after the last change."""
    assert stale() == []


def test_dashboards_are_fit_for_grafana() -> None:
    """Addresses are unique and short enough, panels do not overlap and do not leave the grid."""
    boards = [json.loads(path.read_text("utf-8")) for path in (ROOT / "deploy/grafana/dashboards").iterdir()]
    assert len({board["uid"] for board in boards}) == len(boards) == len(BOARDS)
    for board in boards:
        assert len(board["uid"]) <= 40, "Grafana refuses a longer uid"
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, panel["title"]
            assert max(x for x, _ in cells) < 24, panel["title"]
            taken |= cells


def test_panels_point_to_alerts_and_panels_that_exist() -> None:
    """Advice that leads nowhere is worse than none."""
    names = {alert["alert"] for alert in ALERTS}
    for board in BOARDS:
        for panel in board.panels:
            assert set(re.findall(r"\bOnhand[A-Z]\w+", panel.when_bad)) <= names, panel.title


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_has_its_section_in_the_runbook(alert: dict[str, Any]) -> None:
    """Meaning, impact, first look, mending, escalation, where its annotation points to."""
    name = alert["alert"]
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["runbook"] == f"deploy/RUNBOOK.md#{name.lower()}"
    _, found, section = RUNBOOK.read_text("utf-8").partition(f"\n## {name}\n")
    assert found, f"the runbook has no section {name}"
    section = section.partition("\n## ")[0]
    assert re.findall(r"^\*\*(.+?)\.\*\*", section, re.MULTILINE) == list(PARTS)


def test_runbook_has_no_section_for_an_alert_that_is_gone() -> None:
    """Whoever reads it can trust it."""
    sections = re.findall(r"^## (.+)$", RUNBOOK.read_text("utf-8"), re.MULTILINE)
    assert sections == [alert["alert"] for alert in ALERTS]


def test_every_alert_is_tested_to_fire_and_to_stay_silent() -> None:
    """An alert that can't fire is as bad as one that always does."""
    fires: set[str] = set()
    silent: set[str] = set()
    for path in (PROMETHEUS / "tests").glob("*.yaml"):
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            for case in test["alert_rule_test"]:
                (fires if case["exp_alerts"] else silent).add(case["alertname"])
    names = {alert["alert"] for alert in ALERTS}
    assert fires == names
    assert silent == names
