"""Whether the working models have the right form: would a bent covariate have told more?

Of each model, one line a covariate that is a number asks whether its square, which the model has
not, goes with what the model left unexplained, and one line asks it of the square of what the model
predicts, which sees products of covariates too (Ramsey 1969; Pregibon 1980). Balance of means after
weighting does not see a missing square, so it is no test of the form.

Each line is a score test (Rao) with the covariance of the score summed by cluster, each child's
score cleared of what the model's own coefficients take up; p-values are adjusted for the number of
lines of a model (Holm 1979). A cube, a step or a product that leaves no trace in these squares is
not seen, and a model that passes is not thereby right.

Reference: Ramsey (1969), Journal of the Royal Statistical Society B 31:350-371; Pregibon (1980),
Applied Statistics 29:15-24; Boos (1992), American Statistician 46:327-333.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from fingerpost.core.analysis import Task
from fingerpost.core.cohort import Codes
from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, Unanswerable
from fingerpost.core.model import ModelTerm
from fingerpost.core.table import Cell, Table
from fingerpost.estimators._censoring import seen
from fingerpost.estimators._models import exposure_terms, outcome_terms
from fingerpost.estimators._outcome import (
    ArmModel,
    arm_models,
    outcome_of,
    person_time,
    survey_weight,
)
from fingerpost.estimators._score import score
from fingerpost.kernels.carried import carried
from fingerpost.kernels.clusters import recode, sum_by, two_valued
from fingerpost.kernels.design import Design
from fingerpost.kernels.glm import GlmFit
from fingerpost.kernels.multiplicity import holm

Array = NDArray[np.float64]
NAME = "model_form"
ALARM = 0.05
FEWEST_UNITS = 30  # clusters, or children, from which the covariance of a score is told
NOTHING_NEW = 1e-8  # share of a square's variance beyond the model's own columns, counted as none
TINY = 1e-12  # nearest to 0 or 1 that a fitted chance is taken to be
PREDICTED = "what the model predicts"


@dataclass(frozen=True, eq=False, slots=True)
class Model:
    """A fitted model, or one arm's part of it, as a score test needs it.

    design: (n, p). residual: (n, j) weight × (observed − fitted) of j linear predictors.
    information: (n, j, j) minus the derivative of a residual in each linear predictor. fit:
    of j linear predictors. predictor: (n, j).
    """

    design: Design
    residual: Array
    information: Array
    fit: GlmFit
    predictor: Array


@dataclass(frozen=True, slots=True)
class Line:
    """One test: what was squared, its statistic, degrees of freedom and p-value."""

    tested: str
    statistic: float
    df: int
    p: float


def model_form(task: Task) -> Table | None:
    """Return the tests of both models, or None where there is nothing to test.

    The exposure model is left out where it cannot be fitted, the outcome model where that cannot,
    or where the outcome is a time to an event.
    """
    rows: list[tuple[Cell, ...]] = []
    for name, lines in (("exposure", _exposure(task)), ("outcome", _outcome(task))):
        adjusted = holm(np.array([one.p for one in lines])).tolist()
        rows += [
            (name, one.tested, one.statistic, one.df, one.p, all_of, all_of < ALARM)
            for one, all_of in zip(lines, adjusted, strict=True)
        ]
    if not rows:
        return None
    smallest = int(np.bincount(task.cohort.arm, minlength=len(task.cohort.arms)).min())
    return Table(
        NAME,
        "Form of the working models",
        ("model", "squared", "statistic", "df", "p", "p_holm", "departs"),
        ("label", "label", "number", "number", "number", "number", "flag"),
        tuple(rows),
        counts=(smallest,) * len(rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="Would the square of a covariate, or of what the model predicts, tell more than "
        "the model's own terms do? Tests of scores, clustered as the answers are.",
        note="`departs` is told from p-values adjusted for their number (Holm), at .05. A model "
        "that passes is not thereby right: only squares are tried.",
    )


def _exposure(task: Task) -> list[Line]:
    """Return the lines of the exposure model, once for all outcomes of the same children."""
    key = ("form of the exposure model", exposure_terms(task), task.analysis.cluster)
    return task.fits.once(key, lambda: _of_exposure(task))


def _of_exposure(task: Task) -> list[Line]:
    """Return the lines of the exposure model, a predictor an arm but the first."""
    try:
        found = score(task)
    except NotFitted:
        return []
    e = found.probability[:, 1:]
    information = survey_weight(task)[:, None, None] * (
        e[:, :, None] * np.eye(e.shape[1]) - e[:, :, None] * e[:, None, :]
    )
    predictor = np.log(e / found.probability[:, :1])
    model = Model(found.design, found.residual, information, found.fit, predictor)
    return _lines(task, exposure_terms(task), (model,))


def _outcome(task: Task) -> list[Line]:
    """Return the lines of the outcome model: an arm's own models together."""
    if outcome_of(task).kind == "time":
        return []
    try:
        arms = arm_models(task)
    except (NotFitted, Unanswerable):
        return []
    return _lines(task, outcome_terms(task), tuple(_parts(task, arms)))


