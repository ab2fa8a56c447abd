"""Closed forms for trials against matrix algebra, simulated trials and laws."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.errors import UsageError
from fingerpost.kernels.trial_power import (
    Scheme,
    Tier,
    detectable,
    fewest,
    freedom,
    multiplier,
    power_of,
    repeated,
    sized,
    unequal,
    variance,
)

SCHOOLS = Scheme((Tier("child", 20), Tier("school", 30, 0.15)), drawn=1)


def test_clusters_of_unequal_sizes_beside_simulated_sizes():
    """Children count alike: the variance between clusters of an arm is that times Σ share²."""
    cv, arm = 0.7, 15
    sizes = np.random.default_rng(3).gamma(1 / cv**2, cv**2, size=(40_000, arm))
    shares = sizes / sizes.sum(axis=1, keepdims=True)
    told = arm * (shares**2).sum(axis=1).mean()
    assert unequal(arm, cv=cv) == pytest.approx(told, rel=5e-3)
    wide = 4 * (0.15 * told / 30 + 0.85 / 600)
    assert variance(replace(SCHOOLS, size_cv=cv)) == pytest.approx(wide, rel=5e-3)


def gaussian(before: int, after: int, stays: float, compares: str) -> float:
    """Return the variance of the compared mean by the algebra of normal vectors."""
    whole = np.full((before + after, before + after), stays) + (1 - stays) * np.eye(before + after)
    late = np.concatenate([np.zeros(before), np.full(after, 1 / after)])
    own = late @ whole @ late
    if not before or compares == "after":
        return float(own)
    if compares == "change":
        gap = late - np.concatenate([np.full(before, 1 / before), np.zeros(after)])
        return float(gap @ whole @ gap)
    cross = late @ whole[:, :before]
    return float(own - cross @ np.linalg.solve(whole[:before, :before], cross))


@pytest.mark.parametrize("compares", ["adjusted", "change", "after"])
@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 1), (1, 3), (3, 2)])
def test_measurements_repeated(before: int, after: int, compares: str):
    scheme = Scheme((Tier("child", 100, stays=0.6),), before=before, after=after, compares=compares)
    assert repeated(scheme) == pytest.approx(gaussian(before, after, 0.6, compares))


def test_a_baseline_of_clusters_is_as_good_as_the_correlation_of_their_means():
    # Teerenstra et al. (2012): r = nρ/(1+(n-1)ρ) · r(cluster) + (1-ρ)/(1+(n-1)ρ) · r(child).
    scheme = Scheme(
        (Tier("child", 20, stays=0.5), Tier("school", 30, 0.15, stays=0.8)), drawn=1, before=1
    )
    whole = 1 + 19 * 0.15
    r = 20 * 0.15 / whole * 0.8 + 0.85 / whole * 0.5
    assert repeated(scheme) == pytest.approx(1 - r**2)


def test_freedom_within_blocks():
    blocked = Scheme((Tier("child", 15), Tier("school", 20, 0.17, varies=0.5)))
    assert freedom(blocked) == 19
    assert freedom(replace(blocked, blocks="fixed")) == 300 - 40
    assert freedom(replace(blocked, blocks="constant", covariates=1)) == 300 - 20 - 1 - 1
    assert freedom(replace(SCHOOLS, arms=3)) == 27
    classes = Scheme((Tier("child", 10), Tier("class", 6, 0.1), Tier("school", 24, 0.13)), drawn=1)
    assert freedom(replace(classes, blocks="fixed")) == 24 * (6 - 2)
    assert variance(replace(blocked, blocks="fixed")) < variance(blocked)


def test_power_of_simulated_cluster_trials():
    schools, children, icc, effect = 16, 10, 0.2, 0.6
    scheme = Scheme((Tier("child", children), Tier("school", schools, icc)), drawn=1)
    random = np.random.default_rng(11)
    arm = np.repeat([0.0, 1.0], schools // 2)
    means = effect * arm + random.normal(
        0, math.sqrt(icc + (1 - icc) / children), size=(20_000, schools)
    )
    gap = means[:, arm == 1].mean(axis=1) - means[:, arm == 0].mean(axis=1)
    spread = (means[:, arm == 1].var(axis=1, ddof=1) + means[:, arm == 0].var(axis=1, ddof=1)) / 2
    from scipy.stats import t

    found = (np.abs(gap / np.sqrt(spread * 4 / schools)) > t.ppf(0.975, schools - 2)).mean()
    told = power_of(effect, math.sqrt(variance(scheme)), df=freedom(scheme))
    assert told == pytest.approx(found, abs=2.5 * math.sqrt(0.25 / 20_000))


def test_power_at_the_smallest_effect_and_its_number_of_units():
    df = freedom(SCHOOLS)
    error = math.sqrt(variance(SCHOOLS))
    mdes = multiplier(0.05, 0.8, df=df) * error
    assert power_of(mdes, error, df=df) == pytest.approx(0.80, abs=2e-3)
    assert power_of(0.0, error, df=df) == pytest.approx(0.05, abs=1e-9)
    assert power_of(-mdes, error, df=df) == pytest.approx(power_of(mdes, error, df=df))
    assert power_of(-mdes, error, df=df, sides=1) < 0.001

    def enough(schools: int) -> bool:
        one = sized(SCHOOLS, 1, size=schools)
        return power_of(0.3, math.sqrt(variance(one)), df=freedom(one)) >= 0.9

    needed = fewest(enough, start=4)
    assert needed is not None and enough(needed) and not enough(needed - 1)
    assert fewest(lambda n: False, most=1000) is None


def test_an_effect_that_no_risk_can_reach_is_not_found():
    assert detectable(lambda effect: 0.5, 2.8, most=0.4) == math.inf
    assert detectable(lambda effect: 0.1, 2.8, sign=-1) == pytest.approx(-0.28)


def test_what_no_design_can_be_is_refused_all_at_once():
    with pytest.raises(UsageError) as told:
        Scheme(
            (Tier("child", 5, explained=1.0), Tier("school", 5, 1.2)),
            blocks="none",
            compares="before",
            shares=(0.0, 1.0),
        )
    assert len(told.value.problems) == 5
