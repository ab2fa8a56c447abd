"""Subclassification against a table of strata by hand, and its laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.assignment import Observed
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew
from fingerpost.core.estimand import Estimand, Target
from fingerpost.core.inference import standard_errors
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Arms, OutcomeSpec, Study
from fingerpost.estimators.subclassification import SUBCLASSIFICATION
from fingerpost.studies.answering import answer_outcome
from suites.worlds import GIVEN, World, task, term
from units.estimators.cases import ATE, ATT, ask, said, small
from units.estimators.sandwich import children_of, covariance

LEAF = "subclassification"
ATU, OVERLAP = Target("atu"), Target("overlap")

# A stratum a row: children and mean with support, children and mean without. The share with support
# (1/4, 1/2) is the score, since a model with one binary covariate fits it exactly.
TABLE = {0.0: (10, 5.0, 30, 3.0), 1.0: (20, 9.0, 20, 4.0)}


def by_hand(target: Target) -> float:
    """Σ share of the target in the stratum × difference of its means."""
    counts = {
        "ate": [40, 40],
        "att": [10, 20],
        "atu": [30, 20],
        # h = e (1 − e), for all children of the stratum
        "overlap": [40 * 3 / 16, 40 * 4 / 16],
    }[target.kind]
    gaps = [first - second for _, first, _, second in TABLE.values()]
    return float(np.dot(counts, gaps) / np.sum(counts))


def tabled(kind: str = "continuous") -> Cohort:
    """Return the children of the table; outcomes lie at their cell's mean ± 1 (or are events)."""
    x, arm, y = [], [], []
    for level, (treated, first, control, second) in TABLE.items():
        for code, children, mean in ((1, treated, first), (0, control, second)):
            x += [level] * children
            arm += [code] * children
            y += list(mean + np.tile([1.0, -1.0], children // 2))
    n = len(x)
    exposure = np.full(n, 2.0) if kind == "count" else None
    covariates = {"index": Column(np.array(x)), "boy": Column(np.zeros(n, dtype=int), ("g", "b"))}
    outcome = Outcome(kind, np.array(y), exposure=exposure)
    arms, schools = ("none", "support"), {"school": np.arange(n)}
    return Cohort(np.arange(n), arms, np.array(arm), {"y": outcome}, covariates, schools)


def run(cohort: Cohort, *terms, given: tuple[str, ...] = ("index",), strata: object = None):
    own = task(cohort, *terms, given=given)
    if strata is not None:
        own.analysis.options["strata"] = strata
    return SUBCLASSIFICATION.run(own)


@pytest.mark.parametrize("target", [ATE, ATT, ATU, OVERLAP], ids=lambda target: target.kind)
def test_strata_of_a_table_are_weighted_by_the_targets_children(target):
    value, _ = said(run(tabled(), term("continuous", target), strata=2))
    assert value == pytest.approx(by_hand(target))


def test_the_error_takes_strata_as_known_but_not_their_shares():
    """Stacked: a mean in each cell, the share of the second stratum, each child on its own."""
    cohort = tabled()
    cells = np.asarray(cohort.covariates["index"].values).astype(int) * 2 + cohort.arm
    inside = (cells[:, None] == np.arange(4)).astype(float)
    y = cohort.outcomes["y"].value

    def every_child(theta: np.ndarray) -> np.ndarray:
        second = (inside[:, 2] + inside[:, 3]) - theta[4]
        return np.column_stack([inside * (y[:, None] - theta[:4]), second])

    theta = np.array([3.0, 5, 4, 9, 0.5])
    gradient = np.array([-0.5, 0.5, -0.5, 0.5, (9 - 4) - (5 - 3)])
    variance = gradient @ covariance(every_child, theta, np.arange(cohort.n)) @ gradient
    _, error = said(run(cohort, term("continuous", ATE), strata=2))
    assert error == pytest.approx(np.sqrt(variance))


def test_rates_are_events_over_person_time_within_strata():
    """Every child is followed two years, so rates, and their differences, are halved."""
    value, _ = said(run(tabled("count"), term("count", ATT), strata=2))
    assert value == pytest.approx(by_hand(ATT) / 2)
    ratio, _ = said(run(tabled("count"), term("count", ATT, "ratio"), strata=2))
    first, second = (10 * 5 + 20 * 9) / 30, (10 * 3 + 20 * 4) / 30
    assert ratio == pytest.approx(np.log(first / second))


def test_survey_weights_count_children_as_often_as_they_say():
    cohort = tabled()
    weight = np.where(np.asarray(cohort.covariates["index"].values) == 1, 3.0, 1.0)
    value, _ = said(run(replace(cohort, weight=weight), term("continuous", ATE), strata=2))
    assert value == pytest.approx((1 * (5 - 3) + 3 * (9 - 4)) / 4)


def fifths(along: np.ndarray, among: np.ndarray, count: int = 5) -> np.ndarray:
    """Return strata that hold as many of the children `among` as can be."""
    cuts = np.percentile(along[among], 100 * np.arange(1, count) / count)
    return (along[:, None] > cuts).sum(axis=1)


def mean_over(strata: np.ndarray, y: np.ndarray, *, mine: np.ndarray, member: np.ndarray) -> float:
    """Return the mean of an arm's children within strata, averaged over members."""
    inside = [y[(strata == s) & mine].mean() for s in strata[member]]
    return float(np.mean(inside))


def test_with_three_arms_each_arm_has_strata_of_its_own_score():
    """Hong (2012): for all children; score by statsmodels' multinomial logit."""
    cohort = small("continuous", 3)
    found = children_of(cohort)
    e = sm.MNLogit(cohort.arm, found.x).fit(disp=0, tol=1e-12, maxiter=100).predict()
    everyone = np.ones(cohort.n, dtype=bool)
    means = [
        mean_over(fifths(e[:, a], everyone), found.y, mine=cohort.arm == a, member=everyone)
        for a in (2, 0)
    ]
    value = said(ask(LEAF, cohort, term("continuous", ATE, arms=("plan", "none"))))[0]
    assert value == pytest.approx(means[0] - means[1])


def test_with_three_arms_those_who_received_one_are_compared_along_the_two():
    cohort = small("binary", 3)
    found = children_of(cohort)
    e = sm.MNLogit(cohort.arm, found.x).fit(disp=0, tol=1e-12, maxiter=100).predict()
    received, other = cohort.arm == 1, cohort.arm == 0
    strata = fifths(e[:, 1] / (e[:, 0] + e[:, 1]), received | other)
    without = mean_over(strata, found.y, mine=other, member=received)
    value = said(ask(LEAF, cohort, term("binary", ATT)))[0]
    assert value == pytest.approx(found.y[received].mean() - without)


def test_more_strata_leave_less_bias():
    """Cochran (1968), Biometrics 24:295: five leave about a tenth, fewer leave more."""
    world = World(n=60_000, arms=2)
    asked = term("continuous", ATE)
    cohort, truth = world.draw(2), world.truth(asked)
    naive = said(ask("naive", cohort, asked.on(Target("association"))))[0] - truth
    left = [abs(said(ask(LEAF, cohort, asked, strata=count))[0] - truth) for count in (2, 5, 30)]
    assert abs(naive) > left[0] > left[1] > left[2]
    assert left[1] < 0.2 * abs(naive)
    assert said(ask(LEAF, cohort, asked)) == said(ask(LEAF, cohort, asked, strata=5))


def test_one_stratum_is_no_adjustment():
    cohort = small("binary")
    naive = said(ask("naive", cohort, term("binary", Target("association"))))[0]
    assert said(ask(LEAF, cohort, term("binary", ATE), strata=1))[0] == pytest.approx(naive)


def test_a_stratum_without_an_arm_says_so_with_the_mend():
    with pytest.raises(TooFew, match=r"strata of the score hold no child of arm .*fewer strata"):
        ask(LEAF, small("continuous"), term("continuous", ATE), strata=300)


def test_an_empty_stratum_is_refused_for_this_leaf_alone():
    asked = term("continuous", ATE)
    study = Study(
        "strata",
        "Does support help?",
        arms=Arms(levels=((0, "none"), (1, "support"))),
        outcomes=(OutcomeSpec("y", "y"),),
        assignment=Observed(GIVEN, "school"),
        estimand=Estimand((asked.contrast,), (ATE,)),
        estimators=("ipw", LEAF, "aipw"),
        options=((LEAF, (("strata", 300),)),),
    )
    own = task(small("continuous"), asked)
    found = answer_outcome(study, own, lambda words: None, with_tables=False)
    answered = {answer.leaf: answer.estimate is not None for answer in found.answers}
    assert answered == {"ipw": True, LEAF: False, "aipw": True}
    assert found.refusals == ()
    (refusal,) = next(answer for answer in found.answers if answer.leaf == LEAF).refusals
    assert (refusal.leaf, refusal.terms) == (LEAF, (asked,))
    assert "hold no child of arm" in refusal.rules[0].words


@pytest.mark.parametrize("target", [ATE, ATT, OVERLAP], ids=lambda target: target.kind)
def test_more_strata_than_distinct_scores_change_nothing(target):
    value, _ = said(run(tabled(), term("continuous", target)))
    assert value == pytest.approx(by_hand(target))


def test_a_stratum_with_nobody_of_the_target_counts_for_nothing() -> None:
    """Two rare children far up the score: the lower fifths hold none of them, and no hole."""
    cohort = World(n=2000, arms=2).draw(1)
    index = np.asarray(cohort.covariates["index"].values)
    arm = (index > np.quantile(index, 0.85)) & (np.arange(cohort.n) % 2 == 0)
    far = replace(cohort, arm=arm.astype(np.int64))
    found = SUBCLASSIFICATION.run(task(far, term("continuous", Target("att")))).estimate
    assert np.isfinite(found.value[0]) and np.isfinite(standard_errors(found)[0])
