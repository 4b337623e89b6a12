#!/bin/sh
# Makes .venv with everything the project needs, its kernels compiled in place.
# What is missing on the system is named in one sentence, with the Debian package that has it.
# PYTHON chooses the interpreter; otherwise the first of python3, python3.14 … python3.11 that is new enough.
set -eu

cd "$(dirname "$0")/.."

fail() {
    printf 'install: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

new_enough() { have "$1" && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

choose_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    if have "${PYTHON:-python3}"; then
        fail "Python 3.11 or newer is needed, and ${PYTHON:-python3} is $("${PYTHON:-python3}" -V 2>&1): install a newer python3 with python3-venv and python3-dev (Debian 12 and later have one), or say PYTHON=/path/to/it."
    fi
    fail "Python 3.11 or newer is needed, and there is no ${PYTHON:-python3}: install python3, python3-venv and python3-dev (Debian), or say PYTHON=/path/to/it."
}

# ask EXPRESSION: what the chosen Python says to it
ask() { "$python" -c "import os, sysconfig; print($1)"; }

check_prerequisites() {
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python cannot make virtual environments: install python3-venv (Debian)."
    compiler=${CC:-$(ask "sysconfig.get_config_var('CC') or 'cc'")}
    have "${compiler%% *}" ||
        fail "the kernels are compiled, and there is no C compiler (${compiler%% *}): install gcc (Debian)."
    headers=$(ask "sysconfig.get_path('include')")
    [ -e "$headers/Python.h" ] ||
        fail "the kernels are compiled against Python's headers, and $headers/Python.h is not there: install python3-dev (Debian)."
    # shellcheck disable=SC2086  # CC may carry arguments
    printf '#include <Python.h>\n' | $compiler -fsyntax-only -I"$headers" -xc - 2>/dev/null ||
        fail "$compiler cannot compile a file that includes Python.h: install libc6-dev (Debian)."
}

python=$(choose_python)
check_prerequisites

if have flock; then
    mkdir -p build
    exec 9>build/install.lock
    flock 9
fi

# An environment whose interpreter went away (an upgraded system) is of no use any more.
.venv/bin/python -c '' 2>/dev/null || rm -rf .venv
[ -d .venv ] || "$python" -m venv .venv

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

echo "install: packages by constraints.txt into .venv; the first time this takes a minute or two"
# The build tools come first and the build then uses them: so they obey the pins as well, with any version of pip.
pip install -q --no-input -c constraints.txt setuptools Cython
pip install -q --no-input -c constraints.txt --no-build-isolation -e '.[dev,parquet,demo-data,bench]'
# The stamp is last: whatever stopped before it is done again.
touch .venv/.installed
echo "install: done"
