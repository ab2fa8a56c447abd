"""Analysis of covariance against ordinary least squares with HC2 errors."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.inference import standard_errors
from fingerpost.core.panel import Panel, PanelOutcome
from fingerpost.estimators.ancova import run
from suites.panel_worlds import NEVER, PanelWorld, ask, means, rows, task

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
    assert found.df[0] == pytest.approx(by_hand(x, y[:, 3:].mean(axis=1), np.arange(80))[1])


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


def by_hand(x, y, cluster):
    """Return CR2's standard error and Satterthwaite's degrees of freedom of the second coefficient,
    from whole matrices (Bell & McCaffrey 2002, Survey Methodology 28:169).
    """
    bread = np.linalg.inv(x.T @ x)
    left = np.eye(len(y)) - x @ bread @ x.T
    columns = []
    for one in np.unique(cluster):
        rows = np.flatnonzero(cluster == one)
        values, vectors = np.linalg.eigh(left[np.ix_(rows, rows)])
        root = (vectors / np.sqrt(values)) @ vectors.T
        columns.append(left[:, rows] @ root @ x[rows] @ bread[:, 1])
    form = np.stack(columns)  # each: what a cluster's sum is of the outcomes
    inner = form @ form.T
    return float(np.sqrt(((form @ y) ** 2).sum())), np.trace(inner) ** 2 / (inner**2).sum()


def test_errors_of_schools_in_areas_that_were_drawn_are_by_area():
    """HC2 by school, summed by area, was 15% too small in twelve areas of ten schools."""
    r = np.random.default_rng(5)
    sizes = np.array([2, 5, 9, 3, 8, 10, 4, 6, 7, 3, 9, 6])
    area = np.repeat(np.arange(12), sizes)
    first = r.permutation(np.arange(12) % 2 == 0)[area]
    y = r.standard_normal((12, 6))[area] + 0.5 * r.standard_normal((len(area), 6))
    adopted = np.where(first, 3, NEVER)
    panel = Panel(
        tuple(f"s{at}" for at in range(len(area))),
        tuple("012345"),
        ("none", "offer"),
        (first[:, None] & (np.arange(6) >= 3)).astype(int),
        {"y": PanelOutcome(np.ones_like(y), y, y**2)},
        adopted=adopted,
        clusters={"area": area},
    )
    found = run(task(panel, ask("simple"), cluster="area", draws=0)).estimate
    x = np.column_stack([np.ones(len(y)), first, y[:, 2], y[:, :3].mean(axis=1)])
    error, freedom = by_hand(x, y[:, 3:].mean(axis=1), area)
    assert standard_errors(found)[0] == pytest.approx(error)
    assert found.df[0] == pytest.approx(freedom)


def test_one_unit_on_a_side_is_refused():
    panel = PanelWorld(u=24, begins=(3, NEVER)).draw(4)
    chosen = np.r_[np.flatnonzero(panel.adopted == 3)[:1], np.flatnonzero(panel.adopted < 0)]
    found = run(task(rows(panel, chosen), ask("simple"), draws=0))
    assert found.estimate is None and found.refusals[0].rules[0].rule == "one of a wave"


def test_a_baseline_that_adds_nothing_is_left_out():
    panel = PanelWorld(u=24, begins=(3, NEVER)).draw(4)
    alike = panel.outcomes["y"]
    alike.total[:, :3], alike.squares[:, :3] = 40.0, 40.0
    found = run(task(panel, ask("simple"), draws=0)).estimate
    y = means(panel)[:, 3:].mean(axis=1)
    assert found.value[0] == pytest.approx(
        y[panel.adopted == 3].mean() - y[panel.adopted < 0].mean()
    )
