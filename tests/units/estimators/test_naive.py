"""The naive comparison against means and rates by hand, and statsmodels' clustered errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core import leaves
from fingerpost.core.estimand import Target
from fingerpost.core.inference import standard_errors
from fingerpost.core.leaves import Estimator
from suites.worlds import World, task, term
from units.estimators.cases import ask, bell_mccaffrey, clustered, said, small
from units.estimators.sandwich import children_of

ASSOCIATION = Target("association")


def rate(found, arm: int) -> float:
    mine = found.weight * found.c[:, arm]
    return float((mine @ found.y) / (mine @ found.time))


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_means_risks_and_rates_are_those_of_each_arm(kind, weighted):
    cohort = small(kind, 3, weighted=weighted)
    found = children_of(cohort)
    asked = term(kind, ASSOCIATION, arms=("plan", "support"))
    assert said(ask("naive", cohort, asked))[0] == pytest.approx(rate(found, 2) - rate(found, 1))
    ratio = said(ask("naive", cohort, replace(asked, scale="ratio")))[0]
    assert ratio == pytest.approx(np.log(rate(found, 2) / rate(found, 1)))


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("kind", ["continuous", "binary"])
def test_errors_of_differences_are_those_of_least_squares_on_the_arms(kind, weighted):
    cohort = small(kind, 3, weighted=weighted)
    found = children_of(cohort)
    model = sm.WLS(found.y, found.c, weights=found.weight)
    _, error = said(ask("naive", cohort, term(kind, ASSOCIATION)))
    assert error == pytest.approx(clustered(model, found.school, np.array([-1.0, 1, 0])))


@pytest.mark.parametrize("kind", ["binary", "count"])
def test_errors_of_ratios_are_those_of_a_poisson_model_of_the_arms(kind):
    """Zou (2004) for risks; person-time as offset for rates. The error is of the logarithm."""
    cohort = small(kind, 3)
    found = children_of(cohort)
    model = sm.GLM(found.y, found.c, sm.families.Poisson(), offset=np.log(found.time))
    _, error = said(ask("naive", cohort, term(kind, ASSOCIATION, "ratio")))
    assert error == pytest.approx(clustered(model, found.school, np.array([-1.0, 1, 0])))


def test_errors_of_differences_of_rates_are_those_of_rates_weighted_by_person_time():
    cohort = small("count", weighted=True)
    found = children_of(cohort)
    weights = found.weight * found.time
    model = sm.WLS(found.y / found.time, found.c, weights=weights)
    _, error = said(ask("naive", cohort, term("count", ASSOCIATION)))
    assert error == pytest.approx(clustered(model, found.school, np.array([-1.0, 1])))


@pytest.mark.parametrize("kind", ["continuous", "count"])
def test_few_schools_take_bell_and_mccaffreys_variance(kind):
    cohort = World(n=300, schools=15, kind=kind).draw(4)
    found = children_of(cohort)
    answer = ask("naive", cohort, term(kind, ASSOCIATION))
    error, df = bell_mccaffrey(
        found.c, found.y / found.time, found.time, found.school, np.array([-1.0, 1, 0])
    )
    assert said(answer)[1] == pytest.approx(error)
    assert answer.estimate.df == pytest.approx([df])
    assert answer.estimate.interval[0].startswith("t, CR2 by school")


def test_ordinary_errors_are_shown_beside():
    cohort = small("binary", 3, weighted=True)
    found = children_of(cohort)
    answer = ask("naive", cohort, term("binary", ASSOCIATION))
    row, *_ = next(t for t in answer.tables if t.name == "ordinary_errors").records()
    plain = sm.WLS(found.y, found.c, weights=found.weight).fit().t_test(np.array([-1.0, 1, 0]))
    assert (row["estimate"], row["se"]) == pytest.approx((plain.effect[0], plain.sd[0, 0]))


def test_the_means_of_the_arms_are_shown_with_the_children_behind_them():
    cohort = small("count", 3)
    found = children_of(cohort)
    answer = ask("naive", cohort, term("count", ASSOCIATION))
    table = next(table for table in answer.tables if table.name == "means")
    expected = {"none": rate(found, 0), "support": rate(found, 1)}
    assert dict(zip(table.column("arm"), table.column("mean"), strict=True)) == pytest.approx(
        expected
    )
    children = [int(found.c[:, cohort.arms.index(arm)].sum()) for arm in table.column("arm")]
    assert list(table.counts) == children


def test_a_ratio_asked_beside_a_difference_keeps_its_own_error():
    """With 20 schools the difference has CR2; the ratio must not be given the difference's."""
    cohort = World(n=400, schools=20, arms=2, kind="count").draw(3)
    leaf = leaves.load("estimators", "naive", kind=Estimator)
    asked = [term("count", Target("association"), scale) for scale in ("difference", "ratio")]
    both = standard_errors(leaf.run(task(cohort, *asked)).estimate)
    alone = standard_errors(leaf.run(task(cohort, asked[1])).estimate)
    assert both[1] == pytest.approx(alone[0], rel=1e-12)
