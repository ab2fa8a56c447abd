"""One process at a time writes to one place, and a disk that is full is told of plainly."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fingerpost.core.errors import FingerpostError

FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)


@contextmanager
def locked(path: Path, *, words: str) -> Iterator[None]:
    """A block that this process alone is in: who else holds the same lock is refused at once.

    path: the lock's file, in a folder that is there. words: what another is told, and the mend.
    What is held is a lock of SQLite's, which every system lets go when a process ends, however it
    ends: a file left behind by one that was killed stops nobody. Raises FingerpostError.
    """
    try:
        held = sqlite3.connect(path, timeout=0, isolation_level=None)
    except sqlite3.OperationalError:
        raise FingerpostError(
            f"{path}: nothing can be written there. Check the path, its permissions and the disk."
        ) from None
    mine = True
    try:
        try:
            held.execute("PRAGMA journal_mode = MEMORY")
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            # Where a disk knows no locks there is none to be held.
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                mine = False
                raise FingerpostError(words) from None
        yield
    finally:
        held.close()
        if mine:
            with suppress(OSError):
                path.unlink(missing_ok=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """A block in which this process alone writes a folder of records; the lock lies beside it.

    Raises FingerpostError where another process does, or the disk is full. Where nothing may be
    written beside the folder there is no lock.
    """
    whole = folder.absolute()
    whole.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(whole.parent, os.W_OK | os.X_OK):
        with room(folder):
            yield
        return
    words = (
        f"{folder} is being written by another fingerpost at this moment. Wait for its end, or "
        "name another folder (--out)."
    )
    with locked(whole.parent / f".{whole.name}.lock", words=words), room(folder):
        yield


@contextmanager
def room(folder: Path) -> Iterator[None]:
    """A block in which a disk that is full is told of by the folder that a person named."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.errno not in FULL:
            raise
        raise FingerpostError(
            f"{folder}: the disk is full ({os.strerror(error.errno)}). Make room there and run the "
            "same command again: whole parts are kept, nothing is half-written. Or name another "
            "folder (--out)."
        ) from None
