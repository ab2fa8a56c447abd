"""Least squares by exposure against dense matrices, CR2 by hand, and the correlation told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.errors import TooFew
from fingerpost.core.inference import standard_errors
from fingerpost.estimators.gls_exposure_time import run
from suites.panel_worlds import NEVER, PanelWorld, ask, means, rows, task, with_means


def columns(panel, exposures):
    """Return (u t, p) columns: periods, then exposures."""
    u, t = means(panel).shape
    ages = (np.arange(t) - panel.adopted[:, None]).ravel()
    given = panel.arm.ravel() == 1
    period = np.tile(np.arange(t), u)
    return np.column_stack([np.eye(t)[period], *(given & (ages == at) for at in exposures)]).astype(
        float
    )


def test_with_independent_cells_of_one_size_it_is_ordinary_least_squares():
    panel = PanelWorld(u=40).draw(1)
    x, y = columns(panel, range(4)), means(panel).ravel()
    fit = sm.OLS(y, x).fit()
    found = run(task(panel, ask("exposure_average"), correlation="independent")).estimate
    contrast = np.r_[np.zeros(6), np.full(4, 0.25)]
    assert found.value[0] == pytest.approx(contrast @ fit.params)
    value, df = cr2(x, fit.resid, np.eye(6), contrast)
    assert standard_errors(found)[0] == pytest.approx(np.sqrt(value))
    assert found.df[0] == pytest.approx(df)


def cr2(x, residual, V, contrast):
    """Return CR2's variance and Satterthwaite's df of units of six cells each, by dense matrices.

    (I − H)^(−1/2) is taken of the hat matrix itself, by its eigenvalues.
    """
    units = len(x) // 6
    W = np.linalg.inv(V)
    blocks = x.reshape(units, 6, -1)
    M = np.linalg.inv(sum(b.T @ W @ b for b in blocks))
    rows_, sums = [], []
    for b, e in zip(blocks, residual.reshape(units, 6), strict=True):
        values, vectors = np.linalg.eig(np.eye(6) - b @ M @ b.T @ W)
        root = (vectors * values**-0.5) @ np.linalg.inv(vectors)
        own = contrast @ M @ b.T @ W @ root.real
        rows_.append(own)
        sums.append(own @ e)
    whole = np.kron(np.eye(units), V)
    hat = np.eye(len(x)) - x @ M @ np.hstack([b.T @ W for b in blocks])
    G = np.zeros((units, len(x)))
    for at, own in enumerate(rows_):
        G[at, 6 * at : 6 * at + 6] = own
    form = G @ hat @ whole @ hat.T @ G.T
    return float(np.sum(np.square(sums))), float(np.trace(form) ** 2 / np.sum(form**2))


def test_with_a_working_correlation_it_is_generalised_least_squares_with_cr2():
    panel = PanelWorld(u=40).draw(2)
    found = run(task(panel, ask("simple"), correlation="nested_decay"))
    told = dict(zip(found.tables[0].column("what"), found.tables[0].column("value"), strict=True))
    lasting, fade, own, child, *_ = told.values()
    lags = np.abs(np.arange(6)[:, None] - np.arange(6))
    V = lasting * fade**lags + np.eye(6) * (own + child / 40)
    x, y = columns(panel, range(4)), means(panel).ravel()
    fit = sm.GLS(y, x, sigma=np.kron(np.eye(40), V)).fit()
    counts = np.array([np.sum(columns(panel, [at])[:, 6]) for at in range(4)])
    contrast = np.r_[np.zeros(6), counts / counts.sum()]
    assert found.estimate.value[0] == pytest.approx(contrast @ fit.params)
    value, df = cr2(x, y - x @ fit.params, V, contrast)
    assert standard_errors(found.estimate)[0] == pytest.approx(np.sqrt(value))
    assert found.estimate.df[0] == pytest.approx(df)


@pytest.mark.parametrize("fades", [True, False])
def test_the_correlation_of_a_units_outcomes_is_told(fades):
    """ICC .2, autocorrelation .7, 40 children: within sampling error in 600 units."""
    panel = PanelWorld(u=600, cac=0.7, fades=fades).draw(3)
    table = run(task(panel, ask("simple"))).tables[0]
    told = dict(zip(table.column("what"), table.column("value"), strict=True))
    assert told["variance of children within a unit and period"] == pytest.approx(0.8, rel=0.03)
    assert told["intracluster correlation"] == pytest.approx(0.2, abs=0.03)
    assert told["cluster autocorrelation, one period apart"] == pytest.approx(0.7, abs=0.05)
    fade = told["what is left of it from one period to the next"]
    assert fade > 0.97 if not fades else fade == pytest.approx(0.7, abs=0.08)


def test_the_right_correlation_is_sharper_and_a_wrong_one_still_honest():
    """Of a correlation that lasts: taken as independent, the interval is wider, not wrong."""
    panel = PanelWorld(u=300, fades=False, cac=0.9).draw(4)
    errors = {
        form: standard_errors(run(task(panel, ask("simple"), correlation=form)).estimate)[0]
        for form in ("nested_decay", "nested", "decay", "independent")
    }
    assert errors["nested"] == pytest.approx(errors["nested_decay"], rel=0.05)
    assert errors["independent"] > 1.3 * errors["nested"]


def test_averages_leave_out_exposures_without_comparison_and_say_so():
    panel = PanelWorld(begins=(2, 3, 4)).draw(5)
    found = run(task(panel, ask("exposure_average"), ask("at_exposure", 3.0)))
    assert [one.terms[0].exposure_time for one in found.refusals] == [3.0]
    assert "exposures 2 and 3: no unit is without provision" in found.warnings[0][1]
    alone = rows(panel, np.flatnonzero(panel.adopted == 2))
    with pytest.raises(TooFew, match="late group"):
        run(task(alone, ask("simple"), draws=0))


def test_an_exposure_that_one_cluster_alone_has_had_is_left_out():
    panel = PanelWorld().draw(6)
    lone = np.where(panel.adopted == 2, 3, panel.adopted)
    lone[0] = 2
    panel = replace(panel, adopted=lone)
    found = run(task(panel, ask("at_exposure", 3.0), ask("at_exposure", 2.0), draws=0))
    assert [one.terms[0].exposure_time for one in found.refusals] == [3.0]
    assert len(found.estimate.value) == 1


def test_periods_of_anticipation_count_neither_way():
    panel = PanelWorld(begins=(3, 4, NEVER)).draw(7)
    soon = (np.arange(6) - panel.adopted[:, None] == -1) & (panel.adopted[:, None] != NEVER)
    spoilt = with_means(panel, means(panel) + 5.0 * soon)
    kept = [
        run(task(one, ask("simple"), anticipation=1)).estimate.value[0] for one in (panel, spoilt)
    ]
    assert kept[0] == pytest.approx(kept[1])
    without = [run(task(one, ask("simple"))).estimate.value[0] for one in (panel, spoilt)]
    assert abs(without[0] - without[1]) > 0.5


def test_a_covariate_that_foretells_the_outcome_makes_it_sharper():
    panel = PanelWorld(u=200, fades=False, cac=0.95).draw(8)
    level = means(panel)[:, :1] * np.ones(6)
    panel = replace(panel, covariates={"before": level})
    plain = standard_errors(run(task(panel, ask("simple"), correlation="independent")).estimate)[0]
    with_it = standard_errors(
        run(task(panel, ask("simple"), given=("before",), correlation="independent")).estimate
    )[0]
    assert with_it < 0.8 * plain
