"""Orders of two provisions, draws on two levels, arms that come and go: counts, laws, faults."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.allocation import Arrived
from fingerpost.core.errors import UsageError
from fingerpost.core.leaves import Design, load
from fingerpost.core.rollout import Monitoring
from fingerpost.core.trial import Trial, TrialArm
from fingerpost.designs._periods import borders, period
from fingerpost.kernels.trial_power import Scheme, Tier, freedom, variance

SEED = bytes(range(32))
NONE = np.zeros(0, dtype=np.int64)
A, B, C = TrialArm("a"), TrialArm("b"), TrialArm("c")
ORDERS = (
    TrialArm("ab", levels=(("first", "a"), ("second", "b"))),
    TrialArm("ba", levels=(("first", "b"), ("second", "a"))),
)
SPILLS = (
    TrialArm("nobody", 2, levels=(("school", "none"),)),
    TrialArm("beside", levels=(("school", "some"),)),
    TrialArm("offered", levels=(("school", "some"),)),
)


def procedure(name: str):
    return load("designs", name, kind=Design).procedure


def arrived(n: int, *, size: int = 1, strata: int = 1) -> Arrived:
    at = np.arange(n)
    return Arrived(np.zeros((n, 0), dtype=np.int64), at % strata, 90 - at // size, NONE)


def test_every_cluster_is_of_one_kind_and_kinds_have_their_shares():
    trial = Trial(SPILLS, blocks=(2, 4))
    codes = procedure("two_level").replay(trial, arrived(24 * 8, size=8), SEED, 300)
    held = codes.reshape(300, 24, 8)
    none = (held == 0).all(axis=2)
    assert (none | (held > 0).all(axis=2)).all()
    # Clusters come in blocks of two or four; children of a cluster in blocks of two or four.
    assert (np.abs(none.sum(axis=1) - 12) <= 2).all() and none.sum(axis=1).std() < 1
    beside = (held == 1).sum(axis=2)[~none]
    assert (np.abs(beside - 4) <= 2).all() and set(beside.tolist()) >= {4}


def test_the_kind_of_a_cluster_hangs_on_when_its_first_child_comes_alone():
    trial, step = Trial(SPILLS, blocks=(2,)), procedure("two_level").step
    kind = []
    for cluster in ([5, 5, 9], [5, 9, 9], [9, 5, 5]):
        units = Arrived(np.zeros((3, 0), np.int64), NONE[:0].repeat(0), np.array(cluster), NONE)
        units = replace(units, stratum=np.zeros(3, dtype=np.int64), arm=np.array([0, 0]))
        kind.append(step(trial, units, SEED).arm > 0)
    first = step(trial, replace(units, arm=NONE), SEED).arm > 0
    assert kind[0] == kind[1] != first  # of a block of two the second cluster is of the other kind
    assert kind[2] != first


def test_the_closed_form_of_two_levels_is_that_of_its_means():
    """Hand's formula: icc (1/J₁ + 1/J₀) + (1 − icc)(1/n₁ + 1/n₀); within, no icc at all."""
    icc, size, schools = 0.15, 20, 40
    scheme = Scheme((Tier("child", size), Tier("school", schools, icc)))
    found = {
        (one, other): own
        for one, other, own in procedure("two_level").schemes(Trial(SPILLS), scheme)
    }
    apart = icc * (2 / 20) + (1 - icc) * (1 / 200 + 1 / 400)
    assert variance(found["beside", "nobody"]) == pytest.approx(apart)
    assert variance(found["offered", "nobody"]) == pytest.approx(apart)
    assert freedom(found["beside", "nobody"]) == 38
    beside = (1 - icc) * (1 / 200 + 1 / 200)
    assert variance(found["offered", "beside"]) == pytest.approx(beside)
    assert freedom(found["offered", "beside"]) == 400 - 20 - 1
    with pytest.raises(UsageError, match="how many clusters"):
        procedure("two_level").schemes(Trial(SPILLS), Scheme((Tier("child", 40),)))


def test_the_closed_form_of_a_crossover_is_that_of_half_the_difference():
    scheme = Scheme((Tier("child", 50, stays=0.7),))
    ((one, other, own),) = procedure("crossover").schemes(Trial(ORDERS), scheme)
    assert (one, other) == ("b", "a")
    # Var((y₁ − y₂)/2) = (1 − 0.7)/2, of 25 children of either order.
    assert variance(own) == pytest.approx((1 - 0.7) / 2 * (2 / 25)) and freedom(own) == 48


