"""Hazards in discrete time against a table of one row a child and interval."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.errors import NotFitted
from fingerpost.kernels.design import Dense
from fingerpost.kernels.hazard_curves import parts_of, predicted
from fingerpost.kernels.hazards import Grid, at_risk, fit_hazards, grid_of

RANDOM = np.random.default_rng(7)
N = 500
X = np.column_stack([np.ones(N), RANDOM.standard_normal(N), RANDOM.random(N) < 0.4]).astype(float)
TIME = np.ceil(RANDOM.exponential(3.0 * np.exp(-0.5 * X[:, 1])))
EVENT = RANDOM.random(N) < 0.6
START = np.where(RANDOM.random(N) < 0.3, np.maximum(TIME - RANDOM.integers(1, 4, N), -1.0), -np.inf)
WEIGHTS = RANDOM.uniform(0.5, 2.0, N)
DESIGN = Dense(X, ("intercept", "index", "boy"))
LIMIT = 6.0


def exact(weights=WEIGHTS):
    happened = EVENT & (TIME <= LIMIT)
    grid = grid_of(TIME[happened], 40)
    return fit_hazards(DESIGN, at_risk(START, TIME, happened=happened, grid=grid), weights=weights)


def table():
    """One row a child and term at risk: (child, term, event)."""
    return [
        (i, j, float(EVENT[i] and TIME[i] == j + 1))
        for i in range(N)
        for j in range(int(LIMIT))
        if START[i] < j + 1 <= TIME[i]
    ]


@pytest.fixture(scope="module")
def theirs():
    child, place, y = (np.array(each) for each in zip(*table(), strict=True))
    dummies = (place[:, None] == np.arange(int(LIMIT))).astype(float)
    rows = np.column_stack([dummies, X[child, 1:]])
    model = sm.GLM(y, rows, family=sm.families.Binomial(), freq_weights=WEIGHTS[child])
    return model.fit(tol=1e-12, maxiter=100), child, rows, y


def test_fit_is_that_of_a_logit_on_one_row_a_child_and_interval(theirs):
    fitted, ours = theirs[0], exact()
    level = ours.level - float(ours.centre @ ours.slope)
    np.testing.assert_allclose(np.append(level, ours.slope), fitted.params, rtol=1e-7, atol=1e-9)
    size = len(ours.level)
    np.testing.assert_allclose(ours.bread[size:, size:], fitted.cov_params()[size:, size:])
    assert ours.settled


def test_scores_of_rows_are_the_sums_over_their_intervals(theirs):
    fitted, child, rows, y = theirs
    ours = exact()
    lean = RANDOM.standard_normal((len(fitted.params), 2))
    shifted = rows.copy()
    shifted[:, int(LIMIT) :] -= ours.centre
    score = (WEIGHTS[child] * (y - fitted.fittedvalues))[:, None] * (shifted @ lean)
    expected = np.stack([np.bincount(child, each, minlength=N) for each in score.T], axis=1)
    np.testing.assert_allclose(ours.project(lean), expected, atol=1e-7)
    np.testing.assert_allclose(ours.project(lean).sum(axis=0), 0.0, atol=1e-6)


def test_predictions_are_products_of_one_less_the_hazard_and_their_slopes_are_derivatives(theirs):
    fitted, ours = theirs[0], exact()
    asks = [("risk", 4.0), ("survival", 6.0), ("rmst", 5.5)]
    told = predicted(ours, DESIGN, weights=WEIGHTS, asks=asks)
    hazard = np.stack(
        [
            fitted.predict(np.column_stack([np.tile(np.eye(6)[j], (N, 1)), X[:, 1:]]))
            for j in range(6)
        ],
        axis=1,
    )
    free = np.cumprod(1 - hazard, axis=1)
    np.testing.assert_allclose(told.value[:, 0], 1 - free[:, 3])
    np.testing.assert_allclose(told.value[:, 1], free[:, 5])
    np.testing.assert_allclose(told.value[:, 2], 1 + free[:, :4].sum(axis=1) + 0.5 * free[:, 4])
    for place in range(len(fitted.params)):
        sums = []
        for sign in (1, -1):
            moved = exact()
            parameters = np.append(moved.level, moved.slope)
            parameters[place] += sign * 1e-5
            moved.level[:], moved.slope[:] = parameters[:6], parameters[6:]
            sums.append(WEIGHTS @ predicted(moved, DESIGN, weights=WEIGHTS, asks=asks).value)
        np.testing.assert_allclose(
            told.in_hazards[place], (sums[0] - sums[1]) / 2e-5, rtol=1e-6, atol=1e-6
        )


def test_without_covariates_a_level_is_events_by_share_at_risk():
    """The actuary's convention: who comes or leaves within an interval counts for a share of it."""
    time = np.array([0.5, 1.5, 2.0, 2.5, 4.0, 4.0])
    happened = np.array([True, False, True, False, False, True])
    start = np.array([-np.inf, -np.inf, -np.inf, 1.0, 3.0, -np.inf])
    grid = Grid(np.array([2.0, 4.0]), exact=False)
    one = Dense(np.ones((6, 1)), ("intercept",))
    ours = fit_hazards(one, at_risk(start, time, happened=happened, grid=grid), weights=np.ones(6))
    # Interval to 2: two events, 3/4 of the second row, 1/2 of the fourth, all of the sixth.
    # Interval to 4: one event, 1/4 of the fourth, 1/2 of the fifth.
    odds = [2 / (0.75 + 0.5 + 1.0), 1 / (0.25 + 0.5)]
    np.testing.assert_allclose(np.exp(ours.level), odds)


def test_a_grid_of_few_times_is_those_times_and_of_many_shares_them_out():
    assert grid_of(np.array([3.0, 1.0, 3.0]), 2).exact
    many = grid_of(np.arange(1.0, 101.0), 40)
    assert not many.exact
    assert len(many.ends) == 40
    assert many.ends[-1] == 100.0
    assert set(np.diff(many.ends)) <= {2.0, 3.0}


@pytest.mark.parametrize("ask", [("survival", 3.0), ("risk", 3.0), ("rmst", 3.0), ("rmst", 9.0)])
def test_between_ends_of_intervals_a_curve_falls_straight(ask):
    grid = Grid(np.array([2.0, 4.0, 6.0]), exact=False)
    free = np.array([1.0, 0.8, 0.5, 0.4])
    constant, share = parts_of(grid, ask)
    fine = np.linspace(0.0, ask[1], 200_001)
    curve = np.interp(fine, [0.0, 2.0, 4.0, 6.0], free)
    expected = {"survival": curve[-1], "risk": 1 - curve[-1], "rmst": np.trapezoid(curve, fine)}
    assert constant + share @ free == pytest.approx(expected[ask[0]], abs=1e-9)


def test_columns_that_repeat_each_other_are_named():
    twice = Dense(np.column_stack([X, X[:, 1]]), ("intercept", "index", "boy", "again"))
    happened = EVENT & (TIME <= LIMIT)
    risk = at_risk(START, TIME, happened=happened, grid=grid_of(TIME[happened], 40))
    with pytest.raises(NotFitted, match="again"):
        fit_hazards(twice, risk, weights=WEIGHTS)


def test_a_covariate_that_tells_the_event_for_certain_is_not_settled():
    told = Dense(np.column_stack([np.ones(N), EVENT.astype(float)]), ("intercept", "told"))
    happened = EVENT & (TIME <= LIMIT)
    risk = at_risk(START, TIME, happened=happened, grid=grid_of(TIME[happened], 40))
    assert not fit_hazards(told, risk, weights=WEIGHTS).settled
