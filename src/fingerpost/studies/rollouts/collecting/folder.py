"""The folder of a collection: what is asked, templates, returns as they came, freezes, the ledger.

What a return said is in the ledger, so that a freeze is made from the ledger alone; the files as
they came are kept beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed, UsageError, listed
from fingerpost.core.filenames import nameable
from fingerpost.core.files import put, put_folder, put_inside
from fingerpost.core.words import listing
from fingerpost.ledger.events import Entry, Event
from fingerpost.ledger.store import Ledger
from fingerpost.studies.rollouts.collecting.rounds import Rounds, opened
from fingerpost.studies.rollouts.folder import LEDGER, address_of, read
from fingerpost.studies.rollouts.frozen import as_csv

COLLECTION, TEMPLATE, TEMPLATES, RETURNS = (
    *("collection.json", "template.csv"),
    *("templates", "returns"),
)
LONGEST = 160
# Kind → what its body must hold.
EVENTS: dict[str, tuple[str, ...]] = {
    "opened": ("study", "collection", "units", "periods"),
    "received": ("file", "received", "returns"),
    "frozen": ("what", "digest"),
}


def event(kind: str, body: Mapping[str, Any]) -> Event:
    """Return an event of a collection, with all that its kind must say."""
    missing = [key for key in EVENTS[kind] if key not in body]
    if missing:
        raise UsageError(f"{kind}: the event does not say its {listing(missing)}.")
    return Event(kind, dict(body))


def stream_of(study: str) -> str:
    """Return the name of a collection's stream in a ledger."""
    return f"collection {study}"[:LONGEST]


@dataclass(frozen=True, slots=True)
class Opening:
    """A collection that is open. new: whether this call opened it; restored: templates that were
    written again since they were gone.
    """

    rounds: Rounds
    new: bool
    templates: int
    restored: int = 0


def open_collection(rounds: Rounds, out: Path, *, ledger: str | None = None) -> Opening:
    """Write the folder of a collection, with a template for every unit and period, and its event.

    out: new, empty, or the folder of the same collection, in which nothing is written over and only
    templates that are gone are written again. Raises UsageError where it holds another collection
    or anything else; then nothing is written.
    """
    files = templates(rounds)
    new = not (out / COLLECTION).is_file()
    restored = 0
    if new:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"--out {out}: it is not empty. Name a folder that is new or empty.")
        write_new(out, {COLLECTION: rounds.document(), **files})
    else:
        held = opened(read(out / COLLECTION), out / COLLECTION)
        if not held.made:  # it was opened before the draw was made
            rounds = replace(rounds, made=held.made)
        if held.document() != rounds.document():
            raise UsageError(differs(out, held, rounds))
        for name, content in files.items():
            if not (out / name).is_file():
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                put(out / name, content)
                restored += 1
    said = event(
        "opened",
        {
            "study": rounds.study,
            "collection": rounds.digest,
            "units": len(rounds.units),
            "periods": len(rounds.periods),
        },
    )
    left = [name for name in (RETURNS, "freeze-1") if (out / name).exists()]

    def decide(entries: Sequence[Entry]) -> Event:
        if left and not entries:
            raise Malformed(
                f"{out}: {listing(left)} tell of returns, and the ledger holds nothing of this "
                "collection: it was emptied or is another. Restore it from a copy."
            )
        return said

    with Ledger(address_of(out, ledger, either=True)) as kept:
        first = kept.append(stream_of(rounds.study), decide, key="opened")
    check_opened(first, rounds, out)
    return Opening(rounds, new, len(files), restored)


def differs(out: Path, held: Rounds, asked: Rounds) -> str:
    """Return in words what another opening would change."""
    names = ("study", "unit", "period", "columns", "units", "periods", "commitment", "made", "draw")
    changed = [name for name in names if getattr(held, name) != getattr(asked, name)]
    what = listing(changed or ["the study's text"])
    return (
        f"--out {out}: another collection is open there; {what} differ. What is asked stays as it "
        "was opened: put the study back, or name a new folder and receive the returns into it."
    )


