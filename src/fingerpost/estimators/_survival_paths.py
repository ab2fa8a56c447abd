"""Two ways to an arm's risk, survival or mean time free of an event, with stacked influence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.errors import NotFitted, Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.fit import Weights
from fingerpost.core.model import ModelTerm
from fingerpost.estimators._models import (
    outcome_design,
    outcome_terms,
    pooled_design,
    under_arm,
)
from fingerpost.estimators._score import Score, score, tilt, tilt_key
from fingerpost.estimators._survival import Follow, ask_of
from fingerpost.kernels.carried import centred, spread
from fingerpost.kernels.design import Design, Terms
from fingerpost.kernels.hazard_curves import predicted
from fingerpost.kernels.hazards import Hazards, at_risk, fit_hazards, grid_of
from fingerpost.kernels.products import cross
from fingerpost.kernels.weighted_survival import (
    Ask,
    Curve,
    Spells,
    Staying,
    curve_change,
    told_weights,
    weighted_curve,
)

Array = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False, slots=True)
class Columns:
    """q values of one arm in one target, with influence (n, q) whose sum is their error."""

    value: Array
    influence: Array


def columns(task: Task, found: Follow, term: Term, arm: int, asks: Sequence[Ask]) -> Columns:
    """Return what is asked of an arm, in the target of a term."""
    path = _weighted if found.by == "weighting" else _standardised
    return path(task, found, term, arm, asks)


def _weighted(task: Task, found: Follow, term: Term, arm: int, asks: Sequence[Ask]) -> Columns:
    """Return values of the weighted curve of an arm's own children."""
    part = weighted_columns(task, found, term, arm, asks)
    return Columns(part.value, part.influence(slice(None)))


@dataclass(frozen=True, eq=False, slots=True)
class Weighted:
    """q values of an arm's weighted curve, with what their influence is made of: own (m, q), of the
    arm's children `rows`, and by way of the score, in_score (p, k − 1, q). curve: whole.
    """

    value: Array
    curve: Curve
    rows: Rows
    own: Array
    in_score: Array
    score: Score

    def influence(self, places: slice) -> Array:
        """Return (n, ·) the influence of some of the values."""
        own = self.own[:, places]
        parts = self.in_score[:, :, places].transpose(0, 2, 1)
        found = through_score(self.score, parts.reshape(len(parts), -1), own.shape[1])
        found[self.rows] += own
        return found


def weighted_columns(
    task: Task, found: Follow, term: Term, arm: int, asks: Sequence[Ask]
) -> Weighted:
    """Return values of the weighted curve of an arm's own children, the influence in parts: many
    values need not be held for all n children at once.
    """
    rows, tilted = found.rows[arm], tilt(task, term)
    spells = found.spells.take(rows)
    weights = found.weight[rows] * tilted.part(rows).weight(arm)
    staying = _staying(task, found, arm)
    horizon = max(by for _, by in asks)
    curve = weighted_curve(spells, weights, horizon=horizon, staying=staying)
    change = curve_change(spells, curve, weights=weights, asks=asks, staying=staying)
    slopes, own_score = tilted.part(rows).slope(arm), score(task)
    design = centred(own_score.design.take(rows), own_score.fit)
    in_score = np.stack(
        [cross(design, change.by_row * slope[:, None]) for slope in slopes.T], axis=1
    )
    own = change.by_row
    if staying is not None and change.in_leaving is not None:
        hazards = staying.hazards
        own += hazards.project(hazards.bread @ change.in_leaving)
    values = np.array([curve.value(ask) for ask in asks])
    return Weighted(values, curve, rows, own, in_score, score(task))


def own_weights(task: Task, found: Follow, term: Term) -> Weights | None:
    """Return what each child counts for once leaving is weighted for, at its event or the horizon;
    None where no model of leaving weighs the children.
    """
    arms = {name: task.cohort.arms.index(name) for name, _ in term.contrast}
    weighting = found.by == "weighting"
    stay = {name: _staying(task, found, arm) if weighting else None for name, arm in arms.items()}
    if not any(stay.values()):
        return None
    tilted, own = tilt(task, term), {}
    for name, arm in arms.items():
        rows, staying = found.rows[arm], stay[name]
        weight = found.weight[rows] * tilted.part(rows).weight(arm)
        if staying is not None:
            spells = found.spells.take(rows)
            weight = told_weights(spells, weight, horizon=ask_of(term)[1], staying=staying)
        own[name] = np.zeros(task.cohort.n)
        own[name][rows] = weight
    return Weights(own, found.weight * tilted.member)


def through_score(found: Score, in_score: Array, count: int) -> Array:
    """Return (n, q) the influence by way of the estimated score; in_score: (p, q (k − 1))."""
    moved = spread(found.fit, in_score, to=found.design).reshape(found.design.n, count, -1)
    influence: Array = np.einsum("nj,nqj->nq", found.residual, moved)
    return influence


