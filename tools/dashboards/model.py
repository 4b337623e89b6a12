"""The dashboard of one model version: every stream, its status, what its detectors say, how far it is off."""

from __future__ import annotations

from tools.dashboards.overview import MODEL_UID, UID
from tools.dashboards.panels import (
    DATASOURCE,
    GREEN,
    GREY,
    RED,
    YELLOW,
    Json,
    Panel,
    Query,
    Row,
    column,
    dashboard,
    series,
    stat,
    status_mapping,
    table,
    timeline,
    values_of,
)

STREAM = "feature, kind, segment"
_MODEL = 'model="$model", model_version="$model_version"'
_SELECTED = f'{_MODEL}, feature=~"$feature"'
_LINE = "{{feature}} {{segment}}"


def build() -> Json:
    """Grafana's JSON."""
    about = "One model version: every stream, what its detectors say, and how far it is from its reference."
    links = [{"title": "All models", "type": "link", "url": f"/d/{UID}", "icon": "dashboard", "keepTime": True}]
    variables = [
        values_of("model", "model", "label_values(driftgauge_model_status, model)"),
        values_of("model_version", "version", 'label_values(driftgauge_model_status{model="$model"}, model_version)'),
        values_of("feature", "stream", f"label_values(driftgauge_drift_status{{{_MODEL}}}, feature)", several=True),
    ]
    rows = [
        Row("$model $model_version", _numbers()),
        Row("Streams", _streams()),
        Row("What the detectors see", _detectors()),
        Row("Against the reference", _reference()),
        Row("What arrives", _arrivals()),
    ]
    title = "driftgauge: model"
    return dashboard(MODEL_UID, title, about, rows, variables, links=links, annotations=[_drifts_found()])


def _of(metric: str) -> str:
    return f"driftgauge_{metric}{{{_SELECTED}}}"


def _drifts_found() -> Json:
    return {
        "name": "drift found",
        "enable": True,
        "hide": False,
        "iconColor": RED,
        "datasource": DATASOURCE,
        "expr": f"1000 * max by ({STREAM}) ({_of('last_drift_timestamp_seconds')} > 0)",
        "useValueForTime": "on",
        "step": "60s",
        "titleFormat": "drift found: {{feature}}",
        "textFormat": "{{kind}} {{feature}} {{segment}}",
        "tagKeys": "kind",
    }


def _numbers() -> list[Panel]:
    model = f"{{{_MODEL}}}"
    streams = f"max by ({STREAM}) (driftgauge_drift_status{model})"
    status = stat("Status", "The worst among its streams.", f"max(driftgauge_model_status{model})")
    status.defaults.update(status_mapping())
    late = stat("Late", "1: its newest event is too old to page anybody.", f"max(driftgauge_model_late{model})")
    late.defaults["mappings"] = [
        {
            "type": "value",
            "options": {
                "0": {"text": "no", "color": GREEN, "index": 0},
                "1": {"text": "yes", "color": YELLOW, "index": 1},
            },
        }
    ]
    share = stat(
        "Share in drift",
        "Share of the streams, by weight.",
        f"max(driftgauge_model_drift_share{model})",
        steps=[(None, GREEN), (0.0001, YELLOW), (0.3, RED)],
    )
    share.defaults["unit"] = "percentunit"
    drifting = [(None, GREEN), (1.0, RED)]
    return [
        status,
        share,
        stat("Streams", "Features, predictions and the rest.", f"count({streams})", steps=[(None, GREY)]),
        stat("Streams in drift", "Open episodes.", f"count({streams} == 2) or vector(0)", steps=drifting),
        stat("Streams learning", "Their reference is not complete.", f"count({streams} == -1) or vector(0)"),
        late,
    ]


