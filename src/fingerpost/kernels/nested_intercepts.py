"""Random intercepts of two levels, one within the other, in a logistic model of counts.

logit P(y = 1 | row of inner group k of outer group j) = x'b + s a_j + t c_k, with a and c standard
normal: s is the sd of the outer intercepts (local authorities), t of the inner ones (schools within
an authority). The likelihood of an outer group is an integral over a of the product, over its inner
groups, of integrals over c; both are taken by Gauss–Hermite quadrature centred on the joint mode
and scaled by its curvature, the inner nodes moving with the outer one (Rabe-Hesketh, Skrondal &
Pickles 2005, Journal of Econometrics 128:301-323). The score is the expectation of the complete
score over the same nodes (Fisher's identity).

Where the data hold no sign of a level its sd is at nought, and its interval is that of the profile
likelihood, from nought up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import expit

from fingerpost.core.errors import NotFitted, TooFew, UsageError
from fingerpost.kernels.arrays import Array, Codes, Numbers, one_thread
from fingerpost.kernels.design import Dense
from fingerpost.kernels.glm import fit

LATENT_VARIANCE = np.pi**2 / 3  # of the standard logistic
POINTS = 7
START_SD = 0.3
AT_ZERO = 0.01
HALF_DROP = 1.920729  # of the log-likelihood at the ends of a 95% profile interval
Z = 1.959964
FAR = 2.5  # standard errors from nought beyond which the logarithm of an sd is near normal
STEP = 1e-3
MOST_SD = 6.0
LEAST_START = 0.05  # at an sd of nought the slope is nought whatever the data say
# Of a profile: changes of its log-likelihood, and scores, so small that its ends hardly move.
SETTLED, FLAT = 1e-5, 0.05


@dataclass(frozen=True, slots=True)
class Level:
    """The intercepts of one level. sd: on the logit scale, lo and hi its 95% interval. groups: how
    many. at_zero: whether the likelihood is highest at an sd of nought.
    """

    sd: float
    lo: float
    hi: float
    groups: int
    at_zero: bool

    @property
    def variance(self) -> float:
        """Variance of the intercepts on the logit scale."""
        return self.sd**2


@dataclass(frozen=True, eq=False, slots=True)
class NestedIntercepts:
    """A fitted model. coefficients: (p,). log_likelihood: without the binomial coefficients."""

    coefficients: Array
    outer: Level
    inner: Level
    log_likelihood: float

    @property
    def total(self) -> float:
        """Variance between two children on the latent logit scale."""
        return self.outer.variance + self.inner.variance + LATENT_VARIANCE

    def share(self, variance: float) -> float:
        """Return the share of the latent variance that a variance is, the rest as fitted."""
        return variance / self.total


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """The data, in order of outer and then of inner groups: x (n, p), successes and trials (n,),
    inner group of each row (n,), and outer group of each inner one (k,). inner_starts (k,) and
    outer_starts (j,): where each group begins among the rows, and among the inner groups.
    """

    x: Array
    successes: Array
    trials: Array
    inner: Codes
    outer: Codes
    inner_starts: Codes
    outer_starts: Codes

    @property
    def inner_groups(self) -> int:
        """Number of inner groups."""
        return len(self.inner_starts)

    @property
    def outer_groups(self) -> int:
        """Number of outer groups."""
        return len(self.outer_starts)

    def by_inner(self, values: Array) -> Array:
        """Return sums of (..., n) values within inner groups."""
        found: Array = np.add.reduceat(values, self.inner_starts, axis=-1)
        return found

    def by_outer(self, values: Array) -> Array:
        """Return sums of (..., k) values within outer groups."""
        found: Array = np.add.reduceat(values, self.outer_starts, axis=-1)
        return found


@dataclass(frozen=True, eq=False, slots=True)
class Mode:
    """Where the joint density of the intercepts is highest.

    outer (j,), inner (k,): standardised. outer_scale: (j,) sd about it, inner ones averaged out;
    inner_scale: (k,) with the outer one held. lean: (k,) by how much the inner mode falls as the
    outer one rises by one.
    """

    outer: Array
    inner: Array
    outer_scale: Array
    inner_scale: Array
    lean: Array


def nested_intercepts(
    x: Array,
    successes: Numbers,
    *,
    inner: Codes,
    outer: Codes,
    trials: Numbers | None = None,
    points: int = POINTS,
) -> NestedIntercepts:
    """Return the maximum-likelihood fit, with intervals of both sds.

    x: (n, p) with its constant column. successes: (n,) ones among `trials` (one each if left out).
    inner: (n,) group of each row, 0 to k − 1, every group with a row. outer: (k,) group of each
    inner group, 0 to j − 1. points: quadrature nodes a level, odd.
    Raises TooFew below two groups of a level, UsageError for codes that do not nest, NotFitted
    where the fit does not settle or an interval has no upper end.

    >>> ones = np.array([30.0, 45.0, 60.0, 38.0, 20.0, 25.0])
    >>> found = nested_intercepts(
    ...     np.ones((6, 1)), ones, inner=np.arange(6), outer=np.array([0, 0, 1, 1, 2, 2]),
    ...     trials=np.full(6, 100.0),
    ... )
    >>> round(found.outer.sd, 1), round(found.inner.sd, 1)
    (0.4, 0.4)
    """
    rows = checked(x, successes, inner=inner, outer=outer, trials=trials)
    names = tuple(f"column {at}" for at in range(rows.x.shape[1]))
    start = fit(
        Dense(rows.x, names), rows.successes / rows.trials, family="logit", weights=rows.trials
    )
    if start.separated or not start.converged:
        raise NotFitted("nested intercepts: the model without groups does not settle.")
    with one_thread():
        theta, value = climbed(rows, np.append(start.coefficients, [START_SD] * 2), points)
        if theta[-2:].min() < AT_ZERO:
            # A long first step may have ended at nought, and hold there for want of a slope.
            again, other = climbed(rows, theta, points)
            theta, value = (again, other) if other > value else (theta, value)
        information = curvature(rows, theta, points)
        p = len(theta) - 2
        levels = [level(rows, theta, value, information, at=at, points=points) for at in (p, p + 1)]
    return NestedIntercepts(theta[:p], levels[0], levels[1], value)


def checked(
    x: Array, successes: Numbers, *, inner: Codes, outer: Codes, trials: Numbers | None
) -> Rows:
    """Return the rows of a fit, or say what is wrong with them."""
    size = np.ones(len(x)) if trials is None else np.asarray(trials, dtype=np.float64)
    ones = np.asarray(successes, dtype=np.float64)
    if len(x) and (ones.min() < 0 or np.any(ones > size) or size.min() <= 0):
        raise UsageError("successes must lie between 0 and trials, and trials above 0.")
    groups = int(outer.max()) + 1 if len(outer) else 0
    if groups < 2 or len(outer) < 2:
        raise TooFew("nested intercepts need two groups or more of each level.")
    if int(np.count_nonzero(np.bincount(inner, minlength=len(outer)))) != len(outer):
        raise UsageError("every inner group must have a row, and an outer group.")
    if int(np.count_nonzero(np.bincount(outer, minlength=groups))) != groups:
        raise UsageError("every outer group must have an inner group.")
    return in_order(np.asarray(x, dtype=np.float64), ones, size, inner=inner, outer=outer)


def in_order(x: Array, successes: Array, trials: Array, *, inner: Codes, outer: Codes) -> Rows:
    """Return rows whose groups lie together, so that sums within them are sums of neighbours."""
    groups = np.argsort(outer, kind="stable")
    place = np.empty(len(outer), dtype=np.int64)
    place[groups] = np.arange(len(outer))
    order = np.argsort(place[inner], kind="stable")
    own, whole = place[inner][order], outer[groups]
    starts = [
        np.searchsorted(codes, np.arange(int(codes[-1]) + 1)).astype(np.int64)
        for codes in (own, whole)
    ]
    return Rows(x[order], successes[order], trials[order], own, whole, *starts)


def climbed(
    rows: Rows, theta: Array, points: int, held: tuple[int, float] | None = None
) -> tuple[Array, float]:
    """Return the parameters at the top and the log-likelihood there.

    held: (place, value) of one parameter that does not move, where the top itself is not wanted so
    exactly.
    """
    free = np.array([at for at in range(len(theta)) if held is None or at != held[0]])
    whole = theta.copy()
    p, n = len(theta) - 2, float(rows.trials.sum())
    whole[p:] = np.maximum(whole[p:], LEAST_START)
    if held is not None:
        whole[held[0]] = held[1]

    def down(moving: Array) -> tuple[float, Array]:
        whole[free] = moving
        value, score = evaluated(rows, whole, points)
        return -value / n, -score[free] / n

    bounds = [(0.0, MOST_SD) if at >= p else (None, None) for at in free]
    found = minimize(
        down,
        whole[free],
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={
            "ftol": 1e-12 if held is None else max(1e-12, SETTLED / n),
            "gtol": 1e-7 if held is None else max(1e-7, FLAT / n),
            "maxiter": 200,
        },
    )
    if not np.isfinite(found.fun) or np.any(np.abs(found.x) > 1e3):
        raise NotFitted("nested intercepts: the fit did not settle. Use fewer columns or groups.")
    whole[free] = found.x
    return whole, float(-found.fun * n)


def curvature(rows: Rows, theta: Array, points: int) -> Array:
    """Return the observed information, by central differences of the score."""
    columns = []
    for at in range(len(theta)):
        move = np.zeros(len(theta))
        move[at] = STEP
        up, down = (evaluated(rows, theta + sign * move, points)[1] for sign in (1, -1))
        columns.append(-(up - down) / (2 * STEP))
    found = np.array(columns)
    return (found + found.T) / 2


def level(
    rows: Rows, theta: Array, value: float, information: Array, *, at: int, points: int
) -> Level:
    """Return one level with its interval: symmetric in the logarithm of the sd where that is far
    from nought, else of the profile likelihood.
    """
    sd = float(theta[at])
    groups = rows.outer_groups if at == len(theta) - 2 else rows.inner_groups
    error = np.inf
    try:
        spread = float(np.linalg.inv(information)[at, at])
        error = np.sqrt(spread) if spread > 0 else np.inf
    except np.linalg.LinAlgError:
        pass
    if sd > FAR * error:
        reach = Z * error / sd
        return Level(sd, sd * np.exp(-reach), sd * np.exp(reach), groups, False)
    lo, hi = profiled(rows, theta, value, at=at, points=points)
    zero = sd < AT_ZERO
    return Level(0.0 if zero else sd, lo, hi, groups, zero)


def profiled(
    rows: Rows, theta: Array, value: float, *, at: int, points: int
) -> tuple[float, float]:
    """Return where the profile likelihood of an sd has fallen by `HALF_DROP`, below it nought if
    never. Raises NotFitted where it has not fallen above it at the largest sd there is.
    """
    sd = float(theta[at])

    def above(held: float) -> float:
        _, here = climbed(rows, theta, points, (at, held))
        return here - value + HALF_DROP

    lo = 0.0
    if sd >= AT_ZERO and above(0.0) < 0:
        lo = float(brentq(above, 0.0, sd, xtol=5e-3))
    top = max(2 * sd, 0.1)
    while top < MOST_SD and above(top) > 0:
        top *= 1.6
    top = min(top, MOST_SD)
    if sd >= top or above(top) > 0:
        raise NotFitted(
            f"nested intercepts: an sd of {MOST_SD:g} cannot be ruled out: use more groups."
        )
    return lo, float(brentq(above, max(sd, 1e-6), top, xtol=5e-3))


def mode_of(rows: Rows, eta: Array, outer_sd: float, inner_sd: float) -> Mode:
    """Return the mode of the intercepts, by Newton's steps; the two levels are solved together."""
    j, k = np.zeros(rows.outer_groups), np.zeros(rows.inner_groups)
    for _ in range(60):
        mu = expit(eta + (outer_sd * j[rows.outer] + inner_sd * k)[rows.inner])
        away = rows.by_inner(rows.successes - rows.trials * mu)
        bend = rows.by_inner(rows.trials * mu * (1 - mu))
        own = inner_sd**2 * bend + 1
        shared = outer_sd * inner_sd * bend
        slope = inner_sd * away - k
        rise = rows.by_outer(outer_sd * away) - j - rows.by_outer(shared * slope / own)
        left = rows.by_outer(outer_sd**2 * bend) + 1 - rows.by_outer(shared**2 / own)
        up = np.clip(rise / left, -2.0, 2.0)
        across = np.clip((slope - shared * up[rows.outer]) / own, -2.0, 2.0)
        j, k = j + up, k + across
        if max(np.max(np.abs(up)), np.max(np.abs(across))) < 1e-8:
            break
    return Mode(j, k, 1 / np.sqrt(left), 1 / np.sqrt(own), shared / own)


