"""Compiles the kernels; everything else about the package is said in pyproject.toml.

The flags are part of the result: the kernels promise the same bits everywhere, so the compiler may neither contract
a*b+c into one rounding nor reorder sums.  Never -Ofast, never -march=native with contraction.
"""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent
FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno"]


def kernels() -> list[Extension]:
    """One extension for every .pyx below monitor/, named after its place in the package."""
    sources = sorted(path.relative_to(ROOT) for path in (ROOT / "monitor").rglob("*.pyx"))
    return [
        Extension(".".join(path.with_suffix("").parts), [path.as_posix()], extra_compile_args=FLAGS) for path in sources
    ]


setup(ext_modules=cythonize(kernels(), build_dir="build/cython", language_level=3))
