"""The randomisation test: by brute force, exact where units are few, and its interval."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from fingerpost.core.allocation import Permutations
from fingerpost.core.errors import Unanswerable
from fingerpost.estimators.randomisation_test import run
from suites.panel_worlds import (
    NEVER,
    PanelWorld,
    ask,
    means,
    schools,
    shuffles,
    task,
    with_draws,
    with_means,
)


def statistics(panel, codes):
    """Return |t| of every draw where one wave begins in the last of two periods, by hand."""
    y = means(panel)
    lags = np.array([[1.0, 0.8], [0.8, 1.0]])
    found = []
    for code in codes:
        mine = code == 1
        # Under this correlation 0.8 of the difference before is taken off.
        away = y[:, 1] - lags[0, 1] * y[:, 0]
        gap = away[mine].mean() - away[~mine].mean()
        error = away[mine].var(ddof=1) / mine.sum() + away[~mine].var(ddof=1) / (~mine).sum()
        found.append(abs(gap) / np.sqrt(error))
    return np.array(found)


def test_two_periods_and_one_wave_are_an_adjusted_difference_replayed():
    panel = PanelWorld(u=8, t=2, begins=(1, NEVER), first=0.2).draw(1)
    names = ("never", "w1")
    codes = np.array(sorted(set(permutations((panel.adopted == 1).astype(int)))))
    assert len(codes) == 70
    asked = with_draws(task(panel, ask("simple")), Permutations(panel.units, names, codes))
    found = run(asked).regions[0]
    t = statistics(panel, codes)
    own = statistics(panel, [(panel.adopted == 1).astype(int)])[0]
    assert found.p == pytest.approx((np.sum(t >= own - 1e-12) + 1) / 71)


def test_the_interval_holds_what_is_not_rejected():
    panel = PanelWorld().draw(2)
    asked = task(panel, ask("simple"), draws=499)
    (region,) = run(asked).regions
    ((lo, hi),) = region.pieces
    given = panel.arm == 1

    def p(effect: float) -> float:
        taken = with_means(asked.panel, means(panel) - effect * given)
        return run(replace(asked, panel=taken)).regions[0].p

    assert p(lo + 1e-4) > 0.05 >= p(lo - 1e-4)
    assert p(hi - 1e-4) > 0.05 >= p(hi + 1e-4)
    assert lo < region.value < hi


def test_the_interval_is_near_that_of_least_squares():
    from fingerpost.core.inference import intervals
    from fingerpost.estimators import gls_exposure_time

    panel = PanelWorld(u=200).draw(3)
    ((lo, hi),) = run(task(panel, ask("simple"), draws=999)).regions[0].pieces
    other = gls_exposure_time.run(task(panel, ask("simple"), correlation="decay")).estimate
    width = np.diff(intervals(other)[0])[0]
    assert hi - lo == pytest.approx(width, rel=0.15)
    assert (lo + hi) / 2 == pytest.approx(other.value[0], abs=0.15 * width)


def test_too_few_draws_for_the_level_give_an_endless_interval():
    (region,) = run(task(PanelWorld().draw(4), ask("simple"), draws=15)).regions
    assert region.pieces == ((-np.inf, np.inf),)
    assert region.p >= 1 / 16


def test_it_has_no_answer_without_the_draws():
    with pytest.raises(Unanswerable, match="no draws were kept"):
        run(task(PanelWorld().draw(5), ask("simple"), draws=0))


def test_draws_of_other_units_or_waves_are_named():
    panel = PanelWorld().draw(6)
    asked = task(panel, ask("simple"))
    other = replace(asked.drawn.permutations, units=tuple(f"x{at}" for at in range(80)))
    with pytest.raises(Unanswerable, match="holds no unit area 000"):
        run(with_draws(asked, other))
    with pytest.raises(Unanswerable, match="does not say which units"):
        run(replace(asked, panel=panel))


def test_units_that_left_are_taken_out_of_the_draws():
    panel = PanelWorld().draw(7)
    asked = task(panel, ask("simple"))
    left = replace(asked, panel=asked.panel.take(np.arange(5, 80)))
    draws = asked.drawn.permutations
    own = Permutations(panel.units[5:], draws.arms, draws.codes[:, 5:])
    assert run(left).regions == run(with_draws(left, own)).regions


def test_areas_of_uneven_size_are_moved_whole():
    """With no effect, p-values are as they say, though schools of an area hang together."""
    r = np.random.default_rng(8)
    p = []
    for seed in range(120):
        base = PanelWorld(u=24, first=0.0, growth=0.0).draw(seed)
        panel = schools(base, r.integers(1, 6, 24))
        panel = with_means(panel, means(panel) + 0.1 * r.standard_normal(means(panel).shape))
        asked = task(panel, ask("simple"), cluster="area", draws=0)
        p.append(run(with_draws(asked, shuffles(panel, 99, seed))).regions[0].p)
    assert np.mean(np.array(p) <= 0.05) <= 0.11
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("first", [0, 2])
def test_it_is_exact_where_a_wave_begins_first_or_its_period_is_left_out(first):
    """One wave begins in the first period (its units tell nothing, but another draw might have had
    them later), or in the last, which is not recorded: with no effect p is as it says.
    """
    r = np.random.default_rng(9)
    p = []
    for seed in range(200):
        world = PanelWorld(u=24, t=5, begins=(first, 3, 4, NEVER), first=0.0, growth=0.0)
        asked = task(world.draw(seed), ask("simple"), draws=0)
        asked = with_draws(asked, shuffles(asked.panel, 99, int(r.integers(1 << 30))))
        if first:
            asked = replace(asked, panel=asked.panel.over(np.arange(4)))
        p.append(run(asked).regions[0].p)
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.10
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.12)
