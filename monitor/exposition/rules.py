"""Prometheus rules from one template: what `deploy/prometheus/rules.yml` holds is what a configuration renders.

Times follow from three: *hold*, how long a drift stays an alert after it was found and the range that rates are taken
over; *silence*, how long a model may send nothing; and the interval of checkpoints.  A third of the hold is the gap in
scrapes that is bridged, and how long a fault of the daemon itself has to last before it pages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Protocol

from monitor.domain.errors import ConfigurationError

#: the job name the shipped scrape configuration gives the daemon
JOB = "driftgauge"
#: where the pages are that alerts point to; relative to the repository
RUNBOOKS = "docs/runbooks"
HOLD_SECONDS = 900.0
SILENCE_SECONDS = 3600.0
#: below, the bridge would be shorter than two scrapes a second apart
SHORTEST_HOLD_SECONDS = 6.0
_CHECKPOINT_INTERVAL_SECONDS = 10.0
#: so many checkpoints in a row have to be missing before the newest counts as stale
_CHECKPOINTS_MISSING = 6
#: from this share of a model's streams, by weight, and from so many of them, a drift is widespread
WIDESPREAD_SHARE, WIDESPREAD_STREAMS = 0.3, 3
#: a version that sent nothing for so many silences is retired, and nobody waits for it any more
_SILENCES_TO_RETIRE = 24
#: detections that come to nothing are counted over so many holds
_NOISE_HOLDS = 24


class StateSettings(Protocol):
    """The part of the settings of `state` that rules depend on."""

    @property
    def interval_seconds(self) -> float:
        """Seconds between checkpoints."""
        ...


class RulesSettings(Protocol):
    """The part of the settings that rules depend on."""

    @property
    def state(self) -> StateSettings:
        """Where and how often state is stored."""
        ...


class _AtTemplate(Template):
    """Placeholders are `@{…}`: the dollar belongs to Prometheus's own templates."""

    delimiter = "@"


@dataclass(frozen=True, slots=True)
class RuleOptions:
    """What rules depend on beside the settings of the daemon.

    hold_seconds: see above.  silence_seconds: a model or stream that sends nothing for longer is silent.  job: the
    scrape job's name.  runbooks: the folder or address the runbook pages are below.
    """

    hold_seconds: float = HOLD_SECONDS
    silence_seconds: float = SILENCE_SECONDS
    job: str = JOB
    runbooks: str = RUNBOOKS


def render(settings: RulesSettings | None = None, options: RuleOptions | None = None) -> str:
    """The rules as YAML, for these settings or for the defaults.

    Raises ConfigurationError if the hold is too short to bridge a missed scrape, the silence is shorter than the hold,
    or the job or the runbooks' address cannot stand inside a rule.
    """
    options = options or RuleOptions()
    _refuse(options)
    hold, silence = options.hold_seconds, options.silence_seconds
    interval = _CHECKPOINT_INTERVAL_SECONDS if settings is None else settings.state.interval_seconds
    bridge = hold / 3
    times = {
        "hold": hold,
        "bridge": bridge,
        "outlive": hold + 2 * bridge,
        "silence": silence,
        "retired": silence * _SILENCES_TO_RETIRE,
        "noise": hold * _NOISE_HOLDS,
        "checkpoint": max(bridge, _CHECKPOINTS_MISSING * interval),
    }
    template = files("monitor.exposition").joinpath("rules.yml.tmpl").read_text(encoding="utf-8")
    return _AtTemplate(template).substitute(
        job=options.job,
        runbooks=options.runbooks.rstrip("/"),
        widespread_share=WIDESPREAD_SHARE,
        widespread_streams=WIDESPREAD_STREAMS,
        **{name: duration(seconds) for name, seconds in times.items()},
        **{f"{name}_seconds": f"{seconds:.10g}" for name, seconds in times.items()},
    )


def prometheus_rule(rules: str) -> str:
    """Rendered rules as the PrometheusRule that the Prometheus operator picks up."""
    head, _, groups = rules.partition("groups:\n")
    body = "".join(f"  {line}" if line.strip() else line for line in f"groups:\n{groups}".splitlines(keepends=True))
    return f"{head}{_PROMETHEUS_RULE}{body}"


_PROMETHEUS_RULE = """apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: driftgauge
  labels:
    app.kubernetes.io/name: driftgauge
spec:
"""


def _refuse(options: RuleOptions) -> None:
    mistakes = []
    if not options.hold_seconds >= SHORTEST_HOLD_SECONDS:
        mistakes.append(f"--hold: expected at least {SHORTEST_HOLD_SECONDS:g} seconds, got {options.hold_seconds:g}")
    elif not options.silence_seconds >= options.hold_seconds:
        mistakes.append(
            f"--silence: expected at least the hold, {options.hold_seconds:g} seconds, got {options.silence_seconds:g}"
        )
    for flag, value in (("--job", options.job), ("--runbooks", options.runbooks)):
        # both stand in YAML, in PromQL and in Prometheus's templates: what none of them gives a meaning
        if not re.fullmatch(r"[A-Za-z0-9_./:~?=&%+-]+", value):
            mistakes.append(f"{flag}: expected letters, digits and ./:_-, got {value!r}")
    if mistakes:
        raise ConfigurationError(mistakes)


def duration(seconds: float) -> str:
    """A duration as Prometheus writes it, in the largest unit that says it exactly (to the millisecond).

    >>> duration(900), duration(10), duration(7200), duration(2.5)
    ('15m', '10s', '2h', '2500ms')
    """
    milliseconds = round(seconds * 1000)
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"
