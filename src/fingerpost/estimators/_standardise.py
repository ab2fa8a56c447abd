"""Means of each arm standardised to a target, with their stacked influence.

Every mean is a sum of ratios N/D of sums over children. Its influence has three parts, all by the
chain rule of stacked estimating equations (Stefanski & Boos 2002): the child's own contribution to
N and D, its score in the outcome model, and its score in the exposure model; where outcomes were
not seen for all, a fourth by way of the model of who was. Only products of designs with vectors are
needed, so no matrix of children by parameters is ever held; and each block of children is summed
into its schools as it is made, so that influence by child is not held either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.estimand import Term
from fingerpost.estimators._censoring import Censoring, censoring, seen, through_censoring
from fingerpost.estimators._outcome import (
    ArmModel,
    arm_models,
    outcome_of,
    person_time,
    slope_of,
    survey_weight,
)
from fingerpost.estimators._score import Score, score, tilt, tilt_key
from fingerpost.estimators._sums import BLOCK, Sums
from fingerpost.estimators._taken import Taken, taken
from fingerpost.kernels import tilting
from fingerpost.kernels.arrays import one_thread, spans
from fingerpost.kernels.carried import centred, spread
from fingerpost.kernels.design import Design, Stretch
from fingerpost.kernels.products import cross
from fingerpost.kernels.tilting import Tilt

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which parts a leaf uses.

    outcome: an outcome model. residual: weighted residuals (weighted outcomes where there is no
    model). weighted: the outcome model is fitted with the tilting weights. normalised: residuals
    are divided by the sum of their weights (Hajek), not by the size of the target.
    """

    outcome: bool
    residual: bool
    weighted: bool = False
    normalised: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Mean:
    """The standardised mean of one arm: its value, and influence whose sum is its error: (n,) by
    child, or summed by `Sums`. rest: (variance, degrees of freedom) of what the outcome model of
    drawn arms left, None where that is not told.
    """

    value: float
    influence: Array
    rest: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Ratio:
    """One ratio Σ amount / Σ time over children, of some of them.

    in_outcome: (m,) derivative of amount in the linear predictor of the outcome model.
    """

    amount: Array
    time: Array
    in_outcome: Array


@dataclass(frozen=True, slots=True)
class Scale:
    """How the children of a ratio move the mean: by (amount − centre × time) / total."""

    centre: float
    total: float

    def error(self, ratio: Ratio) -> Array:
        """Return (m,) what each child adds to the error of the mean by itself."""
        found: Array = (ratio.amount - self.centre * ratio.time) / self.total
        return found


@dataclass(frozen=True, eq=False, slots=True)
class Ask:
    """The mean that is asked for: of an arm, in a target, by a recipe.

    model: of the arm's outcomes, None without one. censored: who was seen, None where all were.
    """

    task: Task
    arm: int
    recipe: Recipe
    tilt: Tilt
    model: ArmModel | None
    censored: Censoring | None

    @property
    def blocks(self) -> Iterator[slice]:
        """The children block by block, in their order."""
        return (slice(lo, hi) for lo, hi in spans(self.task.cohort.n, BLOCK))

    @property
    def timed(self) -> bool:
        """Whether the target itself is weighted for being seen: the time at risk of a child who
        was not seen is not known, and those who were stand for it.
        """
        outcome = self.task.cohort.outcomes[self.task.terms[0].outcome]
        return self.censored is not None and outcome.exposure is not None

    def ratios(self, rows: slice) -> tuple[Ratio | None, Ratio | None]:
        """Return what some children add to the target's model means, and to the arm's weighted
        outcomes, or residuals of the model; None for what the recipe leaves out.
        """
        tilted, outcome = self.tilt.part(rows), outcome_of(self.task, rows)
        survey, time = survey_weight(self.task, rows), person_time(outcome)
        seen = None if self.censored is None else self.censored.weight[rows]
        mean = slope = None
        base = rest = None
        if self.model is not None:
            mean = self.model.mean[rows]
            slope = slope_of(mean, outcome.kind)
            counts = survey * tilted.member * time
            counts = counts * seen if seen is not None and self.timed else counts
            base = Ratio(counts * mean, counts, counts * slope)
        if self.recipe.residual:
            weight = survey * tilted.weight(self.arm) * (tilted.codes == self.arm)
            weight = weight if seen is None else weight * seen
            counts, amount = weight * time, weight * outcome.value
            if mean is None or slope is None:
                rest = Ratio(amount, counts, counts)
            else:
                rest = Ratio(amount - counts * mean, counts, -counts * slope)
        return base, rest


