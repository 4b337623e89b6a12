"""The dashboard of everything: which models drift, what arrives, how the daemons are."""

from __future__ import annotations

from tools.dashboards.panels import (
    BLUE,
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
    thresholds,
    timeline,
)

UID, MODEL_UID = "driftgauge-overview", "driftgauge-model"
MODEL = "model, model_version"
STREAM = "model, model_version, feature, kind, segment"
#: streams and models are one, however many instances or pods showed them
STATUS = f"max by ({STREAM}) (driftgauge_drift_status)"
IN_DRIFT = f"{STATUS} == 2"
_TO_MODEL = "&var-model=${__data.fields.model}&var-model_version=${__data.fields.model_version}"


def build() -> Json:
    """Grafana's JSON."""
    about = "Which models drift, what arrives, and how the daemons are. One model version: follow its link."
    links = [
        {"title": "One model version", "type": "link", "url": f"/d/{MODEL_UID}", "icon": "dashboard", "keepTime": True}
    ]
    rows = [
        Row("At a glance", _numbers()),
        Row("Models", _models()),
        Row("Events", _events()),
        Row("Daemons", _daemons()),
    ]
    return dashboard(UID, "driftgauge: overview", about, rows, [], links=links)


def _numbers() -> list[Panel]:
    bad, odd = [(None, GREEN), (1.0, RED)], [(None, GREEN), (1.0, BLUE)]
    return [
        stat("Model versions", "Watched at this moment.", f"count(count by ({MODEL}) (driftgauge_model_status))"),
        stat(
            "Model versions in drift",
            "At least one of their streams has an open episode.",
            f"count(max by ({MODEL}) (driftgauge_model_status) == 2) or vector(0)",
            steps=bad,
        ),
        stat("Streams in drift", "Open episodes, of all models.", f"count({IN_DRIFT}) or vector(0)", steps=bad),
        stat(
            "Streams learning",
            "Nothing is found on them before their reference is complete.",
            f"count({STATUS} == -1) or vector(0)",
            steps=odd,
        ),
        stat(
            "Alerts firing",
            "Alerts of the shipped rules; 0 also where the rules are not loaded.",
            'count(ALERTS{alertname=~"Driftgauge.*", alertstate="firing"}) or vector(0)',
            steps=bad,
        ),
        stat(
            "Daemons watching",
            "Processes that own streams; standbys do not count.",
            "sum(driftgauge_active) or vector(0)",
            steps=[(None, RED), (1.0, GREEN)],
        ),
    ]


def _models() -> list[Panel]:
    link = [{"title": "This model version", "url": f"/d/{MODEL_UID}?${{__url_time_range}}{_TO_MODEL}"}]
    models = [
        Query(f"max by ({MODEL}) (driftgauge_model_status)"),
        Query(f"max by ({MODEL}) (driftgauge_model_drift_share)"),
        Query(f"count by ({MODEL}) ({STATUS})"),
        Query(f"max by ({MODEL}) (driftgauge_model_late)"),
    ]
    names = {
        "model": "model",
        "model_version": "version",
        "Value #A": "status",
        "Value #B": "share in drift",
        "Value #C": "streams",
        "Value #D": "late",
    }
    status = column("Value #A", custom_cellOptions={"type": "color-text"}, **status_mapping())
    late = {"0": {"text": "no", "index": 0}, "1": {"text": "yes: pages nobody", "color": YELLOW, "index": 1}}
    drifting = [
        Query(f"max by ({STREAM}) (driftgauge_drift_score) and on ({STREAM}) ({IN_DRIFT})"),
        Query(f"max by ({STREAM}) (abs(driftgauge_effect)) and on ({STREAM}) ({IN_DRIFT})"),
        Query(f"1000 * max by ({STREAM}) (driftgauge_last_drift_timestamp_seconds > 0) and on ({STREAM}) ({IN_DRIFT})"),
    ]
    stream_names = {
        "model": "model",
        "model_version": "version",
        "feature": "stream",
        "kind": "kind",
        "segment": "segment",
        "Value #A": "score",
        "Value #B": "effect",
        "Value #C": "found",
    }
    return [
        table(
            "Model versions",
            "A click on a model leads to its streams.",
            models,
            names,
            [
                status,
                column("Value #B", unit="percentunit"),
                column("Value #D", mappings=[{"type": "value", "options": late}]),
                column("model", links=link),
            ],
            (10, 9),
        ),
        table(
            "Streams in drift",
            "Score: how many times its threshold the worst detector stands at. Effect: the largest difference to the "
            "reference on any channel, in either direction. Empty when nothing drifts.",
            drifting,
            stream_names,
            [
                column("Value #A", decimals=1),
                column("Value #B", decimals=2, custom_cellOptions={"type": "gauge", "mode": "basic"}, min=0, max=0.5),
                column("Value #C", unit="dateTimeFromNow"),
                column("model", links=link),
            ],
            (14, 9),
        ),
        timeline(
            "Status of model versions",
            "The worst status among the streams of a model version.",
            Query(f"max by ({MODEL}) (driftgauge_model_status)", "{{model}} {{model_version}}"),
            (12, 7),
        ),
        series(
            "Share in drift",
            "Share of a model version's streams, by weight, that are in drift.",
            [Query(f"max by ({MODEL}) (driftgauge_model_drift_share)", "{{model}} {{model_version}}")],
            "percentunit",
            (12, 7),
            min=0,
            max=1,
        ),
    ]


