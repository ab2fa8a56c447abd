"""The folder of a draw: files put in place whole, a list of them with their digests, the ledger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed
from fingerpost.core.files import put as put
from fingerpost.ledger.chain import canonical
from fingerpost.ledger.events import Head
from fingerpost.ledger.store import Ledger

LEDGER, MANIFEST = "ledger.sqlite", "manifest.json"
PLAN, REGISTER, COMMITMENT = "plan.json", "register.csv", "commitment.txt"
STUDY, PULSE, DRAW = "study.yaml", "pulse.json", "draw.json"
ALLOCATION, CHANCES, SECRET = "allocation.csv", "probabilities.csv", "secret.txt"
REHEARSAL, NEIGHBOURS = "rehearsal.json", "neighbours.csv"
NAMES = (
    *(STUDY, REGISTER, PLAN, COMMITMENT, PULSE, DRAW, ALLOCATION, CHANCES, SECRET),
    *(REHEARSAL, NEIGHBOURS),
    *(LEDGER, MANIFEST),
)


def read(path: Path) -> bytes:
    """Return a file's bytes, or say in one line why there are none."""
    if not path.is_file():
        raise Malformed(f"{path}: there is no such file.")
    return path.read_bytes()


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def manifest(
    folder: Path, head: Head | None, *, streams: Mapping[str, Head] | None = None
) -> bytes:
    """Return the list of a folder's files with their digests, its own among them.

    head: of the ledger's stream: what is published, so that nothing can be cut off behind it.
    streams: the heads of all streams of a ledger that lies in the folder.
    """
    files = {
        name: sha256((folder / name).read_bytes())
        for name in NAMES
        if name != MANIFEST and (folder / name).is_file()
    }
    said: dict[str, Any] = {"files": files}
    if head is not None:
        said["ledger"] = {"number": head.number, "hash": head.hash}
    if streams:
        said["streams"] = {
            name: {"number": one.number, "hash": one.hash} for name, one in streams.items()
        }
    text = json.dumps({**said, "manifest": sha256(canonical(said))}, indent=1, sort_keys=True)
    return f"{text}\n".encode()


def note(folder: Path, ledger: Ledger, stream: str) -> None:
    """Write the manifest anew, after the ledger or a file has changed."""
    inside = (folder / LEDGER).is_file()
    streams = {name: ledger.head(name) for name in ledger.streams()} if inside else {}
    put(folder / MANIFEST, manifest(folder, ledger.head(stream), streams=streams))


def listed_head(folder: Path) -> Head | None:
    """Return the last entry of the ledger that a folder's list names; None where it names none.

    Raises Malformed where there is no list, or it is none that a draw writes.
    """
    content = read(folder / MANIFEST)
    try:
        known = json.loads(content).get("ledger")
        return None if known is None else Head(int(known["number"]), str(known["hash"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Malformed(
            f"{folder / MANIFEST}: it is no list such as a draw writes: it was changed. Restore it "
            "from a copy."
        ) from None


@contextmanager
def writing(folder: Path, stream: str, *, ledger: str | None = None) -> Iterator[Ledger]:
    """Yield the ledger of a draw's folder to be written to, once it is found to hold what the
    folder's list says of it. ledger: the URL of a database, where it does not lie in the folder.

    Raises Malformed where it is gone, emptied, another draw's, or was changed: what is written then
    would cover that up. No ledger is made in its place.
    """
    known = listed_head(folder)
    if known is not None and ledger is None and not (folder / LEDGER).is_file():
        raise Malformed(
            f"{folder / LEDGER}: {MANIFEST} lists a ledger of {known.number} entries, and none is "
            "there. Restore it from a copy; if it lies in a database, name it: --ledger URL."
        )
    with Ledger(ledger or folder / LEDGER) as held:
        published = {} if known is None else {stream: known}
        wrong = held.check(streams=[stream], published=published)
        if wrong:
            raise Malformed(
                f"{ledger_words(folder, ledger)}: {one.words}. Nothing is written to a ledger that "
                "was changed: restore it from a copy. `fingerpost rollout verify` tells more."
                for one in wrong
            )
        yield held


def ledger_words(folder: Path, ledger: str | None) -> str:
    """Return what a ledger is called in errors: a database's address may hold a password."""
    return "the ledger in the database" if ledger else str(folder / LEDGER)


def others(folder: Path, names: Iterable[str] = NAMES) -> list[str]:
    """Return what lies in a folder that no draw puts there."""
    return sorted(path.name for path in folder.iterdir() if path.name not in set(names))
