"""Streams that try to part a bank from its oracle: pieces of very different kinds, one after the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

Values = npt.NDArray[np.float64]

KINDS: dict[str, Callable[[np.random.Generator, int], Values]] = {
    "gauss": lambda g, n: g.normal(size=n),
    "uniform": lambda g, n: g.uniform(size=n),
    "heavy": lambda g, n: g.standard_t(1.2, size=n),
    "lognormal": lambda g, n: g.lognormal(0.0, 3.0, size=n),
    "rare": lambda g, n: (g.uniform(size=n) < 0.02).astype(np.float64),
    "coin": lambda g, n: (g.uniform(size=n) < 0.5).astype(np.float64),
    "ramp": lambda g, n: np.linspace(0.0, 1.0, n),
    "staircase": lambda g, n: np.repeat(g.normal(size=n // 40 + 1), 40)[:n],
    "constant": lambda g, n: np.full(n, g.normal()),
    "zeros": lambda g, n: np.zeros(n),
    "minus zeros": lambda g, n: np.full(n, -0.0),
    "signs of zero": lambda g, n: np.where(g.uniform(size=n) < 0.5, 0.0, -0.0),
    "alternating": lambda g, n: np.where(np.arange(n) % 2 == 0, 1.0, -1.0),
}
SCALES = (1.0, 1.0, 1e-3, 30.0, 1e150, 1e-150, 1e-310, 5e-324)
OFFSETS = (0.0, 0.0, 0.0, 0.5, 1e9, -1e9)


@st.composite
def streams(draw: st.DrawFn) -> Values:
    """Up to 5 pieces of up to 700 values; a seed a piece, so that an example shrinks to short and few pieces."""
    pieces = []
    for _ in range(draw(st.integers(1, 5))):
        kind = KINDS[draw(st.sampled_from(sorted(KINDS)))]
        length = draw(st.integers(1, 700))
        scale, offset = draw(st.sampled_from(SCALES)), draw(st.sampled_from(OFFSETS))
        piece = kind(np.random.default_rng(draw(st.integers(0, 2**16))), length) * scale
        pieces.append(piece + offset if offset else piece)
    return np.ascontiguousarray(np.concatenate(pieces))


def batches(values: Values, seed: int) -> list[Values]:
    """The values cut at random, single values and empty batches among them."""
    generator = np.random.default_rng(seed)
    cuts = np.sort(generator.integers(0, len(values) + 1, size=generator.integers(0, 12)))
    singles = (cuts[:3] + 1).clip(0, len(values))
    return np.split(values, np.sort(np.concatenate([cuts, singles])))


def long_stream(length: int, seed: int) -> Values:
    """Every kind in turn, in pieces of a few thousand values, at unit scale but for one in eight."""
    generator = np.random.default_rng(seed)
    pieces: list[Values] = []
    total = 0
    while total < length:
        kind = KINDS[str(generator.choice(sorted(KINDS)))]
        piece = kind(generator, int(generator.integers(1, 20_000))) * float(generator.choice([1.0, 0.1]))
        pieces.append(piece * 1e6 if generator.uniform() < 0.125 else piece)
        total += len(piece)
    return np.ascontiguousarray(np.concatenate(pieces)[:length])
