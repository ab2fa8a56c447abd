"""What negative controls say: whether an answer may be read as an effect at all."""

from __future__ import annotations

from fingerpost.core.output import Output, Result
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import counted, sentence
from fingerpost.plots.numbers import number, shared_places

Row = dict[str, Cell]


def sensitivity_tables(output: Output, name: str) -> tuple[Table, ...]:
    """Return the tables of that name which sensitivity analyses drew up."""
    return tuple(table for one in output.sensitivity for table in one.tables if table.name == name)


def adjusted(output: Output) -> list[tuple[Table, Row]]:
    """Return every negative-control row of an answer that adjusts for something."""
    return [
        (table, row)
        for table in sensitivity_tables(output, "negative_control")
        for row in table.records()
        if isinstance(row.get("estimate"), int | float) and row.get("target") != "association"
    ]


def any_fired(output: Output) -> bool:
    """Return whether any adjusted answer finds a difference where there can be none."""
    return any(not holds_zero(row) for _, row in adjusted(output))


def confounded(output: Output, result: Result) -> str:
    """Return the caution that a result must carry where its own negative control fired, else
    nothing: its difference is then no evidence of an effect.
    """
    for table, row in adjusted(output):
        same = (row.get("estimator"), row.get("target"), table.tag("contrast")) == (
            result.estimator,
            result.term.target.label(),
            result.term.words(),
        )
        if same and not holds_zero(row):
            return (
                f"But the same comparison also finds a difference on {table.tag('outcome')}, which "
                f"provision cannot have changed ({limits_words(row)}): something unrecorded still "
                "sets the arms apart, so this is not to be read as an effect."
            )
    return ""


def limits_words(row: Row) -> str:
    """Return a row's estimate with its limits."""
    cells = [row.get(name) for name in ("estimate", "lo", "hi")]
    places = shared_places(cell if isinstance(cell, float) else None for cell in cells)
    told = [number(c, places) if isinstance(c, int | float) else "unbounded" for c in cells]
    return f"{told[0]}, {told[1]} to {told[2]}"


def negative_control_words(output: Output) -> str:
    """Return what the negative control says of answers that adjust for something."""
    rows = [row for _, row in adjusted(output)]
    if not rows:
        return ""
    fired = [row for row in rows if not holds_zero(row)]
    told = fired[0] if fired else rows[0]
    return sentence(
        f"on the negative control, which provision cannot change, {len(fired)} of "
        f"{counted(len(rows), 'adjusted answer')} {'differs' if len(fired) == 1 else 'differ'} "
        f"from nothing ({told.get('estimator')}, {told.get('target')}: {limits_words(told)})"
        + (": something unrecorded still sets the arms apart" if fired else "")
    )


def holds_zero(row: dict[str, Cell]) -> bool:
    """Return whether a row's interval holds zero; an open or missing end holds it."""
    lo, hi = row.get("lo"), row.get("hi")
    below = not isinstance(lo, int | float) or lo <= 0
    above = not isinstance(hi, int | float) or hi >= 0
    return below and above
