"""Balance and weights against independent formulae."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fingerpost.core.estimand import Target
from fingerpost.studies import diagnostics
from fingerpost.studies.weights import indicators, weighting
from suites import over_time_worlds
from suites.worlds import World, task, term


@pytest.fixture(scope="module")
def made():
    cohort = World(n=1500, schools=50, arms=2).draw(3)
    own = task(cohort, term("continuous", Target("ate")))
    return own, weighting(own, own.terms[0], 0.01), indicators(cohort, ("index", "boy"))


def test_before_weighting_distances_are_the_textbook_ones(made) -> None:
    own, weighted, covariates = made
    rows = diagnostics.balance(own, weighted, covariates).records()
    x, arm = np.asarray(own.cohort.covariates["index"].values), own.cohort.arm
    first, second = x[arm == 0], x[arm == 1]
    pooled = np.sqrt((first.var() + second.var()) / 2)
    assert rows[0]["pair_before"] == pytest.approx(abs(first.mean() - second.mean()) / pooled)
    away = max(abs(first.mean() - x.mean()), abs(second.mean() - x.mean()))
    assert rows[0]["smd_before"] == pytest.approx(away / pooled)
    assert rows[0]["ks_before"] == pytest.approx(stats.ks_2samp(first, second).statistic)
    ratio = max(first.var(), second.var()) / min(first.var(), second.var())
    assert rows[0]["vr_before"] == pytest.approx(ratio)
    assert [row["covariate"] for row in rows] == ["index", "boy = girl", "boy = boy"]


def test_weighting_brings_arms_to_the_target(made) -> None:
    own, weighted, covariates = made
    rows = diagnostics.balance(own, weighted, covariates).records()
    assert max(row["smd_after"] for row in rows) < 0.03 < rows[0]["smd_before"]


def test_overlap_weights_balance_exactly_under_a_logit() -> None:
    """Li, Morgan & Zaslavsky (2018), theorem 3."""
    cohort = World(n=1500, arms=2).draw(3)
    own = task(cohort, term("continuous", Target("overlap")))
    weighted = weighting(own, own.terms[0], 0.01)
    rows = diagnostics.balance(own, weighted, indicators(cohort, ("index", "boy"))).records()
    assert max(row["pair_after"] for row in rows) < 1e-7


def test_weights_of_the_ate_sum_to_all_children_in_each_arm_on_average(made) -> None:
    own, weighted, _ = made
    for weight in weighted.own.values():
        assert weight.sum() == pytest.approx(own.cohort.n, rel=0.05)


def test_histograms_count_every_child(made) -> None:
    own, _, _ = made
    table = diagnostics.overlap(own)
    assert sum(table.column("children")) == own.cohort.n


def test_copies_that_departed_are_not_there_before_weighting_either() -> None:
    """Copies of the same children differ in nothing: what has to be made alike are those who
    followed an arm's strategy to its end, and everybody.
    """
    cohort = over_time_worlds.copies(over_time_worlds.lived(np.random.default_rng(4), 6_000))
    task = over_time_worlds.task(cohort)
    weighted = weighting(task, over_time_worlds.asked(), 0.01)
    row = diagnostics.balance(task, weighted, indicators(cohort, ("x",))).records()[0]
    x, followed = cohort.covariates["x"].values, cohort.course.followed
    means = [x[followed & (cohort.arm == arm)].mean() for arm in (0, 1)]
    scale = x.std()  # the same in both arms, which hold the same children
    assert row["pair_before"] == pytest.approx((max(means) - min(means)) / scale)
    assert row["smd_before"] > 0.2
    assert row["smd_after"] < row["smd_before"] / 3
