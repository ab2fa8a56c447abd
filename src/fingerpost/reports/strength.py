"""How strong an unrecorded cause would have to be: robustness values and E-values in words."""

from __future__ import annotations

from fingerpost.core.output import Output, Result
from fingerpost.core.table import Cell
from fingerpost.core.words import counted, sentence
from fingerpost.plots.numbers import number, percent
from fingerpost.reports.controls import asked_as, sensitivity_tables
from fingerpost.reports.phrases import crosses, outcome_words, primary_of

Row = dict[str, Cell]


def robustness_words(output: Output) -> str:
    """Return how strong an unrecorded cause must be to undo the weakest regression estimate of a
    contrast that a primary leaf answers, beside the strongest benchmark of the same contrast;
    nothing in a trial, where a draw decided the arm.
    """
    answered = {(each.term.outcome, each.term.words()) for each in primary_of(output)}
    rows = [
        row
        for table in sensitivity_tables(output, "robustness")
        for row in table.records()
        if is_number(row.get("rv"))
        and row.get("se_kind") in ("ordinary", None)
        and (not answered or (row.get("outcome"), row.get("contrast")) in answered)
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
        # The strongest may be among those that disclosure control keeps back.
        hidden = any(each.where.endswith(".benchmarks") for each in output.withheld)
        which = ", the strongest of those shown," if hidden else ""
        text += (
            f"; one as strong as {mark.get('covariate')}{which} would explain "
            f"{percent(as_float(mark.get('r2_exposure')))} of the exposure and {share} of {name}"
        )
    contrasts = {(each.get("outcome"), each.get("contrast")) for each in rows}
    if len(contrasts) > 1:
        text += f"; this is the weakest of {len(contrasts)} estimates of answered contrasts"
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
    """Return the smallest E-value among the primary answers whose interval excludes no difference,
    and how many intervals hold it; nothing in a trial, nor where every interval holds it.
    """
    spec = asked_as(output, "risk ratios")
    if output.study.assignment.randomised or (spec is not None and spec.option("true")):
        return ""
    primary = {asked_of(each): each for each in output.results if each.primary}
    rows = [
        row
        for table in sensitivity_tables(output, "risk ratios")
        for row in table.records()
        if (row.get("estimator"), row.get("outcome"), row.get("contrast"), row.get("target"))
        in primary
        and as_float(row.get("e_value_limit")) > 1
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
        f"{number(as_float(row.get('e_value_limit')))}{needing_none(output)}"
    )


def needing_none(output: Output) -> str:
    """Return how many primary answers hold no difference as they are, within a sentence; empty
    where none does.
    """
    found = [each for each in primary_of(output) if crosses(each)]
    if not found:
        return ""
    return (
        f". {counted(len(found), 'other primary answer')} "
        f"{'includes' if len(found) == 1 else 'include'} no difference with no such cause"
    )


def asked_of(result: Result) -> tuple[str, str, str, str]:
    """Return which answer a result is: leaf, outcome, contrast, target, as tables name them."""
    term = result.term
    return (result.estimator, term.outcome, term.words(), term.label())


def is_number(cell: Cell) -> bool:
    """Return whether a cell is a number."""
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def as_float(cell: Cell) -> float:
    """Return a cell as a number; 0 where it is none."""
    return float(cell) if isinstance(cell, int | float) else 0.0
