"""Nearest neighbours on one score, held against searches that compare each with everyone."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.errors import UsageError
from fingerpost.kernels import matching
from fingerpost.kernels.matching import (
    Rule,
    in_turn,
    local_lines,
    nearest_free,
    nearest_windows,
    ranked,
    share_free,
    uncontested,
    window_use,
)

SMALL = 1e-12


def greedy(seekers, pool, *, reach=np.inf, below=False):
    """Each in turn looks at everyone: the rule as MatchIt's pages state it."""
    free, found = np.ones(len(pool), dtype=bool), []
    for here in seekers:
        away = np.where(free, np.abs(pool - here), np.inf)
        under = np.flatnonzero(free & (pool < here))
        if below and len(under):
            one = under[-1]
        elif not np.isfinite(away.min(initial=np.inf)):
            found.append(-1)
            continue
        else:
            near = np.flatnonzero(away <= away.min() + SMALL)
            lower = [j for j in near if pool[j] < here]
            one = lower[-1] if lower else near[0]
        if away[one] > reach:
            found.append(-1)
            continue
        free[one] = False
        found.append(one)
    return np.array(found)


def draw(r, *, grid: bool):
    """Return descending seekers and an ascending pool; on a grid there are many ties."""
    m, c = r.integers(1, 30, 2)
    take = (lambda size: r.integers(0, 12, size) / 4) if grid else r.random
    return np.sort(take(m))[::-1], np.sort(take(c))


@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize("reach", [np.inf, 0.2])
@pytest.mark.parametrize("below", [False, True])
def test_one_pass_gives_what_looking_at_everyone_gives(grid, reach, below):
    r = np.random.default_rng(1)
    for _ in range(400):
        seekers, pool = draw(r, grid=grid)
        rule = Rule(reach, SMALL, below)
        found = nearest_free(seekers, pool, rule=rule)
        assert found.tolist() == greedy(seekers, pool, reach=reach, below=below).tolist()
        who, whom, amount = share_free(
            seekers, np.ones(len(seekers)), pool=pool, capacity=np.ones(len(pool)), rule=rule
        )
        again = np.full(len(seekers), -1)
        again[who] = whom
        assert again.tolist() == found.tolist()
        assert (amount == 1).all()


@pytest.mark.parametrize("tolerance", [0.0, SMALL, 0.05])
@pytest.mark.parametrize("grid", [False, True])
def test_settling_many_at_once_gives_what_one_turn_after_another_gives(
    monkeypatch, grid, tolerance
):
    monkeypatch.setattr(matching, "FEW", 0)
    r, settled, sought = np.random.default_rng(11), 0, 0
    for _ in range(200):
        seekers, pool = draw(r, grid=grid)
        for reach, below in ((np.inf, False), (np.inf, True), (0.2, False), (0.02, True)):
            rule = Rule(reach, tolerance, below)
            found = nearest_free(seekers, pool, rule=rule)
            assert found.tolist() == in_turn(seekers, pool, rule=rule).tolist()
        settled += int(uncontested(seekers, pool, rule=Rule(np.inf, tolerance))[0].sum())
        sought += len(seekers)
    assert 0.1 < settled / sought < 0.9, "both ways must be tried"


def test_at_scale_most_are_settled_at_once_and_nothing_differs():
    r = np.random.default_rng(12)
    seekers, pool = np.sort(r.beta(2, 5, 5_000))[::-1], np.sort(r.beta(2, 8, 20_000))
    assert uncontested(seekers, pool, rule=Rule(tolerance=SMALL))[0].mean() > 0.4
    for rule in (Rule(tolerance=SMALL), Rule(1e-4, SMALL), Rule(below=True)):
        found = nearest_free(seekers, pool, rule=rule)
        assert np.array_equal(found, in_turn(seekers, pool, rule=rule))


