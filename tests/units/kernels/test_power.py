"""Power by z and t, beside scipy's distributions, simulation and printed values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import nct, norm
from scipy.stats import t as student

from fingerpost.kernels.power import multiplier_t, multiplier_z, power_t, power_z


@pytest.mark.parametrize("effect", [0.0, 0.3, -1.0, 2.5, 9.0])
def test_power_counts_both_tails(effect):
    z = norm.ppf(0.975)
    expected = norm.sf(z - effect / 0.5) + norm.cdf(-z - effect / 0.5)
    assert power_z(effect, 0.25) == pytest.approx(expected, rel=1e-12)
    t = student.ppf(0.975, 7)
    other = nct.cdf(-t, 7, abs(effect) / 0.5) if abs(effect) < 9 else 0.0
    expected = nct.sf(t, 7, abs(effect) / 0.5) + other
    assert power_t(effect, 0.25, df=7) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("df", [1, 3, 10, 150, 2000])
def test_power_by_t_rises_with_the_effect(df):
    found = [power_t(effect, 1.0, df=df) for effect in np.linspace(0, 60, 400)]
    assert np.diff(found).min() >= -1e-12
    assert found[0] == pytest.approx(0.05) and found[-1] > 0.99


def test_without_an_effect_the_power_is_the_level():
    assert power_z(0.0, 2.0, alpha=0.1) == pytest.approx(0.1)
    assert power_t(0.0, 2.0, df=5, alpha=0.1) == pytest.approx(0.1)
    assert power_z(1.0, math.inf) == 0.05
    assert power_t(1.0, math.inf, df=5) == 0.05


def test_a_huge_effect_is_found_for_sure():
    assert power_t(100.0, 1.0, df=4) == 1.0
    assert power_z(100.0, 1.0) == 1.0


def test_power_by_t_is_what_many_trials_find():
    generator = np.random.default_rng(5)
    samples = generator.normal(0.9, 1.0, (40_000, 9))
    ratio = samples.mean(axis=1) / (samples.std(axis=1, ddof=1) / 3)
    found = np.mean(np.abs(ratio) > student.ppf(0.975, 8))
    assert power_t(0.9, 1 / 9, df=8) == pytest.approx(found, abs=4 * 0.5 / 200)


@pytest.mark.parametrize("power", [0.6, 0.8, 0.95])
def test_the_multiplier_gives_the_power(power):
    assert power_z(multiplier_z(0.05, power), 1.0) == pytest.approx(power, abs=1e-12)


@pytest.mark.parametrize(
    ("variance", "df", "printed"),
    [
        # PowerUpR 1.1.0: mdes.cra2(rho2 = .17, n = 15, J = 20), mdes.ira(n = 250) and
        # mdes.cra3(rho2 = .17, rho3 = .06, n = 15, J = 3, K = 60).
        (4 * (0.17 / 20 + 0.83 / 300), 18, 0.6290064),
        (4 / 250, 248, 0.355775),
        (4 * (0.06 / 60 + 0.17 / 180 + 0.77 / 2700), 58, 0.2691084),
    ],
)
def test_smallest_effects_of_trials_in_education(variance, df, printed):
    found = multiplier_t(0.05, 0.80, df=df) * variance**0.5
    assert found == pytest.approx(printed, abs=6e-7)
