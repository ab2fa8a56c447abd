"""Files and folders put in place whole, and on the disk before anybody is told of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from fingerpost.core.errors import FingerpostError

BESIDE = ".fingerpost-"  # how names begin of what is not whole yet


def put(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file whole: under another name in the same folder, on the disk, then renamed.

    private: readable by its owner alone.
    """
    handle, name = tempfile.mkstemp(prefix=BESIDE, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o600 if private else 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    kept(path.parent)


def put_inside(path: Path, content: bytes) -> None:
    """Write a file of a folder that `put_folder` is still filling: on the disk, and no more, since
    nobody sees it under its name yet.
    """
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def flushed(path: Path) -> None:
    """Have the disk keep what a library wrote to a file."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def put_folder(out: Path, fill: Callable[[Path], None]) -> None:
    """Write a folder whole: it appears with all that `fill(folder)` puts into it, or not at all.

    out: new or empty. Raises FingerpostError where the place cannot be written to.
    """
    above = out.absolute().parent
    aside = None
    try:
        above.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=BESIDE, dir=above))
        fill(aside)
        aside.chmod(0o755)
        for place in (*aside.rglob("*"), aside):
            if place.is_dir():
                kept(place)
        if out.is_dir():
            out.rmdir()
        aside.rename(out)
    except OSError as error:
        raise FingerpostError(f"{out}: {error.strerror}. Name another place.") from None
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
    kept(above)


def kept(folder: Path) -> None:
    """Have the disk keep the names that stand in a folder, where the system can be told to."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
