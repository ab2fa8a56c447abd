"""Strategies over time: by hand, by perturbing weights, and in a world whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.course import FIRST, KEEPING, LAST_CHANCE, WAITING, Course
from fingerpost.core.errors import NotFitted, UsageError
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.leaves import Estimator, load
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Study
from fingerpost.estimators._censoring import censoring
from suites import over_time_worlds as world

LEAVES = ("ipw", "time_varying")
# Of 1,000 children by first provision, state after it and second provision: how many, mean outcome.
CELLS = {
    (0, 0, 0): (240, 2.0),
    (0, 0, 1): (60, 1.5),
    (0, 1, 0): (80, 5.0),
    (0, 1, 1): (120, 4.0),
    (1, 0, 0): (100, 1.0),
    (1, 0, 1): (250, 0.5),
    (1, 1, 0): (30, 6.0),
    (1, 1, 1): (120, 3.0),
}
# By hand. Never: of 500 unprovided at first, 300 have state 0 and 200 state 1: .6·2 + .4·5. Always:
# of 500 provided at first, 350 and 150: .7·.5 + .3·3.
BY_HAND = {"never": 3.2, "always": 1.25}


def run(leaf: str, task: Task):
    """Return a leaf's answer."""
    return load("estimators", leaf, kind=Estimator).run(task)


def table() -> Cohort:
    """Return the children of the cells as copies under both strategies."""
    rows = np.array([cell for cell, (count, _) in CELLS.items() for _ in range(count)])
    y = np.array([mean for count, mean in CELLS.values() for _ in range(count)])
    n = len(rows)
    provided, state = rows[:, [0, 2]], np.column_stack([np.zeros(n), rows[:, 1]])
    stays = np.concatenate([np.cumprod(provided == a, axis=1).astype(bool) for a in (0, 1)])
    stage = np.tile(np.array([FIRST, KEEPING], dtype=np.int8), (2 * n, 1))
    value = np.where(stays[:, -1], np.tile(y, 2), np.nan)
    return Cohort(
        unit=np.tile(np.arange(n), 2),
        arms=("never", "always"),
        arm=np.repeat(np.arange(2), n),
        outcomes={"y": Outcome("continuous", value, observed=stays[:, -1])},
        covariates={},
        course=Course(stays, stage, {"state": np.tile(state, (2, 1))}),
    )


def mean_of(leaf: str, cohort: Cohort, arm: str) -> float:
    """Return a leaf's mean under one strategy, with nothing else to adjust for."""
    columns = {"one": world.Column(np.ones(cohort.n))}
    other = replace(cohort, covariates=columns)
    term = Term("y", ((arm, 1.0),), Target("ate"))
    answer = run(leaf, Task(other, (term,), Analysis((), stream="test")))
    return float(answer.estimate.value[0])


@pytest.mark.parametrize("leaf", LEAVES)
@pytest.mark.parametrize("arm", BY_HAND)
def test_two_decisions_by_hand(leaf: str, arm: str):
    """With one binary state and nothing smoothed, weighting and iterated expectation are the same
    sum over strata.
    """
    assert mean_of(leaf, table(), arm) == pytest.approx(BY_HAND[arm], abs=1e-10)


def test_adjusting_for_the_state_by_strata_is_another_number():
    """Comparing within strata of the later state, weighted by its share, is not the answer."""
    share = {s: sum(c for (_, t, _), (c, _) in CELLS.items() if t == s) / 1000 for s in (0, 1)}
    within = {s: CELLS[1, s, 1][1] - CELLS[0, s, 0][1] for s in (0, 1)}
    held_fixed = sum(share[s] * within[s] for s in (0, 1))
    truth = BY_HAND["always"] - BY_HAND["never"]
    assert abs(held_fixed - truth) > 0.2


