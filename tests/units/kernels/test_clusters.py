"""Sums within groups, cells, and products with a design."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.column import Column
from fingerpost.core.errors import UsageError
from fingerpost.core.model import linear
from fingerpost.kernels.cells import group
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.design import Terms
from fingerpost.kernels.products import cross, gram, scores_by, times

RANDOM = np.random.default_rng(23)
N = 70_000
CODES = RANDOM.integers(0, 40, N)
ROWS = RANDOM.normal(size=(N, 3))


def test_sums_are_those_of_a_loop_over_groups():
    wanted = np.array([ROWS[np.equal(CODES, code)].sum(axis=0) for code in range(42)])
    np.testing.assert_allclose(sum_by(CODES, ROWS, n_groups=42), wanted, atol=1e-9)
    np.testing.assert_allclose(sum_by(CODES, ROWS[:, 1], n_groups=42), wanted[:, 1], atol=1e-9)
    np.testing.assert_allclose(
        sum_by(CODES.astype(np.int8), ROWS > 0, n_groups=42).sum(), (ROWS > 0).sum()
    )


def test_codes_outside_the_groups_are_refused():
    for codes in (np.array([0, 3]), np.array([-1, 0])):
        with pytest.raises(UsageError, match="between 0 and 2"):
            sum_by(codes, np.ones(2), n_groups=3)


@pytest.mark.parametrize(
    "keys",
    [
        RANDOM.integers(-50, 50, 300),
        RANDOM.integers(0, 2**60, 300),
        RANDOM.integers(-128, 128, 300).astype(np.int8),
        np.array(["b", "a", "c"])[RANDOM.integers(0, 3, 300)],
        RANDOM.integers(0, 4, 300) / 2,
        np.array([], dtype=np.int64),
    ],
    ids=["compact", "sparse", "narrow", "words", "fractions", "none"],
)
def test_recoding_is_that_of_sorted_distinct_keys(keys):
    codes, uniques = recode(keys)
    wanted, places = np.unique(keys, return_inverse=True)
    np.testing.assert_array_equal(uniques, wanted)
    np.testing.assert_array_equal(codes, places)
    assert uniques.dtype == keys.dtype


def test_cells_are_the_distinct_rows_with_their_weighted_sums():
    table = np.column_stack([RANDOM.integers(0, 3, 500), RANDOM.integers(5, 9, 500) / 2])
    weights = RANDOM.random(500)
    cells = group([table[:, 0], table[:, 1]], values=ROWS[:500], weights=weights)
    distinct, places = np.unique(table, axis=0, return_inverse=True)
    np.testing.assert_array_equal(table[cells.rows], distinct)
    np.testing.assert_array_equal(cells.cell, places.ravel())
    for cell in range(len(distinct)):
        inside = places.ravel() == cell
        assert cells.count[cell] == pytest.approx(weights[inside].sum())
        np.testing.assert_allclose(
            cells.mean[cell], np.average(ROWS[:500][inside], axis=0, weights=weights[inside])
        )


def test_many_columns_do_not_overflow_the_key():
    columns = [RANDOM.integers(0, 100, 400) for _ in range(30)]
    assert len(group([*columns, *columns]).rows) == len(np.unique(np.array(columns), axis=1).T)


def test_grouping_nothing_is_refused():
    with pytest.raises(UsageError, match="at least one column"):
        group([])


def test_products_by_blocks_are_products_of_the_whole():
    columns = {"a": Column(ROWS[:, 0]), "b": Column(CODES % 3, ("x", "y", "z"))}
    design = Terms(columns, linear(("a", "b")))
    x, weights = design.block(0, N), RANDOM.normal(size=N)
    np.testing.assert_allclose(gram(design), x.T @ x, rtol=1e-9)
    np.testing.assert_allclose(gram(design, weights), x.T @ (x * weights[:, None]), atol=1e-8)
    np.testing.assert_allclose(cross(design, ROWS), x.T @ ROWS, atol=1e-8)
    np.testing.assert_allclose(cross(design, weights), x.T @ weights, atol=1e-8)
    np.testing.assert_allclose(times(design, np.arange(4.0)), x @ np.arange(4.0))
    np.testing.assert_allclose(times(design, np.eye(4)[:, :2]), x[:, :2])


def test_scores_within_groups_follow_the_order_of_a_multinomials_parameters():
    design = Terms({"a": Column(ROWS[:, 0])}, linear(("a",)))
    found = scores_by(design, ROWS[:, 1:], codes=CODES, n_groups=40)
    x = design.block(0, N)
    wanted = np.hstack([sum_by(CODES, x * ROWS[:, [place]], n_groups=40) for place in (1, 2)])
    np.testing.assert_allclose(found, wanted, atol=1e-9)
    np.testing.assert_allclose(
        scores_by(design, ROWS[:, 1], codes=CODES, n_groups=40), wanted[:, :2], atol=1e-9
    )
