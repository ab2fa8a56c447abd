"""Unit and period effects on an incomplete grid against dense least squares."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.kernels.two_way import TwoWay


def grid(seed=1, u=12, t=5):
    r = np.random.default_rng(seed)
    return r.random((u, t)) < 0.7, r.standard_normal((u, t))


def dense(seen):
    u, t = seen.shape
    unit, period = np.nonzero(seen)
    return np.hstack([np.eye(u)[unit], np.eye(t)[period]])


def test_residuals_are_those_of_dense_least_squares():
    seen, y = grid()
    x = dense(seen)
    left = y[seen] - x @ np.linalg.lstsq(x, y[seen], rcond=None)[0]
    assert TwoWay.of(seen).residual(y)[seen] == pytest.approx(left)


def test_what_a_value_counts_in_fitted_values_elsewhere():
    seen, y = grid(2)
    weights = np.where(seen, 0.0, np.random.default_rng(3).random(seen.shape))
    solver = TwoWay.of(seen)
    units, periods = solver.effects(y)
    fitted = np.sum(weights * (units[:, None] + periods))
    assert np.sum(solver.borrowed(weights) * y) == pytest.approx(fitted)


def test_cells_are_known_where_a_chain_ties_them():
    seen = np.zeros((4, 4), dtype=bool)
    seen[0, :2] = seen[1, 1] = seen[2, 2:] = True
    known = TwoWay.of(seen).known()
    assert known.tolist() == [
        [True, True, False, False],
        [True, True, False, False],
        [False, False, True, True],
        [False, False, False, False],
    ]
