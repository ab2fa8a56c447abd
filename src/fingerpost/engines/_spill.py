"""Folders for what does not fit in memory: each of one process, and swept away after it.

What lies in them is values of children. A process that ends takes its own away; one that is killed
outright cannot, and the next on the same machine does it in its place.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "fingerpost-"
# Where Linux says which count of processes is ours: a container has one of its own.
COUNTED = Path(os.sep, "proc", "self", "ns", "pid")


def new_folder(place: Path, *, hidden: bool = False) -> Path:
    """Return a new folder in a place that only this user can read, its name saying whose it is;
    those of processes that are no more are swept away first. Raises OSError where none can be made.
    """
    start = "." if hidden else ""
    sweep(place)
    own = f"{start}{PREFIX}{machine()}-{os.getpid()}-"
    return Path(tempfile.mkdtemp(prefix=own, dir=place))


def sweep(place: Path) -> None:
    """Take away the folders of this user's processes on this machine that are no more."""
    if os.name == "nt":
        return  # there, to ask after a process by its number would end it
    form = re.compile(rf"[.]?{re.escape(PREFIX + machine())}-([0-9]{{1,9}})-[a-z0-9_]+")
    with suppress(OSError), os.scandir(place) as items:
        for item in items:
            named = form.fullmatch(item.name)
            if named and is_ours(item) and not runs(int(named[1])):
                shutil.rmtree(item.path, ignore_errors=True)


def machine() -> str:
    """Return what this machine is called, in letters that every system lets a folder's name hold,
    and which count of its processes is ours.
    """
    name = re.sub("[^A-Za-z0-9.]", "_", socket.gethostname())
    try:
        return f"{name}-{COUNTED.stat().st_ino}"
    except OSError:
        return name


def is_ours(item: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder, and no link to one, of this user."""
    own = getattr(os, "geteuid", None)
    return item.is_dir(follow_symlinks=False) and (
        own is None or item.stat(follow_symlinks=False).st_uid == own()
    )


def runs(process: int) -> bool:
    """Return whether a process of a number is there; never asked on Windows."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    return True
