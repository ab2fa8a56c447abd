"""How much an unrecorded cause would have to do: tipping points, hidden bias, selection."""

from __future__ import annotations

import math

from fingerpost.core.output import Output, Result
from fingerpost.core.table import Cell
from fingerpost.core.words import sentence
from fingerpost.plots.numbers import number, percent
from fingerpost.reports.controls import sensitivity_tables
from fingerpost.reports.phrases import horizon_words, in_unit, outcome_words, spec_of, unit_of
from fingerpost.reports.strength import as_float, is_number

Row = dict[str, Cell]
# Columns that hold an answer as the study gives it, on the scale of the results.
VALUES = ("value", "estimate", "after")
THERE = "is there already"  # how the verdict of an interval that holds the aim begins
MOST_LEFT = 2  # answers left alone that a sentence names


def rows_of(output: Output, role: str) -> list[Row]:
    """Return the rows of the tables that play a part, what their tags say added to each."""
    return [
        {**dict(table.tags), **row}
        for table in sensitivity_tables(output, role)
        for row in table.records()
    ]


def answered_by(output: Output, row: Row) -> Result | None:
    """Return the result that a row is about: of several that its words fit (a row need not name the
    subgroup) the one of its value, else the first that is primary.
    """
    found = [
        result
        for result in output.results
        if result.term.outcome == row.get("outcome")
        and row.get("contrast") in (None, result.term.words())
        and row.get("target") in (None, result.term.label(), result.term.target.label())
    ]
    found = [result for result in found if result.term.label() == row.get("target")] or found
    # A least-squares answer of the analysis's own has the unit of the study's.
    found = [result for result in found if result.estimator == row.get("estimator")] or found
    value = next((row[name] for name in VALUES if is_number(row.get(name))), None)
    if value is not None and len(found) > 1:
        return min(found, key=lambda result: abs(result.value - as_float(value)))
    return next((result for result in found if result.primary), found[0] if found else None)


def asked_words(output: Output, row: Row) -> str:
    """Return which answer a row is about: contrast, target, subgroup and time."""
    found = answered_by(output, row)
    words = [str(row[name]) for name in ("contrast", "target") if row.get(name) is not None]
    if found is None or found.term.label() == row.get("target"):
        return ", ".join(words)
    if found.term.subgroup:
        words.append(f"among {found.term.subgroup}")
    if found.term.horizon is not None:
        words.append(f"by {horizon_words(found.term, output.study)}")
    return ", ".join(words)


def value_words(output: Output, row: Row, *names: str) -> str:
    """Return a number of a row with its limits, in the unit of the answer that it is about.

    names: the columns of the value and, where it has them, of its limits.
    """
    found = answered_by(output, row)
    cells = [row.get(name) for name in names]
    values = [float(cell) if isinstance(cell, int | float) else None for cell in cells]
    if found is None:
        told = [number(value) for value in values]
        return told[0] + (f" ({told[1]} to {told[2]})" if len(told) > 1 else "")
    unit = unit_of(output.study, found.term)
    limits = (values[1], values[2]) if len(values) > 1 else (None, None)
    return in_unit(values[0], limits, unit=unit, scale=found.term.scale)


def tipping_words(output: Output) -> str:
    """Return what an unrecorded cause would have to take away from the weakest primary answer to
    bring it to no difference and, where the study states it, to the smallest difference that
    matters; and which primary answers are not tipped.
    """
    rows = [row for row in rows_of(output, "tipping") if row.get("tipped") == "answer"]
    tipped = [row for row in rows if is_number(row.get("away"))]
    if not tipped or output.study.assignment.randomised:
        return ""
    by_aim: dict[str, list[Row]] = {}
    for row in tipped:
        by_aim.setdefault(aim(output, row), []).append(row)
    told: list[str] = []
    named = ""
    for own in by_aim.values():
        row = weakest(output, own)
        whose = whose_words(output, row, len(own))
        told.append(tip_words(output, row, "that answer" if whose == named else whose))
        named = whose
    return sentence(f"{'; '.join(told)}{left_alone(output, rows, 'not tipped')} (tipping point)")


def ratio_scale(output: Output, row: Row) -> bool:
    """Return whether the answer that a row is about is a ratio."""
    found = answered_by(output, row)
    return found is not None and found.term.scale == "ratio"


def weakest(output: Output, rows: list[Row]) -> Row:
    """Return the row from which the least would have to be taken away: in standard deviations of
    the outcome, or as the logarithm of a factor.
    """

    def strength(row: Row) -> float:
        away = as_float(row["away"])
        if ratio_scale(output, row) and away > 0:
            return abs(math.log(away))
        return abs(as_float(row["away_sd"]) if is_number(row.get("away_sd")) else away)

    return min(rows, key=strength)


def aim(output: Output, row: Row) -> str:
    """Return the kind of value that an answer is to come to: none, the smallest that matters, or
    the one that the study names.
    """
    to = as_float(row.get("to"))
    if row.get("to") is None or to == (1.0 if ratio_scale(output, row) else 0.0):
        return "none"
    spec = spec_of(output.study, str(row.get("outcome")))
    least = spec.measure.important if spec else None
    same = least is not None and math.isclose(abs(to), abs(least))
    return "matters" if same and not ratio_scale(output, row) else "named"


