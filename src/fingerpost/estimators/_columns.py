"""Columns that a leaf's options name: an instrument, a running variable, a family."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.column import Column
from fingerpost.core.errors import UsageError, listed, nearest

Array = NDArray[np.float64]


def option_columns(task: Task, leaf: str, option: str) -> dict[str, Column]:
    """Return the columns that an option names, one or several, in its order.

    Raises UsageError where the option is not given, is not a name, or names no column.
    """
    said = task.analysis.options.get(option)
    names = (said,) if isinstance(said, str) else said
    if not isinstance(names, tuple) or not names or not all(isinstance(n, str) for n in names):
        raise UsageError(
            f"estimators: {leaf} needs `{option}`: a column of the records, or a list of columns. "
            f"Write {{{leaf}: {{{option}: COLUMN}}}}."
        )
    return {str(name): _column(task, leaf, option, name=str(name)) for name in names}


def option_column(task: Task, leaf: str, option: str) -> tuple[str, Column]:
    """Return the one column that an option names, with its name; raises as `option_columns`."""
    found = option_columns(task, leaf, option)
    if len(found) > 1:
        raise UsageError(f"estimators: {leaf}: {option} takes one column; found {len(found)}.")
    return next(iter(found.items()))


def numeric(name: str, column: Column, *, where: str) -> Array:
    """Return a column's (n,) numbers, NaN where missing; a category of two levels is 0 and 1.

    Raises UsageError for a category of more levels.
    """
    if column.categorical and len(column.levels) > 2:
        raise UsageError(
            f"estimators: {where}: {name} is a category of {len(column.levels)} levels; a number "
            "or a category of two levels is needed."
        )
    return np.asarray(column.values, dtype=np.float64)


def _column(task: Task, leaf: str, option: str, *, name: str) -> Column:
    kept: Mapping[str, Column] = {**task.cohort.roles, **task.cohort.covariates}
    if name not in kept:
        raise UsageError(
            f'estimators: {leaf}: {option}: there is no column "{name}".{nearest(name, kept)} '
            f"There are: {listed(kept)}."
        )
    return kept[name]
