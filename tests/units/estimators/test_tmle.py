"""Targeted maximum likelihood: stacked equations by hand, laws, and the outcome's range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize
from scipy.special import expit, logit

from fingerpost.core.analysis import Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Target, Term
from fingerpost.core.inference import intervals
from fingerpost.core.model import Models, linear
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import OutcomeSpec, Study
from fingerpost.estimators.tmle import TMLE
from suites.worlds import GIVEN, World, task, term
from units.estimators.cases import ASKED, ATE, NAMES, said, small
from units.estimators.jackknife import CENSORED, ask, censored, check_influence, hide
from units.estimators.sandwich import (
    MEAN,
    Children,
    Equations,
    children_of,
    covariance,
    scores,
    target_of,
)

MARGIN = 0.0005


def moved(found: Children, first: np.ndarray, step: float) -> np.ndarray:
    """Return first predictions moved by a step, on the scale of the outcome."""
    if found.kind == "count":
        return first * np.exp(step)
    if found.kind == "binary":
        return expit(logit(first) + step)
    low, span = found.y.min(), np.ptp(found.y)
    inside = np.clip((first - low) / span, MARGIN, 1 - MARGIN)
    return low + span * expit(logit(inside) + step)


def equations(found: Children, asked: Term) -> tuple[Equations, int]:
    """Return the equations: the score's, an outcome model an arm, and a step and a mean an arm."""
    k, p = len(found.arms), 3

    def every_child(theta: np.ndarray) -> np.ndarray:
        beta = theta[: (k - 1) * p].reshape(k - 1, p)
        gamma = theta[(k - 1) * p : (2 * k - 1) * p].reshape(k, p)
        step, mu = theta[(2 * k - 1) * p :].reshape(2, k)
        e = scores(found, beta)
        member, tilting = target_of(found, e, asked)
        parts = [(found.weight * (found.c[:, j] - e[:, j]))[:, None] * found.x for j in range(1, k)]
        steps, means = [], []
        for a in range(k):
            first = MEAN[found.kind](found.x @ gamma[a])
            mine = found.weight * found.c[:, a]
            parts.append((mine * (found.y - found.time * first))[:, None] * found.x)
            after = moved(found, first, step[a])
            steps.append(mine * tilting[:, a] * (found.y - found.time * after))
            means.append(found.weight * member * found.time * (after - mu[a]))
        return np.column_stack([*parts, *steps, *means])

    return every_child, (k - 1) * p + k * p + 2 * k


def oracle(cohort: Cohort, asked: Term) -> tuple[float, float]:
    """Return the value and its clustered standard error."""
    found = children_of(cohort)
    every_child, size = equations(found, asked)
    k = len(found.arms)
    start = np.zeros(size)
    if found.kind == "continuous":
        # From nought every prediction would be drawn in to one end of the range.
        start[(k - 1) * 3 : (2 * k - 1) * 3 : 3] = found.y.mean()
    theta = optimize.root(lambda at: every_child(at).sum(axis=0), start, tol=1e-13).x
    assert np.abs(every_child(theta).sum(axis=0)).max() < 1e-6
    means, gradient, value = theta[-k:], np.zeros(size), 0.0
    for name, weight in asked.contrast:
        a = found.arms.index(name)
        ratio = asked.scale == "ratio"
        value += weight * (np.log(means[a]) if ratio else means[a])
        gradient[size - k + a] += weight / means[a] if ratio else weight
    variance = gradient @ covariance(every_child, theta, found.school) @ gradient
    return float(value), float(np.sqrt(variance))


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("case", ASKED, ids=NAMES)
def test_value_and_error_are_those_of_the_stacked_equations(case, weighted):
    kind, target, scale, arms = case
    cohort = small(kind, arms, weighted=weighted)
    asked = term(kind, target, scale)
    value, error = oracle(cohort, asked)
    found = said(ask("tmle", cohort, asked))
    assert found == (pytest.approx(value, abs=1e-7), pytest.approx(error, rel=1e-5))


