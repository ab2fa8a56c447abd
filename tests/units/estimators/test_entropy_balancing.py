"""Entropy balancing against stacked equations by delicatessen, an independent solver, its laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from fingerpost.core.column import Column
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Target
from fingerpost.core.inference import standard_errors
from fingerpost.core.model import Factor, Models, ModelTerm
from fingerpost.core.outcome import Outcome
from suites.worlds import World, task, term
from units.estimators.cases import ATE, ATT, ask, said, small
from units.estimators.sandwich import children_of

deli = pytest.importorskip("delicatessen")
LEAF = "entropy_balancing"
CASES = [
    ("continuous", "ate", "difference", 2),
    ("continuous", "att", "ratio", 3),
    ("binary", "atu", "difference", 3),
    ("binary", "ate", "ratio", 3),
    ("count", "att", "difference", 2),
    ("count", "ate", "ratio", 2),
]


def member(found, asked) -> np.ndarray:
    """Return (n,) whom the answer is for."""
    arm = {"att": asked.contrast[0][0], "atu": asked.contrast[1][0]}.get(asked.target.kind)
    return np.ones(len(found.y)) if arm is None else found.c[:, found.arms.index(arm)]


def by_delicatessen(cohort, asked) -> tuple[float, float]:
    """Return value and error of the stacked equations: tilting parameters and a mean of each arm of
    the contrast, summed by school, which are the independent units.
    """
    found = children_of(cohort)
    whom, arms = member(found, asked), [found.arms.index(name) for name, _ in asked.contrast]
    units = np.unique(found.school, return_inverse=True)[1]

    def psi(theta):
        rows = []
        for place, a in enumerate(arms):
            part = theta[4 * place : 4 * place + 4]
            tilt = found.c[:, a] * np.exp(found.x @ part[:3])
            rows += list((found.weight * (tilt - whom)) * found.x.T)
            rows.append(found.weight * tilt * (found.y - part[3] * found.time))
        return np.array([np.bincount(units, weights=row) for row in rows])

    solved = deli.MEstimator(psi, init=[0.0] * 8)
    solved.estimate(solver=lambda stacked_equations, init: start(stacked_equations, init))
    means, g = solved.theta[[3, 7]], len(np.unique(units))
    ratio = asked.scale == "ratio"
    gradient = np.zeros(8)
    gradient[[3, 7]] = [1 / means[0], -1 / means[1]] if ratio else [1, -1]
    value = np.log(means[0] / means[1]) if ratio else means[0] - means[1]
    error = np.sqrt(gradient @ solved.variance @ gradient * g / (g - 1))
    return float(value), float(error)


def start(equations, init):
    """Return where the equations are nought."""
    found = optimize.root(equations, init, tol=1e-13)
    assert np.abs(equations(found.x)).max() < 1e-6
    return found.x


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("case", CASES, ids=["-".join(map(str, case)) for case in CASES])
def test_value_and_error_are_those_of_the_stacked_equations(case, weighted):
    kind, target, scale, arms = case
    cohort = small(kind, arms, weighted=weighted)
    asked = term(kind, Target(target), scale)
    value, error = by_delicatessen(cohort, asked)
    assert said(ask(LEAF, cohort, asked)) == (
        pytest.approx(value, abs=1e-7),
        pytest.approx(error, rel=1e-5),
    )


def test_the_effect_on_the_treated_is_by_calibrated_odds():
    """Zhao & Percival (2017), equation 7: odds of a logit fitted by the balancing loss, here found
    by a general optimiser.
    """
    cohort = small("continuous")
    found = children_of(cohort)
    treated = found.c[:, 1] == 1
    goal = found.x[treated].mean(axis=0)

    def loss(lean):
        return np.log(np.exp((found.x[~treated] - goal) @ lean).sum())

    lean = optimize.minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-10}).x
    odds = np.exp((found.x[~treated] - goal) @ lean)
    without = np.average(found.y[~treated], weights=odds)
    value = said(ask(LEAF, cohort, term("continuous", ATT)))[0]
    assert value == pytest.approx(found.y[treated].mean() - without, abs=1e-6)


@pytest.mark.parametrize("target", ["ate", "att", "atu"])
@pytest.mark.parametrize("moments", [1, 2])
def test_every_arm_has_exactly_the_averages_of_the_target(target, moments):
    cohort, asked = small("count", 3, weighted=True), term("count", Target(target))
    found = ask(LEAF, cohort, asked, moments=moments).fit.weights[asked]
    index, boy = (np.asarray(cohort.covariates[name].values, float) for name in ("index", "boy"))
    for weight in found.own.values():
        for values in (index, boy, *[index**2] * (moments == 2)):
            mean = np.average(values, weights=weight)
            assert mean == pytest.approx(np.average(values, weights=found.target), abs=1e-8)
    assert set(found.own) == {"support", "none"}


def test_a_declared_square_is_balanced_too():
    cohort, asked = small("continuous"), term("continuous", ATE)
    square = ModelTerm((Factor("index", "power", 2),))
    terms = (ModelTerm((Factor("index"),)), ModelTerm((Factor("boy"),)), square)
    declared = ask(LEAF, cohort, asked, models=Models(exposure=terms))
    assert said(declared) == pytest.approx(said(ask(LEAF, cohort, asked, moments=2)))


def test_a_covariate_as_outcome_does_not_differ_at_all():
    cohort = small("continuous")
    prior = Outcome("continuous", np.asarray(cohort.covariates["index"].values))
    value, error = said(ask(LEAF, replace(cohort, outcomes={"y": prior}), term("continuous", ATE)))
    assert (value, error) == (pytest.approx(0, abs=1e-9), pytest.approx(0, abs=1e-7))


def test_children_who_were_not_seen_are_stood_for_by_those_who_were():
    """The infinitesimal jackknife of one school agrees with its influence."""
    cohort = small("continuous", weighted=True)
    there = np.random.default_rng(0).random(cohort.n) < 0.7
    outcome = replace(cohort.outcomes["y"], observed=there)
    cohort = replace(cohort, outcomes={"y": outcome})
    models = Models(censoring=(ModelTerm((Factor("index"),)),))
    asked = term("continuous", ATE)
    found = ask(LEAF, cohort, asked, models=models).estimate
    for school in (0, 7):
        weight = cohort.weight * np.where(cohort.clusters["school"] == school, 1 - 1e-4, 1)
        moved = ask(LEAF, replace(cohort, weight=weight), asked, models=models).estimate
        slope = (found.value[0] - moved.value[0]) / 1e-4
        assert slope == pytest.approx(found.spread.sums[school, 0], abs=1e-5)


def test_averages_beyond_an_arm_are_named_and_refused():
    cohort = small("continuous")
    index = np.asarray(cohort.covariates["index"].values).copy()
    index[cohort.arm == 1] += 20
    far = replace(cohort, covariates={**cohort.covariates, "index": Column(index)})
    with pytest.raises(Unanswerable, match=r"index: too few of them, or none.*Mend"):
        ask(LEAF, far, term("continuous", ATT))


def test_a_level_found_in_one_arm_only_is_named_without_its_name():
    cohort = small("continuous")
    place = np.where((cohort.arm == 1) & (np.arange(cohort.n) % 5 == 0), 1, 0)
    covariates = {**cohort.covariates, "boy": Column(place, ("here", "secret"))}
    with pytest.raises(Unanswerable, match="a level of boy") as told:
        ask(LEAF, replace(cohort, covariates=covariates), term("continuous", ATT))
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("said_", [0, 3, "two", True, 1.5, (1, 2)])
def test_moments_are_one_or_two(said_):
    with pytest.raises(UsageError, match="moments takes 1"):
        ask(LEAF, small("continuous"), term("continuous", ATE), moments=said_)


def test_right_where_the_score_is_no_logit_but_the_outcome_is_linear():
    """Zhao & Percival (2017), theorem 1: a linear outcome is enough."""
    errors = []
    for seed in range(60):
        r = np.random.default_rng(seed)
        cohort = World(n=600, schools=60, arms=2).draw(seed)
        index = np.asarray(cohort.covariates["index"].values)
        arm = (r.random(600) < np.where(np.abs(index) > 0.7, 0.75, 0.3)).astype(np.int64)
        y = 2 * index + 1.0 * arm + r.standard_normal(600)
        own = replace(cohort, arm=arm, outcomes={"y": Outcome("continuous", y)})
        value, error = said(ask(LEAF, own, term("continuous", ATE)))
        errors.append((value - 1.0) / error)
    assert abs(np.mean(errors)) < 3.5 / np.sqrt(60)
    assert 0.75 < np.std(errors) < 1.25


def test_answers_of_several_terms_share_their_weights():
    cohort = small("continuous", 3)
    terms = [term("continuous", ATE, arms=pair) for pair in (("support", "none"), ("plan", "none"))]
    answer = ask(LEAF, cohort, *terms)
    assert standard_errors(answer.estimate).shape == (2,)
    first, second = (answer.fit.weights[one].own["none"] for one in terms)
    assert first is second
    assert task(cohort, *terms).terms == tuple(answer.fit.weights)
