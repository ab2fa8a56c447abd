"""How much of the machine a session may take: all but some of it, or little (`--low-memory`)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from fingerpost.core.errors import FingerpostError
from fingerpost.engines._spill import new_folder

# What DuckDB keeps in memory before it spills; Python, its libraries and the cohort come on top.
LITTLE = "512MB"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session may take. memory: of DuckDB, before it spills: a quarter of the machine's, as
    the cohort, its copies and the models come on top. threads: None for one a processor. spill:
    where what does not fit in memory goes; None for the machine's own place.
    """

    memory: str = "25%"
    threads: int | None = None
    spill: Path | None = None


USUAL = Limits()
_NOW: ContextVar[Limits | None] = ContextVar("limits", default=None)


def limits() -> Limits:
    """Return what the sessions that are opened now may take."""
    return _NOW.get() or USUAL


@contextmanager
def little(beside: Path) -> Iterator[Path]:
    """Let sessions opened inside the block take little; yield the folder that they spill to.

    beside: what the work is written to. The folder lies beside it, only this user can read it, and
    it is gone at the end. Raises FingerpostError where none can be made.
    """
    place = beside.absolute().parent
    while not place.exists() and place.parent != place:
        place = place.parent
    try:
        spill = new_folder(place, hidden=True)
    except OSError as error:
        raise FingerpostError(
            f"--low-memory: nothing can be written to {place} ({error.strerror}), where what does "
            "not fit in memory would be put. Name another --out."
        ) from None
    token = _NOW.set(Limits(LITTLE, 1, spill))
    try:
        yield spill
    finally:
        _NOW.reset(token)
        shutil.rmtree(spill, ignore_errors=True)
