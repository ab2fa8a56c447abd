"""Designs: matrices of covariates that are built block by block, and the check of their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, TooFew, UsageError, listed, nearest
from fingerpost.core.model import Factor, ModelTerm
from fingerpost.kernels.arrays import Array, Codes, Numbers, block_rows, one_thread, spans
from fingerpost.kernels.splines import knots_at, natural_spline

KINDS = ("plain", "power", "spline", "equals")
COLLINEAR = 1e-10  # share of a column's variance left after the earlier ones that counts as none


class Design(Protocol):
    """A matrix of n rows (children or cells) and p named columns, read by blocks of rows."""

    @property
    def n(self) -> int:
        """Number of rows."""

    @property
    def p(self) -> int:
        """Number of columns."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the p columns."""

    @property
    def told(self) -> tuple[str, ...]:
        """The p columns as a fault may name them: no level, which may be a child's own words."""

    def block(self, lo: int, hi: int) -> Array:
        """Return rows lo to hi, (hi - lo, p), contiguous by row or by column; read only."""

    def take(self, rows: NDArray[Any]) -> Self:
        """Return the design of the chosen rows (indices or a mask)."""


@dataclass(frozen=True, eq=False, slots=True)
class Dense:
    """A design held in memory: array (n, p), names of the p columns."""

    array: Array
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Widen to float64 and check the shape."""
        array = np.ascontiguousarray(self.array, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != len(self.names):
            raise UsageError(
                f"a dense design of shape {array.shape} has {len(self.names)} names; "
                "it needs two dimensions and one name per column."
            )
        object.__setattr__(self, "array", array)

    @property
    def told(self) -> tuple[str, ...]:
        """The p columns as a fault may name them: by their names, which the caller gave."""
        return self.names

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.array.shape[0])

    @property
    def p(self) -> int:
        """Number of columns."""
        return int(self.array.shape[1])

    def block(self, lo: int, hi: int) -> Array:
        """Return rows lo to hi (a view)."""
        return self.array[lo:hi]

    def take(self, rows: NDArray[Any]) -> Dense:
        """Return the design of the chosen rows (indices or a mask)."""
        return Dense(self.array[rows], self.names)


@dataclass(frozen=True, eq=False)
class Terms:
    """A design built lazily from named columns by typed terms.

    columns: name → Column of n rows. terms: products of factors, expanded in the order given.
    knots: (name, number of knots) → positions; fixed from the full data when left out, and kept
    by `take` and `with_columns`, so that a prediction uses the basis of the fit.

    >>> age = Column(np.array([5.0, 6.0, 7.0]))
    >>> sex = Column(np.array([0, 1, 1]), ("girl", "boy"))
    >>> both = ModelTerm((Factor("age"), Factor("sex")))
    >>> design = Terms({"age": age, "sex": sex}, (ModelTerm((Factor("sex"),)), both))
    >>> design.names
    ('intercept', 'sex = boy', 'age × sex = boy')
    >>> design.block(1, 3).tolist()
    [[1.0, 1.0, 6.0], [1.0, 1.0, 7.0]]
    """

    columns: Mapping[str, Column]
    terms: tuple[ModelTerm, ...]
    intercept: bool = True
    knots: Mapping[tuple[str, int], Array] = field(default_factory=dict)
    names: tuple[str, ...] = field(init=False)
    told: tuple[str, ...] = field(init=False, repr=False)
    copied: tuple[tuple[int, Array], ...] = field(init=False, repr=False)
    made: tuple[tuple[int, ModelTerm], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the terms against the columns, fix the knots, name and place the columns."""
        factors = [factor for term in self.terms for factor in term.factors]
        check_factors(factors, self.columns)
        knots = dict(self.knots)
        for factor in factors:
            place = (factor.name, factor.knots)
            if factor.kind == "spline" and place not in knots:
                values = numeric(self.columns[factor.name])
                knots[place] = knots_at(values, factor.knots, name=factor.name)
        object.__setattr__(self, "knots", knots)
        names = ["intercept"] * self.intercept
        told = list(names)
        copied: list[tuple[int, Array]] = []
        made: list[tuple[int, ModelTerm]] = []
        for term in self.terms:
            measured = as_it_is(term, self.columns)
            if measured is None:
                made.append((len(names), term))
            else:
                copied.append((len(names), measured))
            names += term_names(term, self.columns)
            told += term_names(term, self.columns, levels=False)
        object.__setattr__(self, "names", tuple(names))
        object.__setattr__(self, "told", tuple(told))
        # Most columns are measured values: they are copied straight, which halves a block's cost.
        object.__setattr__(self, "copied", tuple(copied))
        object.__setattr__(self, "made", tuple(made))

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values())).values)

    @property
    def p(self) -> int:
        """Number of columns."""
        return len(self.names)

    def block(self, lo: int, hi: int) -> Array:
        """Return rows lo to hi, newly built."""
        return self.built(slice(lo, hi), hi - lo)

    def built(self, rows: slice | Codes, count: int) -> Array:
        """Return the chosen rows, of which there are `count`, newly built."""
        # Column by column in memory: writing columns is thrice as fast so, and BLAS takes either.
        out = np.empty((self.p, count)).T
        if self.intercept:
            out[:, 0] = 1.0
        for at, values in self.copied:
            out[:, at] = values[rows]
        for at, term in self.made:
            self.write(out, term, at=at, rows=rows)
        return out

    def write(self, out: Array, term: ModelTerm, *, at: int, rows: slice | Codes) -> None:
        """Write the columns of one term from column `at` on."""
        first = term.factors[0]
        column = self.columns[first.name]
        if len(term.factors) == 1 and first.kind == "plain" and column.categorical:
            # Level by level into its place: a table of them all first takes four times as long.
            codes = column.values[rows]
            for place in range(len(column.levels) - 1):
                out[:, at + place] = codes == place + 1
            return
        parts = [
            factor_values(factor, self.columns[factor.name], knots=self.knots, rows=rows)
            for factor in term.factors
        ]
        product = parts[0]
        for part in parts[1:]:
            pairs = product[:, :, None] * part[:, None, :]
            product = pairs.reshape(len(pairs), -1)
        out[:, at : at + product.shape[1]] = product

    def take(self, rows: NDArray[Any]) -> Terms:
        """Return the design of the chosen rows (indices or a mask), with the same knots."""
        used = {name for term in self.terms for name in term.names} or set(list(self.columns)[:1])
        chosen = {name: self.columns[name].take(rows) for name in self.columns if name in used}
        return replace(self, columns=chosen)

    def with_columns(self, columns: Mapping[str, Column]) -> Terms:
        """Return the same model with some columns exchanged: every child under one arm, say."""
        return replace(self, columns={**self.columns, **columns})


