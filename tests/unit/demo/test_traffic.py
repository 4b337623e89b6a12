"""Flights for a broker that is there already: rounds that go on in time, addressed by key, taken or said not to be."""

import io
import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

import pytest
from rich.console import Console

from monitor.demo import traffic as traffic_module
from monitor.demo.flights import LABELS, PREDICTIONS, VERSIONS, messages
from monitor.demo.traffic import ROUND_SPACING, Traffic, addressed, in_round, produce, rounds
from monitor.kafka.embedded import EmbeddedBroker
from tests.services.waiting import wait_until
from tests.unit.cli.invoke import ROOT, clean_environment, command, driftgauge
from tests.unit.demo.plans import FLIGHTS
from tests.unit.demo.test_replay import received

NOVEMBER_2026 = datetime.fromisoformat("2026-11-01T00:00:00+00:00").timestamp()


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"flights": 1, "answers": 1}) as running:
        yield running


def sent(traffic: Traffic) -> tuple[int, str]:
    """Exit code and text of one round."""
    said = io.StringIO()
    return produce(traffic, Console(file=said, highlight=False, width=160)), said.getvalue()


def test_every_flight_is_sent_as_it_is(broker: EmbeddedBroker) -> None:
    """Predictions in order, byte for byte, to the topic that was asked for; labels stay at home."""
    code, said = sent(Traffic(broker.bootstrap, "flights", seconds=0.0))
    assert code == 0, said
    assert f"round 1: {FLIGHTS:,} events to flights" in said
    assert "summer  Fri 30 Aug 2013  21,762 events sent" in said
    expected = [event.value for event in messages() if event.topic == PREDICTIONS]
    # the embedded broker drops the oldest of what is much for it; what is left has to be the end of what was sent
    values = received(broker.bootstrap, "flights", 0, 100)
    first = expected.index(values[0])
    assert values[:100] == expected[first : first + 100]


def test_labels_are_sent_where_they_are_wanted() -> None:
    """Each of the two topics has its own name at the broker."""
    traffic = Traffic("unused", "flights", "answers")
    names = Counter(addressed(event, traffic).topic for event in messages())
    assert names["flights"] == FLIGHTS
    assert names["answers"] == sum(event.topic == LABELS for event in messages())


def test_each_version_has_one_key_and_no_partition() -> None:
    """So that its order survives in a topic with any number of partitions."""
    found = {(event.partition, addressed(event, Traffic("unused")).key) for event in messages()}
    assert found == {(0, b"flight-delay/winter"), (1, b"flight-delay/summer")}
    assert {addressed(event, Traffic("unused")).partition for event in messages()} == {-1}


def test_a_later_round_goes_on_in_time_under_ids_of_its_own() -> None:
    """Same flights, times moved by whole weeks, no id twice, and each version's time never runs backwards."""
    newest: dict[int, float] = {}
    ids: set[tuple[str, str]] = set()
    count = 0
    for number in range(3):
        for event in in_round(messages(), number):
            fields = json.loads(event.value)
            moment = datetime.fromisoformat(fields["ts"]).timestamp()
            assert moment == pytest.approx(event.time, abs=1e-3)
            if event.topic == PREDICTIONS:
                assert moment >= newest.get(event.partition, 0.0)
                newest[event.partition] = moment
            ids.add((event.topic, fields["event_id"]))
            count += 1
    assert len(ids) == count
    assert timedelta(weeks=ROUND_SPACING // timedelta(weeks=1)) == ROUND_SPACING


def test_only_id_and_time_differ_between_rounds() -> None:
    """Features, prediction, model and version are those of the data."""
    first, second = (json.loads(next(in_round(messages(), number)).value) for number in (0, 1))
    moved = {"event_id", "ts"}
    assert {name for name in first if first[name] != second[name]} == moved
    assert datetime.fromisoformat(second["ts"]) - datetime.fromisoformat(first["ts"]) == ROUND_SPACING


def test_once_means_once() -> None:
    """Without --loop there is one round."""
    assert list(rounds(False, NOVEMBER_2026)) == [0]


def test_endless_rounds_never_leave_in_the_future() -> None:
    """A flight after the present would be refused: before that, they begin again with the first round."""
    numbers = list(islice(rounds(True, NOVEMBER_2026), 400))
    top = max(numbers)
    assert numbers[: top + 2] == [*range(top + 1), 0]
    end = max(version.expected.end.timestamp() for version in VERSIONS) + 7 * 86_400
    assert NOVEMBER_2026 - 30 * 86_400 < end + top * ROUND_SPACING.total_seconds() < NOVEMBER_2026


def test_a_broker_that_is_not_there_fails_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1 and a sentence, instead of a queue that grows for ever."""
    monkeypatch.setattr(traffic_module, "FLUSH_SECONDS", 0.3)
    code, said = sent(Traffic("127.0.0.1:9", "flights", seconds=0.0))
    assert code == 1
    assert "The flights could not be sent" in said


def test_endless_ones_stop_in_order(broker: EmbeddedBroker) -> None:
    """SIGTERM, as from a container's engine, ends them with exit code 0."""
    words = command(
        "demo", "--produce-only", "--bootstrap", broker.bootstrap, "--topic", "flights", "--pace", "60s", "--loop"
    )
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=clean_environment()) as child:
        assert child.stdout is not None
        wait_until(lambda: "events sent" in str(child.stdout and child.stdout.readline()), 30, "flights to be sent")
        child.send_signal(signal.SIGTERM)
        rest, _ = child.communicate(timeout=30)
        assert child.returncode == 0
        assert rest.endswith("stopped\n")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--loop"], "--loop"),
        (["--topic", "t"], "--topic"),
        (["--produce-only", "--bootstrap", "b:1", "--keep"], "--keep"),
        (["--produce-only"], "--bootstrap"),
        (["--produce-only", "--bootstrap", "b:1", "--pace", "soon"], "--pace"),
    ],
)
def test_options_of_the_other_half_are_refused(options: list[str], named: str) -> None:
    """Exit code 2 naming the option, instead of doing something else than was asked for."""
    result = driftgauge("demo", *options)
    assert result.code == 2
    assert result.err.startswith(f"driftgauge: {named}: ")
