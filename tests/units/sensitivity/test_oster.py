"""Proportional selection: the cubic against its own statement, the fit against statsmodels, and
the truth at the true delta and R²."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, TooFew, Unanswerable, UsageError
from fingerpost.core.estimand import pair
from fingerpost.sensitivity._oster import Moved, adjusted, biases, delta_for, usual_r_max
from fingerpost.sensitivity.oster import run
from suites.sensitivity_worlds import make_cohort, make_study, make_task


def world(seed, n=400, *, delta=1.0, beta=0.5):
    """Selection on the unrecorded index is delta times that on the recorded one, exactly."""
    draw = np.random.default_rng(seed)
    recorded, unrecorded = draw.standard_normal(n), 0.8 * draw.standard_normal(n)
    arm = (0.6 * recorded + delta * 0.6 * unrecorded + draw.standard_normal(n) > 0).astype(int)
    score = beta * arm + recorded + unrecorded + draw.standard_normal(n)
    return arm, score, recorded, unrecorded


def true_r_max(delta, beta=0.5):
    """Of the regression on arm and both indices: the noise of the score has variance 1."""
    spread = math.sqrt(0.6**2 + (0.6 * delta * 0.8) ** 2 + 1)
    with_arm = (0.6 + 0.6 * delta * 0.64) / spread / math.sqrt(2 * math.pi)
    return 1 - 1 / (beta**2 / 4 + 1 + 0.64 + 1 + 2 * beta * with_arm)


def asked(arm, score, covariates, given=None, study=None, **options):
    cohort = make_cohort(arm, score, covariates)
    given = tuple(covariates) if given is None else given
    return make_task(cohort, make_study(given) if study is None else study, **options)


def rows(answer, name="oster"):
    return [row for table in answer.tables if table.name == name for row in table.records()]


def measured(arm, score, *covariates, shared=()):
    """The seven moments by statsmodels and population variances."""
    fits = [
        sm.OLS(score, sm.add_constant(np.column_stack([arm, *shared, *more]))).fit()
        for more in ((), covariates)
    ]
    given = np.column_stack([np.ones(len(arm)), *shared, *covariates])
    base = np.column_stack([np.ones(len(arm)), *shared])
    left = [sm.OLS(arm.astype(float), x).fit().resid.var() for x in (base, given)]
    return Moved(
        fits[0].params[1],
        fits[1].params[1],
        score.var(),
        *(fit.resid.var() for fit in fits),
        *left,
    )


def stata(moved, delta, r_max):
    """The solution as psacalc programs it: a quadratic at delta 1, else Cardano; written anew."""
    x, t, d = moved.arm, moved.arm_left, moved.short - moved.controlled
    told, untold = moved.short_left - moved.controlled_left, (r_max - moved.r2) * moved.outcome
    if delta == 1:
        theta = untold * (x - t) - told * t - x * t * d * d
        root = math.sqrt(theta**2 + 4 * untold * d * d * x * x * t)
        found = [(-theta + s * root) / (-2 * t * d * x) for s in (-1, 1)]
    else:
        scale = (delta - 1) * (t * x - t * t)
        a = t * d * x * (delta - 2) / scale
        b = (delta * untold * (x - t) - told * t - x * t * d * d) / scale
        c = untold * delta * d * x / scale
        q, r = (a * a - 3 * b) / 9, (2 * a**3 - 9 * a * b + 27 * c) / 54
        if r * r < q**3:
            angle = math.acos(r / math.sqrt(q**3))
            turns = (0, 2 * math.pi, -2 * math.pi)
            found = [-2 * math.sqrt(q) * math.cos((angle + k) / 3) - a / 3 for k in turns]
        else:
            e = math.sqrt(r * r - q**3)
            found = [np.cbrt(-r + e) + np.cbrt(-r - e) - a / 3]
    onward = [one for one in found if one * d > 0] or found
    return moved.controlled - min(onward, key=abs)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("delta", [0.3, 0.9, 1.0, 1.2, 1.9, 3.0])
def test_the_solution_is_that_of_the_published_program(seed, delta):
    arm, score, recorded, _ = world(seed)
    moved = measured(arm, score, recorded)
    for r_max in (moved.r2 + 0.01, usual_r_max(moved), 1.0):
        assert adjusted(moved, delta, r_max) == pytest.approx(stata(moved, delta, r_max), rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_delta_for_a_coefficient_and_the_coefficient_for_delta_undo_each_other(seed):
    moved = measured(*world(seed)[:3])
    for beta in (-1.0, 0.0, 0.3):
        delta = delta_for(moved, beta, 0.9)
        assert np.abs(moved.controlled - beta - biases(moved, delta, 0.9)).min() < 1e-7


@pytest.mark.parametrize("weighted", [False, True])
def test_the_moments_are_those_of_statsmodels(weighted):
    arm, score, recorded, _ = world(2)
    draw = np.random.default_rng(4)
    age, level = draw.standard_normal(400), draw.integers(0, 3, 400)
    score = score + 0.5 * age + 0.3 * level
    covariates = {"w": recorded, "age": age, "level": Column(level, ("a", "b", "c"))}
    weight = draw.integers(1, 4, 400) if weighted else np.ones(400, dtype=int)
    cohort = make_cohort(arm, score, covariates, weight=weight.astype(float))
    task = make_task(cohort, make_study(tuple(covariates)), unrelated=("age",), r_max=0.9)
    row = rows(run(task))[0]
    again = np.repeat(np.arange(400), weight)
    levels = [(level == k).astype(float)[again] for k in (1, 2)]
    moved = measured(arm[again], score[again], recorded[again], *levels, shared=(age[again],))
    assert row["short"] == pytest.approx(moved.short, rel=1e-9)
    assert row["controlled"] == pytest.approx(moved.controlled, rel=1e-9)
    assert row["r2_short"] == pytest.approx(moved.r2_short, rel=1e-9)
    assert row["adjusted"] == pytest.approx(adjusted(moved, 1.0, 0.9), rel=1e-8)
    assert row["delta_for_null"] == pytest.approx(delta_for(moved, 0.0, 0.9), rel=1e-8)


def test_a_further_arm_is_in_both_regressions():
    arm, score, recorded, _ = world(5)
    third = np.random.default_rng(1).random(400) < 0.3
    arm = np.where(third, 2, arm)
    cohort = make_cohort(arm, score, {"w": recorded}, arms=("none", "support", "plan"))
    task = make_task(cohort, make_study(("w",), contrasts=(pair("support", "none"),)))
    row = rows(run(task))[0]
    moved = measured((arm == 1).astype(float), score, recorded, shared=((arm == 2).astype(float),))
    assert row["adjusted"] == pytest.approx(adjusted(moved, 1.0, usual_r_max(moved)), rel=1e-8)


def test_without_selection_the_regression_itself_comes_back():
    arm, score, recorded, _ = world(1)
    answer = run(asked(arm, score, {"w": recorded}, delta=0))
    row = rows(answer)[0]
    assert row["adjusted"] == pytest.approx(row["controlled"], rel=1e-10)
    still = {
        round(line["adjusted"], 10)
        for line in rows(answer, "oster_grid")
        if line["delta"] == 0 or line["r_max"] == row["r2"]
    }
    assert len(still) == 1


def test_a_change_of_unit_changes_only_the_unit():
    arm, score, recorded, _ = world(1)
    first = rows(run(asked(arm, score, {"w": recorded})))[0]
    other = rows(run(asked(arm, 100 + 50 * score, {"w": 7 * recorded - 3})))[0]
    for name in ("adjusted", "se", "lo", "hi"):
        assert other[name] == pytest.approx(50 * first[name], rel=1e-7)
    assert other["delta_for_null"] == pytest.approx(first["delta_for_null"], rel=1e-7)


@pytest.mark.parametrize("delta", [0.5, 1.0, 1.5, -0.5])
def test_at_the_true_selection_the_truth_comes_back(delta):
    arm, score, recorded, _ = world(7, 200_000, delta=delta)
    task = asked(arm, score, {"w": recorded}, delta=delta, r_max=true_r_max(delta))
    row = rows(run(task))[0]
    assert abs(row["adjusted"] - 0.5) < 4.5 * row["se"]
    assert abs(row["controlled"] - 0.5) > 9 * row["se"]


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """In 200 worlds, as the fast tests are judged."""
    r_max = true_r_max(1.0)
    held, found, errors = [], [], []
    for seed in range(200):
        arm, score, recorded, _ = world(seed, 1000)
        row = rows(run(asked(arm, score, {"w": recorded}, r_max=r_max)))[0]
        held.append(row["lo"] <= 0.5 <= row["hi"])
        found.append(row["adjusted"])
        errors.append(row["se"])
    assert 0.90 <= np.mean(held) <= 0.99
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.15)


def clustered(seed, schools, *, size=20):
    draw = np.random.default_rng(seed)
    n, school = schools * size, np.repeat(np.arange(schools), size)
    index, shock = draw.standard_normal(schools)[school], draw.standard_normal(schools)[school]
    recorded = index + draw.standard_normal(n)
    arm = (0.6 * recorded + draw.standard_normal(n) > 0).astype(int)
    score = 0.5 * arm + recorded + shock + draw.standard_normal(n)
    return arm, score, recorded, school


def test_the_error_is_that_of_the_clusters():
    """Every school twice: clustered, the standard error stays (but for its factor)."""
    arm, score, recorded, school = clustered(3, 40)
    study = make_study(("w",), cluster="school")
    found = []
    for times in (1, 2):
        arrays = [np.tile(values, times) for values in (arm, score, recorded)]
        cohort = make_cohort(
            arrays[0], arrays[1], {"w": arrays[2]}, clusters={"school": np.tile(school, times)}
        )
        found.append(rows(run(make_task(cohort, study)))[0]["se"])
    assert found[1] == pytest.approx(found[0], rel=1e-6)


def test_few_clusters_have_no_interval():
    arm, score, recorded, school = clustered(3, 8)
    cohort = make_cohort(arm, score, {"w": recorded}, clusters={"school": school})
    row = rows(run(make_task(cohort, make_study(("w",), cluster="school"))))[0]
    assert row["adjusted"] is not None
    assert (row["se"], row["lo"], row["hi"]) == (None, None, None)


def test_a_line_for_each_delta_and_r_max():
    arm, score, recorded, _ = world(1)
    found = rows(run(asked(arm, score, {"w": recorded}, delta=(0.5, 1, 2), r_max=(0.8, 1))))
    assert [(row["r_max"], row["delta"]) for row in found] == [
        (r, d) for r in (0.8, 1.0) for d in (0.5, 1.0, 2.0)
    ]


def test_a_count_is_not_computed():
    arm, score, recorded, _ = world(1)
    cohort = make_cohort(arm, np.abs(np.round(score)), {"w": recorded}, kind="count")
    (row,) = rows(run(make_task(cohort, make_study(("w",)))))
    assert row["adjusted"] is None and "count outcome" in row["remark"]


def test_an_r_max_that_is_reached_already_is_refused_with_the_mend():
    arm, score, recorded, _ = world(1)
    with pytest.raises(Unanswerable, match=r"r_max 0.1 is below 0.[0-9]+.*Give one between"):
        run(asked(arm, score, {"w": recorded}, r_max=0.1))


def test_a_study_without_covariates_is_refused():
    arm, score, recorded, _ = world(1)
    with pytest.raises(Unanswerable, match="at least one covariate"):
        run(asked(arm, score, {"w": recorded}, given=()))


def test_covariates_that_are_all_in_both_tell_nothing():
    arm, score, recorded, _ = world(1)
    with pytest.raises(Unanswerable, match="tell nothing of score"):
        run(asked(arm, score, {"w": recorded}, unrelated="w"))


def test_collinear_columns_are_named():
    arm, score, recorded, _ = world(1)
    with pytest.raises(NotFitted, match=r"^oster: again"):
        run(asked(arm, score, {"w": recorded, "again": 2 * recorded + 1}))


def test_too_few_children_are_refused():
    _, score, recorded, _ = world(1)
    with pytest.raises(TooFew, match="leave no degrees of freedom"):
        run(asked(np.array([0, 1, 0, 1]), score[:4], {"w": recorded[:4]}))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delta": "one"}, "delta must be numbers"),
        ({"r_max": 1.2}, "r_max must be shares above 0, at most 1"),
        ({"r_max": True}, "r_max must be shares"),
        ({"unrelated": "ww"}, 'unrelated: "ww" is not a covariate.*Did you mean "w"'),
        ({"unrelated": 3}, "must be a name or a list of names"),
    ],
)
def test_wrong_options_are_named_with_the_mend(options, words):
    arm, score, recorded, _ = world(1)
    with pytest.raises(UsageError, match=words):
        run(asked(arm, score, {"w": recorded}, **options))


def test_every_wrong_option_is_named_at_once():
    arm, score, recorded, _ = world(1)
    with pytest.raises(UsageError) as fault:
        run(asked(arm, score, {"w": recorded}, delta="x", r_max=0, unrelated="v"))
    assert len(fault.value.problems) == 3


def test_a_coefficient_that_does_not_move_is_left_alone():
    moved = Moved(0.5, 0.5, 1.0, 0.9, 0.8, 0.25, 0.25)
    assert adjusted(moved, 1.0, 1.0) == pytest.approx(0.5)
