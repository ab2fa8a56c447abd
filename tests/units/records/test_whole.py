"""A table is read whole or not at all: what its manifest says was written is what is there."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fingerpost.core.errors import Malformed
from fingerpost.england.build import Options, build
from fingerpost.records.store import open_store
from fingerpost.records.writing import read_manifest

OPTIONS = Options(children=60, seed=5, boosts={"cleft": 20})
# A build that is killed, not asked to stop, once it has written so many parts.
KILLED = """
import os, signal, sys
from pathlib import Path
from fingerpost.england import build as building
from fingerpost.england.build import Options, build
real, done = building.writing.write_part, []
def write_part(folder, table, *, index, rows):
    done.append(table)
    if len(done) == 40:
        (Path(folder) / table).mkdir(exist_ok=True)
        (Path(folder) / table / f".part-00001.parquet.{os.getpid()}.tmp").write_bytes(b"PAR1 half")
        os.kill(os.getpid(), signal.SIGKILL)
    return real(folder, table, index=index, rows=rows)
building.writing.write_part = write_part
build(Path(sys.argv[1]), Options(children=60, seed=5, boosts={"cleft": 20}))
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "e"
    build(folder, OPTIONS)
    return folder


@pytest.fixture
def copy(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "e"))


def said(folder: Path, table: str) -> str:
    with pytest.raises(Malformed) as caught:
        open_store(folder).frame(table)
    (line,) = caught.value.problems
    assert "\n" not in line and "records check" in line
    return line


def test_a_part_that_is_gone_short_or_added_is_told_before_a_row_is_read(copy):
    parts = sorted((copy / "absence").glob("part-*.parquet"))
    assert len(parts) == 2
    assert len(open_store(copy).frame("absence").collect("polars")) > 0
    held = parts[1].read_bytes()
    parts[1].unlink()
    assert "part-00001.parquet is not there" in said(copy, "absence")
    parts[1].write_bytes(held[: len(held) // 2])
    assert "part-00001.parquet has changed" in said(copy, "absence")
    parts[1].write_bytes(held)
    (copy / "absence" / "part-00002.parquet").write_bytes(held)
    assert "part-00002.parquet was added" in said(copy, "absence")
    assert len(open_store(copy).frame("child").collect("polars")) == 80, "others are as they were"


def test_a_table_that_is_gone_whole_is_no_table_that_never_was(copy):
    shutil.rmtree(copy / "opt_out")
    with pytest.raises(Malformed, match="not what was written"):
        open_store(copy).has("opt_out")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_a_build_killed_half_way_is_not_read_and_goes_on(whole, tmp_path):
    folder = tmp_path / "killed"
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder)], capture_output=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    with pytest.raises(Malformed, match="not finished"):
        open_store(folder)
    assert build(folder, OPTIONS) is False
    ours, theirs = read_manifest(folder), read_manifest(whole)
    assert ours is not None and theirs is not None
    assert ours.tables == theirs.tables
    assert len(open_store(folder).frame("child").collect("polars")) == 80
