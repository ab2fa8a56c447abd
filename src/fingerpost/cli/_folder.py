"""Results written whole or not at all: a folder is made aside and then put in its place."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from fingerpost.core.errors import FingerpostError


def check_writable(path: Path, *, folder: bool) -> None:
    """Raise FingerpostError where nothing could be written to a path, before the work is done."""
    if folder and path.exists() and not path.is_dir():
        raise FingerpostError(f"--out {path}: this is a file. Name a folder.")
    if not folder and path.is_dir():
        raise FingerpostError(f"--json {path}: this is a folder. Name a file.")
    above = path if folder else path.parent
    while not above.exists():
        above = above.parent
    if not above.is_dir():
        raise FingerpostError(f"{path}: {above} is a file, so nothing can lie in it.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise FingerpostError(f"{path}: {above} may not be written to. Name another place.")


def publish(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a folder beside `folder`, then put what it wrote in place.

    What lay in `folder` under other names stays; what bears the same name is replaced; if `write`
    fails nothing changes.
    """
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        made = aside / "new"
        made.mkdir()
        write(made)
        if not folder.exists():
            made.rename(folder)
            return
        replaced = aside / "old"
        replaced.mkdir()
        for item in sorted(made.iterdir()):
            place = folder / item.name
            # A folder cannot be renamed onto one that is not empty.
            if place.is_dir() and not place.is_symlink():
                place.rename(replaced / item.name)
            os.replace(item, place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
