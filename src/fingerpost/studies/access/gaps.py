"""Gaps between groups: as observed, between children alike in what was measured, at equal recorded
need, and what of the gap goes with each.

The probability of provision is modelled for all groups at once (logit, groups and covariates) and
averaged over all children, group by group: standardisation, the g-formula of a description. Of the
observed gap D, the gaps Dx (alike in characteristics), Dz (in need) and Dxz (in both), the part
that goes with need is the mean of D − Dz and Dx − Dxz, over both orders of adjusting (Shapley), and
likewise for characteristics; what is left, Dxz, is not explained by either (Kitagawa 1955, Oaxaca
1973 and Blinder 1973, for a non-linear model: Fairlie 2005). The three add up to D exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, Unanswerable
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import select
from fingerpost.core.model import Factor, Models, ModelTerm, linear
from fingerpost.core.outcome import Outcome
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.study import Study
from fingerpost.estimators._answer import Uncertain, estimate
from fingerpost.estimators._outcome import ArmModel, arm_models, outcome_of, through_outcome
from fingerpost.estimators._standardise import Mean
from fingerpost.studies.access.cohort import UNSEEN, AccessCohort, Array, Grouping, Mask
from fingerpost.studies.guard import Verdict, judge_counts
from fingerpost.studies.guard import refusal as refused_by

PROVISION, CONCERN = "provision", "concern"
NEED = "recorded need"
NEED_KNOTS = 4
OBSERVED, ALIKE, EQUAL_NEED = Target("association"), Target("alike"), Target("equal_need")
BY_CHARACTERISTICS, BY_NEED = (
    Target("explained", arm="characteristics"),
    Target("explained", arm="need"),
)
# The leaf under which each kind of number is told.
LEAVES = {
    OBSERVED: "observed",
    ALIKE: "alike",
    EQUAL_NEED: "equal_need",
    BY_CHARACTERISTICS: "decomposition",
    BY_NEED: "decomposition",
}


@dataclass(frozen=True, eq=False, slots=True)
class Setting:
    """Who is compared, in what: one characteristic among the chosen children.

    outcome: what is compared. rows: (n,) the children. among: what they are called, empty for all
    children. with_need: whether the gap is asked at equal need as well.
    """

    cohort: AccessCohort
    grouping: Grouping
    outcome: str
    rows: Mask
    among: str = ""
    with_need: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Gaps:
    """The gaps of one setting. tasks: by what is adjusted for (`given`, empty for nothing)."""

    setting: Setting
    answers: tuple[Answer, ...]
    refusals: tuple[Refusal, ...]
    tasks: Mapping[tuple[str, ...], Task]
    terms: tuple[Term, ...]
    means: Mapping[Term, Mean]


def gaps(study: Study, setting: Setting) -> Gaps:
    """Return every gap by one characteristic, with what explains it where need is on record.

    Groups of too few children, schools or events are refused and left out of the models.
    """
    terms = asked(setting)
    whole = task_of(study, setting, ())
    barred = [
        verdict
        for term in terms
        if (verdict := Verdict(term, judge_counts(whole, term, study.guard))).refused
    ]
    refusals = tuple(refused_by(each, each.term) for each in barred)
    # Where the group that others are compared with is too small, every term is barred.
    gone = {each.term.contrast[0][0] for each in barred}
    kept = tuple(term for term in terms if term.contrast[0][0] not in gone)
    if not kept:
        return Gaps(setting, (), refusals, {}, (), {})
    setting = without(setting, gone)
    try:
        tasks = {given: task_of(study, setting, given) for given in ways(study, setting)}
        means = {key: mean for term in kept for key, mean in parts(study, setting, term, tasks)}
    except (NotFitted, Unanswerable) as fault:
        return Gaps(setting, (), (*refusals, unfitted(kept, fault)), {}, (), {})
    return Gaps(setting, answers_of(tasks[()], means), refusals, tasks, tuple(means), means)


def asked(setting: Setting) -> tuple[Term, ...]:
    """Return the observed gap of each group with the first."""
    first, *others = setting.grouping.labels
    return tuple(
        Term(
            setting.outcome,
            pair(label, first),
            OBSERVED,
            summary="risk",
            subgroup=setting.among or None,
        )
        for label in others
    )


def without(setting: Setting, gone: set[str]) -> Setting:
    """Return a setting without some groups, whose children are left out."""
    if not gone:
        return setting
    grouping = setting.grouping
    kept = [at for at, label in enumerate(grouping.labels) if label not in gone]
    place = np.full(len(grouping.labels) + 1, UNSEEN)  # the last is that of UNSEEN itself
    place[kept] = np.arange(len(kept))
    codes = place[grouping.codes]
    labels = tuple(grouping.labels[at] for at in kept)
    return replace(
        setting,
        grouping=replace(grouping, labels=labels, codes=codes),
        rows=setting.rows & (codes != UNSEEN),
    )


def measured(study: Study, setting: Setting) -> tuple[str, ...]:
    """Return the covariates that a gap is adjusted for: those of the study, with the flags of those
    that were filled, but the characteristic itself.
    """
    columns, own = setting.cohort.covariates, {setting.grouping.name, *setting.grouping.own}
    return tuple(
        name
        for name, column in columns.items()
        if name not in own and not own & set(column.flag_of)
    )


def ways(study: Study, setting: Setting) -> tuple[tuple[str, ...], ...]:
    """Return what is adjusted for, way by way: nothing, characteristics, need, and both."""
    given = measured(study, setting)
    if not setting.with_need:
        return ((), given)
    return tuple(dict.fromkeys(((), given, (NEED,), (*given, NEED))))


def task_of(study: Study, setting: Setting, given: tuple[str, ...]) -> Task:
    """Return the children of a setting as a cohort whose arms are the groups."""
    cohort, grouping = setting.cohort, setting.grouping
    rows = np.flatnonzero(setting.rows & (grouping.codes != UNSEEN))
    value = cohort.provided if setting.outcome == PROVISION else cohort.concern
    if value is None:
        raise Unanswerable("access: the records hold no concerns. Leave them out of the study.")
    columns = {name: cohort.covariates[name].take(rows) for name in given if name != NEED}
    columns = {name: column for name, column in columns.items() if varies(column)}
    if NEED in given and cohort.need is not None:
        columns[NEED] = Column(standardised(cohort.need[rows]))
    made = Cohort(
        unit=rows.astype(np.int64),
        arms=grouping.labels,
        arm=grouping.codes[rows].astype(np.int64),
        outcomes={setting.outcome: Outcome("binary", value[rows].astype(np.float64))},
        covariates=columns,
        clusters={level: codes[rows] for level, codes in cohort.places.items()},
    )
    analysis = Analysis(
        tuple(columns),
        # A condition that brings provision, or a concern, for certain must not bar every gap.
        Models(outcome=outcome_terms(tuple(columns)), by_arm=False, firth=True),
        cluster=study.cluster,
        level=study.level,
        stream=study.name,
        seed=study.seed,
    )
    return Task(made, asked(setting), analysis)


def varies(column: Column) -> bool:
    """Return whether a covariate tells any two of the children apart."""
    return bool(len(column.values)) and bool(np.any(column.values != column.values[0]))


def standardised(need: Array) -> Array:
    """Return need in standard deviations from its mean."""
    away: Array = need - need.mean()
    return away / (need.std() or 1.0)


def outcome_terms(given: tuple[str, ...]) -> tuple[ModelTerm, ...]:
    """Return the terms of the model: every covariate as it is, need as a smooth curve."""
    plain = linear(tuple(name for name in given if name != NEED))
    curve = ModelTerm((Factor(NEED, kind="spline", knots=NEED_KNOTS),))
    return (*plain, curve) if NEED in given else plain


# ----------------------------------------------------------------------------- numbers
def parts(
    study: Study, setting: Setting, term: Term, tasks: Mapping[tuple[str, ...], Task]
) -> Iterable[tuple[Term, Mean]]:
    """Yield each number asked of one pair of groups: gaps, then what each goes with."""
    given = measured(study, setting)
    raw = gap(tasks[()], term, adjusted=False)
    alike = gap(tasks[given], term, adjusted=bool(given))
    yield term, raw
    yield term.on(ALIKE), alike
    if not setting.with_need:
        return
    need = gap(tasks[(NEED,)], term, adjusted=True)
    both = gap(tasks[(*given, NEED)], term, adjusted=True)
    yield term.on(EQUAL_NEED), both
    yield term.on(BY_NEED), mixed((0.5, raw), (-0.5, need), (0.5, alike), (-0.5, both))
    yield (
        term.on(BY_CHARACTERISTICS),
        mixed((0.5, raw), (-0.5, alike), (0.5, need), (-0.5, both)),
    )


def gap(task: Task, term: Term, *, adjusted: bool) -> Mean:
    """Return the gap of two groups with its influence: observed, or standardised."""
    whole = []
    for label, weight in term.contrast:
        arm = task.cohort.arms.index(label)
        one = averaged(task, arm_models(task)[arm]) if adjusted else observed(task, arm)
        whole.append((weight, one))
    return mixed(*whole)


def observed(task: Task, arm: int) -> Mean:
    """Return the share of a group that has the outcome, with influence."""
    value, mine = outcome_of(task).value, task.cohort.arm == arm
    share = float(value[mine].mean())
    return Mean(share, mine * (value - share) / float(mine.sum()))


def averaged(task: Task, model: ArmModel) -> Mean:
    """Return a model's predictions for one group averaged over all children, with influence."""
    return averages(task, model, model.mean[:, None], model.slope[:, None])[0]


