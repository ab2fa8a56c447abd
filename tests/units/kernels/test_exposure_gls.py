"""The working covariance by moments, clusters above the unit, and many clusters."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.kernels import exposure_gls
from fingerpost.kernels.exposure_gls import STRUCTURES, Working, fit_exposure, moments


def residuals(working, u=4000, t=6, children=20, seed=1):
    r = np.random.default_rng(seed)
    count, seen = np.full((u, t), float(children)), r.random((u, t)) < 0.9
    V = working.matrices(count[:1], np.ones((1, t), bool))[0]
    y = r.standard_normal((u, t)) @ np.linalg.cholesky(V).T
    return np.where(seen, y, 0.0), seen, count


@pytest.mark.parametrize("structure", STRUCTURES)
def test_parts_are_told_from_the_residuals(structure):
    true = {
        "nested": Working(0.5, 1.0, 0.2, 4.0),
        "decay": Working(0.7, 0.6, 0.0, 4.0),
        "nested_decay": Working(0.5, 0.7, 0.2, 4.0),
        "independent": Working(0.0, 1.0, 0.5, 4.0),
    }[structure]
    y, seen, count = residuals(true)
    found = moments(y, seen, children=count, child=4.0, structure=structure)
    assert found.lasting == pytest.approx(true.lasting, abs=0.06)
    assert found.own == pytest.approx(true.own, abs=0.06)
    if true.lasting:
        assert found.fade == pytest.approx(true.fade, abs=0.06)


def test_noise_without_anything_shared_has_no_lasting_part():
    y, seen, count = residuals(Working(0.0, 1.0, 1e-9, 4.0))
    found = moments(y, seen, children=count, child=4.0, structure="nested_decay")
    assert found.lasting < 0.02 and found.own > 0


def layout(u=60, t=5, seed=2):
    r = np.random.default_rng(seed)
    begins = np.arange(u) % 3 + 2
    x = np.zeros((u, t, t + 1))
    x[:, :, :t] = np.eye(t)
    x[:, :, t] = (np.arange(t) >= begins[:, None]) & (begins[:, None] < 4)
    y = r.standard_normal((u, 1)) + r.standard_normal((u, t))
    return y, x, np.ones((u, t), bool), np.ones((u, t))


def test_units_that_are_each_a_cluster_of_copies_tell_no_more():
    y, x, seen, count = layout()
    twice = [np.repeat(each, 2, axis=0) for each in (y, x, seen, count)]
    own = fit_exposure(
        y, x, seen=seen, children=count, cluster=np.arange(60), structure="independent"
    )
    many = fit_exposure(
        *twice[:2],
        seen=twice[2],
        children=twice[3],
        cluster=np.repeat(np.arange(60), 2),
        structure="independent",
    )
    assert many.coefficients == pytest.approx(own.coefficients)
    assert many.influence == pytest.approx(own.influence)
    asked = np.eye(6)[5:]
    assert many.freedom(asked) == pytest.approx(own.freedom(asked))


def test_by_thousands_of_clusters_the_correction_is_left_out(monkeypatch):
    y, x, seen, count = layout(u=400)
    told = {"children": count, "cluster": np.arange(400), "structure": "nested"}
    whole = fit_exposure(y, x, seen=seen, **told)
    monkeypatch.setattr(exposure_gls, "MOST_LEVERAGE", 10)
    quick = fit_exposure(y, x, seen=seen, **told)
    assert quick.leverage is None and quick.freedom(np.eye(6)[5:]) == pytest.approx([394.0])
    errors = [np.sqrt((one.influence**2).sum(axis=0)) for one in (whole, quick)]
    assert errors[1] == pytest.approx(errors[0], rel=0.02)


def test_what_was_seen_of_units_may_differ():
    y, x, seen, count = layout()
    seen = seen & (np.random.default_rng(3).random(seen.shape) < 0.8)
    fit = fit_exposure(
        y, x, seen=seen, children=count, cluster=np.arange(60), structure="nested_decay"
    )
    V = fit.working.matrices(count, seen)
    rows = [np.flatnonzero(own) for own in seen]
    gram = sum(x[i][r].T @ np.linalg.solve(V[i][np.ix_(r, r)], x[i][r]) for i, r in enumerate(rows))
    right = sum(
        x[i][r].T @ np.linalg.solve(V[i][np.ix_(r, r)], y[i][r]) for i, r in enumerate(rows)
    )
    assert fit.coefficients == pytest.approx(np.linalg.solve(gram, right))
