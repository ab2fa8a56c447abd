"""Two-stage least squares and its sets against linearmodels, grids and printed critical values."""

from __future__ import annotations

import numpy as np
import pytest
from linearmodels.iv import IV2SLS, IVGMM

from fingerpost.core.errors import NotFitted
from fingerpost.kernels.two_stage import (
    first_stage,
    hansen,
    not_rejected,
    p_at,
    score_sums,
    slope_by,
    weak_critical,
)

N = 400


def children(q: int, strength: float, seed: int, groups: int = 40, *, unlike: float = 0.0):
    """Return y, a, z cleared of the constant, codes, weights; `unlike` breaks the instruments."""
    r = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(groups), r.integers(0, groups, N - groups)])
    z, hidden = r.standard_normal((N, q)), r.standard_normal(N)
    a = strength * z.sum(axis=1) + hidden + r.standard_normal(N)
    y = 0.5 * a + hidden + r.standard_normal(N) + unlike * z @ np.arange(q)
    cleared = [v - v.mean(axis=0) for v in (y, a, z)]
    return (*cleared, codes, np.ones(N))


def test_slope_and_first_stage_are_linearmodels():
    y, a, z, codes, w = children(3, 0.4, 1)
    first = first_stage(a, z, weights=w, codes=codes, count=40)
    found = slope_by(y, a, instrument=first.projected, weights=w)
    sums = np.bincount(codes, weights=found.influence)
    oracle = IV2SLS(y, None, a, z).fit(cov_type="clustered", clusters=codes)
    assert found.value == pytest.approx(oracle.params.iloc[0])
    assert np.sqrt(sums @ sums) == pytest.approx(oracle.std_errors.iloc[0])
    told = oracle.first_stage.individual["endog"]
    assert first.coefficient == pytest.approx(told.params.to_numpy())
    assert first.partial_r2 == pytest.approx(
        oracle.first_stage.diagnostics["partial.rsquared"].iloc[0]
    )


def test_effective_f_with_one_instrument_is_the_robust_f():
    _, a, z, codes, w = children(1, 0.3, 2)
    first = first_stage(a, z, weights=w, codes=codes, count=40)
    assert first.effective_f == pytest.approx(first.f)
    assert first.f == pytest.approx(first.coefficient[0] ** 2 / first.covariance[0, 0])


def test_effective_f_does_not_depend_on_how_instruments_are_written():
    _, a, z, codes, w = children(3, 0.3, 3)
    turned = z @ np.array([[1.0, 2, 0], [0, 5, 1], [3, 0, 100]])
    one, two = (first_stage(a, each, weights=w, codes=codes, count=40) for each in (z, turned))
    assert one.effective_f == pytest.approx(two.effective_f)
    assert one.critical == pytest.approx(two.critical)


@pytest.mark.parametrize(("bias", "printed"), [(0.05, 37.42), (0.10, 23.11), (0.20, 15.06)])
def test_critical_values_of_one_instrument_are_those_printed(bias, printed):
    """Pflueger & Wang (2015), Stata Journal 15:216-225: τ of 5, 10 and 20% with one instrument."""
    assert weak_critical(np.eye(1), bias=bias) == pytest.approx(printed, abs=0.01)


@pytest.mark.parametrize("unlike", [0.0, 0.5])
def test_hansen_is_linearmodels(unlike):
    y, a, z, codes, w = children(3, 0.5, 4, unlike=unlike)
    first = first_stage(a, z, weights=w, codes=codes, count=40)
    at = slope_by(y, a, instrument=first.projected, weights=w).value
    j, p = hansen(y, a, z=z, at=at, weights=w, codes=np.arange(N), count=N)
    oracle = IVGMM(y, None, a, z, weight_type="robust").fit(iter_limit=2)
    assert j == pytest.approx(oracle.j_stat.stat, rel=1e-6)
    assert p == pytest.approx(oracle.j_stat.pval, rel=1e-5, abs=1e-12)


def inside(pieces, value: float) -> bool:
    return any(lo <= value <= hi for lo, hi in pieces)


@pytest.mark.parametrize("unlike", [0.0, 0.4])
@pytest.mark.parametrize("strength", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("q", [1, 3])
def test_the_set_is_what_a_grid_of_tests_does_not_reject(q, strength, unlike):
    """Anderson–Rubin sets are compared with the test itself at 300 values, and at their ends."""
    for seed in range(3):
        y, a, z, codes, w = children(q, strength, seed, 30, unlike=unlike)
        sums = score_sums(np.column_stack([y, -a]), z, weights=w, codes=codes, count=30)
        pieces = not_rejected(sums, level=0.95, centre=0.3)
        side = np.logspace(-2, 4, 150)
        grid = np.concatenate([-side[::-1], side])
        kept = np.array([p_at(sums, value) > 0.05 for value in grid])
        assert np.array_equal(kept, [inside(pieces, value) for value in grid])
        ends = [end for piece in pieces for end in piece if np.isfinite(end)]
        assert [p_at(sums, end) for end in ends] == pytest.approx([0.05] * len(ends), abs=1e-7)


def test_sets_may_be_bounded_unbounded_in_pieces_or_empty():
    shapes = set()
    for strength in (0.0, 0.05, 0.1, 0.5):
        for unlike in (0.0, 1.0):
            for seed in range(8):
                y, a, z, codes, w = children(2, strength, seed, 30, unlike=unlike)
                sums = score_sums(np.column_stack([y, -a]), z, weights=w, codes=codes, count=30)
                pieces = not_rejected(sums, level=0.95)
                ends = np.isinf([end for piece in pieces for end in piece]).sum()
                shapes.add((len(pieces), int(ends)))
    assert {(1, 0), (1, 2), (2, 2), (0, 0)} <= shapes


def test_with_one_instrument_and_children_alone_it_is_a_t_test_of_their_scores():
    from scipy.stats import ttest_1samp

    y, a, z, _, w = children(1, 0.3, 5)
    sums = score_sums(np.column_stack([y, -a]), z, weights=w, codes=np.arange(N), count=N)
    assert p_at(sums, 0.2) == pytest.approx(ttest_1samp(z[:, 0] * (y - 0.2 * a), 0).pvalue)


def test_a_polynomial_of_higher_degree_is_inverted_too():
    """Doses 0, 1, 2 on the ratio scale make moments of the second degree."""
    r = np.random.default_rng(6)
    z, parts = r.standard_normal((N, 1)), r.normal([1.0, -2.0, 0.5], 1.0, (N, 3))
    sums = score_sums(parts, z, weights=np.ones(N), codes=np.arange(N) % 40, count=40)
    pieces = not_rejected(sums, level=0.8)
    grid = np.linspace(-20, 20, 401)
    kept = np.array([p_at(sums, value) > 0.2 for value in grid])
    assert kept.any()
    assert np.array_equal(kept, [inside(pieces, value) for value in grid])


def test_an_instrument_that_moves_nobody_and_ones_that_repeat_are_faults():
    y, a, z, codes, w = children(1, 0.5, 7)
    with pytest.raises(NotFitted, match="does not move"):
        slope_by(y, a, instrument=np.zeros(N), weights=w)
    with pytest.raises(NotFitted, match="repeat"):
        first_stage(a, np.hstack([z, 2 * z]), weights=w, codes=codes, count=40)
