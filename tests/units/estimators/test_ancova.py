"""Analysis of covariance against ordinary least squares with HC2 errors."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.inference import standard_errors
from fingerpost.estimators.ancova import run
from suites.panel_worlds import NEVER, PanelWorld, ask, means, task

ONE = PanelWorld(begins=(3, NEVER))


@pytest.mark.parametrize("baseline", ["both", "last", "mean"])
def test_value_and_error_are_those_of_least_squares_with_hc2(baseline):
    panel = ONE.draw(1)
    y = means(panel)
    last, mean = y[:, 2], y[:, :3].mean(axis=1)
    held = {"both": [last, mean], "last": [last], "mean": [mean]}[baseline]
    x = np.column_stack([np.ones(80), panel.adopted == 3, *held])
    fit = sm.OLS(y[:, 3:].mean(axis=1), x).fit(cov_type="HC2")
    found = run(task(panel, ask("simple"), baseline=baseline)).estimate
    assert found.value[0] == pytest.approx(fit.params[1])
    assert standard_errors(found)[0] == pytest.approx(fit.bse[1])


def test_several_waves_are_refused():
    found = run(task(PanelWorld().draw(2), ask("simple")))
    assert found.estimate is None
    assert "of one beginning" in found.refusals[0].rules[0].words


def test_it_is_sharper_than_the_change_where_levels_fade():
    from fingerpost.estimators import did

    panel = PanelWorld(u=200, begins=(3, NEVER), cac=0.5).draw(3)
    own = standard_errors(run(task(panel, ask("simple"))).estimate)[0]
    change = standard_errors(did.run(task(panel, ask("simple"))).estimate)[0]
    assert own < 0.95 * change
