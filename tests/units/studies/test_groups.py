"""Whom a term is asked of: subgroups are questions of their own; their differences are tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fingerpost.core.analysis import Task
from fingerpost.core.column import Column
from fingerpost.core.errors import Malformed
from fingerpost.core.estimand import Estimand, Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.studies import groups
from fingerpost.studies.answering import analysis_of, answer_outcome
from fingerpost.studies.several import wide_enough
from fingerpost.studies.subgroup_pooling import pooled
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


def test_a_subgroup_whose_children_all_lack_the_outcome_is_refused() -> None:
    cohort = World(n=4000, arms=2).draw(1)
    rare = np.arange(cohort.n) < 300
    outcome = replace(cohort.outcomes["y"], observed=~rare)
    role = Column(rare.astype(np.int64), ("no", "yes"))
    cohort = replace(cohort, roles={"rare": role}, outcomes={"y": outcome})
    study = study_of(cohort, ATE, estimators=("ipw",))
    study = replace(study, estimand=replace(study.estimand, subgroups=("rare",)))
    terms = groups.asked(study, cohort, "y")
    seen = groups.part_of(Task(cohort, terms, analysis_of(study)), ~rare)
    found = answer_outcome(study, replace(seen, terms=terms), lambda words: None)
    assert [r.terms[0].subgroup for r in found.refusals] == ["rare = yes"]
    assert len(found.answers) == 2


@pytest.mark.parametrize("size", [2, 6, 200])
def test_trimming_that_cannot_be_fitted_in_a_subgroup_bars_it_alone(size: int) -> None:
    cohort = World(n=4000, arms=2).draw(1)
    rare = np.arange(cohort.n) < size
    index = np.asarray(cohort.covariates["index"].values).copy()
    index[rare] = 50.0 * cohort.arm[rare] + index[rare]  # within it, index tells the arm
    role = Column(rare.astype(np.int64), ("no", "yes"))
    columns = {**cohort.covariates, "index": Column(index)}
    cohort = replace(cohort, roles={"rare": role}, covariates=columns)
    asked = term("continuous", Target("ate", trim=0.02))
    study = study_of(cohort, asked, estimators=("aipw",))
    study = replace(study, estimand=replace(study.estimand, subgroups=("rare",)))
    task = Task(cohort, groups.asked(study, cohort, "y"), analysis_of(study))
    found = answer_outcome(study, task, lambda words: None)
    assert "rare = yes" in {r.terms[0].subgroup for r in found.refusals}
    answered = {t.subgroup for a in found.answers if a.estimate for t in a.estimate.terms}
    assert "rare = no" in answered


def test_numbers_that_differ_late_make_two_subgroups() -> None:
    cohort = World(n=500, arms=2).draw(1)
    code = np.where(np.arange(500) % 2 == 0, 1234567.0, 1234568.0)
    found = groups.subgroups(replace(cohort, roles={"code": Column(code)}), "code")
    assert [label for label, _ in found] == ["code = 1234567", "code = 1234568"]
    assert sum(int(who.sum()) for _, who in found) == 500


def test_bands_that_hold_all_contrasts_hold_each_with_few_schools() -> None:
    cohort = World(n=1500, schools=11, arms=3).draw(2)
    study = study_of(cohort, ATE, estimators=("ipw",))
    both = (pair("support", "none"), pair("plan", "none"))
    study = replace(study, estimand=Estimand(both, (Target("ate"),)))
    task = Task(cohort, groups.asked(study, cohort, "y"), analysis_of(study))
    found = answer_outcome(study, task, lambda words: None)
    (table,) = [one for one in found.tables if one.name == "joint"]
    alone = intervals(found.answers[0].estimate)
    for row, (low, high) in zip(table.records(), alone, strict=True):
        assert row["lo"] <= low + 1e-12 and row["hi"] >= high - 1e-12


def test_bands_of_contrasts_lie_as_far_out_as_their_own_t_says() -> None:
    """A normal band at 2.5 errors is that of one contrast in 80; t with 4 and with 9 degrees of
    freedom is exceeded as rarely further out, and a resampled value half as wide again by half.
    """
    terms = tuple(Term("y", pair(arm, "none"), ATE.target) for arm in ("support", "plan"))
    one = Estimate(terms[:1], np.zeros(1), Matrix(np.eye(1)), df=np.array([4.0]))
    wide = float(stats.t.ppf(0.975, 9)) * 1.5
    two = Estimate(
        terms[1:], np.zeros(1), Matrix(np.eye(1)), df=np.array([9.0]), critical=np.array([wide])
    )
    joined = Estimate(terms, np.zeros(2), Matrix(np.eye(2)))
    bands = wide_enough(joined, (one, two), np.array([[-2.5, 2.5]] * 2), level=0.95)
    tail = stats.norm.sf(2.5)
    exact = (stats.t.isf(tail, 4), 1.5 * stats.t.isf(tail, 9))
    assert bands[:, 1] == pytest.approx(exact) and bands[:, 0] == pytest.approx(-bands[:, 1])


def test_subgroups_are_drawn_towards_one_another_and_not_past() -> None:
    _, _, found = by_sex(World(n=4000, arms=2), estimators=("ipw", "aipw"))
    (table,) = [one for one in found.tables if one.name == "subgroups_pooled"]
    for leaf in ("ipw", "aipw"):
        girl, boy = (row for row in table.records() if row["estimator"] == leaf)
        apart = boy["estimate"] - girl["estimate"]
        assert 0 < (boy["pooled"] - girl["pooled"]) / apart < 1
        assert 0 < girl["kept"] < 1 and girl["centre"] == boy["centre"]
        assert girl["lo"] < girl["pooled"] < girl["hi"]


def test_one_subgroup_is_drawn_to_none() -> None:
    _, _, found = by_sex(World(n=4000, arms=2))
    held = [("ipw", a.estimate) for a in found.answers if a.estimate.terms[0].subgroup]
    assert pooled(held[:1], level=0.95) is None
    assert len(pooled(held, level=0.95).rows) == 2
