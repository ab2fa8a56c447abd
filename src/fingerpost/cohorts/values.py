"""Columns of records as arrays: numbers, codes of levels, days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.conditions import TRUTH, canonical
from fingerpost.core.moment import NUMBER
from fingerpost.core.study import Scalar

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
SHOWN = 5
CLOSE = 100_000  # whole numbers between the least and the most of a column that are looked up


@dataclass(frozen=True, eq=False, slots=True)
class Places:
    """Where rows stand in their files: (n,) row from 1, (n,) source from 0, the files' names."""

    row: NDArray[np.int64]
    source: NDArray[np.int64]
    words: tuple[str, ...]

    def of(self, mask: Mask) -> str:
        """Return the places of the chosen rows in words, the first few by number."""
        at = np.flatnonzero(mask)
        shown = [str(self.row[place]) for place in at[:SHOWN]]
        if len(self.words) > 1:
            shown = [
                f"{row} of {self.words[self.source[place]]}"
                for row, place in zip(shown, at, strict=False)
            ]
        more = f" and {len(at) - SHOWN} more" if len(at) > SHOWN else ""
        return f"row{'s' if len(at) > 1 else ''} {', '.join(shown)}{more}"


def is_text(series: pl.Series) -> bool:
    """Return whether a column holds text, so that its numbers must be parsed."""
    return series.dtype == pl.String


def readable(series: pl.Series) -> bool:
    """Return whether a column holds numbers, dates or text: not lists, times or bytes."""
    dtype = series.dtype
    return dtype.is_numeric() or dtype in (pl.String, pl.Date, pl.Datetime, pl.Null)


def numbers(series: pl.Series) -> tuple[Floats, Mask | None]:
    """Return (n,) float64 with NaN where nothing is recorded, and which values are not numbers.

    The second is None where every value is one. Dates become days since 1970. TRUE and FALSE
    become 1 and 0 where the column holds nothing else.
    """
    wrong: Mask | None = None
    if series.dtype == pl.Date:
        series = series.cast(pl.Int32)
    elif series.dtype == pl.Datetime:
        series = series.dt.timestamp("ms") / 86_400_000
    elif series.dtype == pl.String:
        parsed = parse(series)
        bad = (parsed.is_null() & series.is_not_null()).to_numpy()
        wrong = bad if bad.any() else None
        series = parsed
    values = series.cast(pl.Float64).fill_null(np.nan).rechunk().to_numpy(writable=True)
    return np.ascontiguousarray(values, dtype=np.float64), wrong


def parse(series: pl.Series) -> pl.Series:
    """Return text as numbers, null where it is not one."""
    plain = series.str.strip_chars().str.to_lowercase()
    levels = plain.drop_nulls().unique()
    if len(levels) and levels.is_in(list(TRUTH)).all():
        plain = plain.replace(TRUTH)
    return plain.cast(pl.Float64, strict=False)


def codes(series: pl.Series) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return (n,) codes of levels, −1 where nothing is recorded, and the levels in order.

    Levels that are numbers come first, in their order; then the others, in that of the alphabet.
    """
    whole = narrow(series)
    held = None if whole is None else np.flatnonzero(np.bincount(whole[0]))
    found = (
        series.drop_nulls().unique().to_list()
        if whole is None or held is None
        else (held + whole[1]).tolist()
    )
    label = {value: spelt(value) for value in found}
    levels = tuple(sorted(set(label.values()), key=rank))
    place = {level: code for code, level in enumerate(levels)}
    if not found:
        return np.full(len(series), -1, dtype=np.int64), ()
    if whole is not None and held is not None:
        onto = np.zeros(int(held[-1]) + 1, dtype=np.int64)
        onto[held] = [place[label[value]] for value in found]
        return onto[whole[0]], levels
    coded = series.replace_strict(
        found, [place[label[value]] for value in found], default=-1, return_dtype=pl.Int64
    )
    return np.ascontiguousarray(coded.to_numpy(), dtype=np.int64), levels


def narrow(series: pl.Series) -> tuple[NDArray[np.int64], int] | None:
    """Return whole numbers less the least, and the least, where they lie so close together that a
    table of them is looked up faster than levels are searched for; None of any other column.
    """
    whole = series.dtype.is_integer() and series.dtype != pl.UInt64
    if not whole or series.null_count() or not len(series):
        return None
    values = series.cast(pl.Int64).to_numpy()
    low = int(values.min())
    return (values - low, low) if int(values.max()) - low <= CLOSE else None


def spelt(value: Scalar | date) -> str:
    """Return a level's name."""
    return value.isoformat() if isinstance(value, date) else canonical(value)


def rank(level: str) -> tuple[int, float, str]:
    """Return where a level stands among others."""
    return (0, float(level), level) if NUMBER.fullmatch(level) else (1, 0.0, level)


def groups(series: pl.Series) -> NDArray[np.int64]:
    """Return (n,) codes of what is the same, −1 where nothing is recorded."""
    dense = series.rank("dense").cast(pl.Int64).fill_null(0).to_numpy() - 1
    return np.ascontiguousarray(dense, dtype=np.int64)


def moments(series: pl.Series) -> tuple[Floats, str]:
    """Return (n,) moments and their kind: `date` (days since 1970), `number`, else `text`."""
    if series.dtype == pl.String:
        dates = series.str.to_date("%Y-%m-%d", strict=False)
        if dates.null_count() == series.null_count():
            return numbers(dates)[0], "date"
    values, wrong = numbers(series)
    if wrong is not None:
        return values, "text"
    return values, "date" if series.dtype in (pl.Date, pl.Datetime) else "number"
