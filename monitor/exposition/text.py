"""An exposition as prometheus_client writes it, from a collector on a registry of our own, never the global one.

The library is the definition of right here: `lines` writes what is served, and has to give the same bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from monitor.exposition.board import Reading
from monitor.exposition.samples import families

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class BoardCollector(Collector):
    """Turns one reading a collection into the library's metrics; holds nothing in between."""

    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read

    def describe(self) -> list[Metric]:
        """Nothing: the registry need not collect once only to learn the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """One metric a family, without `_created` series (they would add a fifth to every scrape)."""
        for family, samples in families(self._read()):
            name = family.name.removesuffix("_total") if family.type == "counter" else family.name
            metric = Metric(name, family.help, family.type, family.unit)
            total = "_total" if family.type == "counter" else ""
            for sample in samples:
                metric.add_sample(name + (sample.suffix or total), dict(sample.labels), sample.value)
            yield metric


def registry(read: Callable[[], Reading]) -> CollectorRegistry:
    """A registry that holds one collector reading from `read` (a board's `read`)."""
    own = CollectorRegistry(auto_describe=False)
    own.register(BoardCollector(read))
    return own


def content_type(accept: str) -> str:
    """Prometheus's plain text format 0.0.4, unless the client says that it reads OpenMetrics."""
    wanted = {each.split(";")[0].strip().lower() for each in accept.split(",")}
    return OPENMETRICS if "application/openmetrics-text" in wanted else PLAIN


def render(of: CollectorRegistry, kind: str) -> bytes:
    """The exposition in one of the two content types."""
    if kind == OPENMETRICS:
        return bytes(openmetrics.generate_latest(of, version="1.0.0"))  # type: ignore[no-untyped-call]
    return generate_latest(of)


def body(pieces: Iterable[bytes], *, zipped: bool, pause: Callable[[], None]) -> list[bytes]:
    """The pieces of an exposition as they are sent, gzipped if so asked; `pause` is called after each.

    Pausing lets the loop in between two pieces: without it a thread that writes keeps the interpreter for its whole
    switch interval each time the loop wants it back.
    """
    packer = zlib.compressobj(1, zlib.DEFLATED, 31) if zipped else None
    found = []
    for piece in pieces:
        packed = piece if packer is None else packer.compress(piece)
        if packed:
            found.append(packed)
        pause()
    return [*found, packer.flush()] if packer is not None else found
