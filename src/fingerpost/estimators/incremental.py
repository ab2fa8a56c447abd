"""Incremental effects: what if provision had been somewhat more, or less, likely for every child?

Other leaves compare a world where every child has an arm with one where none has. This one asks
what would happen if each child's odds of the contrast's first arm were multiplied by δ: with δ = 2
a child with even odds would have two to one, a child who is sure to have it or sure to go without
stays as it is. The answer is the mean outcome then, less the mean outcome as things are. Nobody is
moved where nobody like them was ever found, so it needs no overlap between arms and is judged by no
guard rail of overlap; it is the question of a budget ("somewhat more support"), not of a child
("does support help?"), and it says little of children whose arm is nearly certain. The odds of the
first arm are what is multiplied, so exchanging the arms asks another question; it does not flip
the sign.

How it is computed. The plain mean of the efficient influence function (Kennedy 2019, theorem 2)
with the study's own exposure and outcome models; standard errors from their stacked influence. At
δ = 1 it is nought exactly; as δ grows it becomes the augmented mean of the first arm less the mean
as observed.

What it assumes: exchangeability, consistency, and the exposure model. It is not doubly robust: the
exposure model is part of the question. With that model right the answer is right whatever the
outcome model; with it wrong the answer is off by the square of its error, even under a right
outcome model, and by the product of the two errors besides. A covariate that tells the arm for
certain cannot be fitted without models: {firth: true}.

Options. `deltas`: the odds ratios of the table `incremental_curve`, which shows the answer over a
range of δ, from 0.05 to 20, point by point, with the share of children who would then be in the
first arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Target, Term
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._answer import Uncertain, estimate
from fingerpost.estimators._assumptions import CONSISTENCY, EXCHANGEABLE, KINDS
from fingerpost.estimators._censoring import Censoring, censoring, through_censoring
from fingerpost.estimators._options import Options
from fingerpost.estimators._outcome import (
    ArmModel,
    Array,
    arm_models,
    outcome_of,
    person_time,
    survey_weight,
    through_outcome,
)
from fingerpost.estimators._score import score
from fingerpost.estimators._standardise import Mean, through_score

DELTAS = (0.5, 0.8, 1.0, 1.25, 2.0, 5.0)
LEAST_DELTA, MOST_DELTA = 0.05, 20.0  # as for the target: beyond, it asks about everybody or nobody
SCORE_RIGHT = Assumption(
    "exposure model",
    "the model of who receives which arm has the right form; the outcome model need not",
    diagnostic="model_form",
)


@dataclass(frozen=True, eq=False, slots=True)
class Sides:
    """What the children are, seen from the contrast's first arm.

    own: (n,) 1 in the first arm, 0 in the second. chance: (n,) its probability; bend: (n,) the
    derivative of that in the linear predictor of the score. first, second: the outcome model as it
    speaks of each. weight: (n,) survey weight; time: (n,) person-time; value: (n,) outcome. timed:
    whether person-time is known of those seen alone, who then stand for the others.
    """

    own: Array
    chance: Array
    bend: Array
    first: ArmModel
    second: ArmModel
    weight: Array
    time: Array
    value: Array
    censored: Censoring | None
    timed: bool

    @property
    def seen(self) -> Array:
        """(n,) what a child's own outcome counts for: 1, or the weight of those seen."""
        return np.ones(len(self.own)) if self.censored is None else self.censored.weight

    @property
    def known(self) -> Array:
        """(n,) survey weight × person-time, of those seen alone where it is known of them alone."""
        found = self.weight * self.time
        return found * self.seen if self.timed else found


@dataclass(frozen=True, eq=False, slots=True)
class Parts:
    """A sum over children divided by total, and what moves it.

    amount: (n,) what each child adds. seen: (n,) the part of it that is weighted for being seen.
    in_first, in_second: (n,) its derivatives in the linear predictors of the outcome models, and
    in_chance: (n,) in the probability of the first arm.
    """

    amount: Array
    seen: Array
    in_first: Array
    in_second: Array
    in_chance: Array


def run(task: Task) -> Answer:
    """Return the change of the mean outcome for every term of the task, and the curve over δ."""
    deltas = deltas_of(task.analysis.options)
    changes = [change(task, term) for term in task.terms]
    found = Uncertain(
        np.array([one.value for one in changes]),
        np.stack([one.influence for one in changes], axis=1),
        weighted=False,
    )
    return Answer("incremental", estimate=estimate(task, found), tables=(curve(task, deltas),))


