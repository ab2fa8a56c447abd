"""Trends before provision: false alarms where waves are small, power, and bounds by target."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from fingerpost.core.inference import intervals
from fingerpost.core.panel import PanelOutcome
from fingerpost.estimators import _trends_before as before
from fingerpost.estimators import gls_exposure_time, group_time
from fingerpost.estimators._panel import units_of
from fingerpost.estimators.group_time import run
from suites.panel_worlds import NEVER, PanelWorld, ask, task
from units.estimators.test_wave_errors import fading, panel_of, waves


def row_of(panel) -> dict:
    asked = task(panel, ask("simple"), drawn=False, draws=0)
    table = before.trends_before(asked, units_of(asked, "did"), leaf="did")
    return table.records()[0]


@pytest.mark.parametrize(
    "begins", [waves((6, 5), (7, 8), (NEVER, 47)), np.r_[3:8, np.full(45, NEVER)]]
)
def test_it_cries_no_wolf_where_waves_are_small(begins, monkeypatch):
    monkeypatch.setattr(before, "SHUFFLES", 99)
    r = np.random.default_rng(1)
    found = [
        row_of(panel_of(fading(len(begins), 10, seed), r.permutation(begins)))
        for seed in range(100)
    ]
    assert np.mean([row["p_shuffled"] <= 0.05 for row in found]) <= 0.12
    # Wald's statistic, which cried it in nine of ten, is not told there.
    assert all(row["p"] is None and row["wald"] is None for row in found)


def test_trends_that_part_are_seen_even_so():
    begins = waves((6, 5), (7, 8), (NEVER, 47))
    drift = 0.5 * (begins != NEVER)[:, None] * np.arange(10)
    assert row_of(panel_of(fading(60, 10, 2) + drift, begins))["p_shuffled"] <= 0.01


def test_the_shuffled_p_is_that_of_every_shuffle_where_they_can_be_listed(monkeypatch):
    """Six units, three of one wave: 20 ways; the statistic is |difference of changes before|."""
    begins = waves((2, 3), (NEVER, 3))
    y = fading(6, 3, 3)
    monkeypatch.setattr(before, "SHUFFLES", 4000)
    found = row_of(panel_of(y, begins))["p_shuffled"]
    change = y[:, 0] - y[:, 1]
    ways = {tuple(one) for one in permutations((begins == 2).tolist())}
    gaps = [abs(change[np.array(w)].mean() - change[~np.array(w)].mean()) for w in ways]
    own = abs(change[:3].mean() - change[3:].mean())
    assert found == pytest.approx(np.mean(np.array(gaps) >= own - 1e-12), abs=0.03)


def test_bounds_are_of_the_target_that_is_asked():
    """An effect at exposure 1 carries two steps of drift, that at exposure 0 one."""
    panel = PanelWorld(u=120, begins=(3, NEVER)).draw(4)
    asked = task(panel, ask("at_exposure", 0.0), ask("at_exposure", 1.0), drawn=False)
    (table,) = (one for one in run(asked).tables if one.name == "trend_bounds")
    width = {
        row["target"]: row["upper"] - row["lower"] for row in table.records() if row["times"] == 1.0
    }
    first, second = width.values()
    assert second == pytest.approx(2 * first)


@pytest.mark.parametrize("unseen", [2, 4])
def test_a_step_over_a_period_that_nobody_saw_is_shared_out(unseen):
    """Waves part by 0.5 a period and provision does nothing: drift of once the most before takes
    all of the effect away, whether the period without records lies among those before or is the
    last of them.
    """
    begins = waves((5, 20), (NEVER, 20))
    mean = 0.5 * (begins != NEVER)[:, None] * np.arange(8) + 1e-9 * fading(40, 8, 5)
    mean[:, unseen] = np.nan
    panel = panel_of(mean, begins)
    count = np.where(np.isfinite(mean), 1.0, 0.0)
    outcome = PanelOutcome(count, np.nan_to_num(mean), np.nan_to_num(mean) ** 2)
    asked = task(
        replace(panel, outcomes={"y": outcome}), ask("at_exposure", 1.0), ask("simple"), drawn=False
    )
    (table,) = (one for one in run(asked).tables if one.name == "trend_bounds")
    once = [row["lower"] for row in table.records() if row["times"] == 1.0]
    assert once == pytest.approx([0.0, 0.0], abs=1e-6)


@pytest.mark.parametrize("level", [5.0, 0.1, 1e6 / 3])
def test_rounding_is_no_evidence(level):
    """Of an outcome that never differs, least squares found 2e-14 "before provision, p < .0001"."""
    panel = PanelWorld(u=40).draw(1)
    own = panel.outcomes["y"]
    alike = PanelOutcome(own.count, level * own.count, level**2 * own.count)
    told = task(replace(panel, outcomes={"y": alike}), ask("simple"), draws=0)
    for leaf in (gls_exposure_time, group_time):
        found = leaf.run(told)
        lo, hi = intervals(found.estimate, 0.95)[0]
        assert found.estimate.value[0] == 0.0 and lo == hi == 0.0
        assert not any("had moved" in words for _, words in found.warnings)
        told_of = [one for one in found.tables if one.name in ("leads", "pre_trends")]
        tests = [row for one in told_of for row in one.records()]
        assert tests and all(row.get("p", row.get("p_shuffled")) in (None, 1.0) for row in tests)
