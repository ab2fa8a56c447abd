"""Rows of each family against enumeration of the responses."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.errors import UsageError
from fingerpost.kernels.families import (
    FAMILIES,
    MULTINOMIAL,
    POISSON,
    family_named,
    logistic,
    multinomial_rows,
    probabilities_of,
)

RANDOM = np.random.default_rng(3)


def test_third_cumulants_of_the_multinomial_are_those_of_enumeration():
    predictor = RANDOM.normal(size=(3, 5))
    weights = RANDOM.normal(size=(3, 3, 5))
    weights = weights + weights.transpose(1, 0, 2)
    p = probabilities_of(predictor)
    wanted = np.zeros((3, 5))
    for arm in range(4):
        away = (np.arange(1, 4) == arm)[:, None] - p[1:]
        wanted += p[arm] * away * np.einsum("abr,ar,br->r", weights, away, away)
    np.testing.assert_allclose(MULTINOMIAL.third(p[1:], weights), wanted, atol=1e-14)


def test_the_third_cumulant_of_a_poisson_is_its_mean():
    y = np.arange(80)
    mass = np.exp(y * np.log(4.0) - 4.0 - np.array([np.log(np.arange(1, k + 1)).sum() for k in y]))
    wanted = np.sum(mass * (y - 4.0) ** 3)
    assert POISSON.third(np.array([[4.0]]), np.ones((1, 1, 1)))[0, 0] == pytest.approx(wanted)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_residual_and_curvature_are_derivatives_of_the_likelihood(family):
    predictor, y, step = RANDOM.normal(size=(1, 6)), np.array([0.0, 1, 1, 0, 1, 0]), 1e-4
    here = family.rows(predictor, y)
    above, below = (family.rows(predictor + s, y).log_likelihood for s in (step, -step))
    np.testing.assert_allclose(here.residual[0], (above - below) / (2 * step), atol=1e-7)
    bend = (above + below - 2 * here.log_likelihood) / step**2
    np.testing.assert_allclose(here.curvature[0, 0], -bend, atol=1e-5)


def test_curvature_of_the_multinomial_is_the_covariance_of_the_arms():
    predictor, y = RANDOM.normal(size=(2, 4)), np.array([0, 1, 2, 2])
    p = probabilities_of(predictor)[1:]
    found = multinomial_rows(predictor, y)
    np.testing.assert_allclose(found.curvature[0, 1], -p[0] * p[1])
    np.testing.assert_allclose(found.curvature[1, 1], p[1] * (1 - p[1]))
    np.testing.assert_allclose(found.residual + p, np.equal.outer([1, 2], y), atol=1e-12)


def test_extreme_predictors_neither_overflow_nor_lose_their_curvature():
    x = np.array([-745.0, -40.0, 40.0, 745.0])
    np.testing.assert_allclose(logistic(x), [0, np.exp(-40), 1, 1], atol=1e-300, rtol=1e-12)
    np.testing.assert_allclose(probabilities_of(x[None, :])[1], logistic(x), rtol=1e-12)
    rows = FAMILIES["logit"].rows(x[None, :], np.array([1.0, 0, 0, 1]))
    np.testing.assert_allclose(rows.log_likelihood, [-745.0, 0.0, -40.0, 0.0], atol=1e-12)
    assert np.all(rows.curvature[0, 0][1:3] > 0)


def test_an_unknown_family_names_those_there_are():
    with pytest.raises(UsageError, match=r'linear, logit or poisson.*Did you mean "poisson"'):
        family_named("poison")
