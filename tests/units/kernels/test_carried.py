"""What comes by way of a fitted model, against the same sums in longer numbers."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.kernels.arrays import Array
from fingerpost.kernels.carried import Centred, carried, centred
from fingerpost.kernels.design import Dense
from fingerpost.kernels.glm import fit, fit_multinomial, probabilities
from fingerpost.kernels.tilting import through_score

LONG = np.longdouble
N = 3_000
RANDOM = np.random.default_rng(17)
AWAY = RANDOM.integers(-8, 9, N) / 4.0  # exact in binary, so that nothing is lost by adding a year
ARM = (RANDOM.random(N) < 1 / (1 + np.exp(0.3 - 0.2 * AWAY - 0.1 * AWAY**2))).astype(np.int64)


def powers(values: Array) -> Dense:
    """Return a constant, a number and its square."""
    return Dense(np.column_stack([np.ones(N), values, values**2]), ("one", "year", "square"))


def inverse(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse of a matrix of three rows by its cofactors, in its own precision."""
    rows = [np.cross(matrix[(at + 1) % 3], matrix[(at + 2) % 3]) for at in range(3)]
    return np.stack(rows, axis=1) / (matrix[0] @ rows[0])


def in_long_numbers() -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) the slope and the influence by way of the score, for the mean of y = year under
    arm 1, from a logit on the number taken about its middle, whose space of columns is the same.
    """
    x = np.column_stack([np.ones(N), AWAY, AWAY**2]).astype(LONG)
    beta = np.zeros(3, dtype=LONG)
    for _ in range(30):
        e = 1 / (1 + np.exp(-(x @ beta)))
        information = (x * (e * (1 - e))[:, None]).T @ x
        beta = beta + inverse(information) @ (x.T @ (ARM - e))
    weight = ARM / e
    share = weight / weight.sum()
    slope = -share * (AWAY - share @ AWAY) * (1 - e)
    return slope, (ARM - e) * (x @ (inverse(information) @ (x.T @ slope)))


@pytest.mark.parametrize("middle", [0.0, 30.0, 100.0, 400.0, 2008.0])
def test_a_year_and_its_square_give_the_influence_of_longer_numbers(middle: float):
    """Where the columns lie does not matter: to eight digits the influence is that of numbers of 19
    digits on columns about nought.
    """
    design = powers(AWAY + middle)
    found = fit_multinomial(design, ARM, levels=("none", "support"))
    residual = ARM - probabilities(design, found)[:, 1]
    slope, truth = in_long_numbers()
    ours = through_score(
        design, found, residual=residual[:, None], in_score=slope.astype(float)[:, None]
    )
    size = float(np.sqrt(truth @ truth))
    assert float(np.abs(ours - truth).max()) < 1e-8 * size
    assert float(np.sqrt(ours @ ours)) == pytest.approx(size, rel=1e-8)


def test_on_raw_columns_it_would_be_wrong():
    """What `carried` mends: bread and raw columns lose digits, how many depends on the processor
    (2.6e-7 and 1e-6 of the size were seen)."""
    design = powers(AWAY + 2008.0)
    found = fit_multinomial(design, ARM, levels=("none", "support"))
    slope, truth = in_long_numbers()
    residual = ARM - probabilities(design, found)[:, 1]
    raw = residual * (design.array @ (found.bread @ (design.array.T @ slope.astype(float))))
    assert float(np.abs(raw - truth).max()) > 3e-8 * float(np.sqrt(truth @ truth))


def test_pulls_of_several_predictors_lie_side_by_side():
    """Of three arms and two pulls: by the whole matrix of coefficients, arm by arm."""
    x = RANDOM.normal(size=(200, 2))
    design = Dense(np.column_stack([np.ones(200), x]), ("one", "a", "b"))
    found = fit_multinomial(design, RANDOM.integers(0, 3, 200), levels=("n", "s", "p"))
    pull = RANDOM.normal(size=(200, 4))
    ours = carried(found, pull, of=design)
    for which in (0, 1):
        own = pull[:, 2 * which : 2 * which + 2]
        lean = found.bread @ (design.array.T @ own).T.ravel()
        expected = design.array @ lean.reshape(2, 3).T
        np.testing.assert_allclose(ours[:, 2 * which : 2 * which + 2], expected, rtol=1e-10)


def test_only_columns_far_from_nought_are_moved():
    """A design that needs nothing is left as it is; chosen rows keep what is taken off."""
    near, far = powers(AWAY), powers(AWAY + 2008.0)
    assert centred(near, fit(near, AWAY, family="linear")) is near
    moved = centred(far, fit(far, AWAY, family="linear"))
    assert isinstance(moved, Centred)
    assert (moved.n, moved.p, moved.names, moved.told) == (N, 3, far.names, far.told)
    whole = moved.block(0, N)
    np.testing.assert_allclose(whole[:, 1:].mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_array_equal(moved.take(np.arange(5, 9)).block(0, 4), whole[5:9])
