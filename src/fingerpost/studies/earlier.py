"""Children who had been provided for before time zero: how many of each arm, and for how long.

Arms at one census hold children who begin and children who go on, some for years. Of those who go
on, what was measured "before" time zero was partly measured after their provision began, and early
help or harm is past and gone (Hernán & Robins 2016, American Journal of Epidemiology 183:758-764).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.cohort import Cohort
from fingerpost.core.table import Cell, Table

NAME = "provided_before"
COLUMNS = (
    ("arm", "label"),
    ("children", "count"),
    ("provided for before", "count"),
    ("median years", "number"),
)
# A share of an arm above which it is said beside the answer, and how shares are called.
NOTABLE = 0.10
CALLED = ((0.75, "three quarters"), (0.5, "half"), (0.25, "a quarter"), (NOTABLE, "a tenth"))
CAUTION = (
    "more than {share} of arm {arm} was provided for in an earlier school year: the question is of "
    "going on as much as of beginning, and what was measured before time zero was partly measured "
    "after that provision began. For those who begin: population: {{new_users: yes}}"
)


def standing(cohort: Cohort) -> NDArray[np.bool_]:
    """Return (n,) which rows count in an arm: all, or, of copies of children under sustained
    strategies, those that follow theirs at time zero.
    """
    if cohort.course is None:
        return np.ones(cohort.n, dtype=np.bool_)
    first: NDArray[np.bool_] = cohort.course.stays[:, 0]
    return first


def share(cohort: Cohort, arm: int) -> float:
    """Return the share of an arm that was provided for in an earlier school year."""
    own = standing(cohort) & (cohort.arm == arm)
    if cohort.provided is None or not own.any():
        return 0.0
    return float((~np.isnan(cohort.provided[own])).mean())


def caution(cohort: Cohort, arms: tuple[str, ...]) -> str:
    """Return what is said beside an answer on arms, empty where none holds many such children.

    Of several such arms it is the one that holds most. The share is told in words, which count
    nobody; the table of the report has the numbers.
    """
    shares = [(share(cohort, cohort.arms.index(arm)), arm) for arm in arms if arm in cohort.arms]
    most, arm = max(shares, default=(0.0, ""))
    called = next((words for least, words in CALLED if most > least), "")
    return CAUTION.format(share=called, arm=arm) if called else ""


def tables(cohort: Cohort) -> tuple[Table, ...]:
    """Return how many children of each arm had been provided for in an earlier school year, and for
    how long; no table where nobody had.
    """
    years = cohort.provided
    if years is None or np.isnan(years).all():
        return ()
    rows: list[tuple[Cell, ...]] = []
    counts: list[int] = []
    for at, arm in enumerate(cohort.arms):
        own = standing(cohort) & (cohort.arm == at)
        had = years[own & ~np.isnan(years)]
        total, some = int(own.sum()), len(had)
        rows.append((arm, total, some, float(np.median(had)) if some else None))
        counts.append(min(some, total - some))
    return (
        Table(
            NAME,
            "Provided for before time zero",
            tuple(name for name, _ in COLUMNS),
            tuple(kind for _, kind in COLUMNS),
            tuple(rows),
            counts=tuple(counts),
            context="Children with provision in a census, of schools or of the early years, of a "
            "school year before that of time zero, as known by then; and the median years from the "
            "first such record to time zero.",
            note="Children of an arm without provision who had it before are those whose provision "
            "ended. Only those who begin are studied with population: {new_users: yes}.",
        ),
    )
