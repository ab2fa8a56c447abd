"""One model fitted without each fold in turn: K fits for little more than the price of one.

The fit on all rows starts every fold's search. One pass there gives each fold's share of gradient
and information, so that all K first Newton steps cost one pass together; the steps are short, and
what is left is removed by gradients alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import NotFitted
from fingerpost.kernels.arrays import Array, Codes, Numbers, block_rows, one_thread, spans
from fingerpost.kernels.design import Design, Moments, moments
from fingerpost.kernels.families import MULTINOMIAL, Family, family_named, probabilities_of
from fingerpost.kernels.glm import far_means, unshift
from fingerpost.kernels.likelihood import Likelihood
from fingerpost.kernels.newton import Optimum, Singular, inverse_of, maximise

TOLERANCE = 1e-9  # root mean square of the last step, in units of the linear predictor
SHORT = 0.05  # of the first step; from further away Newton's method itself goes on
ROUNDS = 12
LEAST = 1e-9  # ridge a row in standard units, so that a level that a fold lacks is no fault


@dataclass(frozen=True, eq=False, slots=True)
class HeldOut:
    """K fits. family: of the model; coefficients: (K, p, m), each from the rows outside its fold;
    m is 1, or the arms but the first. settled: (K,) whether each fit converged.
    """

    family: str
    coefficients: Array
    settled: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Model:
    """What is fitted: a family (linear, logit, poisson, or multinomial of `arms` arms), and a ridge
    on each coefficient in units of its column's standard deviation, per unit of weight: (p,).
    """

    family: str
    ridge: Array
    arms: int = 2

    @property
    def chosen(self) -> Family:
        """The family itself."""
        return MULTINOMIAL if self.family == "multinomial" else family_named(self.family)

    @property
    def predictors(self) -> int:
        """Number of linear predictors."""
        return self.arms - 1 if self.family == "multinomial" else 1


def held_out(
    design: Design,
    y: Numbers,
    *,
    model: Model,
    fold: Codes,
    folds: int,
    weights: Numbers | None = None,
    offset: Numbers | None = None,
) -> HeldOut:
    """Return the fits of one model without each of the folds.

    y: (n,) responses or arm codes. fold: (n,) codes below `folds`, each held by some row.
    weights, offset: as in `glm.fit`. Raises NotFitted where the fit on all rows does not settle,
    as under separation without a ridge.
    """
    w = None if weights is None else np.asarray(weights, np.float64)
    with one_thread(), np.errstate(over="ignore", invalid="ignore", under="ignore"):
        found = moments(design, w)
        shift = far_means(found)
        whole = Likelihood(
            design,
            model.chosen,
            model.predictors,
            y if model.family == "multinomial" else np.asarray(y, np.float64),
            w,
            None if offset is None else np.asarray(offset, np.float64),
            shift,
            found.total * (model.ridge + LEAST) * found.deviation**2,
        )
        best = _all_rows(whole, found)
        parts = [whole.on(np.flatnonzero(fold == j)) for j in range(folds)]
        near = _without_each(parts, best, whole.penalty)
        if near is None:
            near = _by_newton(whole, fold, folds, start=best.parameters)
        fits, settled = near
    back = unshift(found, shift)
    shape = (folds, model.predictors, design.p)
    coefficients = np.einsum("pq,kmq->kpm", back, fits.reshape(shape))
    return HeldOut(model.family, coefficients, settled)


def predict(design: Design, found: HeldOut, *, fold: Codes) -> Array:
    """Return each row's mean, (n,), or probabilities of arms, (n, k), by the fit without its fold.

    fold: (n,) codes. Rows need not be those of the fit.
    """
    folds, p, m = found.coefficients.shape
    many = found.family == "multinomial"
    family = MULTINOMIAL if many else family_named(found.family)
    flat = found.coefficients.transpose(1, 0, 2).reshape(p, folds * m)
    out = np.empty((design.n, m + 1 if many else 1))
    with one_thread():
        for lo, hi in spans(design.n, block_rows(p, 12 + folds * m)):
            all_of = (design.block(lo, hi) @ flat).reshape(hi - lo, folds, m)
            own = all_of[np.arange(hi - lo), fold[lo:hi]].T
            out[lo:hi] = probabilities_of(own).T if many else family.mean(own).T
    return out if many else out[:, 0]


def _all_rows(whole: Likelihood, found: Moments) -> Optimum:
    """Return the fit on all rows."""
    try:
        best = maximise(
            whole.evaluate,
            whole.start(found),
            tolerance=1e-6,
            unit=min(1.0, found.total / whole.design.n),
            quadratic=whole.family.quadratic,
        )
    except Singular:
        raise NotFitted("the information has no inverse: too few rows for its columns.") from None
    if best.separated or not best.converged:
        raise NotFitted("the fit did not settle: covariates tell what is modelled for certain.")
    return best


def _without_each(
    parts: Sequence[Likelihood], best: Optimum, penalty: Array
) -> tuple[Array, NDArray[np.bool_]] | None:
    """Return (K, m p) parameters without each part, all settled, or None where steps are long."""
    at, still = best.parameters, np.zeros_like(best.parameters)
    square = np.tile(penalty, parts[0].predictors)
    own = [replace(part, penalty=np.zeros_like(penalty)).evaluate(at, still) for part in parts]
    gradient = sum(one.gradient for one in own) - square * at
    information = sum(one.information for one in own) + np.diag(square)
    curvature = sum(one.curvature for one in own)
    fits, inverses, lengths = [], [], []
    for one in own:
        inverse = inverse_of(information - one.information)
        first = still if inverse is None else inverse @ (gradient - one.gradient)
        fits.append(at + first)
        inverses.append(inverse)
        gain = float((gradient - one.gradient) @ first)
        lengths.append(_length(gain, curvature - one.curvature))
    if max(lengths) <= SHORT and all(inverse is not None for inverse in inverses):
        told = [one.curvature for one in own]
        found = _by_gradients(parts, np.array(fits), inverses, square, (lengths, told))
        if found is not None:
            return found, np.ones(len(parts), dtype=np.bool_)
    return None


def _by_gradients(
    parts: Sequence[Likelihood],
    fits: Array,
    inverses: Sequence[Array | None],
    square: Array,
    told: tuple[list[float], list[float]],
) -> Array | None:
    """Return (K, P) parameters by steps whose information is kept, or None where they are slow."""
    lengths, curvatures = told
    before = max(lengths)
    for _ in range(ROUNDS):
        slopes = sum(_gradients(part, fits, leave_out=j) for j, part in enumerate(parts))
        slopes = slopes - square * fits
        steps = np.array(
            [inv @ slope for inv, slope in zip(inverses, slopes, strict=True) if inv is not None]
        )
        rest = sum(curvatures) - np.array(curvatures)
        gains = np.einsum("kp,kp->k", steps, slopes)
        length = max(_length(g, c) for g, c in zip(gains, rest, strict=True))
        fits = fits + steps
        # A kept information makes each step a like share of the one before.
        if length * min(length / before, 1.0) <= TOLERANCE or length <= TOLERANCE:
            return fits
        if length > before:
            return None
        before = length
    return None


def _gradients(part: Likelihood, fits: Array, leave_out: int) -> Array:
    """Return (K, P) this part's gradients at K parameter vectors, zero at the one left out."""
    folds, m = len(fits), part.predictors
    used = [k for k in range(folds) if k != leave_out]
    p = part.design.p
    flat = fits[used].reshape(len(used) * m, p)
    out, found = np.zeros((len(used) * m, p)), np.zeros((folds, m * p))
    for lo, hi in spans(part.design.n, block_rows(p, 8 + 3 * len(flat))):
        block = part.centred(lo, hi)
        predictor = (flat @ block.T).reshape(len(used), m, hi - lo)
        if part.offset is not None:
            predictor += part.offset[lo:hi]
        residual = np.stack([-part.family.mean(one) for one in predictor])
        y = part.y[lo:hi]
        residual += y == np.arange(1, m + 1)[:, None] if part.family is MULTINOMIAL else y
        if part.weights is not None:
            residual *= part.weights[lo:hi]
        out += residual.reshape(len(flat), hi - lo) @ block
    found[used] = out.reshape(len(used), m * p)
    return found


def _by_newton(
    whole: Likelihood, fold: Codes, folds: int, *, start: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """Return parameters without each fold by Newton's method whole, and whether each settled."""
    fits, settled = [], []
    for j in range(folds):
        others = whole.on(np.flatnonzero(fold != j))
        least = float(others.weights.sum()) / others.design.n if others.weights is not None else 1.0
        try:
            best = maximise(
                others.evaluate,
                start,
                tolerance=1e-8,
                unit=min(1.0, least),
                quadratic=whole.family.quadratic,
            )
            fits.append(best.parameters)
            settled.append(best.converged and not best.separated)
        except Singular:
            fits.append(start)
            settled.append(False)
    return np.array(fits), np.array(settled)


def _length(gain: float, curvature: float) -> float:
    """Return the root mean square movement of a step, from the gain that its slope promises."""
    return float(np.sqrt(max(gain, 0.0) / curvature)) if curvature > 0 else 0.0
