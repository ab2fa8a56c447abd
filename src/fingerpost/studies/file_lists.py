"""The list of a folder's files with their digests, and the head of the ledger that tells of them.

Written while nobody writes to the ledger, so that of two writers at once neither lists a state that
the other has left behind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fingerpost.core.files import put
from fingerpost.ledger.chain import canonical
from fingerpost.ledger.events import Head
from fingerpost.ledger.store import Ledger

LEDGER, MANIFEST = "ledger.sqlite", "manifest.json"


def list_files(
    folder: Path, names: Iterable[str], ledger: Ledger, *, stream: str, others: bool = False
) -> None:
    """Write the list of those files that there are, the ledger's among them where it lies there.

    stream: whose head is published, so that nothing can be cut off behind it. others: whether the
    heads of all streams of a ledger that lies in the folder are listed too.
    """
    inside = ledger.path is not None and ledger.path.resolve() == (folder / LEDGER).resolve()
    with ledger.still(stream) as (last, content):
        files = {}
        for name in names:
            # The ledger's own bytes come through its connection: read beside it, its lock is lost.
            if name == LEDGER and inside:
                files[name] = hashlib.sha256(content).hexdigest()
            elif name != MANIFEST and (folder / name).is_file():
                files[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        said: dict[str, Any] = {"files": files, "ledger": _said(last)}
        if others and inside:
            said["streams"] = {name: _said(ledger.head(name)) for name in ledger.streams()}
        whole = {**said, "manifest": hashlib.sha256(canonical(said)).hexdigest()}
        text = json.dumps(whole, indent=1, sort_keys=True)
        put(folder / MANIFEST, f"{text}\n".encode())


def _said(head: Head) -> dict[str, Any]:
    """Return the last entry of a stream as a list names it."""
    return {"number": head.number, "hash": head.hash}
