"""Group-sequential boundaries against rpact 3.3.4 (R), printed to six decimals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats
from scipy.special import ndtri

from fingerpost.core.errors import UsageError
from fingerpost.kernels.group_sequential import (
    crossing,
    drift_of,
    exact_bounds,
    fractions_of,
    inflation,
    spending,
    spent_bounds,
)

# getDesignGroupSequential(kMax = 5, alpha = 0.025, sided = 1, typeOfDesign = …) of rpact 3.3.4.
EXACT = {
    0.0: [4.561742, 3.225639, 2.633723, 2.280871, 2.040073],
    0.25: [3.194083, 2.685893, 2.426979, 2.258558, 2.136012],
    0.5: [2.413180] * 5,
}
SPENT = {
    ("obrien_fleming", 0.0): [4.876885, 3.357012, 2.680280, 2.289817, 2.031032],
    ("pocock", 0.0): [2.437977, 2.426814, 2.410194, 2.396649, 2.386000],
    ("power", 3.0): [3.540084, 2.974311, 2.604514, 2.306357, 2.045480],
    ("exponential", -4.0): [3.252668, 2.986046, 2.691657, 2.373667, 2.025321],
}


@pytest.mark.parametrize("delta", EXACT)
def test_exact_boundaries_have_rpacts_digits(delta: float) -> None:
    assert exact_bounds(5, 0.025, delta=delta) == pytest.approx(EXACT[delta], abs=2e-6)


@pytest.mark.parametrize("name", SPENT, ids=str)
def test_spending_has_rpacts_digits(name: tuple[str, float]) -> None:
    assert spent_bounds(5, 0.025, spend=spending(*name)) == pytest.approx(SPENT[name], abs=2e-6)


def test_three_looks_and_unequal_ones() -> None:
    assert exact_bounds(3, 0.025) == pytest.approx([3.471091, 2.454432, 2.004036], abs=2e-6)
    assert exact_bounds(3, 0.025, delta=0.5) == pytest.approx([2.289478] * 3, abs=2e-6)
    unequal = spent_bounds([0.5, 0.75, 1.0], 0.025, spend=spending("obrien_fleming"))
    assert unequal == pytest.approx([2.962588, 2.359018, 2.014084], abs=2e-6)


def test_inflation_and_expected_size() -> None:
    t = fractions_of(5)
    for delta, told in ((0.0, 1.026486), (0.5, 1.206581)):
        found = inflation(exact_bounds(5, 0.025, delta=delta), t, alpha=0.025, power=0.9)
        assert found == pytest.approx(told, abs=2e-6)
    # Two arms, d = 0.2, 80% power, three looks: rpact's largest and expected numbers of children,
    # which begin from the number that a t test without looks needs.
    t, bounds = fractions_of(3), exact_bounds(3, 0.025)
    most = of_t_test(0.2, 0.8) * inflation(bounds, t, alpha=0.025, power=0.8)
    assert most == pytest.approx(800.5088, abs=1e-3)
    stops = crossing(bounds, t, drift=drift_of(bounds, t, power=0.8))
    expected = most * float((1 - np.concatenate([[0], stops[:-1].cumsum()])).sum()) / 3
    assert expected == pytest.approx(673.6786, abs=1e-3)


def of_t_test(effect: float, power: float) -> float:
    """Return the children of two equal arms that a one-sided t test at 0.025 needs."""

    def lack(n: float) -> float:
        critical = stats.t.ppf(0.975, n - 2)
        return float(stats.nct.sf(critical, n - 2, effect * np.sqrt(n) / 2)) - power

    return float(optimize.brentq(lack, 10, 5000))


def test_one_look_is_a_fixed_trial_and_looking_more_often_costs() -> None:
    assert exact_bounds(1, 0.025)[0] == pytest.approx(ndtri(0.975), abs=1e-9)
    last = [exact_bounds(k, 0.025)[-1] for k in (1, 2, 3, 6)]
    assert all(np.diff(last) > 0)


def test_all_error_is_spent_and_no_more() -> None:
    bounds = spent_bounds([0.2, 0.3, 0.9, 1.0], 0.025, spend=spending("pocock"))
    assert crossing(bounds, np.array([0.2, 0.3, 0.9, 1.0])).sum() == pytest.approx(0.025, abs=1e-9)


def test_rubbish_is_named() -> None:
    with pytest.raises(UsageError, match="is no spending function"):
        spending("haybittle")
    with pytest.raises(UsageError, match="rise from above 0"):
        exact_bounds([0.5, 0.4, 1.0], 0.025)
    with pytest.raises(UsageError, match="one look or more"):
        exact_bounds(0, 0.025)
