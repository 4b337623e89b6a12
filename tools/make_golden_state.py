"""Makes the golden states in tests/unit/state/golden: what this version writes, for every later one to read.

    python tools/make_golden_state.py

    engine-2.msgpack    snapshots of models half way through fixed events, by name
    sqlite-2.db         some of these models in a state directory's database
    kafka-1.msgpack     some of these models as records of a state topic
    golden.json         what each version's models conclude of the second half; written anew for all of them

Files of the present formats are written anew, those of older ones are kept as they are and only read: they are what
somebody's disk still holds.  When a format changes, raise its version and add the step from the one before; then run
this and commit what it wrote.  When only conclusions change, run it too: golden.json changes, and says what.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from monitor.domain.facts import EpisodeChange, Fact, Finding  # noqa: E402
from monitor.domain.frame import Frame, MessageBatch  # noqa: E402
from monitor.domain.keys import ModelKey  # noqa: E402
from monitor.engine import snapshot as engine  # noqa: E402
from monitor.engine.inheriting import wills  # noqa: E402
from monitor.engine.model import ModelMonitor  # noqa: E402
from monitor.engine.policy import Override, Policy, ProfileMatch, Warmup  # noqa: E402
from monitor.formats import open_format  # noqa: E402
from monitor.kafka import state_records  # noqa: E402
from monitor.kafka.store import Change  # noqa: E402
from monitor.kafka.stored import Stored  # noqa: E402
from monitor.reference.profile import learn_profile, parse  # noqa: E402
from monitor.state import schema  # noqa: E402
from monitor.state.sqlite import SqliteStore  # noqa: E402
from monitor.state.store import Commit, Intervention, Record, Whole  # noqa: E402

GOLDEN = ROOT / "tests" / "unit" / "state" / "golden"
HALF, LENGTH = 900, 1_800
#: a model that learned, one with a profile, one that inherited, one whose warm-up lasts
LEARNED, APPROVED, HEIR, LEARNING = (ModelKey("golden", version) for version in ("learned", "approved", "heir", "new"))
#: the models that the stores' files hold
STORED = (LEARNED, HEIR)
OFFSETS = {("golden", 0): HALF, ("control", 0): 3}
CONFIGURATION, TOPIC_IDS, INCARNATION, AT = b'{"golden":true}', {"golden": "id-1"}, 7, 1_767_225_600.0


@cache
def events(key: ModelKey) -> Sequence[bytes]:
    """Fixed events of a model: values that shift, go missing and stand still, categories old and new, ids."""
    chance, made = random.Random(f"{key.model_version}"), []
    for number in range(LENGTH):
        moved, dead = 500 <= number < 1_500, 700 <= number < 1_200
        features: dict[str, object] = {
            "level": chance.gauss(3.0 * moved, 1),
            "missing": None if dead and chance.random() < 0.7 else chance.random(),
            "stuck": 0.5 if dead else chance.gauss(0, 1),
            "class": chance.choice("abd" if moved else "abc"),
            "zeros": 0 if chance.random() < 0.7 else chance.expovariate(1) + moved,
            "id": f"id-{chance.getrandbits(60)}",
        }
        if number >= HALF + 100:
            features["late"] = chance.random()
        body = {"model": key.model, "model_version": key.model_version, "ts": 1_700_000_000 + 60 * number}
        made.append(json.dumps({**body, "features": features, "prediction": chance.random()}).encode())
    return made


def frames(key: ModelKey, start: int, stop: int) -> Sequence[Frame]:
    values, count = events(key)[start:stop], stop - start
    batch = MessageBatch("golden", values, [0] * count, range(start, stop), [math.nan] * count)
    return open_format("flat_json", {}).decode(batch).frames


@cache
def policy() -> Policy:
    profile = parse(learn_profile(frames(LEARNED, 0, 500), model=None, source={}))
    return Policy(
        warmup=Warmup(300, 0.0),
        relearn_after_seconds=0.0,
        profiles=(ProfileMatch("*", APPROVED.model_version, profile),),
        overrides=(Override(feature="zeros", type="number"),),
        new_version="inherit",
    )


def halfway() -> dict[ModelKey, ModelMonitor]:
    """The models after the first half of their events; the new one after a few."""
    monitors = {key: ModelMonitor(key, policy()) for key in (LEARNED, APPROVED, LEARNING, HEIR)}
    for key, stop in ((LEARNED, HALF), (APPROVED, HALF), (LEARNING, 100)):
        observe(monitors[key], frames(key, 0, stop))
    heard = ModelMonitor(LEARNED, policy())
    observe(heard, frames(LEARNED, 0, LENGTH))  # knows a stream that the heir has not met yet
    monitors[HEIR].inherit(wills([HEIR], {LEARNED: heard})[HEIR])
    observe(monitors[HEIR], frames(HEIR, 0, HALF))
    return monitors


def observe(monitor: ModelMonitor, given: Iterable[Frame]) -> list[Fact]:
    return [fact for frame in given for fact in monitor.observe(frame)]


def conclusions(states: Mapping[ModelKey, bytes]) -> dict[str, Any]:
    """What restored models conclude of the rest of their events: whole numbers and names, equal on every machine."""
    found = {}
    for key, state in sorted(states.items()):
        monitor = ModelMonitor.load(key, policy(), state)
        facts = observe(monitor, frames(key, 100 if key == LEARNING else HALF, LENGTH))
        lines = [_line(fact) for fact in facts if isinstance(fact, Finding | EpisodeChange)]
        counts = [
            [
                s.key.kind,
                s.key.feature,
                s.status.name,
                s.observations,
                s.reference_generation,
                sorted(s.invalid.items()),
            ]
            for s in monitor.view().streams
        ]
        digest = hashlib.sha256(json.dumps([lines, counts]).encode()).hexdigest()
        found[key.model_version] = {"facts": len(lines), "events": monitor.events, "digest": digest}
    return found


def _line(fact: Finding | EpisodeChange) -> list[object]:
    if isinstance(fact, Finding):
        return [str(fact.stream), fact.channel, fact.detector, fact.observation, fact.since, fact.generation]
    return [str(fact.stream), fact.aspect, fact.state, fact.reason, fact.observation]


def outline(plain: Any) -> Any:
    """The layout of plain data without its values: what has to stay as long as the version does."""
    if isinstance(plain, dict):
        return {str(key): outline(value) for key, value in sorted(plain.items(), key=lambda item: str(item[0]))}
    if isinstance(plain, list | tuple):
        kinds: list[Any] = []
        for each in plain:
            found = outline(each)
            if found not in kinds:
                kinds.append(found)
        return [kinds]
    return type(plain).__name__


def states() -> dict[ModelKey, bytes]:
    """Snapshots of the present version."""
    return {key: monitor.dump() for key, monitor in halfway().items()}


class _Part(bytes):
    """A part that is encoded already."""

    def encode(self) -> bytes:
        return bytes(self)


def _parted(key: ModelKey, state: bytes) -> Whole:
    """A snapshot as a daemon hands it over."""
    pieces, parts = engine.split(key, state)
    return Whole(pieces, {name: _Part(part) for name, part in parts.items()})


def commit(states: Mapping[ModelKey, bytes]) -> Commit:
    """What the stores are given."""
    models = {key: _parted(key, state) for key, state in states.items()}
    done = Intervention("inherited", HEIR, {("golden", 0): 0}, b'{"from_version":"learned"}')
    record = Record(b"golden/learned", b'{"id":"1","type":"driftgauge.finding.v1","data":{}}', (("h", b"v"),), "1")
    return Commit(
        models, dict.fromkeys(models, b""), OFFSETS, [record], AT, interventions=[done], topic_ids=TOPIC_IDS,
        configuration=CONFIGURATION, incarnation=INCARNATION, dead_letters=[Record(None, b"letter")],
    )  # fmt: skip


def kafka_records(models: Mapping[ModelKey, bytes]) -> list[tuple[bytes, bytes]]:
    """The records of the state topic after one commit into an empty one; no broker is asked."""
    records = Change(Stored("golden-state/0"), commit(models)).records()
    return [(key, value) for key, value in records if value is not None]


def write_sqlite(models: Mapping[ModelKey, bytes], path: Path) -> None:
    """The database of a directory after one commit into an empty one, as one file."""
    with tempfile.TemporaryDirectory() as folder:
        with closing(SqliteStore(folder)) as store:
            store.commit(commit(models))
        source = Path(folder) / schema.DATABASE_FILE
        with closing(sqlite3.connect(source, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode=DELETE")
        shutil.copyfile(source, path)


def versions(stem: str) -> Iterator[tuple[int, Path]]:
    """Golden files of a kind with their versions, oldest first."""
    found = [(int(path.stem.rpartition("-")[2]), path) for path in GOLDEN.glob(f"{stem}-*")]
    yield from sorted(found)


def read_engine(path: Path) -> dict[ModelKey, bytes]:
    """The snapshots of a file."""
    plain = msgspec.msgpack.decode(path.read_bytes(), type=dict[str, bytes])
    return {ModelKey("golden", version): state for version, state in plain.items()}


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    models = states()
    plain = {key.model_version: state for key, state in sorted(models.items())}
    (GOLDEN / f"engine-{engine.VERSION}.msgpack").write_bytes(msgspec.msgpack.encode(plain))
    stored = {key: models[key] for key in STORED}
    write_sqlite(stored, GOLDEN / f"sqlite-{schema.FORMAT_VERSION}.db")
    records = msgspec.msgpack.encode(kafka_records(stored))
    (GOLDEN / f"kafka-{state_records.FORMAT_VERSION}.msgpack").write_bytes(records)
    known = {str(version): conclusions(read_engine(path)) for version, path in versions("engine")}
    (GOLDEN / "golden.json").write_text(json.dumps(known, indent=1) + "\n")
    for path in sorted(GOLDEN.iterdir()):
        sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
