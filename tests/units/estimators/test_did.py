"""Two groups and two times; and what a regression compares where provision begins in waves."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.inference import standard_errors
from fingerpost.estimators.did import run
from suites.panel_worlds import NEVER, PanelWorld, ask, means, task


def regression(panel):
    """Return coefficient and clustered error of provision with dummies of units and periods."""
    y = means(panel)
    u, t = y.shape
    unit, period = np.repeat(np.arange(u), t), np.tile(np.arange(t), u)
    x = np.column_stack([panel.arm.ravel(), np.eye(u)[unit], np.eye(t)[period][:, 1:]])
    fit = sm.OLS(y.ravel(), x).fit(
        cov_type="cluster", cov_kwds={"groups": unit, "use_correction": False}
    )
    return float(fit.params[0]), float(fit.bse[0])


def test_one_wave_is_the_regressions_coefficient():
    panel = PanelWorld(begins=(3, NEVER)).draw(1)
    value, error = regression(panel)
    found = run(task(panel, ask("simple"), drawn=False)).estimate
    assert found.value[0] == pytest.approx(value)
    assert standard_errors(found)[0] == pytest.approx(error)


def test_of_few_units_errors_are_those_of_leaving_one_out():
    """Below 50 clusters: HC3 of the change on provision, and no factor besides."""
    panel = PanelWorld(u=30, begins=(3, NEVER)).draw(5)
    y, mine = means(panel), panel.adopted == 3
    change = y[:, 3:].mean(axis=1) - y[:, :3].mean(axis=1)
    fit = sm.OLS(change, sm.add_constant(mine.astype(float))).fit(cov_type="HC3")
    found = run(task(panel, ask("simple"), drawn=False)).estimate
    assert standard_errors(found)[0] == pytest.approx(fit.bse[1])
    assert found.spread.note == "leverage-corrected"
    assert found.df[0] < 29 and found.critical[0] > 2.04


def test_several_waves_are_refused_and_the_regression_shown_beside_its_comparisons():
    panel = PanelWorld().draw(2)
    found = run(task(panel, ask("simple"), ask("long_term"), drawn=False))
    assert found.estimate is None and len(found.refusals) == 2
    assert "begins in 3 different periods" in found.refusals[0].rules[0].words
    tables = {table.name: table for table in found.tables}
    value, error = regression(panel)
    *kinds, whole = tables["two_way"].records()
    assert whole["estimate"] == pytest.approx(value)
    factor = 80 / 79 * 479 / (480 - 7)
    assert whole["se"] == pytest.approx(error * np.sqrt(factor))
    assert sum(row["weight"] for row in kinds) == pytest.approx(1.0)
    assert sum(row["weight"] * row["estimate"] for row in kinds) == pytest.approx(value)
    pairs = tables["bacon"].records()
    assert len(pairs) == 3 + 2 * 3
    assert sum(row["weight"] * row["estimate"] for row in pairs) == pytest.approx(value)


def test_effects_that_grow_mislead_the_regression():
    """Effects of 0.1 that grow by 0.3 a period, all above nought: comparisons with units that have
    provision already pull the coefficient far below their mean.
    """
    world = PanelWorld(u=300, first=0.1, growth=0.3, begins=(1, 3, 5), children=400)
    found = run(task(world.draw(3), ask("simple"), drawn=False))
    assert "begins in 3 different periods" in found.refusals[0].rules[0].words
    shown = next(table for table in found.tables if table.name == "two_way").records()
    assert shown[-1]["estimate"] < 0.5 * world.truth(ask("simple"))
    assert min(row["estimate"] for row in shown[:-1]) < 0


def test_without_units_that_never_have_provision_there_is_no_second_group():
    found = run(task(PanelWorld(begins=(3,)).draw(4), ask("simple"), drawn=False))
    assert "no unit stays without provision" in found.refusals[0].rules[0].words
