"""One process at a time in one place; a lock that a killed process left behind stops nobody."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from fingerpost.core.errors import FingerpostError
from fingerpost.records.alone import alone

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


def test_a_full_disk_is_told_of_by_the_folder_that_was_named(tmp_path):
    folder = tmp_path / "england"
    with (
        pytest.raises(FingerpostError, match=r"england: the disk is full .*same command again"),
        alone(folder),
    ):
        raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28]", "x.tmp")
    # Any other fault of a disk is its own.
    with pytest.raises(PermissionError), alone(folder):
        raise PermissionError(errno.EACCES, "no", "x.tmp")