def whose_words(output: Output, row: Row, several: int) -> str:
    """Return an answer that is the weakest of several as words."""
    name = outcome_words(output.study, str(row.get("outcome", "the outcome")))
    of_several = f", the weakest of {several}" if several > 1 else ""
    return f"the {row.get('estimator')} answer for {name} ({asked_words(output, row)}{of_several})"


def tip_words(output: Output, row: Row, whose: str) -> str:
    """Return what would bring one answer, and its interval, to where it is to come."""
    ratio = ratio_scale(output, row)
    away = f"a factor of {number(as_float(row['away']))}" if ratio else apart(output, row)
    limit, near = limit_of(output, row), ""
    if limit is not None and str(limit.get("verdict", "")).startswith(THERE):
        near = "; its interval holds that already"
    elif limit is not None:
        size = number(as_float(limit["away"])) if ratio else apart(output, limit)
        near = f"; {size} would bring its interval there"
    return (
        f"to bring {whose} to {aim_words(output, row)}, an unrecorded cause would have to account "
        f"for {away}{near}"
    )


def limit_of(output: Output, row: Row) -> Row | None:
    """Return the row of the limit of an answer's interval, which stands beneath the answer's."""
    rows = rows_of(output, "tipping")
    after = rows[rows.index(row) + 1 :][:1]
    found = [each for each in after if each.get("tipped") == "limit" and is_number(each["away"])]
    return found[0] if found else None


def aim_words(output: Output, row: Row) -> str:
    """Return the value to which an answer is tipped, in words."""
    kind = aim(output, row)
    if kind == "none":
        return "no difference"
    to = value_words(output, row, "to")
    return f"{to}, the smallest difference that matters" if kind == "matters" else to


def left_alone(output: Output, rows: list[Row], words: str, column: str = "verdict") -> str:
    """Return which answers of a table are left as they are, and why, as the end of a sentence;
    words: how their remark, in `column`, begins.
    """
    told = [
        f"the {row.get('estimator')} answer for "
        f"{outcome_words(output.study, str(row.get('outcome', 'the outcome')))} "
        f"({asked_words(output, row)}), which {why.removeprefix(f'{words}: ')}"
        for row in rows
        if (why := str(row.get(column) or "")).startswith(f"{words}: ")
    ]
    told = list(dict.fromkeys(told))
    if not told:
        return ""
    more = f", and {len(told) - MOST_LEFT} more in the report" if len(told) > MOST_LEFT else ""
    return f"; {words}: {'; '.join(told[:MOST_LEFT])}{more}"


def apart(output: Output, row: Row) -> str:
    """Return what is taken away, in the outcome's unit and in standard deviations."""
    size = value_words(output, {**row, "away": abs(as_float(row.get("away")))}, "away")
    in_sd = row.get("away_sd")
    if not is_number(in_sd):
        return size
    return f"{size} ({number(abs(as_float(in_sd)))} standard deviations)"


def rosenbaum_words(output: Output) -> str:
    """Return how much hidden bias within matched sets the weakest finding bears."""
    rows = rows_of(output, "hidden bias borne")
    if not rows:
        return ""
    row = min(rows, key=lambda r: as_float(r["gamma"]) if is_number(r.get("gamma")) else 1e9)
    name = outcome_words(output.study, str(row.get("outcome", "the outcome")))
    what = f"the finding of {row.get('estimator')} for {name} ({row.get('contrast')})"
    gamma = row.get("gamma")
    if not is_number(gamma):
        return sentence(f"no hidden bias that was tried would make {what} a matter of chance")
    if as_float(gamma) <= 1:
        return sentence(f"{what} may be chance even without hidden bias (Γ = 1)")
    return sentence(
        f"{what} could be chance once something unrecorded made one of two matched children "
        f"{number(as_float(gamma))} times as likely (in odds) to be provided for as the other "
        f"(Γ = {number(as_float(gamma))})"
    )


def oster_words(output: Output) -> str:
    """Return how strongly what was not recorded would have to be selected to leave nothing."""
    rows = [row for row in rows_of(output, "selection") if is_number(row.get("r_max"))]
    if not rows or output.study.assignment.randomised:
        return ""
    # As strongly selected as the covariates, or as near to that as the study asks.
    row = min(rows, key=lambda r: abs(as_float(r.get("delta")) - 1.0))
    name = outcome_words(output.study, str(row.get("outcome", "the outcome")))
    first = str(row.get("contrast", "")).partition(" v ")[0] or "provision"
    left = value_words(output, row, "adjusted", "lo", "hi")
    told = (
        f"if all causes would explain {percent(as_float(row['r_max']))} of {name} and the "
        f"unrecorded went with {first} {strength(as_float(row.get('delta')))} as the covariates, "
        f"the regression answer ({row.get('contrast')}) would be {left}"
    )
    null = row.get("delta_for_null")
    if not is_number(null):
        return sentence(told)
    size = as_float(null)
    many = "many times" if abs(size) > 100 else f"{number(abs(size))} times"
    way = "" if size > 0 else ", but the other way: the covariates moved it from no difference"
    return sentence(f"{told}; to leave nothing, {many} as strongly (δ = {number(size)}){way}")


def strength(delta: float) -> str:
    """Return a ratio of strengths in words.

    >>> strength(1.0), strength(0.5)
    ('as strongly', '0.5 times as strongly')
    """
    return "as strongly" if delta == 1.0 else f"{delta:g} times as strongly"
