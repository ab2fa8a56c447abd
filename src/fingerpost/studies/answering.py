"""One outcome's children: judged by the guard rails, then asked of every leaf."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.cohorts.linked.sequential import TRIAL
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.errors import Malformed, NotFitted, Unanswerable, UsageError
from fingerpost.core.estimand import Term
from fingerpost.core.finding import Whom
from fingerpost.core.fit import Fit
from fingerpost.core.inference import select, standard_errors
from fingerpost.core.leaves import Estimator
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.core.words import listing
from fingerpost.estimators._answer import spelt_out
from fingerpost.estimators._outcome import outcome_of
from fingerpost.estimators._score import score
from fingerpost.studies import chances, diagnostics, effect_sizes, forms, guard, plan, several
from fingerpost.studies.cautions import cautions
from fingerpost.studies.groups import Groups, narrowed, stays
from fingerpost.studies.guard import Verdict
from fingerpost.studies.judging import Judgement, judge
from fingerpost.studies.weights import Indicators, Weighting, from_own

Say = Callable[[str], None]
SEEN_ONLY = (
    "children whose outcome was not seen are left out by {leaf}, which has no use for the model of "
    "who was seen"
)
OWN_MEND = (
    "Ask for closer matches or fewer covariates, or leave this estimator out: others may answer."
)


@dataclass(frozen=True, eq=False, slots=True)
class Answered:
    """What was found of one outcome."""

    answers: tuple[Answer, ...]
    refusals: tuple[Refusal, ...]
    tables: tuple[Table, ...] = field(default=())
    whom: Mapping[Term, Whom] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Asking:
    """One leaf of a study, asked about one outcome's children, and what was judged of each term."""

    study: Study
    name: str
    leaf: Estimator
    groups: Groups
    verdicts: dict[Term, Judgement]


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


def check_options(study: Study, tasks: Iterable[Task]) -> None:
    """Raise Malformed with every fault of the estimators' options that the children tell, of all
    estimators and outcomes together, before any of them runs. tasks: one an outcome.
    """
    faults: list[str] = []
    telling = {name: one for name, one in plan.estimators(study).items() if one.check_cohort}
    for task in tasks if telling else ():
        for name, leaf in telling.items():
            terms = plan.answers(leaf, study, task.terms)
            if leaf.check_cohort is None or not terms:
                continue
            analysis = replace(task.analysis, options=plan.options(study, name))
            try:
                leaf.check_cohort(replace(task, terms=terms, analysis=analysis))
            except UsageError as fault:
                faults += fault.problems
    if faults:
        raise Malformed(dict.fromkeys(faults))


def answer_outcome(
    study: Study,
    task: Task,
    say: Say,
    *,
    with_tables: bool = True,
    only: tuple[str, ...] | None = None,
) -> Answered:
    """Judge every asked term on the task's cohort, then run every leaf on what may be answered.

    only: the leaves that are run, where not all of the study's are.
    """
    found = plan.estimators(study)
    found = {name: leaf for name, leaf in found.items() if only is None or name in only}
    groups = Groups(task)
    wanted = {name: plan.answers(leaf, study, task.terms) for name, leaf in found.items()}
    every = dict.fromkeys(term for terms in wanted.values() for term in terms)
    order = [*(term for term in task.terms if term in every), *every]
    judged = judge(study, groups, order)
    refusals = tuple(guard.refusal(one.verdict, one.term) for one in judged if one.verdict.refused)
    answers: list[Answer] = []
    for name, leaf in found.items():
        if wanted[name]:
            say(f"{task.terms[0].outcome}: {name}")
            asking = Asking(study, name, leaf, groups, {one.term: one for one in judged})
            answers += ask(asking, wanted[name])
    tables = _tables(study, groups, judged, answers) if with_tables else ()
    tables += _of_models(study, task, found) if with_tables else ()
    sizes = effect_sizes.table(study, task, answers) if with_tables else None
    tables += () if sizes is None else (sizes,)
    whom = whom_of(study, judged) if with_tables and study.records.synthetic else {}
    return Answered(tuple(answers), refusals, tables, whom)


