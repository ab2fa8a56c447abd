"""What a ledger holds: events as they are decided, entries as they are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """What is to be written down: its kind, and a body of plain data (JSON)."""

    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it is kept, in its place in a stream.

    number: from 1. text: the body as canonical JSON. time: UTC, to the second. key: what tells a
    repeated request from a new one. previous, hash: SHA-256 of the entry before and of this one.
    digests: SHA-256 of each field, so that a field that was changed can be named.
    """

    stream: str
    number: int
    kind: str
    text: str
    time: str
    key: str
    previous: str
    hash: str
    digests: str

    @property
    def body(self) -> dict[str, Any]:
        """The body as data."""
        found: dict[str, Any] = json.loads(self.text)
        return found


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a stream: what is published, so that nothing can be cut off behind it."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a ledger that is not as it was written: which entry, which field, in words."""

    stream: str
    number: int
    field: str
    words: str
