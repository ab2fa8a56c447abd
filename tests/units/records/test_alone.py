"""One process at a time in one place; a lock that a killed process left behind stops nobody."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fingerpost.core.errors import FingerpostError
from fingerpost.records.alone import NO_LOCKS, alone, locked
from fingerpost.records.spines import one_writer

HOLDS = (
    "import sys; from pathlib import Path; from fingerpost.records.alone import alone\n"
    "with alone(Path(sys.argv[1])): print('on', flush=True); sys.stdin.read()"
)


def held(folder: Path) -> subprocess.Popen[str]:
    """Return another process that writes a folder until it is ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "on\n"
    return process


def test_a_second_process_is_refused_until_the_first_ends_however_it_ends(tmp_path):
    folder = tmp_path / "england"
    process = held(folder)
    try:
        with (
            pytest.raises(FingerpostError, match=r"is being written by another .*--out"),
            alone(folder),
        ):
            pytest.fail("two at once")
        # Another folder beside it is another place.
        with alone(tmp_path / "other"):
            pass
    finally:
        process.kill()
        process.communicate()
    left = tmp_path / ".england.lock"
    assert left.exists()  # what a killed process leaves behind
    with alone(folder):
        pass
    assert not left.exists()


def test_who_opened_the_lock_before_it_was_taken_away_holds_none(tmp_path, monkeypatch):
    """Else the next to come makes a file of its own, and two are in at once."""
    path = tmp_path / ".x.lock"
    first, real, opened = locked(path, words="busy"), sqlite3.connect, []
    first.__enter__()

    def late(*given, **more):
        found = real(*given, **more)
        if not opened:
            opened.append(found)
            first.__exit__(None, None, None)  # between the opening and the asking
        return found

    monkeypatch.setattr(sqlite3, "connect", late)
    with locked(path, words="busy"):
        assert opened
        with pytest.raises(FingerpostError, match="busy"), locked(path, words="busy"):
            pytest.fail("two at once")
    assert not path.exists()


# Asks for a lock over and over; whoever is let in makes a file that may not be there.
MEETS = """
import os, sys
from fingerpost.core.errors import FingerpostError
from fingerpost.records.alone import locked
from pathlib import Path
place, entered = Path(sys.argv[1]), 0
while entered < 150:
    try:
        with locked(place / ".x.lock", words="busy"):
            os.close(os.open(place / "inside", os.O_CREAT | os.O_EXCL))
            os.unlink(place / "inside")
            entered += 1
    except FingerpostError as error:
        assert str(error) == "busy", error
"""


def test_of_several_processes_one_at_a_time_is_in(tmp_path):
    call = [sys.executable, "-c", MEETS, str(tmp_path)]
    running = [subprocess.Popen(call, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert list(tmp_path.iterdir()) == []


ASKS = """
import os, sys
from pathlib import Path
from fingerpost.core.errors import FingerpostError
from fingerpost.records.alone import locked
if os.geteuid() == 0:
    os.setuid(65534)
try:
    with locked(Path(sys.argv[1]), words="busy"):
        print("in")
except FingerpostError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions on Windows")
def test_a_lock_that_is_another_users_lets_nobody_in():
    place = Path(tempfile.mkdtemp())  # which another user may look into
    try:
        place.chmod(0o777)
        path = place / ".x.lock"
        for mode in (0o444, 0o000):
            path.touch()
            path.chmod(mode)
            call = [sys.executable, "-c", ASKS, str(path)]
            done = subprocess.run(call, capture_output=True, text=True, check=True)
            assert done.stdout.startswith(f"{path}: this lock cannot be held"), done.stdout
            assert "take it away" in done.stdout
            path.unlink()
        done = subprocess.run(call, capture_output=True, text=True, check=True)
        assert done.stdout == "in\n" and list(place.iterdir()) == []
    finally:
        shutil.rmtree(place)


def test_a_lock_that_is_no_lock_lets_nobody_in_and_stays(tmp_path):
    folder, file = tmp_path / ".a.lock", tmp_path / ".b.lock"
    folder.mkdir()
    file.write_text("this is somebody's own file\n" * 100, encoding="utf-8")
    for path in (folder, file, tmp_path / "nowhere" / ".c.lock"):
        with (
            pytest.raises(FingerpostError, match=rf"{path.name}: this lock cannot be held"),
            locked(path, words="busy"),
        ):
            pytest.fail("nobody can tell")
    assert folder.is_dir() and file.stat().st_size > 0


@pytest.mark.parametrize("code", NO_LOCKS)
def test_where_the_disk_knows_no_locks_there_is_none(code, tmp_path, monkeypatch):
    real = sqlite3.connect

    class Lockless(sqlite3.Connection):
        def execute(self, words, *more):
            if words.startswith("BEGIN"):
                fault = sqlite3.OperationalError("disk I/O error")
                fault.sqlite_errorcode = code
                raise fault
            return super().execute(words, *more)

    monkeypatch.setattr(
        sqlite3, "connect", lambda *given, **more: real(*given, factory=Lockless, **more)
    )
    with locked(tmp_path / ".x.lock", words="busy"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_spines_are_not_written_where_no_folder_can_be_made(tmp_path):
    (tmp_path / "spines").write_text("", encoding="utf-8")
    with (
        pytest.raises(FingerpostError, match=r"spines: no folder can be made there .*permissions"),
        one_writer(tmp_path, "scored"),
    ):
        pytest.fail("nothing can be written")


def test_a_full_disk_is_told_of_by_the_folder_that_was_named(tmp_path):
    folder = tmp_path / "england"
    with (
        pytest.raises(
            FingerpostError, match=r"england: the disk is full .*same command again"
        ) as told,
        alone(folder),
    ):
        raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28]", "x.tmp")
    assert "--out" not in str(told.value), "not every command that writes has it"
    # Any other fault of a disk is its own.
    with pytest.raises(PermissionError), alone(folder):
        raise PermissionError(errno.EACCES, "no", "x.tmp")