def whom_of(study: Study, judged: Iterable[Judgement]) -> dict[Term, Whom]:
    """Return whom each term with tilting weights speaks of; of an overlap target, as its score was
    estimated.
    """
    repeated = study.linked is not None and study.linked.zero.repeated
    found = {}
    for one in judged:
        if one.weighted is not None:
            cohort = one.task.cohort
            trial = trials_of(cohort) if repeated else None
            weight = one.weighted.target.astype(np.float32)
            found[one.term] = Whom(cohort.unit, weight, trial)
    return found


def trials_of(cohort: Cohort) -> NDArray[np.int64] | None:
    """Return (n,) the school year of each row's trial; None where the cohort does not say."""
    column = cohort.covariates.get(TRIAL)
    if column is None or not column.categorical:
        return None
    years = np.array([int(level.split()[-1]) for level in column.levels], dtype=np.int64)
    found: NDArray[np.int64] = years[np.asarray(column.values)]
    return found


def ask(asking: Asking, wanted: tuple[Term, ...]) -> list[Answer]:
    """Return one leaf's answers on every cohort (whole, trimmed, of a subgroup) of an outcome."""
    parts: dict[int, tuple[Task, list[Term], list[Term]]] = {}
    for term in wanted:
        one = asking.verdicts.get(term)
        barred = one is not None and one.verdict.refused
        if barred and not (asking.leaf.extrapolates and _can_be_fitted([term], asking.verdicts)):
            continue  # nothing is fitted for what nothing may be said of
        own = asking.groups.of(term, seen=not asking.leaf.censoring)
        _, clear, refused = parts.setdefault(id(own), (own, [], []))
        (refused if barred else clear).append(term)
    options = plan.options(asking.study, asking.name)
    found = []
    for own, clear, refused in parts.values():
        told = replace(own, analysis=replace(own.analysis, options=options))
        words = chances.barred(asking.leaf, asking.name, told)
        if words:
            found.append(unanswered(asking.name, (*clear, *refused), fault=Unanswerable(words)))
            continue
        if clear:
            answer = _run(asking.name, asking.leaf, replace(told, terms=tuple(clear)))
            answer = replace(answer, warnings=(*answer.warnings, *_warnings(asking, clear)))
            found.append(of_part(own_weights(asking, told, answer=answer), clear[0].subgroup))
        if refused:
            beyond = _run(asking.name, asking.leaf, replace(told, terms=tuple(refused)))
            found.append(
                Answer(asking.name, extrapolated=beyond.estimate, refusals=beyond.refusals)
            )
    return found


def of_part(answer: Answer, subgroup: str | None) -> Answer:
    """Return an answer whose tables say of which subgroup they are."""
    if subgroup is None:
        return answer
    tags = (("subgroup", subgroup),)
    tables = (replace(table, tags=(*table.tags, *tags)) for table in answer.tables)
    return replace(answer, tables=tuple(tables))


def _warnings(asking: Asking, terms: list[Term]) -> tuple[tuple[Term, str], ...]:
    """Return the guard rails' warnings of the terms that a leaf answered.

    An association or a coefficient is refused by no rule, but carries, as warnings, what the counts
    of children, clusters and events say.
    """
    found = []
    for term in terms:
        if term in asking.verdicts:
            found += [(term, words) for words in asking.verdicts[term].verdict.warnings]
        else:
            task = asking.groups.of(term)
            counts = guard.judge_counts(task, term, asking.study.guard)
            found += [(term, one.broken.words) for one in counts if one.verdict != guard.OK]
        own = asking.groups.of(term)
        found += [(term, words) for words in cautions(asking.study, own, term)]
        words = chances.caution(asking.leaf, own)
        found += [(term, words)] if words else []
        if not asking.leaf.censoring and asking.groups.of(term) is not asking.groups.of(
            term, seen=True
        ):
            found.append((term, SEEN_ONLY.format(leaf=asking.name)))
    return tuple(found)


