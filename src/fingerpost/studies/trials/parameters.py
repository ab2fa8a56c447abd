"""What trials in English schools are planned by: published correlations, gaps left visible; and the
same estimated from any table.

The published ones lie beside this file, each with its source, its year and the month in which it
was read. What nobody has published is a row without a number, so that it is seen to be missing.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np

import fingerpost
from fingerpost.core.errors import Malformed, TooFew, nearest
from fingerpost.core.leaves import Engine, load
from fingerpost.core.study import TableSource
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.engines._shared import table_file
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.level_shares import Interval, Shares, cells_of, level_shares
from fingerpost.kernels.mixed_intercept import mixed_intercept

SCHEMA_VERSION = "1"
PUBLISHED = Path(__file__).with_name("english_parameters.csv")
NUMBERS = ("value", "lo", "hi")
COUNTS = ("children", "clusters")
MOST_PERIODS = 60


def published() -> Table:
    """Return the published parameters, a row each; a gap has no value."""
    with PUBLISHED.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        columns = tuple(reader.fieldnames or ())
        rows = tuple(tuple(cell(name, row[name]) for name in columns) for row in reader)
    kinds = tuple("number" if name in (*NUMBERS, *COUNTS) else "label" for name in columns)
    return Table(
        "english_parameters",
        "What is published of outcomes in English schools",
        columns,
        kinds,
        rows,
        context="icc: share of variance between units of the level; cac: cluster autocorrelation; "
        "r2: share of variance explained. A row without a value is a gap.",
        tells=Tells(keys=COUNTS),
    )


def cell(name: str, text: str) -> Cell:
    """Return a cell of the file: a number where its column holds them, None where it is empty."""
    if not text:
        return None
    return float(text) if name in NUMBERS else int(text) if name in COUNTS else text


@dataclass(frozen=True, slots=True)
class Asked:
    """What is estimated of a table. outcome: a column, or several with + between, whose sum it is.
    given: columns of numbers.
    """

    outcome: str
    cluster: str
    period: str = ""
    given: tuple[str, ...] = ()

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The columns that are summed."""
        return tuple(part.strip() for part in self.outcome.split("+"))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read."""
        found = (*self.outcomes, self.cluster, self.period, *self.given)
        return tuple(dict.fromkeys(name for name in found if name))


@dataclass(frozen=True, slots=True)
class Explained:
    """Shares of the variance of children within clusters, and between clusters, that covariates
    explain; of clusters None where there was none to explain.
    """

    children: float
    clusters: float | None


@dataclass(frozen=True, slots=True)
class Estimated:
    """What a table tells. left_out: rows with something missing. explained: None where no covariate
    is named. digest: of the files read.
    """

    asked: Asked
    source: str
    shares: Shares
    left_out: int
    explained: Explained | None
    digest: tuple[tuple[str, str], ...]


def estimate_parameters(table: str, asked: Asked) -> Estimated:
    """Return the correlations of a table: a file (CSV, Parquet, Stata, DuckDB), or package:file.

    Raises Malformed for a file or a column that is not there, TooFew where it cannot tell.
    """
    package, _, inside = table.partition(":")
    outside = Path(table).exists() or not inside or len(package) == 1  # a letter is a drive
    source = (
        TableSource(path=str(Path(table).absolute()))
        if outside
        else TableSource(package=package, file=inside)
    )
    file = table_file(source)
    held = columns_of(file, asked)
    y = np.sum([numbers(held[name], name) for name in asked.outcomes], axis=0)
    cluster, known = codes(held[asked.cluster])
    keep = np.isfinite(y) & known
    period = None
    if asked.period:
        period, told = codes(held[asked.period])
        keep &= told
    covariates = [numbers(held[name], name) for name in asked.given]
    for one in covariates:
        keep &= np.isfinite(one)
    if not keep.any():
        raise TooFew(f"no row of {file.words} has every column that is asked for.")
    cluster = np.unique(cluster[keep], return_inverse=True)[1]
    if period is not None:
        period = np.unique(period[keep], return_inverse=True)[1]
        if period.max() >= MOST_PERIODS:
            raise Malformed(
                f"{asked.period}: {period.max() + 1:,} periods found, {MOST_PERIODS} at the most. "
                "Name the column of the term or year."
            )
    shares = level_shares(cells_of(y[keep], cluster, period=period))
    explained = None
    if covariates:
        explained = explained_by(y[keep], cluster, np.column_stack([c[keep] for c in covariates]))
    return Estimated(asked, file.words, shares, int((~keep).sum()), explained, file.digest())


def columns_of(file: Any, asked: Asked) -> dict[str, nw.Series[Any]]:
    """Return the columns that are asked for; every one that is not there is named at once."""
    engine = load("engines", "duckdb", kind=Engine)
    (frame,) = engine.read([file], rows=False)
    there = frame.collect_schema().names()
    faults = [
        f'there is no column "{name}" in {file.words}.{nearest(name, there)}'
        for name in asked.columns
        if name not in there
    ]
    if faults:
        raise Malformed(faults)
    held = nw.from_native(frame.select(*asked.columns).to_native().pl(), eager_only=True)
    return {name: held[name] for name in asked.columns}


def numbers(column: nw.Series[Any], name: str) -> Array:
    """Return a column as numbers, NaN where it is missing; Malformed where it holds words."""
    if not column.dtype.is_numeric() and column.dtype != nw.Boolean:
        raise Malformed(f'"{name}" holds words, and should hold numbers.')
    found: Array = column.cast(nw.Float64).to_numpy().astype(float)
    return found


def codes(column: nw.Series[Any]) -> tuple[Any, Any]:
    """Return (n,) codes of a column's values in their order, and which rows have one."""
    known = ~column.is_null().to_numpy()
    words = column.cast(nw.String).fill_null("").to_numpy().astype(str)
    return np.unique(words, return_inverse=True)[1], known


def explained_by(y: Array, cluster: Any, given: Array) -> Explained:
    """Return what covariates explain: how far the variances of a model with a random intercept fall
    once they are in it (Raudenbush & Bryk 2002, Hierarchical Linear Models).
    """
    one = np.ones((len(y), 1))
    without = mixed_intercept(one, y, codes=cluster)
    with_them = mixed_intercept(np.hstack([one, given]), y, codes=cluster)
    between = None if not without.between else 1 - with_them.between / without.between
    return Explained(1 - with_them.within / without.within, between)


def record(found: Estimated) -> dict[str, Any]:
    """Return what a table tells as JSON-ready data."""
    shares = found.shares
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "parameters estimated from a table",
        "table": found.source,
        "outcome": found.asked.outcome,
        "cluster": found.asked.cluster,
        "period": found.asked.period or None,
        "icc": told(shares.icc),
        "cac": None if shares.cac is None else told(shares.cac),
        "variance": shares.variance,
        "children": shares.children,
        "clusters": shares.clusters,
        "periods": shares.periods,
        "mean_size": shares.mean_size,
        "size_cv": shares.size_cv,
        "rows_left_out": found.left_out,
        "explained": None
        if found.explained is None
        else {
            "by": list(found.asked.given),
            "children": found.explained.children,
            "clusters": found.explained.clusters,
        },
        "provenance": {
            "code_version": fingerpost.__version__,
            "digests": dict(found.digest),
        },
    }


def told(share: Interval) -> dict[str, float]:
    """Return a share with its interval."""
    return {"value": share.value, "lo": share.lo, "hi": share.hi}
