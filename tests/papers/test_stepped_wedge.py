"""Power of stepped wedges and parallel roll-outs, beside numbers printed or computed elsewhere.

swCRTdesign 4.0 (help page of `swPwr`, examples 1-5, 8 and 9, run in R), SteppedPower (Hussey &
Hughes's setting; Kasza et al. 2020 for cohorts, run in R), Woertman et al. (2013), and PowerUpR's
two-level formula for parallel roll-outs.
"""

from __future__ import annotations

import pytest

from fingerpost.core.leaves import Design, load
from fingerpost.core.rollout import Correlation, Layout, Power, Rollout, Wave
from fingerpost.designs._power import Reach, grounds, reach

HH = 0.041 * 0.959  # p(1 − p) at p halfway between .05 and .032


def wedge(waves: int, units: int, *, before: int = 1, after: int = 0) -> Layout:
    """Return a stepped wedge: a wave a period after `before` periods, then `after` more."""
    periods = tuple(f"t{at}" for at in range(before + waves + after))
    declared = tuple(Wave(f"w{at}", periods[before + at], units) for at in range(waves))
    design = load("designs", "stepped_wedge", kind=Design)
    return design.layout(Rollout(periods, declared), waves * units)


def random_effects(
    within: float, *, tau: float = 0.0, gamma: float = 0.0, zeta2: float = 0.0, **more: float
) -> Correlation:
    """Return a correlation from standard deviations of random effects, as the packages take them.

    zeta2: variance of a child that lasts, part of `within`.
    """
    between = tau**2 + gamma**2
    return Correlation(
        "cohort" if zeta2 else "nested",
        between / (between + within),
        tau**2 / between if between else 1.0,
        iac=zeta2 / within,
        **more,
    )


def found(layout: Layout, power: Power, correlation: Correlation) -> Reach:
    return reach(grounds(layout, power), power, correlation=correlation)


RISKS = Power(kind="binary", level=0.05, level_with=0.035, children=120)
WITHIN = 0.0425 * 0.9575


@pytest.mark.parametrize(
    ("layout", "effects", "power", "variance"),
    [
        (wedge(4, 6), {"tau": 0.01}, 0.7861896, 2.968231e-05),
        (wedge(4, 6, after=3), {"tau": 0.01}, 0.81712833, 2.742231e-05),
        (wedge(4, 6), {"tau": 0.01, "effect_sd": 0.0045}, 0.77248943, 3.0704119e-05),
        (
            wedge(4, 6),
            {"tau": 0.01, "effect_sd": 0.0045, "effect_corr": 0.4},
            0.76515511,
            3.1257905e-05,
        ),
        (
            wedge(4, 6),
            {"tau": 0.01, "gamma": 0.1, "effect_sd": 0.0045, "effect_corr": 0.4},
            0.08723716,
            7.0597989e-04,
        ),
    ],
    ids=["SW1", "SW2", "SW3", "SW4", "SW5"],
)
def test_risks_as_in_swcrtdesign(layout, effects, power, variance):
    answer = found(layout, RISKS, random_effects(WITHIN, **effects))
    assert answer.power_z == pytest.approx(power, abs=6e-8)
    assert answer.variance == pytest.approx(variance, rel=2e-7)


def test_sw6_a_mean_by_its_correlations():
    power = Power(effect=0.015, sd=0.1, children=120)
    answer = found(wedge(4, 6), power, Correlation("nested", 0.02, 0.125))
    assert answer.power_z == pytest.approx(0.91718861, abs=6e-9)
    assert answer.variance == pytest.approx(2.0092526e-05, rel=3e-8)


def test_sw7_a_closed_cohort_whose_later_waves_return_nothing_at_first():
    # Example 9 of swPwr: 25 units in five waves, three more periods before and five after; wave k
    # returns nothing in its first k periods.
    layout = wedge(5, 5, before=4, after=5)
    unseen = tuple((f"w{at}", layout.periods[:at]) for at in range(1, 5))
    power = Power(effect=0.8, sd=3.5**0.5, children=20, unseen=unseen)
    correlation = random_effects(3.5, tau=0.1316**0.5, gamma=0.1974**0.5, zeta2=2.5)
    answer = found(layout, power, correlation)
    assert answer.power_z == pytest.approx(0.99999494, abs=6e-9)
    assert answer.variance == pytest.approx(0.015749389, abs=6e-10)


def test_sw8_hussey_and_hughes():
    power = Power(kind="binary", level=0.05, level_with=0.032, children=100)
    answer = found(wedge(4, 6), power, random_effects(HH, tau=0.025))
    assert answer.power_z == pytest.approx(0.8059172, abs=5e-8)
    assert answer.variance == pytest.approx(4.0658473e-05, abs=5e-13)


@pytest.mark.parametrize(
    ("churn", "power", "variance"),
    [
        (0.0, 0.7145816, 5.0747264e-05),
        (1.0, 0.6451082, 5.9573834e-05),
        (0.7, 0.6642893, 5.7000732e-05),
    ],
    ids=["SW9 closed", "SW10 all new", "SW11 open"],
)
def test_cohorts_as_in_kasza(churn, power, variance):
    within = HH + 0.01  # a child's own level has a variance of .01
    asked = Power(effect=-0.018, sd=within**0.5, children=100)
    held = random_effects(within, tau=0.025, gamma=0.01, zeta2=0.01, churn=churn)
    answer = found(wedge(4, 6), asked, held)
    assert answer.power_z == pytest.approx(power, abs=6e-8)
    assert answer.variance == pytest.approx(variance, abs=6e-13)