def _staying(task: Task, found: Follow, arm: int) -> Staying | None:
    """Return the chance of having stayed, by arm; None without a model, or where nobody left."""
    terms = task.analysis.models.censoring
    if terms is None:
        return None
    key = ("leaving", task.terms[0].outcome, terms, arm, found.limit[arm], found.intervals)
    return task.fits.once(key, lambda: _fit_leaving(task, found, arm, terms))


def _fit_leaving(
    task: Task, found: Follow, arm: int, terms: tuple[ModelTerm, ...]
) -> Staying | None:
    rows = found.rows[arm]
    spells = found.spells.take(rows)
    left = ~spells.event & (spells.time < found.limit[arm])
    if not left.any():
        return None
    grid = grid_of(spells.time[left], found.intervals)
    # Of an event and a leaving at one time, the event came first: it left no risk of leaving.
    until = np.where(spells.event, np.nextafter(spells.time, -np.inf), spells.time)
    risk = at_risk(spells.start, until, happened=left, grid=grid)
    design = Terms(task.cohort.covariates, terms).take(rows)
    name = f"models.censoring, in arm {task.cohort.arms[arm]}"
    hazards = _settled(
        name, "censoring", lambda: fit_hazards(design, risk, weights=found.weight[rows])
    )
    return Staying(hazards, hazards.predictor(design))


def _settled(name: str, model: str, make: Callable[[], Hazards]) -> Hazards:
    """Return a fit, or raise Unanswerable where there is none or it did not settle."""
    try:
        fitted = make()
    except NotFitted as fault:
        raise Unanswerable(f"{name}: {fault}") from None
    if not fitted.settled:
        raise Unanswerable(
            f"{name}: the fit did not settle (a covariate tells the outcome for certain, or too "
            "few children are left at some time). Mend: use fewer terms in models: "
            f"{{{model}: …}}, fewer intervals, or an earlier horizon."
        )
    return fitted


@dataclass(frozen=True, eq=False, slots=True)
class ArmHazards:
    """Hazards of the event as they speak of an arm. rows: of the fit; predict: (n, p) design."""

    hazards: Hazards
    rows: Rows
    predict: Design


def _standardised(task: Task, found: Follow, term: Term, arm: int, asks: Sequence[Ask]) -> Columns:
    """Return values of the curves that hazards predict, averaged over the target."""
    model = _hazards(task, found, arm)
    target = tilt_key(term)
    member, member_slope = found.weight, None
    if target.kind == "received":
        member = member * (task.cohort.arm == task.cohort.arms.index(str(target.arm)))
    elif target.kind == "overlap":
        tilted = tilt(task, term)
        member, member_slope = member * tilted.member, tilted.member_slope
    total = float(member.sum())
    told = predicted(model.hazards, model.predict, weights=member / total, asks=asks)
    value = (member @ told.value) / total
    influence = (told.value - value) * (member / total)[:, None]
    if member_slope is not None:
        bent = (influence[:, :, None] * member_slope[:, None, :]).reshape(len(influence), -1)
        pulled = cross(centred(score(task).design, score(task).fit), bent)
        influence += through_score(score(task), pulled, len(asks))
    influence[model.rows] += model.hazards.project(model.hazards.bread @ told.in_hazards)
    return Columns(value, influence)


def _hazards(task: Task, found: Follow, arm: int) -> ArmHazards:
    """Return the hazards of an arm: one fit an arm, or one pooled fit, as the study says."""
    models, outcome = task.analysis.models, task.terms[0].outcome
    form = (outcome_terms(task), models.by_arm, models.interactions, found.intervals)
    if models.by_arm:
        rows, limit, design = found.rows[arm], found.limit[arm], outcome_design(task)
        key = ("hazards", outcome, form, arm, limit)
        predict, name = design, f"hazards of arm {task.cohort.arms[arm]}"
    else:
        pooled = pooled_design(task)
        used = found.weight > 0
        observed = task.cohort.outcomes[outcome].observed
        rows = np.flatnonzero(used if observed is None else used & observed)
        limit, design = max(found.limit.values()), pooled
        key = ("hazards", outcome, form, -1, limit)
        predict, name = under_arm(pooled, task.cohort, arm), "hazards"
    fit = task.fits.once(key, lambda: _fit_hazards(found, design, rows, limit, name))
    return ArmHazards(fit, rows, predict)


def _fit_hazards(found: Follow, design: Design, rows: Rows, limit: float, name: str) -> Hazards:
    spells: Spells = found.spells.take(rows)
    happened = spells.event & (spells.time <= limit)
    grid = grid_of(spells.time[happened], found.intervals)
    risk = at_risk(spells.start, spells.time, happened=happened, grid=grid)
    return _settled(
        name, "outcome", lambda: fit_hazards(design.take(rows), risk, weights=found.weight[rows])
    )