def _parts(task: Task, arms: tuple[ArmModel, ...]) -> Iterator[Model]:
    """Yield one model an arm, or the one pooled model, with each child under its own arm."""
    outcome = outcome_of(task)
    own = np.arange(task.cohort.n), task.cohort.arm
    weight = survey_weight(task) * person_time(outcome) * seen(task)
    if not task.analysis.models.by_arm:
        slope = np.stack([one.slope for one in arms], axis=1)[own]
        mean = np.stack([one.mean for one in arms], axis=1)[own]
        yield _part(arms[0], weight * slope, mean, kind=outcome.kind)
        return
    for a, one in enumerate(arms):
        yield _part(one, weight * one.slope * (task.cohort.arm == a), one.mean, kind=outcome.kind)


def _part(one: ArmModel, information: Array, mean: Array, *, kind: str) -> Model:
    """Return an outcome model as a score test needs it; mean: (n,) as fitted."""
    predictor = mean
    if kind == "binary":
        inside = np.clip(mean, TINY, 1 - TINY)
        predictor = np.log(inside / (1 - inside))
    if kind == "count":
        predictor = np.log(np.maximum(mean, TINY))
    shaped = information[:, None, None]
    return Model(one.design, one.residual[:, None], shaped, one.fit, predictor[:, None])


def _lines(task: Task, terms: tuple[ModelTerm, ...], models: tuple[Model, ...]) -> list[Line]:
    """Return the lines of one working model, which may have a part an arm."""
    codes, units = recode(task.cohort.cluster_codes(task.analysis.cluster))
    if len(units) < FEWEST_UNITS:
        return []
    names = dict.fromkeys(name for term in terms for name in term.names)
    squares = {
        name: square
        for name in names
        if (square := _square(task.cohort.covariates[name])) is not None
    }
    tested = [*squares, PREDICTED] if len(names) > 1 else list(squares)
    parts: list[list[Array]] = [[] for _ in tested]
    for model in models:
        j = model.residual.shape[1]
        own = [np.repeat(square[:, None], j, axis=1) for square in squares.values()]
        if len(names) > 1:
            own.append(_standardised(model.predictor) ** 2)
        if own:
            for at, columns in enumerate(_contributions(model, own)):
                parts[at] += columns
    lines = [
        _line(name, columns, codes=codes, count=len(units))
        for name, columns in zip(tested, parts, strict=True)
    ]
    return [one for one in lines if one is not None]


def _square(column: Column) -> Array | None:
    """Return (n,) the square of a covariate in standard deviations, or None where it has none of
    its own: a category, or a number of two values.
    """
    if column.categorical:
        return None
    values = np.asarray(column.values, dtype=np.float64)
    if values.min() == values.max() or two_valued(values):
        return None
    square: Array = _standardised(values) ** 2
    return square


def _standardised(values: Array) -> Array:
    """Return values less their mean in standard deviations, column by column."""
    spread = values.std(axis=0)
    found: Array = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return found


def _line(tested: str, parts: list[Array], *, codes: Codes, count: int) -> Line | None:
    """Return the score test of one square, of the contributions (n,) of every part of the model, or
    None where they bring nothing new.
    """
    if not parts:
        return None
    sums = sum_by(codes, np.stack(parts, axis=1), n_groups=count)
    total, away = sums.sum(axis=0), sums - sums.mean(axis=0)
    covariance = count / (count - 1) * away.T @ away
    scale = np.sqrt(np.diag(covariance))
    if not (scale > 0).all():
        return None
    z = total / scale
    statistic = float(z @ np.linalg.pinv(covariance / np.outer(scale, scale)) @ z)
    return Line(tested, statistic, len(parts), float(chdtrc(len(parts), statistic)))


def _contributions(model: Model, squares: list[Array]) -> Iterator[list[Array]]:
    """Yield, for each square (n, j), the scores (n,) of its linear predictors, cleared of what the
    model's own coefficients take up; all squares go through the design in one pass.
    """
    j = model.residual.shape[1]
    weighed = [
        model.information[:, at, :] * square[:, [at]] for square in squares for at in range(j)
    ]
    # Predictor by predictor in memory, as they are read below.
    fitted = carried(model.fit, np.concatenate(weighed, axis=1), of=model.design).T.copy()
    residual = model.residual.T
    for place, square in enumerate(squares):
        found = []
        for at in range(j):
            first = (place * j + at) * j
            own_fit = fitted[first : first + j]
            left = square[:, at] - own_fit[at]
            own = model.information[:, at, at]
            middle = own @ square[:, at] / own.sum()
            if own @ left**2 > NOTHING_NEW * (own @ (square[:, at] - middle) ** 2):
                cleared = np.einsum("jn,jn->n", residual, own_fit)
                found.append(model.residual[:, at] * square[:, at] - cleared)
        yield found
