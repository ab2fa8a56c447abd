"""Comparison within clusters against regressions with an indicator for each, and in worlds whose
schools or families decide both provision and outcome.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from linearmodels.panel import PanelOLS

from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew, Unanswerable, UsageError
from fingerpost.core.estimand import Target
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.outcome import Outcome
from fingerpost.estimators import within
from suites import school_worlds
from suites.school_worlds import SchoolWorld
from suites.worlds import World, term
from units.estimators.cases import ask, bell_mccaffrey, clustered, said, small
from units.estimators.sandwich import children_of

CONDITIONAL = Target("conditional")


def design(found) -> np.ndarray:
    """Return the arms but the first, the covariates, and an indicator a school."""
    schools = (found.school[:, None] == np.unique(found.school)).astype(float)
    return np.column_stack([found.c[:, 1:], found.x[:, 1:], schools])


def plan_v_support(x: np.ndarray) -> np.ndarray:
    return np.concatenate([[-1.0, 1.0], np.zeros(x.shape[1] - 2)])


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_differences_are_those_of_least_squares_with_an_indicator_a_school(kind, weighted):
    cohort = small(kind, 3, weighted=weighted)
    found = children_of(cohort)
    x = design(found)
    model = sm.WLS(found.y / found.time, x, weights=found.weight * found.time)
    answer = ask("within", cohort, term(kind, CONDITIONAL, arms=("plan", "support")))
    value, error = said(answer)
    assert value == pytest.approx(plan_v_support(x) @ model.fit().params)
    assert error == pytest.approx(clustered(model, found.school, plan_v_support(x)))
    (row,) = next(t for t in answer.tables if t.name == "ordinary_errors").records()
    assert row["se"] == pytest.approx(model.fit().t_test(plan_v_support(x)).sd[0, 0])


@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_ratios_are_those_of_a_poisson_model_with_an_indicator_a_school(kind):
    cohort = small(kind, 3)
    found = children_of(cohort)
    x = design(found)
    model = sm.GLM(found.y, x, sm.families.Poisson(), offset=np.log(found.time))
    value, error = said(
        ask("within", cohort, term(kind, CONDITIONAL, "ratio", arms=("plan", "support")))
    )
    assert value == pytest.approx(plan_v_support(x) @ model.fit(tol=1e-12, maxiter=200).params)
    assert error == pytest.approx(clustered(model, found.school, plan_v_support(x)), rel=1e-6)


def test_siblings_are_compared_as_linearmodels_compares_them():
    """Families within schools: effects of the family, errors clustered by school."""
    world = SchoolWorld(hidden="family")
    cohort = world.draw(1)
    family = cohort.clusters["family"]
    mixed = np.array([len(set(cohort.arm[family == f])) > 1 for f in range(family.max() + 1)])
    rows = mixed[family]
    import pandas as pd

    index = pd.MultiIndex.from_arrays([family[rows], np.arange(rows.sum())])
    x = pd.DataFrame(
        {
            "arm": cohort.arm[rows] * 1.0,
            "index": np.asarray(cohort.covariates["index"].values)[rows],
            "boy": np.asarray(cohort.covariates["boy"].values)[rows] * 1.0,
        },
        index=index,
    )
    school = pd.DataFrame({"school": cohort.clusters["school"][rows]}, index=index)
    y = pd.Series(cohort.outcomes["y"].value[rows], index=index)
    oracle = PanelOLS(y, x, entity_effects=True).fit(
        cov_type="clustered", clusters=school, debiased=False, group_debias=True
    )
    answer = within.WITHIN.run(school_worlds.task(world, cohort, school_worlds.asked(world)))
    value, error = said(answer)
    assert value == pytest.approx(oracle.params["arm"])
    assert error == pytest.approx(oracle.std_errors["arm"], rel=1e-3)
    assert answer.estimate.n[0] == rows.sum()
    table = next(t for t in answer.tables if t.name == "within_clusters")
    assert table.column("clusters") == (int(mixed.sum()), int((~mixed).sum()))
    assert sum(table.column("children")) == cohort.n


def test_few_schools_take_cr2_as_with_an_indicator_a_school():
    cohort = World(n=300, schools=15).draw(6)
    found = children_of(cohort)
    x = design(found)
    answer = ask("within", cohort, term("continuous", CONDITIONAL, arms=("plan", "support")))
    error, df = bell_mccaffrey(x, found.y, np.ones(300), found.school, plan_v_support(x))
    assert said(answer)[1] == pytest.approx(error)
    assert answer.estimate.df == pytest.approx([df])
    assert answer.estimate.interval[0].startswith("t, CR2 by school")


def test_mundlaks_coefficient_is_the_fixed_one():
    """Mundlak (1978): the same number, and errors, where every school holds different arms."""
    cohort = small("continuous", 3, weighted=True)
    asked = term("continuous", CONDITIONAL)
    fixed, means = (ask("within", cohort, asked, method=m) for m in ("fixed", "mundlak"))
    assert said(means) == pytest.approx(said(fixed))
    found = children_of(cohort)
    columns = np.column_stack([found.c[:, 1:], found.x[:, 1:]])
    w, s = found.weight, found.school
    mean = np.array([w[s == one] @ columns[s == one] / w[s == one].sum() for one in s])
    wide = np.column_stack([np.ones(len(s)), columns, mean])
    model = sm.WLS(found.y, wide, weights=w)
    gap = np.eye(wide.shape[1])[5]
    (row,) = next(t for t in means.tables if t.name == "within_between").records()
    assert said(means)[0] == pytest.approx(model.fit().params[1])
    assert row["gap"] == pytest.approx(model.fit().params[5])
    assert row["gap_se"] == pytest.approx(clustered(model, s, gap))


def test_mundlaks_ratio_is_a_poisson_model_with_the_schools_means():
    cohort = small("count")
    found = children_of(cohort)
    columns = np.column_stack([found.c[:, 1:], found.x[:, 1:]])
    s, t = found.school, found.time
    mean = np.array([t[s == one] @ columns[s == one] / t[s == one].sum() for one in s])
    wide = np.column_stack([np.ones(len(s)), columns, mean])
    model = sm.GLM(found.y, wide, sm.families.Poisson(), offset=np.log(t))
    told = said(ask("within", cohort, term("count", CONDITIONAL, "ratio"), method="mundlak"))
    one = np.eye(wide.shape[1])[1]
    assert told == pytest.approx((model.fit(tol=1e-12).params[1], clustered(model, s, one)))


def run(world: SchoolWorld, cohort, **options):
    asked = school_worlds.asked(world)
    return within.WITHIN.run(school_worlds.task(world, cohort, asked, **options))


LAWS = [
    SchoolWorld(),
    SchoolWorld(kind="count", scale="ratio", hidden="family"),
    SchoolWorld(hidden="family", apart=True),
]


@pytest.mark.parametrize("world", LAWS, ids=["school", "families", "apart"])
def test_laws(world):
    """Order of rows, a child twice, weights of two, exchanged arms; influence sums to nought."""
    cohort = world.draw(2)
    value, error = said(run(world, cohort))
    mixed = cohort.take(np.random.default_rng(0).permutation(cohort.n))
    assert said(run(world, mixed)) == pytest.approx((value, error), rel=1e-7)
    assert said(run(world, cohort.take(np.tile(np.arange(cohort.n), 2)))) == pytest.approx(
        (value, error), rel=1e-6
    )
    counted = np.random.default_rng(1).integers(1, 3, cohort.n)
    repeated = cohort.take(np.repeat(np.arange(cohort.n), counted))
    weighted = replace(cohort, weight=counted.astype(float))
    assert said(run(world, weighted)) == pytest.approx(said(run(world, repeated)), rel=1e-6)
    asked = school_worlds.asked(world, arms=("none", "support"))
    back = within.WITHIN.run(school_worlds.task(world, cohort, asked))
    assert said(back) == pytest.approx((-value, error))
    sums = run(world, cohort).estimate.spread.sums
    assert abs(sums.sum()) < 1e-8 * np.abs(sums).sum()


def test_siblings_of_different_schools_are_not_taken_for_independent():
    """Where each sibling is alone in its school, errors by school would be too small by √2."""
    world = SchoolWorld(n=600, hidden="family", apart=True, schools=5000)
    cohort = world.draw(3)
    by_family = replace(
        school_worlds.task(world, cohort, school_worlds.asked(world)),
    )
    by_family = replace(by_family, analysis=replace(by_family.analysis, cluster="family"))
    expected = standard_errors(within.WITHIN.run(by_family).estimate)
    assert standard_errors(run(world, cohort).estimate) == pytest.approx(expected, rel=0.1)


COVERED = [
    SchoolWorld(n=600),
    SchoolWorld(n=600, hidden="family"),
    SchoolWorld(n=600, hidden="family", apart=True),
    SchoolWorld(n=600, kind="count", scale="ratio", hidden="family"),
    SchoolWorld(n=600, kind="binary"),
    SchoolWorld(n=400, schools=20, arms=3),
]


@pytest.mark.parametrize("world", COVERED, ids=str)
def test_coverage_where_schools_or_families_confound(world):
    asked = school_worlds.asked(world)
    truth = world.truth(asked)
    values, inside = [], []
    for seed in range(100):
        found = run(world, world.draw(1000 + seed)).estimate
        low, high = intervals(found)[0]
        values.append(found.value[0])
        inside.append(low <= truth <= high)
    spread = np.std(values, ddof=1)
    assert abs(np.mean(values) - truth) <= 3.5 * spread / np.sqrt(100)
    assert 0.88 <= np.mean(inside) <= 0.99


def test_regression_is_biased_there_and_the_gap_says_so():
    world = SchoolWorld()
    asked = school_worlds.asked(world)
    gaps, missed = [], []
    for seed in range(20):
        cohort = world.draw(seed)
        low, high = intervals(ask("regression", cohort, asked).estimate)[0]
        missed.append(not low <= world.truth(asked) <= high)
        (row,) = run(world, cohort, method="mundlak").tables[-1].records()
        gaps.append(abs(row["gap"]) > 1.96 * row["gap_se"])
    assert np.mean(missed) > 0.9
    assert np.mean(gaps) > 0.9


# ------------------------------------------------------------------ what may be wrong


def test_a_contrast_that_no_school_holds_is_refused_and_the_others_answered():
    cohort = small("continuous", 3)
    school = np.where(cohort.arm == 2, 1000 + cohort.clusters["school"], cohort.clusters["school"])
    apart = replace(cohort, clusters={"school": school})
    asked = [term("continuous", CONDITIONAL, arms=(a, "none")) for a in ("support", "plan")]
    answer = ask("within", apart, *asked)
    assert answer.estimate.terms == (asked[0],)
    (refusal,) = answer.refusals
    assert refusal.terms == (asked[1],)
    assert "never hold both arms" in refusal.rules[0].words


def test_no_school_of_different_arms_is_too_few():
    cohort = small("continuous")
    with pytest.raises(TooFew, match="no school holds children of different arms"):
        ask(
            "within",
            replace(cohort, clusters={"school": cohort.arm}),
            term("continuous", CONDITIONAL),
        )


def test_a_covariate_that_tells_the_arm_within_schools_leaves_no_answer():
    cohort = small("continuous")
    telling = {**cohort.covariates, "boy": Column(cohort.arm * 2.0)}
    with pytest.raises(TooFew, match="tell the arm for certain"):
        ask("within", replace(cohort, covariates=telling), term("continuous", CONDITIONAL))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": "scool"}, 'Did you mean "school"'),
        ({"level": 3}, "level of records"),
        ({"method": "random"}, "fixed or mundlak"),
        ({"method": True}, "fixed or mundlak"),
    ],
)
def test_wrong_options_are_told(options, words):
    with pytest.raises(UsageError, match=words):
        ask("within", small("continuous"), term("continuous", CONDITIONAL), **options)


def test_ratios_of_negative_outcomes_and_of_no_event_are_unanswerable():
    cohort = small("continuous")
    below = {"y": Outcome("continuous", cohort.outcomes["y"].value - 20)}
    with pytest.raises(Unanswerable, match="never negative"):
        ask("within", replace(cohort, outcomes=below), term("continuous", CONDITIONAL, "ratio"))
    none = {"y": Outcome("count", np.zeros(cohort.n))}
    with pytest.raises(TooFew, match="no child had an event"):
        ask("within", replace(cohort, outcomes=none), term("count", CONDITIONAL, "ratio"))


def test_five_children_give_a_number_without_an_interval():
    cohort = small("continuous").take(
        np.arange(900)[small("continuous").clusters["school"] == 0][:5]
    )
    cohort = replace(cohort, arm=np.array([0, 1, 0, 1, 0]))
    answer = ask("within", cohort, term("continuous", CONDITIONAL))
    assert intervals(answer.estimate) is None


def test_few_children_in_mixed_schools_is_warned_of():
    world = SchoolWorld(hidden="family", strength=2.5)
    answer = run(world, world.draw(1))
    assert any("fewer than half" in words for _, words in answer.warnings)
