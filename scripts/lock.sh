#!/bin/sh
# Renew the hashed lock files. The test set is solved first; the others may not differ from it.
set -eu
cd "$(dirname -- "$0")/.."
command -v uv >/dev/null 2>&1 || { echo "make lock needs uv on the path." >&2; exit 1; }

compile() {
    target=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
        "$@" --output-file "requirements/$target.txt"
}

asked="pyproject.toml requirements/build.in"
compile test $asked --extra test --extra examples --extra docs --extra sql
compile bench $asked --extra bench --extra examples --constraint requirements/test.txt
compile demo $asked --extra examples --constraint requirements/test.txt
compile bundle pyproject.toml --extra sql --extra documents --constraint requirements/test.txt
compile data requirements/data.in --no-deps
