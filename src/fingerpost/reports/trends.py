"""What was so before provision began, and what it says of an answer."""

from __future__ import annotations

from fingerpost.core.output import Output, Result
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import p_words
from fingerpost.plots.numbers import number
from fingerpost.reports.phrases import outcome_words, primary_of

AS_BEFORE = 1.0  # times the most that trends parted in any step before


def trends_parted(output: Output, result: Result) -> str:
    """Return that an answer is not to be read as an effect, where outcomes had moved before
    provision began, or where nobody drew the order and the trends that it leans on had parted;
    empty elsewhere.
    """
    if output.study.assignment.randomised:
        return moved_before(output, result)
    p = p_before(output, result)
    if p is None or p > 1 - output.study.level:
        return ""
    told = f"Trends of the waves had parted before provision began ({p_words(p)})"
    bounds = allowed(output, result)
    name = outcome_words(output.study, result.term.outcome)
    if bounds is not None and (bounds[0] > 0 or bounds[1] < 0):
        return (
            f"{told}. If they go on to part as much in a step as the most before, {name} differs "
            "still; if by more, it may not."
        )
    return (
        f"{told}, and if they go on to part as much in a step as the most before, there may be no "
        f"effect at all: we cannot tell whether {name} differs by what was provided or by what was "
        "under way."
    )


def moved_before(output: Output, result: Result) -> str:
    """Return that outcomes had moved before provision began, where the same leaf says so."""
    for table in output.tables:
        if not table.plays("moved before") or not of(table, result):
            continue
        rows = [row for row in table.records() if row["contrast"] == result.term.words()]
        least = min((float(str(row["p"])) for row in rows), default=1.0) * len(rows)
        if table.leaf == result.estimator and least <= 1 - output.study.level:
            name = outcome_words(output.study, result.term.outcome)
            return (
                f"But {name} had moved before provision began ({p_words(min(least, 1.0))}), so "
                "that the units it is held against differ by more than provision: we cannot tell "
                "how much of the difference is of it."
            )
    return ""


def p_before(output: Output, result: Result) -> float | None:
    """Return the p-value of trends before as the leaf tested them: by shuffled waves where it has
    that.
    """
    for table in output.tables:
        if table.plays("trends before") and table.leaf == result.estimator and of(table, result):
            row = next(iter(table.records()), None)
            if row is not None and row["contrast"] == result.term.words():
                for column in ("p_shuffled", "p_small_sample"):
                    found = row[column]
                    if isinstance(found, int | float):
                        return float(found)
    return None


def allowed(output: Output, result: Result) -> tuple[float, float] | None:
    """Return the interval of effects that drift as before allows, by any leaf that bounds it."""
    for table in output.tables:
        if not table.plays("drift allowed") or not of(table, result):
            continue
        for row in table.records():
            if mine(row, result) and row["times"] == AS_BEFORE:
                lo, hi = row["lo"], row["hi"]
                if isinstance(lo, int | float) and isinstance(hi, int | float):
                    return float(lo), float(hi)
    return None


def drifting(output: Output) -> str:
    """Return what every first answer may be if trends go on to part as they did before; empty where
    no leaf bounds that.
    """
    first: dict[str, Result] = {}
    for result in primary_of(output):
        first.setdefault(result.term.outcome, result)
    said = [
        f"{outcome_words(output.study, name)} {number(ends[0])} to {number(ends[1])}"
        for name, result in first.items()
        if (ends := allowed(output, result)) is not None
    ]
    if not said:
        return ""
    return (
        " If trends go on to part by as much in a step as the most before, with the error of "
        f"sampling the effect may be: {'; '.join(said)}."
    )


def mine(row: dict[str, Cell], result: Result) -> bool:
    """Return whether a row is of a result's term."""
    return row["contrast"] == result.term.words() and row["target"] == result.term.label()


def of(table: Table, result: Result) -> bool:
    """Return whether a table is of a result's outcome."""
    return table.tag("outcome") == result.term.outcome