@dataclass(frozen=True, eq=False, slots=True)
class Within:
    """What stands for another design: the same columns, of its own rows or values."""

    design: Design

    @property
    def p(self) -> int:
        """Number of columns."""
        return self.design.p

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the p columns."""
        return self.design.names

    @property
    def told(self) -> tuple[str, ...]:
        """The p columns as a fault may name them."""
        return self.design.told


@dataclass(frozen=True, eq=False, slots=True)
class Chosen(Within):
    """The chosen rows (m,) of a design of terms, picked out block by block: no column is copied."""

    design: Terms
    rows: Codes

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def block(self, lo: int, hi: int) -> Array:
        """Return rows lo to hi, newly built."""
        return self.design.built(self.rows[lo:hi], hi - lo)

    def take(self, rows: NDArray[Any]) -> Chosen:
        """Return the design of the chosen rows (indices or a mask)."""
        return Chosen(self.design, self.rows[rows])


@dataclass(frozen=True, eq=False, slots=True)
class Stretch(Within):
    """Rows `first` to `last` of a design as they stand, for sums that are made block by block."""

    first: int
    last: int

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.last - self.first

    def block(self, lo: int, hi: int) -> Array:
        """Return rows lo to hi of the stretch."""
        return self.design.block(self.first + lo, self.first + hi)

    def take(self, rows: NDArray[Any]) -> Stretch:
        """Return the design of the chosen rows (indices or a mask)."""
        chosen = np.arange(self.first, self.last)[rows]
        return Stretch(self.design.take(chosen), 0, len(chosen))


def as_it_is(term: ModelTerm, columns: Mapping[str, Column]) -> Array | None:
    """Return the float64 values that a term is, or None where its columns must be made."""
    first = term.factors[0]
    column = columns[first.name]
    if len(term.factors) > 1 or first.kind != "plain" or column.categorical:
        return None
    return numeric(column) if column.values.dtype == np.float64 else None


def check_factors(factors: Sequence[Factor], columns: Mapping[str, Column]) -> None:
    """Raise UsageError with every factor that the columns cannot give."""
    lengths = {len(column.values) for column in columns.values()}
    if len(lengths) != 1:
        raise UsageError(
            f"a design needs columns of one length; found {len(columns)} columns of "
            f"{len(lengths)} lengths."
        )
    faults = [fault for factor in factors if (fault := factor_fault(factor, columns))]
    if faults:
        raise UsageError(dict.fromkeys(faults))


def factor_fault(factor: Factor, columns: Mapping[str, Column]) -> str:
    """Return what is wrong with one factor, or an empty string."""
    if factor.name not in columns:
        hint = nearest(factor.name, columns)
        return f'the model uses "{factor.name}", which is not among the covariates.{hint}'
    if factor.kind not in KINDS:
        return f'"{factor.kind}" is no kind of factor; allowed: {listed(KINDS)}.'
    if factor.kind in ("power", "spline") and columns[factor.name].categorical:
        return f"{factor.words()}: {factor.name} is a category. Use it plain, or give numbers."
    return ""


def numeric(column: Column, rows: slice | Codes = slice(None)) -> Array:
    """Return the values of chosen rows as float64: narrow integers overflow in powers."""
    return column.values[rows].astype(np.float64, copy=False)


def factor_values(
    factor: Factor, column: Column, *, knots: Mapping[tuple[str, int], Array], rows: slice | Codes
) -> Array:
    """Return the (rows, width) columns of one factor."""
    if factor.kind == "spline":
        return natural_spline(numeric(column, rows), knots[factor.name, factor.knots])
    if factor.kind == "power":
        power: Array = numeric(column, rows)[:, None] ** factor.degree
        return power
    if factor.kind == "equals":
        equal = np.asarray(column.values[rows] == factor.value)
        return equal.astype(np.float64)[:, None]
    if column.categorical:
        levels = np.arange(1, len(column.levels))
        return np.asarray(column.values[rows][:, None] == levels).astype(np.float64)
    return numeric(column, rows)[:, None]


def factor_names(factor: Factor, column: Column, *, levels: bool = True) -> list[str]:
    """Return one name per column of the factor; levels: whether the names say which level."""
    if factor.kind == "spline":
        return [f"{factor.words()} {place}" for place in range(1, factor.knots)]
    if factor.kind == "plain" and column.categorical:
        if not levels:
            return [f"a level of {factor.name}"] * (len(column.levels) - 1)
        return [f"{factor.name} = {level}" for level in column.levels[1:]]
    return [factor.words()]


def term_names(term: ModelTerm, columns: Mapping[str, Column], *, levels: bool = True) -> list[str]:
    """Return one name per column of the term, the last factor running fastest."""
    names = [""]
    for factor in term.factors:
        own = factor_names(factor, columns[factor.name], levels=levels)
        names = [f"{left} × {right}" if left else right for left in names for right in own]
    return names


@dataclass(frozen=True, eq=False, slots=True)
class Moments:
    """Of each column: weighted mean (p,), standard deviation (p,), and the constant column, if any.

    constant: index of the first column with one non-zero value, which stands for the intercept.
    total: sum of the weights.
    """

    mean: Array
    deviation: Array
    constant: int | None
    total: float


def moments(design: Design, weights: Numbers | None = None) -> Moments:
    """Return means and standard deviations of the columns in one pass over the blocks."""
    if design.n == 0:
        raise TooFew("a model needs rows; none is left.")
    used = 0 if weights is None else int(np.argmax(np.asarray(weights, np.float64) > 0.0))
    first = design.block(used, used + 1)[0].copy()
    total, sums, squares = 0.0, np.zeros(design.p), np.zeros(design.p)
    for lo, hi in spans(design.n, block_rows(design.p)):
        # Distances from the first row keep large means (a year, a date) from cancelling.
        away = design.block(lo, hi) - first
        w = np.ones(hi - lo) if weights is None else np.asarray(weights[lo:hi], dtype=np.float64)
        total += float(w.sum())
        sums += w @ away
        np.square(away, out=away)
        squares += w @ away
    refuse_infinite(design.told, squares)
    centre = sums / total
    deviation = np.sqrt(np.maximum(squares / total - centre**2, 0.0))
    flat = np.flatnonzero((squares == 0.0) & (first != 0.0))
    return Moments(first + centre, deviation, int(flat[0]) if len(flat) else None, total)


def refuse_infinite(names: tuple[str, ...], sums: Array) -> None:
    """Raise NotFitted naming the columns whose sums are not finite."""
    bad = [name for name, total in zip(names, sums, strict=True) if not np.isfinite(total)]
    if bad:
        raise NotFitted(
            f"{', '.join(dict.fromkeys(bad))}: missing or infinite values. Every value of a "
            "covariate must be a finite number; say in the study how missing values are handled."
        )


def check(design: Design, weights: Numbers | None = None) -> tuple[str, ...]:
    """Return the names of columns that are constant or linear combinations of earlier ones.

    They are named as a fault may name them, each once: "a level of need" stands for any number of
    its levels. The first constant column stands for the intercept and is not named. A column
    is a combination where less than 1e-10 of its variance is left after the earlier columns
    (Cholesky of the correlation matrix, column by column).

    >>> x = np.array([1.0, 2.0, 4.0, 8.0])
    >>> check(Dense(np.column_stack([np.ones(4), x, 3 - 2 * x]), ("intercept", "age", "again")))
    ('again',)
    """
    with one_thread():
        found = moments(design, weights)
        gram = standardised_gram(design, found, weights=weights)
    rows = np.zeros((design.p, design.p))
    dependent = []
    for j in range(design.p):
        if j == found.constant:
            continue
        left = float(gram[j, j] - rows[j] @ rows[j])
        if left < COLLINEAR:
            dependent.append(design.told[j])
            continue
        later = slice(j + 1, design.p)
        rows[later, j] = (gram[later, j] - rows[later] @ rows[j]) / np.sqrt(left)
        rows[j, j] = np.sqrt(left)
    return tuple(dict.fromkeys(dependent))


def standardised_gram(design: Design, found: Moments, *, weights: Numbers | None = None) -> Array:
    """Return the (p, p) mean cross-products of the columns in standard units.

    Without a constant column nothing absorbs the means, so the columns are scaled, not centred.
    """
    if found.constant is None:
        shift, scale = np.zeros(design.p), np.hypot(found.mean, found.deviation)
    else:
        shift, scale = found.mean, found.deviation
    noise = 1e-14 * np.abs(found.mean)  # what rounding leaves of a constant column
    scale = np.where(scale > noise, scale, np.inf)
    gram = np.zeros((design.p, design.p))
    for lo, hi in spans(design.n, block_rows(design.p)):
        block = (design.block(lo, hi) - shift) / scale
        if weights is not None:
            block *= np.sqrt(np.asarray(weights[lo:hi], dtype=np.float64))[:, None]
        gram += block.T @ block
    return gram / found.total