def _streams() -> list[Panel]:
    queries = [
        Query(f"max by ({STREAM}) ({_of('drift_status')})"),
        Query(f"max by ({STREAM}) ({_of('drift_score')})"),
        Query(f"max by ({STREAM}) (abs({_of('effect')}))"),
        Query(f"1000 * max by ({STREAM}) ({_of('last_drift_timestamp_seconds')} > 0)"),
        Query(f"max by ({STREAM}) ({_of('observations_total')})"),
        Query(f"max by ({STREAM}) ({_of('reference_observations')})"),
        Query(f"max by ({STREAM}) ({_of('reference_generation')})"),
    ]
    names = {
        "feature": "stream",
        "kind": "kind",
        "segment": "segment",
        "Value #A": "status",
        "Value #B": "score",
        "Value #C": "effect",
        "Value #D": "last drift",
        "Value #E": "observations",
        "Value #F": "in reference",
        "Value #G": "relearned",
    }
    return [
        timeline(
            "Status",
            "A line for each stream.",
            Query(f"max by ({STREAM}) ({_of('drift_status')})", _LINE),
            (24, 11),
        ),
        table(
            "Streams",
            "Score: how many times its threshold the worst detector stands at; an alarm is at 1. Effect: the largest "
            "difference to the reference on any channel.",
            queries,
            names,
            [
                column("Value #A", custom_cellOptions={"type": "color-text"}, **status_mapping()),
                column("Value #B", decimals=2),
                column("Value #C", decimals=2, custom_cellOptions={"type": "gauge", "mode": "basic"}, min=0, max=0.5),
                column("Value #D", unit="dateTimeFromNow"),
            ],
            (24, 10),
        ),
    ]


def _detectors() -> list[Panel]:
    line = {
        "custom_lineStyle": {"fill": "dash"},
        "custom_fillOpacity": 0,
        "color": {"mode": "fixed", "fixedColor": RED},
    }
    channel = "{{feature}} {{segment}} {{channel}}"
    return [
        series(
            "Score",
            "The worst detector of each channel: its statistic divided by its threshold. At 0.8 a stream is in "
            "warning, at 1 the detector fires, and keeps its value until the episode ends.",
            [Query(f"max by ({STREAM}, channel) ({_of('drift_score')})", channel), Query("vector(1)", "threshold")],
            "short",
            (12, 10),
            overrides=[column("threshold", **line)],
            min=0,
        ),
        series(
            "Detections",
            "Changes that detectors saw, also those too small to open an episode.",
            [
                Query(
                    f"sum by ({STREAM}, channel) (increase({_of('drift_detections_total')}[$__rate_interval]))",
                    channel,
                )
            ],
            "short",
            (12, 10),
            min=0,
            custom={"drawStyle": "bars", "fillOpacity": 60},
        ),
    ]


def _reference() -> list[Panel]:
    return [
        series(
            "Effect",
            "Recent values against the reference. On level, body and spread: by how much a live value is more likely "
            "than not to exceed one of the reference. On missing, category and unseen: the difference of shares.",
            [Query(f"max by ({STREAM}, channel) ({_of('effect')})", "{{feature}} {{segment}} {{channel}}")],
            "short",
            (12, 10),
        ),
        series(
            "Distance",
            "Measures of the distance between the two distributions. They are never an alarm by themselves.",
            [Query(f"max by ({STREAM}, measure) ({_of('distance')})", "{{feature}} {{segment}} {{measure}}")],
            "short",
            (12, 10),
            min=0,
        ),
    ]


def _arrivals() -> list[Panel]:
    missing = f"sum by ({STREAM}, reason) (rate({_of('invalid_values_total')}[$__rate_interval]))"
    all_of_them = f"sum by ({STREAM}) (rate({_of('observations_total')}[$__rate_interval]))"
    return [
        series(
            "Observations",
            "Values a second.",
            [Query(all_of_them, _LINE)],
            "cps",
            (8, 9),
            min=0,
        ),
        series(
            "Values that cannot be used",
            "Share of the observations that are missing, of the wrong type, or not finite.",
            [Query(f"{missing} / on ({STREAM}) group_left () {all_of_them} > 0", "{{feature}} {{segment}} {{reason}}")],
            "percentunit",
            (8, 9),
            min=0,
        ),
        series(
            "Since the newest value",
            "How long a stream has been silent, by the clock of the daemon.",
            [Query(f"time() - max by ({STREAM}) ({_of('last_observation_timestamp_seconds')} > 0)", _LINE)],
            "s",
            (8, 9),
            min=0,
        ),
    ]
