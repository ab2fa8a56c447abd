"""Run a study: from records to a finding. The one room that joins rooms for one study."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import fingerpost
from fingerpost.cohorts.linked.flatten import Store
from fingerpost.cohorts.table import Built, TableRecords, build, members
from fingerpost.core import leaves
from fingerpost.core.agreement import Agreement
from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.errors import Malformed, NotFitted, Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.finding import Finding
from fingerpost.core.flow import Flow
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.provenance import Provenance
from fingerpost.core.study import SensitivitySpec, Study
from fingerpost.core.table import Table
from fingerpost.kernels.arrays import one_thread
from fingerpost.kernels.clusters import recode
from fingerpost.sensitivity._task import SensitivityTask
from fingerpost.studies import diagnostics, groups, plan
from fingerpost.studies.access import run as access
from fingerpost.studies.access.records import read_access
from fingerpost.studies.answering import (
    Answered,
    analysis_of,
    answer_outcome,
    check_options,
    unanswered,
)
from fingerpost.studies.document import resolve
from fingerpost.studies.groups import part_of
from fingerpost.studies.linked import one_table, spelt
from fingerpost.studies.weights import indicators

Say = Callable[[str], None]
SHOWN_PACKAGES = ("numpy", "scipy", "narwhals", "duckdb", "polars")


def run(study: Study, records: TableRecords | Store, *, say: Say = lambda words: None) -> Finding:
    """Return the finding of a study on records.

    study: as read from its document. records: from `read_records`, or linked records from
    `records.store.open_store`. say: told of each step, for
    progress. Raises NotAnswerable where leaves were asked for what they do not declare, Malformed
    with every fault of the records, NotFitted where a working model cannot be fitted.
    """
    if study.access is not None:
        return access_in(study, records, say=say)
    plan.check(spelt(study))
    say("reading records")
    with one_thread():  # many small products: a second BLAS thread only spins
        return found_in(study, records, say=say)


def access_in(study: Study, records: TableRecords | Store, *, say: Say) -> Finding:
    """Return the finding of a study of access, whose outcome is provision itself."""
    if isinstance(records, TableRecords):
        raise Malformed(
            "records: a study of access is asked of linked records. Say where they are: "
            "--records FOLDER."
        )
    say("reading records")
    read = read_access(study, records)
    told = provenance(read.study, study.digest(), records=read.records)
    return access.found_in(read.study, read.cohort, provenance=told, say=say)


def found_in(study: Study, records: TableRecords | Store, *, say: Say) -> Finding:
    """Return the finding of a study whose leaves have been checked."""
    # The digest is of the study as written: filling missing covariates adds flags to `given`.
    registered = study.digest()
    table = one_table(spelt(study), records)
    built = build(resolve(table.study, table.records.columns), table.records)
    course = None if table.course is None else table.course.take(built.rows)
    told = replace(built.cohort, flow=table.told(built.cohort), course=course)
    built = replace(built, cohort=told)
    study, cohort, records = built.study, built.cohort, table.records
    check_drawn(study, cohort)
    parts: list[tuple[Task, Answered]] = []
    sensitivity: list[Answer] = []
    flow, kept, unseen = cohort.flow, Kept(study, cohort), unseen_by_arm(cohort)
    check_options(study, [kept.task(outcome.name, flow)[0] for outcome in study.outcomes])
    for outcome in study.outcomes:
        task, flow = kept.task(outcome.name, flow)
        answered = answer_outcome(study, task, say)
        parts.append((task, answered))
        sensitivity += [
            _sensitive(study, spec, task=task, answers=answered.answers, unseen=unseen, say=say)
            for spec in study.sensitivity
            if scope(spec) == "outcome"
        ]
    answers = tuple(answer for _, part in parts for answer in part.answers)
    whole = Task(cohort, parts[0][0].terms, analysis_of(study))
    sensitivity += [
        _sensitive(study, spec, task=whole, answers=answers, unseen=unseen, say=say)
        for spec in study.sensitivity
        if scope(spec) == "study"
    ]
    return Finding(
        study,
        answers,
        refusals=tuple(refusal for _, part in parts for refusal in part.refusals),
        tables=(*_common_tables(built), *(table for _, part in parts for table in part.tables)),
        sensitivity=tuple(sensitivity),
        primary=plan.primary(study),
        agreements=agreements(study, answers),
        flow=replace(flow, arms=_by_arm(cohort)),
        members=members(built),
        provenance=provenance(study, registered, records=records),
    )


class Kept:
    """Tasks by outcome; outcomes seen for the same children share their cohort and its fits.

    Where the study has a model of who was seen, every child stays, and leaves weigh those seen.
    """

    def __init__(self, study: Study, cohort: Cohort) -> None:
        self._study, self._cohort = study, cohort
        self._by_mask: dict[bytes, Task] = {}

    def task(self, outcome: str, flow: Flow) -> tuple[Task, Flow]:
        """Return the task of the children whose outcome was seen, and the flow with who was not."""
        seen = self._cohort.outcomes[outcome].observed
        mask = np.ones(self._cohort.n, dtype=bool) if seen is None else seen
        missing = int(np.count_nonzero(~mask))
        modelled = self._study.models.censoring is not None or self._cohort.course is not None
        if missing and not modelled:
            flow = flow.then(f"{outcome} was not recorded", missing, outcome=outcome)
        else:
            mask = np.ones(self._cohort.n, dtype=bool)
        key = hashlib.sha256(np.packbits(mask).tobytes()).digest()
        if key not in self._by_mask:
            whole = Task(self._cohort, (), analysis_of(self._study))
            self._by_mask[key] = whole if mask.all() else part_of(whole, mask)
        terms = groups.asked(self._study, self._cohort, outcome)
        return replace(self._by_mask[key], terms=terms), flow


def check_drawn(study: Study, cohort: Cohort) -> None:
    """Raise Malformed where units that are said to have been drawn hold more than one arm."""
    unit = study.cluster
    if not study.assignment.randomised or unit is None:
        return
    codes, units = recode(cohort.cluster_codes(unit))
    held = np.zeros((len(units), len(cohort.arms)), dtype=bool)
    held[codes, cohort.arm] = True
    mixed = int(np.count_nonzero(held.sum(axis=1) > 1))
    if mixed:
        raise Malformed(
            f"assignment.randomised.unit: {mixed} of {len(units)} units of level {unit} hold "
            f"children of more than one arm, so {unit} was not what was drawn. Name the unit that "
            "was drawn, or write assignment: {observed: …}."
        )


def _by_arm(cohort: Cohort) -> tuple[tuple[str, int], ...]:
    counts = np.bincount(cohort.arm, minlength=len(cohort.arms))
    return tuple((arm, int(count)) for arm, count in zip(cohort.arms, counts, strict=True))


def _common_tables(built: Built) -> tuple[Table, ...]:
    cohort, study = built.cohort, built.study
    return (
        diagnostics.baseline(cohort, indicators(cohort, study.given)),
        diagnostics.outcomes(cohort),
        built.missing,
        diagnostics.assumptions(plan.estimators(study)),
    )


def seen_of(task: Task, scope: str) -> Cohort:
    """Return the children whose outcome was seen, of whom an analysis of one outcome speaks; for an
    analysis of the whole study, all.
    """
    cohort, name = task.cohort, task.terms[0].outcome
    observed = cohort.outcomes[name].observed
    if scope != "outcome" or observed is None:
        return cohort
    found = cohort.take(np.flatnonzero(observed))
    own = replace(found.outcomes[name], observed=None)
    return replace(found, outcomes={**found.outcomes, name: own})


def scope(spec: SensitivitySpec) -> str:
    """Return whether an analysis is of each outcome, or of the whole study."""
    return leaves.load("sensitivity", spec.leaf, kind=Sensitivity).scope


def unseen_by_arm(cohort: Cohort) -> dict[str, dict[str, int]]:
    """Return, for each outcome, how many children of each arm had none."""
    found = {}
    for name, outcome in cohort.outcomes.items():
        if outcome.observed is not None:
            counts = np.bincount(cohort.arm[~outcome.observed], minlength=len(cohort.arms))
            found[name] = dict(zip(cohort.arms, (int(count) for count in counts), strict=True))
    return found


def _sensitive(
    study: Study,
    spec: SensitivitySpec,
    *,
    task: Task,
    answers: tuple[Answer, ...],
    unseen: dict[str, dict[str, int]],
    say: Say,
) -> Answer:
    leaf = leaves.load("sensitivity", spec.leaf, kind=Sensitivity)
    about = task.terms[0].outcome if leaf.scope == "outcome" else "all outcomes"
    say(f"{about}: {spec.leaf}")
    if about in {spec.option(name) for name in leaf.alone}:
        itself = Unanswerable(f"{spec.leaf}: {about} is the outcome itself, and no control of it.")
        return unanswered(spec.leaf, task.terms, fault=itself)

    def refit(
        cohort: Cohort,
        given: tuple[str, ...],
        terms: tuple[Term, ...] | None,
        leaves: tuple[str, ...] | None = None,
    ) -> tuple[Answer, ...]:
        again = Task(cohort, task.terms if terms is None else terms, analysis_of(study, given))
        found = answer_outcome(study, again, say, with_tables=False, only=leaves)
        refused = (Answer("guard", refusals=found.refusals),) if found.refusals else ()
        return (*found.answers, *refused)

    told = SensitivityTask(
        study, seen_of(task, leaf.scope), answers, refit, dict(spec.options), study.level, unseen
    )
    try:
        return leaf.run(told)
    except (NotFitted, Unanswerable) as fault:
        return unanswered(spec.leaf, task.terms, fault=fault)


def agreements(study: Study, answers: tuple[Answer, ...]) -> tuple[Agreement, ...]:
    """Return how far the primary answers of each causal term lie apart, on the scale of the
    estimates (the logarithm for ratios), against the distance declared beforehand.
    """
    primary = plan.primary(study)
    values: dict[Term, list[tuple[str, float]]] = {}
    for answer in answers:
        if answer.estimate is None or answer.leaf not in primary:
            continue
        for term, value in zip(answer.estimate.terms, answer.estimate.value, strict=True):
            if term.target.causal and np.isfinite(value):
                values.setdefault(term, []).append((answer.leaf, float(value)))
    found = []
    for term, pairs in values.items():
        if len(pairs) > 1:
            low, high = min(v for _, v in pairs), max(v for _, v in pairs)
            within = study.within(term.outcome)
            agree = None if within is None else high - low <= within
            found.append(Agreement(term, tuple(n for n, _ in pairs), low, high, within, agree))
    return tuple(found)


def provenance(study: Study, registered: str, *, records: TableRecords) -> Provenance:
    """Return digests and versions of what was computed from what, by what."""
    from importlib.metadata import PackageNotFoundError, version

    packages = []
    for name in SHOWN_PACKAGES:
        try:
            packages.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return Provenance(
        registered,
        records.digest,
        fingerpost.__version__,
        code_digest(),
        study.seed,
        tuple(packages),
        records.engine,
        study.records.synthetic,
    )


def code_digest() -> str:
    """Return the SHA-256 of the package's own source files, in order of path."""
    root = Path(fingerpost.__file__).resolve().parent
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(path.relative_to(root).as_posix().encode())
        found.update(path.read_bytes())
    return found.hexdigest()
