"""The search itself, on functions with a known maximum."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.kernels.newton import Pass, Singular, inverse_of, maximise


def quartic(parameters: np.ndarray, step: np.ndarray) -> Pass:
    """-Σ (x⁴ / 4 + x² / 2 - c x): strictly concave, maximum where x³ + x = c."""
    c = np.array([2.0, -30.0])
    x = parameters
    return Pass(
        float(np.sum(c * x - x**4 / 4 - x**2 / 2)),
        c - x**3 - x,
        np.diag(3 * x**2 + 1),
        1.0,
        float(np.abs(step).max()),
    )


def test_the_maximum_is_found_from_far_away():
    found = maximise(quartic, np.array([50.0, 80.0]), tolerance=1e-8)
    assert found.converged and not found.separated
    np.testing.assert_allclose(found.parameters, [1.0, -3.0], atol=1e-10)
    np.testing.assert_allclose(found.inverse, np.diag([1 / 4, 1 / 28]), rtol=1e-6)


def test_steps_that_overshoot_are_halved():
    values = []

    def steep(parameters: np.ndarray, step: np.ndarray) -> Pass:
        """-log cosh: plain Newton diverges from any start beyond about 1.09."""
        x = parameters[0]
        values.append(-np.log(np.cosh(x)))
        bend = 1 / np.cosh(x) ** 2
        return Pass(values[-1], -np.tanh(parameters), np.array([[bend]]), bend, abs(step[0]))

    found = maximise(steep, np.array([2.0]), tolerance=1e-9)
    assert found.converged
    assert found.parameters[0] == pytest.approx(0.0, abs=1e-9)
    assert min(values[1:]) < values[0], "the first full step should have been one too far"


def test_a_leap_from_where_the_curvature_is_next_to_nothing_is_cut_short():
    def share(parameters: np.ndarray, step: np.ndarray) -> Pass:
        """890 of 1,000 children with an event; at -10 the full step is to about +20,000."""
        mean = 1 / (1 + np.exp(-parameters))
        value = 890 * parameters[0] - 1000 * np.logaddexp(0.0, parameters[0])
        bend = 1000 * mean * (1 - mean)
        return Pass(value, 890 - 1000 * mean, np.diag(bend), bend[0], abs(step[0]))

    with np.errstate(over="ignore"):
        found = maximise(share, np.array([-10.0]), tolerance=1e-8)
    assert found.converged and not found.separated and found.iterations < 15
    assert found.parameters[0] == pytest.approx(np.log(890 / 110))


def test_an_information_without_inverse_stops_at_once():
    def flat(parameters: np.ndarray, step: np.ndarray) -> Pass:
        return Pass(0.0, np.ones(2), np.ones((2, 2)), 1.0, 0.0)

    with pytest.raises(Singular):
        maximise(flat, np.zeros(2), tolerance=1e-8)


def test_the_inverse_does_not_depend_on_units_and_knows_when_there_is_none():
    matrix = np.array([[2.0, 0.9], [0.9, 1.0]])
    units = np.diag([1e9, 1e-9])
    found = inverse_of(units @ matrix @ units)
    assert found is not None
    np.testing.assert_allclose(units @ found @ units, np.linalg.inv(matrix), rtol=1e-12)
    assert inverse_of(np.array([[1.0, 1.0], [1.0, 1.0 + 1e-15]])) is None
    assert inverse_of(np.array([[1.0, 0.0], [0.0, 0.0]])) is None
    assert inverse_of(np.array([[np.inf, 0.0], [0.0, 1.0]])) is None
