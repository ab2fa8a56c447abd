"""The random-intercept logistic model by adaptive quadrature: how much of who gets what is place.

logit P(y = 1 | row of group g) = x'b + v_g, v_g normal with variance s². The likelihood of a group
is an integral over v_g, taken by Gauss–Hermite quadrature centred on its mode and scaled by its
curvature (Naylor & Smith 1982; Pinheiro & Bates 1995). Newton's steps use the score and the
observed information by Louis' (1982) identity, with the nodes held where they are within a step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, log_expit, logsumexp

from fingerpost.core.errors import NotFitted, TooFew, UsageError
from fingerpost.kernels.arrays import Array, Codes, Numbers, one_thread
from fingerpost.kernels.clusters import sum_by
from fingerpost.kernels.design import Dense
from fingerpost.kernels.glm import check_vector, fit

LATENT_VARIANCE = np.pi**2 / 3  # of the standard logistic
POINTS = 9
MOST_STEPS = 60
TOLERANCE = 1e-7
LEAST_SD, START_SD = 1e-4, 0.3
LONGEST_STEP = 1.5  # of the logarithm of the standard deviation
HALF_DROP = 1.920729  # of the log-likelihood at the end of a 95% profile interval
MOST_SD = 6.0


@dataclass(frozen=True, eq=False, slots=True)
class RandomIntercept:
    """A fitted model.

    names, coefficients: (p,). sd: of the groups' intercepts, on the logit scale. covariance:
    (p + 1, p + 1) of the coefficients and the logarithm of the sd. log_likelihood: without the
    binomial coefficients. groups: their number. at_zero: whether the likelihood rose all the way
    to an sd of nought (then the last row and column of `covariance` are NaN). sd_top: there, the
    upper end of the sd's interval by profile likelihood, from nought up; NaN where the likelihood
    does not fall.
    """

    names: tuple[str, ...]
    coefficients: Array
    sd: float
    covariance: Array
    log_likelihood: float
    groups: int
    at_zero: bool
    sd_top: float = float("nan")

    @property
    def variance(self) -> float:
        """Variance of the intercepts on the logit scale."""
        return self.sd**2

    @property
    def icc(self) -> float:
        """Intraclass correlation on the logit scale: s² / (s² + π²/3) (Snijders & Bosker 2012)."""
        return self.variance / (self.variance + LATENT_VARIANCE)

    @property
    def sd_error(self) -> float:
        """Standard error of the sd, by the delta method; NaN at zero."""
        return float(self.sd * np.sqrt(self.covariance[-1, -1]))

    @property
    def icc_error(self) -> float:
        """Standard error of the intraclass correlation, by the delta method; NaN at zero."""
        return float(2 * self.icc * (1 - self.icc) * np.sqrt(self.covariance[-1, -1]))


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """The data of one fit: x (n, p), successes and trials (n,), group codes (n,), their number."""

    x: Array
    successes: Array
    trials: Array
    codes: Codes
    groups: int


@dataclass(frozen=True, eq=False, slots=True)
class Nodes:
    """Where the intercept of each group is evaluated: place (g, q), and log weight (g, q)."""

    place: Array
    log_weight: Array


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """The log-likelihood at some parameters, with its score and observed information."""

    value: float
    score: Array
    information: Array


def random_intercept(
    x: Array,
    successes: Numbers,
    *,
    codes: Codes,
    names: tuple[str, ...],
    trials: Numbers | None = None,
    points: int = POINTS,
) -> RandomIntercept:
    """Return the maximum-likelihood fit.

    x: (n, p) with its constant column, names: (p,). successes: (n,) number of ones among `trials`
    (one each if left out), so that a null model needs one row a group. codes: (n,) group of each
    row, 0 to G − 1, every group with a row. points: quadrature nodes, odd.
    Raises TooFew below two groups, NotFitted where the fit does not settle.

    >>> counts, size = np.array([30.0, 45.0, 60.0, 38.0]), np.full(4, 100.0)
    >>> found = random_intercept(
    ...     np.ones((4, 1)), counts, codes=np.arange(4), names=("intercept",), trials=size
    ... )
    >>> round(found.sd, 2), round(found.icc, 3)
    (0.41, 0.049)
    """
    rows = checked(x, successes, codes=codes, trials=trials)
    start = fit(
        Dense(rows.x, names),
        rows.successes / rows.trials,
        family="logit",
        weights=rows.trials,
    )
    if start.separated or not start.converged:
        raise NotFitted(
            "random intercept: the model without groups does not settle (a column tells who is "
            "provided for with certainty). Leave that column out, or merge rare levels."
        )
    with one_thread():
        theta = np.append(start.coefficients, np.log(START_SD))
        theta, best, at_zero = climbed(rows, theta, points)
    covariance = np.full((len(theta), len(theta)), np.nan)
    if at_zero:
        covariance[:-1, :-1] = start.bread
        theta[:-1] = start.coefficients
        value = start.log_likelihood
    else:
        covariance, value = np.linalg.inv(best.information), best.value
    sd = 0.0 if at_zero else float(np.exp(theta[-1]))
    with one_thread():
        top = from_zero(rows, theta[:-1], value, points) if at_zero else float("nan")
    return RandomIntercept(names, theta[:-1], sd, covariance, value, rows.groups, at_zero, top)


def checked(x: Array, successes: Numbers, *, codes: Codes, trials: Numbers | None) -> Rows:
    """Return the rows of a fit, or say what is wrong with them."""
    n = len(x)
    ones = check_vector(successes, n, name="successes")
    size = np.ones(n) if trials is None else check_vector(trials, n, name="trials")
    if n and (ones.min() < 0 or np.any(ones > size) or size.min() <= 0):
        raise UsageError("successes must lie between 0 and trials, and trials above 0.")
    groups = int(codes.max()) + 1 if n else 0
    if groups < 2:
        raise TooFew("a random intercept needs two groups or more.")
    if int(np.count_nonzero(np.bincount(codes, minlength=groups))) < groups:
        raise UsageError("every group code from 0 to the largest must have a row.")
    return Rows(np.asarray(x, dtype=np.float64), ones, size, codes, groups)


def climbed(rows: Rows, theta: Array, points: int) -> tuple[Array, Step, bool]:
    """Return the parameters at the top, what holds there, and whether the sd went to nought."""
    centre = np.zeros(rows.groups)
    for _ in range(MOST_STEPS):
        centre, nodes = placed(rows, theta, centre, points)
        here = evaluated(rows, theta, nodes)
        move = uphill(here)
        shrink = min(1.0, LONGEST_STEP / max(abs(float(move[-1])), 1e-12))
        move = move * shrink
        size = 1.0
        while size > 1e-4 and log_likelihood(rows, theta + size * move, centre, points) < (
            here.value - 1e-9 * abs(here.value)
        ):
            size /= 2
        theta = theta + size * move
        if theta[-1] < np.log(LEAST_SD):
            return theta, here, True
        if np.max(np.abs(size * move)) < TOLERANCE:
            _, nodes = placed(rows, theta, centre, points)
            return theta, evaluated(rows, theta, nodes), False
    if theta[-1] < np.log(100 * LEAST_SD):
        return theta, here, True
    raise NotFitted("random intercept: the fit did not settle. Use fewer columns or fewer groups.")


def from_zero(rows: Rows, coefficients: Array, value: float, points: int) -> float:
    """Return the sd at which the profile likelihood, highest at nought, is lower by `HALF_DROP`."""

    def above(log_sd: float) -> float:
        return profile(rows, coefficients, log_sd, points) - value + HALF_DROP

    low, high = np.log(0.01), np.log(0.1)
    while above(high) > 0:
        low, high = high, high + np.log(2.0)
        if high > np.log(MOST_SD):
            return float("nan")
    if above(low) <= 0:
        return float(np.exp(low))
    return float(np.exp(brentq(above, low, high, xtol=1e-4)))


def profile(rows: Rows, coefficients: Array, log_sd: float, points: int) -> float:
    """Return the log-likelihood at an sd, the coefficients at their best for it."""
    theta, centre = np.append(coefficients, log_sd), np.zeros(rows.groups)
    for _ in range(MOST_STEPS):
        centre, nodes = placed(rows, theta, centre, points)
        here = evaluated(rows, theta, nodes)
        move = uphill(Step(here.value, here.score[:-1], here.information[:-1, :-1]))
        theta[:-1] += move
        if np.max(np.abs(move)) < TOLERANCE:
            break
    return log_likelihood(rows, theta, centre, points)


def uphill(here: Step) -> Array:
    """Return Newton's step where the information is positive definite, else a scaled ascent."""
    values, vectors = np.linalg.eigh(here.information)
    floor = 1e-8 * float(np.abs(values).max())
    step: Array = vectors @ ((vectors.T @ here.score) / np.maximum(np.abs(values), floor))
    return step


