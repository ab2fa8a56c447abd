"""How strong an unrecorded cause would have to be: robustness values and E-values in words."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.table import Cell
from fingerpost.core.words import sentence
from fingerpost.plots.numbers import number, percent
from fingerpost.reports.controls import asked_as, sensitivity_tables
from fingerpost.reports.phrases import outcome_words

Row = dict[str, Cell]


def robustness_words(output: Output) -> str:
    """Return how strong an unrecorded cause must be to undo the weakest regression estimate, beside
    the strongest benchmark of the same contrast; nothing in a trial, where a draw decided the arm.
    """
    rows = [
        row
        for table in sensitivity_tables(output, "robustness")
        for row in table.records()
        if is_number(row.get("rv")) and row.get("se_kind") in ("ordinary", None)
    ]
    if not rows or output.study.assignment.randomised:
        return ""
    row = min(rows, key=lambda each: as_float(each.get("rv")))
    name = outcome_words(output.study, str(row.get("outcome", "")))
    text = (
        f"an unrecorded cause that explains {percent(as_float(row.get('rv')))} of what the "
        f"covariates leave unexplained, both of the exposure and of {name}, would bring the "
        f"{row.get('estimator', 'adjusted')} estimate ({row.get('contrast')}) to nothing"
    )
    mark = strongest(output, row)
    if mark is not None:
        outcome = as_float(mark.get("r2_outcome"))
        share = "all" if outcome >= 1 else percent(outcome)
        text += (
            f"; one as strong as {mark.get('covariate')} would explain "
            f"{percent(as_float(mark.get('r2_exposure')))} of the exposure and {share} of {name}"
        )
    contrasts = {(each.get("outcome"), each.get("contrast")) for each in rows}
    if len(contrasts) > 1:
        text += f"; this is the weakest of {len(contrasts)} estimates"
    return sentence(text)


def strongest(output: Output, row: Row) -> Row | None:
    """Return the benchmark, once as strong, that would move a row's own contrast most."""
    marks = [
        mark
        for table in sensitivity_tables(output, "benchmarks")
        if (table.tag("outcome"), table.tag("contrast"))
        == (row.get("outcome"), row.get("contrast"))
        for mark in table.records()
        if is_number(mark.get("r2_exposure")) and mark.get("times") in (1, 1.0, None)
    ]
    if not marks:
        return None
    return max(
        marks, key=lambda m: min(as_float(m.get("r2_exposure")), as_float(m.get("r2_outcome")))
    )


def e_value_words(output: Output) -> str:
    """Return the smallest E-value among the primary answers whose interval excludes no difference;
    nothing in a trial, nor where every interval holds it.
    """
    spec = asked_as(output, "risk ratios")
    if output.study.assignment.randomised or (spec is not None and spec.option("true")):
        return ""
    primary = {result.estimator for result in output.results if result.primary}
    rows = [
        row
        for table in sensitivity_tables(output, "risk ratios")
        for row in table.records()
        if row.get("estimator") in primary and as_float(row.get("e_value_limit")) > 1
    ]
    if not rows:
        return ""
    row = min(rows, key=lambda each: as_float(each.get("e_value_limit")))
    name = outcome_words(output.study, str(row.get("outcome", "the outcome")))
    what = f"{row.get('contrast')}, {row.get('target')}"
    most = f" (the weakest of {len(rows)} answers)" if len(rows) > 1 else ""
    return sentence(
        f"to explain the {row.get('estimator')} answer for {name} ({what}) away{most}, an "
        "unrecorded cause would have to be tied to both exposure and outcome by a risk ratio of "
        f"{number(as_float(row.get('e_value')))} (E-value); to move its interval to no difference, "
        f"{number(as_float(row.get('e_value_limit')))}"
    )


def is_number(cell: Cell) -> bool:
    """Return whether a cell is a number."""
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def as_float(cell: Cell) -> float:
    """Return a cell as a number; 0 where it is none."""
    return float(cell) if isinstance(cell, int | float) else 0.0