def standardised_mean(task: Task, term: Term, arm: int, recipe: Recipe, sums: Sums) -> Mean:
    """Return the mean outcome (or rate) under an arm, among the target of a term; influence summed.

    Children are read block by block, once for each of: the mean, the pull on the outcome model, the
    pull on the score, and the influence that comes back by way of it.
    """
    needs_score = recipe.residual or recipe.weighted or term.target.kind == "overlap"
    tilted = tilt(task, term) if needs_score else _membership(task, term)
    model = _model(task, term, arm, recipe, tilted) if recipe.outcome else None
    ask = Ask(task, arm, recipe, tilted, model, censoring(task))
    with one_thread():
        value, scales = _value(ask)
        lean = None if model is None else _pull_on_outcome(ask, model, scales)
        took = None if lean is None else _took(ask, lean, scales[1], sums)
        factor = None if took is None else took.factor[sums.codes]
        influence = sums.nothing()
        in_seen = None if ask.censored is None else np.zeros(task.cohort.n)
        found = score(task) if needs_score else None
        pulled = None if found is None else np.zeros((found.design.p, len(task.cohort.arms) - 1))
        for rows in ask.blocks:
            own, in_score, by_seen = _errors(ask, scales, lean, rows, factor)
            sums.add(influence, own, rows)
            if found is not None and pulled is not None and in_score is not None:
                pulled += cross(centred(_stretch(found.design, rows), found.fit), in_score)
            if in_seen is not None:
                in_seen[rows] = by_seen
        if found is not None and pulled is not None and pulled.any():
            for rows in ask.blocks:
                moved = spread(found.fit, pulled, to=_stretch(found.design, rows))
                sums.add(influence, np.einsum("nj,nj->n", found.residual_of(rows), moved), rows)
    if ask.censored is not None and in_seen is not None:
        sums.add(influence, through_censoring(ask.censored, in_seen * ask.censored.slope))
    return Mean(value, influence, None if took is None else (took.variance, took.df))


def _value(ask: Ask) -> tuple[float, tuple[Scale | None, Scale | None]]:
    """Return the mean, and how the target's and the arm's ratio move it."""
    total = np.zeros((2, 2))
    for rows in ask.blocks:
        for place, ratio in enumerate(ask.ratios(rows)):
            if ratio is not None:
                total[place] += ratio.amount.sum(), ratio.time.sum()
    (amount, time), (more, weight) = total.tolist()
    if ask.model is None:
        return more / weight, (None, Scale(more / weight, weight))
    if not ask.recipe.residual:
        return amount / time, (Scale(amount / time, time), None)
    if ask.recipe.normalised:
        both = Scale(amount / time, time), Scale(more / weight, weight)
        return both[0].centre + both[1].centre, both
    # The plain mean of the efficient influence function (Robins, Rotnitzky & Zhao 1994).
    value = (amount + more) / time
    return value, (Scale(value, time), Scale(0.0, time))


def _pull_on_outcome(ask: Ask, model: ArmModel, scales: tuple[Scale | None, Scale | None]) -> Array:
    """Return (p,) how the mean pulls on the equations of the outcome model."""
    pulled = np.zeros(model.predict.p)
    for rows in ask.blocks:
        parts = [
            ratio.in_outcome / scale.total
            for ratio, scale in zip(ask.ratios(rows), scales, strict=True)
            if ratio is not None and scale is not None
        ]
        predict = centred(_stretch(model.predict, rows), model.fit)
        pulled += cross(predict, parts[0] if len(parts) == 1 else parts[0] + parts[1])
    return pulled


