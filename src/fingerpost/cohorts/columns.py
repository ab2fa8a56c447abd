"""Covariates, clusters and roles of the children, each with the faults found in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.values import (
    Floats,
    Mask,
    Places,
    codes,
    groups,
    is_text,
    numbers,
    readable,
)
from fingerpost.core.column import Column
from fingerpost.core.study import Covariate

MISSING = "missing"
IMPUTE, IMPUTED = "impute", "imputed"
# A covariate of more levels than this, or than a third of the children, is an identifier.
MOST_LEVELS = 500
LARGEST = 1e100  # beyond it products of squares overflow


@dataclass(frozen=True, eq=False, slots=True)
class Draft:
    """One covariate as read: numbers with NaN, or codes with −1, where nothing is recorded."""

    name: str
    values: Floats | NDArray[np.int64]
    levels: tuple[str, ...]
    absent: Mask
    missing: str = "complete"

    @property
    def categorical(self) -> bool:
        """Whether the values are codes of levels."""
        return self.values.dtype.kind == "i"

    @property
    def handling(self) -> str:
        """What is done where the covariate is missing, in words."""
        if self.missing == "complete":
            return "child left out"
        if self.missing == IMPUTE:
            return IMPUTED
        return "a level of its own" if self.categorical else "mean and a flag"

    def take(self, keep: Mask) -> Draft:
        """Return the covariate of those who stay."""
        if keep.all():
            return self
        return replace(self, values=self.values[keep], absent=self.absent[keep])


def children(count: int) -> str:
    """Return a number of children in words.

    >>> children(1), children(7362)
    ('1 child', '7,362 children')
    """
    return f"{count:,} child{'' if count == 1 else 'ren'}"


def measured(
    series: pl.Series, what: str, *, places: Places, faults: list[str], mend: str
) -> Floats | None:
    """Return (n,) numbers with NaN where missing; None, and a fault, where they are not numbers."""
    if not readable(series):
        faults.append(f"{what} holds {series.dtype} where numbers are needed. {mend}")
        return None
    values, wrong = numbers(series)
    if wrong is not None:
        faults.append(
            f"{what} holds text where numbers are needed, for {children(int(wrong.sum()))} "
            f"({places.of(wrong)}). {mend}"
        )
        return None
    infinite = np.isinf(values)
    if infinite.any():
        faults.append(
            f"{what} is infinite for {children(int(infinite.sum()))} ({places.of(infinite)}). "
            "Correct the records, or leave the value empty."
        )
        return None
    huge = np.abs(values) > LARGEST
    if huge.any():
        faults.append(
            f"{what} is beyond {LARGEST:g}, too large to compute with, for "
            f"{children(int(huge.sum()))} ({places.of(huge)}). Correct the records, or leave the "
            "value empty."
        )
        return None
    return values


def drafted(
    spec: Covariate, series: pl.Series, *, places: Places, faults: list[str]
) -> Draft | None:
    """Return a covariate as read; None, and a fault, where it cannot be one."""
    what = f'covariate "{spec.name}"'
    if len(series) and series.null_count() == len(series):
        faults.append(f"{what} is missing for every child. Leave it out of given.")
        return None
    if not readable(series):
        faults.append(f"{what} holds {series.dtype}, which no model takes. Leave it out of given.")
        return None
    if spec.kind == "categorical" or (spec.kind is None and words_only(series)):
        return coded(spec, series, faults=faults)
    mend = "Correct the records."
    if spec.kind is None:
        mend = f"Correct the records, or declare covariates: {{{spec.name}: categorical}}."
    values = measured(series, what, places=places, faults=faults, mend=mend)
    return None if values is None else Draft(spec.name, values, (), np.isnan(values), spec.missing)


def words_only(series: pl.Series) -> bool:
    """Return whether a column is text in which no value is a number: plainly categories."""
    if not is_text(series):
        return False
    values, _ = numbers(series)
    return bool(np.isnan(values).all())


def coded(spec: Covariate, series: pl.Series, *, faults: list[str]) -> Draft | None:
    """Return a categorical covariate; None, and a fault, where it has too many levels."""
    values, levels = codes(series)
    if len(levels) > MOST_LEVELS or 3 * len(levels) > max(len(series), 30):
        faults.append(
            f'covariate "{spec.name}" has {len(levels):,} different levels among '
            f"{children(len(series))}. Group them, or leave it out of given."
        )
        return None
    return Draft(spec.name, values, levels, values < 0, spec.missing)


def finished(draft: Draft) -> tuple[Column, Column | None]:
    """Return a covariate without gaps, and the flag of those filled where there are any.

    Categories that nobody has left are dropped; a missing category is a level of its own; a missing
    number is the mean of those recorded. What is to be imputed holds, until it is, the mean or the
    most common level.
    """
    if draft.missing == IMPUTE:
        return held(draft), None
    if draft.categorical:
        return compact(draft), None
    if not draft.absent.any():
        return Column(draft.values), None
    recorded = draft.values[~draft.absent]
    mean = recorded.mean() if len(recorded) else 0.0
    values = np.where(draft.absent, mean, draft.values)
    return Column(values), Column(draft.absent.astype(np.float64))


def held(draft: Draft) -> Column:
    """Return a covariate that is to be imputed, with a value to hold each missing one's place."""
    recorded = draft.values[~draft.absent]
    if not draft.categorical:
        mean = recorded.mean() if len(recorded) else 0.0
        return Column(np.where(draft.absent, mean, draft.values))
    common = int(np.bincount(recorded).argmax()) if len(recorded) else 0
    filled = np.where(draft.absent, common, draft.values)
    return compact(replace(draft, values=filled, absent=np.zeros_like(draft.absent)))


