"""Local polynomials at a cut-off against the rdrobust package, and by what must hold of them."""

from __future__ import annotations

import contextlib
import io
import warnings

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.errors import TooFew, Unanswerable
from fingerpost.estimators._bandwidth import select
from fingerpost.kernels.local_linear import (
    Window,
    jump,
    kernel_weights,
    limit_weights,
    neighbour_residuals,
)

N = 700


def sample(seed: int, *, repeated: bool = False):
    """Return distance, outcome, arm, school and weight of a curved, uneven, noisy world."""
    r = np.random.default_rng(seed)
    x = r.normal(0.1, 1, N)
    if repeated:
        x = np.round(x * 10) / 10
    school = r.integers(0, 40, N)
    arm = (r.random(N) < np.where(x >= 0, 0.8, 0.25)).astype(float)
    noise = r.normal(0, 0.3, 40)[school] + 0.5 * (1 + 0.3 * x) * r.normal(size=N)
    return x, np.sin(2 * x) + arm + noise, arm, school, r.uniform(0.5, 2, N)


def package(y, x, **how):
    """Return the package's answer without its printing."""
    rdrobust = pytest.importorskip("rdrobust", reason="the package rdrobust is not installed")
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rdrobust.rdrobust(y, x, 0, **how)


CASES = [
    (repeated, kernel, fuzzy, clustered, weighted)
    for repeated in (False, True)
    for kernel in ("triangular", "uniform")
    for fuzzy in (False, True)
    for clustered in (False, True)
    for weighted in (False, True)
]


def variance(influence, codes, *, x, window, columns):
    """Return the variance: of children, or of clusters with the package's factors by side."""
    if codes is None:
        return float(influence @ influence)
    total = 0.0
    near = kernel_weights(x, window.h, kernel=window.kernel) + kernel_weights(
        x, window.b, kernel=window.kernel
    )
    for side in (x < 0, x >= 0):
        own = side & (near > 0)
        n, g = own.sum(), len(np.unique(codes[own]))
        sums = np.bincount(codes[own], influence[own])
        total += float(sums @ sums) * (n - 1) / (n - columns) * g / (g - 1)
    return total


@pytest.mark.parametrize(("repeated", "kernel", "fuzzy", "clustered", "weighted"), CASES)
def test_agrees_with_rdrobust(repeated, kernel, fuzzy, clustered, weighted):
    """Plain and corrected values, both standard errors, and both bandwidths it chooses.

    The package takes a cluster on both sides as two, so that here none is.
    """
    x, y, arm, school, w = sample(5, repeated=repeated)
    codes = school * 2 + (x >= 0) if clustered else None
    values = np.column_stack([y, arm]) if fuzzy else y[:, None]
    weight = w if weighted else np.ones(N)
    how = {
        "kernel": kernel,
        "fuzzy": arm if fuzzy else None,
        "cluster": codes,
        "weights": w if weighted else None,
    }
    chosen = package(y, x, sharpbw=fuzzy, **how)
    h, b = select(x, y, weight, kernel=kernel, codes=codes)
    assert (h, b) == pytest.approx((chosen.bws.values[0, 0], chosen.bws.values[1, 0]), rel=1e-8)
    window = Window(1.1 * h, b, kernel=kernel)
    said = package(y, x, h=window.h, b=window.b, **how)
    found = jump(x, values, weight=weight, window=window, clustered=clustered)
    slopes, value, corrected = np.ones(1), found.plain[0], found.corrected[0]
    if fuzzy:
        slopes = np.array([1 / found.plain[1], -found.plain[0] / found.plain[1] ** 2])
        value = found.plain[0] / found.plain[1]
        corrected = value - slopes @ (found.plain - found.corrected)
    assert value == pytest.approx(said.coef.values[0, 0], rel=1e-8)
    assert corrected == pytest.approx(said.coef.values[1, 0], rel=1e-8)
    for influence, columns, row in ((found.plain_influence, 2, 0), (found.influence, 3, 2)):
        spread = variance(influence @ slopes, codes, x=x, window=window, columns=columns)
        assert np.sqrt(spread) == pytest.approx(said.se.values[row, 0], rel=1e-8)


def test_a_second_order_agrees_too():
    x, y, *_ = sample(6)
    said = package(y, x, h=1.2, b=1.7, p=2)
    found = jump(x, y[:, None], weight=np.ones(N), window=Window(1.2, 1.7, 2))
    assert found.plain[0] == pytest.approx(said.coef.values[0, 0], rel=1e-8)
    assert found.corrected[0] == pytest.approx(said.coef.values[1, 0], rel=1e-8)
    assert np.sqrt(np.sum(found.influence**2)) == pytest.approx(said.se.values[2, 0], rel=1e-8)
    assert select(x, y, np.ones(N), order=2) == pytest.approx(
        package(y, x, p=2).bws.values[:, 0], rel=1e-8
    )


