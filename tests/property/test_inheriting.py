"""A new version starts from an older one's references: however it came, as the recorded position says.

version 1    ┊ learns ┊ watches, relearns …
version 2                        ┊ watches …
polls        ──┬──── ──┬───▲ ────┬── …      ▲ recorded: version 2 began with what version 1 had seen up to here
kills             ↺                ↺        back to the last commit, whose interventions are kept with the states
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain.frame import MessageBatch
from monitor.domain.keys import ModelKey
from monitor.engine.inheriting import wills
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Policy, Warmup
from monitor.exposition.board import Board
from monitor.formats import REASONS, open_format
from monitor.inheriting import Inheriting, positions_before
from monitor.state.store import Intervention, Snapshot
from monitor.watch import Clock, Watch

FLAT = open_format("flat_json", {})
OLD, NEW = ModelKey("m", "1"), ModelKey("m", "2")
POLICY = Policy(warmup=Warmup(1_000, 0.0), relearn_after_seconds=0.0, new_version="inherit")
LENGTH = 4_400


@cache
def messages(begin: int) -> Sequence[bytes]:
    """Version 1 alone up to `begin`, then both in turn; version 1 shifts at 1,500, and relearns at about 3,500."""
    chance, made = random.Random(begin), []
    for number in range(LENGTH):
        is_new = number >= begin and chance.random() < 0.5
        features = {"x": chance.gauss(3.0 * (number >= 1_500), 1), "c": chance.choice("abc")}
        if is_new and number > begin + 100:
            features["late"] = chance.random()
        event = {"model": "m", "model_version": "2" if is_new else "1", "ts": 1e9 + number, "features": features}
        made.append(json.dumps(event).encode())
    return made


def batch(values: Sequence[bytes], start: int, stop: int) -> MessageBatch:
    count = stop - start
    return MessageBatch("t", values[start:stop], [0] * count, range(start, stop), [math.nan] * count)


def watching(models: dict[ModelKey, bytes]) -> Watch:
    watch = Watch({"t": FLAT}, ModelMonitor, POLICY, Board(topics=("t",), reject_reasons=tuple(REASONS)), Clock())
    watch.inheriting = Inheriting(POLICY)
    watch.restore(Snapshot(models))
    return watch


def as_daemon(values: Sequence[bytes], seed: int) -> tuple[dict[ModelKey, bytes], list[Intervention]]:
    """States and interventions of a run with random polls, commits and kills."""
    chance = random.Random(seed)
    states: dict[ModelKey, bytes] = {}
    kept: list[Intervention] = []
    fresh: list[Intervention] = []
    watch, saved, at, kills = watching({}), 0, 0, 3
    while at < LENGTH:
        stop = min(LENGTH, at + chance.choice([1, 40, 300]))
        part = batch(values, at, stop)
        start = {("t", 0): at} if at else {}
        watch.take(part, lambda start=start, part=part: positions_before(start, [], part))
        fresh += watch.inheriting.take() if watch.inheriting is not None else []
        at = stop
        what = chance.random()
        if what < 0.3 or at == LENGTH:
            states = {key: watched.monitor.dump() for key, watched in watch.models.items()}
            kept, fresh, saved = kept + fresh, [], at
        elif what < 0.4 and kills:
            watch, fresh, at, kills = watching(states), [], saved, kills - 1
    return states, kept


def as_fold(values: Sequence[bytes], done: Intervention) -> dict[ModelKey, bytes]:
    """Both versions over all of their events, the new one begun at the recorded position."""
    at = done.positions["t", 0]
    old, new = ModelMonitor(OLD, POLICY), ModelMonitor(NEW, POLICY)
    for start, stop in ((0, at), (at, LENGTH)):
        if start == at and wills([NEW], {OLD: old}):
            new.inherit(wills([NEW], {OLD: old})[NEW])
        for frame in FLAT.decode(batch(values, start, stop)).frames if stop > start else ():
            (old if frame.model == OLD else new).observe(frame)
    return {OLD: old.dump(), NEW: new.dump()}


@settings(max_examples=8, deadline=None)
@given(begin=st.sampled_from([1_400, 4_000]), seed=st.integers(0, 2**16))
def test_the_recorded_position_is_all_that_matters(begin: int, seed: int) -> None:
    """States are those of the fold that begins the new version where the record says, byte for byte."""
    values = messages(begin)
    states, kept = as_daemon(values, seed)
    (done,) = kept
    assert (done.kind, done.model) == ("inherited", NEW)
    assert json.loads(done.detail) == {"from_version": "1", "streams": 2, "learning": 0}
    assert done.positions["t", 0] <= begin
    assert states == as_fold(values, done)


def test_the_old_versions_reference_changes_on_the_way() -> None:
    """So that the position matters at all: at 1,400 and at 4,000 the new version starts from different ones."""
    found = {
        begin: as_fold(messages(4_000), Intervention("inherited", NEW, {("t", 0): begin})) for begin in (1_400, 4_000)
    }
    assert found[1_400][NEW] != found[4_000][NEW]
    assert found[1_400][OLD] == found[4_000][OLD]
