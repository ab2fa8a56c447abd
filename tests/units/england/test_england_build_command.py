"""`fingerpost england build`, as it is typed."""

from __future__ import annotations

import errno
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from fingerpost.cli.main import app
from fingerpost.england import build
from fingerpost.records.writing import read_manifest

FEW = ("--children", "300", "--seed", "3", "--quiet")


def run(*words: str):
    return CliRunner().invoke(app, ["england", "build", *words])


def test_it_prints_what_was_made_and_the_next_command(tmp_path):
    out = tmp_path / "england"
    words = (*FEW, "--phenotype-boost", "none", "--out", str(out))
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert "No child in it is real" in done.output
    assert "300 rows" in done.output and "england check" in done.output
    assert read_manifest(out).options["boosts"] == {}
    again = run(*words)
    assert again.exit_code == 0 and "already" in again.output


def test_children_with_a_cleft_come_besides_unless_others_or_none_are_asked_for(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(build, "USUAL_CLEFTS", 40)
    out = tmp_path / "england"
    done = run(*FEW, "--out", str(out))
    assert done.exit_code == 0, done.output
    assert "Besides the 300 children" in done.output and "40 with cleft" in done.output
    assert read_manifest(out).options["boosts"] == {"cleft": 40}
    assert read_manifest(out).tables["child"]["rows"] == 340


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--children", "0"), "1 to 20,000,000"),
        (("--children", "-3"), "1 to 20,000,000"),
        (("--children", "999999999999"), "11 GB"),
        (("--children", "5", "--jobs", "0"), "--jobs must be 1 to 64"),
        (("--children", "5", "--jobs", "-1"), "--jobs must be 1 to 64"),
        (("--children", "5", "--phenotype-boost", "cleft=30000000"), "1 to 20,000,000"),
        (("--children", "5", "--era", "1999"), "Eras"),
        (("--children", "5", "--scenario", "harms"), 'Did you mean "harm"?'),
        (("--children", "5", "--phenotype-boost", "cleft"), "NAME=N"),
        (
            ("--children", "5", "--phenotype-boost", "none", "--phenotype-boost", "cleft=2"),
            "none alone",
        ),
        (("--children", "5", "--phenotype-boost", "clefts=3"), 'Did you mean "cleft"?'),
    ],
)
def test_a_slip_is_told_and_nothing_is_written(tmp_path, words, said):
    out = tmp_path / "england"
    done = run(*words, "--out", str(out))
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
    assert not out.exists()


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    done = run("--children", "300", "--phenotype-boost", "none", "--out", str(tmp_path))
    assert done.exit_code == 2
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_disk_that_fills_up_leaves_whole_parts_and_the_same_command_goes_on(
    tmp_path, monkeypatch
):
    words = (*FEW, "--phenotype-boost", "none", "--out")
    assert run(*words, str(tmp_path / "whole")).exit_code == 0
    whole = pq.write_table
    written = []

    def full(rows, path, **options):
        written.append(path)
        if len(written) == 4:
            Path(path).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28]")
        whole(rows, path, **options)

    monkeypatch.setattr(pq, "write_table", full)
    out = tmp_path / "england"
    done = run(*words, str(out))
    assert done.exit_code == 1 and "the disk is full" in done.output, done.output
    assert read_manifest(out) is None and not list(out.rglob("*.tmp"))
    monkeypatch.setattr(pq, "write_table", whole)
    assert run(*words, str(out)).exit_code == 0
    assert read_manifest(out) == read_manifest(tmp_path / "whole")