def test_the_textbook_algorithm_with_statsmodels():
    """Fit, fluctuate by a weighted logistic regression with an offset, average."""
    cohort = small("continuous")
    found = children_of(cohort)
    e = sm.Logit(found.c[:, 1], found.x).fit(disp=0, tol=1e-12).predict()
    low, span = found.y.min(), np.ptp(found.y)
    means = []
    for a, probability in ((1, e), (0, 1 - e)):
        mine = found.c[:, a] == 1
        first = sm.OLS(found.y[mine], found.x[mine]).fit().predict(found.x)
        inside = np.clip((first - low) / span, MARGIN, 1 - MARGIN)
        step = sm.GLM(
            ((found.y - low) / span)[mine],
            np.ones(mine.sum()),
            sm.families.Binomial(),
            offset=logit(inside)[mine],
            freq_weights=(1 / probability)[mine],
        ).fit(tol=1e-14)
        means.append(np.mean(low + span * expit(logit(inside) + step.params[0])))
    value, _ = said(ask("tmle", cohort, term("continuous", ATE)))
    assert value == pytest.approx(means[0] - means[1], abs=1e-9)


@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
@pytest.mark.parametrize("target", ["ate", "att", "overlap"])
def test_where_models_are_saturated_weighting_and_modelling_agree(kind, target):
    cohort = World(n=900, schools=60, kind=kind, arms=3, two_kinds=True).draw(2)
    both = linear(("boy",))
    asked, models = term(kind, Target(target)), Models(both, both)
    if kind == "count":  # person-time is then a covariate that no model has: take it as equal
        events = Outcome("count", cohort.outcomes["y"].value)
        cohort = replace(cohort, outcomes={"y": events})
    answers = [said(ask(leaf, cohort, asked, models=models)) for leaf in ("tmle", "ipw")]
    assert answers[0] == pytest.approx(answers[1], abs=1e-8)
    modelled = said(ask("g_formula", cohort, asked, models=models))
    assert answers[0] == pytest.approx(modelled, abs=1e-8)


def lopsided(kind: str) -> Cohort:
    """Return 60 children in which those with a high index seldom received support: one who did, and
    did well, stands for more children than there are, and the outcome model does not know of it.
    """
    index = np.linspace(-2, 2, 60)
    arm = (index + np.tile([0.9, -0.6, 0.0], 20) < 0).astype(int)
    index[-1], arm[-1] = 2.6, 1
    y = (np.arange(60) % 3 == 0).astype(float)
    y[-1] = 1.0
    if kind == "continuous":
        y = 40 + 60 * y - (np.arange(60) % 7) / 10
        y[-1] = 100.0
    boy = Column((np.arange(60) % 4 < 2).astype(int), ("girl", "boy"))
    columns = {"index": Column(index), "boy": boy}
    school = {"school": np.arange(60)}
    return Cohort(np.arange(60), ("none", "support"), arm, {"y": Outcome(kind, y)}, columns, school)


def mean_of(leaf: str, cohort: Cohort, kind: str) -> float:
    """Return the mean under support, with an outcome model that leaves the index out."""
    models = Models(linear(("index", "boy")), linear(("boy",)))
    asked = term(kind, ATE)
    (table,) = ask(leaf, cohort, asked, models=models).tables
    return next(row["mean"] for row in table.records() if row["arm"] == "support")


@pytest.mark.parametrize("kind", ["binary", "continuous"])
def test_it_stays_inside_the_range_where_augmented_weighting_leaves_it(kind):
    cohort = lopsided(kind)
    top = cohort.outcomes["y"].value.max()
    assert mean_of("aipw", cohort, kind) > top
    assert mean_of("tmle", cohort, kind) < top


def test_a_declared_range_is_used_and_moves_little():
    cohort = small("continuous")
    asked = term("continuous", ATE)
    here, there = said(ask("tmle", cohort, asked)), said(ask("tmle", cohort, asked, range=(0, 30)))
    assert there != here
    assert there == pytest.approx(here, abs=0.01)


def test_the_scale_of_the_outcome_does_not_matter():
    cohort = small("continuous")
    value, error = said(ask("tmle", cohort, term("continuous", ATE)))
    grown = Outcome("continuous", 1000 - 50 * cohort.outcomes["y"].value)
    turned = ask("tmle", replace(cohort, outcomes={"y": grown}), term("continuous", ATE))
    assert said(turned) == (pytest.approx(-50 * value), pytest.approx(50 * error))


INFINITE = float("inf")


@pytest.mark.parametrize("told", [(0,), (10, 0), "wide", (0, INFINITE), (True, 5), 3, (0, 1e15)])
def test_a_range_that_is_none_is_a_wrong_question(told):
    with pytest.raises(UsageError, match="range"):
        ask("tmle", small("continuous"), term("continuous", ATE), range=told)


def told(cohort: Cohort, asked: Term, ends: tuple[float, float]) -> Task:
    own = task(cohort, asked)
    return replace(own, analysis=replace(own.analysis, options={"range": ends}))


