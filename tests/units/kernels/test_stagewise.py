"""What a stopped trial says of its effect, against rpact's digits, an oracle by rectangles, laws
and simulated trials.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import multivariate_normal

from fingerpost.core.errors import UsageError
from fingerpost.kernels.group_sequential import exact_bounds, fractions_of
from fingerpost.kernels.stagewise import at_least, repeated, stagewise

RPACT = exact_bounds([0.2, 0.4, 0.6, 1.0], 0.025, delta=0.45)


def test_rpacts_final_analysis_has_the_same_digits() -> None:
    """rpact's own tests (getAnalysisResults, survival, Wang & Tsiatis 0.45): stopped at the third
    of four looks with z 2.9, 29 events in arms of equal size; hazard ratios.
    """
    assert pytest.approx([2.4878815, 2.4031352, 2.3549063, 2.2955206], abs=1e-7) == RPACT
    found = stagewise(2.9, bounds=RPACT, fractions=np.array([0.2, 0.4, 0.6]), sides=1)
    error = 2 / np.sqrt(29)
    assert found.p == pytest.approx(0.013371274, abs=1e-8)
    told = np.exp(np.array([found.low, found.median, found.high]) * error)
    assert told == pytest.approx([1.1294538, 2.632639, 5.6956842], rel=5e-7)
    held = np.exp(repeated(2.9 * error, error, bound=float(RPACT[2])))
    assert held == pytest.approx([1.2243899, 7.0401059], abs=1e-6)


def rectangles(bounds, t, z: float, effect: float) -> float:
    """Return the probability of a two-sided trial's ends at least as strong, rectangle by
    rectangle of the joint normal of its statistics.
    """
    t = np.asarray(t) / t[-1]
    whole = 0.0
    for k in range(len(t)):
        own = t[: k + 1]
        correlation = np.sqrt(np.minimum.outer(own, own) / np.maximum.outer(own, own))
        law = multivariate_normal(effect * np.sqrt(own), correlation)
        inside = np.asarray(bounds[:k], dtype=float)
        last = z if k == len(t) - 1 else bounds[k]
        low, high = np.append(-inside, last), np.append(inside, 20.0)
        whole += float(law.cdf(high, lower_limit=low, rng=np.random.default_rng(1)))
    return whole


@pytest.mark.parametrize(("z", "effect"), [(2.1, 0.0), (-1.0, 1.5), (-2.5, -0.7)])
def test_two_sides_are_those_of_the_joint_normal(z: float, effect: float) -> None:
    bounds, t = [2.6, 2.2, 2.0], [0.25, 0.6, 0.9]
    found = at_least(
        np.array([z]), effect=effect, bounds=np.array(bounds), fractions=np.array(t), sides=2
    )
    assert found[0] == pytest.approx(rectangles(bounds, t, z, effect), abs=2e-5)


def test_one_look_is_the_ordinary_interval() -> None:
    found = stagewise(1.2, bounds=np.array([1.96]), fractions=np.array([0.7]), sides=2, level=0.9)
    reach = float(ndtri(0.95))
    assert [found.median, found.low, found.high] == pytest.approx([1.2, 1.2 - reach, 1.2 + reach])
    assert found.p == pytest.approx(2 * float(ndtr(-1.2)))


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("delta", [0.0, 0.5])
def test_p_is_the_level_on_the_boundary_of_the_last_look(sides: int, delta: float) -> None:
    t = fractions_of(3)
    bounds = exact_bounds(3, 0.05 / sides, delta=delta)
    looks = {"bounds": bounds, "fractions": t, "sides": sides}
    end = at_least(bounds[-1:], effect=0.0, **looks)[0]
    # A trial of two sides that stopped below does not cross above any more: that hardly counts.
    assert end == pytest.approx(0.05 / sides, abs=1e-4 if sides == 2 else 1e-8)
    first = at_least(bounds[:1], effect=0.0, **{**looks, "fractions": t[:1]})[0]
    assert first == pytest.approx(float(ndtr(-bounds[0])), abs=1e-12)
    rising = [at_least(bounds[-1:], effect=one, **looks)[0] for one in (-3, 0, 2, 6)]
    assert np.all(np.diff(rising) > 0)


def test_two_sides_are_a_mirror() -> None:
    bounds, t = exact_bounds(2, 0.025), fractions_of(2)
    up, down = (stagewise(z, bounds=bounds, fractions=t, sides=2) for z in (2.4, -2.4))
    assert [down.median, down.low, down.high] == pytest.approx([-up.median, -up.high, -up.low])
    assert down.p == pytest.approx(up.p)
    assert up.median < 2.4


def test_bounds_that_are_missing_are_asked_for() -> None:
    with pytest.raises(UsageError, match="2 bounds are needed before look 3"):
        stagewise(2.0, bounds=np.array([2.0]), fractions=fractions_of(3), sides=1)


def test_ends_of_simulated_trials_are_even() -> None:
    """Four hundred trials that stop by Pocock's boundary, with an effect: the probability of an
    end at least as strong, at the truth, is as likely anywhere between 0 and 1.
    """
    rng, t, drift = np.random.default_rng(5), fractions_of(3), 2.8
    bounds = exact_bounds(3, 0.025, delta=0.5)
    steps = rng.normal(drift / 3, np.sqrt(1 / 3), (400, 3))
    z = steps.cumsum(axis=1) / np.sqrt(t)
    stopped = np.where((np.abs(z) >= bounds).any(axis=1), (np.abs(z) >= bounds).argmax(axis=1), 2)
    found = np.concatenate(
        [
            at_least(
                z[stopped == k, k],
                effect=drift * np.sqrt(t[k]),
                bounds=bounds,
                fractions=t[: k + 1],
                sides=2,
            )
            for k in range(3)
        ]
    )
    assert np.mean((found > 0.025) & (found < 0.975)) == pytest.approx(0.95, abs=0.03)
    assert np.mean(found > 0.5) == pytest.approx(0.5, abs=0.07)
    # The estimate that takes no account of looks is too large in more than half of the trials.
    last = z[np.arange(400), stopped]
    assert np.mean(last > drift * np.sqrt(t[stopped])) > 0.55