def write_new(out: Path, files: Mapping[str, bytes]) -> None:
    """Write files as one: the folder appears with all of them or not at all."""

    def fill(aside: Path) -> None:
        for name, content in files.items():
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            put_inside(aside / name, content)

    put_folder(out, fill)


def templates(rounds: Rounds) -> dict[str, bytes]:
    """Return name → content of a template for every unit and period, and one for all of them."""
    blank = [""] * len(rounds.columns)
    rows = [
        (period.name, code, (code, period.name, *blank))
        for period in rounds.periods
        for code in rounds.codes
    ]
    found = {TEMPLATE: sheet(rounds, [row for *_, row in rows])}
    for period, code, row in rows:
        found[f"{TEMPLATES}/{safe(period)}/{safe(code)}.csv"] = sheet(rounds, [row])
    if len({name.lower() for name in found}) != len(rows) + 1:
        raise Malformed(
            "two units (or periods) differ only in capitals, or in signs that no file's name can "
            "hold. Give them codes that differ in letters and digits."
        )
    return found


def sheet(rounds: Rounds, rows: list[tuple[str, ...]]) -> bytes:
    """Return rows of a return as CSV, below its header."""
    columns = dict(zip(rounds.header, map(list, zip(*rows, strict=True)), strict=True))
    return as_csv(columns)


def safe(name: str) -> str:
    """Return a name as every system's files can bear it.

    >>> safe("2027 autumn"), safe("E09000001"), safe("2015/16"), safe("CON")
    ('2027-autumn', 'E09000001', '2015-16', 'x-CON')
    """
    found = re.sub(r"[^\w.-]+", "-", name).strip(".-") or "x"
    return found if nameable(found) else f"x-{found}"


def check_opened(entry: Entry | None, rounds: Rounds, folder: Path) -> None:
    """Raise Malformed where the first entry of the stream did not open this collection."""
    if entry is None or entry.kind != "opened" or entry.body.get("collection") != rounds.digest:
        raise Malformed(
            f"{folder}: the ledger does not open this collection of {rounds.study}: it is of "
            "another, or the folder was put together from several. Restore both from one copy, or "
            "name its own ledger (--ledger)."
        )


@contextmanager
def collection(
    folder: Path, *, ledger: str | None = None, read_only: bool = False
) -> Iterator[tuple[Rounds, Ledger, str]]:
    """Yield what a folder collects, its ledger, and the name of its stream there.

    Raises Malformed where the ledger is another's, or an entry was changed.
    """
    path = folder / COLLECTION
    if not path.is_file():
        raise Malformed(
            f"{folder}: nothing is collected there. `fingerpost rollout collect open STUDY --out "
            f"{folder}` opens a collection."
        )
    rounds = opened(read(path), path)
    if ledger is None and not (folder / LEDGER).is_file():
        raise Malformed(
            f"{folder / LEDGER}: there is no ledger. If it lies in a database, name it: --ledger "
            "URL; else restore it from a copy."
        )
    stream = stream_of(rounds.study)
    address = address_of(folder, ledger, either=True)
    with Ledger(address, read_only=read_only) as held:
        entries = held.entries(stream)
        if not entries:
            there = held.streams()
            told = f"it holds {listed(there)}" if there else "it is empty"
            raise Malformed(
                f"{folder}: the ledger holds no collection of {rounds.study} ({told}). Restore "
                "the folder from a copy."
            )
        check_opened(entries[0], rounds, folder)
        check_chain(entries, folder)
        yield rounds, held, stream


def check_chain(entries: tuple[Entry, ...], folder: Path) -> None:
    """Raise Malformed for every entry that is not as it was written."""
    from fingerpost.ledger.chain import faults

    wrong = faults(entries)
    if wrong:
        raise Malformed(
            f"{folder / LEDGER}: {fault.words}. Restore it from a copy." for fault in wrong
        )
