"""Influence summed block by block: the same numbers whatever the block, and no array a child."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.leaves import Estimator, load
from fingerpost.core.model import Models, linear
from fingerpost.core.outcome import Outcome
from fingerpost.estimators import _few, _standardise
from fingerpost.estimators._sums import Sums
from suites.worlds import World

RECIPES = (
    ("ipw", {}),
    ("ipw_ra", {}),
    ("g_formula", {}),
    ("aipw", {}),
    ("aipw", {"normalised": True}),
)
TARGETS = (Target("ate"), Target("overlap"), Target("received", arm="plan"))


def blocks_of(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    for module in (_standardise, _few):
        monkeypatch.setattr(module, "BLOCK", rows)


def numbers(cohort: Cohort, target: Target, models: Models) -> list[np.ndarray]:
    """Return value, influence sums and critical values of every recipe."""
    terms = tuple(
        Term("y", pair(arm, cohort.arms[0]), target, "rate", scale="ratio")
        for arm in cohort.arms[1:]
    )
    asked, found = Analysis(("index", "boy"), models, cluster="school", stream="sums"), []
    own = Task(cohort, terms, asked)
    for leaf, options in RECIPES:
        told = replace(own, analysis=replace(asked, options=options))
        estimate = load("estimators", leaf, kind=Estimator).run(told).estimate
        found += [estimate.value, estimate.spread.sums]
        found += [] if estimate.critical is None else [estimate.critical]
    return found


def seen_in_part(cohort: Cohort, seed: int) -> Cohort:
    """Return the cohort with a fifth of its outcomes not seen, and survey weights."""
    random = np.random.default_rng(seed)
    outcome = replace(cohort.outcomes["y"], observed=random.random(cohort.n) < 0.8)
    return replace(cohort, outcomes={"y": outcome}, weight=random.uniform(0.5, 2.0, cohort.n))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.kind)
@pytest.mark.parametrize(("schools", "by_arm"), [(80, True), (30, False)], ids=["many", "few"])
def test_numbers_are_the_same_whatever_the_block(monkeypatch, target, schools, by_arm):
    cohort = World(n=900, schools=schools, kind="count", arms=3).draw(4)
    cohort = seen_in_part(cohort, 4) if by_arm else cohort
    models = Models(by_arm=by_arm, censoring=linear(("index",)) if by_arm else None)
    whole = numbers(cohort, target, models)
    blocks_of(monkeypatch, 201)
    for one, other in zip(whole, numbers(cohort, target, models), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-12 * np.abs(one).max())


def test_sums_by_arm_within_unit_add_up_to_those_of_the_unit():
    cohort = World(n=300, schools=20, arms=2).draw(3)
    influence = np.random.default_rng(1).normal(size=cohort.n)
    plain = Sums.by(cohort, "school")
    apart = replace(plain, shares=[])
    wanted = [influence[cohort.clusters["school"] == key].sum() for key in plain.keys]
    np.testing.assert_allclose(plain.by_unit(plain.of(influence)), wanted)
    np.testing.assert_allclose(apart.by_unit(apart.of(influence)), wanted)
    second = apart.by_arm(apart.of(influence))[:, 1, 0]
    assert second.sum() == pytest.approx(influence[cohort.arm == 1].sum())


@pytest.mark.parametrize(("leaf", "most"), [("ipw", 40), ("ipw_ra", 100)])
def test_what_is_held_besides_the_data(monkeypatch, leaf, most):
    """Bytes a child. The probabilities of three arms are 24 of them, and what three outcome models
    expect another 24; influence by child, and slopes of the weights, would be 120 more.
    """
    n, random = 40_000, np.random.default_rng(6)
    x = random.normal(size=(2, n))
    shift = np.array([[0.0], [0.3], [-0.3]]) * x[0]
    arm = np.argmax(shift + random.gumbel(size=(3, n)), axis=0)
    cohort = Cohort(
        np.arange(n),
        ("none", "some", "much"),
        arm,
        {"y": Outcome("count", random.poisson(np.exp(0.2 * x[1])).astype(float))},
        {"a": Column(x[0]), "b": Column(x[1])},
        {"school": random.integers(0, 200, n)},
    )
    terms = tuple(Term("y", pair(one, "none"), Target("ate"), "rate") for one in ("some", "much"))
    asked = Analysis(("a", "b"), Models(by_arm=True), cluster="school", stream="sums")
    blocks_of(monkeypatch, 1_000)
    run = load("estimators", leaf, kind=Estimator).run
    tracemalloc.start()
    try:
        run(Task(cohort, terms, asked))
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert held / n < most
