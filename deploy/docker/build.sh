#!/bin/sh
# The image's build in two steps, also without an engine:  build.sh SOURCE WHEELS ENVIRONMENT
# The wheel is built once, from SOURCE, into WHEELS; ENVIRONMENT is a virtual environment that holds it, what it needs, and
# nothing else: no compiler, no pip.  PYTHON chooses the interpreter; it has to have pip.
set -eu

source=$1 wheels=$2 environment=$3
python=${PYTHON:-python3}
constraints=$source/constraints.txt

pip() { "$python" -m pip --disable-pip-version-check --no-input "$@"; }

# The build tools obey the pins as well: an environment of their own, and a build that looks nowhere else.
tools=$wheels/tools
"$python" -m venv --without-pip "$tools"
pip --python "$tools/bin/python" install --quiet --constraint "$constraints" pip setuptools Cython
"$tools/bin/python" -m pip --disable-pip-version-check wheel --quiet --no-build-isolation --no-deps --wheel-dir "$wheels" "$source"
rm -rf "$tools"

"$python" -m venv --without-pip "$environment"
for wheel in "$wheels"/driftgauge-*.whl; do
    pip --python "$environment/bin/python" install --quiet --constraint "$constraints" --only-binary :all: "${wheel}[parquet]"
done
