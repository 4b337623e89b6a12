"""What a dashboard is made of: panels as Grafana's classic JSON, laid out from left to right, row below row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

#: the variable that asks which Prometheus
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
SCHEMA_VERSION = 42
GREEN, YELLOW, RED, BLUE, GREY = "green", "yellow", "red", "blue", "text"
#: driftgauge_drift_status and driftgauge_model_status, as a person reads them
STATUS = {-1: ("learning", BLUE), 0: ("stable", GREEN), 1: ("warning", YELLOW), 2: ("drift", RED)}


@dataclass(frozen=True)
class Query:
    """One expression.  legend: what its series are called.  table: asked once, for a table."""

    expression: str
    legend: str = ""
    table: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel: kind is Grafana's type, size in columns (of 24) and rows."""

    kind: str
    title: str
    about: str
    queries: Sequence[Query]
    size: tuple[int, int] = (8, 8)
    unit: str = "short"
    options: Json = field(default_factory=dict)
    defaults: Json = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    transformations: Sequence[Json] = ()


@dataclass(frozen=True)
class Row:
    """A heading with panels below it."""

    title: str
    panels: Sequence[Panel]


def dashboard(uid: str, title: str, about: str, rows: Sequence[Row], variables: Sequence[Json], **rest: Any) -> Json:
    """The whole dashboard as classic JSON."""
    return {
        "uid": uid,
        "title": title,
        "description": about,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,  # one crosshair through all panels
        "refresh": "30s",
        "tags": ["driftgauge"],
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "preload": False,
        "weekStart": "",
        "id": None,
        "annotations": {"list": rest.pop("annotations", [])},
        "links": rest.pop("links", []),
        "templating": {"list": [_datasource_variable(), *variables]},
        "panels": _laid_out(rows),
    }


def stat(title: str, about: str, expression: str, *, steps: Sequence[tuple[float | None, str]] | None = None) -> Panel:
    """One number; steps: from which value on it has which colour."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
        "wideLayout": True,
    }
    return Panel(
        "stat", title, about, [Query(expression)], (4, 4), "short", options, thresholds(steps or [(None, GREY)])
    )


def status_mapping() -> Json:
    """Numbers of a status as words and colours."""
    words = {
        str(number): {"text": word, "color": colour, "index": index}
        for index, (number, (word, colour)) in enumerate(STATUS.items())
    }
    return {"mappings": [{"type": "value", "options": words}], **thresholds([(None, GREY)])}


def timeline(title: str, about: str, query: Query, size: tuple[int, int]) -> Panel:
    """Statuses over time, a line each."""
    options = {
        "mergeValues": True,
        "showValue": "never",
        "alignValue": "left",
        "rowHeight": 0.85,
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    custom = {"fillOpacity": 75, "lineWidth": 0, "hideFrom": {"legend": False, "tooltip": False, "viz": False}}
    return Panel(
        "state-timeline", title, about, [query], size, "short", options, {**status_mapping(), "custom": custom}
    )


def series(
    title: str,
    about: str,
    queries: Sequence[Query],
    unit: str = "short",
    size: tuple[int, int] = (8, 8),
    **defaults: Any,
) -> Panel:
    """Lines over time.  defaults: of all fields; `overrides`: how single lines differ."""
    overrides = defaults.pop("overrides", ())
    options = {
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": False}
    custom |= defaults.pop("custom", {})
    return Panel("timeseries", title, about, queries, size, unit, options, {**defaults, "custom": custom}, overrides)


def table(
    title: str,
    about: str,
    queries: Sequence[Query],
    names: dict[str, str],
    overrides: Sequence[Json],
    size: tuple[int, int],
) -> Panel:
    """Instant values side by side, a row for each set of labels.  names: column → heading; others are left out."""
    order = {name: index for index, name in enumerate(names)}
    transformations = [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": list(names)}}},
        {"id": "organize", "options": {"indexByName": order, "renameByName": names, "excludeByName": {}}},
    ]
    options = {"showHeader": True, "cellHeight": "sm"}
    asked = [Query(query.expression, query.legend, table=True) for query in queries]
    return Panel(
        "table", title, about, asked, size, "short", options, {"custom": {"align": "auto"}}, overrides, transformations
    )


def column(name: str, **properties: Any) -> Json:
    """How one column of a table, or one line, differs: `custom_` stands for `custom.`."""
    found = [{"id": key.replace("custom_", "custom."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": found}


def thresholds(steps: Sequence[tuple[float | None, str]]) -> Json:
    """From which value on which colour; the first step has none."""
    return {
        "color": {"mode": "thresholds"},
        "thresholds": {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in steps]},
    }


def values_of(name: str, label: str, query: str, *, several: bool = False) -> Json:
    """A variable: which values a label has."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": name, "qryType": 1},
        "refresh": 2,  # when the time range changes: models come and go
        "sort": 1,
        "regex": "",
        "hide": 0,
        "multi": several,
        "includeAll": several,
        "allValue": ".*" if several else None,
        "current": {"text": ["All"], "value": ["$__all"]} if several else {},
        "options": [],
        "skipUrlSync": False,
    }


def _datasource_variable() -> Json:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Prometheus",
        "query": "prometheus",
        "regex": "",
        "refresh": 1,
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "current": {},
        "options": [],
        "skipUrlSync": False,
    }


def _laid_out(rows: Sequence[Row]) -> list[Json]:
    placed: list[Json] = []
    top = 0
    for row in rows:
        placed.append(
            {
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "id": len(placed) + 1,
                "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
                "panels": [],
            }
        )
        top += 1
        left = deepest = 0
        for panel in row.panels:
            width, height = panel.size
            if left + width > COLUMNS:
                top, left, deepest = top + deepest, 0, 0
            placed.append(_panel(panel, len(placed) + 1, {"x": left, "y": top, "w": width, "h": height}))
            left, deepest = left + width, max(deepest, height)
        top += deepest
    return placed


def _panel(panel: Panel, number: int, place: Json) -> Json:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": DATASOURCE,
        "gridPos": place,
        "targets": [_target(query, chr(ord("A") + index)) for index, query in enumerate(panel.queries)],
        "options": panel.options,
        "fieldConfig": {"defaults": {"unit": panel.unit, **panel.defaults}, "overrides": list(panel.overrides)},
        "transformations": list(panel.transformations),
    }


def _target(query: Query, letter: str) -> Json:
    return {
        "refId": letter,
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.expression,
        "legendFormat": query.legend or "__auto",
        "format": "table" if query.table else "time_series",
        "instant": query.table,
        "range": not query.table,
    }
