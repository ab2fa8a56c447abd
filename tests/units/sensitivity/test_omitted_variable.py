"""Omitted-variable bias on small worlds, against statsmodels and by law."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, TooFew, UsageError
from fingerpost.core.estimand import pair
from fingerpost.core.model import Factor, ModelTerm
from fingerpost.sensitivity._formulas import robustness_value
from fingerpost.sensitivity._task import SensitivityTask
from fingerpost.sensitivity.omitted_variable import run, side
from suites.sensitivity_worlds import make_cohort, make_study

N = 240
REGIONS = ("north", "south", "west")


def world(seed=7, *, arms=2):
    draw = np.random.default_rng(seed)
    age, wealth = draw.standard_normal((2, N)) * [[2.0], [30.0]] + [[7.0], [200.0]]
    region, school = draw.integers(0, 3, N), draw.integers(0, 24, N)
    lean = 0.4 * (age - 7) + 0.3 * region + draw.standard_normal(24)[school] * 0.5
    arm = np.digitize(lean + draw.standard_normal(N), np.linspace(0, 1.2, arms)[:-1] + 0.2)
    shared = draw.standard_normal(24)[school]
    score = 2.0 * (arm == 1) - (arm == 2) + 0.8 * age - 0.01 * wealth + region + shared
    return {
        "arm": arm,
        "score": score + draw.standard_normal(N),
        "age": age,
        "wealth": wealth,
        "region": region,
        "school": school,
    }


def dummies(codes, levels=3):
    return np.eye(levels)[codes][:, 1:]


def columns(data):
    return {
        "age": data["age"],
        "wealth": data["wealth"],
        "region": Column(data["region"], REGIONS),
    }


def analyse(data, *, kind="continuous", arms=("none", "support"), weight=None, **more):
    options = more.pop("options", {})
    cohort = make_cohort(
        data["arm"],
        data["score"],
        columns(data),
        kind=kind,
        arms=arms,
        clusters={"school": data["school"]},
        weight=weight,
    )
    study = make_study(("age", "wealth", "region"), cluster="school", **more)
    answer = run(SensitivityTask(study, cohort, (), lambda *_: (), options))
    return {table.name: table.records() for table in answer.tables}


def oracle(data, *extra, weight=None):
    x = np.column_stack(
        [data["arm"] == 1, *extra, data["age"], data["wealth"], dummies(data["region"])]
    )
    return sm.WLS(data["score"], sm.add_constant(x.astype(float)), weights=weight or 1.0)


def partial(model, places):
    """Return by two fits the share of variance that the columns explain, given the others."""
    kept = [place for place in range(model.exog.shape[1]) if place not in places]
    short = sm.OLS(model.endog, model.exog[:, kept]).fit().ssr
    return 1 - model.fit().ssr / short


def test_the_regression_is_least_squares():
    data = world()
    fit = oracle(data).fit()
    line = analyse(data)["robustness"][0]
    assert line["se_kind"] == "ordinary" and line["estimator"] == "regression"
    assert line["estimate"] == pytest.approx(fit.params[1], rel=1e-9)
    assert line["se"] == pytest.approx(fit.bse[1], rel=1e-9)
    assert line["df"] == fit.df_resid
    assert line["partial_r2"] == pytest.approx(partial(oracle(data), [1]), rel=1e-8)


def test_the_clustered_line_uses_the_clustered_error():
    data = world()
    fit = oracle(data).fit(cov_type="cluster", cov_kwds={"groups": data["school"]})
    ordinary, line = analyse(data)["robustness"]
    assert line["se_kind"] == "clustered by school"
    assert line["se"] == pytest.approx(fit.bse[1], rel=1e-9)
    assert line["rv"] == pytest.approx(robustness_value(fit.tvalues[1], line["df"]), rel=1e-9)
    assert line["rv_alpha"] < line["rv"] < ordinary["rv"]
    assert line["partial_r2"] is None


def test_without_clusters_there_is_one_line():
    data = world()
    cohort = make_cohort(data["arm"], data["score"], columns(data))
    study = make_study(("age", "wealth", "region"))
    answer = run(SensitivityTask(study, cohort, (), lambda *_: ()))
    assert [row[-1] for row in answer.tables[0].rows] == ["ordinary"]


@pytest.mark.parametrize(
    ("group", "places", "label"),
    [
        ("age", [2], "age"),
        ("region", [4, 5], "region"),
        (("age", "region"), [2, 4, 5], "age + region"),
    ],
)
def test_a_benchmarks_strength_is_that_of_all_its_columns(group, places, label):
    data = world()
    model = oracle(data)
    exposure = sm.OLS((data["arm"] == 1).astype(float), np.delete(model.exog, 1, axis=1))
    r2 = partial(exposure, [place - 1 for place in places])
    outcome = partial(model, places)
    lines = analyse(data, options={"benchmarks": [group], "times": [0.5, 1]})["benchmarks"]
    assert [(line["covariate"], line["times"]) for line in lines] == [(label, 0.5), (label, 1.0)]
    assert lines[1]["r2_exposure"] == pytest.approx(r2 / (1 - r2), rel=1e-7)
    shared = r2 / (1 - r2)
    grown = ((1 + shared) / np.sqrt(1 - shared**2)) ** 2 * outcome / (1 - outcome)
    assert lines[1]["r2_outcome"] == pytest.approx(min(grown, 1.0), rel=1e-7)


def test_a_benchmark_stronger_than_anything_is_left_empty():
    data = world()
    lines = analyse(data, options={"benchmarks": ["age"], "times": [1, 50]})["benchmarks"]
    assert lines[0]["adjusted"] is not None
    assert {name: lines[1][name] for name in ("r2_exposure", "adjusted", "lo", "hi")} == {
        "r2_exposure": None,
        "adjusted": None,
        "lo": None,
        "hi": None,
    }


def test_without_benchmarks_those_that_move_the_estimate_most_are_shown():
    lines = analyse(world(), options={"times": 1})["benchmarks"]
    assert {line["covariate"] for line in lines} == {"age", "wealth", "region"}
    moved = [line["adjusted"] for line in lines]
    estimate = analyse(world())["robustness"][0]["estimate"]
    away = [abs(estimate - value) for value in moved]
    assert away == sorted(away, reverse=True)


def test_declared_terms_are_used_and_found_by_the_covariates_name():
    data = world()
    terms = (
        ModelTerm((Factor("age"),)),
        ModelTerm((Factor("age", "power", degree=2),)),
        ModelTerm((Factor("wealth"), Factor("region"))),
    )
    products = data["wealth"][:, None] * dummies(data["region"])
    x = np.column_stack([data["arm"], data["age"], data["age"] ** 2, products]).astype(float)
    model = sm.OLS(data["score"], sm.add_constant(x))
    exposure = sm.OLS(model.exog[:, 1], np.delete(model.exog, 1, axis=1))
    options = {"benchmarks": ["age", "wealth"], "times": [1]}
    tables = analyse(data, outcome_terms=terms, options=options)
    assert tables["robustness"][0]["estimate"] == pytest.approx(model.fit().params[1], rel=1e-8)
    for line, places in zip(tables["benchmarks"], ([1, 2], [3, 4]), strict=True):
        r2 = partial(exposure, places)
        assert line["r2_exposure"] == pytest.approx(r2 / (1 - r2), rel=1e-6)


def test_a_third_arm_is_a_covariate():
    data = world(arms=3)
    names = ("none", "support", "plan")
    tables = analyse(data, arms=names, contrasts=(pair("support", "none"), pair("support", "plan")))
    against_none = oracle(data, data["arm"] == 2).fit()
    against_plan = oracle(data, data["arm"] == 0).fit()
    lines = [line for line in tables["robustness"] if line["se_kind"] == "ordinary"]
    assert [line["contrast"] for line in lines] == ["support v none", "support v plan"]
    for line, fit in zip(lines, (against_none, against_plan), strict=True):
        assert line["estimate"] == pytest.approx(fit.params[1], rel=1e-9)
        assert line["se"] == pytest.approx(fit.bse[1], rel=1e-9)


def test_weights_make_it_weighted_least_squares():
    data = world()
    weight = np.random.default_rng(2).uniform(0.5, 3, N)
    x = np.column_stack([data["arm"], data["age"], data["wealth"], dummies(data["region"])])
    model = sm.WLS(data["score"], sm.add_constant(x.astype(float)), weights=weight)
    fit, groups = model.fit(), {"groups": data["school"]}
    ordinary, clustered = analyse(data, weight=weight)["robustness"]
    assert ordinary["estimate"] == pytest.approx(fit.params[1], rel=1e-9)
    assert ordinary["se"] == pytest.approx(fit.bse[1], rel=1e-9)
    robust = model.fit(cov_type="cluster", cov_kwds=groups)
    assert clustered["se"] == pytest.approx(robust.bse[1], rel=1e-9)


def test_arms_exchanged_change_the_sign_only():
    there = analyse(world())["robustness"][0]
    back = analyse(world(), contrasts=(pair("none", "support"),))["robustness"][0]
    assert back["estimate"] == pytest.approx(-there["estimate"], rel=1e-9)
    assert back["rv"] == pytest.approx(there["rv"], rel=1e-9)


def test_every_child_twice_leaves_the_shares_as_they_are():
    data = world()
    twice = {name: np.tile(values, 2) for name, values in data.items()}
    once, again = analyse(data), analyse(twice)
    for name in ("partial_r2", "rv"):
        assert again["robustness"][0][name] == pytest.approx(once["robustness"][0][name], rel=1e-9)
    for line, other in zip(once["benchmarks"], again["benchmarks"], strict=True):
        assert other["r2_outcome"] == pytest.approx(line["r2_outcome"], rel=1e-8)


def test_units_of_the_outcome_do_not_matter():
    data = world()
    scaled = {**data, "score": 1000 * data["score"] + 5e6}
    once, again = analyse(data)["robustness"][0], analyse(scaled)["robustness"][0]
    assert again["estimate"] == pytest.approx(1000 * once["estimate"], rel=1e-7)
    assert again["rv"] == pytest.approx(once["rv"], rel=1e-7)


def test_the_contour_covers_value_and_benchmarks():
    tables = analyse(world())
    value = tables["robustness"][0]["rv"]
    reach = {name: max(row[name] for row in tables["contour"]) for name in tables["contour"][0]}
    for name in ("r2_exposure", "r2_outcome"):
        shown = [line[name] for line in tables["benchmarks"] if line[name] is not None]
        most = {"r2_exposure": 0.95, "r2_outcome": 1.0}[name]
        assert min(max([value, *shown]), most) <= reach[name] <= most
    signs = {np.sign(row["adjusted"]) for row in tables["contour"]}
    assert signs == {-1.0, 1.0}


@pytest.mark.parametrize(
    ("largest", "most", "end"),
    [(0.0, 0.95, 0.1), (0.07, 0.95, 0.1), (0.3, 1.0, 0.4), (1.0, 0.95, 0.95), (1.0, 1.0, 1.0)],
)
def test_a_side_of_the_contour_ends_at_a_round_number(largest, most, end):
    assert side(largest, most)[0] == 0.0
    assert side(largest, most)[-1] == pytest.approx(end)


def test_a_covariate_that_explains_all_of_the_outcome_is_within_the_contour():
    """Nothing is beyond R² = 1, so that the grid ends there and no mark stands outside it."""
    data = world()
    data["score"] = data["score"] + 2 * data["age"]
    tables = analyse(data)
    marks = [line["r2_outcome"] for line in tables["benchmarks"]]
    assert max(mark for mark in marks if mark is not None) == 1.0
    assert max(row["r2_outcome"] for row in tables["contour"]) == 1.0


def test_a_yes_or_no_outcome_is_said_to_be_linear():
    data = world()
    data["score"] = (data["score"] > np.median(data["score"])).astype(float)
    cohort = make_cohort(data["arm"], data["score"], columns(data), kind="binary")
    study = make_study(("age", "wealth", "region"))
    answer = run(SensitivityTask(study, cohort, (), lambda *_: ()))
    assert "score: by a linear probability model" in answer.tables[0].context
    fit = oracle(data).fit()
    assert answer.tables[0].records()[0]["estimate"] == pytest.approx(fit.params[1], rel=1e-9)


@pytest.mark.parametrize("kind", ["count", "time"])
def test_a_count_is_not_computed_and_told_why(kind):
    data = world()
    data["score"] = np.abs(np.round(data["score"]))
    tables = analyse(data, kind=kind)
    (line,) = tables["robustness"]
    assert line["estimate"] is None and line["rv"] is None
    assert f"score is a {kind} outcome" in line["se_kind"] and "E-value" in line["se_kind"]
    assert "contour" not in tables


def test_a_covariate_that_others_determine_is_named():
    data = world()
    cohort = make_cohort(
        data["arm"], data["score"], {"age": data["age"], "months": 12 * data["age"] + 1}
    )
    study = make_study(("age", "months"))
    with pytest.raises(NotFitted, match="months"):
        run(SensitivityTask(study, cohort, (), lambda *_: ()))


def test_too_few_children_for_the_covariates():
    data = {name: values[:6] for name, values in world().items()}
    data["arm"] = np.array([0, 1, 0, 1, 0, 1])
    with pytest.raises(TooFew, match="no degrees of freedom"):
        analyse(data)


def test_an_outcome_that_does_not_vary():
    with pytest.raises(TooFew, match="score does not vary"):
        analyse({**world(), "score": np.full(N, 3.0)})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"benchmarks": ["aeg"]}, 'Did you mean "age"'),
        ({"benchmarks": [3]}, "a name or a list of names"),
        ({"benchmarks": [["age", "welth"]]}, 'Did you mean "wealth"'),
        ({"times": ["twice"]}, "times must be numbers above 0"),
        ({"times": [0]}, "times must be numbers above 0"),
        ({"times": []}, "times must be numbers above 0"),
        ({"benchmark": ["age"]}, 'Did you mean "benchmarks"'),
    ],
)
def test_wrong_options_are_told(options, words):
    with pytest.raises(UsageError, match=words):
        analyse(world(), options=options)
