"""Inference requests and responses as rows: protocol v1 and v2 in JSON.

    v1  {"instances": [[1, 2], [3, 4]]}                                rows {feature_0: 1, feature_1: 2} {…: 3, …: 4}
        {"instances": [{"a": 1}, {"a": 2}]}                            rows {a: 1} {a: 2}
        {"predictions": [0.1, 0.2]}                                    rows {prediction: 0.1} {prediction: 0.2}
    v2  {"inputs": [{"name": "x", "shape": [2, 2], "data": [1, 2, 3, 4]}]}
                                                                       rows {x_0: 1, x_1: 2} {x_0: 3, x_1: 4}
        {"inputs": [{"name": "a", "shape": [2], "data": [1, 2]}, {"name": "b", …}]}
                                                                       rows {a: 1, b: …} {a: 2, b: …}

The first axis of a tensor is the row, the others are columns in C order; data may be flat or nested.  Names that are
configured go to the columns of all tensors in their order.  A lone column without a configured name is called as its
tensor.  https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.formats.columns import MAX_FEATURES_PER_EVENT, Cells, checked_size
from monitor.formats.rejects import Unusable, kind_of, shown

#: rows of one message
MAX_ROWS_PER_MESSAGE = 10_000
#: axes of a tensor
MAX_RANK = 8

Names = Sequence[str] | None
RowOrProblem = Cells | Unusable

_TRUTH: Mapping[Any, bool] = {0: False, 1: True}


@dataclass(frozen=True, slots=True)
class Side:
    """Request or response: the keys of v2 and v1, and what columns without a name are called."""

    tensors: str
    instances: str
    stem: str


def read_rows(data: Any, side: Side, names: Names) -> list[RowOrProblem]:
    """The rows of a payload in order; of a row that cannot be used, why.  Raises Unusable for the whole of it."""
    if type(data) is not dict:
        raise Unusable("wrong_shape", "data: an object", kind_of(data))
    if type(tensors := data.get(side.tensors)) is list:
        return _tensor_rows(tensors, side.tensors, names)
    if type(instances := data.get(side.instances)) is list:
        return _instance_rows(instances, side, names)
    found = f"an object with the keys {', '.join(list(data)[:20])}" if data else "an empty object"
    raise Unusable("wrong_shape", f"a list under {side.tensors} (v2) or {side.instances} (v1)", found)


def _checked_rows(count: int, place: str) -> int:
    if count > MAX_ROWS_PER_MESSAGE:
        raise Unusable("too_large", f"{place}: at most {MAX_ROWS_PER_MESSAGE} rows", f"{shown(count)} rows")
    return count


def _instance_rows(instances: list[Any], side: Side, names: Names) -> list[RowOrProblem]:
    _checked_rows(len(instances), side.instances)
    widths = Counter(len(row) if type(row) is list else 1 for row in instances if type(row) is not dict)
    if not widths:
        return [_object_row(row, side) for row in instances]
    # Ragged rows cannot be told apart by name: most rows decide, unless names are configured.
    width = len(names) if names else widths.most_common(1)[0][0]
    if width > MAX_FEATURES_PER_EVENT:
        raise Unusable("too_large", f"{side.instances}: at most {MAX_FEATURES_PER_EVENT} columns", f"{width} columns")
    columns = names or _column_names(side.stem, width)
    return [_object_row(row, side) if type(row) is dict else _list_row(row, columns, side) for row in instances]


def _object_row(row: dict[str, Any], side: Side) -> RowOrProblem:
    try:
        return checked_size(row, side.instances)
    except Unusable as problem:
        return problem


def _list_row(row: Any, columns: Sequence[str], side: Side) -> RowOrProblem:
    values = row if type(row) is list else [row]
    if len(values) != len(columns):
        return Unusable("wrong_shape", f"{side.instances}: rows of {len(columns)} values", f"{len(values)} values")
    return dict(zip(columns, values, strict=True))


def _column_names(stem: str, width: int) -> Sequence[str]:
    return [stem] if width == 1 else [f"{stem}_{column}" for column in range(width)]


@dataclass(frozen=True, slots=True)
class _Tensor:
    names: Sequence[str]
    rows: Sequence[Sequence[Any] | Unusable]


def _tensor_rows(tensors: list[Any], place: str, names: Names) -> list[RowOrProblem]:
    read: list[_Tensor] = []
    for position, tensor in enumerate(tensors):
        read.append(_read_tensor(tensor, f"{place}[{position}]"))
        # Summed as they come: what is to be refused is not read to its end first.
        width = sum(len(done.names) for done in read)
        if width > MAX_FEATURES_PER_EVENT:
            raise Unusable("too_large", f"{place}: at most {MAX_FEATURES_PER_EVENT} columns", f"at least {width}")
        if len(read[-1].rows) != len(read[0].rows):
            expected = f"{place}[{position}]: {len(read[0].rows)} rows, as in the tensor before"
            raise Unusable("wrong_shape", expected, f"{len(read[-1].rows)} rows")
    if not read:
        return []
    columns = names or [name for tensor in read for name in tensor.names]
    if len(columns) != width:
        raise Unusable("wrong_shape", f"{place}: {len(columns)} columns, as many as names", f"{width} columns")
    return [_joined(parts, columns) for parts in zip(*(tensor.rows for tensor in read), strict=True)]


def _joined(parts: Iterable[Sequence[Any] | Unusable], columns: Sequence[str]) -> RowOrProblem:
    values: list[Any] = []
    for part in parts:
        if isinstance(part, Unusable):
            return part
        values.extend(part)
    return dict(zip(columns, values, strict=True))


def _read_tensor(tensor: Any, place: str) -> _Tensor:
    if type(tensor) is not dict or type(tensor.get("name")) is not str:
        found = kind_of(tensor) if type(tensor) is not dict else f"{kind_of(tensor.get('name'))} as its name"
        raise Unusable("wrong_shape", f"{place}: an object with a name", found)
    shape = _shape(tensor.get("shape"), place)
    rows = _checked_rows(shape[0], place)
    width = math.prod(shape[1:])
    if width > MAX_FEATURES_PER_EVENT:
        raise Unusable("too_large", f"{place}: at most {MAX_FEATURES_PER_EVENT} columns", f"{shown(width)} columns")
    data = _data(tensor, place)
    if len(shape) > 1 and data and type(data[0]) is list:
        _checked_length(data, rows, place)
        split = [_flat_row(row, shape[1:], place) for row in data]
    else:
        _checked_length(data, rows * width, place)
        split = [data[row * width : (row + 1) * width] for row in range(rows)]
    if tensor.get("datatype") == "BOOL":
        split = [row if isinstance(row, Unusable) else list(map(_truth, row)) for row in split]
    return _Tensor(_column_names(tensor["name"], width), split)


def _shape(shape: Any, place: str) -> list[int]:
    """The axes; a scalar tensor is one row of one value."""
    if type(shape) is not list or len(shape) > MAX_RANK or not all(type(axis) is int and axis >= 0 for axis in shape):
        raise Unusable("wrong_shape", f"{place}.shape: at most {MAX_RANK} whole numbers", shown(shape))
    return shape or [1]


def _data(tensor: dict[str, Any], place: str) -> list[Any]:
    data = tensor.get("data")
    if type(data) is list:
        return data
    parameters = tensor.get("parameters")
    if type(parameters) is dict and "binary_data_size" in parameters:
        raise Unusable("binary_tensor", f"{place}.data: a list", f"{shown(parameters['binary_data_size'])} raw bytes")
    raise Unusable("wrong_shape", f"{place}.data: a list", kind_of(data) if "data" in tensor else "nothing")


def _checked_length(data: list[Any], expected: int, place: str) -> None:
    if len(data) != expected:
        raise Unusable("wrong_shape", f"{place}.data: {expected} entries, as its shape says", f"{len(data)} entries")


def _flat_row(row: Any, shape: Sequence[int], place: str) -> list[Any] | Unusable:
    """One row of nested data as a flat list of its columns."""
    values = [row]
    for axis in shape:
        inner: list[Any] = []
        for part in values:
            if type(part) is not list or len(part) != axis:
                found = f"a list of {len(part)}" if type(part) is list else kind_of(part)
                return Unusable("wrong_shape", f"{place}.data: rows of shape {list(shape)}", found)
            inner.extend(part)
        values = inner
    return values


def _truth(value: Any) -> Any:
    """0 and 1 of a BOOL tensor as what they mean: some servers write them so, others write true and false."""
    return _TRUTH.get(value, value) if type(value) is int else value
