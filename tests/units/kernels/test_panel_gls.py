"""GLS on means by sequence, beside GLS on every child of every unit."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.errors import Malformed
from fingerpost.kernels.panel_correlation import fading, gamma_sizes, lasting, with_effects
from fingerpost.kernels.panel_gls import (
    contrast_variance,
    exposure_columns,
    information,
    information_beside_periods,
    period_columns,
)

EXPOSURE = np.array([[-1, 0, 1, 2], [-1, -1, 0, 1], [-1, -1, -1, -1]])
UNITS = np.array([2, 1, 3])
CHILDREN = 3


def by_child(level, own, *, columns, observed):
    """Return the information from every child of every unit: own (t, t) is a child's covariance."""
    told = 0.0
    for wave, count in enumerate(UNITS):
        cells = np.flatnonzero(observed[wave])
        at = np.repeat(cells, CHILDREN)  # a row a child and period; children keep their place
        who = np.tile(np.arange(CHILDREN), len(cells))
        between = level[wave][np.ix_(at, at)]
        covariance = between + own[np.ix_(at, at)] * (who[:, None] == who)
        design = columns[wave][at]
        told = told + count * design.T @ np.linalg.solve(covariance, design)
    return told


@pytest.mark.parametrize("kind", ["nested", "decay", "cohort", "effects"])
@pytest.mark.parametrize("gaps", [False, True])
def test_means_tell_what_children_tell(kind, gaps):
    periods = EXPOSURE.shape[1]
    shape = fading if kind == "decay" else lasting
    level = np.broadcast_to(0.3 * shape(periods, 0.6), (3, periods, periods))
    own = np.eye(periods)
    if kind == "cohort":
        own = 0.5 * np.eye(periods) + 0.5 * lasting(periods, 0.7)
    if kind == "effects":
        level = with_effects(level[0], EXPOSURE >= 0, sd=0.4, correlation=0.5, level_sd=0.18**0.5)
    observed = np.ones(EXPOSURE.shape, bool)
    if gaps:
        observed[0, 1] = observed[2, 3] = False
    exposures, seen = exposure_columns(EXPOSURE, observed)
    assert seen == (0, 1, 2)
    columns = np.concatenate([period_columns(3, periods), exposures], axis=2)
    covariance = level + own / CHILDREN
    means = information(columns, covariance, units=UNITS, observed=observed)
    every = by_child(level, own, columns=columns, observed=observed)
    np.testing.assert_allclose(means, every, rtol=1e-10, atol=1e-10)


def test_what_is_not_told_has_no_variance():
    # Every unit begins in period 1: the effect cannot be told from the period.
    exposure = np.array([[-1, 0]])
    columns, _ = exposure_columns(exposure, np.ones((1, 2), bool))
    design = np.concatenate([period_columns(1, 2), columns], axis=2)
    told = information(design, np.eye(2)[None] + 0.1, units=[20])
    effect, first = contrast_variance(told, np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))
    assert np.isinf(effect)
    assert first == pytest.approx(1.1 / 20)


def test_variances_are_the_inverse_of_information():
    generator = np.random.default_rng(3)
    root = generator.normal(size=(6, 4)) * [1, 100, 1e-3, 1]
    told = root.T @ root
    weights = generator.normal(size=(3, 4))
    expected = np.einsum("kp,pq,kq->k", weights, np.linalg.inv(told), weights)
    np.testing.assert_allclose(contrast_variance(told, weights), expected, rtol=1e-8)


def test_an_empty_column_is_not_told():
    told = np.diag([2.0, 0.0])
    found = contrast_variance(told, np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert found[0] == pytest.approx(0.5) and np.isinf(found[1])


@pytest.mark.parametrize("cv", [0.2, 0.6, 1.2])
def test_sizes_stand_for_a_gamma_distribution(cv):
    sizes, chance = gamma_sizes(80.0, cv)
    assert chance.sum() == pytest.approx(1.0) and (sizes > 0).all()
    assert sizes @ chance == pytest.approx(80.0, rel=0.002)  # none is below 1
    # Parts are told by their means: what sizes differ by within them is missing.
    assert ((sizes - 80) ** 2) @ chance == pytest.approx((80 * cv) ** 2, rel=0.09)
    # What a unit tells in one period, against many draws.
    drawn = np.random.default_rng(1).gamma(1 / cv**2, 80 * cv**2, 400_000)
    told = (1 / (0.05 + 0.95 / sizes)) @ chance
    assert told == pytest.approx(np.mean(1 / (0.05 + 0.95 / drawn)), rel=0.005)


def test_a_level_that_fades_cannot_go_with_a_lasting_effect():
    with pytest.raises(Malformed, match="effect_corr nearer to 0"):
        with_effects(
            fading(8, 0.1), np.tri(8, dtype=bool)[:3], sd=1.0, correlation=0.95, level_sd=1.0
        )


def test_effects_of_periods_drop_out_where_all_waves_are_alike():
    """As the Schur complement of the whole information, also where units of two sizes tell."""
    r = np.random.default_rng(3)
    units, everyone = np.array([4.0, 7.0, 2.0]), np.ones((3, 5), bool)
    exposure = np.arange(5) - np.array([1, 2, 3])[:, None]
    columns, seen = exposure_columns(exposure, everyone)
    design = np.concatenate([period_columns(3, 5), columns], axis=2)
    roots = r.standard_normal((2, 5, 5))
    each = roots @ roots.transpose(0, 2, 1) + np.eye(5)
    chance = np.array([0.3, 0.7])
    whole = sum(
        share * information(design, one[None], units=units)
        for share, one in zip(chance, each, strict=True)
    )
    precision = np.tensordot(chance, np.linalg.inv(each), axes=1)
    short = information_beside_periods(columns, precision, units=units)
    weights = np.r_[np.eye(len(seen)), [[0.5, 0.5, 0.0, 0.0]]]
    long = np.c_[np.zeros((len(weights), 5)), weights]
    found = contrast_variance(short, weights)
    assert found == pytest.approx(contrast_variance(whole, long), rel=1e-8)
    # Where all begin at once nothing is told of any exposure.
    alone, seen = exposure_columns(np.tile(np.arange(5) - 1, (3, 1)), everyone)
    none = information_beside_periods(alone, precision, units=units)
    assert np.isinf(contrast_variance(none, np.eye(len(seen)))).all()
