"""Targets, cells and faults of power, where they can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.errors import Malformed
from fingerpost.core.rollout import Correlation, Layout, Power
from fingerpost.designs._power import (
    compared,
    covariances,
    effect_of,
    faults_of,
    grounds,
    reach,
    target_shares,
    within,
)

LAYOUT = Layout(
    ("a", "b", "late"), ("t0", "t1", "t2", "t3"), np.array([1, 2, -1]), np.array([4, 2, 6])
)
POWER = Power(effect=0.2, sd=1.0, children=50)
NESTED = Correlation("nested", 0.05, 0.8)


def shares(target: str, **more: object) -> list[float]:
    power = replace(POWER, target=target, **more)
    ground = grounds(LAYOUT, power)
    found = target_shares(LAYOUT, power, observed=ground.observed, answered=ground.answered)
    return found.tolist()


def test_targets_weigh_exposures_as_they_say():
    # Wave a (4 units) has exposures 0, 1, 2; wave b (2 units) has 0 and 1.
    assert shares("simple") == pytest.approx([6 / 16, 6 / 16, 4 / 16])
    assert shares("exposure_average") == pytest.approx([1 / 3] * 3)
    both = np.array([4 / 6 / 3 + 2 / 6 / 2, 4 / 6 / 3 + 2 / 6 / 2, 4 / 6 / 3])
    assert shares("group_average") == pytest.approx(both.tolist())
    # t1: a at 0. t2: a at 1, b at 0. t3: a at 2, b at 1.
    calendar = np.array([1 + 2 / 6, 4 / 6 + 2 / 6, 4 / 6]) / 3
    assert shares("calendar_average") == pytest.approx(calendar.tolist())
    assert shares("long_term") == [0, 0, 1]
    assert shares("at_exposure", exposure=1) == [0, 1, 0]


def test_only_exposures_with_units_that_wait_are_answered():
    everyone = Layout(("a", "b"), LAYOUT.periods, np.array([1, 3]), np.array([5, 5]))
    observed = np.ones((2, 4), bool)
    assert compared(everyone.exposure, observed) == (0, 1)
    with pytest.raises(Malformed, match="Name one of: 0, 1"):
        grounds(everyone, replace(POWER, target="at_exposure", exposure=2))
    with pytest.raises(Malformed, match="none was named"):
        grounds(everyone, replace(POWER, target="at_exposure"))
    assert grounds(everyone, replace(POWER, target="long_term")).answered == (0, 1)


def test_units_that_all_begin_at_once_tell_nothing():
    alone = Layout(("all",), LAYOUT.periods, np.array([1]), np.array([400]))
    with pytest.raises(Malformed, match="Nothing is told"):
        grounds(alone, POWER)


def test_the_variance_of_a_target_is_that_of_its_weighted_sum():
    # A target with weight on one exposure is that exposure.
    every = reach(grounds(LAYOUT, replace(POWER, target="simple")), POWER, correlation=NESTED)
    for exposure, variance in every.at:
        power = replace(POWER, target="at_exposure", exposure=exposure)
        assert reach(grounds(LAYOUT, power), power, correlation=NESTED).variance == pytest.approx(
            variance
        )


def test_periods_in_which_nobody_waits_count_only_for_one_constant_effect():
    """Against least squares written out unit by unit elsewhere (standard error 0.175413), and a
    study that ends when the last wave begins.
    """
    waves, begins = ("a", "b", "c", "d"), np.array([1, 2, 3, 4])
    layout = Layout(waves, tuple("012345"), begins, np.array([6, 5, 7, 6]))
    ended = Layout(waves, tuple("0123"), np.array([1, 2, 3, -1]), layout.units)
    fading = Correlation("decay", 0.1, 0.7)
    power = Power(effect=0.1, sd=1.0, children=100, target="long_term")
    whole = reach(grounds(layout, power), power, correlation=fading).variance
    assert whole**0.5 == pytest.approx(0.175413, abs=1e-6)
    assert whole == pytest.approx(reach(grounds(ended, power), power, correlation=fading).variance)
    alike = replace(power, target="constant")
    more, less = (
        reach(grounds(each, alike), alike, correlation=fading) for each in (layout, ended)
    )
    assert more.variance < less.variance


def test_an_exposure_that_one_unit_alone_reaches_is_not_answered():
    first = Layout(("a", "b", "late"), LAYOUT.periods, LAYOUT.begins, np.array([1, 2, 6]))
    assert grounds(first, replace(POWER, target="simple")).answered == (0, 1)
    assert grounds(first, POWER).answered == (0, 1, 2)


def test_cells_without_returns_are_left_out():
    power = replace(POWER, unseen=(("a", ("t0", "t3")),))
    ground = grounds(LAYOUT, power)
    assert ground.observed.tolist() == [
        [False, True, True, False],
        [True] * 4,
        [True] * 4,
    ]
    assert ground.exposures == (0, 1)
    full = reach(grounds(LAYOUT, POWER), POWER, correlation=NESTED).variance
    assert reach(ground, power, correlation=NESTED).variance > full
    with pytest.raises(Malformed) as caught:
        grounds(LAYOUT, replace(POWER, unseen=(("lat", ("t0",)), ("a", ("t9",)))))
    assert len(caught.value.problems) == 2
    assert 'Did you mean "late"?' in caught.value.problems[0]


def test_variances_within_a_unit_by_kind_of_outcome():
    assert within(replace(POWER, sd=3.0)) == 9.0
    risk = Power(kind="binary", level=0.05, level_with=0.035)
    assert within(risk) == pytest.approx(0.0425 * 0.9575)
    assert effect_of(risk) == pytest.approx(-0.015)
    by_effect = Power(kind="binary", level=0.05, effect=-0.015)
    assert within(by_effect) == pytest.approx(within(risk))
    assert within(Power(kind="count", level=2.0, level_with=1.5)) == pytest.approx(1.75)
    assert effect_of(Power(sd=1.0)) is None


def test_covariates_take_their_share_of_each_variance():
    power = replace(POWER, explained_between=0.5, explained_within=0.25, children=1)
    ground = grounds(LAYOUT, power)
    plain = covariances(ground, POWER, NESTED, np.ones(1))[0, 0]
    left = covariances(ground, power, NESTED, np.ones(1))[0, 0]
    between = 0.05 / 0.95
    assert plain[0, 1] == pytest.approx(0.8 * between)
    assert plain[0, 0] == pytest.approx(between + 1.0)
    assert left[0, 1] == pytest.approx(plain[0, 1] / 2)
    assert left[0, 0] == pytest.approx(between / 2 + 0.75)


def test_weight_of_size_runs_from_units_to_children():
    def double(icc: float, children: float) -> float:
        power = replace(POWER, children=children)
        return reach(grounds(LAYOUT, power), power, correlation=replace(NESTED, icc=icc)).double

    assert double(0.0, 50) == pytest.approx(2.0)
    assert double(0.2, 1e6) == pytest.approx(1.0, abs=1e-4)
    assert 1.0 < double(0.05, 50) < 2.0


@pytest.mark.parametrize(("cv", "variance"), [(0.5, 0.009992), (1.0, 0.011700), (2.0, 0.019156)])
def test_unequal_sizes_are_averaged_over_draws_of_them(cv, variance):
    """Against 3,000 draws of gamma sizes of 12 units, each with least squares of its own (their
    error is 0.2%, 0.5% and 1.1%); at the mean of what units tell the second would be 0.0104.
    """
    waves = ("a", "b", "c", "d")
    layout = Layout(waves, tuple("01234"), np.array([1, 2, 3, 4]), np.array([3] * 4))
    power = Power(effect=0.3, sd=1.0, children=20, size_cv=cv)
    held = Correlation("nested", 0.02, 0.8)
    found = reach(grounds(layout, power), power, correlation=held).variance
    assert found == pytest.approx(variance, rel=0.04 if cv > 1 else 0.02)


def test_too_few_units_have_no_t():
    pair = Layout(("a", "late"), LAYOUT.periods, np.array([1, -1]), np.array([1, 1]))
    answer = reach(grounds(pair, POWER), POWER, correlation=NESTED)
    assert answer.df is None and answer.power_t is None and answer.mdes_t is None
    assert answer.power_z is not None


@pytest.mark.parametrize(
    ("power", "says"),
    [
        (Power(), "needs sd"),
        (Power(kind="binary"), "needs level"),
        (Power(kind="binary", level=1.2), "a risk between 0 and 1"),
        (Power(kind="binary", level=0.1, effect=-0.2), "the level with provision is -0.1"),
        (Power(kind="count", level=-1.0), "a rate above 0"),
        (Power(kind="binary", level=0.1, level_with=0.2, effect=0.3), "Leave one of them out"),
        (replace(POWER, children=0.0), "more than 0"),
        (replace(POWER, explained_between=1.0), "explained_between"),
        (replace(POWER, correlations=(Correlation(icc=1.0),)), "icc of 1"),
        (replace(POWER, correlations=(Correlation(cac=1.2),)), "cac of 1.2"),
        (replace(POWER, correlations=(Correlation(iac=0.2),)), "are of a cohort"),
        (replace(POWER, correlations=(Correlation(effect_sd=-1),)), "0 or more"),
    ],
)
def test_faults_say_what_is_wrong(power, says):
    assert any(says in fault for fault in faults_of(power))


def test_a_sound_question_has_no_fault():
    assert faults_of(POWER) == []
    assert faults_of(Power(kind="binary", level=0.05, level_with=0.032)) == []
