"""When something was measured, as studies write it: a number, or an ISO year, month or day."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date

NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
ISO = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of time. kind: `number`, or `date` (first and last are days since 1970).

    A month is known to lie between its days only, so that one moment comes before another where
    its last is less than the other's first.
    """

    first: float
    last: float
    kind: str

    def before(self, other: Moment) -> bool:
        """Return whether the whole of this comes before any of the other.

        >>> moment("2002-08").before(moment("2002-09")), moment("2002-09").before(moment("2002"))
        (True, False)
        """
        return self.last < other.first


def moment(value: str | float | bool | None) -> Moment | None:
    """Return the moment that a value of a study means; None where it means none.

    A number, or text that is a number, is one; four digits in text are a year.

    >>> moment("1970-02"), moment(2002), moment("spring")
    (Moment(first=31.0, last=58.0, kind='date'), Moment(first=2002.0, last=2002.0, kind='number'), \
None)
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        if ISO.fullmatch(value):
            return stretch(value)
        if not NUMBER.fullmatch(value):
            return None
    return Moment(float(value), float(value), "number")


def stretch(written: str) -> Moment | None:
    """Return the moment of an ISO year, month or day; None where there is no such day."""
    year, *rest = (int(part) for part in written.split("-"))
    month = rest[0] if rest else 12
    try:
        start = date(year, *rest, *(1, 1)[len(rest) :])
        end = start if len(rest) > 1 else date(year, month, monthrange(year, month)[1])
    except ValueError:
        return None
    return Moment(float((start - EPOCH).days), float((end - EPOCH).days), "date")