def own_weights(asking: Asking, task: Task, *, answer: Answer) -> Answer:
    """Return an answer judged on the leaf's own weights too: terms that break a rule on them are
    refused for this leaf alone, and what is near one is a warning. A term without such weights in
    the fit is one whose children the leaf weighs as the target says, and was judged so.
    """
    if asking.leaf.guard != "own" or answer.estimate is None:
        return answer
    if not isinstance(answer.fit, Fit):
        fault = Unanswerable(f"{asking.name}: it gives no weights on which it could be judged.")
        return unanswered(asking.name, answer.estimate.terms, fault=fault)
    refused: list[Refusal] = []
    warnings, tables = list(answer.warnings), list(answer.tables)
    for term, held in answer.fit.weights.items():
        weighted = from_own(task, term, held.own, target=held.target)
        shown = asking.groups.covariates(term, seen=not asking.leaf.censoring)
        judged = guard.judge_weights(task, weighted, shown, asking.study.guard)
        verdict = Verdict(term, judged)
        tables += _own_tables(asking.name, task, weighted, shown=shown, verdict=verdict)
        if verdict.refused:
            told = guard.refusal(verdict, term)
            refused.append(replace(told, leaf=asking.name, mend=OWN_MEND))
        warnings += [(term, words) for words in verdict.warnings]
    gone = {term for one in refused for term in one.terms}
    kept = [at for at, term in enumerate(answer.estimate.terms) if term not in gone]
    return replace(
        answer,
        estimate=select(answer.estimate, kept) if kept else None,
        regions=tuple(one for one in answer.regions if one.term not in gone),
        refusals=(*answer.refusals, *refused),
        warnings=tuple((term, words) for term, words in warnings if term not in gone),
        tables=tuple(without_means(table, gone) for table in tables),
    )


def without_means(table: Table, gone: set[Term]) -> Table:
    """Return a table of means without those of refused terms: their contrast is refused."""
    if table.name != "means" or not gone:
        return table
    labels = {label for term in gone for label in (term.target.label(), spelt_out(term).label())}
    kept = [at for at, row in enumerate(table.records()) if row["target"] not in labels]
    return replace(
        table,
        rows=tuple(table.rows[at] for at in kept),
        counts=tuple(table.counts[at] for at in kept),
    )


def _own_tables(
    name: str, task: Task, weighted: Weighting, *, shown: Indicators, verdict: Verdict
) -> list[Table]:
    """Return balance and guard rails on a leaf's own weights, under its name."""
    found = [
        diagnostics.balance(task, weighted, shown),
        guard.guard_table(verdict.term, verdict.judged, task.cohort.n),
    ]
    return [
        replace(
            table,
            name=f"own_{table.name}",
            title=f"{table.title}: own weights of {name}",
            tags=(*table.tags, ("estimator", name)),
        )
        for table in found
    ]


def _can_be_fitted(terms: list[Term], verdicts: dict[Term, Judgement]) -> bool:
    """Return whether refused terms had children enough for their weights to be judged at all."""
    return all(verdicts[term].weighted is not None for term in terms)


def _run(name: str, leaf: Estimator, task: Task) -> Answer:
    """Run a leaf; what it finds too few for is refused for itself, in the open."""
    try:
        return finite_only(_signed(replace(leaf.run(task), leaf=name)))
    except (NotFitted, Unanswerable) as fault:
        return unanswered(name, task.terms, fault=fault)


def _signed(answer: Answer) -> Answer:
    """Return an answer each of whose tables knows the leaf that drew it up."""
    return replace(answer, tables=tuple(replace(one, leaf=answer.leaf) for one in answer.tables))


