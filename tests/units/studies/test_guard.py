"""Guard rails: for each rule one world just under and one just over its threshold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.assignment import Randomised
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Guard
from fingerpost.studies import guard
from fingerpost.studies.weights import Indicators, Weighting, indicators, on_scale_of, weighting
from suites.worlds import World, task, term

ATE = term("continuous", Target("ate"))
GUARD = Guard()


def cohort_of(per_arm: int, schools: int) -> Cohort:
    """Two arms of equal size, the schools taken in turn."""
    n = 2 * per_arm
    return Cohort(
        np.arange(n),
        ("none", "support"),
        np.repeat([0, 1], per_arm),
        {"y": Outcome("continuous", np.zeros(n))},
        {"x": Column(np.zeros(n))},
        {"school": np.arange(n) % schools},
    )


def weights_of(cohort: Cohort, first: np.ndarray, outside: float = 0.0) -> Weighting:
    """Weights `first` for the arm named first in the contrast, ones for the other."""
    support, none = np.zeros(cohort.n), np.zeros(cohort.n)
    support[cohort.arm == 1] = first
    none[cohort.arm == 0] = 1.0
    own = {"support": support, "none": none}
    return Weighting(ATE, own, own, np.ones(cohort.n), outside, np.ones(cohort.n))


NOTHING = Indicators((), (), np.array([]))


def verdict_of(cohort: Cohort, weighted: Weighting, rule: str, covariates=NOTHING) -> str:
    judged = guard.judge_weights(task(cohort, ATE), weighted, covariates, GUARD)
    found = [one.verdict for one in judged if one.broken.rule == rule]
    return "refuse" if "refuse" in found else "warn" if "warn" in found else "ok"


def with_effective_size(n: int, size: float) -> np.ndarray:
    """n weights whose Kish size is `size`: half 1, half w, solved for w."""
    half = n / 2
    w = np.roots([half**2 - size * half, 2 * half**2, half**2 - size * half])
    return np.repeat([1.0, float(np.max(w.real))], n // 2)


@pytest.mark.parametrize(("size", "verdict"), [(29.9, "refuse"), (30.1, "warn"), (99.9, "warn")])
def test_effective_size_refuses_below_30(size: float, verdict: str) -> None:
    n = 50 if size < 50 else 150
    cohort = cohort_of(n, 10)
    weight = with_effective_size(n, size)
    assert weight.sum() ** 2 / (weight @ weight) == pytest.approx(size)
    assert verdict_of(cohort, weights_of(cohort, weight), "effective size") == verdict


def test_effective_size_warns_by_number_or_fraction_but_no_fraction_refuses() -> None:
    cohort = cohort_of(150, 10)
    assert (
        verdict_of(cohort, weights_of(cohort, with_effective_size(150, 100.1)), "effective size")
        == "ok"
    )
    many = cohort_of(2000, 10)
    weight = np.full(2000, 1e-9)
    for count, expected in ((399, "warn"), (401, "ok")):
        weight = np.where(np.arange(2000) < count, 1.0, 1e-9)
        assert verdict_of(many, weights_of(many, weight), "effective size") == expected
    weight = np.where(np.arange(2000) < 40, 1.0, 1e-9)  # 2% of the arm
    assert verdict_of(many, weights_of(many, weight), "effective size") == "warn"


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.049, "ok"), (0.051, "warn"), (0.099, "warn"), (0.101, "refuse")]
)
def test_one_child_with_more_than_a_tenth_of_the_weight_refuses(share: float, verdict: str) -> None:
    cohort = cohort_of(1000, 100)
    weight = np.ones(1000)
    weight[0] = share / (1 - share) * 999
    assert verdict_of(cohort, weights_of(cohort, weight), "largest child") == verdict


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.049, "ok"), (0.051, "warn"), (0.249, "warn"), (0.251, "refuse")]
)
def test_one_school_with_more_than_a_quarter_of_the_weight_refuses(
    share: float, verdict: str
) -> None:
    cohort = cohort_of(1000, 100)
    mine = cohort.clusters["school"][cohort.arm == 1] == 0
    weight = np.where(mine, share / mine.sum(), (1 - share) / (~mine).sum())
    assert verdict_of(cohort, weights_of(cohort, weight), "largest cluster") == verdict


@pytest.mark.parametrize(
    ("share", "verdict"), [(1 / 12, "ok"), (0.165, "ok"), (0.168, "warn"), (0.251, "refuse")]
)
def test_of_few_drawn_schools_each_must_carry_much(share: float, verdict: str) -> None:
    """Of 12 schools an arm each carries a twelfth, so that 5% warned of every such trial."""
    cohort = cohort_of(1200, 12)
    mine = cohort.clusters["school"][cohort.arm == 1] == 0
    weight = np.where(mine, share / mine.sum(), (1 - share) / (~mine).sum())
    asked = task(cohort, ATE)
    drawn = replace(asked.analysis, assignment=Randomised("cluster", unit="school"))
    judged = guard.judge_weights(
        replace(asked, analysis=drawn), weights_of(cohort, weight), NOTHING, GUARD
    )
    [found] = [
        one
        for one in judged
        if one.broken.rule == "largest cluster" and "support" in one.broken.words
    ]
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("away", "verdict"), [(0.099, "ok"), (0.101, "warn"), (0.249, "warn"), (0.251, "refuse")]
)
def test_a_difference_above_a_quarter_of_a_standard_deviation_refuses(
    away: float, verdict: str
) -> None:
    cohort = cohort_of(500, 50)
    column = np.where(cohort.arm == 1, away, 0.0)
    weighted = replace(weights_of(cohort, np.ones(500)), target=(cohort.arm == 0).astype(float))
    covariates = Indicators(("x",), (column,), np.array([1.0]))
    assert verdict_of(cohort, weighted, "balance", covariates) == verdict


@pytest.mark.parametrize(
    ("outside", "verdict"), [(0.019, "ok"), (0.021, "warn"), (0.099, "warn"), (0.101, "refuse")]
)
def test_a_tenth_of_the_target_outside_support_refuses(outside: float, verdict: str) -> None:
    cohort = cohort_of(500, 50)
    weighted = weights_of(cohort, np.ones(500), outside)
    assert verdict_of(cohort, weighted, "outside support") == verdict


@pytest.mark.parametrize(("children", "verdict"), [(19, "refuse"), (20, "ok")])
def test_fewer_than_twenty_children_in_an_arm_refuse(children: int, verdict: str) -> None:
    judged = guard.judge_counts(task(cohort_of(children, 19), ATE), ATE, GUARD)
    assert {one.verdict for one in judged if one.broken.rule == "children"} == {verdict}


@pytest.mark.parametrize(("schools", "verdict"), [(4, "refuse"), (5, "ok")])
def test_fewer_than_five_clusters_in_an_arm_refuse(schools: int, verdict: str) -> None:
    judged = guard.judge_counts(task(cohort_of(50, schools), ATE), ATE, GUARD)
    assert {one.verdict for one in judged if one.broken.rule == "clusters"} == {verdict}


def test_support_counts_only_arms_not_received_but_the_ate_counts_every_arm() -> None:
    """All children of `support` surely had it: fatal for whom could go without, not for `none`."""
    cohort = World(n=3000, arms=2).draw(1)
    own = task(cohort, ATE)
    share = weighting(own, ATE, 0.2).outside
    att = weighting(own, ATE.on(Target("att")), 0.2).outside
    from fingerpost.estimators._score import score

    e = score(own).probability
    assert share == pytest.approx(np.mean(e.min(axis=1) < 0.2))
    assert att == pytest.approx(np.mean(e[cohort.arm == 1, 0] < 0.2))


def test_scale_is_of_the_arms_before_trimming() -> None:
    cohort = World(n=3000, arms=2).draw(1)
    whole = indicators(cohort, ("index",))
    x = np.asarray(cohort.covariates["index"].values)
    variances = [x[cohort.arm == a].var() for a in (0, 1)]
    assert whole.scale[0] == pytest.approx(np.sqrt(np.mean(variances)))
    part = cohort.take(np.flatnonzero(np.abs(x) < 0.5))
    assert on_scale_of(whole, indicators(part, ("index",))).scale[0] == whole.scale[0]
