"""The folder of a draw: files put in place whole, a list of them with their digests, the ledger."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed
from fingerpost.ledger.chain import canonical
from fingerpost.ledger.events import Head
from fingerpost.ledger.store import Ledger

LEDGER, MANIFEST = "ledger.sqlite", "manifest.json"
PLAN, REGISTER, COMMITMENT = "plan.json", "register.csv", "commitment.txt"
STUDY, PULSE, DRAW = "study.yaml", "pulse.json", "draw.json"
ALLOCATION, CHANCES, SECRET = "allocation.csv", "probabilities.csv", "secret.txt"
REHEARSAL = "rehearsal.json"
NAMES = (
    *(STUDY, REGISTER, PLAN, COMMITMENT, PULSE, DRAW, ALLOCATION, CHANCES, SECRET),
    REHEARSAL,
    *(LEDGER, MANIFEST),
)
TOP = 3  # so many entries more do not hide that a folder is another's


def put(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file whole: under another name in the same folder, on the disk, then renamed."""
    handle, name = tempfile.mkstemp(prefix=".fingerpost-", dir=path.parent)
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


def read(path: Path) -> bytes:
    """Return a file's bytes, or say in one line why there are none."""
    if not path.is_file():
        raise Malformed(f"{path}: there is no such file.")
    return path.read_bytes()


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def manifest(folder: Path, head: Head | None) -> bytes:
    """Return the list of a folder's files with their digests, its own among them.

    head: of the ledger's stream: what is published, so that nothing can be cut off behind it.
    """
    files = {
        name: sha256((folder / name).read_bytes())
        for name in NAMES
        if name != MANIFEST and (folder / name).is_file()
    }
    said: dict[str, Any] = {"files": files}
    if head is not None:
        said["ledger"] = {"number": head.number, "hash": head.hash}
    text = json.dumps({**said, "manifest": sha256(canonical(said))}, indent=1, sort_keys=True)
    return f"{text}\n".encode()


def note(folder: Path, ledger: Ledger, stream: str) -> None:
    """Write the manifest anew, after the ledger or a file has changed."""
    put(folder / MANIFEST, manifest(folder, ledger.head(stream)))


def others(folder: Path, names: Iterable[str] = NAMES) -> list[str]:
    """Return what lies in a folder that no draw puts there."""
    return sorted(path.name for path in folder.iterdir() if path.name not in set(names))
