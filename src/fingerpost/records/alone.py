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
# What SQLite says where the disk itself knows no locks: there is none to be held.
NO_LOCKS = (
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_RDLOCK,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
)
# Of SQLite's codes, what is left of a more exact one.
PLAIN = 0xFF


@contextmanager
def locked(path: Path, *, words: str) -> Iterator[None]:
    """A block that this process alone is in: who else holds the same lock is refused at once.

    path: the lock's file, in a folder that is there. words: what another is told, and the mend.
    What is held is a lock of SQLite's, which every system lets go when a process ends, however it
    ends: a file left behind by one that was killed stops nobody. Raises FingerpostError, also where
    nobody can tell whether another holds it: the file is another user's, or no lock at all.
    """
    held, own = taken(path, words=words)
    try:
        yield
    finally:
        # Taken away while it is held: who has it open already and asks for it afterwards finds
        # that another file is at the path, or none, and begins anew. Windows lets no file go that
        # anybody has open, so that there it can only be nobody's.
        if os.name != "nt":
            take_away(path, own)
        held.close()
        if os.name == "nt":
            take_away(path, own)


def taken(path: Path, *, words: str) -> tuple[sqlite3.Connection, tuple[int, ...]]:
    """Return a lock that is held, and which file it is on: the one that is at the path.

    Raises FingerpostError where another holds it, or that cannot be told.
    """
    while True:
        before = identity(path)
        held: sqlite3.Connection | None = None
        try:
            held = sqlite3.connect(path, timeout=0, isolation_level=None)
            held.execute("PRAGMA journal_mode = MEMORY")
            held.execute("BEGIN EXCLUSIVE")
            # Of a file that may only be read SQLite gives a lock that many may hold, and says so
            # when something is written. This never comes to the disk.
            held.execute("PRAGMA user_version = 1")
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0)
            if held is None or code not in NO_LOCKS:
                if held is not None:
                    held.close()
                raise refusal(path, code, words=words) from None
        # Its last holder may have taken it away after it was opened here: then it is no lock, as
        # the next to come makes a file of its own. A file that was made here is held anew.
        if before is not None and before == identity(path):
            return held, before
        held.close()


def refusal(path: Path, code: int, *, words: str) -> FingerpostError:
    """Return why a lock is not held, from what SQLite says. words: where another holds it."""
    if code & PLAIN == sqlite3.SQLITE_BUSY:
        return FingerpostError(words)
    return FingerpostError(
        f"{path}: this lock cannot be held, so that nobody can tell whether another fingerpost "
        "writes there. Where the file is there and is another user's, and none is running, take it "
        "away; where it is not, nothing can be written there: check the path, its permissions and "
        "the disk."
    )


def identity(path: Path) -> tuple[int, ...] | None:
    """Return what tells a file from every other that is, or was, at its path; None where there is
    none. The time is among it, as the number of a file that is gone is given to another.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_nlink, found.st_ctime_ns


def take_away(path: Path, own: tuple[int, ...]) -> None:
    """Take the file of a lock away, where it is still at its path and not another's."""
    if identity(path) == own:
        with suppress(OSError):
            path.unlink()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """A block in which this process alone writes a folder of records; the lock lies beside it.

    Raises FingerpostError where another process does, or the disk is full. Where nothing may be
    written beside the folder there is no lock.
    """
    whole = folder.absolute()
    there(whole.parent)
    if not os.access(whole.parent, os.W_OK | os.X_OK):
        with room(folder):
            yield
        return
    words = (
        f"{folder} is being written by another fingerpost at this moment. Wait for its end, or "
        "name another folder (--out)."
    )
    with room(folder), locked(whole.parent / f".{whole.name}.lock", words=words):
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
            "same command again: whole parts are kept, nothing is half-written. Or work in a "
            "folder on another disk."
        ) from None


def there(folder: Path) -> None:
    """Make a folder where there is none; FingerpostError where none can be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise FingerpostError(
            f"{folder}: no folder can be made there ({error.strerror}). Check the path, its "
            "permissions and the disk."
        ) from None
