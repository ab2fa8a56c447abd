"""Outcomes that were not seen for all: weights for being seen, and their part in the error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core import leaves
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.errors import NotFitted
from fingerpost.core.estimand import Target
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.leaves import Estimator
from fingerpost.core.model import Models, linear
from fingerpost.estimators._censoring import censoring, seen
from suites.worlds import GIVEN, World, hidden, term

MENU = leaves.menu("estimators", Estimator)
USERS = sorted(
    name
    for name, leaf in MENU.items()
    if leaf.takes == "cohort"
    and leaf.censoring
    and "continuous" in leaf.outcomes
    and not leaf.needs
    and name != "time_varying"  # it reads a course of decisions, and has tests of its own
)
# The influence of a cross-fitted leaf leaves out what its learners add, which is of second order.
EXACT = [name for name in USERS if "cross" not in MENU[name].spread]
STANDARD = ("ipw", "aipw", "ipw_ra", "g_formula", "overlap")


def asked(cohort: Cohort, *terms, by_arm: bool = True) -> Task:
    from fingerpost.core.model import Factor, ModelTerm

    product = ModelTerm((Factor("(arm)"), Factor("index")))
    models = Models(censoring=(*linear(GIVEN), product), by_arm=by_arm)
    return Task(cohort, terms, Analysis(GIVEN, models, cluster="school", stream="censoring"))


def test_standardising_and_doubly_robust_leaves_use_the_weights() -> None:
    assert set(STANDARD) <= set(USERS)


def test_the_weights_are_those_of_a_logit_on_arm_and_terms() -> None:
    cohort = hidden(World(n=2000, arms=2).draw(1), 1)
    task = Task(
        cohort,
        (term("continuous", Target("ate")),),
        Analysis(GIVEN, Models(censoring=linear(GIVEN)), cluster="school"),
    )
    found = censoring(task)
    assert found is not None
    here = seen(task)
    x = np.column_stack(
        [np.ones(cohort.n), cohort.arm, *(cohort.covariates[name].values for name in GIVEN)]
    )
    chance = sm.Logit(here.astype(float), x).fit(disp=False).predict()
    assert found.weight == pytest.approx(here / chance, rel=1e-6)
    assert (found.weight[~here] == 0).all()


def test_weighted_means_are_those_of_weighted_least_squares() -> None:
    cohort = hidden(World(n=2000, arms=2).draw(2), 2)
    task = asked(cohort, term("continuous", Target("ate")))
    found = MENU["ipw"].run(task).estimate
    from fingerpost.estimators._score import score

    chance = score(task).probability[np.arange(cohort.n), cohort.arm]
    weight = censoring(task).weight / chance
    here = seen(task)
    x = sm.add_constant(cohort.arm[here].astype(float))
    fitted = sm.WLS(cohort.outcomes["y"].value[here], x, weights=weight[here]).fit()
    assert found.value[0] == pytest.approx(fitted.params[1], abs=1e-9)


@pytest.mark.parametrize("kind", ["continuous", "count"])
@pytest.mark.parametrize("name", EXACT)
def test_an_infinitesimal_jackknife_agrees_with_the_influence(name: str, kind: str) -> None:
    """Leaving out one school moves the estimate by minus its influence, to first order."""
    if kind not in MENU[name].outcomes:
        pytest.skip("this leaf takes no counts")
    cohort = hidden(World(n=3000, schools=60, arms=2, kind=kind).draw(8), 8)
    for kind_of_target in MENU[name].targets:
        if kind_of_target == "received":
            continue
        own = Target(kind_of_target, delta=2.0 if kind_of_target == "incremental" else None)
        question = term(kind, own)
        found = MENU[name].run(asked(cohort, question)).estimate
        codes = cohort.clusters["school"]
        moved = []
        for school in range(0, 60, 6):
            weight = np.ones(cohort.n)
            weight[codes == school] = 1 - 1e-4
            tilted = MENU[name].run(asked(replace(cohort, weight=weight), question)).estimate
            moved.append((found.value[0] - tilted.value[0]) / 1e-4)
        assert np.array(moved) == pytest.approx(found.spread.sums[::6, 0], abs=3e-5)


@pytest.mark.parametrize("name", STANDARD)
@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_truth_where_being_seen_depends_on_arm_and_covariates(name: str, kind: str) -> None:
    world = World(n=20_000, arms=2, kind=kind)
    cohort = hidden(world.draw(3), 3)
    for whom in ("ate", "att", "overlap"):
        if whom not in MENU[name].targets:
            continue
        question = term(kind, Target(whom))
        found = MENU[name].run(asked(cohort, question)).estimate
        assert abs(found.value[0] - world.truth(question)) < 4.5 * standard_errors(found)[0]


def test_leaving_out_who_was_not_seen_is_biased_where_weighting_is_not() -> None:
    world = World(n=20_000, arms=2)
    cohort = hidden(world.draw(4), 4, steep=2.0, alike=True)
    question = term("continuous", Target("ate"))
    truth = world.truth(question)
    known = cohort.take(np.flatnonzero(cohort.outcomes["y"].observed))
    known = replace(known, outcomes={"y": replace(known.outcomes["y"], observed=None)})
    complete = MENU["ipw"].run(Task(known, (question,), Analysis(GIVEN, cluster="school"))).estimate
    weighted = MENU["ipw"].run(asked(cohort, question)).estimate
    assert abs(complete.value[0] - truth) > 4.5 * standard_errors(complete)[0]
    assert abs(weighted.value[0] - truth) < 4.5 * standard_errors(weighted)[0]


@pytest.mark.parametrize("name", ["ipw", "aipw", "ipw_ra"])
def test_coverage_over_200_worlds(name: str) -> None:
    world = World(n=600, schools=60, arms=2)
    question = term("continuous", Target("ate"))
    truth, values, inside = world.truth(question), [], []
    for seed in range(200):
        cohort = hidden(world.draw(2000 + seed), seed, steep=0.7)
        found = MENU[name].run(asked(cohort, question)).estimate
        low, high = intervals(found)[0]
        values.append(found.value[0])
        inside.append(low <= truth <= high)
    spread = np.std(values, ddof=1)
    assert abs(np.mean(values) - truth) <= max(3.5 * spread / np.sqrt(200), 0.1 * spread)
    assert 0.90 <= np.mean(inside) <= 0.99


def test_an_arm_that_tells_who_was_seen_is_a_fault_with_its_mend() -> None:
    cohort = World(n=500, arms=2).draw(5)
    outcome = replace(cohort.outcomes["y"], observed=(cohort.arm == 1) | (np.arange(500) % 2 == 0))
    task = Task(
        replace(cohort, outcomes={"y": outcome}),
        (term("continuous", Target("ate")),),
        Analysis(GIVEN, Models(censoring=linear(GIVEN)), cluster="school"),
    )
    with pytest.raises(NotFitted, match=r"models\.censoring.*Mend"):
        censoring(task)
