"""From identifiers to spines: one to one, whole or not at all; nobody's name in what is said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import polars as pl
import pytest
from typer.testing import CliRunner

from fingerpost.cli.main import app
from fingerpost.core.errors import FingerpostError, Malformed, UsageError
from fingerpost.linkage import fellegi_sunter
from fingerpost.linkage.options import Options
from fingerpost.linkage.run import run
from fingerpost.records.spines import COLUMNS, read_spines
from units.linkage.small import ROOT

assert ROOT
from benchmarks.linkage_worlds import Slips, write_world  # noqa: E402

SPINES = 6
MANY = Slips(
    letter=(0.2, 0.3), forename=(0.1, 0.2), part=(0.1, 0.2), place=(0.5, 0.6), missing=(0.1, 0.2)
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("linked") / "records"
    write_world(folder, 500, seed=3, overlap=0.8, slips=MANY)
    return folder


@pytest.fixture(scope="module", autouse=True)
def small_sample():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fellegi_sunter, "SAMPLE", 60_000)
        yield


@pytest.fixture(scope="module")
def said(world, tmp_path_factory):
    """What the command prints and writes of several spines."""
    file = tmp_path_factory.mktemp("said") / "link.json"
    words = ["link", "run", str(world), "--spines", str(SPINES), "--json", str(file), "-q"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.output, json.loads(file.read_text())


def test_spines_are_one_to_one_and_differ(world, said):
    spines = read_spines(world)
    assert len(spines) == SPINES and spines.given == ()
    tables = [pl.read_parquet(file) for file in spines.files]
    for table in tables:
        assert tuple(table.columns) == COLUMNS
        assert table["hospital_id"].is_unique().all() and table["child_id"].is_unique().all()
        assert table["probability"].is_between(0, 1).all()
        assert set(table["step"]) == {"probability"}
    links = [set(table.select("hospital_id", "child_id").iter_rows()) for table in tables]
    assert len({frozenset(one) for one in links}) > 1
    assert len(set.intersection(*links)) > 0.9 * len(links[0])
    # Parameters are drawn anew: the same pair weighs otherwise in another spine.
    pair = sorted(set.intersection(*links))[0]
    weights = {table.filter(pl.col("child_id") == pair[1])["weight"][0] for table in tables}
    assert len(weights) == SPINES


def test_the_command_says_how_sure_it_is_and_names_nobody(world, said):
    output, told = said
    assert told["schema_version"] == 1 and told["spines"] == SPINES
    assert told["one_to_one"] and told["parameters_redrawn"] and told["conditional_on"] == []
    assert told["quality"]["estimated"]["precision"] > 0.97
    assert {"considered", "link"} == set(told["thresholds"])
    assert "sensitivity range" in " ".join(output.split())
    people = pl.read_parquet(world / "identifiers" / "hospital.parquet")
    whole = output + json.dumps(told)
    for column in ("person", "forename", "surname", "postcode", "nhs_number"):
        words = {word for word in people[column].drop_nulls() if len(word) > 4}
        assert not [word for word in words if word in whole]


def test_the_same_command_again_keeps_what_is_there_and_another_is_refused(world, said):
    before = {file: file.stat().st_mtime_ns for file in read_spines(world).files}
    again = CliRunner().invoke(app, ["link", "run", str(world), "--spines", str(SPINES), "-q"])
    assert again.exit_code == 0 and "Had " in again.output
    assert before == {file: file.stat().st_mtime_ns for file in read_spines(world).files}
    other = CliRunner().invoke(app, ["link", "run", str(world), "--spines", "2", "-q"])
    assert other.exit_code == 2 and "--name" in other.output


def test_the_same_seed_gives_the_same_links(world, said, tmp_path):
    first = [pl.read_parquet(file) for file in read_spines(world, "fellegi_sunter").files]
    run(world, Options(spines=SPINES, name="again"))
    second = [pl.read_parquet(file) for file in read_spines(world, "again").files]
    assert all(one.equals(other) for one, other in zip(first, second, strict=True))
    (world / "spines" / "again").rename(tmp_path / "again")


def test_the_truth_says_how_good_they_are(world, said, tmp_path):
    file = tmp_path / "e.json"
    words = ["link", "evaluate", str(world), "--name", "fellegi_sunter", "--json", str(file)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    told = json.loads(file.read_text())
    assert told["precision"] > 0.95 and told["recall"] > 0.9 and len(told["each"]) == SPINES
    (world / "truth").rename(world / "truth-elsewhere")
    try:
        blind = CliRunner().invoke(app, words)
    finally:
        (world / "truth-elsewhere").rename(world / "truth")
    assert blind.exit_code == 1 and "estimates quality without it" in blind.output


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--method", "splink", "--seed", "1"], "--benchmark alone takes --method or --seed"),
        (["--threshold", "0.9"], "--benchmark alone takes --threshold"),
    ],
)
def test_spines_that_are_there_are_not_linked_as_asked(world, given, words):
    done = CliRunner().invoke(app, ["link", "evaluate", str(world), *given])
    assert done.exit_code == 2 and words in " ".join(done.output.split())


def test_a_folder_that_is_not_there_is_named(tmp_path):
    done = CliRunner().invoke(app, ["link", "evaluate", str(tmp_path / "nowhere")])
    assert done.exit_code == 1 and "there is no folder" in " ".join(done.output.split())


def test_a_benchmark_has_no_spines_to_name():
    done = CliRunner().invoke(app, ["link", "evaluate", "--benchmark", "febrl4", "--name", "x"])
    assert done.exit_code == 2 and "--name is of spines of RECORDS" in " ".join(done.output.split())


def test_passes_write_one_spine_with_their_steps(world):
    made = run(world, Options(method="deterministic", name="passes")).spines
    table = pl.read_parquet(made.files[0])
    assert set(table["step"]) == {"1A", "1B", "2"} and table["weight"].null_count() == len(table)
    assert sum(one["links"] for one in made.told["quality"]["by_step"]) == len(table)


def test_a_threshold_of_passes_is_refused_and_not_passed_over(tmp_path):
    write_world(tmp_path, 60, seed=1)
    words = ["link", "run", str(tmp_path), "--threshold", "0.5"]
    done = CliRunner().invoke(app, [*words, "--method", "deterministic"])
    assert isinstance(done.exception, UsageError) or done.exit_code == 2
    assert not (tmp_path / "spines").exists()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"method": "splinck"}, 'Did you mean "splink"'),
        ({"method": "deterministic", "spines": 3}, "none can be drawn anew"),
        ({"spines": 0, "threshold": 0.2}, "threshold"),
        ({"name": "../up"}, "letters, digits"),
        ({"seed": -1}, "below that"),
    ],
)
def test_what_cannot_be_linked_so_is_refused(asked, words):
    with pytest.raises(UsageError, match=words):
        Options(**asked)


def short(folder):
    file = folder / "spine_1.parquet"
    pl.read_parquet(file).head(5).write_parquet(file)


def gone(folder):
    (folder / "spine_1.parquet").unlink()


def other(folder):
    file = folder / "spine_1.parquet"
    table = pl.read_parquet(file)
    table.with_columns(pl.col("child_id").reverse()).write_parquet(file)


def cut(folder):
    file = folder / "manifest.json"
    file.write_text(file.read_text()[:40])


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (short, "has 5 rows, not"),
        (gone, "is missing"),
        (other, "is not what was written"),
        (cut, "is not whole"),
    ],
)
def test_a_spine_that_is_not_whole_is_never_read(world, harm, words):
    folder = run(world, Options(method="deterministic", name=harm.__name__)).spines.folder
    harm(folder)
    with pytest.raises(Malformed, match=words):
        read_spines(world, harm.__name__)


def test_identifiers_that_changed_make_a_spine_stale(tmp_path):
    write_world(tmp_path, 60, seed=1)
    run(tmp_path, Options(method="deterministic"))
    write_world(tmp_path, 60, seed=2)
    with pytest.raises(Malformed, match="have changed since"):
        read_spines(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_a_run_that_is_killed_leaves_nothing_and_the_next_is_whole(tmp_path):
    write_world(tmp_path, 60, seed=1)
    code = (
        "import os, sys, time, fingerpost.records.spines as s\n"
        "s.put_inside = lambda *a: (print('now', flush=True), time.sleep(60))\n"
        "from pathlib import Path\n"
        "from fingerpost.linkage.options import Options\n"
        "from fingerpost.linkage.run import run\n"
        "run(Path(sys.argv[1]), Options(method='deterministic'))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline() == "now\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait(10)
    child.stdout.close()
    left = list((tmp_path / "spines").iterdir())
    assert {one.name[0] for one in left} == {"."}
    with pytest.raises(Malformed, match="fingerpost link run"):
        read_spines(tmp_path)
    made = run(tmp_path, Options(method="deterministic")).spines
    assert [one.name for one in (tmp_path / "spines").iterdir()] == ["deterministic"]
    assert len(read_spines(tmp_path)) == len(made) == 1


def test_two_runs_of_one_name_at_once_are_one_run_and_a_plain_word(tmp_path):
    write_world(tmp_path, 60, seed=1)
    options = Options(method="deterministic")

    def meanwhile(words: str) -> None:
        """Begin the same run in the midst of the first."""
        if words == "reading identifiers":
            with pytest.raises(FingerpostError, match="another fingerpost at this moment"):
                run(tmp_path, options)

    made = run(tmp_path, options, say=meanwhile)
    assert not made.there and run(tmp_path, options).there
    assert [one.name for one in (tmp_path / "spines").iterdir()] == ["deterministic"]


def test_identifiers_that_change_while_they_are_read_are_linked_by_the_next_run(tmp_path):
    """Spines would bear the recipe of others, and the same command refuse them ever after."""
    write_world(tmp_path, 60, seed=1)
    options = Options(method="deterministic")

    def meanwhile(words: str) -> None:
        if words == "reading identifiers":
            write_world(tmp_path, 60, seed=2)

    with pytest.raises(Malformed, match="changed while they were read"):
        run(tmp_path, options, say=meanwhile)
    assert list((tmp_path / "spines").glob("*")) == []
    assert not run(tmp_path, options).there and run(tmp_path, options).there


class Unread:
    """What links are asked to be drawn given, which nobody may come to read."""

    names, digest = ("a study",), "0"

    def read(self, spines):
        raise AssertionError("nothing is read of what cannot be drawn")


@pytest.mark.parametrize("options", [Options("deterministic"), Options(spines=1)])
def test_what_cannot_be_drawn_given_a_study_is_refused_before_anything_is_read(options, tmp_path):
    with pytest.raises(UsageError, match="--study"):
        run(tmp_path, options, asked=Unread())


def test_help_needs_no_engine_and_no_arrays():
    code = (
        "import sys\n"
        "from fingerpost.cli.main import main\n"
        "sys.argv = ['fingerpost', 'link', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'duckdb', 'numpy', 'polars', 'pyarrow', 'splink'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "evaluate" in done.stdout and done.stdout.endswith("[]\n")
