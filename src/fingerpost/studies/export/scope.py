"""What of a study is written out: the terms of the four estimators that other tools run too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from fingerpost.cohorts.linked.flatten import Store, given
from fingerpost.cohorts.table import TableRecords, build
from fingerpost.core.cohort import Cohort
from fingerpost.core.errors import UsageError, listed
from fingerpost.core.estimand import Term
from fingerpost.core.study import Study
from fingerpost.kernels.arrays import one_thread
from fingerpost.studies import plan
from fingerpost.studies.analysing import Kept
from fingerpost.studies.document import resolve
from fingerpost.studies.groups import Groups, column_of, subgroups
from fingerpost.studies.judging import judge
from fingerpost.studies.language.terms import expand, spelt_out
from fingerpost.studies.linked import one_table, spelt

ESTIMATORS = ("naive", "regression", "ipw", "ipw_ra")


@dataclass(frozen=True, slots=True)
class Line:
    """One number that the written script makes: which estimator, of which term. subgroup: the
    column and the value (a code, for categories) of the term's children, None for all of them.
    """

    estimator: str
    term: Term
    subgroup: tuple[str, float] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Exported:
    """A study as it is written out.

    study: as it is run, its covariates and models spelled out. cohort: its children, None where no
    record was read. lines: the numbers, in the order of the study. left: what is not written, with
    why, in words. digest: of the study as it was registered.
    """

    study: Study
    cohort: Cohort | None
    lines: tuple[Line, ...]
    left: tuple[str, ...]
    digest: str


def check(study: Study) -> None:
    """Raise UsageError, with every fault, for a study no part of which can be written out."""
    faults = []
    if study.access is not None:
        faults.append("a study of access is not exported: its numbers are not those of estimators.")
    elif not set(study.estimators) & set(ESTIMATORS):
        faults.append(
            f"none of the study's estimators is exported ({', '.join(study.estimators)}). "
            f"Exported are: {', '.join(ESTIMATORS)}. Add one of them to estimators."
        )
    if plan.over_time(study):
        faults.append(
            "a study of strategies sustained over time is not exported: its copies of children "
            "need weights of every decision. Run it here with fingerpost study run."
        )
    if imputes(study):
        faults.append(
            "a study that imputes is not exported: its numbers are pooled over many copies of the "
            "records. Set missing: complete or indicator to export it."
        )
    if faults:
        raise UsageError(faults)


def imputes(study: Study) -> bool:
    """Return whether some covariate or outcome of a study is imputed."""
    told = any(one.missing == "impute" for one in study.covariates)
    return told or study.missing == "impute" or study.imputation is not None


def without_records(study: Study) -> Exported:
    """Return a study of linked records written out before any record is read.

    Guard rails and subgroups need records: terms that a run would refuse are not known, and
    subgroups are left.
    """
    check(study)
    digest, told = study.digest(), spelt(study)
    plan.check(told)
    names = given(told)
    models = replace(
        told.models,
        exposure=expand(told.models.exposure, names),
        outcome=expand(told.models.outcome, names),
        censoring=spelt_out(told.models.censoring, names),
    )
    told = replace(told, models=models, assignment=replace(told.assignment, given=names))
    lines = [
        Line(name, term)
        for spec in told.outcomes
        for name, terms in wanted(told, plan.asked(told, spec.name)).items()
        for term in terms
    ]
    left = [*unknown(told), "what the guard rails would refuse: they need records"]
    if told.estimand.subgroups:
        left.append(f"numbers by {listed(told.estimand.subgroups)}: their values need records")
    return Exported(told, None, tuple(lines), tuple(left), digest)


def with_records(study: Study, records: TableRecords | Store) -> Exported:
    """Return a study and its children, less the terms that the guard rails refuse on them.

    Raises what `studies.run.run` raises for the study and its records.
    """
    check(study)
    plan.check(spelt(study))
    with one_thread():
        return _read(study, records)


def _read(study: Study, records: TableRecords | Store) -> Exported:
    digest = study.digest()
    table = one_table(spelt(study), records)
    built = build(resolve(table.study, table.records.columns), table.records)
    run, cohort = built.study, built.cohort
    kept, flow = Kept(run, cohort), cohort.flow
    lines: list[Line] = []
    left = [*unknown(run)]
    for spec in run.outcomes:
        task, flow = kept.task(spec.name, flow)
        found = wanted(run, task.terms)
        order = dict.fromkeys(term for terms in found.values() for term in terms)
        judged = judge(run, Groups(task), order)
        refused = {one.term for one in judged if one.verdict.refused}
        left += [
            f"{spec.name}, {term.words()}, {term.label()}: the guard rails refuse it"
            for term in order
            if term in refused
        ]
        lines += [
            Line(name, term, subgroup_of(cohort, term.subgroup))
            for name, terms in found.items()
            for term in terms
            if term not in refused
        ]
    return Exported(run, cohort, tuple(lines), tuple(left), digest)


def wanted(study: Study, terms: tuple[Term, ...]) -> dict[str, tuple[Term, ...]]:
    """Return the terms that each exported estimator answers of those asked."""
    found = plan.estimators(study)
    return {
        name: plan.answers(leaf, study, terms) for name, leaf in found.items() if name in ESTIMATORS
    }


def unknown(study: Study) -> Iterator[str]:
    """Yield, in words, the estimators and outcomes of a study that are not exported."""
    others = [name for name in study.estimators if name not in ESTIMATORS]
    if others:
        yield (
            f"estimators {', '.join(others)}: not exported. Exported are: {', '.join(ESTIMATORS)}"
        )
    if study.sensitivity:
        yield f"sensitivity {', '.join(one.leaf for one in study.sensitivity)}: not exported"
    for spec in study.outcomes:
        if spec.kind == "time":
            yield f"outcome {spec.name}: a time to an event, which none of the four answers"


def subgroup_of(cohort: Cohort, label: str | None) -> tuple[str, float] | None:
    """Return the column and value of a subgroup's label; a category's value is its code."""
    if label is None:
        return None
    name = column_of(label)
    column = cohort.covariates[name] if name in cohort.covariates else cohort.roles[name]
    members = dict(subgroups(cohort, name))[label]
    return name, float(np.asarray(column.values)[members][0])
