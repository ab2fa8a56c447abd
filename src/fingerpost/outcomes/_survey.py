"""What measures that a child, parent or teacher reports share."""

from __future__ import annotations

import narwhals as nw

WINDOW = "the mean of the reports in academic years after time zero, to the end of follow-up"


def mean(column: str) -> nw.Expr:
    """Return the mean of a column over a child's reports."""
    return nw.col(column).mean()
