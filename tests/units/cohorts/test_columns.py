"""Covariates without gaps."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.cohorts.columns import Draft, alike_faults, finished
from fingerpost.core.column import Column


def numeric(values: list[float]) -> Draft:
    array = np.array(values, dtype=np.float64)
    return Draft("x", array, (), np.isnan(array), "indicator")


def coded(codes: list[int], levels: tuple[str, ...]) -> Draft:
    array = np.array(codes, dtype=np.int64)
    return Draft("x", array, levels, array < 0, "indicator")


@pytest.mark.parametrize("seed", range(5))
def test_filling_with_the_mean_leaves_the_mean(seed):
    random = np.random.default_rng(seed)
    values = np.where(random.random(30) < 0.3, np.nan, random.normal(size=30))
    column, flag = finished(numeric(values.tolist()))
    assert column.values.mean() == pytest.approx(np.nanmean(values), rel=1e-12)
    assert flag is not None
    np.testing.assert_array_equal(flag.values, np.isnan(values))


def test_a_complete_covariate_is_as_it_was():
    column, flag = finished(numeric([1.0, 2.0]))
    assert flag is None and column.values.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("codes", "levels", "meant"),
    [
        ([0, 1, 0], ("a", "b"), ["a", "b", "a"]),
        ([0, 2, 0], ("a", "b", "c"), ["a", "c", "a"]),
        ([1, -1, 0], ("a", "b"), ["b", "missing", "a"]),
        ([1, -1, 0], ("missing", "b"), ["b", "missing", "missing"]),
    ],
)
def test_every_level_occurs_and_every_child_keeps_hers(codes, levels, meant):
    column, flag = finished(coded(codes, levels))
    assert flag is None
    assert [column.levels[code] for code in column.values] == meant
    assert set(column.levels) == set(meant)


def test_minus_zero_is_zero():
    columns = {"x": Column(np.array([0.0, 1.0])), "y": Column(np.array([-0.0, 1.0]))}
    (fault,) = alike_faults(columns, "exposure sen", arm=np.array([1, 0]))
    assert 'covariate "y" is identical to covariate "x"' in fault
