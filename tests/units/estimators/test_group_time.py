"""Effects by wave and period: by hand, by regression, and the options."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.errors import TooFew, UsageError
from fingerpost.core.inference import standard_errors
from fingerpost.estimators import group_time
from fingerpost.estimators.group_time import run
from suites.panel_worlds import NEVER, PanelWorld, ask, means, rows, task, with_means


def value(panel, kind="simple", exposure=None, **more):
    return float(run(task(panel, ask(kind, exposure), drawn=False, **more)).estimate.value[0])


def test_one_wave_in_one_period_is_a_difference_of_mean_changes():
    panel = PanelWorld(begins=(5, NEVER)).draw(1)
    y, mine = means(panel), panel.adopted == 5
    change = y[:, 5] - y[:, 4]
    assert value(panel) == pytest.approx(change[mine].mean() - change[~mine].mean())
    fit = sm.OLS(change, sm.add_constant(mine.astype(float))).fit(cov_type="HC0")
    found = run(task(panel, ask("simple"), drawn=False)).estimate
    assert standard_errors(found)[0] == pytest.approx(fit.bse[1])


def test_not_yet_treated_units_are_compared_until_they_begin():
    panel = PanelWorld(begins=(2, 4)).draw(2)
    y, early = means(panel), panel.adopted == 2
    by_hand = [
        (y[early, t] - y[early, 1]).mean() - (y[~early, t] - y[~early, 1]).mean() for t in (2, 3)
    ]
    assert value(panel, comparison="not_yet") == pytest.approx(np.mean(by_hand))
    assert value(panel) == value(panel, comparison="not_yet")
    with pytest.raises(TooFew, match="comparison: not_yet"):
        value(panel, comparison="never")


def test_anticipation_moves_the_base_back_and_leaves_soon_treated_units_out():
    panel = PanelWorld(begins=(3, NEVER)).draw(3)
    y, mine = means(panel), panel.adopted == 3
    change = y[:, 3] - y[:, 1]
    by_hand = change[mine].mean() - change[~mine].mean()
    assert value(panel, "at_exposure", 0.0, anticipation=1) == pytest.approx(by_hand)
    # A jump in the last period before, which is anticipation, spoils only the answer without.
    jump = y + 2.0 * (mine[:, None] & (np.arange(6) == 2))
    spoilt = with_means(panel, jump)
    assert value(spoilt, anticipation=1) == pytest.approx(value(panel, anticipation=1))
    assert value(spoilt) == pytest.approx(value(panel) - 2.0)


@pytest.mark.parametrize("method", ["doubly_robust", "regression", "weighting"])
def test_covariates_that_drive_trends_are_allowed_for(method):
    """Trends that go with a covariate, which also decides the wave: only with it is it right."""
    r = np.random.default_rng(4)
    panel = PanelWorld(u=400, begins=(3, NEVER), icc=0.01).draw(4)
    x = r.standard_normal(400)
    begins = np.where(r.random(400) < 1 / (1 + np.exp(-x)), 3, NEVER)
    ages = np.arange(6) - begins[:, None]
    effect = np.where((begins[:, None] != NEVER) & (ages >= 0), 0.3, 0.0)
    noise = 0.05 * r.standard_normal((400, 6))
    panel = with_means(panel, 0.2 * np.outer(x, np.arange(6)) + effect + noise)
    panel = replace(panel, adopted=begins, covariates={"x": np.tile(x[:, None], 6)})
    assert value(panel) > 0.5
    assert value(panel, given=("x",), method=method) == pytest.approx(0.3, abs=0.06)
    before = next(
        table
        for table in run(task(panel, ask("simple"), given=("x",), drawn=False)).tables
        if table.name == "pre_trends"
    )
    assert before.column("p")[0] > 0.01


def error_by_leaving_out_and_adding(panel, **more):
    """Return the error from each unit's influence: half of what a copy more and one less change."""
    n = len(panel.units)
    every, moved = np.arange(n), []
    for at in range(n):
        names = (*panel.units, "another")
        added = value(rows(panel, np.append(every, at), names), **more)
        moved.append((added - value(rows(panel, np.delete(every, at)), **more)) / 2)
    return float(np.sqrt(np.sum(np.square(moved))))


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("simple", {}),
        ("group_average", {}),
        ("exposure_average", {"comparison": "not_yet"}),
        ("calendar_average", {}),
        ("simple", {"given": ("x",)}),
    ],
)
def test_the_error_is_that_of_every_units_influence(kind, more, monkeypatch):
    for aside in ("event_study", "by_wave", "pre_trends", "drift_bounds"):
        monkeypatch.setattr(group_time, aside, lambda *args, **more: None)
    one_wave = "given" in more
    size = {"t": 3, "begins": (2, NEVER)} if one_wave else {"t": 5, "begins": (2, 3, NEVER)}
    panel = PanelWorld(u=60, **size).draw(5)
    # Unequal waves, so that their estimated sizes have a part in the error.
    panel = rows(panel, np.flatnonzero((panel.adopted != 3) | (np.arange(60) % 2 == 0)))
    found = run(task(panel, ask(kind), drawn=False, **more)).estimate
    own = error_by_leaving_out_and_adding(panel, kind=kind, **more)
    assert standard_errors(found)[0] == pytest.approx(own, rel=0.07)


def test_trends_that_part_before_provision_are_seen_and_bounded():
    world = PanelWorld(u=200, trend=0.3, fades=False, cac=0.9, begins=(3, NEVER))
    apart = world.draw(6)
    found = run(task(apart, ask("exposure_average"), drawn=False))
    tables = {table.name: table for table in found.tables}
    assert tables["pre_trends"].column("p")[0] < 0.01
    rows_ = tables["trend_bounds"].records()
    assert [row["times"] for row in rows_] == [0.5, 1.0, 2.0]
    assert all(a["lo"] > b["lo"] and a["hi"] < b["hi"] for a, b in pairwise(rows_))
    # The trend goes on as before: at one times the most before, and only then, is the truth there.
    truth = world.truth(ask("exposure_average"))
    assert rows_[0]["hi"] < truth < rows_[1]["hi"]
    assert rows_[1]["upper"] == pytest.approx(truth, abs=0.15)
    drawn = run(task(apart, ask("exposure_average")))
    assert "trend_bounds" not in {table.name for table in drawn.tables}


def test_bands_hold_all_effects_at_once():
    """In 19 of 20 panels or so, and so more often than the intervals do."""
    world, every, each = PanelWorld(), [], []
    for seed in range(100):
        found = run(task(world.draw(seed), ask("simple"), drawn=False))
        rows_ = found.tables[0].records()
        truth = [
            world.truth(ask("at_exposure", float(row["exposure"]))) if row["exposure"] >= 0 else 0.0
            for row in rows_
        ]
        pairs = list(zip(rows_, truth, strict=True))
        every.append(all(row["band_lo"] <= true <= row["band_hi"] for row, true in pairs))
        each.append(all(row["lo"] <= true <= row["hi"] for row, true in pairs))
    assert 0.88 <= np.mean(every) <= 1.0
    assert np.mean(each) < np.mean(every) - 0.04


def test_options_are_read_with_every_fault_at_once():
    with pytest.raises(UsageError) as told:
        value(PanelWorld().draw(1), comparison="all", method="magic", base="first")
    assert len(told.value.problems) == 3