def test_a_range_that_outcomes_lie_outside_is_a_wrong_question_and_no_answer():
    """Before the run it is a fault; of another outcome, such as a control, there is no answer."""
    cohort, asked = small("continuous"), term("continuous", ATE)
    with pytest.raises(UsageError, match="y: some outcomes lie outside"):
        TMLE.check_cohort(told(cohort, asked, (0, 1)))
    with pytest.raises(Unanswerable, match="lie outside"):
        ask("tmle", cohort, asked, range=(0, 1))
    TMLE.check_cohort(told(cohort, asked, (-1000, 1000)))


def test_a_range_of_counts_is_a_wrong_question():
    study = Study("s", "?", outcomes=(OutcomeSpec("days", "days", "count"),))
    with pytest.raises(UsageError, match="continuous outcomes; days is of kind count"):
        TMLE.check(study, {"range": (0, 10)})


def test_one_outcome_for_all_cannot_be_moved():
    cohort = small("continuous")
    flat = replace(cohort, outcomes={"y": Outcome("continuous", np.full(cohort.n, 3.0))})
    with pytest.raises(Unanswerable, match="same outcome"):
        ask("tmle", flat, term("continuous", ATE))


def test_an_arm_at_one_end_of_the_range_is_refused_with_a_mend():
    cohort = small("continuous")
    y = np.where(cohort.arm == 1, cohort.outcomes["y"].value.max(), cohort.outcomes["y"].value)
    moved_up = replace(cohort, outcomes={"y": Outcome("continuous", y)})
    with pytest.raises(Unanswerable, match=r"arm support.*Mend"):
        ask("tmle", moved_up, term("continuous", ATE))


def test_an_arm_without_events_is_refused_with_a_mend():
    cohort = small("count")
    y = np.where(cohort.arm == 1, 0.0, cohort.outcomes["y"].value)
    time = cohort.outcomes["y"].exposure
    without = replace(cohort, outcomes={"y": Outcome("count", y, exposure=time)})
    with pytest.raises(Unanswerable, match="Mend"):
        ask("tmle", without, term("count", ATE))


@pytest.mark.parametrize(
    ("kind", "kind_of_target", "scale", "arms"),
    [
        ("continuous", "ate", "difference", 2),
        ("continuous", "overlap", "difference", 3),
        ("binary", "att", "ratio", 2),
        ("count", "ate", "ratio", 2),
        ("count", "overlap", "difference", 2),
    ],
)
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
def test_influence_where_not_all_were_seen(kind, kind_of_target, scale, arms, weighted):
    cohort = censored(kind, arms, weighted=weighted)
    asked = term(kind, Target(kind_of_target), scale)
    check_influence("tmle", cohort, asked, models=CENSORED)


def test_influence_of_one_model_for_all_arms():
    pooled = Models(by_arm=False, interactions=("index",))
    for kind in ("continuous", "binary"):
        check_influence("tmle", small(kind, 3), term(kind, ATE), models=pooled)


def test_either_model_wrong_leaves_it_right_and_both_do_not():
    world = World(n=40_000, arms=2)
    cohort = world.draw(9)
    asked = term("continuous", ATE)
    truth = world.truth(asked)
    coarse = Column(np.sign(np.asarray(cohort.covariates["index"].values)))
    told = replace(cohort, covariates={**cohort.covariates, "coarse": coarse})
    right, wrong = linear(GIVEN), linear(("coarse", "boy"))

    def away(exposure, outcome) -> float:
        value, error = said(ask("tmle", told, asked, models=Models(exposure, outcome)))
        return abs(value - truth) / error

    assert away(wrong, right) < 4.5
    assert away(right, wrong) < 4.5
    assert away(wrong, wrong) > 4.5


def test_coverage_where_a_fifth_were_not_seen():
    """Those seen differ by arm and covariate from those not; 200 worlds."""
    world = World(n=600, schools=60, arms=2)
    asked = term("continuous", ATE)
    truth = world.truth(asked)
    values, inside = [], []
    for seed in range(200):
        found = ask("tmle", hide(world.draw(seed), seed), asked, models=CENSORED).estimate
        low, high = intervals(found)[0]
        values.append(found.value[0])
        inside.append(low <= truth <= high)
    spread = np.std(values, ddof=1)
    assert abs(np.mean(values) - truth) <= max(3.5 * spread / np.sqrt(200), 0.10 * spread)
    assert 0.90 <= np.mean(inside) <= 0.99
