"""Prometheus rules from one template: what `deploy/prometheus/rules.yml` holds is what a configuration renders.

All times follow from two: *hold*, how long a drift stays an alert after it was found and the range that rates are taken
over, and the interval of checkpoints.  A third of the hold is the gap in scrapes that is bridged, and how long a fault
of the daemon itself has to last before it pages.
"""

from __future__ import annotations

from importlib.resources import files
from string import Template
from typing import Protocol

from monitor.domain.errors import ConfigurationError

#: the job name the shipped scrape configuration gives the daemon
JOB = "driftgauge"
HOLD_SECONDS = 900.0
#: below, the bridge would be shorter than two scrapes a second apart
SHORTEST_HOLD_SECONDS = 6.0
_CHECKPOINT_INTERVAL_SECONDS = 10.0
#: so many checkpoints in a row have to be missing before the newest counts as stale
_CHECKPOINTS_MISSING = 6


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


def render(settings: RulesSettings | None = None, hold_seconds: float = HOLD_SECONDS) -> str:
    """The rules as YAML, for these settings or for the defaults.

    Raises ConfigurationError if the hold is too short for the rules to bridge a missed scrape.
    """
    if not hold_seconds >= SHORTEST_HOLD_SECONDS:
        raise ConfigurationError([f"--hold: expected at least {SHORTEST_HOLD_SECONDS:g} seconds, got {hold_seconds:g}"])
    interval = _CHECKPOINT_INTERVAL_SECONDS if settings is None else settings.state.interval_seconds
    bridge = hold_seconds / 3
    checkpoint = max(bridge, _CHECKPOINTS_MISSING * interval)
    template = files("monitor.exposition").joinpath("rules.yml.tmpl").read_text(encoding="utf-8")
    return _AtTemplate(template).substitute(
        job=JOB,
        hold=duration(hold_seconds),
        hold_seconds=f"{hold_seconds:.10g}",
        bridge=duration(bridge),
        bridge_seconds=f"{bridge:.10g}",
        checkpoint=duration(checkpoint),
        checkpoint_seconds=f"{checkpoint:.10g}",
    )


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
