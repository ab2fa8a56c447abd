"""What lies between clusters: against analysis of variance, statsmodels and planted shares."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fingerpost.core.errors import TooFew
from fingerpost.kernels.level_shares import cells_of, level_shares


def test_clusters_of_equal_sizes_are_the_analysis_of_variance():
    random = np.random.default_rng(1)
    groups, size = 12, 6
    school = np.repeat(np.arange(groups), size)
    y = random.normal(size=groups)[school] + random.normal(size=groups * size)
    means = y.reshape(groups, size).mean(axis=1)
    between = size * means.var(ddof=1)
    within = y.reshape(groups, size).var(axis=1, ddof=1).mean()
    share = (between - within) / size
    found = level_shares(cells_of(y, school))
    assert found.icc.value == pytest.approx(share / (share + within), abs=1e-6)
    assert found.icc.lo < found.icc.value < found.icc.hi
    assert found.variance == pytest.approx(share + within, rel=1e-5)
    assert (found.clusters, found.children, found.size_cv) == (12, 72, 0.0)


def test_clusters_of_unequal_sizes_as_statsmodels():
    statsmodels = pytest.importorskip("statsmodels.api")
    random = np.random.default_rng(2)
    sizes = random.integers(2, 15, size=30)
    school = np.repeat(np.arange(30), sizes)
    y = 0.6 * random.normal(size=30)[school] + random.normal(size=len(school))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = statsmodels.MixedLM(y, np.ones((len(y), 1)), groups=school).fit(reml=True)
    between = float(np.asarray(fit.cov_re).ravel()[0])
    found = level_shares(cells_of(y, school))
    assert found.icc.value == pytest.approx(between / (between + fit.scale), abs=2e-4)
    assert found.size_cv == pytest.approx(sizes.std(ddof=1) / sizes.mean())


def test_what_stays_from_period_to_period_of_a_planted_world():
    random = np.random.default_rng(4)
    groups, periods, size = 150, 5, 12
    g = np.repeat(np.arange(groups), periods * size)
    p = np.tile(np.repeat(np.arange(periods), size), groups)
    lasting = np.sqrt(0.2 * 0.7) * random.normal(size=groups)
    passing = np.sqrt(0.2 * 0.3) * random.normal(size=(groups, periods))
    y = 3.0 * p + lasting[g] + passing[g, p] + np.sqrt(0.8) * random.normal(size=len(g))
    found = level_shares(cells_of(y, g, period=p))
    assert found.cac is not None
    assert found.icc.value == pytest.approx(0.2, abs=0.04)
    assert found.cac.value == pytest.approx(0.7, abs=0.1)
    assert found.cac.lo < 0.7 < found.cac.hi
    assert found.variance == pytest.approx(1.0, abs=0.08)


def test_no_likeness_is_nought_and_its_interval_begins_there():
    random = np.random.default_rng(9)
    found = level_shares(cells_of(random.normal(size=200), np.repeat(np.arange(20), 10)))
    assert found.icc.lo == 0.0 and found.icc.hi < 0.2


def test_too_little_to_tell():
    with pytest.raises(TooFew, match="three clusters"):
        level_shares(cells_of(np.arange(4.0), np.array([0, 0, 1, 1])))
    with pytest.raises(TooFew, match="one child"):
        level_shares(cells_of(np.arange(4.0), np.arange(4)))
