from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from fingerpost.cli._faults import BUG, FAULT, STOPPED, Faults, told
from fingerpost.core.errors import Malformed, NotAnswerable, Undisclosable
from fingerpost.core.table import Table

SECRET = "Jane Doe, born 2009"


def caught(error: BaseException, *, debug: bool = False) -> int:
    """Return the exit code with which an error inside the block ends."""
    with pytest.raises(typer.Exit) as ended, Faults(debug=debug):
        raise error
    return ended.value.exit_code


@pytest.mark.parametrize(
    ("error", "code"),
    [(Malformed("a"), 1), (NotAnswerable("a"), 2), (Undisclosable("a"), 3)],
)
def test_each_kind_of_fault_has_its_code(error, code, capsys):
    assert caught(error) == code
    assert capsys.readouterr().err == "a\n"


def test_every_problem_is_one_line(capsys):
    caught(Malformed(["first\n  goes on", "second"]))
    assert capsys.readouterr().err == "first goes on\nsecond\n"


def test_a_stop_from_the_keyboard_is_one_line(capsys):
    assert caught(KeyboardInterrupt()) == STOPPED
    assert capsys.readouterr().err.count("\n") == 1


def test_a_stop_that_a_library_wrapped_is_a_stop_all_the_same(capsys):
    wrapped = Malformed("cannot be read")
    wrapped.__cause__ = KeyboardInterrupt()
    assert caught(wrapped) == STOPPED
    assert caught(RuntimeError("the query failed: KeyboardInterrupt")) == STOPPED
    assert caught(RuntimeError("Query interrupted")) == STOPPED
    assert caught(RuntimeError("the query failed")) == BUG
    assert capsys.readouterr().err.count("Stopped") == 3


def test_a_fault_of_the_disk_names_the_path(capsys):
    assert caught(PermissionError(13, "Permission denied", "/there/report.html")) == FAULT
    said = capsys.readouterr().err
    assert "/there/report.html: Permission denied" in said
    assert said.count("\n") == 1


def test_a_missing_package_is_named_with_its_mend(capsys):
    assert caught(ModuleNotFoundError("No module named 'altair'", name="altair")) == FAULT
    said = capsys.readouterr().err
    assert '"altair"' in said and "pip install" in said


def test_our_own_bug_is_told_without_what_it_held(capsys):
    assert caught(ValueError(SECRET)) == BUG
    said = capsys.readouterr().err
    assert SECRET not in said
    assert "bug in fingerpost" in said and "ValueError" in said and "report" in said
    assert said.count("\n") == 1


def test_a_bug_is_placed_by_module_and_line(capsys):
    with pytest.raises(typer.Exit), Faults():
        Table("t", "", ("a",), ("label",), ()).column(SECRET)
    assert "ValueError at fingerpost.core.table:" in capsys.readouterr().err


def test_debug_shows_the_traceback(capsys):
    caught(ValueError(SECRET), debug=True)
    said = capsys.readouterr().err
    assert "Traceback" in said and SECRET in said


def test_what_typer_ends_itself_is_left_alone():
    with pytest.raises(typer.Exit) as ended, Faults():
        raise typer.Exit(4)
    assert ended.value.exit_code == 4
    with pytest.raises(BrokenPipeError), Faults():
        raise BrokenPipeError


def test_a_bug_inside_a_command_ends_with_its_code(tmp_path: Path):
    """Through the whole command line, in a process of its own."""
    code = (
        "import sys\n"
        "import fingerpost.studies.document as document\n"
        f"def broken(*args, **kwargs): raise ZeroDivisionError({json.dumps(SECRET)})\n"
        "document.read_study = broken\n"
        "from fingerpost.cli.main import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code]
    plain = subprocess.run(
        [*command, "study", "run", "x.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert plain.returncode == BUG
    assert "Traceback" not in plain.stderr and SECRET not in plain.stderr
    assert "ZeroDivisionError at fingerpost.cli." in plain.stderr
    debug = subprocess.run(
        [*command, "--debug", "study", "run", "x.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert debug.returncode == BUG
    assert "Traceback" in debug.stderr


def test_faults_beyond_the_twentieth_are_counted():
    lines, code = told(Malformed([f"key {at} is none" for at in range(10_000)]))
    assert code == FAULT and len(lines) == 21
    assert lines[19] == "key 19 is none" and lines[20].startswith("… and 9,980 more.")
    assert len(told(Malformed([f"key {at}" for at in range(20)]))[0]) == 20


def test_a_fault_of_the_disk_is_told_in_the_systems_words():
    error = OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28] (in io.cc)")
    (line,), code = told(error)
    assert code == FAULT and line.startswith("No space left on device. Check the path")
