"""
What a dashboard is made of, and its form as Grafana's JSON.

A panel says in words what it shows, in which unit, and what to do when it looks bad; build refuses one that
does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

COLUMNS = 24  # Grafana's grid.
SCHEMA_VERSION = 38  # Of Grafana 10; newer ones migrate it by themselves.
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
REFRESH = "10s"

# Units, by Grafana's names.
SECONDS, SHORT, PER_SECOND, BYTES, SHARE, PLAIN = "s", "short", "cps", "bytes", "percentunit", "none"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression; legend is Grafana's template for the name of each series."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """
    One panel.

    `when_bad` says what to do when it looks bad. `limit` draws a line at where bad begins. Width is in columns
    of 24, height in grid rows.
    """

    title: str
    unit: str
    when_bad: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    limit: float | None = None
    width: int = 12
    height: int = 8
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """A panel that only says something, in Markdown."""

    title: str
    when_bad: str
    text: str
    width: int = 24
    height: int = 6


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard; uid is its address for ever, so links to it stay good."""

    uid: str
    title: str
    description: str
    panels: tuple[Panel | Note, ...]


def stat(title: str, unit: str, when_bad: str, expression: str, limit: float | None = None) -> Panel:
    """Return a panel with one big figure."""
    return Panel(title, unit, when_bad, (Query(expression),), "stat", limit, width=6, height=5)


def quantiles(metric: str, *shares: float, by: str | None = None) -> tuple[Query, ...]:
    """Return queries for quantiles of a histogram, over all processes or by a label."""
    labels, name = ("le", "") if by is None else (f"{by}, le", f"{{{{{by}}}}} ")
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket[$__rate_interval])))",
            f"{name}p{share * 100:g}",
        )
        for share in shares
    )


def as_json(board: Board) -> dict[str, Any]:
    """Return a dashboard as Grafana has it."""
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.description,
        "tags": ["onhand"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "refresh": REFRESH,
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "utc",
        "graphTooltip": 1,
        "links": [_link_to_the_others()],
        "templating": {"list": [_datasource_choice()]},
        "annotations": {"list": []},
        "panels": _placed(board.panels),
    }


def _link_to_the_others() -> dict[str, Any]:
    return {"type": "dashboards", "tags": ["onhand"], "title": "Onhand", "asDropdown": True}


def _datasource_choice() -> dict[str, Any]:
    """Let a person choose, so that the dashboards also work in a Grafana that has its own Prometheus."""
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _placed(panels: Sequence[Panel | Note]) -> list[dict[str, Any]]:
    """Lay panels out from left to right, in rows as high as their highest panel."""
    placed = []
    x = y = row_height = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > COLUMNS:
            x, y, row_height = 0, y + row_height, 0
        place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
        placed.append({"id": number, "gridPos": place, **_content(panel)})
        x, row_height = x + panel.width, max(row_height, panel.height)
    return placed


def _content(panel: Panel | Note) -> dict[str, Any]:
    assert panel.title, "a panel has a title"
    assert panel.when_bad, f"{panel.title}: what to do when it looks bad?"
    words = {"title": panel.title, "description": panel.when_bad}
    if isinstance(panel, Note):
        return {"type": "text", **words, "options": {"mode": "markdown", "content": panel.text}}
    return {
        "type": panel.kind,
        **words,
        "datasource": DATASOURCE,
        "targets": [_target(number, query, panel) for number, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }


def _target(number: int, query: Query, panel: Panel) -> dict[str, Any]:
    target = {
        "refId": chr(ord("A") + number),
        "datasource": DATASOURCE,
        "expr": query.expression,
        "legendFormat": query.legend or "__auto",
    }
    return {**target, "instant": True, "format": "table"} if panel.kind == "table" else target


def _defaults(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0,
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "lineWidth": 1,
            "fillOpacity": 20 if panel.stacked else 0,
            "stacking": {"mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "off" if panel.limit is None else "line"},
        }
    return defaults


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        return {"colorMode": "value", "graphMode": "area", "reduceOptions": {"calcs": ["lastNotNull"]}}
    if panel.kind == "table":
        return {"showHeader": True}
    return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
