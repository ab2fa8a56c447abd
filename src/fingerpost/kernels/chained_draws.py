"""Draws of one variable's missing values from its regression on the others: linear, matching,
logit, multinomial.

Each draws parameters from their posterior first and values second (Rubin 1987, pages 166-169), so
that copies differ by all that is not known. Logits take the normal approximation at the maximum;
where a predictor tells the response for certain, pseudo-children keep it finite (White, Daniel &
Royston 2010), here with the response's own mean, so that they pull slopes and not the share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from fingerpost.kernels.arrays import Array
from fingerpost.kernels.families import logistic, probabilities_of

RIDGE = 1e-5  # of each column's own sum of squares
FLOOR = 1e-6  # of the number of children, for columns that are constant here
FAR = 15.0  # a linear predictor beyond it is on its way to infinity
STEPS = 25
SHARED = 1.0  # children that the residual variance of all arms counts for in that of one
SETTLED = 1e-5
ALIKE = 1e-9  # of the predicted values' standard deviation: nearer than this is rounding
Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False, slots=True)
class Products:
    """Sums over the children whose value is recorded: `gram` (p, p) of the predictors, `cross`
    (p,) with the response, `square` of the response, `n` children.
    """

    gram: Array
    cross: Array
    square: float
    n: int


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """Coefficients: at their best and as drawn; `scale` is the drawn standard deviation."""

    best: Array
    drawn: Array
    scale: float = 1.0


def steadied(gram: Array, n: int) -> Array:
    """Return a gram matrix with the ridge that keeps it invertible."""
    found: Array = gram + np.diag(RIDGE * np.diag(gram) + FLOOR * max(n, 1))
    return found


def normal_draw(best: Array, precision: Array, generator: Generator) -> Array:
    """Return a draw of the normal with this mean and this inverse covariance."""
    root = np.linalg.cholesky(precision)
    moved: Array = best + np.linalg.solve(root.T, generator.standard_normal(len(best)))
    return moved


def linear(found: Products, generator: Generator) -> Drawn:
    """Return coefficients of a linear regression: σ² from its scaled inverse χ², then β given σ².

    The prior is flat in β and log σ; found: sums over the recorded.
    """
    gram = steadied(found.gram, found.n)
    best = np.asarray(np.linalg.solve(gram, found.cross), dtype=np.float64)
    residual = float(found.square - 2 * best @ found.cross + best @ found.gram @ best)
    free = max(found.n - len(best), 1)
    scale = float(np.sqrt(max(residual, 1e-12) / generator.chisquare(free)))
    return Drawn(best, normal_draw(best, gram / scale**2, generator), scale)


def linear_shared(
    parts: Sequence[Products], before: Sequence[float] | None, generator: Generator
) -> list[Drawn]:
    """Return one regression that arms share, each with a residual variance of its own.

    Coefficients are drawn given the variances of the cycle before, variances given coefficients, as
    by a Gibbs sampler. With one variance for all, what depends on the outcome in one arm more than
    in another would be drawn too wide there, and effects that differ be drawn in.

    parts: sums over the recorded of each arm. before: standard deviations of the arms in the cycle
    before, None in the first.
    """
    n = sum(part.n for part in parts)
    weights = [1.0] * len(parts) if before is None else [sd**-2 for sd in before]
    gram = sum(w * part.gram for w, part in zip(weights, parts, strict=True))
    cross = sum(w * part.cross for w, part in zip(weights, parts, strict=True))
    steady = steadied(np.asarray(gram), n)
    best = np.asarray(np.linalg.solve(steady, cross), dtype=np.float64)
    scale = 1.0 if before is not None else float(np.sqrt(sum(_left(p, best) for p in parts) / n))
    drawn = normal_draw(best, steady / scale**2, generator)
    left = [_left(part, drawn) for part in parts]
    worth = SHARED * sum(left) / n
    return [
        Drawn(best, drawn, float(np.sqrt((own + worth) / generator.chisquare(part.n + SHARED))))
        for own, part in zip(left, parts, strict=True)
    ]


def _left(part: Products, coefficients: Array) -> float:
    """Return the sum of squares that coefficients leave."""
    told = coefficients @ part.gram @ coefficients - 2 * coefficients @ part.cross
    return max(float(part.square + told), 1e-12)


def matched(donors: Array, seekers: Array, *, count: int, generator: Generator) -> Places:
    """Return, for each seeker, the place of one donor drawn from the `count` whose predicted value
    is nearest (predictive mean matching: Little 1988; Morris, White & Royston 2014).

    >>> matched(np.array([0.0, 5.0, 9.0]), np.array([8.0]), count=1,
    ...         generator=np.random.default_rng(1)).tolist()
    [2]
    """
    count = min(count, len(donors))
    # Donors of one predicted value are taken in an order drawn anew, so that none is left out.
    order = np.lexsort((generator.random(len(donors)), donors))
    ranked = donors[order]
    at = np.searchsorted(ranked, seekers)
    last = len(donors) - 1
    window = np.clip(at[:, None] + np.arange(-count, count)[None, :], 0, last)
    away = np.abs(ranked[window] - seekers[:, None])
    # At an end the window names one donor several times: each counts once.
    away[:, 1:][window[:, 1:] == window[:, :-1]] = np.inf
    nearest = np.argsort(away, axis=1, kind="stable")[:, :count]
    pick = nearest[np.arange(len(seekers)), generator.integers(count, size=len(seekers))]
    # Whoever has the predicted value that was picked is as near: each may be the donor, else many
    # seekers alike would share five of them.
    value, alike = ranked[window[np.arange(len(seekers)), pick]], ALIKE * (float(donors.std()) or 1)
    low = np.searchsorted(ranked, value - alike, side="left")
    high = np.searchsorted(ranked, value + alike, side="right")
    chosen: Places = order[generator.integers(low, high)]
    return chosen


@dataclass(frozen=True, eq=False, slots=True)
class Response:
    """What a logit of k levels is fitted to: predictors (n, p), codes (n,), offset (n,) or None."""

    x: Array
    codes: NDArray[np.integer]
    levels: int
    offset: Array | None = None


def logit(response: Response, start: Array | None, generator: Generator) -> Drawn:
    """Return coefficients (p, k − 1) of a logit or multinomial logit against the first level.

    start: coefficients from which the search begins, such as those of the cycle before.
    """
    best, information = maximum(response, start, pseudo=0.0)
    if best is None:
        best, information = maximum(response, None, pseudo=response.x.shape[1] + 1.0)
    if best is None:  # even so: the levels alike
        best, information = np.zeros_like(_empty(response)), _information(response, None)
    flat = best.T.ravel()
    moved = normal_draw(flat, information, generator)
    return Drawn(best, moved.reshape(best.shape[1], best.shape[0]).T)


def _empty(response: Response) -> Array:
    return np.zeros((response.x.shape[1], response.levels - 1))


def _information(response: Response, best: Array | None) -> Array:
    return _slopes(response, _empty(response) if best is None else best, 0.0)[2]


def maximum(
    response: Response, start: Array | None, *, pseudo: float
) -> tuple[Array | None, Array]:
    """Return the coefficients at the maximum and the information there; None where a predictor
    tells the response for certain.

    pseudo: weight of the pseudo-children, shared by all.
    """
    at = _empty(response) if start is None else start.copy()
    value, gradient, information = _slopes(response, at, pseudo)
    for _ in range(STEPS):
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            return None, information
        size = 1.0
        for _ in range(20):
            ahead = at + size * step.reshape(at.shape[1], at.shape[0]).T
            further = _slopes(response, ahead, pseudo)
            if further[0] >= value - 1e-9 * abs(value):
                break
            size /= 2
        at, (value, gradient, information) = ahead, further
        gain = float(gradient @ step) if size == 1.0 else np.inf
        if abs(gain) < SETTLED and float(step @ information @ step) < SETTLED:
            break
    reach = np.abs(response.x @ at).max(initial=0.0)
    if not np.isfinite(reach) or (reach > FAR and not pseudo):
        return None, information
    return at, information


def _slopes(response: Response, at: Array, pseudo: float) -> tuple[float, Array, Array]:
    """Return the log-likelihood, its gradient and its information, level by level."""
    x, k, p = response.x, response.levels, response.x.shape[1]
    predictor = (x @ at).T
    if response.offset is not None:
        predictor = predictor + response.offset
    share = probabilities_of(predictor)
    chosen = np.clip(share[response.codes, np.arange(len(x))], 1e-300, None)
    value = float(np.log(chosen).sum())
    gradient = np.empty((k - 1, p))
    information = np.empty((k - 1, p, k - 1, p))
    for a in range(1, k):
        gradient[a - 1] = x.T @ ((response.codes == a) - share[a])
        for b in range(a, k):
            curve = share[a] * ((a == b) - share[b])
            block = x.T @ (x * curve[:, None])
            information[a - 1, :, b - 1, :] = block
            information[b - 1, :, a - 1, :] = block.T
    flat = information.reshape((k - 1) * p, (k - 1) * p)
    if pseudo:
        value, gradient = _with_pseudo(response, at, pseudo, value, gradient, flat)
    flat = steadied(flat, 0) + FLOOR * np.eye(len(flat))
    return value, gradient.ravel(), flat


def _with_pseudo(
    response: Response, at: Array, weight: float, value: float, gradient: Array, flat: Array
) -> tuple[float, Array]:
    """Add pseudo-children one standard deviation either side of the mean of each predictor, whose
    response is the shares of the levels; `flat` is added to in place.
    """
    x, k, p = response.x, response.levels, response.x.shape[1]
    centre, spread = x.mean(axis=0), x.std(axis=0)
    places = np.concatenate([centre + np.diag(spread), centre - np.diag(spread)])
    each = weight / len(places)
    shares = np.bincount(response.codes, minlength=k) / max(len(x), 1)
    told = probabilities_of((places @ at).T)
    value += each * float((shares[:, None] * np.log(np.clip(told, 1e-300, None))).sum())
    for a in range(1, k):
        gradient[a - 1] += each * (places.T @ (shares[a] - told[a]))
        for b in range(1, k):
            curve = each * told[a] * ((a == b) - told[b])
            rows, columns = slice((a - 1) * p, a * p), slice((b - 1) * p, b * p)
            flat[rows, columns] += places.T @ (places * curve[:, None])
    return value, gradient


def drawn_levels(
    x: Array, coefficients: Array, offset: Array | None, generator: Generator
) -> Array:
    """Return codes drawn with the probabilities of a logit."""
    predictor = (x @ coefficients).T
    if offset is not None:
        predictor = predictor + offset
    if len(predictor) == 1:
        found: Array = (generator.random(len(x)) < logistic(predictor[0])).astype(float)
        return found
    below = np.cumsum(probabilities_of(predictor), axis=0)
    codes: Array = (generator.random(len(x)) > below[:-1]).sum(axis=0).astype(float)
    return codes