def test_the_plain_limit_is_weighted_least_squares():
    x, y, _, _, w = sample(7)
    above = x >= 0
    plain, _ = limit_weights(x[above], w[above], window=Window(0.8, 0.8))
    near = w[above] * kernel_weights(x[above], 0.8, kernel="triangular")
    line = sm.WLS(y[above], sm.add_constant(x[above]), weights=near).fit()
    assert plain @ y[above] == pytest.approx(line.params[0])


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("kernel", ["triangular", "uniform"])
def test_curves_up_to_the_order_are_carried_exactly(order, kernel):
    """The plain limit is that of any polynomial of its order; the corrected, of one order more."""
    x = np.sort(np.random.default_rng(0).uniform(0, 1, 60))
    plain, corrected = limit_weights(x, np.ones(60), window=Window(0.7, 0.9, order, kernel))
    for power in range(order + 2):
        want = float(power == 0)
        assert corrected @ x**power == pytest.approx(want, abs=1e-9)
        if power <= order:
            assert plain @ x**power == pytest.approx(want, abs=1e-9)
    assert abs(plain @ x ** (order + 1)) > 1e-4


def test_equal_bandwidths_correct_by_a_curve_of_one_order_more():
    """Calonico, Cattaneo & Titiunik (2014), remark 7."""
    x, y, *_ = sample(8)
    corrected = jump(x, y[:, None], weight=np.ones(N), window=Window(0.9, 0.9)).corrected
    curve = jump(x, y[:, None], weight=np.ones(N), window=Window(0.9, 2.0, 2)).plain
    assert corrected == pytest.approx(curve)


def test_neighbours_are_found_as_one_would_by_hand():
    """At 0, 1, 3, 3, 7 with two neighbours wanted: all that are as near come too."""
    x = np.array([0.0, 1, 3, 3, 7])
    y = np.array([1.0, 2, 4, 8, 16])[:, None]
    others = [[1, 2, 3], [0, 2, 3], [3, 1], [2, 1], [2, 3]]
    by_hand = [
        np.sqrt(len(one) / (len(one) + 1)) * (y[at, 0] - y[one, 0].mean())
        for at, one in enumerate(others)
    ]
    assert neighbour_residuals(x, y, matches=2)[:, 0] == pytest.approx(by_hand)


def test_neighbours_give_the_variance_around_a_steep_line():
    r = np.random.default_rng(1)
    x = np.sort(r.uniform(0, 1, 20_000))
    y = 5 * x + 2.0 * r.standard_normal(20_000)
    assert np.mean(neighbour_residuals(x, y[:, None]) ** 2) == pytest.approx(4.0, rel=0.03)


def test_units_and_order_of_rows_do_not_matter():
    x, y, arm, _, w = sample(9)
    values = np.column_stack([y, arm])
    h, b = select(x, y, w)
    mixed = np.random.default_rng(0).permutation(N)
    assert select(x[mixed], y[mixed], w[mixed]) == pytest.approx((h, b))
    assert select(1000 * x, y, w) == pytest.approx((1000 * h, 1000 * b))
    assert select(x, 50 * y + 7, w) == pytest.approx((h, b))
    first = jump(x, values, weight=w, window=Window(h, b))
    other = jump(1000 * x[mixed], values[mixed], weight=w[mixed], window=Window(1000 * h, 1000 * b))
    assert other.plain == pytest.approx(first.plain)
    assert other.influence == pytest.approx(first.influence[mixed])


def test_turning_the_axis_flips_the_jump():
    x, y, *_ = sample(10)
    there = jump(x, y[:, None], weight=np.ones(N), window=Window(0.8, 1.1))
    back = jump(-x, y[:, None], weight=np.ones(N), window=Window(0.8, 1.1))
    assert back.corrected == pytest.approx(-there.corrected)


def test_weights_of_nought_leave_children_out():
    x, y, _, _, w = sample(11)
    gone = np.arange(N) % 3 == 0
    window = Window(0.8, 1.1)
    whole = jump(x, y[:, None], weight=np.where(gone, 0.0, w), window=window)
    part = jump(x[~gone], y[~gone, None], weight=w[~gone], window=window)
    assert whole.corrected == pytest.approx(part.corrected)
    assert whole.influence[~gone] == pytest.approx(part.influence)
    assert not whole.weights[gone].any()


@pytest.mark.parametrize("clustered", [False, True])
def test_too_few_distinct_values(clustered):
    x = np.repeat([-2.0, -1.0, 1.0, 2.0, 3.0], 20)
    y = np.arange(100.0)[:, None]
    with pytest.raises(TooFew, match=r"2 distinct values .* needs 3.*wider bandwidth"):
        jump(x, y, weight=np.ones(100), window=Window(5, 5), clustered=clustered)


def test_values_too_close_together_to_draw_a_curve():
    x = np.concatenate([-np.ones(10), np.ones(10)]) * (1 + 1e-9 * np.tile(np.arange(10), 2))
    with pytest.raises(TooFew, match="do not determine a curve"):
        jump(x, np.ones((20, 1)), weight=np.ones(20), window=Window(2, 2))


@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        (np.linspace(-1, 1, 12), np.arange(12.0), TooFew, "12 children are too few to choose"),
        (np.linspace(0, 1, 40), np.arange(40.0), TooFew, "one side of the cut-off has no"),
        (np.linspace(-1, 1, 80), np.ones(80), Unanswerable, "say how wide|say it: bandwidth"),
        (np.repeat([-1.0, 1.0], 40), np.arange(80.0), (TooFew, Unanswerable), "."),
    ],
)
def test_bandwidths_that_cannot_be_chosen(x, y, error, words):
    with pytest.raises(error, match=words):
        select(x, y, np.ones(len(x)))
