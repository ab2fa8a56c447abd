"""Imputation where arms share models: effects that differ by a covariate stay as they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.cohorts import imputing
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Imputation

NOISE = 34  # covariates besides: so many that no arm can have models of its own
MORE = 0.6  # by how much more an effect is for each standard deviation of v


def logistic(value):
    return 1 / (1 + np.exp(-value))


def world(seed: int, *, n=700, provided=160):
    """Return the cohort, where v is missing, and v and y of all. At random: y is missing by x, v by
    y where y is recorded.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, NOISE))
    arm = (np.arange(n) < provided).astype(int)
    v = 0.4 * x[:, 0] + np.sqrt(0.84) * rng.normal(size=n)
    y = 0.5 * arm + 0.4 * x[:, 0] + 0.5 * v + MORE * arm * v + rng.normal(size=n)
    gone = rng.random(n) < logistic(-1.0 + 0.6 * x[:, 0])
    unknown = (rng.random(n) < logistic(-1.2 + 0.5 * np.where(gone, 0, y))) & ~gone
    columns = {f"x{at}": Column(x[:, at]) for at in range(NOISE)}
    cohort = Cohort(
        unit=np.arange(n),
        arms=("none", "support"),
        arm=arm,
        outcomes={"y": Outcome("continuous", np.where(gone, np.nan, y), observed=~gone)},
        covariates={**columns, "v": Column(np.where(unknown, 0.0, v))},
    )
    return cohort, unknown, v, y


def planned(cohort: Cohort, unknown, modifiers=(), cluster=None):
    return imputing.planned(
        cohort,
        Imputation(2, 3),
        holes={"v": unknown},
        outcomes=["y"],
        cluster=cluster,
        modifiers=modifiers,
    )


def more_by(cohort: Cohort, v, y) -> float:
    """Return by how much more the effect is for a unit of v, by least squares."""
    x = cohort.covariates["x0"].values
    design = np.column_stack([np.ones(cohort.n), cohort.arm, v, cohort.arm * v, x])
    return float(np.linalg.lstsq(design, y, rcond=None)[0][3])


def lost(seed: int, modifiers) -> float:
    """Return how far the imputed answer lies from that of the same children, all recorded."""
    cohort, unknown, v, y = world(seed)
    plan = planned(cohort, unknown, modifiers)
    assert not plan.equations.by_arm
    found = []
    for number in (1, 2):
        own, _ = imputing.copy(plan, number=number, generator=np.random.default_rng([seed, number]))
        found.append(more_by(own, own.covariates["v"].values, own.outcomes["y"].value))
    return float(np.mean(found)) - more_by(cohort, v, y)


def test_an_effect_that_differs_by_an_incompletely_seen_covariate_is_recovered() -> None:
    """Without the product of arm and v a third of the difference is lost; with it hardly any, but
    for chance. Both from the same worlds."""
    worlds = 24
    without, with_it = (
        np.array([lost(seed, modifiers) for seed in range(worlds)])
        for modifiers in ((), ("v", "x0"))
    )
    noise = with_it.std(ddof=1) / np.sqrt(worlds)
    assert without.mean() < -0.15
    assert abs(with_it.mean()) < min(3 * noise + 0.02, 0.08)


def test_products_go_by_order_as_far_as_the_smallest_arm_bears() -> None:
    """One for each ten recorded children of the smallest arm: of 45 four."""
    cohort, unknown, *_ = world(1)
    recorded = np.flatnonzero((cohort.arm == 1) & cohort.outcomes["y"].observed & ~unknown)
    unseen = np.isin(np.arange(cohort.n), recorded[:45], invert=True) & (cohort.arm == 1)
    outcome = cohort.outcomes["y"]
    seen = outcome.observed & ~unseen
    small = replace(
        cohort,
        outcomes={
            "y": replace(outcome, value=np.where(seen, outcome.value, np.nan), observed=seen)
        },
    )
    names = ["v", *(f"x{at}" for at in range(10)), "no such"]
    plan = planned(small, unknown, names)
    assert plan.crossed == ("v", "x0", "x1", "x2")
    assert plan.uncrossed == tuple(f"x{at}" for at in range(3, 10))
    few = planned(small, unknown)
    assert few.crossed == () and few.uncrossed == ()


def test_a_category_takes_a_column_a_level_and_keeps_its_products() -> None:
    """An effect that differs between the levels of a category with holes is drawn so."""
    found = []
    for seed in range(8):
        cohort, unknown, v, y = world(seed)
        code = np.digitize(v, [-0.5, 0.5])
        truth = [y[(code == c) & (cohort.arm == 1)].mean() for c in range(3)]
        column = Column(np.where(unknown, 0, code), ("low", "middle", "high"))
        own = replace(cohort, covariates={**cohort.covariates, "v": column})
        plan = planned(own, unknown, ("v",))
        assert plan.crossed == ("v",) and not plan.equations.by_arm
        copy, _ = imputing.copy(plan, number=1, generator=np.random.default_rng(seed))
        drawn, values = copy.covariates["v"].values, copy.outcomes["y"].value
        means = [values[(drawn == c) & (copy.arm == 1)].mean() for c in range(3)]
        found.append(np.subtract(means, truth))
    assert np.abs(np.mean(found, axis=0)).max() < 0.2


def test_a_column_of_subgroups_that_is_no_covariate_is_a_predictor() -> None:
    cohort, unknown, *_ = world(2)
    fsm = np.where(np.arange(cohort.n) % 7 == 0, np.nan, np.arange(cohort.n) % 2).astype(float)
    own = replace(cohort, roles={"fsm": Column(fsm)})
    plain, plan = planned(own, unknown), planned(own, unknown, ("fsm",))
    wide = plain.equations.known.columns.shape[1]
    assert plan.equations.known.columns.shape[1] == wide + 2  # its value, and whether it is there
    assert np.isfinite(plan.equations.known.columns).all()
    assert plan.crossed == ("fsm",)


def test_where_arms_have_models_of_their_own_nothing_is_crossed() -> None:
    cohort, unknown, *_ = world(3)
    kept = {name: cohort.covariates[name] for name in ("x0", "v")}
    plan = planned(replace(cohort, covariates=kept), unknown, ("v", "x0"))
    assert plan.equations.by_arm
    assert plan.crossed == () and plan.uncrossed == ()
    assert not any(plan.equations.products)


@pytest.mark.parametrize(("spread", "low", "high"), [(0.3, 0.25, 0.6), (3.0, 2.2, 3.8)])
def test_arms_that_share_a_model_keep_their_own_spread(spread, low, high) -> None:
    """Outcomes of the small arm scatter by `spread`, those of the large one by 1. One spread for
    both would be 1.0 of the first case, 1.3 of the second; coefficients drawn add some."""
    cohort, unknown, *_ = world(4, n=2000, provided=170)
    rng = np.random.default_rng(4)
    x = cohort.covariates["x0"].values
    y = x + rng.normal(size=cohort.n) * np.where(cohort.arm == 1, spread, 1.0)
    seen = rng.random(cohort.n) < 0.6
    own = replace(
        cohort, outcomes={"y": Outcome("continuous", np.where(seen, y, np.nan), observed=seen)}
    )
    plan = planned(own, unknown)
    assert not plan.equations.by_arm
    copy, _ = imputing.copy(plan, number=1, generator=rng)
    wide = [(copy.outcomes["y"].value - x)[~seen & (cohort.arm == arm)].std() for arm in (0, 1)]
    assert wide[0] == pytest.approx(1.0, abs=0.1)
    assert low < wide[1] < high