def finite_only(answer: Answer) -> Answer:
    """Return an answer without the terms whose estimate or error is not a number, refused for this
    leaf: what cannot be computed is said, never shown.
    """
    estimate = answer.estimate
    if estimate is None:
        return answer
    errors = standard_errors(estimate)
    good = np.isfinite(estimate.value)
    good &= True if errors is None else np.isfinite(errors)
    if good.all():
        return answer
    gone = tuple(term for term, fine in zip(estimate.terms, good, strict=True) if not fine)
    fault = Unanswerable(
        f"{answer.leaf}: the computation gave no number for {listing(t.words() for t in gone)}: "
        "some arm or stratum holds too little. Mend: merge rare levels, or widen the population."
    )
    kept = np.flatnonzero(good)
    return replace(
        answer,
        estimate=select(estimate, [int(at) for at in kept]) if len(kept) else None,
        refusals=(*answer.refusals, *unanswered(answer.leaf, gone, fault=fault).refusals),
    )


def unanswered(name: str, terms: tuple[Term, ...], *, fault: NotFitted | Unanswerable) -> Answer:
    """Return the answer of a leaf that found it has none; the fault says why, and the mend."""
    rule = Broken("no answer", "this leaf can answer", float("nan"), float("nan"), str(fault))
    return Answer(name, refusals=(Refusal(terms, (rule,), "", leaf=name),))


def _tables(
    study: Study, groups: Groups, judged: tuple[Judgement, ...], answers: list[Answer]
) -> tuple[Table, ...]:
    """Return the diagnostics of every judged term, and of the score once; of subgroups one table of
    what stands behind each, and one of how they differ.
    """
    found: list[Table] = []
    whole = [one for one in judged if one.term.subgroup is None]
    for one in whole:
        found.append(guard.guard_table(one.term, one.verdict.judged, one.task.cohort.n))
        if one.weighted is None:
            continue
        found.append(diagnostics.balance(one.task, one.weighted, one.covariates))
        found.append(diagnostics.weights_table(one.task, one.weighted))
        if not one.verdict.refused:
            if outcome_of(one.task).kind != "time":
                found.append(diagnostics.truncation(one.task, one.term, one.weighted))
            if one.term.target.trim is not None:
                found += _trim_tables(groups, one, answers)
    found += several.tables(study, judged, answers)
    return tuple(found)


def _of_models(study: Study, task: Task, found: dict[str, Estimator]) -> tuple[Table, ...]:
    """Return the diagnostics of the working models, fitted to all children of an outcome, that some
    leaf's assumptions name: they need no target, so coefficients have them too.
    """
    named = {one.diagnostic for leaf in found.values() for one in leaf.assumes}
    if not task.analysis.given or not named & {"overlap", forms.NAME}:
        return ()
    try:
        score(task)
    except (NotFitted, Unanswerable):
        return ()  # the target's refusal, or the fault that ends the study, has said so
    tables: list[Table | None] = []
    if task.cohort.course is None:
        # Copies are under every arm, whatever the covariates: there is nothing to look at.
        tables.append(diagnostics.overlap(task))
        below = study.guard.outside_below
        tables.append(diagnostics.overlap_subgroups(task, study.subgroups, below))
    tables.append(forms.model_form(task))
    return tuple(table for table in tables if table is not None)


def _trim_tables(groups: Groups, one: Judgement, answers: list[Answer]) -> list[Table]:
    """Return who stayed, and re-fitted estimates beside those that were not."""
    trim, task = one.term.target.trim, groups.of(one.term, trimmed=False)
    kept = stays(task, 0.0 if trim is None else trim)
    refitted = [
        (answer.leaf, float(answer.estimate.value[answer.estimate.terms.index(one.term)]))
        for answer in answers
        if answer.estimate is not None and one.term in answer.estimate.terms
    ]
    return diagnostics.trim_tables(task, one.term, kept, refitted)
