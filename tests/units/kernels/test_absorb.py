"""Taking out covariates and clusters, against regressions with every column written out."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.errors import NotFitted, TooFew
from fingerpost.kernels.absorb import (
    Groups,
    half_inverse,
    least_squares_within,
    nested,
    partial_out,
    poisson_within,
    told,
    within_products,
)
from fingerpost.kernels.design import Dense

N, G = 300, 25


def children(seed: int = 0):
    """Return a design, an outcome, weights and groups of 300 children."""
    r = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(G), r.integers(0, G, N - G)])
    x = np.column_stack([np.ones(N), r.random(N) < 0.4, 2005 + r.standard_normal(N)])
    y = x @ [0, 0.5, 0.2] + codes % 4 + r.standard_normal(N)
    return Dense(x, ("intercept", "arm", "year")), y, r.uniform(0.5, 2, N), codes


def dummies(codes) -> np.ndarray:
    return (codes[:, None] == np.arange(G)).astype(float)


def test_what_is_left_is_what_least_squares_leaves():
    design, y, weight, _ = children()
    left = partial_out(design, np.column_stack([y, y**2]), weights=weight)
    for at, column in enumerate((y, y**2)):
        fitted = sm.WLS(column, design.array, weights=weight).fit()
        assert left[:, at] == pytest.approx(fitted.resid, rel=1e-8, abs=1e-8)


def test_a_column_that_repeats_another_does_no_harm():
    design, y, weight, _ = children()
    twice = Dense(np.column_stack([design.array, 3 - design.array[:, 1]]), (*design.names, "again"))
    once = partial_out(design, y[:, None], weights=weight)
    assert partial_out(twice, y[:, None], weights=weight) == pytest.approx(once, abs=1e-10)


def test_a_generalised_inverse_says_which_contrasts_it_can_tell():
    x = np.array([[1.0, 0, 1], [0, 1, 1], [2, 1, 3]])
    gram = x.T @ x
    root = half_inverse(gram)
    assert gram @ root @ root.T @ gram == pytest.approx(gram)
    contrasts = np.array([[1.0, 1, 0], [1, 0, 1], [1, 0, 0]]).T
    assert told(gram, root, contrasts=contrasts[:, :2]).tolist() == [False, True]


def test_least_squares_within_groups_is_that_with_an_indicator_a_group():
    design, y, weight, codes = children()
    fit = least_squares_within(design, y, groups=Groups.of(codes, weight, count=G))
    wide = np.column_stack([design.array[:, 1:], dummies(codes)])
    oracle = sm.WLS(y, wide, weights=weight).fit()
    assert fit.coefficients[1:] == pytest.approx(oracle.params[:2], rel=1e-9)
    assert fit.residual == pytest.approx(weight * oracle.resid, abs=1e-9)


def test_poisson_within_groups_is_that_with_an_indicator_a_group():
    design, _, weight, codes = children(1)
    r = np.random.default_rng(2)
    time = r.uniform(0.5, 2, N)
    count = r.poisson(time * np.exp(0.3 * design.array[:, 1] + (codes % 4) / 3)).astype(float)
    fit = poisson_within(design, count, time=time, groups=Groups.of(codes, weight, count=G))
    wide = np.column_stack([design.array[:, 1], design.array[:, 2] - 2005, dummies(codes)])
    model = sm.GLM(
        count, wide, sm.families.Poisson(), offset=np.log(time), freq_weights=weight
    ).fit(tol=1e-14, maxiter=200)
    assert fit.coefficients[1:] == pytest.approx(model.params[:2], abs=1e-8)
    away = fit.influence(design, np.eye(3)[:, 1:2])
    assert abs(away.sum()) < 1e-9 * np.abs(away).sum()


def test_columns_that_are_constant_within_groups_leave_the_model():
    design, y, weight, codes = children()
    funded = (codes % 3).astype(float)[:, None]
    wide = Dense(np.hstack([design.array, funded]), (*design.names, "funded"))
    groups = Groups.of(codes, weight, count=G)
    once, both = (least_squares_within(each, y, groups=groups) for each in (design, wide))
    assert both.coefficients == pytest.approx([*once.coefficients, 0.0])
    assert told(both.gram, both.root, contrasts=np.eye(4)).tolist() == [False, True, True, False]


def test_means_of_groups_are_those_of_their_children():
    design, _, weight, codes = children()
    products = within_products(design, Groups.of(codes, weight, count=G))
    own = codes == 3
    expected = weight[own] @ design.array[own] / weight[own].sum()
    assert products.mean[3] + products.shift == pytest.approx(expected)


def test_no_event_is_too_few_and_events_of_one_arm_do_not_settle():
    design, _, weight, codes = children()
    groups = Groups.of(codes, weight, count=G)
    with pytest.raises(TooFew, match="no child had an event"):
        poisson_within(design, np.zeros(N), time=np.ones(N), groups=groups)
    with pytest.raises(NotFitted, match="infinity"):
        poisson_within(design, design.array[:, 1].copy(), time=np.ones(N), groups=groups)


@pytest.mark.parametrize(("coarse", "is_nested"), [([5, 5, 6, 6], True), ([5, 6, 6, 6], False)])
def test_nesting(coarse, is_nested):
    assert nested(np.array([0, 0, 1, 2]), np.array(coarse)) is is_nested