@pytest.mark.parametrize("leaf", LEAVES)
@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_influence_is_the_derivative_in_a_childs_weight(leaf: str, kind: str):
    """What a child adds is how the answer moves with its weight, every model fitted again."""
    life = world.lived(np.random.default_rng(3), 400, kind)
    whole = replace(world.copies(life, kind), weight=np.ones(800))
    spread = run(leaf, world.task(whole, kind)).estimate.spread
    for child in (0, 7, 123, 250):
        values = []
        for step in (1e-4, -1e-4):
            weight = np.ones(800)
            weight[whole.unit == child] += step
            told = world.task(replace(whole, weight=weight), kind)
            values.append(float(run(leaf, told).estimate.value[0]))
        slope = (values[0] - values[1]) / 2e-4
        assert spread.sums[child, 0] == pytest.approx(slope, rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_both_leaves_find_the_truth_of_many_children(kind: str):
    """Of 40,000 children both answers lie within four standard errors of the truth."""
    cohort = world.copies(world.lived(np.random.default_rng(11), 40_000, kind), kind)
    for leaf in LEAVES:
        if (leaf, kind) == ("time_varying", "binary"):
            continue  # its logit at each decision is not the world's
        answer = run(leaf, world.task(cohort, kind)).estimate
        error = float(answer.value[0]) - world.truth(kind)
        assert abs(error) < 4 * float(standard_errors(answer)[0]), (leaf, kind)


def test_a_regression_that_holds_the_state_fixed_is_biased():
    """Adjusting for what earlier provision moved gives another number, of any size of sample."""
    life = world.lived(np.random.default_rng(12), 200_000)
    assert world.adjusted(life) - world.truth() > 0.2


@pytest.mark.slow
def test_coverage_over_100_worlds():
    """95% intervals cover, and errors average to nothing, in 100 worlds of 2,000 children: the fast
    form of benchmarks/TIME_VARYING_COVERAGE.md.
    """
    truth = world.truth()
    for leaf in LEAVES:
        values, covered = [], []
        for seed in range(100):
            cohort = world.copies(world.lived(np.random.default_rng(seed), 2_000))
            answer = run(leaf, world.task(cohort)).estimate
            low, high = intervals(answer)[0]
            values.append(float(answer.value[0]))
            covered.append(low <= truth <= high)
        spread = np.std(values, ddof=1)
        assert abs(np.mean(values) - truth) <= 3.5 * spread / np.sqrt(100), leaf
        assert 0.88 <= np.mean(covered) <= 0.99, leaf


@pytest.mark.parametrize("few", [False, True])
def test_schools_are_few_where_few_hold_the_weight_of_those_who_follow_on(few: bool):
    """Sixty schools of which those who follow an arm to its end leave fewer than twenty, by their
    weight, are as few as twenty would be: leverage-corrected, t and bootstrap.
    """
    cohort = world.copies(world.lived(np.random.default_rng(6), 1_200), schools=60)
    if few:
        # All but one in ten schools lose nearly all who provided to the end.
        school, course = cohort.clusters["school"], cohort.course
        leaves = (cohort.arm == 1) & (school % 10 > 0) & (cohort.unit % 16 > 0)
        stays = course.stays & ~(leaves[:, None] & (np.arange(3) == 2))
        seen = stays[:, -1]
        value = np.where(seen, cohort.outcomes["y"].value, np.nan)
        outcome = Outcome("continuous", value, observed=seen)
        cohort = replace(cohort, outcomes={"y": outcome}, course=replace(course, stays=stays))
    told = world.task(cohort, cluster="school")
    answer = run("ipw", told).estimate
    weight = censoring(told).weight * (cohort.arm == 1)
    held = np.bincount(cohort.clusters["school"], weights=weight)
    assert (held.sum() ** 2 / (held @ held) < 20) == few
    assert ("leverage-corrected" in answer.interval[0]) == few
    assert (answer.df is not None and answer.df[0] < 40) == few


def test_all_rows_of_a_child_are_one_cluster():
    """The variance sums a child's two copies: taking them for two children gives another."""
    cohort = world.copies(world.lived(np.random.default_rng(5), 600))
    told = run("ipw", world.task(cohort)).estimate
    assert len(told.spread.units) == 600
    apart = run("ipw", world.task(replace(cohort, unit=np.arange(1200)))).estimate
    assert float(standard_errors(told)[0]) != pytest.approx(float(standard_errors(apart)[0]), 1e-3)


def test_a_time_of_grace_lets_those_who_wait_count():
    """A waiting child is censored for certain nowhere but at the end of grace."""
    n = 400
    rng = np.random.default_rng(6)
    begins = rng.integers(0, 3, n)  # at the first decision, the second, or never
    stays = np.column_stack([np.ones(n, bool), begins < 2])
    stage = np.tile(np.array([WAITING, KEEPING], dtype=np.int8), (n, 1))
    stage[:, 0], stage[begins > 0, 1] = FIRST, LAST_CHANCE
    y = np.where(begins == 0, 1.0, 2.0)
    cohort = Cohort(
        unit=np.arange(n),
        arms=("soon",),
        arm=np.zeros(n, dtype=int),
        outcomes={
            "y": Outcome("continuous", np.where(stays[:, 1], y, np.nan), observed=stays[:, 1])
        },
        covariates={},
        course=Course(stays, stage, {"begun": np.column_stack([np.zeros(n), begins == 0])}),
    )
    # Those who wait are made up to all who waited: a third began at once, two thirds later.
    share = float((begins == 0).mean())
    assert mean_of("time_varying", cohort, "soon") == pytest.approx(share + 2 * (1 - share))


def test_nobody_who_goes_on_is_said():
    """A strategy that nobody keeps to cannot be answered of, and which decision it was is told."""
    cohort = world.copies(world.lived(np.random.default_rng(7), 300))
    stays = cohort.course.stays.copy()
    stays[300:, 1:] = False
    gone = replace(cohort, course=replace(cohort.course, stays=stays))
    y = replace(cohort.outcomes["y"], observed=stays[:, -1])
    gone = replace(gone, outcomes={"y": y})
    for leaf in LEAVES:
        with pytest.raises(NotFitted, match="support"):
            run(leaf, world.task(gone))


def test_a_study_without_strategies_over_time_is_refused():
    """The leaf says what to write."""
    leaf = load("estimators", "time_varying", kind=Estimator)
    with pytest.raises(UsageError, match="through: year 3"):
        leaf.check(Study("s", "q"), {})


def test_contrast_is_of_the_means():
    """A contrast is the difference of the two strategies' means."""
    cohort = table()
    columns = {"one": world.Column(np.ones(cohort.n))}
    term = Term("y", pair("always", "never"), Target("ate"))
    told = Task(replace(cohort, covariates=columns), (term,), Analysis((), stream="test"))
    assert float(run("time_varying", told).estimate.value[0]) == pytest.approx(1.25 - 3.2)
