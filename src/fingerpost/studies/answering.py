"""One outcome's children: judged by the guard rails, then asked of every leaf."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Analysis, Fits, Task
from fingerpost.core.answer import Answer
from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.model import without
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.estimators._score import score
from fingerpost.studies import diagnostics, guard, plan
from fingerpost.studies.guard import Verdict
from fingerpost.studies.weights import Indicators, Weighting, indicators, on_scale_of, weighting

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False, slots=True)
class Judgement:
    """One term before it is answered: its verdict, its task (trimmed where asked), its weights."""

    term: Term
    task: Task
    verdict: Verdict
    weighted: Weighting | None
    covariates: Indicators


@dataclass(frozen=True, eq=False, slots=True)
class Answered:
    """What was found of one outcome."""

    answers: tuple[Answer, ...]
    refusals: tuple[Refusal, ...]
    tables: tuple[Table, ...] = field(default=())


def analysis_of(study: Study, given: tuple[str, ...] | None = None) -> Analysis:
    """Return what leaves are told; `given` may be fewer covariates than the study's, whose terms
    then leave the working models too.
    """
    whole = Analysis(
        study.given,
        study.models,
        study.assignment,
        study.cluster,
        study.level,
        study.name,
        study.seed,
    )
    return whole if given is None else narrowed(whole, given)


def narrowed(analysis: Analysis, given: tuple[str, ...]) -> Analysis:
    """Return the analysis with fewer covariates, without the model terms that use the others."""
    dropped = tuple(name for name in analysis.given if name not in given)
    models = analysis.models
    kept = replace(
        models,
        exposure=None if models.exposure is None else without(models.exposure, dropped),
        outcome=None if models.outcome is None else without(models.outcome, dropped),
        interactions=tuple(name for name in models.interactions if name not in dropped),
    )
    return replace(analysis, given=given, models=kept)


def part_of(task: Task, rows: NDArray[np.bool_]) -> Task:
    """Return the task of some of its children, to be fitted afresh.

    A covariate that is the same for all of them tells nothing there, and leaves the models; so does
    a level that none of them has.
    """
    cohort = task.cohort.take(np.flatnonzero(rows))
    found = {name: _used_levels(column) for name, column in cohort.covariates.items()}
    cohort = replace(cohort, covariates=found)
    given = tuple(name for name in task.analysis.given if _varies(cohort.covariates[name]))
    return replace(task, cohort=cohort, analysis=narrowed(task.analysis, given), fits=Fits())


def _used_levels(column: Column) -> Column:
    """Return a categorical column without the levels that no child has."""
    if not column.categorical:
        return column
    used, codes = np.unique(column.values, return_inverse=True)
    return replace(column, values=codes, levels=tuple(column.levels[int(at)] for at in used))


def _varies(column: Column) -> bool:
    return bool(len(column.values)) and bool((column.values != column.values[0]).any())


def answer_outcome(
    study: Study,
    task: Task,
    say: Say,
    *,
    with_tables: bool = True,
) -> Answered:
    """Judge every asked term on the task's cohort, then run every leaf on what may be answered."""
    found = plan.estimators(study)
    judged = judge(study, task, [plan.answers(leaf, study, task.terms) for leaf in found.values()])
    refusals = tuple(guard.refusal(one.verdict, one.term) for one in judged if one.verdict.refused)
    answers: list[Answer] = []
    for name, leaf in found.items():
        say(f"{task.terms[0].outcome}: {name}")
        answers += _ask(study, name, leaf, task, judged)
    tables = _tables(study, task, judged, answers) if with_tables else ()
    return Answered(tuple(answers), refusals, tables)


def judge(study: Study, task: Task, wanted: Iterable[tuple[Term, ...]]) -> tuple[Judgement, ...]:
    """Return the judgement of every asked term that some leaf answers; a trimmed target is judged
    on who stays. wanted: the terms that each leaf answers.
    """
    covariates = indicators(task.cohort, task.analysis.given)
    answered = {term for terms in wanted for term in terms}
    found: list[Judgement] = []
    tasks: dict[float, Task] = {}
    for term in (term for term in task.terms if term in answered):
        counts = guard.judge_counts(task, term, study.guard)
        own = task
        if any(one.verdict == guard.REFUSE for one in counts) or not task.analysis.given:
            found.append(Judgement(term, task, Verdict(term, counts), None, covariates))
            continue
        shown = covariates
        if term.target.trim is not None:
            own = tasks.setdefault(term.target.trim, trimmed(task, term.target.trim))
            shown = on_scale_of(covariates, indicators(own.cohort, own.analysis.given))
            counts = guard.judge_counts(own, term, study.guard)
        if any(one.verdict == guard.REFUSE for one in counts):
            found.append(Judgement(term, own, Verdict(term, counts), None, shown))
            continue
        weighted = _weighted(own, term, study)
        if isinstance(weighted, NotFitted):
            rule = guard.unfitted(str(weighted))
            found.append(Judgement(term, own, Verdict(term, (*counts, rule)), None, shown))
            continue
        rules = guard.judge_weights(own, weighted, shown, study.guard)
        found.append(Judgement(term, own, Verdict(term, (*counts, *rules)), weighted, shown))
    return tuple(found)


