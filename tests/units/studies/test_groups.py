"""Whom a term is asked of: subgroups are questions of their own; their differences are tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.analysis import Task
from fingerpost.core.column import Column
from fingerpost.core.errors import Malformed
from fingerpost.core.estimand import Estimand, Target, pair
from fingerpost.core.inference import standard_errors
from fingerpost.studies import groups
from fingerpost.studies.answering import analysis_of, answer_outcome
from suites.worlds import World, term
from units.studies.test_answering import study_of

ATE = term("continuous", Target("ate"))


def by_sex(world: World, *, estimators: tuple[str, ...] = ("ipw",), **more):
    """Return a study that asks of boys and girls too, and what it finds in one draw."""
    cohort = world.draw(1)
    study = study_of(cohort, ATE, estimators=estimators, **more)
    study = replace(study, estimand=replace(study.estimand, subgroups=("boy",)))
    terms = groups.asked(study, cohort, "y")
    found = answer_outcome(study, Task(cohort, terms, analysis_of(study)), lambda words: None)
    return cohort, study, found


def test_a_subgroup_is_answered_as_a_study_of_its_children_alone() -> None:
    cohort, study, found = by_sex(World(n=4000, arms=2))
    told = {
        t: v for a in found.answers for t, v in zip(a.estimate.terms, a.estimate.value, strict=True)
    }
    assert {t.subgroup for t in told} == {None, "boy = boy", "boy = girl"}
    boys = cohort.take(np.flatnonzero(cohort.covariates["boy"].values == 1))
    boys = replace(boys, covariates={"index": boys.covariates["index"]})
    alone = replace(study, assignment=replace(study.assignment, given=("index",)))
    alone = replace(alone, estimand=replace(alone.estimand, subgroups=()))
    task = Task(boys, groups.asked(alone, boys, "y"), analysis_of(alone))
    (answer,) = answer_outcome(alone, task, lambda words: None).answers
    own = next(value for t, value in told.items() if t.subgroup == "boy = boy")
    assert own == pytest.approx(answer.estimate.value[0], abs=1e-9)


def test_a_difference_between_subgroups_is_tested_with_shared_schools() -> None:
    """The standard error of the difference is that of an independent recomputation by school."""
    _, _, found = by_sex(World(n=4000, arms=2), estimators=("ipw", "aipw"))
    (table,) = [one for one in found.tables if one.name == "subgroup_differences"]
    assert [row["estimator"] for row in table.records()] == ["ipw", "aipw"]
    for row in table.records():
        parts = {
            a.estimate.terms[0].subgroup: a.estimate
            for a in found.answers
            if a.leaf == row["estimator"]
        }
        girls, boys = parts["boy = girl"], parts["boy = boy"]
        assert row["difference"] == pytest.approx(boys.value[0] - girls.value[0])
        schools = np.union1d(girls.spread.units, boys.spread.units)
        apart = np.zeros(len(schools))
        for sign, one in ((1, boys), (-1, girls)):
            root = np.sqrt(one.spread.correction)
            apart[np.searchsorted(schools, one.spread.units)] += sign * root * one.spread.sums[:, 0]
        assert row["se"] == pytest.approx(np.sqrt(apart @ apart), rel=1e-9)
        assert row["wald"] == pytest.approx((row["difference"] / row["se"]) ** 2, rel=1e-9)


def test_subgroups_that_are_alike_are_rarely_found_different() -> None:
    """Size of the test: 5% of 200 worlds, within 3.5 Monte Carlo errors."""
    rejected = []
    for seed in range(200):
        cohort = World(n=800, schools=60, arms=2, equal_effects=True).draw(9000 + seed)
        study = study_of(cohort, ATE, estimators=("aipw",))
        study = replace(study, estimand=replace(study.estimand, subgroups=("boy",)))
        task = Task(cohort, groups.asked(study, cohort, "y"), analysis_of(study))
        found = answer_outcome(study, task, lambda words: None)
        (table,) = [one for one in found.tables if one.name == "subgroup_differences"]
        rejected.append(table.records()[0]["p"] < 0.05)
    assert abs(np.mean(rejected) - 0.05) < 3.5 * np.sqrt(0.05 * 0.95 / 200)


def test_a_small_subgroup_is_refused_and_the_others_are_answered() -> None:
    world = World(n=4000, arms=2)
    cohort = world.draw(1)
    rare = Column((np.arange(cohort.n) < 30).astype(np.int64), ("no", "yes"))
    cohort = replace(cohort, roles={"rare": rare})
    study = study_of(cohort, ATE, estimators=("ipw",))
    study = replace(study, estimand=replace(study.estimand, subgroups=("rare",)))
    task = Task(cohort, groups.asked(study, cohort, "y"), analysis_of(study))
    found = answer_outcome(study, task, lambda words: None)
    (refusal,) = found.refusals
    assert refusal.terms[0].subgroup == "rare = yes"
    answered = {t.subgroup for a in found.answers if a.estimate for t in a.estimate.terms}
    assert answered == {None, "rare = no"}
    (table,) = [one for one in found.tables if one.name == "subgroup_support"]
    refused = [row for row in table.records() if row["subgroup"] == "rare = yes"]
    assert refused and all(str(row["verdict"]).startswith("refuse") for row in refused)


def test_a_number_of_many_values_makes_no_subgroups() -> None:
    cohort = World(n=500, arms=2).draw(1)
    with pytest.raises(Malformed, match=r"index.*different values"):
        groups.subgroups(cohort, "index")


def test_contrasts_taken_together_have_bands_wider_than_each_alone() -> None:
    cohort = World(n=4000, arms=3).draw(2)
    study = study_of(cohort, ATE, estimators=("ipw",))
    both = (pair("support", "none"), pair("plan", "none"))
    study = replace(study, estimand=Estimand(both, (Target("ate"),)))
    task = Task(cohort, groups.asked(study, cohort, "y"), analysis_of(study))
    found = answer_outcome(study, task, lambda words: None)
    (table,) = [one for one in found.tables if one.name == "joint"]
    (answer,) = found.answers
    errors = standard_errors(answer.estimate)
    for row, error in zip(table.records(), errors, strict=True):
        half = (row["hi"] - row["lo"]) / 2
        assert 1.96 * error < half < 2.5 * error
    value, spread = answer.estimate.value, answer.estimate.spread
    covariance = spread.correction * spread.sums.T @ spread.sums
    assert table.records()[0]["wald"] == pytest.approx(value @ np.linalg.inv(covariance) @ value)


def test_a_weighted_contrast_is_the_same_combination_of_pairs() -> None:
    cohort = World(n=4000, arms=3).draw(2)
    study = study_of(cohort, ATE, estimators=("aipw",))
    mean = (("support", 0.5), ("plan", 0.5), ("none", -1.0))
    asked = (pair("support", "none"), pair("plan", "none"), mean)
    study = replace(study, estimand=Estimand(asked, (Target("ate"),)))
    task = Task(cohort, groups.asked(study, cohort, "y"), analysis_of(study))
    (answer,) = answer_outcome(study, task, lambda words: None).answers
    first, second, both = answer.estimate.value
    assert both == pytest.approx((first + second) / 2, abs=1e-10)