def _took(ask: Ask, lean: Array, scale: Scale | None, sums: Sums) -> Taken | None:
    """Return what the outcome model took of its units' residuals, where arms were drawn.

    scale: of the arm's weighted residuals, None where the recipe has none.
    """
    model, task, every = ask.model, ask.task, slice(0, ask.task.cohort.n)
    if model is None or not task.analysis.assignment.randomised:
        return None
    tilted, outcome = ask.tilt.part(every), outcome_of(task)
    slope = slope_of(model.mean, outcome.kind)
    working = seen(task) * survey_weight(task) * person_time(outcome) * slope
    if model.codes is not None:
        working *= model.codes == model.arm
    weight = np.ones(len(working)) if ask.censored is None else ask.censored.weight
    if ask.recipe.weighted:
        working *= tilted.weight(tilted.codes) * weight
    pull = spread(model.fit, lean, to=model.design)
    if scale is not None:
        own = tilted.codes == ask.arm
        pull = pull + own * tilted.weight(ask.arm) * weight / scale.total
    return taken(model, pull, working, sums)


def _errors(
    ask: Ask,
    scales: tuple[Scale | None, Scale | None],
    lean: Array | None,
    rows: slice,
    factor: Array | None,
) -> tuple[Array, Array | None, Array]:
    """Return of some children (m,) what they add to the error by themselves and by way of the
    outcome model, (m, k − 1) the derivative of the mean in the linear predictors of their scores,
    None where there is none, and (m,) in the log weights for being seen. factor: (n,) by which a
    child's residual is too small.
    """
    tilted = ask.tilt.part(rows)
    base, rest = (
        None if ratio is None or scale is None else scale.error(ratio)
        for ratio, scale in zip(ask.ratios(rows), scales, strict=True)
    )
    own, left = np.zeros(len(tilted.codes)), np.zeros(len(tilted.codes))
    by_seen, in_score = np.zeros_like(own), None
    if base is not None:
        own += base
        by_seen += base if ask.timed else 0.0
        bent = tilted.member_slope
        in_score = None if bent is None else base[:, None] * bent
    if rest is not None:
        left += rest
        by_seen += rest
        in_score = _plus(in_score, rest[:, None] * tilted.slope(ask.arm))
    if ask.model is not None and lean is not None:
        moved = spread(ask.model.fit, lean, to=_stretch(ask.model.design, rows))
        through = ask.model.residual_of(rows) * moved
        left += through
        if ask.recipe.weighted:  # the weights of the fit are of the score, and of being seen
            by_seen += through
            in_score = _plus(in_score, through[:, None] * tilted.slope(tilted.codes))
    own += left if factor is None else left * factor[rows]
    return own, in_score, by_seen


def _stretch(design: Design, rows: slice) -> Stretch:
    return Stretch(design, rows.start, rows.stop)


def _membership(task: Task, term: Term) -> Tilt:
    """Return a tilting with fixed membership only, where no score is needed."""
    target, cohort = tilt_key(term), task.cohort
    arm = None if target.kind != "received" else cohort.arms.index(str(target.arm))
    return Tilt(np.empty((cohort.n, 0)), cohort.arm, target.kind, arm)


def _model(task: Task, term: Term, arm: int, recipe: Recipe, tilted: Tilt) -> ArmModel:
    if not recipe.weighted:
        return arm_models(task)[arm]

    def own() -> Array:
        censored, out = censoring(task), np.empty(task.cohort.n)
        for lo, hi in spans(len(out), BLOCK):
            part = tilted.part(slice(lo, hi))
            out[lo:hi] = part.weight(part.codes)
        return out if censored is None else out * censored.weight

    return arm_models(task, own, key=tilt_key(term))[arm]


def through_score(found: Score, in_score: Array) -> Array:
    """Return (n,) the influence that comes by way of the estimated score."""
    return tilting.through_score(
        found.design, found.fit, residual=found.residual, in_score=in_score
    )


def _plus(first: Array | None, second: Array | None) -> Array | None:
    """Return the sum, where None is nothing."""
    if first is None or second is None:
        return second if first is None else first
    return first + second
