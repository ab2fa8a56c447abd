"""Newton's method with step-halving, and what its path says about separation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri

from fingerpost.kernels.arrays import Array

SINGULAR = 1e-13  # least pivot of the information in correlation form
MOVING = 0.5  # a linear predictor that still moves by this much a step is on its way to infinity
FAIR = 0.1  # of the slope's promise; a Newton step near the maximum keeps half of it
SETTLED = 1e-3  # the greatest movement of any row just before the last step
GAIN = 1e-3  # log-likelihood, in units of one child, that no longer counts as a gain
MEMORY = 8  # steps remembered where the information is not quite the Hessian
STUCK = 3  # passes that move rows without gain before separation is declared


@dataclass(frozen=True, eq=False, slots=True)
class Pass:
    """One pass over the rows at one parameter vector of length P.

    value: penalised log-likelihood. gradient: (P,). information: (P, P), minus its Hessian.
    curvature: sum over rows of weight times variance. movement: greatest change of a linear
    predictor against the point before.
    """

    value: float
    gradient: Array
    information: Array
    curvature: float
    movement: float


@dataclass(frozen=True, eq=False, slots=True)
class Optimum:
    """Where the search ended: parameters (P,), inverse information (P, P), and how it ended."""

    parameters: Array
    inverse: Array
    value: float
    converged: bool
    iterations: int
    separated: bool


class Singular(ArithmeticError):
    """The information has no inverse at the first pass: columns repeat each other."""


def inverse_of(information: Array) -> Array | None:
    """Return the inverse of a positive definite matrix, or None where it is singular.

    Scaled to correlation form first, so that units of measurement do not decide.
    """
    diagonal = np.diagonal(information)
    if not np.all(np.isfinite(information)) or np.any(diagonal <= 0.0):
        return None
    scale = 1.0 / np.sqrt(diagonal)
    # LAPACK itself: of a small matrix the checks around it take several times as long.
    root, failed = dpotrf(information * np.multiply.outer(scale, scale), lower=1)
    if failed or np.min(np.diagonal(root)) ** 2 < SINGULAR:
        return None
    half = dtrtri(root, lower=1)[0] * scale
    inverse: Array = half.T @ half
    return inverse


def maximise(
    evaluate: Callable[[Array, Array], Pass],
    start: Array,
    *,
    tolerance: float,
    iterations: int = 60,
    unit: float = 1.0,
    quadratic: bool = False,
    exact: bool = True,
) -> Optimum:
    """Return the maximum of a concave function by Newton's method.

    evaluate(parameters, step): one pass; `step` is the change that led there. tolerance: the
    weighted root mean square change of the linear predictor by the last step. unit: weight of one
    child, in which a gain is judged. quadratic: the first step is exact and the second only
    removes rounding. exact: whether the information is minus the Hessian of the value; where it is
    not quite (Firth's penalty), the last steps correct it. Raises Singular where the information
    has no inverse at the start.
    """
    at, step = start, np.zeros_like(start)
    here = evaluate(at, step)
    inverse = inverse_of(here.information)
    if inverse is None:
        raise Singular
    stuck, secants = 0, list[tuple[Array, Array]]()
    for count in range(1, iterations + 1):
        step = ascent(inverse, here.gradient, secants=secants)
        gain = float(here.gradient @ step)
        change = np.sqrt(max(gain, 0.0) / here.curvature) if here.curvature > 0 else 0.0
        settled = count > 1 and (quadratic or here.movement <= SETTLED)
        if settled and change <= tolerance:
            # The last step is free and squares what error is left.
            return Optimum(at + step, inverse, here.value + gain / 2, True, count, False)
        ahead, step = advance(evaluate, here, at=at, step=step)
        stuck = stuck + 1 if ahead.movement > MOVING and gain < GAIN * unit else 0
        upon = inverse_of(ahead.information)
        if stuck >= STUCK or upon is None:
            return Optimum(at, inverse, here.value, False, count, ahead.movement > MOVING)
        if not exact:
            secants = [*secants[1 - MEMORY :], (step, here.gradient - ahead.gradient)]
        at, here, inverse = at + step, ahead, upon
    return Optimum(at, inverse, here.value, False, iterations, here.movement > MOVING)


def ascent(inverse: Array, gradient: Array, *, secants: list[tuple[Array, Array]]) -> Array:
    """Return the step of Newton, corrected by (step, fall of gradient) pairs, oldest first.

    Limited-memory BFGS with the present inverse information as its first matrix: Nocedal (1980),
    Mathematics of Computation 35:773. Pairs without positive curvature are passed over.
    """
    usable = [(s, y, float(s @ y)) for s, y in secants if float(s @ y) > 0.0]
    shares, rest = [], gradient
    for s, y, product in reversed(usable):
        share = float(s @ rest) / product
        rest = rest - share * y
        shares.append(share)
    step: Array = inverse @ rest
    for (s, y, product), share in zip(usable, reversed(shares), strict=True):
        step = step + (share - float(y @ step) / product) * s
    return step


def advance(
    evaluate: Callable[[Array, Array], Pass], here: Pass, *, at: Array, step: Array
) -> tuple[Pass, Array]:
    """Return the pass after a step, halved until it gains a fair part of its promise, and it."""
    ahead = evaluate(at + step, step)
    for _ in range(40):
        if enough(here, ahead, step=step):
            break
        step = step / 2
        ahead = evaluate(at + step, step)
    return ahead, step


def enough(here: Pass, ahead: Pass, *, step: Array) -> bool:
    """Whether the value rose by a fair part of what the slope promised (Armijo's rule)."""
    slack = 1e-9 * abs(here.value)  # rounding of a sum over many rows
    least = here.value + FAIR * float(here.gradient @ step) - slack
    return bool(np.isfinite(ahead.value) and ahead.value >= least)
