"""JSON lines → frames, through the same formats that read Kafka messages.

A pipe is read as far as it is filled and no further: what somebody streams into it is judged at once, in frames as
small as the pauses of the stream make them.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from monitor.cli.event_files.chunk import Chunk, Unreadable

if TYPE_CHECKING:
    from monitor.domain.frame import MessageBatch
    from monitor.formats import Format

_PIECE_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 20
#: a longer line is no event; it is skipped without being kept
_MAX_LINE_BYTES = 16 << 20

Read = Callable[[], bytes]  #: some bytes, at least one, or b"" at the end


def read_available(descriptor: int) -> bytes:
    """Wait for the first bytes, then take what else is there, up to a chunk; b"" at the end."""
    pieces = [os.read(descriptor, _PIECE_BYTES)]
    size = len(pieces[0])
    while pieces[-1] and size < _CHUNK_BYTES and select.select([descriptor], [], [], 0)[0]:
        pieces.append(os.read(descriptor, _PIECE_BYTES))
        size += len(pieces[-1])
    return b"".join(pieces)


class _Lines:
    """Cuts bytes into lines and knows the number of each."""

    def __init__(self) -> None:
        self.number = 0  #: of the last line that was cut
        self._rest = b""
        self._skipping = False

    def cut(self, data: bytes) -> tuple[list[bytes], list[int], list[int]]:
        """Complete lines that are not blank, their numbers, and the number of an overlong one before them."""
        overlong = []
        *complete, rest = (self._rest + data).split(b"\n")
        if self._skipping and complete:
            complete[0], self._skipping = b"", False
            overlong = [self.number + 1]
        if self._skipping or len(rest) > _MAX_LINE_BYTES:
            rest, self._skipping = b"", True
        self._rest = rest
        lines, numbers = [], []
        for line in complete:
            self.number += 1
            if line.strip():
                lines.append(line)
                numbers.append(self.number)
        return lines, numbers, overlong


def read_json_lines(
    read: Read, fraction: Callable[[], float | None], open_format: Callable[[], Format], topic: str
) -> Iterator[Chunk]:
    """Chunks of a stream of JSON lines; the format is opened with the first line, so that no input costs nothing."""
    cutter, decoder, first = _Lines(), None, 0
    while True:
        data = read()
        lines, numbers, overlong = cutter.cut(data or b"\n")  # the last line may lack its end
        if lines or overlong:
            decoder = decoder or open_format()
            too_long = [Unreadable(line, "too_long", f"expected at most {_MAX_LINE_BYTES} bytes") for line in overlong]
            first += len(overlong)
            decoded = decoder.decode(_batch(lines, first, topic))
            refused = [
                Unreadable(
                    numbers[reject.offset - first], reject.reason, f"expected {reject.expected}, got {reject.found}"
                )
                for reject in decoded.rejects
            ]
            first += len(lines)
            yield Chunk(decoded.frames, too_long + refused, len(lines) + len(overlong), fraction())
        if not data:
            return


def _batch(lines: list[bytes], first: int, topic: str) -> MessageBatch:
    from monitor.domain.frame import MessageBatch

    size = len(lines)
    return MessageBatch(topic, lines, [0] * size, range(first, first + size), [float("nan")] * size)
