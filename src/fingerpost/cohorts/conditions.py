"""Eligibility conditions as expressions over records, and as words."""

from __future__ import annotations

import re
from datetime import date, timedelta

import narwhals as nw

from fingerpost.core.errors import Malformed, listed
from fingerpost.core.moment import EPOCH, NUMBER, moment
from fingerpost.core.study import Condition, Scalar

WHOLE = re.compile(r"\s*[+-]?\d+\s*")
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
TRUTH = {"true": "1", "false": "0"}
# The test of a condition → why a child who fails it leaves.
LEAVES = {
    "equals": "is not {value}",
    "is_in": "is none of {value}",
    "at_least": "is below {value} or not recorded",
    "at_most": "is above {value} or not recorded",
    "below": "is {value} or more, or not recorded",
    "above": "is {value} or less, or not recorded",
    "recorded": "is not recorded",
    "missing": "is recorded",
}

MEMBERSHIP = frozenset({"equals", "is_in"})
PRESENCE = frozenset({"recorded", "missing"})


def canonical(value: Scalar) -> str:
    """Return the one spelling of a code, however it was stored.

    >>> [canonical(value) for value in (1, 1.0, "1", "01", True, "TRUE", 2.5, " no ")]
    ['1', '1', '1', '1', '1', '1', '2.5', 'no']
    """
    if isinstance(value, str):
        if WHOLE.fullmatch(value):
            return str(int(value))
        if NUMBER.fullmatch(value):
            return canonical(float(value))
        plain = value.strip()
        return TRUTH.get(plain.lower(), plain)
    if isinstance(value, float) and not value.is_integer():
        return repr(value)
    return str(int(value))


def values_of(condition: Condition) -> tuple[Scalar, ...]:
    """Return what a condition compares with, as a tuple."""
    if condition.value is None:
        return ()
    return condition.value if isinstance(condition.value, tuple) else (condition.value,)


def words(condition: Condition) -> str:
    """Return why a child who fails the condition leaves.

    >>> words(Condition("age", "at_least", 25))
    'age is below 25 or not recorded'
    """
    if condition.reason:
        return condition.reason
    value = listed(str(item) for item in values_of(condition))
    return f"{condition.column} {LEAVES[condition.test].format(value=value)}"


def expression(condition: Condition, dtype: nw.dtypes.DType, *, place: str) -> nw.Expr:
    """Return the condition as an expression that is true for those who stay.

    place: where the study states it, for the fault. Raises Malformed where the column cannot be
    compared with the value.
    """
    column = nw.col(condition.column)
    bounds = compared(condition, dtype, place=place)
    if not bounds:
        return column.is_null() if condition.test == "missing" else ~column.is_null()
    if dtype == nw.Datetime:
        column = column.dt.date()
    if condition.test in MEMBERSHIP:
        return column == bounds[0] if len(bounds) == 1 else column.is_in(bounds)
    return {
        "at_least": column >= bounds[0],
        "at_most": column <= bounds[0],
        "below": column < bounds[0],
        "above": column > bounds[0],
    }[condition.test]


def compared(
    condition: Condition, dtype: nw.dtypes.DType, *, place: str
) -> tuple[int | float | str | date, ...]:
    """Return what a column of this type is compared with: one bound, the members, or nothing.

    Raises Malformed as `expression` does.
    """
    if condition.test in PRESENCE:
        return ()
    if condition.test not in LEAVES:
        raise Malformed(
            f'{place}: "{condition.test}" is no test. Allowed: {listed(sorted(LEAVES))}.'
        )
    values = values_of(condition)
    if not values:
        raise Malformed(f'{place}: {condition.test} on "{condition.column}" needs a value.')
    if condition.test not in MEMBERSHIP:
        values = values[:1]
    elif dtype == nw.String:
        return tuple(sorted({spelling for value in values for spelling in spellings(value)}))
    return tuple(comparable(value, dtype, condition=condition, place=place) for value in values)


def spellings(value: Scalar) -> set[str]:
    """Return how a code may be spelt in a column of text.

    >>> sorted(spellings(True))
    ['1', 'TRUE', 'True', 'true']
    """
    spelt = {str(value)}
    code = canonical(value)
    if isinstance(value, bool) or (isinstance(value, str) and value.strip().lower() in TRUTH):
        word = "true" if code == "1" else "false"
        return {code, word, word.upper(), word.capitalize()}
    if not isinstance(value, str):
        spelt |= {code, f"{float(value)}"}
    return spelt


def day_of(value: Scalar, test: str) -> date | None:
    """Return the day that bounds a column of dates; None where the value is no date.

    A month or year in text bounds with its last day where later days are left out or asked for,
    else with its first; it equals no day.

    >>> day_of("2002-09", "at_least"), day_of("2002-09", "at_most")
    (datetime.date(2002, 9, 1), datetime.date(2002, 9, 30))
    """
    found = moment(value)
    if found is None or found.kind != "date":
        return None
    if test in {"equals", "is_in"} and found.first != found.last:
        return None
    return EPOCH + timedelta(found.last if test in {"at_most", "above"} else found.first)


def comparable(
    value: Scalar, dtype: nw.dtypes.DType, *, condition: Condition, place: str
) -> int | float | str | date:
    """Return a value in the column's own type; Malformed where it has none."""
    held = "text"
    if dtype.is_numeric():
        code = canonical(value)
        if NUMBER.fullmatch(code):
            # A whole number only for a column of whole numbers: engines compare like with like.
            whole = dtype.is_integer() and WHOLE.fullmatch(code)
            return int(code) if whole else float(code)
        held = "numbers"
    elif dtype in (nw.Date, nw.Datetime):
        day = day_of(value, condition.test)
        if day is not None:
            return day
        held = "dates"
    elif dtype == nw.String and isinstance(value, str) and ISO_DATE.fullmatch(value):
        # Dates written year-month-day sort as text.
        return value
    mend = {
        "numbers": "Compare it with a number.",
        "dates": "Write the date as YYYY-MM-DD.",
        "text": f"{condition.test} needs a column of numbers or of dates (YYYY-MM-DD).",
    }[held]
    raise Malformed(
        f'{place}: column "{condition.column}" holds {held}, which cannot be compared with '
        f'"{value}". {mend}'
    )
