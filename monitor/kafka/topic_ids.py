"""What the broker calls a topic: an id that a topic made anew under the same name does not have.

Asked without waiting: the answer is there at a later look, or never where a broker does not know the question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

ANSWER_SECONDS = 5.0
#: seconds between two questions about a topic, and after one that was not answered
ASK_SECONDS, REFUSED_SECONDS = 5.0, 60.0

Properties = Mapping[str, str | int | float | bool]


class TopicIds:
    """One question at a time for each topic; connects with the first question."""

    def __init__(self, properties: Properties, clock: Callable[[], float]) -> None:
        self._properties = dict(properties)
        self._clock = clock
        self._admin: AdminClient | None = None
        self._asked: dict[str, Future[Any]] = {}
        self._due: dict[str, float] = {}
        self._ids: dict[str, str] = {}
        self.unanswered: set[str] = set()  #: topics whose last question got no answer

    def look(self, topic: str) -> str | None:
        """The newest id known of a topic, None if none is; asks (again) when it is time.  Never waits, never raises."""
        asked = self._asked.get(topic)
        if asked is not None and asked.done():
            del self._asked[topic]
            self._take(topic, asked)
        elif asked is None and self._clock() >= self._due.get(topic, 0.0):
            self._ask(topic)
        return self._ids.get(topic)

    def ask_again(self, topic: str) -> None:
        """Forget what is known of a topic and ask at the next look."""
        self._asked.pop(topic, None)
        self._ids.pop(topic, None)
        self._due.pop(topic, None)
        self.unanswered.discard(topic)

    def _ask(self, topic: str) -> None:
        try:
            if self._admin is None:
                self._admin = AdminClient({**self._properties, "log_level": 0})
            answers = self._admin.describe_topics(TopicCollection([topic]), request_timeout=ANSWER_SECONDS)
            self._asked[topic] = answers[topic]
        except (KafkaException, TypeError, ValueError):
            self._refused(topic)

    def _take(self, topic: str, answer: Future[Any]) -> None:
        if answer.exception() is not None:
            self._refused(topic)
            return
        self._ids[topic] = str(answer.result().topic_id)
        self.unanswered.discard(topic)
        self._due[topic] = self._clock() + ASK_SECONDS

    def _refused(self, topic: str) -> None:
        self.unanswered.add(topic)
        self._due[topic] = self._clock() + (ASK_SECONDS if topic in self._ids else REFUSED_SECONDS)
