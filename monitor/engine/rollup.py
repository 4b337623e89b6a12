"""The roll-up: a model version's status, as a pure function of its streams' statuses and weights."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.domain.facts import Status


def roll_up(streams: Iterable[tuple[Status, float]]) -> tuple[Status, float]:
    """Worst status, and the share of weight in drift, of (status, weight) pairs; learning if there is nothing else.

    >>> roll_up([(Status.STABLE, 1.0), (Status.DRIFT, 1.0), (Status.LEARNING, 2.0)])
    (<Status.DRIFT: 2>, 0.25)
    """
    pairs = list(streams)
    total = sum(weight for _, weight in pairs)
    drifting = sum(weight for status, weight in pairs if status is Status.DRIFT)
    worst = max((status for status, _ in pairs), default=Status.LEARNING)
    return worst, drifting / total if total > 0 else 0.0