@cache
def nodes(points: int) -> tuple[Array, Array]:
    """Return the nodes of the quadrature and the logarithms of their weights, (q,) each."""
    at, weight = np.polynomial.hermite.hermgauss(points)
    return at, np.log(weight) + at**2


def log_sum(values: Array, axis: int) -> Array:
    """Return the logarithm of the sum of exponentials along an axis."""
    most = values.max(axis=axis, keepdims=True)
    found: Array = np.log(np.exp(values - most).sum(axis=axis)) + most.squeeze(axis)
    return found


def evaluated(rows: Rows, theta: Array, points: int) -> tuple[float, Array]:
    """Return the log-likelihood and its score, (p + 2,), with nodes about the mode."""
    p = len(theta) - 2
    eta, outer_sd, inner_sd = rows.x @ theta[:p], float(theta[p]), float(theta[p + 1])
    mode = mode_of(rows, eta, outer_sd, inner_sd)
    at, log_weight = nodes(points)
    inside = np.empty((points, points, rows.inner_groups))
    expected = np.empty((points, points, len(eta)))
    for q, one in enumerate(at):
        a, c = placed(rows, mode, one, at)
        logit = eta + (outer_sd * a[rows.outer] + inner_sd * c)[:, rows.inner]
        low = np.exp(-np.abs(logit))
        expected[q] = rows.trials * np.where(logit < 0, low, 1.0) / (1 + low)
        # log(1 − p) = −log(1 + e^logit)
        own = rows.successes * logit - rows.trials * (np.maximum(logit, 0) + np.log1p(low))
        inside[q] = rows.by_inner(own) + log_weight[:, None] - c**2 / 2
    inside += np.log(mode.inner_scale) - 0.5 * np.log(np.pi)
    by_school = log_sum(inside, 1)
    outside = rows.by_outer(by_school)
    places = mode.outer + np.sqrt(2) * mode.outer_scale * at[:, None]
    outside += log_weight[:, None] - places**2 / 2 + np.log(mode.outer_scale) - 0.5 * np.log(np.pi)
    whole = log_sum(outside, 0)
    chance = np.exp(outside - whole)[:, rows.outer][:, None] * np.exp(inside - by_school[:, None])
    return float(whole.sum()), score_of(rows, mode, chance, expected)


def placed(rows: Rows, mode: Mode, one: float, at: Array) -> tuple[Array, Array]:
    """Return the outer intercepts at a node, (j,), and the inner ones at nodes `at`, (q, k)."""
    away = np.sqrt(2) * mode.outer_scale * one
    middle = mode.inner - mode.lean * away[rows.outer]
    return mode.outer + away, middle + np.sqrt(2) * mode.inner_scale * at[:, None]


def score_of(rows: Rows, mode: Mode, chance: Array, expected: Array) -> Array:
    """Return the score, (p + 2,). chance: (q, q, k) of each pair of nodes given the data; expected:
    (q, q, n) successes there.
    """
    at, _ = nodes(len(chance))
    over = np.zeros(len(rows.trials))
    on_outer = on_inner = 0.0
    successes = rows.by_inner(rows.successes)
    for one, own, each in zip(at, chance, expected, strict=True):
        a, c = placed(rows, mode, one, at)
        over += np.einsum("rn,rn->n", own[:, rows.inner], each)
        away = own * (successes - rows.by_inner(each))
        on_outer += float(away.sum(axis=0) @ a[rows.outer])
        on_inner += float(np.vdot(away, c))
    return np.append(rows.x.T @ (rows.successes - over), [on_outer, on_inner])
