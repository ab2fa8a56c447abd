"""The random-intercept logistic model against integrals taken by another way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import expit

from fingerpost.core.errors import TooFew, UsageError
from fingerpost.kernels.random_intercept import LATENT_VARIANCE, random_intercept


def drawn(groups: int, size: int, sd: float, *, seed: int) -> tuple[np.ndarray, ...]:
    """Children in groups, one covariate, slope 0.7, intercept −1."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(groups), size)
    x = np.column_stack([np.ones(len(codes)), rng.standard_normal(len(codes))])
    eta = x @ np.array([-1.0, 0.7]) + sd * rng.standard_normal(groups)[codes]
    return x, (rng.random(len(codes)) < expit(eta)).astype(float), codes


def integrated(theta: np.ndarray, x: np.ndarray, y: np.ndarray, codes: np.ndarray) -> float:
    """Minus the log-likelihood, each group's integral by adaptive Gauss–Kronrod."""
    total, sd = 0.0, float(np.exp(theta[-1]))
    for group in np.unique(codes):
        eta, own = x[codes == group] @ theta[:-1], y[codes == group]

        def density(z: float, eta: np.ndarray = eta, own: np.ndarray = own) -> float:
            chance = expit(eta + sd * z)
            return float(np.prod(np.where(own == 1, chance, 1 - chance)) * np.exp(-(z**2) / 2))

        total += np.log(quad(density, -8, 8, epsabs=0, epsrel=1e-9)[0] / np.sqrt(2 * np.pi))
    return -total


def test_the_fit_is_the_top_of_the_integrated_likelihood() -> None:
    x, y, codes = drawn(25, 14, 0.8, seed=1)
    found = random_intercept(x, y, codes=codes, names=("intercept", "x"))
    mine = np.append(found.coefficients, np.log(found.sd))
    assert -integrated(mine, x, y, codes) == pytest.approx(found.log_likelihood, abs=1e-4)
    for place in range(3):
        for step in (0.05, -0.05):
            moved = mine + step * np.eye(3)[place]
            assert -integrated(moved, x, y, codes) < found.log_likelihood
    slope = [
        integrated(mine + 1e-3 * own, x, y, codes) - integrated(mine - 1e-3 * own, x, y, codes)
        for own in np.eye(3)
    ]
    assert np.array(slope) / 2e-3 == pytest.approx(np.zeros(3), abs=0.02)


def test_the_covariance_is_that_of_the_integrated_likelihood() -> None:
    x, y, codes = drawn(20, 10, 0.9, seed=2)
    found = random_intercept(x, y, codes=codes, names=("intercept", "x"), points=21)
    at, step = np.append(found.coefficients, np.log(found.sd)), 2e-3
    hessian = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            ends = [
                integrated(at + step * (a * np.eye(3)[i] + b * np.eye(3)[j]), x, y, codes) * a * b
                for a in (1, -1)
                for b in (1, -1)
            ]
            hessian[i, j] = sum(ends) / (4 * step**2)
    assert found.covariance == pytest.approx(np.linalg.inv(hessian), rel=2e-2, abs=2e-4)


def test_rows_may_be_summed_to_groups() -> None:
    _, y, codes = drawn(40, 30, 0.5, seed=3)
    ones = np.ones((len(y), 1))
    each = random_intercept(ones, y, codes=codes, names=("intercept",))
    summed = random_intercept(
        np.ones((40, 1)),
        np.bincount(codes, weights=y),
        codes=np.arange(40),
        names=("intercept",),
        trials=np.full(40, 30.0),
    )
    assert summed.sd == pytest.approx(each.sd, rel=1e-6)
    assert summed.coefficients == pytest.approx(each.coefficients, rel=1e-6)
    assert summed.covariance == pytest.approx(each.covariance, rel=1e-5)


def test_a_planted_sd_is_found_without_bias_and_its_error_is_honest() -> None:
    rng = np.random.default_rng(4)
    found, errors = [], []
    for _ in range(60):
        size = rng.integers(200, 900, 152)
        chance = expit(-1.7 + 0.33 * rng.standard_normal(152))
        fitted = random_intercept(
            np.ones((152, 1)),
            rng.binomial(size, chance).astype(float),
            codes=np.arange(152),
            names=("intercept",),
            trials=size.astype(float),
        )
        found.append(fitted.sd)
        errors.append(fitted.sd_error)
    assert np.mean(found) == pytest.approx(0.33, abs=0.01)
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.25)


def test_the_intraclass_correlation_is_on_the_logit_scale() -> None:
    x, y, codes = drawn(60, 20, 1.0, seed=5)
    found = random_intercept(x, y, codes=codes, names=("intercept", "x"))
    assert found.icc == pytest.approx(found.sd**2 / (found.sd**2 + LATENT_VARIANCE))
    moved = (found.sd + 1e-5) ** 2 / ((found.sd + 1e-5) ** 2 + LATENT_VARIANCE)
    assert found.icc_error == pytest.approx((moved - found.icc) / 1e-5 * found.sd_error, rel=1e-3)


def test_groups_alike_beyond_chance_have_no_variance() -> None:
    # Every group has exactly the same share: less apart than chance alone would set them.
    found = random_intercept(
        np.ones((30, 1)),
        np.full(30, 20.0),
        codes=np.arange(30),
        names=("intercept",),
        trials=np.full(30, 100.0),
    )
    assert found.at_zero
    assert found.sd == 0.0 and found.icc == 0.0
    assert found.coefficients[0] == pytest.approx(np.log(0.2 / 0.8))


def test_an_sd_of_nought_has_an_upper_end_by_profile_likelihood() -> None:
    """At it the log-likelihood, by a fine grid and the best intercept, is lower by half of 3.84."""
    ones, size = np.tile([18.0, 19.0, 20.0, 21.0, 22.0], 6), np.full(30, 100.0)
    found = random_intercept(
        np.ones((30, 1)), ones, codes=np.arange(30), names=("intercept",), trials=size
    )
    assert found.at_zero and 0.05 < found.sd_top < 0.5
    grid = np.linspace(-8, 8, 2001)
    weight = np.exp(-(grid**2) / 2) / np.exp(-(grid**2) / 2).sum()

    def lower(intercept: float, sd: float) -> float:
        logit = intercept + sd * grid
        each = ones[:, None] * logit - size[:, None] * np.logaddexp(0, logit)
        return -float(np.log(np.exp(each - each.max()) @ weight).sum() + len(ones) * each.max())

    best = [minimize_scalar(lower, (-1.5, -1.3), args=(sd,)).fun for sd in (0.0, found.sd_top)]
    assert best[1] - best[0] == pytest.approx(3.841459 / 2, abs=2e-3)


def test_what_cannot_be_fitted_is_said() -> None:
    with pytest.raises(TooFew, match="two groups"):
        random_intercept(
            np.ones((3, 1)), np.zeros(3), codes=np.zeros(3, dtype=int), names=("intercept",)
        )
    with pytest.raises(UsageError, match="every group code"):
        random_intercept(
            np.ones((3, 1)), np.zeros(3), codes=np.array([0, 2, 2]), names=("intercept",)
        )
