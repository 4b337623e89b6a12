"""Reads the daemon's /metrics, as Prometheus would."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

ANSWER_SECONDS = 5.0
#: a proxy is for the world outside, and would not know this loopback address
_opener = build_opener(ProxyHandler({}))


def scrape(url: str) -> str:
    """The exposition as text; empty while nothing answers."""
    try:
        with _opener.open(f"{url}/metrics", timeout=ANSWER_SECONDS) as answer:
            text: bytes = answer.read()
    except (URLError, OSError):
        return ""
    return text.decode()


def predictions_saved(exposition: str) -> int:
    """How many predictions are counted in the daemon's saved state: about those, everything is said in its log."""
    samples = _samples(exposition, "driftgauge_observations_total")
    return sum(int(sample.value) for sample in samples if sample.labels["kind"] == "prediction")


def statuses(exposition: str) -> list[Sample]:
    """The status of every stream, as exposed: 2 is drift."""
    return list(_samples(exposition, "driftgauge_drift_status"))


def as_exposed(sample: Sample) -> str:
    """A sample as /metrics has it."""
    labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
    return f"{sample.name}{{{labels}}} {sample.value:g}"


def _samples(exposition: str, name: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(exposition):
        yield from (sample for sample in family.samples if sample.name == name)
