"""Whether a table that was written is still whole: its files, each with the digest it was given.

A part that was lost, cut short or changed, or that another program left there, would make a table
silently shorter or longer. So the files of a table are held against the manifest before its first
row is read. A file that was looked at stays looked at for as long as its size and time do not
change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed, listed
from fingerpost.engines._shared import sha256

SHOWN = 3


def refuse_changed(folder: Path, table: str, said: Mapping[str, Any]) -> None:
    """Raise Malformed, in one line, where a table's files are not those of its manifest.

    said: of the manifest, the table's rows and `files` (name → rows and SHA-256).
    """
    wrong = list(differences(folder / table, said["files"]))
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise Malformed(
            f'records: the table "{table}" of {folder.name} is not what was written: '
            f"{listed(wrong[:SHOWN]).replace(' or ', ' and ')}{more}. `fingerpost records check "
            f"{folder}` lists every fault. Make the records again, or put the files back."
        )


def differences(place: Path, files: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs between the files of a folder and those of a manifest, in words."""
    held = {path.relative_to(place).as_posix() for path in place.rglob("*.parquet")}
    for name, file in files.items():
        if name not in held:
            yield f"{name} is not there"
        elif digest(place / name) != file["sha256"]:
            yield f"{name} has changed"
    # What a program that was stopped left under a temporary name is no part.
    yield from (f"{name} was added" for name in sorted(held - set(files)))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, computed once while its size and time stay."""
    found = path.stat()
    return _digest(str(path), found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=4096)
def _digest(path: str, size: int, time: int) -> str:
    return sha256(Path(path))