def averages(task: Task, model: ArmModel, means: Array, slopes: Array) -> list[Mean]:
    """Return the averages of several predictions from one fitted model, with influence.

    means, slopes: (n, m) predictions, and their derivatives in the linear predictor.
    """
    n = task.cohort.n
    values = means.mean(axis=0)
    influence = (means - values) / n + through_outcome(model, slopes / n)
    return [Mean(float(value), influence[:, at]) for at, value in enumerate(values)]


def mixed(*each: tuple[float, Mean]) -> Mean:
    """Return a weighted sum of means of the same children."""
    value = sum(weight * one.value for weight, one in each)
    influence: Array = np.sum([weight * one.influence for weight, one in each], axis=0)
    return Mean(value, influence)


def answers_of(task: Task, means: Mapping[Term, Mean]) -> tuple[Answer, ...]:
    """Return one answer a kind of number, all from one joint estimate."""
    terms = tuple(means)
    found = Uncertain(
        np.array([means[term].value for term in terms]),
        np.stack([means[term].influence for term in terms], axis=1),
        weighted=False,
    )
    whole = estimate(replace(task, terms=terms), found)
    by_leaf: dict[str, list[int]] = {}
    for at, term in enumerate(terms):
        by_leaf.setdefault(LEAVES[term.target], []).append(at)
    return tuple(Answer(leaf, select(whole, places)) for leaf, places in by_leaf.items())


def unfitted(terms: tuple[Term, ...], fault: NotFitted | Unanswerable) -> Refusal:
    """Return the refusal of what no model could be fitted to."""
    rule = Broken("model", "the model of provision can be fitted", np.nan, np.nan, str(fault))
    asks = tuple(term.on(target) for term in terms for target in (OBSERVED, ALIKE))
    return Refusal(asks, (rule,), "Merge rare groups, or ask fewer covariates.")
