"""State that was damaged, that comes from the future, that may not be written: refused and kept, never guessed at."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from monitor.domain.keys import ModelKey
from monitor.state import schema
from tests.faults.trial import WAIT_SECONDS, Trial
from tests.services import kafka
from tests.services.daemon import DaemonProcess

Trials = Callable[..., Trial]


def truncated(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def emptied(path: Path) -> None:
    """Of its size, and nothing in it."""
    path.write_bytes(bytes(path.stat().st_size))


def bit_flipped(path: Path) -> None:
    """One bit inside a model's state, where it is in the file now; older copies of it may lie around."""
    whole = path.read_bytes()
    state = _a_state(path)
    for place in (at for at in range(len(whole)) if whole.startswith(state[200:260], at)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        if _a_state(path) != state:
            return
    raise AssertionError("the state is not in the file")


def _a_state(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as database:
        (state,) = database.execute("SELECT state FROM models ORDER BY model LIMIT 1").fetchone()
    return bytes(state)


def format_from_the_future(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
        database.commit()


def model_from_the_future(path: Path) -> None:
    """Sound in itself, and of a version that nobody has written yet."""
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT model, model_version, state, exposure FROM models ORDER BY model LIMIT 1"
        model, version, state, exposure = database.execute(query).fetchone()
        state = msgspec.msgpack.encode({**msgspec.msgpack.decode(state), "version": 99})
        parts = [name for (name,) in database.execute("SELECT name FROM parts WHERE model = ?", (model,))]
        digest = schema.model_digest(ModelKey(model, version), [state], exposure, parts)
        database.execute("UPDATE models SET state = ?, digest = ? WHERE model = ?", (state, digest, model))
        database.commit()


def cut_to_nothing(path: Path) -> None:
    path.write_bytes(b"")


DAMAGES: Mapping[Callable[[Path], None], str] = {
    truncated: "move the directory away",
    emptied: "move the directory away",
    cut_to_nothing: "move the directory away",
    bit_flipped: "`driftgauge state reset` that model",
    format_from_the_future: "run that one, or move the directory away",
    model_from_the_future: "`driftgauge state reset`",
}


def refused(daemon: DaemonProcess, advice: str) -> None:
    """It ends with code 3, and says what helps."""
    daemon.process.start()
    assert daemon.process.wait(WAIT_SECONDS) == 3, daemon.process.last_words()
    (line,) = [*daemon.lines("not_started"), *daemon.lines("failed")]
    assert advice in line["error"]
    daemon.process.log.unlink()


def test_a_damaged_state_file(trial: Trials) -> None:
    """stop ── damage ── start: refused, nothing wiped ── … ── the file put back ── start: goes on"""
    found = trial("sqlite")
    daemon, path = found.daemon(), found.directory / "state" / schema.DATABASE_FILE
    daemon.start()
    found.produce(3_200)
    found.await_counted()
    assert daemon.process.stop(WAIT_SECONDS) == 0
    sound = path.read_bytes()
    for damage, advice in DAMAGES.items():
        damage(path)
        damaged = path.read_bytes()
        refused(daemon, advice)
        assert path.read_bytes().startswith(damaged), damage.__name__
        path.write_bytes(sound)
    daemon.start()
    found.produce(1_600)
    found.finish("state file damaged, or from the future", len(DAMAGES))


def test_a_damaged_record_of_the_state_topic(trial: Trials) -> None:
    """stop ── a record damaged ── start: refused, nothing written ── … ── the record put back ── start: goes on"""
    found = trial("kafka")
    daemon, injected = found.daemon(), 0
    daemon.start()
    found.produce(3_200)
    found.await_counted()
    assert daemon.process.stop(WAIT_SECONDS) == 0
    key, sound = a_model(found)
    for damaged, advice in damages(sound):
        kafka.produce(found.bootstrap, found.state_topic, [damaged], key=lambda _: key, partition=0)
        refused(daemon, advice)
        injected += 1
    kafka.produce(found.bootstrap, found.state_topic, [sound], key=lambda _: key, partition=0)
    daemon.start()
    found.produce(1_600)
    found.finish("state record damaged, or from the future", injected)


def a_model(found: Trial) -> tuple[bytes, bytes]:
    """Key and value of the newest record of a model."""
    records = {message.key(): message.value() for message in kafka.read_topic(found.bootstrap, found.state_topic)}
    return next((key, value) for key, value in records.items() if key and value and b'"model"' in key)


def damages(sound: bytes) -> Iterator[tuple[bytes, str]]:
    """What may become of a record, cut off, one bit another, written by a version that is to come; and what helps."""
    middle = len(sound) // 2
    yield sound[:middle], "`driftgauge state reset --model m"
    yield sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :], "`driftgauge state reset --model m"
    yield msgspec.msgpack.encode([99, *msgspec.msgpack.decode(sound)[1:]]), "run that one, or name another topic"


def test_a_state_directory_that_may_not_be_written(trial: Trials) -> None:
    """stop ── read-only ── start: refused ── writable ── start: goes on"""
    found = trial("sqlite")
    daemon, directory = found.daemon(fault="humble"), found.directory / "state"
    daemon.start()
    found.produce(3_200)
    found.await_counted()
    assert daemon.process.stop(WAIT_SECONDS) == 0
    places = [*directory.iterdir(), directory]
    modes = [place.stat().st_mode for place in places]
    for place, mode in zip(places, modes, strict=True):
        place.chmod(mode & ~0o222)
    try:
        refused(daemon, "expected a directory that driftgauge may write")
    finally:
        for place, mode in zip(places, modes, strict=True):
            place.chmod(mode)
    daemon.start()
    found.produce(400)
    found.finish("state directory read-only", 1)
