"""The chain of hashes: how an entry is sealed, and how a change in any of them is found.

The hash of an entry is the SHA-256 of the canonical JSON of its stream, number, kind, body (as
text), time, key and the hash of the entry before it; of the first, 64 zeros.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from fingerpost.ledger.events import Entry, Event, Fault, Head

FIRST = "0" * 64
FIELDS = ("stream", "number", "kind", "text", "time", "key", "previous")
COLUMNS = {"text": "body"}  # what a field is called where a reader sees it


def canonical(value: Any) -> bytes:
    """Return plain data as canonical JSON: keys in order, no spaces, UTF-8, no NaN.

    >>> canonical({"b": [1, True], "a": "ü"}).decode()
    '{"a":"ü","b":[1,true]}'
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    # What SQLite holds may, once a bit is flipped, be no text; such bytes are kept as they are.
    return text.encode("utf-8", "surrogateescape")


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of plain data."""
    return hashlib.sha256(canonical(value)).hexdigest()


def content(entry: Entry) -> dict[str, Any]:
    """Return what is sealed of an entry, by the name that a reader sees."""
    return {COLUMNS.get(field, field): getattr(entry, field) for field in FIELDS}


def hash_of(entry: Entry) -> str:
    """Return the hash that an entry of this content has."""
    return digest(content(entry))


def digests_of(entry: Entry) -> str:
    """Return the digests of an entry's fields, as they are kept beside it."""
    return " ".join(digest(value)[:16] for value in content(entry).values())


def sealed(stream: str, event: Event, *, before: Head, time: str, key: str) -> Entry:
    """Return an event as the entry that follows `before`."""
    text = canonical(dict(event.body)).decode()
    bare = Entry(stream, before.number + 1, event.kind, text, time, key, before.hash, "", "")
    return replace(bare, hash=hash_of(bare), digests=digests_of(bare))


def head(entries: Sequence[Entry]) -> Head:
    """Return the head of a stream; of an empty one, number 0 and zeros."""
    return Head(entries[-1].number, entries[-1].hash) if entries else Head(0, FIRST)


def faults(entries: Iterable[Entry], *, published: Head | None = None) -> list[Fault]:
    """Return what is not as it was written in the entries of one stream, in order of number.

    published: a head that was made public earlier; the entry must still be there, unchanged.
    """
    found: list[Fault] = []
    last = Head(0, FIRST)
    seen: dict[Any, Any] = {}
    for entry in entries:
        found.extend(_faults_of(entry, last))
        last = Head(entry.number, entry.hash)
        seen[entry.number] = entry.hash
    if published is not None and published.number and published.number not in seen:
        words = f"entry {published.number}, whose hash was published, is missing"
        found.append(Fault("", published.number, "number", words))
    elif published is not None and published.number and seen[published.number] != published.hash:
        words = f"entry {published.number} is not the one whose hash was published"
        found.append(Fault("", published.number, "hash", words))
    return found


def _faults_of(entry: Entry, last: Head) -> Iterator[Fault]:
    """Yield what is wrong in one entry that is to follow `last`."""

    def fault(field: str, words: str) -> Fault:
        return Fault(entry.stream, entry.number, field, f"entry {entry.number}: {words}")

    held_as = {**content(entry), "hash": entry.hash, "digests": entry.digests}
    odd = [name for name, value in held_as.items() if type(value) is not _kind(name)]
    if odd:
        for name in odd:
            yield fault(name, f"the field {name} was changed")
        return
    names = list(content(entry))
    right, held = digests_of(entry).split(" "), entry.digests.split(" ")
    whole = hash_of(entry) == entry.hash
    changed = [name for name, a, b in zip(names, right, held, strict=False) if a != b]
    if len(held) != len(names) or (whole and changed):
        yield fault("digests", "the digests of its fields were changed")
    elif not whole and changed:
        for name in changed:
            yield fault(name, f"the field {name} was changed")
    elif not whole:
        yield fault("hash", "its hash was changed")
    if entry.number != last.number + 1 and "number" not in changed:
        words = f"entry {last.number + 1} is missing before it"
        yield Fault(entry.stream, last.number + 1, "number", f"entry {entry.number}: {words}")
    elif entry.previous != last.hash and "previous" not in changed and whole:
        yield fault("previous", "it does not follow the entry before it, whose hash is another")


def _kind(name: str) -> type:
    """Return what a field is held as: a flipped bit may make a number of a text."""
    return int if name == "number" else str
