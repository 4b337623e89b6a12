"""A Kafka broker inside this process: the mock cluster that librdkafka carries for its own tests.

It is a real TCP server on a loopback port, so other processes produce to it and consume from it like from any broker.
What it is not: it keeps everything in memory, at most 5 MiB of batches a partition (compressed bytes count; the oldest
go first), aborts no transaction, compacts nothing, and answers no admin request; topics are made here, or by whoever
first asks for their metadata.  Good for a demonstration and for tests, never for data.

    with EmbeddedBroker({"predictions": 4}) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap})
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from confluent_kafka import cimpl

from monitor.domain.errors import SourceError

_PRODUCER = 0  # rd_kafka_type_t
_CONF_OK = 0  # rd_kafka_conf_res_t
_ERROR_BYTES = 512
_DESTROY_WITHOUT_CLOSE = 0x8  # rd_kafka_destroy_flags: this handle never was a consumer


class EmbeddedBroker:
    """Runs from `__enter__` to `__exit__` with these topics: name → number of partitions."""

    def __init__(self, topics: Mapping[str, int]) -> None:
        """Raises ValueError for a topic with less than one partition."""
        for name, partitions in topics.items():
            if partitions < 1:  # librdkafka would end the whole process over it
                raise ValueError(f"topic {name!r}: expected at least 1 partition, got {partitions}")
        self._topics = dict(topics)
        self._library = _library()
        self._client: int | None = None
        self._cluster: int | None = None

    def __enter__(self) -> Self:
        """Start.  Raises SourceError when it runs already, or when librdkafka refuses, naming what it refused."""
        if self._client:
            raise SourceError("the embedded broker runs already")
        try:
            self._client = self._new_client()
            self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
            if not self._cluster:
                raise SourceError("the embedded broker could not be started: expected a mock cluster, got none")
            for name, partitions in self._topics.items():
                self._create(name, partitions)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop, and forget everything that was produced; a second time does nothing."""
        # The cluster runs on threads of the client: it goes first.
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._cluster = None
        if self._client:
            self._library.rd_kafka_destroy_flags(self._client, _DESTROY_WITHOUT_CLOSE)
            self._client = None

    @property
    def bootstrap(self) -> str:
        """host:port to connect to.  Raises SourceError when the broker is not running."""
        if not self._cluster:
            raise SourceError("the embedded broker has no address: it is not running")
        address: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return address.decode()

    def _new_client(self) -> int:
        """The handle whose threads the cluster runs on; it talks to nobody itself."""
        library, error = self._library, ctypes.create_string_buffer(_ERROR_BYTES)
        properties = library.rd_kafka_conf_new()
        # librdkafka greets its users on standard error about the mock cluster; that line is for its own developers
        if library.rd_kafka_conf_set(properties, b"log_level", b"3", error, _ERROR_BYTES) != _CONF_OK:
            library.rd_kafka_conf_destroy(properties)
            raise SourceError(f"the embedded broker could not be started: {error.value.decode()}")
        client: int | None = library.rd_kafka_new(_PRODUCER, properties, error, _ERROR_BYTES)
        if not client:
            library.rd_kafka_conf_destroy(properties)
            raise SourceError(f"the embedded broker could not be started: {error.value.decode()}")
        return client

    def _create(self, name: str, partitions: int) -> None:
        code = self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        if code:
            said: bytes = self._library.rd_kafka_err2str(code)
            raise SourceError(f"topic {name!r} with {partitions} partitions: expected to be made, got: {said.decode()}")


def _library() -> ctypes.CDLL:
    """The librdkafka that confluent_kafka itself uses: found as a dependency of its extension, wherever that lies."""
    library = ctypes.CDLL(cimpl.__file__)
    handle, text, code = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures = {
        "rd_kafka_conf_new": (handle, []),
        "rd_kafka_conf_set": (code, [handle, text, text, text, ctypes.c_size_t]),
        "rd_kafka_conf_destroy": (None, [handle]),
        "rd_kafka_new": (handle, [code, handle, text, ctypes.c_size_t]),
        "rd_kafka_destroy_flags": (None, [handle, code]),
        "rd_kafka_err2str": (text, [code]),
        "rd_kafka_mock_cluster_new": (handle, [handle, code]),
        "rd_kafka_mock_cluster_destroy": (None, [handle]),
        "rd_kafka_mock_cluster_bootstraps": (text, [handle]),
        "rd_kafka_mock_topic_create": (code, [handle, text, code, code]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
