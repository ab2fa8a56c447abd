"""What is left of an answer if trends part: shown wherever an order was not drawn.

An answer about an order that nobody drew leans on trends that would have gone on alike. How much of
it is left if they do not is a table of a leaf that bounds it; where none of the study's own leaves
does, such a leaf is asked for that alone.
"""

from __future__ import annotations

from dataclasses import replace

from fingerpost.core.analysis import PanelTask
from fingerpost.core.answer import Answer
from fingerpost.core.errors import NotFitted, Unanswerable
from fingerpost.core.leaves import Estimator, menu
from fingerpost.core.study import Study
from fingerpost.core.table import Table

ROLE = "drift allowed"
UNKNOWN = (
    "the order was not drawn, and how much of this is left if trends part cannot be bounded: no "
    "step of theirs was seen before the last period without provision"
)


def with_drift(study: Study, task: PanelTask, answers: list[Answer]) -> list[Answer]:
    """Return the answers of one outcome, the first with bounds of what drift allows where none has
    any; where there can be none, each with a warning that says so.
    """
    if study.assignment.randomised or not any(one.estimate for one in answers):
        return answers
    if any(table.plays(ROLE) for one in answers for table in one.tables):
        return answers
    tables = bounds(task)
    if tables:
        first = next(at for at, one in enumerate(answers) if one.estimate)
        more = replace(answers[first], tables=(*answers[first].tables, *tables))
        return [more if at == first else one for at, one in enumerate(answers)]
    return [
        replace(one, warnings=(*one.warnings, *((term, UNKNOWN) for term in one.estimate.terms)))
        if one.estimate
        else one
        for one in answers
    ]


def bounds(task: PanelTask) -> tuple[Table, ...]:
    """Return bounds of a leaf that makes them, with its options as they are."""
    for name, leaf in menu("estimators", Estimator).items():
        if not leaf.drift:
            continue
        try:
            found = leaf.run(replace(task, analysis=replace(task.analysis, options={})))
        except (NotFitted, Unanswerable):
            continue
        return tuple(replace(one, leaf=name) for one in found.tables if one.plays(ROLE))
    return ()
