"""In the secure room: no home folder, few rights, and no value of a child in anything said."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sysconfig
from contextlib import closing
from pathlib import Path

from tiny_study import write_tiny_study
from typer.testing import CliRunner

from fingerpost.cli.main import app
from units.records.tables import ABSENCE, CHILD, write

COMMAND = Path(sysconfig.get_path("scripts")) / "fingerpost"
HOMES = (
    "HOME",
    "USERPROFILE",
    "HOMEDRIVE",
    "HOMEPATH",
    "APPDATA",
    "LOCALAPPDATA",
    "LOGNAME",
    "USER",
)
SENTINEL = "zqsentinel"


def everything(folder: Path) -> bytes:
    """Return the bytes of every file below a folder."""
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_study_runs_without_a_home_and_writes_only_where_it_was_told(tmp_path):
    tiny = write_tiny_study(tmp_path)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in HOMES and not key.startswith(("XDG_", "MPL", "DUCKDB", "POLARS"))
    }
    # /proc takes no new folder, not even from an administrator. (No home at all: bundle_check.py.)
    environment |= {"TMPDIR": str(temporary), "HOME": "/proc/no-home"}
    before = set(tmp_path.iterdir())
    done = subprocess.run(
        [str(COMMAND), "study", "run", "tiny.yaml", "--out", "out", "--quiet"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert tiny.study.is_file() and done.stderr == ""
    assert set(tmp_path.iterdir()) - before == {tmp_path / "out"}
    assert list(temporary.iterdir()) == []


def spoilt_folder(tmp_path: Path) -> Path:
    """Return linked records in which a value of every column is the sentinel."""
    lines = ABSENCE.splitlines()
    width = len(lines[0].split(","))
    return write(
        tmp_path / "records",
        child=CHILD,
        absence="\n".join([*lines, ",".join(f"{SENTINEL}{at}" for at in range(width))]) + "\n",
    )


def database(tmp_path: Path) -> Path:
    """Return a database with a value that is not of its column's type."""
    path = tmp_path / "school.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE pupil (id INTEGER, absent REAL)")
        connection.execute(f"INSERT INTO pupil VALUES (1, 2), (2, '{SENTINEL}')")
        connection.commit()
    return path


def failing(tmp_path: Path) -> dict[str, list[str]]:
    """Return commands that meet the sentinel and end in a fault or a list of faults."""
    records = spoilt_folder(tmp_path)
    url = f"sqlite:///{database(tmp_path)}"
    out = str(tmp_path / "out")
    return {
        "a check": ["records", "check", str(records), "--json", str(tmp_path / "check.json")],
        "a description": ["records", "describe", str(records)],
        "an import": ["records", "import", "--url", url, "--table", "pupil", "--out", out],
        "a conversion": [
            *("records", "convert", str(records), "--adapter", "npd"),
            *("--out", str(tmp_path / "converted")),
        ],
        "a linked study": [
            *("study", "run", "examples/hope/cleft.yaml", "--records", str(records), "--out", out)
        ],
    }


def test_what_fails_tells_of_no_child(tmp_path):
    inputs = tmp_path / "in"
    inputs.mkdir()
    said, codes = {}, {}
    for case, words in failing(inputs).items():
        done = CliRunner().invoke(app, words)
        said[case], codes[case] = done.output, done.exit_code
    assert set(codes.values()) == {1}, codes
    assert {case: words for case, words in said.items() if SENTINEL in words} == {}
    # Nor is it in any file that they left: only in those that it was planted in.
    planted = {inputs / "records" / "absence.csv", inputs / "school.db"}
    left = [
        path
        for path in inputs.rglob("*")
        if path.is_file() and path not in planted and SENTINEL.encode() in path.read_bytes()
    ]
    assert left == []


def test_the_sentinel_would_be_found(tmp_path):
    failing(tmp_path)
    assert SENTINEL.encode() in everything(tmp_path)
