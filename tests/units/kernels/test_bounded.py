"""Intervals for what lies between bounds: Imbens & Manski's equation, its two ends, its laws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fingerpost.kernels.bounded import interval, reach


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("width", [0.0, 0.1, 0.7, 2.0, 9.0])
def test_the_equation_of_imbens_and_manski_holds(level, width):
    c = reach(width, 0.5, level=level)
    assert stats.norm.cdf(c + width / 0.5) - stats.norm.cdf(-c) == pytest.approx(level, abs=1e-10)
    assert stats.norm.ppf(level) - 1e-9 <= c <= stats.norm.ppf(0.5 + level / 2) + 1e-9


def test_bounds_that_meet_have_the_two_sided_interval_and_wide_ones_the_one_sided():
    assert interval(2.0, 2.0, errors=(0.3, 0.3), level=0.95) == pytest.approx(
        (2 - 1.959963985 * 0.3, 2 + 1.959963985 * 0.3)
    )
    lo, hi = interval(0.0, 100.0, errors=(1.0, 2.0), level=0.95)
    assert (lo, hi) == pytest.approx((-1.644853627, 100 + 2 * 1.644853627))


def test_students_t_reaches_further():
    assert reach(0.0, 1.0, level=0.95, df=11) == pytest.approx(stats.t.ppf(0.975, 11))
    assert reach(50.0, 1.0, level=0.95, df=11) == pytest.approx(stats.t.ppf(0.95, 11))


def test_without_error_the_bounds_are_the_interval():
    assert interval(1.0, 2.0, errors=(0.0, 0.0), level=0.95) == (1.0, 2.0)


@pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("width", [0.0, 0.05, 0.3, 2.0])
def test_whatever_lies_between_the_bounds_is_covered(at, width):
    """Two estimated bounds with errors of one size, in order since one error moves both."""
    draw = np.random.default_rng(5)
    error = 0.1 * draw.standard_normal(4000)
    truth = at * width
    c = reach(width, 0.1, level=0.95)
    covered = (error - c * 0.1 <= truth) & (truth <= width + error + c * 0.1)
    assert covered.mean() > 0.94
