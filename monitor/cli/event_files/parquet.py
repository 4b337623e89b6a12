"""Parquet → frames, if pyarrow is installed: it is large, so it is an extra of the package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from monitor.cli.event_files.chunk import Chunk, Naming
from monitor.cli.event_files.table import frames_of, lay_out
from monitor.domain.errors import ConfigurationError

_CHUNK_ROWS = 4096


def read_parquet(path: Path, naming: Naming, stem: str) -> Iterator[Chunk]:
    """Chunks of a Parquet file.  Raises ConfigurationError without pyarrow, or if the file is no Parquet."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        needed = "pip install 'driftgauge[parquet]'"
        raise ConfigurationError([f"{path}: reading Parquet needs pyarrow: {needed}"]) from None
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            layout = lay_out(list(file.schema_arrow.names), naming, stem)
            total, first = file.metadata.num_rows, 0
            for batch in file.iter_batches(batch_size=_CHUNK_ROWS):
                numbers = range(first, first + batch.num_rows)
                columns = [_plain(column) for column in batch.columns]
                frames, unreadable = frames_of(columns, numbers, [number + 1 for number in numbers], layout)
                first += batch.num_rows
                yield Chunk(frames, unreadable, batch.num_rows, first / total)
    except (pyarrow.ArrowException, OSError) as error:
        raise ConfigurationError([f"{path}: expected a Parquet file, got: {error}"]) from None


def _plain(column: Any) -> Sequence[Any]:
    """JSON values of an Arrow column: times become ISO texts, decimals floats; lists and structs stay what they are."""
    import pyarrow

    if pyarrow.types.is_timestamp(column.type):  # nanoseconds would become another library's objects
        column = column.cast(pyarrow.timestamp("us", column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    first = next((value for value in values if value is not None), None)
    if isinstance(first, date):  # a datetime is one too
        return [None if value is None else value.isoformat() for value in values]
    if isinstance(first, Decimal):
        return [None if value is None else float(value) for value in values]
    return values