def change(task: Task, term: Term) -> Mean:
    """Return E[Y(odds of the first arm × δ)] − E[Y], or the log of their ratio, with influence.

    Kennedy (2019), JASA 114:645-656, theorem 2, less the mean as observed. Rates are weighed by
    person-time, which is taken as known. Raises UsageError where δ is not a positive number.
    """
    delta = delta_of(term)
    sides = sides_of(task, term)
    moved = _mean(task, sides, _change_parts(sides, delta))
    if term.scale != "ratio":
        return moved
    here = _mean(task, sides, _observed_parts(sides))
    there = here.value + moved.value
    if here.value <= 0 or there <= 0:
        raise Unanswerable(
            "incremental: ratio: a mean is not above zero, so a ratio has no meaning. "
            "Mend: estimand: {scale: difference}."
        )
    influence = (here.influence + moved.influence) / there - here.influence / here.value
    return Mean(float(np.log(there) - np.log(here.value)), influence)


def sides_of(task: Task, term: Term) -> Sides:
    """Return the children as seen from the contrast's first arm.

    Raises UsageError unless the cohort has two arms and the contrast compares them.
    """
    arms, names = task.cohort.arms, [name for name, _ in term.contrast]
    if len(arms) != 2 or [weight for _, weight in term.contrast] != [1.0, -1.0]:
        raise UsageError(
            f"estimators: incremental multiplies the odds of one arm against one other; the study "
            f"has {len(arms)} arms. Mend: arms with two levels."
        )
    at, probability = arms.index(names[0]), score(task).probability
    models, outcome, censored = arm_models(task), outcome_of(task), censoring(task)
    bend = probability[:, 0] * probability[:, 1] * (1.0 if at == 1 else -1.0)
    return Sides(
        (task.cohort.arm == at).astype(float),
        probability[:, at],
        bend,
        models[at],
        models[1 - at],
        survey_weight(task),
        person_time(outcome),
        outcome.value,
        censored,
        censored is not None and outcome.exposure is not None,
    )


def _change_parts(sides: Sides, delta: float) -> Parts:
    """Return what each child adds to Σ (φ − y): written so that at δ = 1 every child adds nought.

    With D = 1 + (δ − 1)π: (w − 1)(y − m_A) + (m_1 − m_0)(δπ/D − A + δ(A − π)/D²), where
    w = δ/D in the first arm and 1/D in the second.
    """
    own, chance, time, seen = sides.own, sides.chance, sides.time, sides.seen
    less = delta - 1.0
    scale = 1.0 + less * chance
    counts = (delta * own + (1.0 - own)) / scale
    expected = np.where(own == 1, sides.first.mean, sides.second.mean)
    residual = sides.weight * seen * (sides.value - time * expected)
    gap = sides.known * (sides.first.mean - sides.second.mean)
    turn = (delta * chance / scale - own) + delta * (own - chance) / scale**2
    reached = sides.weight * seen * time * (counts - 1.0)
    base = sides.known * turn
    rest = (counts - 1.0) * residual
    return Parts(
        rest + gap * turn,
        rest + (gap * turn if sides.timed else 0.0),
        (base - reached * own) * sides.first.slope,
        -(base + reached * (1.0 - own)) * sides.second.slope,
        -less * counts / scale * residual - 2 * delta * less * (own - chance) / scale**3 * gap,
    )


def _observed_parts(sides: Sides) -> Parts:
    """Return what each child adds to the mean as things are: its outcome, or, where not all were
    seen, its prediction and the weighted residual of those who were.
    """
    expected = np.where(sides.own == 1, sides.first.mean, sides.second.mean)
    rest = sides.weight * sides.seen * (sides.value - sides.time * expected)
    base = sides.known
    slope = base - sides.weight * sides.seen * sides.time
    amount = rest + base * expected
    return Parts(
        amount,
        amount if sides.timed else rest,
        slope * sides.own * sides.first.slope,
        slope * (1.0 - sides.own) * sides.second.slope,
        np.zeros(len(amount)),
    )