def compact(draft: Draft) -> Column:
    """Return a categorical covariate with only the levels that occur."""
    levels = draft.levels
    values: NDArray[np.int64] = draft.values.astype(np.int64)
    if draft.absent.any():
        place = levels.index(MISSING) if MISSING in levels else len(levels)
        levels = levels if MISSING in levels else (*levels, MISSING)
        values = np.where(draft.absent, place, values)
    found = np.flatnonzero(np.bincount(values, minlength=len(levels)))
    if len(found) == len(levels):
        return Column(values, levels)
    code = np.zeros(len(levels), dtype=np.int64)
    code[found] = np.arange(len(found))
    return Column(code[values], tuple(levels[place] for place in found))


def cluster_codes(
    series: pl.Series, place: str, *, places: Places, faults: list[str]
) -> NDArray[np.int64]:
    """Return (n,) codes of a cluster, from 0; a fault where one is missing."""
    found = groups(series)
    absent = found < 0
    if absent.any():
        faults.append(
            f'{place}: cluster column "{series.name}" is missing for '
            f"{children(int(absent.sum()))} ({places.of(absent)}). Fill it in, or leave these "
            f"children out by population: [{{column: {series.name}, recorded: true}}]."
        )
        return found
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def role(
    series: pl.Series, what: str, *, kind: str | None, places: Places, faults: list[str]
) -> Column | None:
    """Return a column that is no covariate; NaN, or a level of its own, where it is missing.

    It holds categories where it is declared to (kind `categorical`) or no value is a number. None,
    and a fault that begins with `what`, where it is to hold numbers and one value is none.
    """
    if readable(series) and (kind == "categorical" or (kind is None and words_only(series))):
        labels, levels = codes(series)
        return compact(Draft(series.name, labels, levels, labels < 0))
    mend = "Correct the records."
    if kind is None:
        mend = f"Correct the records, or declare covariates: {{{series.name}: categorical}}."
    values = measured(series, what, places=places, faults=faults, mend=mend)
    return None if values is None else Column(values)


def fingerprint(values: Floats) -> bytes:
    """Return a digest that equal arrays share."""
    return hashlib.blake2b(values.tobytes(), digest_size=16).digest()


def alike_faults(
    columns: Mapping[str, Column], exposure: str, *, arm: NDArray[np.int64]
) -> list[str]:
    """Return a fault for each covariate that does not vary, or equals another or the exposure."""
    faults: list[str] = []
    seen = {fingerprint(arm.astype(np.float64)): exposure}
    for name, column in columns.items():
        values = column.values.astype(np.float64) + 0.0
        if len(values) and values.min() == values.max():
            faults.append(
                f'covariate "{name}" is the same for every child studied. Leave it out of given.'
            )
            continue
        key = fingerprint(values)
        if key in seen:
            other = seen[key]
            first = "the exposure" if other == exposure else "covariate"
            faults.append(
                f'covariate "{name}" is identical to {first} "{other}". '
                f'Leave "{name}" out of given.'
            )
        seen.setdefault(key, name)
    return faults