def placed(rows: Rows, theta: Array, centre: Array, points: int) -> tuple[Array, Nodes]:
    """Return each group's mode, and the nodes around it."""
    eta, variance = rows.x @ theta[:-1], float(np.exp(2 * theta[-1]))
    curve = np.ones(rows.groups)
    for _ in range(50):
        mu = expit(eta + centre[rows.codes])
        slope = sum_by(rows.codes, rows.successes - rows.trials * mu, n_groups=rows.groups)
        bend = sum_by(rows.codes, rows.trials * mu * (1 - mu), n_groups=rows.groups)
        curve = bend + 1 / variance
        move = np.clip((slope - centre / variance) / curve, -2.0, 2.0)
        centre = centre + move
        if np.max(np.abs(move) * np.sqrt(curve)) < 1e-6:
            break
    at, weight = np.polynomial.hermite.hermgauss(points)
    scale = np.sqrt(2 / curve)
    place = centre[:, None] + scale[:, None] * at
    log_weight = np.log(scale)[:, None] + (np.log(weight) + at**2)
    return centre, Nodes(place, log_weight)


def joint(rows: Rows, theta: Array, nodes: Nodes) -> Array:
    """Return (g, q) log of weight × likelihood × density of the intercept at each node."""
    eta, log_sd = rows.x @ theta[:-1], float(theta[-1])
    found: Array = nodes.log_weight - nodes.place**2 / (2 * np.exp(2 * log_sd)) - log_sd
    found -= 0.5 * np.log(2 * np.pi)
    failures = rows.trials - rows.successes
    for q in range(found.shape[1]):
        at = eta + nodes.place[rows.codes, q]
        own = rows.successes * log_expit(at) + failures * log_expit(-at)
        found[:, q] += sum_by(rows.codes, own, n_groups=rows.groups)
    return found