def _weighted(task: Task, term: Term, study: Study) -> Weighting | NotFitted:
    """Return the weights of a term; after trimming, the fault of a score that cannot be fitted to
    who stays, which bars that target alone. Untrimmed, such a fault ends the study.
    """
    try:
        return weighting(task, term, study.guard.outside_below)
    except NotFitted as fault:
        if term.target.trim is None:
            raise
        return fault


def trimmed(task: Task, below: float) -> Task:
    """Return the task of the children whose every arm has probability ≥ `below`; everything,
    the score too, is fitted again on them.
    """
    return part_of(task, stays(task, below))


def stays(task: Task, below: float) -> NDArray[np.bool_]:
    """Return (n,) who stays after trimming."""
    kept: NDArray[np.bool_] = score(task).probability.min(axis=1) >= below
    return kept


def _ask(
    study: Study, name: str, leaf: Estimator, task: Task, judged: tuple[Judgement, ...]
) -> list[Answer]:
    """Return one leaf's answers on every cohort (whole, trimmed) of an outcome."""
    options = dict(dict(study.options).get(name, ()))
    wanted = plan.answers(leaf, study, task.terms)
    verdicts = {one.term: one for one in judged}
    groups: dict[int, tuple[Task, list[Term], list[Term]]] = {}
    for term in wanted:
        one = verdicts.get(term)
        own = task if one is None else one.task
        _, clear, refused = groups.setdefault(id(own), (own, [], []))
        barred = one is not None and one.verdict.refused
        (refused if barred else clear).append(term)
    found = []
    for own, clear, refused in groups.values():
        told = replace(own, analysis=replace(own.analysis, options=options))
        if clear:
            answer = _run(name, leaf, replace(told, terms=tuple(clear)))
            warnings = _warnings(study, told, terms=clear, verdicts=verdicts)
            found.append(replace(answer, warnings=warnings))
        if refused and leaf.extrapolates and _can_be_fitted(refused, verdicts):
            beyond = _run(name, leaf, replace(told, terms=tuple(refused)))
            found.append(Answer(name, extrapolated=beyond.estimate, refusals=beyond.refusals))
    return found


def _warnings(
    study: Study, task: Task, *, terms: list[Term], verdicts: dict[Term, Judgement]
) -> tuple[tuple[Term, str], ...]:
    """Return the guard rails' warnings of the terms that a leaf answered.

    An association or a coefficient is refused by no rule, but carries, as warnings, what the counts
    of children, clusters and events say.
    """
    found = []
    for term in terms:
        if term in verdicts:
            found += [(term, words) for words in verdicts[term].verdict.warnings]
        else:
            counts = guard.judge_counts(task, term, study.guard)
            found += [(term, one.broken.words) for one in counts if one.verdict != guard.OK]
    return tuple(found)


def _can_be_fitted(terms: list[Term], verdicts: dict[Term, Judgement]) -> bool:
    """Return whether refused terms had children enough for their weights to be judged at all."""
    return all(verdicts[term].weighted is not None for term in terms)


def _run(name: str, leaf: Estimator, task: Task) -> Answer:
    """Run a leaf; what it finds too few for is refused for itself, in the open."""
    try:
        return leaf.run(task)
    except Unanswerable as fault:
        return unanswered(name, task.terms, fault=fault)


def unanswered(name: str, terms: tuple[Term, ...], *, fault: Unanswerable) -> Answer:
    """Return the answer of a leaf that found it has none; the fault says why, and the mend."""
    rule = Broken("no answer", "this leaf can answer", float("nan"), float("nan"), str(fault))
    return Answer(name, refusals=(Refusal(terms, (rule,), "", leaf=name),))


def _tables(
    study: Study, task: Task, judged: tuple[Judgement, ...], answers: list[Answer]
) -> tuple[Table, ...]:
    """Return the diagnostics of every judged term, and of the score once."""
    found: list[Table] = []
    for one in judged:
        found.append(guard.guard_table(one.term, one.verdict.judged, one.task.cohort.n))
        if one.weighted is None:
            continue
        found.append(diagnostics.balance(one.task, one.weighted, one.covariates))
        found.append(diagnostics.weights_table(one.task, one.weighted))
        if not one.verdict.refused:
            found.append(diagnostics.truncation(one.task, one.term, one.weighted))
            if one.term.target.trim is not None:
                found += _trim_tables(task, one, answers)
    if any(one.weighted is not None for one in judged):
        found.append(diagnostics.overlap(task))
        groups = diagnostics.overlap_subgroups(task, study.subgroups, study.guard.outside_below)
        found += [] if groups is None else [groups]
    return tuple(found)


def _trim_tables(task: Task, one: Judgement, answers: list[Answer]) -> list[Table]:
    """Return who stayed, and re-fitted estimates beside those that were not."""
    trim = one.term.target.trim
    kept = stays(task, 0.0 if trim is None else trim)
    refitted = [
        (answer.leaf, float(answer.estimate.value[answer.estimate.terms.index(one.term)]))
        for answer in answers
        if answer.estimate is not None and one.term in answer.estimate.terms
    ]
    return diagnostics.trim_tables(task, one.term, kept, refitted)
