"""`driftgauge demo --produce-only`: the flights alone, sent to a broker that is there already, for others to read.

Round after round if wanted. The first round is the data as it is; every further one happens two weeks after the one
before, under ids of its own, so that a model's time never runs backwards and nothing is told twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from monitor.demo.command import INTERRUPTED, stopped_in_order
from monitor.demo.flights import MODEL, PREDICTIONS, VERSIONS, Message, messages
from monitor.demo.replay import Replay
from monitor.demo.screen import PLAIN_WIDTH
from monitor.domain.errors import DriftgaugeError

#: event time between two rounds: longer than each version's flights, and whole weeks keep weekdays what they are
ROUND_SPACING = timedelta(days=14)
PACE_SECONDS = 300.0
#: for a broker that is busy, or restarts
FLUSH_SECONDS = 60.0
TICK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Traffic:
    """Where to, how fast and how often.

    topic: the predictions' topic; labels_topic: the labels', None: they stay at home.  seconds: what a round takes.
    """

    bootstrap: str
    topic: str = PREDICTIONS
    labels_topic: str | None = None
    seconds: float = PACE_SECONDS
    loop: bool = False


def produce(traffic: Traffic, console: Console | None = None) -> int:
    """Send the flights; exit code 0 when all were taken (or, endless ones, when asked to stop), 1 on failure."""
    console = console or Console(highlight=False, width=PLAIN_WIDTH)
    try:
        with stopped_in_order():
            for number in rounds(traffic.loop, time.time()):
                events = [
                    addressed(event, traffic) for event in in_round(messages(), number) if _wanted(event, traffic)
                ]
                _announce(console, traffic, number, events)
                send(events, traffic, lambda day: console.print(day, soft_wrap=True))
    except KeyboardInterrupt:
        console.print("stopped")
        return 0 if traffic.loop else INTERRUPTED
    except DriftgaugeError as error:
        console.print(Text(f"The flights could not be sent: {error}", style="bold red"), soft_wrap=True)
        return 1
    return 0


def rounds(loop: bool, now: float) -> Iterator[int]:
    """Numbers of the rounds from 0; endless ones begin again before their flights would leave in the future."""
    if not loop:
        return iter((0,))
    newest = max(version.expected.end.timestamp() for version in VERSIONS) + ROUND_SPACING.total_seconds()
    possible = max(1, int((now - newest) // ROUND_SPACING.total_seconds()))
    return (number % possible for number in count())


def in_round(events: Iterable[Message], number: int) -> Iterator[Message]:
    """The same flights that many rounds later: event times moved, ids of their own; round 0 is the data as it is."""
    later = number * ROUND_SPACING
    for event in events:
        if number:
            fields: dict[str, Any] = msgspec.json.decode(event.value)
            fields["event_id"] = f"{fields['event_id']}-round-{number}"
            fields["ts"] = (datetime.fromisoformat(fields["ts"]) + later).isoformat()
            event = replace(event, time=event.time + later.total_seconds(), value=msgspec.json.encode(fields))
        yield event


def addressed(event: Message, traffic: Traffic) -> Message:
    """Sent to the topic that was asked for; to the partition of its model version's key, however many there are."""
    topic = traffic.topic if event.topic == PREDICTIONS else str(traffic.labels_topic)
    return replace(event, topic=topic, partition=-1, key=f"{MODEL}/{VERSIONS[event.partition].name}".encode())


def send(events: list[Message], traffic: Traffic, say: Callable[[str], None]) -> None:
    """Send one round at its pace, saying how far it is once a day of flights.  Raises ReplayError."""
    with Replay(traffic.bootstrap, events, traffic.seconds) as replay:
        began, shown = time.monotonic(), ""
        while not replay.done:
            replay.send_until(time.monotonic() - began)
            day = _day(replay.newest)
            if day != shown:
                shown = day
                say(f"{day}  {replay.sent:>6,} events sent")
            if not replay.done:
                time.sleep(TICK_SECONDS)
        replay.finish(FLUSH_SECONDS)


def _wanted(event: Message, traffic: Traffic) -> bool:
    return event.topic == PREDICTIONS or traffic.labels_topic is not None


def _announce(console: Console, traffic: Traffic, number: int, events: list[Message]) -> None:
    topics = " and ".join(sorted({event.topic for event in events}))
    line = f"round {number + 1}: {len(events):,} events to {topics} at {traffic.bootstrap}, in {traffic.seconds:g} s"
    console.print(line, soft_wrap=True)


def _day(event: Message) -> str:
    version = next(version for version in VERSIONS if event.key and event.key.endswith(version.name.encode()))
    moment = datetime.fromtimestamp(event.time, version.zone)
    return f"{version.name}  {moment:%a} {moment.day:>2} {moment:%b %Y}"
