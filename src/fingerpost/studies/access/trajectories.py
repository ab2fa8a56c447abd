"""Provision from Year 1 to Year 6: the share in each status by year, and the paths of children."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.studies.access.cohort import UNSEEN, AccessCohort, Codes, Mask

Rule = Callable[[Codes], Mask]


@dataclass(frozen=True, slots=True)
class Path:
    """A kind of sequence. holds: of (n, years) codes, whose; the first path that holds is it."""

    words: str
    holds: Rule


def never_falls(status: Codes) -> Mask:
    """Return (n,) whether no year's status is below the year before."""
    return every(np.diff(status, axis=1) >= 0)


def never_rises(status: Codes) -> Mask:
    """Return (n,) whether no year's status is above the year before."""
    return every(np.diff(status, axis=1) <= 0)


def every(cells: Mask) -> Mask:
    """Return (n,) whether all of a row hold."""
    whole: Mask = np.all(cells, axis=1)
    return whole


PATHS = (
    Path("not seen in every year", lambda s: ~every(s != UNSEEN)),
    Path("never", lambda s: every(s == 0)),
    Path("the same provision throughout", lambda s: never_falls(s) & never_rises(s)),
    Path("began later, and kept or raised", lambda s: never_falls(s) & (s[:, 0] == 0)),
    Path("from the start, and raised", never_falls),
    Path("from the start, and ended", lambda s: never_rises(s) & (s[:, -1] == 0)),
    Path("from the start, and lowered", never_rises),
    Path("came and went", lambda s: np.ones(len(s), dtype=np.bool_)),
)


def trajectories(cohort: AccessCohort) -> tuple[Table, ...]:
    """Return status by school year and the paths of children; no table without statuses."""
    if cohort.status is None or not cohort.n:
        return ()
    return years_table(cohort, cohort.status), paths_table(cohort.status)


def years_table(cohort: AccessCohort, status: Codes) -> Table:
    """Return the children in each status by school year, of those seen in it."""
    rows: list[tuple[Cell, ...]] = []
    for place, year in enumerate(cohort.years):
        own = status[:, place]
        seen = int((own != UNSEEN).sum())
        for code, words in enumerate(cohort.statuses):
            count = int((own == code).sum())
            rows.append((float(year), words, count, count / seen if seen else None))
    return Table(
        "access_years",
        "Provision by school year",
        ("time", "status", "children", "share"),
        ("number", "label", "count", "share"),
        tuple(rows),
        tells=Tells(keys=("time",)),
        counts=tuple(int(str(row[2])) for row in rows),
        context="Of the children seen in the spring census of each school year (time).",
    )


def paths_of(status: Codes) -> Codes:
    """Return (n,) places in `PATHS`.

    >>> paths_of(np.array([[0, 0, 0], [0, 1, 2], [1, 1, 0], [0, 1, 0], [1, -1, 1]])).tolist()
    [1, 3, 5, 7, 0]
    """
    found = np.full(len(status), UNSEEN)
    for place, path in enumerate(PATHS):
        found[(found == UNSEEN) & path.holds(status)] = place
    return found


def paths_table(status: Codes) -> Table:
    """Return the children on each path."""
    found = paths_of(status)
    counts = np.bincount(found, minlength=len(PATHS))
    return Table(
        "access_paths",
        "Paths of provision from the first year to the last",
        ("path", "children", "share"),
        ("label", "count", "share"),
        tuple(
            (path.words, int(count), float(count / max(len(status), 1)))
            for path, count in zip(PATHS, counts, strict=True)
        ),
        counts=tuple(int(count) for count in counts),
        context="Every child is on one path; a status ranks none, SEN Support, EHCP, special.",
    )
