"""An exposition written directly, in pieces: the bytes that prometheus_client would write, in a fraction of its time.

A stream's label strings are escaped once and kept, so that a line is one concatenation.  Label names are sorted, as the
library sorts them, so the line of a stream falls into

    name{ first… feature="…",kind="…" ,between… model="…",model_version="…" ,last… segment="…"} value
          channel, detector              measure                               reason

Law: a piece is a millisecond of work, a few hundred lines.  Whoever writes pieces can let other threads in between, and
never holds the interpreter for as long as the whole text takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from monitor.domain.keys import StreamKey
from monitor.exposition.board import Reading
from monitor.exposition.catalogue import (
    ESSENTIAL_OF_STREAM,
    FAMILIES,
    PREFIX,
    SEGMENT_LABEL,
    SHARD_LABEL,
    STREAM_LABELS,
    Family,
)
from monitor.exposition.samples import Row, Sample, clean, select, shard_of

LINES = 600  #: lines a piece holds at most, unless one stream has more in a family
GO_EXPONENT = 1e6  #: from here on numbers are written with an exponent, as Go would
PYTHON_EXPONENT = 1e16  #: from here on `repr` writes one too
_ENCODE = msgspec.json.Encoder().encode
STREAM_LABELS_SORTED = sorted(STREAM_LABELS)
Extra = str | tuple[str, ...]  #: values of a family's labels beyond the stream's


@dataclass(frozen=True, slots=True)
class _Labels:
    """Label strings of one stream; those of the model are shared by its streams."""

    of_stream: str
    of_model: str
    end: str  #: the segment, if there is one, and the closing brace
    whole: str  #: all of it


class Writer:
    """Writes readings; keeps the label strings of the streams that were in the newest one."""

    def __init__(self) -> None:
        self._known: dict[StreamKey, _Labels] = {}
        self._shared: dict[tuple[str, str, str, str], tuple[str, str]] = {}

    def pieces(self, reading: Reading, *, open_metrics: bool) -> Iterator[bytes]:
        """The exposition of a reading as UTF-8, piece by piece."""
        selection = select(reading)
        yield b""  # selecting alone is a piece of work
        labels = self._labels_of(selection.rows[: selection.essential])
        for family in FAMILIES:
            yield _head(family, open_metrics).encode()
            if not family.of_stream:
                samples = selection.process.get(family.name, ())
                yield "".join([_line(family, sample) for sample in samples]).encode()
                continue
            shown = selection.essential if family in ESSENTIAL_OF_STREAM else selection.detailed
            for start in range(0, shown, step := LINES if family.name in _SINGLE else LINES // 8):
                own = labels[start : min(shown, start + step)]
                yield _piece(family, selection.rows[start : start + len(own)], own).encode()
        if open_metrics:
            yield b"# EOF\n"

    def _labels_of(self, rows: Sequence[Row]) -> list[_Labels]:
        """Label strings of rows; what the newest reading does not show any more is forgotten."""
        known = self._known
        self._known = {row.view.key: known.get(row.view.key) or self._make(row.view.key) for row in rows}
        return [self._known[row.view.key] for row in rows]

    def _make(self, key: StreamKey) -> _Labels:
        of_stream = f'feature="{_escaped(key.feature)}",kind="{key.kind}"'
        shard = shard_of(key)
        named = key.model, key.model_version, key.segment, shard
        shared = self._shared.get(named)
        if shared is None:
            segment = f',{SEGMENT_LABEL}="{_escaped(key.segment)}"' if key.segment else ""
            segment += f',{SHARD_LABEL}="{shard}"' if shard else ""
            of_model = f'model="{_escaped(key.model)}",model_version="{_escaped(key.model_version)}"'
            shared = of_model, segment + "} "
            if len(self._shared) > len(self._known):
                self._shared.clear()
            self._shared[named] = shared
        of_model, end = shared
        return _Labels(of_stream, of_model, end, f"{of_stream},{of_model}{end}")


def _piece(family: Family, rows: Sequence[Row], labels: Sequence[_Labels]) -> str:
    """The lines of some streams in one family."""
    single = _SINGLE.get(family.name)
    if single is not None:
        start, numbers = family.name + "{", number_texts([float(single(row)) for row in rows])
        return "".join([f"{start}{own.whole}{text}\n" for own, text in zip(labels, numbers, strict=True)])
    several, starts = _SEVERAL[family.name], _Starts(family)
    found = [several(row) for row in rows]
    texts = iter(number_texts([float(value) for _, numbers in found for value in numbers]))
    lines: list[str] = []
    for own, (extras, _) in zip(labels, found, strict=True):
        # each stream takes as many texts as it has values: zip asks `extras` first, and leaves `texts` where it ends
        if starts.only:
            whole = own.whole
            lines += [f"{starts[extra][0]}{whole}{text}\n" for extra, text in zip(extras, texts, strict=False)]
        else:
            a, b, end = own.of_stream, own.of_model, own.end
            for extra, text in zip(extras, texts, strict=False):
                first, between, last = starts[extra]
                lines.append(f"{first}{a}{between}{b}{last}{end}{text}\n")
    return "".join(lines)


class _Starts(dict[Extra, tuple[str, str, str]]):
    """By further label values: what the line consists of beside the strings of stream and model.

    only: does all of it stand before those strings?
    """

    def __init__(self, family: Family) -> None:
        super().__init__()
        self._name, self._labels = family.name, family.labels[len(STREAM_LABELS) :]
        self.only = max(self._labels) < STREAM_LABELS_SORTED[0]

    def __missing__(self, extra: Extra) -> tuple[str, str, str]:
        values = (extra,) if isinstance(extra, str) else extra
        named = sorted(zip(self._labels, values, strict=True))
        texts = [(name, f'{name}="{_escaped(value)}"') for name, value in named]
        first = "".join(text + "," for name, text in texts if name < "feature")
        between = "".join("," + text for name, text in texts if "kind" < name < "model")
        last = "".join("," + text for name, text in texts if "model_version" < name < SEGMENT_LABEL)
        self[extra] = found = (f"{self._name}{{{first}", between + ",", last)
        return found


def number_texts(values: Sequence[float]) -> list[str]:
    """Numbers as Go writes them; the JSON encoder finds the shortest digits in a third of the time `repr` takes."""
    if not values:
        return []
    texts = _ENCODE(values).decode()[1:-1].split(",")
    return [
        text if 1e-4 <= value < GO_EXPONENT or not value or -GO_EXPONENT < value <= -1e-4 else number_text(value, text)
        for text, value in zip(texts, values, strict=True)
    ]


def number_text(value: float, shortest: str = "") -> str:
    """A number as Go writes it; shortest: its shortest digits without an exponent, if they are known.

    >>> number_text(0.25), number_text(1234567.5), number_text(float("inf")), number_text(7)
    ('0.25', '1.2345675e+06', '+Inf', '7.0')
    """
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    text = shortest if shortest and GO_EXPONENT <= value < PYTHON_EXPONENT else repr(float(value))
    dot = text.find(".")
    if value > 0 and dot > 6:
        mantissa = f"{text[0]}.{text[1:dot]}{text[dot + 1 :]}".rstrip("0.")
        return f"{mantissa}e+{dot - 1:02d}"
    return text


def _escaped(value: str) -> str:
    return clean(value).replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _head(family: Family, open_metrics: bool) -> str:
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    if not open_metrics:
        return f"# HELP {family.name} {text}\n# TYPE {family.name} {family.type}\n"
    text = text.replace('"', r"\"")
    name = family.name.removesuffix("_total") if family.type == "counter" else family.name
    unit = f"# UNIT {name} {family.unit}\n" if family.unit else ""
    return f"# HELP {name} {text}\n# TYPE {name} {family.type}\n{unit}"


def _line(family: Family, sample: Sample) -> str:
    """A line of a sample that is not of a stream."""
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(sample.labels.items()))
    return f"{family.name}{sample.suffix}{f'{{{labels}}}' if labels else ''} {number_text(sample.value)}\n"


def _invalid(row: Row) -> tuple[Iterable[Extra], Iterable[float]]:
    stored = {} if row.counted is None else row.counted.invalid
    return row.view.invalid, [stored.get(reason, 0) for reason in row.view.invalid]


def _detections(row: Row) -> tuple[Iterable[Extra], Iterable[float]]:
    shown = row.view.detections
    stored = {} if row.counted is None else row.counted.detections
    if list(stored) == list(shown):
        return shown, stored.values()
    return shown, [stored.get(pair, 0) for pair in shown]


_SINGLE: Mapping[str, Callable[[Row], float]] = {
    PREFIX + "drift_status": lambda row: row.view.status,
    PREFIX + "last_drift_timestamp_seconds": lambda row: row.last_drift,
    PREFIX + "last_drift_event_timestamp_seconds": lambda row: row.view.last_drift_event_time,
    PREFIX + "observations_total": lambda row: 0 if row.counted is None else row.counted.observations,
    PREFIX + "last_observation_timestamp_seconds": lambda row: row.last_observation,
    PREFIX + "reference_observations": lambda row: row.view.reference_observations,
    PREFIX + "reference_generation": lambda row: row.view.reference_generation,
}
_SEVERAL: Mapping[str, Callable[[Row], tuple[Iterable[Extra], Iterable[float]]]] = {
    PREFIX + "invalid_values_total": _invalid,
    PREFIX + "drift_detections_total": _detections,
    PREFIX + "drift_score": lambda row: (row.view.scores, row.view.scores.values()),
    PREFIX + "effect": lambda row: (row.view.effects, row.view.effects.values()),
    PREFIX + "distance": lambda row: (row.view.distances, row.view.distances.values()),
}
