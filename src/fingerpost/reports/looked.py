"""What a trial with looks says of its effect at the look at which its records were taken."""

from __future__ import annotations

from dataclasses import replace

from fingerpost.core.output import Output, Result
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import sentence
from fingerpost.plots.numbers import number, plain
from fingerpost.reports.phrases import effect, outcome_words, primary_of, unit_of

ROLE = "looked at"
Row = dict[str, Cell]


def looked_tables(output: Output) -> list[Table]:
    """Return the tables of the look; there is one, or none."""
    return [table for table in output.tables if table.plays(ROLE)]


def looked_words(output: Output) -> tuple[str, ...]:
    """Return what the look says of each primary answer, a paragraph each."""
    pairs = ((result, row_of(output, result)) for result in primary_of(output))
    return tuple(told(output, result, row) for result, row in pairs if row is not None)


def row_of(output: Output, result: Result) -> Row | None:
    """Return what the look says of one answer; None where it says nothing."""
    term = result.term
    names = (term.outcome, result.estimator, term.words(), term.label())
    for table in looked_tables(output):
        for row in table.records():
            own = (row["estimator"], row["contrast"], row["target"])
            if (table.tag("outcome"), *own) == names:
                return row
    return None


def allowed(output: Output, result: Result) -> Result | None:
    """Return an answer with the estimate and the limits that allow for looks; None where the look
    gives none.
    """
    row = row_of(output, result)
    value = None if row is None else as_float(row["estimate"])
    if row is None or value is None:
        return None
    return replace(result, value=value, lo=as_float(row["lo"]), hi=as_float(row["hi"]))


def uncrossed(output: Output, result: Result) -> str:
    """Return that nothing is settled where the boundary of the look was not crossed; empty
    elsewhere.
    """
    row = row_of(output, result)
    if row is None or row["crossed"]:
        return ""
    return (
        "The boundary of the look, by which the trial is judged, is not crossed, so it does not "
        f"settle which way {outcome_words(output.study, result.term.outcome)} moves."
    )


def told(output: Output, result: Result, row: Row) -> str:
    """Return one row in sentences: the boundary, the answer that allows for looks, the repeated
    interval.
    """
    look, looks = (plain(as_float(row[name])) for name in ("look", "looks"))
    crossed = bool(row["crossed"])
    where = (
        f"at look {look} of {looks} the effect by {result.estimator} is "
        f"{number(as_float(row['statistic']))} times its error, "
    )
    bound = as_float(row["bound"])
    if bound is None:
        where += "and nothing could stop the trial there"
    else:
        verb = "crosses the boundary" if crossed else "does not cross the boundary"
        where += f"and {verb} of {number(bound)}"
    parts = [sentence(where)]
    if as_float(row["estimate"]) is not None:
        usual = effect(output.study, result)
        parts.append(f"Allowing for the looks p is {p_words(row['p'])}.")
        parts.append(sentence(f"taken as if nobody had looked, {usual}"))
    elif not crossed and look != looks:
        parts.append("By its own rule the trial had not stopped there.")
    times = unit_of(output.study, result.term).times
    low, high = (as_float(row[name]) for name in ("repeated_lo", "repeated_hi"))
    if low is not None and high is not None:
        parts.append(
            f"Whatever the reason for stopping, from {number(low * times)} to "
            f"{number(high * times)} holds (repeated interval)."
        )
    return " ".join(parts)


def as_float(cell: Cell) -> float | None:
    """Return a cell's number, None where a policy or the table holds none."""
    return float(cell) if isinstance(cell, int | float) else None


def p_words(cell: Cell) -> str:
    """Return a p-value in words.

    >>> p_words(0.0), p_words(0.0123)
    ('below 0.0001', '0.0123')
    """
    p = as_float(cell)
    return "not told" if p is None else "below 0.0001" if p < 1e-4 else number(p)
