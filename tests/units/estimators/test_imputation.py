"""Imputation against a dense regression written out, and its conservative error."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.inference import standard_errors
from fingerpost.estimators import group_time
from fingerpost.estimators.imputation import run
from suites.panel_worlds import NEVER, PanelWorld, ask, means, rows, schools, task, with_means


def dense(panel, *, cluster=None, missing=None):
    """Return the simple effect and its conservative error by dense matrices, as in the paper."""
    y, begins = means(panel), panel.adopted
    u, t = y.shape
    ages = np.arange(t) - begins[:, None]
    treated = ((begins[:, None] != NEVER) & (ages >= 0)).ravel()
    seen = np.ones(u * t, dtype=bool) if missing is None else ~missing.ravel()
    unit, period = np.repeat(np.arange(u), t), np.tile(np.arange(t), u)
    Z = np.hstack([np.eye(u)[unit], np.eye(t)[period][:, 1:]])
    clean, used = seen & ~treated, seen & treated
    Z0, Z1, flat = Z[clean], Z[used], y.ravel()
    coefficients = np.linalg.lstsq(Z0, flat[clean], rcond=None)[0]
    effect = flat[used] - Z1 @ coefficients
    w = np.full(used.sum(), 1 / used.sum())
    v0 = -Z0 @ np.linalg.pinv(Z0.T @ Z0) @ Z1.T @ w
    left = effect.copy()
    group = begins[unit[used]] * 100 + period[used]
    for each in np.unique(group):
        left[group == each] -= effect[group == each].mean()
    sums = np.zeros(u)
    np.add.at(sums, unit[clean], v0 * (flat[clean] - Z0 @ coefficients))
    np.add.at(sums, unit[used], w * left)
    if cluster is not None:
        sums = np.bincount(cluster, weights=sums)
        sums = sums * np.sqrt(len(sums) / (len(sums) - 1))
    return float(w @ effect), float(np.sqrt(sums @ sums))


def test_value_and_error_are_those_of_dense_matrices():
    panel = PanelWorld(u=60, begins=(2, 3, NEVER)).draw(1)
    value, error = dense(panel)
    found = run(task(panel, ask("simple"), drawn=False)).estimate
    assert found.value[0] == pytest.approx(value)
    assert standard_errors(found)[0] == pytest.approx(error)


def test_with_cells_missing_too():
    panel = PanelWorld(u=90, begins=(2, 3, NEVER)).draw(2)
    gone = np.random.default_rng(1).random((90, 6)) < 0.1
    gone[:, 0] = False
    old = panel.outcomes["y"]
    parts = [np.where(gone, 0.0, each) for each in (old.count, old.total, old.squares)]
    value, error = dense(panel, missing=gone)
    holed = type(panel)(**{**panel.__dict__, "outcomes": {"y": type(old)(*parts)}})
    found = run(task(holed, ask("simple"), drawn=False)).estimate
    assert found.value[0] == pytest.approx(value)
    assert standard_errors(found)[0] == pytest.approx(error)


def test_clustered_above_the_unit():
    many = schools(PanelWorld(u=90, begins=(2, 3, NEVER)).draw(3), np.arange(90) % 3 + 1)
    noise = 0.2 * np.random.default_rng(2).standard_normal(means(many).shape)
    many = with_means(many, means(many) + noise)
    value, error = dense(many, cluster=many.clusters["area"])
    found = run(task(many, ask("simple"), drawn=False, cluster="area")).estimate
    assert found.value[0] == pytest.approx(value)
    assert standard_errors(found)[0] == pytest.approx(error)
    assert found.spread.note == "conservative, G/(G − 1)"


def test_units_without_a_clean_cell_are_not_filled_in():
    panel = PanelWorld(u=60).draw(4)
    old = panel.outcomes["y"]
    gone = (np.arange(60) < 4)[:, None] & (np.arange(6) < np.maximum(panel.adopted, 3)[:, None])
    parts = [np.where(gone, 0.0, each) for each in (old.count, old.total, old.squares)]
    holed = type(panel)(**{**panel.__dict__, "outcomes": {"y": type(old)(*parts)}})
    found = run(task(holed, ask("simple"), drawn=False)).estimate
    ever = panel.adopted[:4] != NEVER
    assert np.isfinite(found.value[0]) and ever.any()
    kept = rows(holed, np.flatnonzero(~((np.arange(60) < 4) & (panel.adopted != NEVER))))
    assert found.value[0] == pytest.approx(
        run(task(kept, ask("simple"), drawn=False)).estimate.value[0]
    )


def test_it_is_sharper_than_two_periods_where_shocks_do_not_last():
    panel = PanelWorld(u=200, fades=False, cac=0.6).draw(5)
    own = standard_errors(run(task(panel, ask("simple"), drawn=False)).estimate)[0]
    two = standard_errors(group_time.run(task(panel, ask("simple"), drawn=False)).estimate)[0]
    assert own < 0.9 * two