def _mean(task: Task, sides: Sides, parts: Parts) -> Mean:
    """Return Σ amount / Σ person-time, with influence by the chain rule."""
    time = sides.known
    total = float(time.sum())
    value = float(parts.amount.sum()) / total
    influence = (parts.amount - value * time) / total
    if sides.censored is not None:
        by_seen = parts.seen - (value * time if sides.timed else 0.0)
        influence += through_censoring(sides.censored, by_seen / total * sides.censored.slope)
    pairs = ((sides.first, parts.in_first), (sides.second, parts.in_second))
    for model, slope in pairs:
        influence += through_outcome(model, slope / total)
    in_score = (parts.in_chance * sides.bend / total)[:, None]
    return Mean(value, influence + through_score(score(task), in_score))


def provided(task: Task, term: Term) -> float:
    """Return the share of children who would be in the first arm, their odds times δ."""
    sides, delta = sides_of(task, term), delta_of(term)
    share = delta * sides.chance / (1.0 + (delta - 1.0) * sides.chance)
    return float(sides.weight @ share / sides.weight.sum())


def curve(task: Task, deltas: tuple[float, ...]) -> Table:
    """Return the answer of each contrast over a range of δ, each point with its own interval."""
    pairs = dict.fromkeys((term.contrast, term.scale) for term in task.terms)
    base = task.terms[0]
    asked = tuple(
        replace(base, contrast=pair, scale=scale, target=Target("incremental", delta=delta))
        for pair, scale in pairs
        for delta in deltas
    )
    own = replace(task, terms=asked)
    changes = [change(own, term) for term in asked]
    influence = np.stack([one.influence for one in changes], axis=1)
    found = estimate(own, Uncertain(np.array([one.value for one in changes]), influence, False))
    errors, bounds = standard_errors(found), intervals(found, task.analysis.level)
    rows: list[tuple[Cell, ...]] = []
    for at, term in enumerate(asked):
        through = np.exp if term.scale == "ratio" else np.asarray
        lo, hi = (None, None) if bounds is None else (float(each) for each in through(bounds[at]))
        se = None if errors is None else float(errors[at])
        value = float(through(found.value[at]))
        share = provided(own, term)
        rows.append((term.words(), term.scale, delta_of(term), share, value, se, lo, hi))
    children = np.bincount(task.cohort.arm, minlength=len(task.cohort.arms))
    return Table(
        "incremental_curve",
        "More or less provision: the answer as the odds are multiplied",
        ("contrast", "scale", "delta", "provided", "change", "se", "lo", "hi"),
        ("label", "label", "number", "share", "number", "number", "number", "number"),
        tuple(rows),
        tells=Tells(
            role="odds curve",
            keys=("delta",),
            answers=("change", "lo", "hi"),
            logs=("se",),
            units=(("delta", "times the odds"),),
        ),
        counts=(int(children.min()),) * len(rows),
        tags=(("outcome", base.outcome),),
        context="The mean outcome with every child's odds of the first arm multiplied by delta, "
        "against the mean as things are; provided: the share who would then be in the first arm.",
        note="Intervals hold point by point. The standard error of a ratio is of its logarithm.",
    )


def delta_of(term: Term) -> float:
    """Return the δ of a term; raise UsageError where it is not a positive number."""
    delta = term.target.delta
    if delta is None or not 0.0 < float(delta) < np.inf:
        raise UsageError(
            "estimand.target: incremental takes a number above 0 by which the odds are multiplied. "
            "Write {incremental: 2}."
        )
    return float(delta)


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    deltas_of(options)


def deltas_of(options: Mapping[str, object]) -> tuple[float, ...]:
    """Return the δ of the curve; raise UsageError where the option is not numbers in range."""
    reads = Options("incremental", options)
    found = reads.numbers(
        "deltas",
        f"numbers from {LEAST_DELTA:g} to {MOST_DELTA:g} by which the odds are multiplied, such as "
        "[0.5, 1, 2]",
        allowed=lambda delta: LEAST_DELTA <= delta <= MOST_DELTA,
    )
    reads.finish()
    return found or DELTAS


INCREMENTAL = Estimator(
    title="Incremental effects",
    summary="Multiplies every child's odds of provision, and compares the mean outcome with the "
    "mean as things are.",
    reference="Kennedy (2019), JASA 114:645-656",
    targets=("incremental",),
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(EXCHANGEABLE, CONSISTENCY, SCORE_RIGHT),
    run=run,
    levels="2",
    trimmed=False,
    guard="exempt",
    censoring=True,
    options=(("deltas", "odds ratios of the curve; 0.5, 0.8, 1, 1.25, 2, 5 unless given"),),
    check=check,
)
