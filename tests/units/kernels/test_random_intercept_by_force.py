"""Random intercepts against integration by brute force, and against what was planted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate
from scipy.special import expit

from fingerpost.kernels.random_intercept import LATENT_VARIANCE, random_intercept


def world(groups: int, sd: float, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return events, groups and design of unequal groups with a planted sd of their intercepts."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), rng.integers(3, 60, groups))
    x = rng.normal(size=len(group))
    chance = expit(-1.2 + 0.5 * x + sd * rng.normal(size=groups)[group])
    return (
        (rng.random(len(group)) < chance).astype(float),
        group,
        np.column_stack([np.ones(len(x)), x]),
    )


def loglik(at: np.ndarray, events: np.ndarray, group: np.ndarray, design: np.ndarray) -> float:
    """Return the likelihood by scipy's adaptive integration over each group's intercept."""
    total = 0.0
    for one in range(group.max() + 1):
        y, x = events[group == one], design[group == one]

        def height(z: float, y: np.ndarray = y, x: np.ndarray = x) -> float:
            level = x @ at[:-1] + at[-1] * z
            return float(np.exp(np.sum(y * level - np.logaddexp(0, level)) - z * z / 2 + 30))

        area = integrate.quad(height, -8, 8, epsabs=0, epsrel=1e-10, limit=200)[0]
        total += np.log(area) - 30 - 0.5 * np.log(2 * np.pi)
    return total


def test_the_likelihood_is_at_its_top_by_brute_force():
    events, group, design = world(25, 0.6, seed=3)
    fit = random_intercept(design, events, codes=group, names=("one", "x"), points=15)
    top = np.append(fit.coefficients, fit.sd)

    def height(*steps: np.ndarray) -> float:
        return loglik(top + sum(steps), events, group, design)

    assert fit.log_likelihood == pytest.approx(height(np.zeros(3)), abs=1e-8)
    width = np.eye(3) * 1e-3
    for step in width:
        assert (height(step) - height(-step)) / 2e-3 == pytest.approx(0.0, abs=2e-3)
    bend = [
        [sum(i * j * height(i * a, j * b) for i in (-1, 1) for j in (-1, 1)) / 4e-6 for a in width]
        for b in width
    ]
    # The fit's covariance is that of log sd.
    scale = np.diag([1.0, 1.0, fit.sd])
    errors = scale @ fit.covariance @ scale
    np.testing.assert_allclose(errors, np.linalg.inv(-np.array(bend)), rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("sd", [0.141, 0.330])
def test_a_planted_share_between_areas_is_found(sd: float):
    """152 areas of 1,490 children, as of those born preterm in England."""
    rng = np.random.default_rng(11)
    found, errors = [], []
    for _ in range(60):
        chance = expit(np.log(0.184 / 0.816) + sd * rng.normal(size=152))
        fit = random_intercept(
            np.ones((152, 1)),
            rng.binomial(1490, chance),
            codes=np.arange(152),
            names=("one",),
            trials=np.full(152, 1490),
        )
        found.append(fit.icc)
        errors.append(fit.icc_error)
    truth = sd**2 / (sd**2 + LATENT_VARIANCE)
    assert abs(np.mean(found) - truth) < 4 * np.std(found) / np.sqrt(60) + 0.01 * truth
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.3)
