"""A missing prerequisite ends the installation with one sentence that names it and the package that has it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: What the script itself uses; everything else is put there by a test.
SHELL_TOOLS = ("sh", "dirname", "cat", "mkdir", "rm", "touch")

Install = Callable[..., tuple[str, int]]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Runs a copy of the script, in a folder of its own, on a PATH of the shell's tools and the given stand-ins.

    Keyword arguments are programs: a name and the shell script it is.  Gives (standard error, exit code).
    """
    tools, programs = tmp_path / "tools", tmp_path / "bin"
    tools.mkdir()
    programs.mkdir()
    script = shutil.copy(ROOT / "tools" / "install.sh", tools)
    for name in SHELL_TOOLS:
        found = shutil.which(name)
        assert found, f"{name} is not on PATH"
        (programs / name).symlink_to(found)

    def run(variables: dict[str, str] | None = None, **stand_ins: str) -> tuple[str, int]:
        for name, text in stand_ins.items():
            program = programs / name
            program.write_text(f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
        done = subprocess.run(
            [script],
            env={"PATH": str(programs), **(variables or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert not (tmp_path / ".venv").exists()
        return done.stderr, done.returncode

    return run


def real_python(**answers: str) -> str:
    """A stand-in that is this Python, but answers a question that contains a key with the value's shell command."""
    cases = "".join(f"*{question}*) {answer} ;;\n" for question, answer in answers.items())
    return f'case "$2" in\n{cases}*) exec {os.path.realpath(sys.executable)} "$@" ;;\nesac'


def assert_one_sentence(printed: str, *words: str) -> None:
    assert printed.startswith("install: ")
    assert printed.count("\n") == 1
    for word in words:
        assert word in printed


def test_no_python_is_named(install: Install) -> None:
    """Without any Python the message names the three packages."""
    printed, code = install()

    assert code == 1
    assert_one_sentence(printed, "there is no python3", "python3-venv", "python3-dev")


def test_an_old_python_is_named_with_its_version(install: Install) -> None:
    """A Python below 3.11 is refused, and the message says which one was found."""
    printed, code = install(python3='test "$1" = -V && echo "Python 3.9.2" && exit 0; exit 1')

    assert code == 1
    assert_one_sentence(printed, "Python 3.9.2", "3.11 or newer")


def test_a_newer_python_beside_an_old_one_is_taken(install: Install) -> None:
    """An old python3 does not matter where python3.12 is there: the next thing missing is named instead."""
    printed, code = install(python3="exit 1", **{"python3.12": real_python(ensurepip="exit 1")})

    assert code == 1
    assert_one_sentence(printed, "python3.12 cannot make virtual environments", "python3-venv")


def test_a_missing_venv_module_is_named(install: Install) -> None:
    """Debian's python3 without python3-venv has no ensurepip."""
    printed, code = install(python3=real_python(ensurepip="exit 1"))

    assert code == 1
    assert_one_sentence(printed, "python3-venv")


def test_a_missing_compiler_is_named(install: Install) -> None:
    """The compiler Python itself would call is looked for."""
    printed, code = install(python3=real_python(), variables={"CC": "no-such-cc -pthread"})

    assert code == 1
    assert_one_sentence(printed, "no-such-cc", "install gcc")


def test_missing_headers_are_named(install: Install) -> None:
    """Without Python.h the message gives the place where it was looked for."""
    printed, code = install(python3=real_python(include="echo /nowhere"), cc="exit 0", variables={"CC": "cc"})

    assert code == 1
    assert_one_sentence(printed, "/nowhere/Python.h", "python3-dev")


def test_a_compiler_without_a_c_library_is_named(install: Install) -> None:
    """A compiler that cannot compile Python.h lacks the C library's headers."""
    printed, code = install(python3=real_python(), cc="exit 1", variables={"CC": "cc"})

    assert code == 1
    assert_one_sentence(printed, "Python.h", "libc6-dev")
