"""The folder of a draw: files put in place whole, a list of them with their digests, the ledger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.files import put as put
from fingerpost.ledger.events import Head
from fingerpost.ledger.store import SQLITE, Ledger
from fingerpost.studies.file_lists import LEDGER as LEDGER
from fingerpost.studies.file_lists import MANIFEST as MANIFEST
from fingerpost.studies.file_lists import list_files

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


def note(folder: Path, ledger: Ledger, stream: str) -> None:
    """Write the list of files anew, after the ledger or a file has changed."""
    list_files(folder, NAMES, ledger, stream=stream, others=True)


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


def address_of(folder: Path, ledger: str | None, *, either: bool = False) -> str | Path:
    """Return where a folder's ledger is: its file where it holds one, else the database named.

    either: whether `ledger` may be that of another folder, as where a draw and its collection are
    read at once: it then says nothing of one that holds its own. Else raises UsageError where a
    folder that holds its own is given another: nobody can know which is meant.
    """
    own = folder / LEDGER
    if ledger is None or not own.is_file():
        return ledger or own
    named = ledger.removeprefix(SQLITE)
    if not either and ("://" in named or Path(named).resolve() != own.resolve()):
        raise UsageError(f"--ledger: {folder} holds its own ledger ({own}). Leave --ledger out.")
    return own


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
    with Ledger(address_of(folder, ledger)) as held:
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
