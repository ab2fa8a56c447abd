"""Of whom need is on record: whether a gap at equal need can be told at all, and of which children.

Need that is recorded only of those who were provided for says nothing of the others: nobody without
provision has a record to be compared on. Need recorded whenever a concern was raised answers for
the children of whom one was. Need recorded of all answers for all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.core.refusal import Broken
from fingerpost.core.table import Cell, Table
from fingerpost.studies.access.cohort import AccessCohort, Mask

COVERED = 0.90  # of the provided and of the others alike: below, a comparison is of a selection
LARGEST_GAP = 0.05  # between the two: more, and having a record goes with provision
CONCERN = "children of whom a concern was raised"
ASSUMPTION = "need is on record alike of children with and without provision"
MEND = (
    "Record functional need when a concern is first raised, of every child, provided for or not; "
    "or of all children on entry to Reception."
)


@dataclass(frozen=True, eq=False, slots=True)
class Reach:
    """Of whom a gap at equal need can be told.

    rows: (n,) those children, None where it cannot be told. among: what they are called, empty for
    all children. broken: what stands against it otherwise.
    """

    rows: Mask | None
    among: str
    broken: tuple[Broken, ...]


def reach(cohort: AccessCohort) -> Reach:
    """Return of whom a gap at equal need can be told: all children, those of whom a concern was
    raised, or nobody.
    """
    if cohort.need is None:
        words = "no need is on record of any child"
        return Reach(None, "", (Broken("recorded need", ASSUMPTION, 0.0, COVERED, words),))
    seen = np.isfinite(cohort.need)
    every = np.ones(cohort.n, dtype=np.bool_)
    among = [(every, "")]
    if cohort.concern is not None:
        among.append((cohort.concern, CONCERN))
    broken: tuple[Broken, ...] = ()
    for rows, words in among:
        faults = uncovered(cohort, seen, rows, among=words or "all children")
        if not faults:
            return Reach(rows & seen, words, ())
        broken += faults
    return Reach(None, "", broken)


def uncovered(cohort: AccessCohort, seen: Mask, rows: Mask, *, among: str) -> tuple[Broken, ...]:
    """Return what stands against comparing the need of the chosen children."""
    faults, shares = [], []
    for told, provided in (("with", True), ("without", False)):
        own = rows & (cohort.provided == provided)
        share = float(seen[own].mean()) if own.any() else 0.0
        shares.append(share)
        if share < COVERED:
            words = f"among {among}, need is on record of too few of those {told} provision"
            faults.append(Broken("recorded need", ASSUMPTION, share, COVERED, words))
    away = abs(shares[0] - shares[1])
    if not faults and away > LARGEST_GAP:
        words = f"among {among}, having need on record goes with provision"
        faults.append(Broken("recorded need", ASSUMPTION, away, LARGEST_GAP, words))
    return tuple(faults)


def need_table(cohort: AccessCohort) -> Table:
    """Return of how many children need is on record, by whether they were provided for and whether
    a concern was raised.
    """
    seen = np.zeros(cohort.n, bool) if cohort.need is None else np.isfinite(cohort.need)
    concern = cohort.concern
    rows: list[tuple[Cell, ...]] = []
    for raised in (None,) if concern is None else (True, False):
        for provided in (True, False):
            own = cohort.provided == provided
            if raised is not None and concern is not None:
                own &= concern == raised
            count, known = int(own.sum()), int((own & seen).sum())
            words = {None: "not recorded", True: "raised", False: "none"}[raised]
            share = known / count if count else None
            rows.append((words, "provided" if provided else "not provided", count, known, share))
    return Table(
        "access_need",
        "Of whom need is on record",
        ("concern", "provision", "children", "recorded", "share"),
        ("label", "label", "count", "count", "share"),
        tuple(rows),
        counts=tuple(int(str(row[2])) for row in rows),
        context="A gap at equal need can be told only among children whose need is on record "
        "whether or not they were provided for.",
    )