def _events() -> list[Panel]:
    rate = "sum by (topic{more}) (rate(driftgauge_messages_total{{{only}}}[$__rate_interval]))"
    delay = "histogram_quantile({q}, sum by (le) (rate(driftgauge_event_delay_seconds_bucket[$__rate_interval])))"
    return [
        series(
            "Messages read",
            "Messages of each topic, by whether they were understood.",
            [Query(rate.format(more=", result", only='result=~"ok|ignored"'), "{{topic}} {{result}}")],
            "cps",
            (6, 8),
        ),
        series(
            "Messages rejected",
            "Messages that could not be read, by reason; docs/metrics.md explains each.",
            [
                Query(
                    rate.format(more=", result", only='result!~"ok|ignored"') + " > 0 or on (topic) " + _NO_REJECTS,
                    "{{topic}} {{result}}",
                )
            ],
            "cps",
            (6, 8),
        ),
        series(
            "Lag",
            "Messages that wait in Kafka, unread.",
            [Query("sum by (topic) (driftgauge_consumer_lag_messages)", "{{topic}}")],
            "short",
            (6, 8),
            min=0,
        ),
        series(
            "Age of events when read",
            "Wall clock minus event time. Late models page nobody; a replay of the past is as late as it is old.",
            [Query(delay.format(q="0.5"), "half of them"), Query(delay.format(q="0.99"), "99 %")],
            "s",
            (6, 8),
        ),
    ]


#: one line at zero instead of a dozen, one a reason
_NO_REJECTS = 'sum by (topic) (rate(driftgauge_messages_total{result!~"ok|ignored"}[$__rate_interval]))'


def _daemons() -> list[Panel]:
    buckets = "sum by (instance, le) (rate(driftgauge_frame_duration_seconds_bucket[$__rate_interval]))"
    health = [
        Query("max by (instance) (driftgauge_active)"),
        Query("max by (instance) (driftgauge_kafka_up)"),
        Query("max by (instance) (driftgauge_series)"),
        Query("max by (instance, version) (driftgauge_build_info)"),
        Query("max by (instance) (driftgauge_series_omitted)"),
        Query("sum by (instance) (driftgauge_streams_refused_total)"),
    ]
    yes = {"0": {"text": "no", "color": YELLOW, "index": 0}, "1": {"text": "yes", "color": GREEN, "index": 1}}
    names = {
        "instance": "instance",
        "version": "version",
        "Value #A": "watching",
        "Value #B": "Kafka",
        "Value #C": "series",
        "Value #E": "series left out",
        "Value #F": "streams refused",
    }
    limit = {
        "custom_lineStyle": {"fill": "dash"},
        "custom_fillOpacity": 0,
        "color": {"mode": "fixed", "fixedColor": RED},
    }
    full = [
        Query(
            "sum by (instance) (driftgauge_streams) / sum by (instance) (driftgauge_streams_limit)",
            "streams {{instance}}",
        ),
        Query(
            "sum by (instance) (driftgauge_series) / sum by (instance) (driftgauge_series_limit)", "series {{instance}}"
        ),
        Query("vector(1)", "limit"),
    ]
    return [
        table(
            "Daemons",
            "What is refused or left out is not watched, or not shown: raise limits.streams, limits.series.",
            health,
            names,
            [
                column("Value #A", mappings=[{"type": "value", "options": yes}]),
                column("Value #B", mappings=[{"type": "value", "options": yes}]),
                column("Value #E", **thresholds([(None, GREY), (1.0, RED)]), custom_cellOptions={"type": "color-text"}),
                column("Value #F", **thresholds([(None, GREY), (1.0, RED)]), custom_cellOptions={"type": "color-text"}),
            ],
            (12, 7),
        ),
        series(
            "Since the loop turned, since the checkpoint",
            "Both saw-teeth stay low while a daemon is well.",
            [
                Query("time() - max by (instance) (driftgauge_last_poll_timestamp_seconds > 0)", "loop {{instance}}"),
                Query(
                    "time() - max by (instance) (driftgauge_checkpoint_timestamp_seconds > 0)",
                    "checkpoint {{instance}}",
                ),
            ],
            "s",
            (12, 7),
            min=0,
        ),
        series(
            "Checkpoints",
            "How long the newest took; failures are counted.",
            [
                Query("max by (instance) (driftgauge_checkpoint_duration_seconds)", "duration {{instance}}"),
                Query(
                    "sum by (instance) (increase(driftgauge_checkpoint_failures_total[$__rate_interval]))",
                    "failures {{instance}}",
                ),
            ],
            "s",
            (6, 7),
            min=0,
        ),
        series(
            "Size of checkpoints",
            "What the newest wrote.",
            [Query("max by (instance) (driftgauge_checkpoint_bytes)", "{{instance}}")],
            "bytes",
            (6, 7),
            min=0,
        ),
        series(
            "Time of a frame",
            "A frame of events through the statistics.",
            [
                Query(f"histogram_quantile(0.5, {buckets})", "half of them {{instance}}"),
                Query(f"histogram_quantile(0.99, {buckets})", "99 % {{instance}}"),
            ],
            "s",
            (6, 7),
        ),
        series(
            "How full",
            "Streams and series, as shares of their limits.",
            full,
            "percentunit",
            (6, 7),
            overrides=[column("limit", **limit)],
            min=0,
        ),
    ]
