"""Studies of linked records on their way to one table: measures spelt out, then flattened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fingerpost.cohorts.linked.flatten import Flat, Store, flatten
from fingerpost.cohorts.table import TableRecords
from fingerpost.core.course import Course
from fingerpost.core.errors import Malformed
from fingerpost.core.flow import Flow
from fingerpost.core.leaves import RecordsMeasure, load
from fingerpost.core.measure import Measure
from fingerpost.core.study import OutcomeSpec, Study
from fingerpost.studies.language.resolve import roles
from fingerpost.studies.population import in_words

if TYPE_CHECKING:
    from fingerpost.core.cohort import Cohort


@dataclass(frozen=True, eq=False, slots=True)
class OneTable:
    """A study and the one table that it is run on. flow: of how the table came to be. course: of
    its rows, where strategies are sustained over time. provided: (n,) of its rows, as in a cohort.
    """

    study: Study
    records: TableRecords
    flow: Flow | None = None
    course: Course | None = None
    provided: NDArray[np.float64] | None = None

    def beside(self, rows: NDArray[np.int64]) -> OneTable:
        """Return it with what lies beside the table of the chosen rows alone, by their places from
        0; the table itself stays.
        """
        course = None if self.course is None else self.course.take(rows)
        provided = None if self.provided is None else self.provided[rows]
        return replace(self, course=course, provided=provided)

    def told(self, cohort: Cohort) -> Flow:
        """Return the flow from the records to a cohort built from the table."""
        if self.flow is None:
            return cohort.flow
        # Where children are copied, whoever lacks a covariate leaves with every copy.
        many = len(cohort.arms) if self.flow.copied else 1
        later = (
            replace(step, left=step.left // many, remaining=step.remaining // many)
            for step in cohort.flow.steps
        )
        return replace(self.flow, steps=(*self.flow.steps, *later), arms=cohort.flow.arms)


def one_table(study: Study, records: TableRecords | Store) -> OneTable:
    """Return a study on the one table it is run on: its own, or that made of linked records.

    Raises Malformed where a study of linked records meets one table, or the other way round.
    """
    if isinstance(records, TableRecords):
        return OneTable(study, records)
    if study.linked is None:
        raise Malformed(
            f"records: {records.path} holds linked records, and the study names the columns of one "
            "table. Name that table, or write arms in words: arms: {none: no recorded provision, "
            "support: SEN Support}."
        )
    found: Flat = flatten(with_roles(study), records)
    return OneTable(found.study, found.records, found.flow, found.course, found.provided)


def with_roles(study: Study) -> Study:
    """Return the study with the covariates that options of its leaves, or imputation, name."""
    return replace(study, roles=roles(study, study.given))


def spelt(study: Study) -> Study:
    """Return the study with its measures of linked records as their descriptors declare them, and
    its population in plain words; a study of one table as it is.
    """
    if study.linked is None:
        return study
    return replace(in_words(study), outcomes=tuple(_spelt(spec) for spec in study.outcomes))


def _spelt(spec: OutcomeSpec) -> OutcomeSpec:
    leaf = load("outcomes", spec.name, kind=RecordsMeasure)
    measure = Measure(
        spec.name,
        title=leaf.title,
        domain=leaf.domain,
        informant=leaf.informant,
        measured_in=leaf.measured_in,
        better=leaf.better,
        important=spec.measure.important,
        chosen_by=spec.measure.chosen_by,
    )
    read = f"{leaf.summary.rstrip('.')}; {leaf.window}"
    return replace(spec, kind=leaf.kind, measure=measure, scale=leaf.scale, read=read)
