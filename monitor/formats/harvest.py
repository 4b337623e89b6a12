"""What a format collects while it goes through a batch, and the sum at its end.

The law: messages = accepted + ignored + rejected.  A message is rejected if any part of it is, ignored if it gave
nothing and nothing was wrong with it, accepted otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitor.domain.frame import Decoded, Frame, MessageBatch, Reject
from monitor.domain.keys import ModelKey
from monitor.formats.columns import Positions, Row, frames_of
from monitor.formats.rejects import Unusable, clipped


class Harvest:
    """Good rows by model version, rejects in order, for one batch."""

    def __init__(self, batch: MessageBatch) -> None:
        self._batch = batch
        self._rows: dict[tuple[str, str], list[Row]] = {}
        self._rejects: list[Reject] = []
        self._rejected: set[int] = set()
        self._ignored = 0

    def add(self, model: str, model_version: str, row: Row) -> None:
        """Take a good row; rows of a model version stay in the order they are given."""
        rows = self._rows.get((model, model_version))
        if rows is None:
            self._rows[model, model_version] = [row]
        else:
            rows.append(row)

    def reject(self, index: int, problem: Unusable, row: int = 0) -> None:
        """Count a message (or one row of it) as rejected."""
        batch = self._batch
        self._rejected.add(index)
        self._rejects.append(
            Reject(
                topic=batch.topic,
                partition=batch.partitions[index],
                offset=batch.offsets[index],
                reason=problem.reason,
                expected=clipped(problem.expected),
                found=clipped(problem.found),
                row=row,
            )
        )

    def ignore(self) -> None:
        """Count a message that is understood, wrong in no part, and gave no row."""
        self._ignored += 1

    def place_id(self, index: int) -> str:
        """The id of an event that has none of its own: its message's place, which no other message shares."""
        batch = self._batch
        return f"{batch.topic}/{batch.partitions[index]}/{batch.offsets[index]}"

    def recorded(self, index: int) -> float:
        """The timestamp of a message's record in seconds, NaN if unknown."""
        return self._batch.timestamps[index]

    def finish(self) -> Decoded:
        """Frames in the order in which their models were first met, and the counts."""
        positions = Positions(self._batch)
        frames = [
            frame
            for (model, model_version), rows in self._rows.items()
            for frame in frames_of(ModelKey(model, model_version), rows, positions)
        ]
        return self.counted(frames)

    def counted(self, frames: Sequence[Frame]) -> Decoded:
        """These frames, which hold the rows of all messages that were neither rejected nor ignored, and the counts."""
        accepted = len(self._batch) - self._ignored - len(self._rejected)
        return Decoded(frames, self._rejects, accepted, self._ignored)


def joined(parts: Sequence[Decoded]) -> Decoded:
    """What was made of the parts of a batch, as one."""
    return Decoded(
        frames=[frame for part in parts for frame in part.frames],
        rejects=[reject for part in parts for reject in part.rejects],
        accepted=sum(part.accepted for part in parts),
        ignored=sum(part.ignored for part in parts),
    )
