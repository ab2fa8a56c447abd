"""Children term by term from time zero: recorded level, and covariates as known before each census.

The level at a census is what was known of it on its own day. What may explain it is what was known
on the day of the census before, and at time zero what was known at time zero, so that nothing that
came of the provision is taken for its cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.linked import _values
from fingerpost.cohorts.linked._eligible import DATE, level
from fingerpost.cohorts.linked._known import CENSUSES, YEARS, ZERO, Frame, Hold, joined, mapped
from fingerpost.cohorts.linked.covariates import LinkedCovariate
from fingerpost.core.calendar import TERMS, census_day, day_number
from fingerpost.core.linked import Linked
from fingerpost.engines._shared import collected
from fingerpost.engines._shared import day_number as days
from fingerpost.outcomes._query import CHILD, term_of

Array = NDArray[np.float64]
AT = "decision"
TERM_NUMBER = "term number"
# The day, and the date, of each census, by a number that rises by one a term.
CENSUS_DATES = {
    len(TERMS) * year + at: census_day(year, name)
    for year in YEARS
    for at, name in enumerate(TERMS)
}
CENSUS_DAYS = {number: day_number(date) for number, date in CENSUS_DATES.items()}
ABSENT = -1


@dataclass(frozen=True, eq=False, slots=True)
class Termly:
    """n children, in the order asked, by d decisions, the first at time zero.

    level: (n, d) place in `LEVELS` of the recorded level, `ABSENT` where the child is in no census;
    in one missing between two that have the child it is that of the census before.
    covariates: name → (n, d) as known before the decision; NaN where missing.
    labels: the d decisions in words.
    """

    level: NDArray[np.int64]
    covariates: dict[str, Array]
    labels: tuple[str, ...]


def decisions(linked: Linked, through: int) -> int:
    """Return how many censuses there are from time zero to the end of a school year.

    >>> decisions(Linked(), 3)
    8
    """
    first = TERMS.index(CENSUSES[linked.zero.census])
    return len(TERMS) * (through - linked.zero.year + 1) - first


def labels(linked: Linked, through: int) -> tuple[str, ...]:
    """Return each decision in words.

    >>> labels(Linked(), 2)[:3]
    ('Year 1 spring', 'Year 1 summer', 'Year 2 autumn')
    """
    words = {code: word for word, code in CENSUSES.items()}
    first = TERMS.index(CENSUSES[linked.zero.census])
    places = (first + at for at in range(decisions(linked, through)))
    return tuple(
        f"Year {linked.zero.year + place // len(TERMS)} {words[TERMS[place % len(TERMS)]]}"
        for place in places
    )


def termly(
    linked: Linked,
    store: Any,
    *,
    chosen: Frame,
    order: pl.Series,
    asked: Sequence[LinkedCovariate],
    hold: Hold,
) -> Termly:
    """Return the children of `order` term by term.

    chosen: the eligible children with what the census of time zero held. asked: the covariates that
    change, which are numbers.
    """
    through = linked.until if linked.through is None else linked.through
    count = decisions(linked, through)
    # One census more tells whether a child missing from the last came back.
    census = hold(_census(linked, store, chosen, count=count + 1))
    names = [one.name for one in asked]
    held = pl.DataFrame({CHILD: order}).with_row_index("row")
    seen: pl.DataFrame = collected(census.select(CHILD, AT, "level"), "school_census")
    found = seen.join(held, on=CHILD, how="inner")
    level_at = np.full((len(order), count + 1), ABSENT, dtype=np.int64)
    level_at[found["row"].to_numpy(), found[AT].to_numpy()] = found["level"].to_numpy()
    values = {name: np.full((len(order), count), np.nan) for name in names}
    for at in range(count if names else 0):
        day = _before(chosen, census, at)
        parts = _values.frames(store, day.select(CHILD, ZERO, DATE, "birth_day", "urn"), asked)
        columns = [nw.col(CHILD), *_values.chosen(asked, ())]
        table: pl.DataFrame = collected(joined(day, parts).select(*columns), "linked records")
        beside = table.join(held, on=CHILD, how="inner")
        for name in names:
            numbers = beside[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            values[name][beside["row"].to_numpy(), at] = numbers
    return Termly(bridged(level_at)[:, :count], values, labels(linked, through))


def bridged(level: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (n, d) levels in which one census missing between two that have the child is filled
    with the level of the census before: a return that was not made, or a child not found, is no
    sign that it left or that its provision ended.

    >>> bridged(np.array([[1, -1, 1, -1, -1, 1], [0, -1, 1, 1, 1, -1]])).tolist()
    [[1, 1, 1, -1, -1, 1], [0, 0, 1, 1, 1, -1]]
    """
    held = level != ABSENT
    filled = level.copy()
    gap = ~held[:, 1:-1] & held[:, :-2] & held[:, 2:]
    filled[:, 1:-1][gap] = level[:, :-2][gap]
    return filled


def _census(linked: Linked, store: Any, chosen: Frame, *, count: int) -> Frame:
    """Return one row a child and census from time zero on, as known on the census's own day."""
    first = TERMS.index(CENSUSES[linked.zero.census])
    zero = chosen.select(CHILD, "zero_year")
    rows = store.frame("school_census").join(zero, on=CHILD, how="inner")
    rows = rows.with_columns(term_of("academic_year", "term").alias(TERM_NUMBER))
    start = nw.col("zero_year") * len(TERMS) + first
    rows = rows.with_columns(
        (nw.col(TERM_NUMBER) - start).alias(AT), mapped(TERM_NUMBER, CENSUS_DAYS).alias(ZERO)
    )
    inside = (nw.col(AT) >= 0) & (nw.col(AT) < count)
    rows = rows.filter(inside & (days(nw.col("known_from")) <= nw.col(ZERO)))
    return rows.group_by(CHILD, AT, TERM_NUMBER, ZERO).agg(
        level().max().alias("level"),
        nw.col("urn").min(),
        nw.col("la").min(),
        nw.col("school_type").max(),
        nw.col("fsm").max(),
        nw.col("idaci_score").max(),
    )


def _before(chosen: Frame, census: Frame, at: int) -> Frame:
    """Return what was known of each child before a decision: at the first, at time zero itself; at
    a later one, at the census before.
    """
    if at == 0:
        return chosen
    fixed = ("zero_year", "birth_day", "birth_months", "sex", "ethnicity", "first_language")
    own = census.filter(nw.col(AT) == at - 1)
    dated = own.with_columns(
        nw.col(TERM_NUMBER)
        .replace_strict(
            list(CENSUS_DATES), list(CENSUS_DATES.values()), default=None, return_dtype=nw.Date
        )
        .alias(DATE)
    )
    return dated.join(chosen.select(CHILD, *fixed), on=CHILD, how="inner")


def completed(values: Array, needed: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return values without gaps, and flags of what was missing: the last value known before, or,
    where there is none, the mean of those needed at that decision.

    values: (n, d) with NaN where missing. needed: (n, d) the rows that a model reads.

    >>> one = np.array([[1.0, np.nan], [np.nan, 4.0]])
    >>> completed(one, np.ones((2, 2), dtype=bool))[0].tolist()
    [[1.0, 1.0], [1.0, 4.0]]
    """
    missing = np.isnan(values)
    filled = values.copy()
    for at in range(values.shape[1]):
        if at:
            gap = np.isnan(filled[:, at])
            filled[gap, at] = filled[gap, at - 1]
        known = filled[needed[:, at] & ~np.isnan(filled[:, at]), at]
        filled[np.isnan(filled[:, at]), at] = float(known.mean()) if len(known) else 0.0
    return filled, missing.astype(np.float64)
