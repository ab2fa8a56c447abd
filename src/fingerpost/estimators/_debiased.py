"""Debiased means around learners: scores that forgive small errors, whose children were left out
when what is said of them was learnt (Chernozhukov et al. 2018, The Econometrics Journal 21:C1-C68).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.estimand import Term
from fingerpost.core.fit import Weights
from fingerpost.core.leaves import Assumption
from fingerpost.core.table import Table
from fingerpost.estimators._censoring import censoring, seen, through_censoring
from fingerpost.estimators._cross_fit import Nuisances
from fingerpost.estimators._outcome import Array, outcome_of, person_time, survey_weight
from fingerpost.estimators._score import tilt_key
from fingerpost.estimators._standardise import Mean

SMALL_ERRORS = Assumption(
    "learners near enough",
    "the error of what was learnt of provision times that of what was learnt of the outcome is "
    "small beside the standard error",
)


def debiased_mean(task: Task, term: Term, arm: int, *, learnt: Nuisances) -> Mean:
    """Return the mean outcome (or rate) under an arm among the target, and its influence.

    It solves Σ w [member × t (m − ψ) + 1[A = a] tilt (y − m t)] = 0: Chernozhukov et al. (2018),
    equations 5.3 and 5.4, for arms and targets of any number (Li & Li 2019). Outcomes that were
    not seen have no residual; those that were are weighted for them.
    """
    outcome, weight = outcome_of(task), survey_weight(task)
    member, tilted = member_and_tilt(task, term, arm, probability=learnt.probability)
    time, mean = person_time(outcome), learnt.mean[:, arm]
    base = weight * member * time
    residual = weight * tilted * (outcome.value - mean * time)
    censored = censoring(task)
    if censored is not None:
        residual = residual * censored.weight
        # The time at risk of a child who was not seen is not known: those who were stand for it.
        base = base * censored.weight if outcome.exposure is not None else base
    total = float(base.sum())
    value = float((base * mean + residual).sum()) / total
    influence = (base * (mean - value) + residual) / total
    if censored is not None:
        moved = influence if outcome.exposure is not None else residual / total
        influence = influence + through_censoring(censored, moved * censored.slope)
    return Mean(value, influence)


def member_and_tilt(
    task: Task, term: Term, arm: int, *, probability: Array
) -> tuple[Array, NDArray[np.float64]]:
    """Return (n,) how much each child counts in the target, and (n,) the weight of its residual,
    zero off the arm.

    Overlap: h = 1/Σ 1/e, and membership h²/e_A² of the arm received: h itself, and what the
    function adds for the learning of h, Σ_j ∂h/∂e_j (1[A = j] − e_j), together.
    """
    cohort, target = task.cohort, tilt_key(term)
    rows = np.arange(cohort.n)
    received = probability[rows, cohort.arm]
    own = cohort.arm == arm
    safe = np.where(received > 0, received, 1.0)  # noughts have no survey weight: see _cross_fit
    if target.kind == "received":
        c = cohort.arms.index(str(target.arm))
        return (cohort.arm == c).astype(float), own * probability[:, c] / safe
    if target.kind == "overlap":
        with np.errstate(divide="ignore"):
            h = 1.0 / (1.0 / probability).sum(axis=1)
        return (h / safe) ** 2, own * h / safe
    return np.ones(cohort.n), own / safe


def learnt_weights(task: Task, term: Term, learnt: Nuisances) -> Weights:
    """Return by how much each child's residual counts in its arm, and the target's own children."""
    survey, censored, own = survey_weight(task), censoring(task), {}
    for name, _ in term.contrast:
        arm = task.cohort.arms.index(name)
        member, tilted = member_and_tilt(task, term, arm, probability=learnt.probability)
        own[name] = survey * tilted
        if censored is not None:
            own[name] = own[name] * censored.weight
    return Weights(own, survey * member)


def learnt_table(task: Task, learnt: Nuisances, *, leaf: str, names: tuple[str, str]) -> Table:
    """Return how much of what it had not seen each learner explains: of the arms' log-likelihood,
    and of the outcome's variance within each arm. names: of the learners of exposure and outcome.
    """
    cohort, outcome, weight = task.cohort, outcome_of(task), survey_weight(task)
    arms = range(len(cohort.arms))
    shares = np.bincount(cohort.arm, weights=weight, minlength=len(arms)) / weight.sum()
    own = np.maximum(learnt.probability[np.arange(cohort.n), cohort.arm], 1e-300)
    least = float(weight @ np.log(shares[cohort.arm]))
    explained = 1 - float(weight @ np.log(own)) / least
    rows = [(leaf, "exposure", names[0], "all arms", explained)]
    time, here = person_time(outcome), seen(task)
    for a in arms:
        w = weight * (here & (cohort.arm == a))
        level = float(w @ outcome.value) / float(w @ time)
        around = float(w @ (outcome.value - level * time) ** 2)
        left = float(w @ (outcome.value - learnt.mean[:, a] * time) ** 2)
        share = 1 - left / around if around > 0 else 0.0
        rows.append((leaf, "outcome", names[1], cohort.arms[a], share))
    children = np.bincount(cohort.arm[here], minlength=len(arms))
    return Table(
        "learners",
        "What the learners explain of children they had not seen",
        ("estimator", "model", "learner", "arm", "explained"),
        ("label", "label", "label", "label", "number"),
        tuple(rows),
        counts=(int(children.min()), *(int(count) for count in children)),
        tags=(("outcome", task.terms[0].outcome),),
        context="Share of the deviance of arms, and of the variance of the outcome, explained in "
        "folds that were left out; below nought a learner does worse than an average.",
    )


def child_scores(task: Task, term: Term, learnt: Nuisances) -> tuple[Array, Array]:
    """Return (n,) a noisy measure of each child's own effect that is right on average among
    children alike, and (n,) weights by which its mean is the debiased effect for all children.
    """
    outcome = outcome_of(task)
    time = person_time(outcome)
    weight = survey_weight(task) * time
    censored = censoring(task)
    if censored is not None and outcome.exposure is not None:
        weight = weight * censored.weight
    score = np.zeros(task.cohort.n)
    for name, sign in term.contrast:
        arm = task.cohort.arms.index(name)
        _, tilted = member_and_tilt(task, term, arm, probability=learnt.probability)
        residual = tilted * (outcome.value / time - learnt.mean[:, arm])
        if censored is not None and outcome.exposure is None:
            residual = residual * censored.weight
        score += sign * (learnt.mean[:, arm] + residual)
    return score, weight
