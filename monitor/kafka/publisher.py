"""Sends what waits in a state's outbox, on a thread of its own: after the commit, at least once, with equal ids.

     outbox ── read ──▶ produce ──▶ delivered: told to the store, whose next commit deletes the rows
                ▲                        └─▶ refused: said, and tried again for as long as it takes
                └────────────────────────────────┘

The order of the rows is kept as long as nothing is refused.  The loop never waits for anything here.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from monitor.domain.errors import ConfigurationError
from monitor.kafka.notices import ClientLog, Notices
from monitor.kafka.options import DEFAULTS
from monitor.kafka.secrets import blackened, secrets_of
from monitor.state.outbox import DEAD_LETTERS, Waiting

log = structlog.get_logger("driftgauge")

#: seconds between two looks into the outbox, and before what was refused is tried again
LOOK_SECONDS, RETRY_SECONDS = 0.25, 1.0
#: rows under way at once
ROWS = 500
#: the client gives a message up after this; it is then ours to try again
MESSAGE_SECONDS = 10.0
#: refusals that no repetition will mend: a dead letter is given up for them, a finding never is
_HOPELESS = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD)


class Rows(Protocol):
    """The outbox as the publisher sees it; `delivered` from any thread, the others from the publisher's."""

    def waiting(self, after: int, most: int) -> Sequence[Waiting]: ...
    def delivered(self, rows: Sequence[int]) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class PublisherOptions:
    """topics: by destination (findings, dead_letters).  properties: the client's, as the user set them."""

    bootstrap_servers: str
    topics: Mapping[str, str]
    properties: Mapping[str, str | int | float | bool] = field(default_factory=dict)


class Publisher:
    """From `start` to `close`; `waiting` is how many rows it had left at its last look."""

    def __init__(self, options: PublisherOptions, rows: Rows) -> None:
        """Connects nowhere yet.  Raises ConfigurationError for properties that librdkafka refuses."""
        self._topics = options.topics
        self._rows = rows
        self._said: int | None = None  # code of the refusal that was logged; None while all goes well
        self._stop = threading.Event()
        self._sent = 0  # every row up to here is delivered
        self._beyond: set[int] = set()  # delivered, after one that was not
        self._refused: dict[int, KafkaError] = {}
        self._producer = _producer(options)
        self._thread = threading.Thread(target=self._work, name="publisher", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def close(self, timeout: float) -> bool:
        """Send what is there already, within `timeout` seconds; was all of it sent?"""
        self._stop.set()
        if self._thread.ident is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive() and not self._refused

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                if not self._turn():
                    self._stop.wait(RETRY_SECONDS if self._refused else LOOK_SECONDS)
            while self._turn() and not self._refused:  # the last commit's
                pass
        except Exception:  # a thread that ended silently would look like a topic without findings
            log.exception("publisher_failed")
        finally:
            self._rows.close()

    def _turn(self) -> bool:
        """Send the rows that wait; False when there were none, or some were refused."""
        self._refused = {}
        rows = [row for row in self._rows.waiting(self._sent, ROWS) if row.number not in self._beyond]
        if not rows:
            return False
        for row in rows:
            self._produce(row)
        self._producer.flush(MESSAGE_SECONDS + 1.0)
        left = {row.number for row in rows} - self._beyond
        if left:
            self._sent = min(left) - 1
        else:
            self._sent = rows[-1].number
        self._beyond = {number for number in self._beyond if number > self._sent}
        self._say()
        return not self._refused

    def _produce(self, row: Waiting) -> None:
        def delivered(error: KafkaError | None, _: Message) -> None:
            self._settle(row, error)

        topic, record = self._topics.get(row.destination), row.record
        if topic is None:  # no longer configured: nobody waits for it
            self._settle(row, None)
            return
        headers: Any = list(record.headers)
        try:
            self._producer.produce(topic, record.value, record.key, headers=headers, on_delivery=delivered)
            self._producer.poll(0)
        except (BufferError, KafkaException) as error:
            refused = error.args[0] if error.args and isinstance(error.args[0], KafkaError) else None
            self._settle(row, refused or KafkaError(KafkaError._QUEUE_FULL))

    def _settle(self, row: Waiting, error: KafkaError | None) -> None:
        if error is not None and row.destination == DEAD_LETTERS and error.code() in _HOPELESS:
            log.warning("dead_letter_given_up", error=str(error))
            error = None
        if error is None:
            self._beyond.add(row.number)
            self._rows.delivered([row.number])
        else:
            self._refused[row.number] = error

    def _say(self) -> None:
        """A line when sending begins to fail, or fails in another way, and one when it goes on."""
        error = next(iter(self._refused.values()), None)
        code = None if error is None else error.code()
        if error is not None and code != self._said:
            log.error("publish_failed", error=error.str(), hint="it is tried again until it succeeds; nothing is lost")
        elif error is None and self._said is not None:
            log.info("publishing_again")
        self._said = code


def _producer(options: PublisherOptions) -> Producer:
    mine = {
        "bootstrap.servers": options.bootstrap_servers,
        "enable.idempotence": True,
        "message.timeout.ms": int(MESSAGE_SECONDS * 1000),
        "linger.ms": 5,
    }
    general = {name: value for name, value in DEFAULTS.items() if name.startswith(("client.", "reconnect.", "socket."))}
    try:
        return Producer({**general, **options.properties, **mine}, logger=ClientLog(Notices()))
    except (KafkaException, TypeError, ValueError) as error:
        why = blackened(str(error), secrets_of(options.properties))
        raise ConfigurationError([f"kafka.properties: librdkafka refuses them: {why}"]) from None