def log_likelihood(rows: Rows, theta: Array, centre: Array, points: int) -> float:
    """Return the log-likelihood with nodes of its own."""
    _, nodes = placed(rows, theta, centre, points)
    whole: Array = logsumexp(joint(rows, theta, nodes), axis=1)
    return float(whole.sum())


def evaluated(rows: Rows, theta: Array, nodes: Nodes) -> Step:
    """Return value, score and observed information (Louis 1982), the nodes held still."""
    found = joint(rows, theta, nodes)
    whole = logsumexp(found, axis=1)
    chance = np.exp(found - whole[:, None])
    p, eta, variance = rows.x.shape[1], rows.x @ theta[:-1], float(np.exp(2 * theta[-1]))
    score = np.zeros((rows.groups, p + 1))
    spread = np.zeros((p + 1, p + 1))
    bend = np.zeros(len(eta))
    for q in range(found.shape[1]):
        mu = expit(eta + nodes.place[rows.codes, q])
        own = np.empty((rows.groups, p + 1))
        away = rows.successes - rows.trials * mu
        own[:, :-1] = sum_by(rows.codes, rows.x * away[:, None], n_groups=rows.groups)
        own[:, -1] = nodes.place[:, q] ** 2 / variance - 1
        weighted = own * chance[:, q, None]
        score += weighted
        spread += own.T @ weighted
        bend += chance[rows.codes, q] * rows.trials * mu * (1 - mu)
    information = np.zeros((p + 1, p + 1))
    information[:-1, :-1] = (rows.x * bend[:, None]).T @ rows.x
    information[-1, -1] = float((chance * 2 * nodes.place**2 / variance).sum())
    information -= spread - score.T @ score
    return Step(float(whole.sum()), score.sum(axis=0), information)