@pytest.mark.parametrize("grid", [False, True])
def test_a_weight_of_two_takes_and_gives_what_two_would(grid):
    r = np.random.default_rng(2)
    for _ in range(400):
        seekers, pool = draw(r, grid=grid)
        need, capacity = r.integers(1, 4, len(seekers)), r.integers(1, 4, len(pool))
        who, whom, amount = share_free(
            seekers,
            need.astype(float),
            pool=pool,
            capacity=capacity.astype(float),
            rule=Rule(tolerance=SMALL),
        )
        copies = nearest_free(
            np.repeat(seekers, need), np.repeat(pool, capacity), rule=Rule(tolerance=SMALL)
        )
        scores = np.append(np.repeat(pool, capacity), 0.0)
        own = np.repeat(np.arange(len(seekers)), need)
        for seeker in range(len(seekers)):
            mine = copies[own == seeker]
            assert amount[who == seeker].sum() == pytest.approx((mine >= 0).sum())
            assert amount[who == seeker] @ pool[whom[who == seeker]] == pytest.approx(
                scores[mine[mine >= 0]].sum()
            )


@pytest.mark.parametrize("grid", [False, True])
def test_windows_hold_the_nearest_and_all_as_near_as_the_last(grid):
    r = np.random.default_rng(3)
    for _ in range(400):
        seekers, pool = draw(r, grid=grid)
        count, reach = int(r.integers(1, 6)), float(r.choice([np.inf, 0.3]))
        lo, hi = nearest_windows(seekers, pool, count=count, rule=Rule(reach, SMALL))
        weight, theirs = r.random(len(seekers)), r.random(len(pool)) + 0.5
        use = np.zeros(len(pool))
        for here, start, stop, own in zip(seekers, lo, hi, weight, strict=True):
            away = np.abs(pool - here)
            last = np.sort(away)[min(count, len(pool)) - 1]
            inside = np.flatnonzero((away <= last + SMALL) & (away <= reach))
            assert np.arange(start, stop).tolist() == inside.tolist()
            if len(inside):
                use[inside] += own * theirs[inside] / theirs[inside].sum()
        found = window_use(lo, hi, weight=weight, pool_weight=theirs)
        assert found == pytest.approx(use, abs=1e-12)
        assert ((found == 0) == (use == 0)).all()


def test_nobody_to_choose_from():
    none = np.zeros(0)
    seekers = np.array([0.4, 0.2])
    assert nearest_free(seekers, none, rule=Rule()).tolist() == [-1, -1]
    assert nearest_free(none, seekers[::-1], rule=Rule()).tolist() == []
    lo, hi = nearest_windows(seekers, none, count=1, rule=Rule())
    assert (lo == hi).all()
    with pytest.raises(UsageError, match="at least one"):
        nearest_windows(seekers, seekers[::-1], count=0, rule=Rule())


def test_differences_of_rounding_are_none():
    r = np.random.default_rng(4)
    plain = r.integers(0, 8, 200) / 7
    noisy = plain + r.normal(0, 1e-16, 200)
    same, order = ranked(noisy)
    assert len(np.unique(same)) == len(np.unique(plain))
    assert order.tolist() == np.argsort(plain, kind="stable").tolist()


def test_lines_are_least_squares_within_their_window():
    r = np.random.default_rng(5)
    x, w = np.sort(r.random(80)), r.random(80) + 0.5
    y = np.sin(4 * x) + r.normal(0, 0.1, 80)
    at = np.array([-0.2, 0.1, x[40], 1.3])
    fitted, pull = local_lines(at, x, y=y, weight=w, share=1.0)
    line = np.polyfit(x, y, 1, w=np.sqrt(w))
    assert fitted == pytest.approx(np.polyval(line, at), rel=1e-9)
    moved = y.copy()
    moved[40] += 1.0
    again, _ = local_lines(at, x, y=moved, weight=w, share=1.0)
    assert (again - fitted)[2] == pytest.approx(pull[2] * w[40], rel=1e-9)


def test_a_straight_line_comes_back_whatever_the_window():
    x = np.sort(np.random.default_rng(6).random(500))
    for share in (0.02, 0.1, 0.6):
        fitted, _ = local_lines(
            np.linspace(-0.1, 1.1, 30), x, y=3 - 2 * x, weight=np.ones(500), share=share
        )
        assert fitted == pytest.approx(3 - 2 * np.linspace(-0.1, 1.1, 30), abs=1e-7)


def test_a_score_of_two_values_gives_two_means():
    x = np.repeat([0.2, 0.7], [30, 50])
    y = np.arange(80.0)
    fitted, pull = local_lines(np.array([0.2, 0.7]), x, y=y, weight=np.ones(80), share=0.1)
    assert fitted == pytest.approx([y[:30].mean(), y[30:].mean()])
    assert pull == pytest.approx([1 / 30, 1 / 50])
