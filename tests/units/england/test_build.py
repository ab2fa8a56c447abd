"""Building: the same England however it is made, never half an England, never over other files."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from fingerpost.core.errors import UsageError
from fingerpost.england import build as building
from fingerpost.england.build import BLOCK, Block, Options, blocks, build
from fingerpost.england.sealing import FOLDER
from fingerpost.records.check import check
from fingerpost.records.declarations import TABLES
from fingerpost.records.store import open_store
from fingerpost.records.writing import read_manifest
from units.england.conftest import SMALL


def digests(folder: Path) -> dict[str, str]:
    manifest = read_manifest(folder)
    assert manifest is not None
    return {
        f"{table}/{name}": file["sha256"]
        for table, held in manifest.tables.items()
        for name, file in held["files"].items()
    }


def test_every_declared_table_is_there_and_without_fault(england):
    store = open_store(england)
    assert set(store.tables) == set(TABLES)
    assert store.synthetic
    report = check(store)
    assert report.ok, [problem.rule for problem in report.faults]


def test_the_later_era_is_without_fault_too(tmp_path):
    folder = tmp_path / "late"
    build(folder, Options(children=3_000, seed=2, era="2014-2025"))
    store = open_store(folder)
    report = check(store)
    assert report.ok, [problem.rule for problem in report.faults]
    census = pl.read_parquet(folder / "school_census" / "*.parquet")
    assert set(census["sen_provision"]) <= {"N", "K", "E", "S"}
    assert pl.read_parquet(folder / "sen_support_layer" / "*.parquet").height > 0


def test_no_row_is_known_after_the_last_day(england):
    for table in TABLES:
        rows = pl.read_parquet(england / table / "*.parquet", columns=["known_from"])
        if rows.height:
            assert rows["known_from"].max() <= building.LAST_DAY, table


def test_the_manifest_says_that_no_child_is_real(england):
    manifest = read_manifest(england)
    assert manifest is not None and manifest.synthetic
    assert manifest.seed == SMALL.seed
    assert manifest.options["scenario"] == "hidden_severity"
    assert manifest.options["boosts"] == dict(SMALL.boosts)


def test_the_same_command_again_changes_nothing(england):
    before = digests(england)
    assert build(england, SMALL) is True
    assert digests(england) == before


def test_other_options_are_refused(england):
    with pytest.raises(UsageError):
        build(england, replace(SMALL, seed=22))


def test_files_of_others_are_never_written_over(tmp_path):
    (tmp_path / "mine.csv").write_text("a\n1\n")
    with pytest.raises(UsageError):
        build(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


def test_a_block_is_the_same_made_alone(england, tmp_path):
    planned = blocks(SMALL)
    assert [block.boost for block in planned] == [None, "cerebral_palsy", "cleft"]
    folder = tmp_path / "alone"
    building.writing.begin(folder, building.recipe(SMALL))
    building.write_block(folder, SMALL, planned[2])
    for table in ("child", "absence", "hes_apc", "ks2"):
        name = f"part-{planned[2].index:05}.parquet"
        assert (folder / table / name).read_bytes() == (england / table / name).read_bytes()


def test_several_processes_make_what_one_makes(england, tmp_path):
    folder = tmp_path / "two"
    build(folder, SMALL, jobs=2)
    assert digests(folder) == digests(england)


def test_a_stopped_build_goes_on(england, tmp_path, monkeypatch):
    folder = tmp_path / "stopped"
    real = building.writing.write_part
    done = []

    def stops(folder, table, *, index, rows):
        if len(done) == 12:
            raise KeyboardInterrupt
        done.append(table)
        return real(folder, table, index=index, rows=rows)

    monkeypatch.setattr(building.writing, "write_part", stops)
    with pytest.raises(KeyboardInterrupt):
        build(folder, SMALL)
    assert read_manifest(folder) is None
    assert not list(folder.rglob("*.tmp"))
    monkeypatch.setattr(building.writing, "write_part", real)
    kept = (folder / "child" / "part-00000.parquet").stat().st_mtime_ns
    assert build(folder, SMALL) is False
    assert (folder / "child" / "part-00000.parquet").stat().st_mtime_ns == kept
    assert digests(folder) == digests(england)


@pytest.mark.slow
def test_a_stop_from_the_keyboard_leaves_whole_parts(tmp_path):
    folder = tmp_path / "keyboard"
    command = [
        *(sys.executable, "-c", "from fingerpost.cli.main import main; main()"),
        *(
            "england",
            "build",
            "--children",
            "150000",
            "--phenotype-boost",
            "none",
            "--seed",
            "5",
            "--out",
            str(folder),
        ),
    ]
    going = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 240
    while not list(folder.glob("child/part-*.parquet")) and time.monotonic() < until:
        time.sleep(0.2)
    going.send_signal(signal.SIGINT)
    _, said = going.communicate(timeout=240)
    assert going.returncode == 130, said
    assert "Traceback" not in said
    assert "Nothing is half-written" in said
    assert not (folder / "manifest.json").exists()
    for path in folder.glob("*/part-*.parquet"):
        pl.read_parquet(path, n_rows=1)


def test_blocks_share_out_the_children():
    planned = blocks(Options(children=2 * BLOCK + 1, seed=1, boosts={"cleft": 3}))
    assert planned == (
        Block(0, 1, BLOCK),
        Block(1, BLOCK + 1, BLOCK),
        Block(2, 2 * BLOCK + 1, 1),
        Block(3, 2 * BLOCK + 2, 3, "cleft"),
    )


def test_all_wrong_options_are_told_at_once():
    with pytest.raises(UsageError) as told:
        Options(children=0, seed=1, era="1066", boosts={"clef": 5, "autism": 0})
    words = " ".join(told.value.problems)
    assert len(told.value.problems) == 4
    assert 'Did you mean "cleft"?' in words and "2003-2013" in words


def test_an_unknown_scenario_names_those_there_are():
    with pytest.raises(UsageError, match="hidden_severity"):
        Options(children=1, seed=1, scenario="hidden")


def test_the_truth_is_no_table(england):
    assert (england / FOLDER).is_dir()
    store = open_store(england)
    assert not any("truth" in name for name in (*store.tables, *store.unknown))
    columns = {name for table in store.tables for name in store.frame(table).collect_schema()}
    assert "log_odds" not in columns and "strength" not in columns
