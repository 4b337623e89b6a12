"""Drawn tests: channels as lines of letters, one letter a few observations, and the episodes that follow as a line.

level   ..####....        # open, . closed, ! a further change of a channel that is open already
value   ..F...R...        F the episode fires, R it resolves
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from monitor.domain.facts import ChannelName
from monitor.engine.episodes import Change, Episodes, Rhythm
from monitor.engine.signals import FURTHER, Detection, Signal
from monitor.engine.stored import EpisodesState

FOUND = Detection("page_hinkley", "up", 2.0, 1.0, 1)


def signals(step: int = 1, **channels: str) -> list[Signal]:
    """Openings and closings of the drawn channels; `further_level` stands for the relearned regime's level."""
    found = []
    for name, line in channels.items():
        plain: ChannelName = name.removeprefix("further_")  # type: ignore[assignment]  # tests name real channels
        key = name.replace("further_", FURTHER)
        for at, (before, now) in enumerate(pairwise("." + line)):
            if now == "!" or (now == "#" and before == "."):
                found.append(Signal(at * step, key, plain, FOUND, pulse=now == "!"))
            elif now == "." and before != ".":
                found.append(Signal(at * step, key, plain, None))
    return sorted(found, key=lambda signal: signal.at)


def take(
    drawn: Sequence[Signal], length: int, rhythm: Rhythm, *, matters: str = "", cuts: Sequence[int] = (), step: int = 1
) -> tuple[list[tuple[int, Change]], Episodes]:
    """Changes with their observations, the input cut before the given observations and the state dumped there."""
    episodes, changes = Episodes(), []
    marks = [0, *sorted({cut for cut in cuts if 0 < cut < length}), length]
    for start, stop in pairwise(marks):
        inside = [Signal(s.at - start, s.key, s.name, s.detection, s.pulse) for s in drawn if start <= s.at < stop]

        def holds(at: int, key: str, start: int = start) -> bool:
            return not matters or matters[(start + at) // step] == "1"

        found = episodes.advance(inside, start, stop - start, rhythm, holds)
        changes += [(start + change.at, change) for change in found]
        episodes = Episodes.load(msgspec.msgpack.decode(msgspec.msgpack.encode(episodes.dump()), type=EpisodesState))
    return changes, episodes


def episodes_of(
    clock: int = 4, *, step: int = 1, matters: str = "", rhythm: Rhythm | None = None, **channels: str
) -> dict[str, str]:
    """The drawn episodes of each aspect that had any."""
    length = max(map(len, channels.values()))
    drawn = signals(step, **channels)
    changes, _ = take(drawn, length * step, rhythm or Rhythm(clock), matters=matters, step=step)
    lines: dict[str, list[str]] = {}
    for at, change in changes:
        line = lines.setdefault(change.aspect, ["."] * length)
        assert line[at // step] == "."
        line[at // step] = "F" if change.firing else "R"
    return {aspect: "".join(line) for aspect, line in lines.items()}