def test_arms_are_drawn_while_they_are_there_and_by_their_shares():
    trial = Trial((A, replace(B, closes=30), replace(C, opens=18, share=2)), blocks=(4, 6))
    assert borders(trial) == [18, 30]
    assert [period(trial, at) for at in (0, 17, 18, 30)] == [
        "units 1 to 18",
        "units 1 to 18",
        "units 19 to 30",
        "from unit 31",
    ]
    own = procedure("platform")
    codes = own.replay(trial, arrived(60, strata=2), SEED, 500)
    chance = own.chances(trial, arrived(60))
    assert chance[[0, 20, 40]].tolist() == [[0.5, 0.5, 0], [0.25, 0.25, 0.5], [1 / 3, 0, 2 / 3]]
    for arm in range(3):
        seen = (codes == arm).mean(axis=0)
        assert (np.abs(seen - chance[:, arm]) <= 5 * np.sqrt(0.25 / 500)).all()
        assert ((seen > 0) == (chance[:, arm] > 0)).all()


def test_what_is_decided_later_changes_nothing_that_was_drawn():
    trial = Trial((A, B, C), blocks=(4, 6), monitoring=Monitoring(looks=2))
    own, units = procedure("adaptive_multi_arm"), arrived(80, strata=2)
    dropped = replace(trial, arms=(A, replace(B, closes=41), C))
    one, two = (own.replay(each, units, SEED, 20, exact=True) for each in (trial, dropped))
    assert np.array_equal(one[:, :41], two[:, :41])
    assert not (two[:, 41:] == 1).any() and (one[:, 41:] == 1).any()


def test_blocks_that_hold_no_arms_that_are_left_are_made_as_long_as_they_must_be():
    trial = Trial((A, replace(B, closes=6), replace(C, share=2)), blocks=(4,))
    codes = procedure("platform").replay(trial, arrived(18), SEED, 50)
    late = codes[:, 6:].reshape(50, 2, 6)  # of shares 1 and 2 no block of four: six
    assert ((late == 0).sum(axis=2) == 2).all()


def test_the_closed_form_of_a_platform_counts_those_who_came_beside_it_alone():
    trial = Trial((A, replace(B, closes=100), replace(C, opens=50)), blocks=(6,))
    found = procedure("platform").schemes(trial, Scheme((Tier("child", 200),)))
    told = {one: variance(own) for one, _, own in found}
    # b beside a: 50 units in halves, 50 in thirds, and each of these times counts by its units.
    assert told["b"] == pytest.approx((2 / 25 + 2 / (50 / 3)) / 4)
    assert told["c"] == pytest.approx((50 / 150) ** 2 * 6 / 50 + (100 / 150) ** 2 * 4 / 100)


@pytest.mark.parametrize(
    ("name", "trial", "says"),
    [
        ("crossover", Trial((A, B), blocks=(2,), washout="a week"), "two orders"),
        ("crossover", Trial((*ORDERS, C), blocks=(3,), washout="a week"), "two orders"),
        ("crossover", Trial((ORDERS[0], ORDERS[0]), blocks=(2,), washout="a week"), "turned"),
        ("crossover", Trial(ORDERS, blocks=(2,)), "washout is missing"),
        ("two_level", Trial((A, B, C), blocks=(2,)), "of every arm, of two kinds"),
        ("two_level", Trial((SPILLS[0], SPILLS[1]), blocks=(2,)), "no kind of cluster has two"),
        ("two_level", Trial(SPILLS, blocks=(3,)), "multiples of 2"),
        ("platform", Trial((A, B, C), blocks=(3,)), "none enters or leaves"),
        ("platform", Trial((A, replace(B, opens=5)), blocks=(2,)), "three or more"),
        ("platform", Trial((replace(A, opens=5), B, C), blocks=(3,)), "the first arm"),
        ("platform", Trial((A, replace(B, opens=9, closes=5), C), blocks=(3,)), "before it opens"),
        (
            "platform",
            Trial((A, replace(B, closes=5), replace(C, opens=9)), blocks=(2,)),
            "one arm alone",
        ),
        ("platform", Trial((A, B, replace(C, opens=9))), "blocks is missing"),
        ("adaptive_multi_arm", Trial((A, B, C), blocks=(3,)), "monitoring.looks is missing"),
        (
            "adaptive_multi_arm",
            Trial((A, B, replace(C, opens=9)), blocks=(3,), monitoring=Monitoring(looks=2)),
            "Name platform",
        ),
        (
            "adaptive_multi_arm",
            Trial((A, B), blocks=(2,), monitoring=Monitoring(looks=2)),
            "three or more",
        ),
    ],
)
def test_what_a_design_needs_is_said(name, trial, says):
    assert any(says in fault for fault in procedure(name).check(trial))
