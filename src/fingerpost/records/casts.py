"""From what a file holds to the declared type of a column: which values fit, and as what."""

from __future__ import annotations

import narwhals as nw

from fingerpost.records.fields import Field

INTEGER = r"^[+-]?[0-9]{1,15}(\.0*)?$"
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$"
# Every day of the calendar as year-month-day and no other, midnight after it at most.
LEAP = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
DAY = (
    r"^(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    rf"|{LEAP}-02-29)(?:[ T]00:00:00(?:\.0+)?)?$"
)
PATTERNS = {"int": INTEGER, "float": NUMBER, "date": DAY}
WHAT = {
    "int": "a whole number",
    "float": "a number",
    "date": "a date (year-month-day)",
    "code": "a code",
    "text": "text",
    "id": "an identifier",
}
DTYPES: dict[str, nw.dtypes.DType] = {
    "int": nw.Int64(),
    "float": nw.Float64(),
    "date": nw.Date(),
    "code": nw.String(),
    "text": nw.String(),
}


def misfit(field: Field, held: nw.dtypes.DType, *, text_id: bool | None = None) -> nw.Expr | None:
    """Return whether each value of a column is not of the declared kind; None where all are.

    held: the type of the column as it was read. text_id: whether identifiers are text; None leaves
    them as they are. Missing values are missing in the answer.
    """
    column = nw.col(field.name)
    if held == nw.String:
        numbers = field.kind == "id" and text_id is False
        pattern = INTEGER if numbers else PATTERNS.get(field.kind)
        return ~column.str.strip_chars().str.contains(pattern) if pattern else None
    if held.is_numeric() and field.kind != "date":
        whole = held.is_integer() or field.kind == "float"
        return None if whole else column != column.floor()
    if field.kind == "date" and held in (nw.Date, nw.Datetime):
        return None
    return ~column.is_null()


def cast(field: Field, held: nw.dtypes.DType, *, text_id: bool | None = None) -> nw.Expr:
    """Return a column in its declared type; what does not fit is missing.

    held: the type of the column as it was read. text_id: whether identifiers are text; None leaves
    them as they are.
    """
    wrong = misfit(field, held, text_id=text_id)
    want = dtype(field, held, text_id=text_id)
    column = nw.col(field.name)
    if held == nw.String and want != nw.String:
        column = column.str.strip_chars()
    fitting = column if wrong is None else nw.when(~wrong).then(column)
    if held == want:
        return fitting.alias(field.name)
    if held == nw.String and want == nw.Date:
        return fitting.str.slice(0, 10).str.to_date(format="%Y-%m-%d").alias(field.name)
    if held == nw.String and want == nw.Int64:
        return fitting.cast(nw.Float64).cast(nw.Int64).alias(field.name)
    if held.is_float() and want == nw.String:
        return fitting.cast(nw.Int64).cast(nw.String).alias(field.name)
    if (held.is_numeric() and want == nw.Date) or held == nw.Date:
        return nw.lit(None, dtype=want).alias(field.name)
    return fitting.cast(want).alias(field.name)


def dtype(field: Field, held: nw.dtypes.DType, *, text_id: bool | None = None) -> nw.dtypes.DType:
    """Return the type that a column is given; identifiers are whole numbers or text."""
    if field.kind != "id":
        return DTYPES[field.kind]
    return nw.String() if text_id or (text_id is None and held == nw.String) else nw.Int64()
