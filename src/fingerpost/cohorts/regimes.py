"""Regimes of a trial that draws again: every child on a row for each regime it agrees with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.columns import children
from fingerpost.cohorts.conditions import canonical
from fingerpost.core.cohort import Cohort
from fingerpost.core.stages import NOT_ASKED, Stages
from fingerpost.core.study import Study, Then


def first_draw(study: Study) -> Study:
    """Return a study whose arms are those of its first draw alone."""
    return study if study.arms.then is None else replace(study, arms=replace(study.arms, then=None))


def by_regime(
    study: Study, cohort: Cohort, table: Mapping[str, pl.Series], *, faults: list[str]
) -> Cohort:
    """Return the cohort of a trial's first draw with its regimes as arms; of any other, itself.

    A child who was drawn again stands on the one row of what it was given; any other on a row for
    each second step, since it agrees with them all. table: columns of the children of the cohort.
    What is wrong with the second draw is added to `faults`.
    """
    then = study.arms.then
    if then is None:
        return cohort
    asked, second = drawn_again(then, table, faults=faults)
    if faults:
        return cohort
    many, steps = cohort.n, len(then.names)
    rows = np.repeat(np.arange(many), np.where(asked, 1, steps))
    leads = np.diff(rows, prepend=-1) > 0
    place = np.arange(len(rows)) - np.maximum.accumulate(np.where(leads, np.arange(len(rows)), 0))
    first = np.asarray(cohort.arm, dtype=np.int64)[rows]
    agreed = np.where(asked[rows], second[rows], place)
    stages = Stages(study.arms.firsts, then.names, first, second[rows], leads)
    spread = cohort.take(rows)
    arm = first * steps + agreed
    return replace(spread, arms=study.arms.names, arm=arm, stages=stages)


def drawn_again(
    then: Then, table: Mapping[str, pl.Series], *, faults: list[str]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return (n,) who was drawn again, and (n,) codes of what they were given, −1 of others."""
    column, value = then.among
    whom = [one is not None and canonical(one) == canonical(value) for one in table[column]]
    asked = np.array(whom, dtype=np.bool_)
    code = {canonical(one): then.names.index(name) for one, name in then.levels}
    given = [None if one is None else code.get(canonical(one)) for one in table[then.column]]
    known = np.array([one is not None for one in given], dtype=np.bool_)
    lost = int(np.count_nonzero(asked & ~known))
    if lost:
        faults.append(
            f"arms.then: {children(lost)} of those with {column} = {value} have none of its levels "
            f'in "{then.column}". Leave them out by population, or name the level.'
        )
    if not asked.any():
        faults.append(
            f"arms.then.among: no child has {column} = {value}, so nobody was drawn again. Name "
            "the value of those who were."
        )
    codes = np.array([NOT_ASKED if one is None else one for one in given], dtype=np.int64)
    return asked, np.where(asked, codes, NOT_ASKED)
