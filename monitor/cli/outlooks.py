"""What the budget means, in words: for `check`, and at the end of a replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from monitor.domain.keys import ModelKey, StreamKey

if TYPE_CHECKING:
    from monitor.engine.model import ModelMonitor
    from monitor.engine.outlook import Outlook
    from monitor.engine.policy import Policy


def level_in_words(outlook: Outlook) -> str:
    """The level behind the thresholds, and whether the budget or the floor sets it."""
    return f"{outlook.level:.1f}{' (floor)' if outlook.floor_binds else ''}"


def delays_in_words(delays: Mapping[float, float | None]) -> str:
    """Expected delays in observations: `0.25 σ 1,159, 0.5 σ 234, 1 σ 50`."""
    return ", ".join(f"{shift:g} σ {_told(delay)}" for shift, delay in delays.items())


def _told(delay: float | None) -> str:
    return "never" if delay is None else f"{delay:,.0f}"


def outlooks(monitor: ModelMonitor) -> dict[StreamKey, Outlook]:
    """The outlook of every stream that has a reference."""
    from monitor.engine.outlook import outlook

    streams = (stream for _, stream in sorted(monitor.streams.items()))
    return {stream.key: outlook(stream.regime) for stream in streams if stream.regime is not None}


def of_a_policy(policy: Policy) -> Iterator[str]:
    """What to expect of a configuration before any event: of a typical stream, and of each profile's median one."""
    from monitor.engine.budget import BudgetInputs
    from monitor.engine.model import ModelMonitor
    from monitor.engine.outlook import typical
    from monitor.engine.regime import Terms

    observations = max(2, min(policy.warmup.observations, 8192))
    found = typical(observations, Terms(policy.false_alarms_per_week), BudgetInputs(None, 1))
    yield (
        f"level {level_in_words(found)}; an independent stream with a reference of {observations:,}: "
        f"expected events until a shift is found: {delays_in_words(found.delays)}"
    )
    for match in policy.profiles:
        monitor = ModelMonitor(ModelKey(match.model, match.model_version), policy)
        looks = [look for look in outlooks(monitor).values() if look.delays]
        if looks:
            middle = {shift: _median([look.delays[shift] for look in looks]) for shift in looks[0].delays}
            number = sum(look.floor_binds for look in looks)
            yield (
                f"{monitor.key}: the floor binds for {number} of {len(looks)} numeric streams; "
                f"expected events until a shift is found, in the median: {delays_in_words(middle)}"
            )


def _median(delays: Sequence[int | None]) -> float | None:
    """The median, where a shift that is not found takes for ever; None if that is the median."""
    found = median(float("inf") if delay is None else delay for delay in delays)
    return None if found == float("inf") else found


def stream_table(monitors: Sequence[ModelMonitor]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings, and a row for each stream: reference, level, expected delays, and what it goes without."""
    from monitor.engine.outlook import SHIFTS
    from monitor.reference.reference import gaps

    rows: list[tuple[str, ...]] = []
    for monitor in monitors:
        looks = outlooks(monitor)
        for _, stream in sorted(monitor.streams.items()):
            name = stream.key.feature if len(monitors) == 1 else str(stream.key)
            if stream.regime is None:
                rows.append((name, "learning", "", *("" for _ in SHIFTS), ""))
                continue
            look, reference = looks[stream.key], stream.regime.reference
            kind = f"{reference.observations:,} {'numbers' if reference.type == 'number' else 'categories'}"
            delays = [_told(look.delays[shift]) if shift in look.delays else "" for shift in SHIFTS]
            rows.append((name, kind, level_in_words(look), *delays, "; ".join(gaps(reference))))
    return ("stream", "reference", "level", *(f"{shift:g} σ" for shift in SHIFTS), "goes without"), rows
