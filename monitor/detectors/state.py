"""Reading a bank's dumped arrays back: each is refused, with its name, unless it is exactly what was written."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt


def expect_names(state: Mapping[str, object], names: Collection[str]) -> None:
    """Raise ValueError unless the dump has these arrays and no others."""
    if set(state) != set(names):
        raise ValueError(f"state: expected the arrays {sorted(names)}, found {sorted(state)}")


def take(
    state: Mapping[str, npt.NDArray[np.generic]], name: str, dtype: npt.DTypeLike, shape: tuple[int, ...]
) -> npt.NDArray[np.generic]:
    """The named array, contiguous; -1 in shape stands for any length.  Raises ValueError if it is something else."""
    array = np.asarray(state[name])
    fits = len(array.shape) == len(shape) and all(
        wanted in (-1, found) for wanted, found in zip(shape, array.shape, strict=True)
    )
    if array.dtype != np.dtype(dtype) or not fits:
        raise ValueError(f"{name}: expected {np.dtype(dtype)}{list(shape)}, found {array.dtype}{list(array.shape)}")
    return np.ascontiguousarray(array)
