"""The children that a term is asked of: all, those of a subgroup, those who stay after trimming."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Analysis, Fits, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import Malformed
from fingerpost.core.estimand import Term
from fingerpost.core.model import without
from fingerpost.core.study import Study
from fingerpost.estimators._score import score
from fingerpost.kernels.clusters import recode
from fingerpost.studies import plan
from fingerpost.studies.weights import Indicators, indicators, on_scale_of

MOST_VALUES = 12  # of a number by which subgroups are made
MISSING = "missing"


class Groups:
    """Tasks of the parts of one outcome's children, each made once."""

    def __init__(self, task: Task) -> None:
        self._all = task
        self._kept: dict[tuple[str | None, float | None, bool], Task] = {(None, None, False): task}
        self._shown: dict[tuple[str | None, float | None, bool], Indicators] = {}

    def of(self, term: Term, *, trimmed: bool = True, seen: bool = False) -> Task:
        """Return the task of a term's children: of its subgroup, trimmed where its target is.

        trimmed: False for those before trimming. seen: True for those whose outcome was seen only.
        """
        trim = term.target.trim if trimmed else None
        key = (term.subgroup, trim, seen)
        if key not in self._kept:
            self._kept[key] = self._made(term, trim, seen=seen)
        return self._kept[key]

    def _made(self, term: Term, trim: float | None, *, seen: bool) -> Task:
        if seen:
            whole = self.of(term, trimmed=trim is not None)
            observed = whole.cohort.outcomes[term.outcome].observed
            return whole if observed is None or observed.all() else part_of(whole, observed)
        if trim is not None:
            whole = self.of(term, trimmed=False)
            return part_of(whole, stays(whole, trim))
        members = dict(subgroups(self._all.cohort, column_of(term.subgroup)))
        # Children of a subgroup may all lack the outcome: then nobody is left, and it is refused.
        nobody = np.zeros(self._all.cohort.n, dtype=np.bool_)
        return part_of(self._all, members.get(str(term.subgroup), nobody))

    def covariates(self, term: Term, *, seen: bool = False) -> Indicators:
        """Return the covariates of a term's children, on the scale they had before trimming and
        before those without an outcome were left out (seen: True).
        """
        key = (term.subgroup, term.target.trim, seen)
        if key not in self._shown:
            own = self.of(term, seen=seen)
            found = indicators(own.cohort, own.analysis.given)
            if seen or term.target.trim is not None:
                before = self.of(term, trimmed=False)
                whole = indicators(before.cohort, before.analysis.given)
                found = on_scale_of(whole, found)
            self._shown[key] = found
        return self._shown[key]


def asked(study: Study, cohort: Cohort, outcome: str) -> tuple[Term, ...]:
    """Return the terms that the study asks of one outcome, of all children and of each subgroup."""
    terms = plan.asked(study, outcome)
    names = [label for name in study.estimand.subgroups for label, _ in subgroups(cohort, name)]
    return (*terms, *(replace(term, subgroup=name) for name in names for term in terms))


def subgroups(cohort: Cohort, name: str) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return (label, (n,) who) of each value of a column that some child has, such as "sex = girl".

    Children without a value are in none. Raises Malformed for a number of many values.
    """
    if " = " in name:
        raise Malformed(f'estimand.subgroups: "{name}" holds " = ", which labels use. Rename it.')
    column = cohort.covariates[name] if name in cohort.covariates else cohort.roles[name]
    values = np.asarray(column.values)
    if column.categorical:
        return [
            (f"{name} = {level}", values == code)
            for code, level in enumerate(column.levels)
            if level != MISSING and bool((values == code).any())
        ]
    distinct = np.unique(values[np.isfinite(values)])
    if len(distinct) > MOST_VALUES:
        raise Malformed(
            f'estimand.subgroups: "{name}" is a number of {len(distinct):,} different values; '
            f"{MOST_VALUES} are the most. Group it into a column of few values, or declare it "
            "categorical."
        )
    return [(f"{name} = {exactly(float(value))}", values == value) for value in distinct]


def exactly(value: float) -> str:
    """Return a number so that no two numbers are written alike.

    >>> exactly(2.0), exactly(1234567.0), exactly(0.1)
    ('2', '1234567', '0.1')
    """
    return str(int(value)) if value.is_integer() else repr(value)


def column_of(label: str | None) -> str:
    """Return the column of a subgroup's label.

    >>> column_of("sex = girl")
    'sex'
    """
    return str(label).partition(" = ")[0]


def stays(task: Task, below: float) -> NDArray[np.bool_]:
    """Return (n,) who stays after trimming."""
    kept: NDArray[np.bool_] = score(task).probability.min(axis=1) >= below
    return kept


def trimmed(task: Task, below: float) -> Task:
    """Return the task of the children whose every arm has probability ≥ `below`; everything,
    the score too, is fitted again on them.
    """
    return part_of(task, stays(task, below))


def part_of(task: Task, rows: NDArray[np.bool_]) -> Task:
    """Return the task of some of its children, to be fitted afresh.

    A covariate that is the same for all of them tells nothing there, and leaves the models; so does
    a level that none of them has.
    """
    cohort = task.cohort.take(np.flatnonzero(rows))
    found = {name: _used_levels(column) for name, column in cohort.covariates.items()}
    outcomes = {
        name: replace(one, observed=None)
        if one.observed is not None and one.observed.all()
        else one
        for name, one in cohort.outcomes.items()
    }
    cohort = replace(cohort, covariates=found, outcomes=outcomes)
    given = tuple(name for name in task.analysis.given if _varies(cohort.covariates[name]))
    return replace(task, cohort=cohort, analysis=narrowed(task.analysis, given), fits=Fits())


def narrowed(analysis: Analysis, given: tuple[str, ...]) -> Analysis:
    """Return the analysis with fewer covariates, without the model terms that use the others."""
    dropped = tuple(name for name in analysis.given if name not in given)
    models = analysis.models
    kept = {name: without(terms, dropped) for name, terms in models.declared()}
    fewer = replace(
        models,
        exposure=kept.get("exposure"),
        outcome=kept.get("outcome"),
        censoring=kept.get("censoring"),
        interactions=tuple(name for name in models.interactions if name not in dropped),
    )
    return replace(analysis, given=given, models=fewer)


def _used_levels(column: Column) -> Column:
    """Return a categorical column without the levels that no child has."""
    if not column.categorical:
        return column
    codes, used = recode(column.values)
    return replace(column, values=codes, levels=tuple(column.levels[int(at)] for at in used))


def _varies(column: Column) -> bool:
    return bool(len(column.values)) and bool((column.values != column.values[0]).any())
