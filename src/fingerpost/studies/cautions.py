"""What speaks against an answer without refusing it: how arms were drawn, clusters, subgroups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from fingerpost.core import leaves
from fingerpost.core.analysis import Task
from fingerpost.core.assignment import Randomised
from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Design
from fingerpost.core.study import Study
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.studies import earlier, plan
from fingerpost.studies.weights import indicators

Array = NDArray[np.float64]
UNLIKELY = 0.001  # of a draw as it was declared, over all covariates together
COMPETING = 0.05  # share of an arm that left before the horizon, from which it is told
LEFT = (
    "{shares} left without the event before {when}: if death or another event ended it, after "
    "which this one cannot happen, the answer is of a world without such endings, and fewer than "
    "it says have the event here"
)
LOOKED = (
    "the trial was to be looked at {looks} times, the last counted: where it stops as soon as a "
    "boundary is crossed the effect is overstated (by a fifth on average, of five looks by "
    "Pocock's boundary and the usual power), and the interval, which takes no account of looks, "
    "holds it less often than it says. Whether there is one is judged by the boundaries "
    "(fingerpost trial boundaries)"
)
SAY_WHICH = (
    ". Say at which look these records were taken, trial: {monitoring: {looked: K}}, and a table "
    "allows for looks"
)
ALLOWED = (
    "the trial was to be looked at {looks} times, the last counted: the usual estimate and its "
    "interval take no account of looks, and the table of the look does"
)
FEWEST = 10  # units of an arm, fewer of which tell nothing of how they were drawn
UNDECLARED = (
    "every {level} holds one arm only, and variance is taken by child: errors are as if children "
    "of one {level} told as much as children of several. Say cluster: {level}"
)
UNEVEN = (
    "{name} differs between the drawn arms by more than a draw gives (p {p} over all covariates): "
    "was the draw as declared, and are all who were drawn here?"
)
MADE_LATER = (
    "the subgroups are of {name}, which is none of the covariates: if provision can change it, "
    "children of one value are not alike in the arms, and the answer among them is of nobody"
)


def cautions(study: Study, task: Task, term: Term) -> Iterator[str]:
    """Yield what speaks against one term's answer on its own cohort."""
    level = task.fits.once("undeclared clusters", lambda: undeclared(task))
    if level:
        yield UNDECLARED.format(level=level)
    many = looks(study)
    if many > 1:
        yield looked_words(study, term, many)
    if study.assignment.randomised and study.given and term.subgroup is None:
        found = task.fits.once(
            "uneven draw",
            lambda: uneven(as_drawn(study, task.cohort), study.given, study.cluster),
        )
        if found is not None:
            name, p = found
            yield UNEVEN.format(name=name, p="< 0.0001" if p < 1e-4 else f"= {p:.4f}")
    before = earlier.caution(task.cohort, tuple(arm for arm, _ in term.contrast))
    if before:
        yield before
    gone = left_before(task.cohort, term)
    if any(share > COMPETING for _, share in gone):
        shares = " and ".join(f"{100 * share:.0f}% of arm {arm}" for arm, share in gone)
        unit = plan.spec_of(study, term.outcome).measure.measured_in
        yield LEFT.format(when=f"{term.horizon:g} {unit}".strip(), shares=shares)
    column = (term.subgroup or "").partition(" = ")[0]
    if column and study.linked is None and column not in study.given:
        yield MADE_LATER.format(name=column)


def looked_words(study: Study, term: Term, many: int) -> str:
    """Return what looks do to an answer, and where they are allowed for."""
    asked = None if study.trial is None else study.trial.monitoring
    if not judged(study, term):
        return LOOKED.format(looks=many)
    if asked is not None and asked.looked is not None:
        return ALLOWED.format(looks=many)
    return LOOKED.format(looks=many) + SAY_WHICH


def judged(study: Study, term: Term) -> bool:
    """Return whether a term is what looks judge: an effect on all children, of the first outcome
    that the study names.
    """
    first = bool(study.outcomes) and term.outcome == study.outcomes[0].name
    return first and term.subgroup is None and term.target.causal


def looks(study: Study) -> int:
    """Return at how many looks a trial may stop, the last analysis counted; 0 of any other study,
    and of designs whose arms come and go, which have estimators of their own.
    """
    own = study.assignment
    said = None if study.trial is None else study.trial.monitoring
    if said is None or said.many is None or not isinstance(own, Randomised):
        return 0
    procedure = leaves.load("designs", own.design, kind=Design).procedure
    return 0 if procedure is None or procedure.period is not None else said.many


def left_before(cohort: Cohort, term: Term) -> list[tuple[str, float]]:
    """Return, of a time to an event with a horizon, the share of each arm that left before it
    without the event; nothing for other outcomes. Records do not say whether leaving lost sight of
    a child or ended what could happen to it.
    """
    outcome = cohort.outcomes[term.outcome]
    if outcome.kind != "time" or term.horizon is None or outcome.event is None:
        return []
    left = ~outcome.event & (outcome.value < term.horizon)
    found = []
    for arm, _ in term.contrast:
        own = cohort.arm == cohort.arms.index(arm)
        if own.any():
            found.append((arm, float(left[own].mean())))
    return found


def undeclared(task: Task) -> str:
    """Return the level of clusters that each hold one arm only while variance is taken by child;
    empty where there is none.
    """
    cohort = task.cohort
    if task.analysis.cluster is not None:
        return ""
    for level, codes in cohort.clusters.items():
        own, keys = recode(codes)
        if 2 * len(keys) > cohort.n:
            continue  # clusters of a child or two say nothing
        pairs = len(np.unique(own.astype(np.int64) * len(cohort.arms) + cohort.arm))
        if pairs == len(keys):
            return level
    return ""


def as_drawn(study: Study, cohort: Cohort) -> Cohort:
    """Return the children who were drawn, in the arms of the first draw."""
    if cohort.stages is not None:
        own = cohort.take(np.flatnonzero(cohort.stages.leads))
        assert own.stages is not None
        return replace(own, arms=own.stages.firsts, arm=own.stages.first)
    if study.arms.outside in cohort.arms:
        return cohort.take(np.flatnonzero(cohort.arm != cohort.arms.index(study.arms.outside)))
    return cohort


def uneven(cohort: Cohort, given: tuple[str, ...], unit: str | None) -> tuple[str, float] | None:
    """Return the covariate that differs most between drawn arms, and its p over all covariates
    (Bonferroni), where a draw of these units would hardly ever give it; None elsewhere.

    Each arm's mean over the units drawn is compared with that of the others, by the normal.
    """
    codes, keys = recode(cohort.cluster_codes(unit))
    size = np.bincount(codes)
    arm = np.zeros(len(keys), dtype=np.int64)
    arm[codes] = cohort.arm
    shown = indicators(cohort, tuple(name for name in given if name in cohort.covariates))
    worst, count = ("", 0.0), 0
    for name, column in zip(shown.names, shown.columns, strict=True):
        means = sum_by(codes, column, n_groups=len(keys)) / size
        for one in range(1, len(cohort.arms)):
            away = gap(means[arm == one], means[arm != one])
            if away is None:
                continue
            count += 1
            worst = max(worst, (name, away), key=lambda each: each[1])
    p = min(1.0, 2 * count * float(ndtr(-worst[1])))
    return (worst[0], p) if worst[0] and p < UNLIKELY else None


def gap(first: Array, second: Array) -> float | None:
    """Return how many standard errors two means lie apart, None where too few units tell."""
    if min(len(first), len(second)) < FEWEST:
        return None
    error = float(np.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second)))
    return abs(float(first.mean() - second.mean())) / error if error > 0 else None
