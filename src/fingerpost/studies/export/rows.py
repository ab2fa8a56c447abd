"""The children of a study as plain files: `cohort.csv`, and `columns.csv` that says what is what.

The files stay in the room: a row is a child. Names of columns are short, so that any tool reads
them; `columns.csv` gives each its name in the study. Categories are codes from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.study import Study
from fingerpost.kernels.clusters import recode

COHORT, COLUMNS = "cohort.csv", "columns.csv"


@dataclass(frozen=True, eq=False, slots=True)
class Written:
    """One column of `cohort.csv`.

    column: its name there. role: child, cluster, arm, weight, outcome, time, covariate or subgroup.
    name: in the study. values: (n,), NaN where an outcome was not seen. levels: of categories.
    flag_of: names of the covariates whose missing values it flags. words: for readers.
    """

    column: str
    role: str
    name: str
    values: NDArray[Any]
    levels: tuple[str, ...] = ()
    flag_of: tuple[str, ...] = ()
    words: str = ""


def columns_of(study: Study, cohort: Cohort) -> tuple[Written, ...]:
    """Return the columns of the file, in order."""
    return (
        Written("child", "child", "child", recode(cohort.unit)[0] + 1, words="running number"),
        *_clusters(cohort),
        Written("arm", "arm", "arm", cohort.arm, cohort.arms),
        *_weight(cohort),
        *_outcomes(study, cohort),
        *(_column("x", "covariate", at, pair) for at, pair in _numbered(cohort.covariates)),
        *(_column("s", "subgroup", at, pair) for at, pair in _numbered(_beside(study, cohort))),
    )


def _clusters(cohort: Cohort) -> Iterator[Written]:
    for at, (name, codes) in _numbered(cohort.clusters):
        yield Written(f"c{at}", "cluster", name, recode(codes)[0] + 1, words="running number")


def _weight(cohort: Cohort) -> Iterator[Written]:
    if cohort.weight is not None:
        yield Written("weight", "weight", "weight", cohort.weight, words="survey weight")


def _outcomes(study: Study, cohort: Cohort) -> Iterator[Written]:
    specs = [spec for spec in study.outcomes if spec.kind != "time"]
    for at, spec in enumerate(specs, start=1):
        one = cohort.outcomes[spec.name]
        seen = np.ones(cohort.n, dtype=bool) if one.observed is None else one.observed
        value = np.where(seen, one.value, np.nan)
        yield Written(f"y{at}", "outcome", spec.name, value, words=one.measured_in or spec.kind)
        if one.exposure is not None:
            time = np.where(seen, one.exposure, np.nan)
            yield Written(f"t{at}", "time", spec.name, time, words=f"time at risk of y{at}")


def _beside(study: Study, cohort: Cohort) -> dict[str, Column]:
    """Return the columns of subgroups that are no covariates."""
    names = study.estimand.subgroups
    return {name: cohort.roles[name] for name in names if name not in cohort.covariates}


def _numbered(pairs: Mapping[str, Any]) -> list[tuple[int, tuple[str, Any]]]:
    return list(enumerate(pairs.items(), start=1))


def _column(letter: str, role: str, at: int, pair: tuple[str, Column]) -> Written:
    name, one = pair
    values = np.asarray(one.values)
    values = values.astype(np.int64) if one.categorical else values.astype(np.float64)
    words = f"1 where {', '.join(one.flag_of)} was missing" if one.flag_of else ""
    return Written(f"{letter}{at}", role, name, values, one.levels, one.flag_of, words)


def write_rows(columns: tuple[Written, ...], folder: Path) -> None:
    """Write `cohort.csv` and `columns.csv` into a folder; numbers are written in full."""
    series = [pl.Series(one.column, one.values, nan_to_null=True) for one in columns]
    pl.DataFrame(series).write_csv(folder / COHORT)
    told = pl.DataFrame(
        {
            "column": [one.column for one in columns],
            "role": [one.role for one in columns],
            "name": [one.name for one in columns],
            "levels": [len(one.levels) or None for one in columns],
            "flag_of": ["; ".join(one.flag_of) or None for one in columns],
            "words": [one.words or coded(one.levels) for one in columns],
        }
    )
    told.write_csv(folder / COLUMNS)


def coded(levels: tuple[str, ...]) -> str:
    """Return what each code stands for.

    >>> coded(("none", "support"))
    '0 none; 1 support'
    """
    return "; ".join(f"{code} {level}" for code, level in enumerate(levels))