def test_sw12_hussey_and_hughes_with_less_between_units():
    power = Power(kind="binary", level=0.05, level_with=0.032, children=100)
    answer = found(wedge(4, 6), power, random_effects(HH, tau=0.015))
    assert answer.power_z == pytest.approx(0.83868321, abs=6e-9)
    assert answer.variance == pytest.approx(3.7255365e-05, rel=3e-8)


# ------------------------------------------------------------------ Woertman et al. (2013)
def woertman(k: int, t: int, b: int, n: int, r: float) -> float:
    """Return the design effect of k steps, t measurements after each, b before, n children each."""
    return (
        (1 + r * (k * t * n + b * n - 1))
        / (1 + r * (k * t * n / 2 + b * n - 1))
        * 3
        * (1 - r)
        / (2 * t * (k - 1 / k))
    )


@pytest.mark.parametrize(
    ("k", "t", "b", "n", "r", "effect"),
    [
        (4, 1, 1, 20, 0.05, 0.5724050633),
        (3, 1, 1, 10, 0.05, 0.7165482955),
        (4, 1, 1, 50, 0.02, 0.5889849246),
        (3, 2, 2, 15, 0.08, None),
    ],
)
def test_woertmans_design_effect_is_gls_where_levels_last(k, t, b, n, r, effect):
    if effect is not None:
        assert woertman(k, t, b, n, r) == pytest.approx(effect, abs=5e-11)
    periods = tuple(f"t{at}" for at in range(b + k * t))
    waves = tuple(Wave(f"w{at}", periods[b + at * t], 1) for at in range(k))
    layout = load("designs", "stepped_wedge", kind=Design).layout(Rollout(periods, waves), k)
    power = Power(effect=0.1, sd=(1 - r) ** 0.5, children=n)  # a variance of 1 in all
    answer = found(layout, power, Correlation("nested", r, 1.0))
    # So many units have the variance that 4 / N gives N children of a trial of children.
    assert answer.variance == pytest.approx(4 * woertman(k, t, b, n, r) / (k * n), rel=1e-12)


# --------------------------------------------- a national roll-out, and a parallel comparison
def national() -> Layout:
    """Return 152 areas over twelve terms: five waves, one every other term, and a late group."""
    periods = tuple(f"t{at}" for at in range(12))
    waves = (*(Wave(f"w{at}", periods[2 * at]) for at in range(1, 6)), Wave("late"))
    return load("designs", "staggered", kind=Design).layout(Rollout(periods, waves), 152)


NATIONAL = [("nested", 1.0), ("nested", 0.9), ("nested", 0.8), ("decay", 0.9), ("decay", 0.8)]


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        (50, (0.0313, 0.0350, 0.0382, 0.0473, 0.0531)),
        (200, (0.0158, 0.0226, 0.0276, 0.0353, 0.0432)),
        (1000, (0.0071, 0.0177, 0.0239, 0.0294, 0.0390)),
    ],
)
def test_smallest_effects_of_a_national_rollout(children, expected):
    power = Power(sd=0.95**0.5, children=children)
    for (structure, cac), value in zip(NATIONAL, expected, strict=True):
        answer = found(national(), power, Correlation(structure, 0.05, cac))
        assert answer.mdes == pytest.approx(value, abs=5.01e-5), (structure, cac)
        assert answer.power_z is None


@pytest.mark.parametrize(
    ("children", "cac", "value"),
    [
        *((50, 0.73, 0.0550), (50, 0.91, 0.0465), (50, 0.19, 0.0475)),
        *((200, 0.73, 0.0466), (200, 0.91, 0.0342), (200, 0.19, 0.0432)),
    ],
)
def test_smallest_effects_rise_and_fall_as_levels_fade(children, cac, value):
    power = Power(sd=0.95**0.5, children=children)
    answer = found(national(), power, Correlation("decay", 0.05, cac))
    assert answer.mdes == pytest.approx(value, abs=5.01e-5)


@pytest.mark.parametrize(
    ("units", "children", "icc", "explained", "value"),
    [(152, 200, 0.05, (0.7, 0.4), 0.0611), (160, 25, 0.15, (0.5, 0.5), 0.1352)],
)
def test_a_parallel_comparison_of_one_period(units, children, icc, explained, value):
    # The period before tells nothing where nothing lasts, so that one period is left.
    periods = ("before", "after")
    layout = load("designs", "parallel", kind=Design).layout(Rollout(periods), units)
    power = Power(
        sd=(1 - icc) ** 0.5,
        children=children,
        explained_between=explained[0],
        explained_within=explained[1],
    )
    answer = found(layout, power, Correlation("nested", icc, 0.0))
    assert answer.mdes_t == pytest.approx(value, abs=5.01e-5)
    by_hand = (icc * (1 - explained[0]) + (1 - icc) * (1 - explained[1]) / children) * 4 / units
    assert answer.variance == pytest.approx(by_hand, rel=1e-12)


def test_the_share_that_lasts_is_what_optimists_leave_out():
    power = Power(sd=0.95**0.5, children=1000)
    found_at = {
        cac: found(national(), power, Correlation(structure, 0.05, cac)).mdes
        for structure, cac in (("nested", 1.0), ("decay", 0.8))
    }
    assert found_at[0.8] / found_at[1.0] == pytest.approx(5.5, abs=0.05)
