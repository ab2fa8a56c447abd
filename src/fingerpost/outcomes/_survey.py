"""What measures that a child, parent or teacher reports share."""

from __future__ import annotations

import narwhals as nw

from fingerpost.core.leaves import RecordsMeasure

WINDOW = "the mean of the reports in academic years after time zero, to the end of follow-up"


def mean(column: str) -> nw.Expr:
    """Return the mean of a column over a child's reports."""
    return nw.col(column).mean()


def yearly(title: str, *, summary: str, column: str) -> RecordsMeasure:
    """Return the measure of one column of the yearly reports; its name is its domain."""
    return RecordsMeasure(
        title=title,
        summary=summary,
        reference="collected in the field: see the code of the instrument in the records",
        domain=column,
        kind="continuous",
        measured_in="standard deviations",
        better="higher",
        tables=("wellbeing",),
        rows="years",
        window=WINDOW,
        value=lambda: mean(column),
        scale="difference",
        informant="child, parent or teacher",
        limits=("a child of whom nobody reported has no value, which is unlikely to be by chance",),
    )
