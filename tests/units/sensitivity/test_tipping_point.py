"""Tipping points: the formulas, what is tipped and where to, and the truth at the true strength."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.answer import Answer
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.measure import Measure
from fingerpost.core.study import OutcomeSpec
from fingerpost.sensitivity._task import SensitivityTask
from fingerpost.sensitivity._tipping import (
    adjusted_difference,
    adjusted_ratio,
    binary_factor,
    effect_at_difference,
    effect_at_ratio,
    effect_at_shares,
    gap_at_ratio,
)
from fingerpost.sensitivity.tipping_point import NO_INTERVAL, THERE, TIPPED, run
from suites.sensitivity_worlds import make_cohort, make_study, ols, refit_ols


def term(scale="difference", summary="mean", **more):
    return Term("score", pair("support", "none"), Target("ate"), summary, scale, **more)


def task(value, se, *, scale="difference", kind="continuous", important=None, outcome=None, **opts):
    values = np.array([1.0, 3.0, 2.0, 6.0] if kind == "continuous" else [0, 1, 1, 0], dtype=float)
    cohort = make_cohort(np.array([0, 1, 0, 1]), values, {}, kind=kind)
    if outcome is not None:
        cohort = replace(cohort, outcomes={"score": outcome(cohort.outcomes["score"])})
    spec = OutcomeSpec("score", "score", measure=Measure("score", important=important))
    study = make_study((), scale=scale, outcomes=(spec,))
    spread = None if se is None else Matrix(np.array([[se * se]]))
    summary = "mean" if kind == "continuous" else "risk"
    estimate = Estimate((term(scale, summary),), np.array([value]), spread)
    return SensitivityTask(study, cohort, (Answer("aipw", estimate),), refit_ols, opts)


def lines(answer, name):
    return [row for table in answer.tables if table.name == name for row in table.records()]


@pytest.mark.parametrize("to", [0.0, 0.4, -1.0])
@pytest.mark.parametrize("gap", [0.1, -0.7, 2.0])
def test_at_its_tipping_pair_a_difference_is_exactly_where_it_was_to_come(to, gap):
    effect = effect_at_difference(1.7, to=to, gap=gap)
    assert adjusted_difference(1.7, gap=gap, effect=effect) == pytest.approx(to, abs=1e-14)


@pytest.mark.parametrize("ratio", [0.4, 0.95, 1.6, 9.0])
@pytest.mark.parametrize("gap", [0.2, -0.4, 1.5])
def test_at_its_tipping_pair_a_ratio_is_exactly_where_it_was_to_come(ratio, gap):
    effect = effect_at_ratio(ratio, to=1.2, gap=gap)
    assert adjusted_ratio(ratio, gap=gap, effect=effect) == pytest.approx(1.2)
    assert gap_at_ratio(ratio, to=1.2, effect=effect) == pytest.approx(gap)


@pytest.mark.parametrize("first", [0.05, 0.4, 0.9])
@pytest.mark.parametrize("second", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("ratio", [0.7, 1.3, 4.0])
def test_a_binary_cause_tips_exactly_or_not_at_all(first, second, ratio):
    """None only where the factor, from (1 − p₁)/(1 − p₀) to p₁/p₀, cannot reach the ratio."""
    effect = effect_at_shares(ratio, to=1.0, first=first, second=second)
    ends = ((1 - first) / (1 - second), first / second if second else math.inf)
    if effect is None:
        assert not min(ends) < ratio < max(ends)
    else:
        assert ratio / binary_factor(first, second, effect=effect) == pytest.approx(1.0)


def test_the_answer_and_the_nearer_end_of_its_interval_are_tipped():
    rows = lines(run(task(-2.0, 0.5)), "tipping")
    assert [row["tipped"] for row in rows] == ["answer", "limit"]
    assert [row["verdict"] for row in rows] == [TIPPED, TIPPED]
    assert rows[0]["away"] == -2.0
    assert rows[1]["value"] == pytest.approx(-2.0 + 1.959964 * 0.5, rel=1e-6)
    assert rows[0]["away_sd"] == pytest.approx(-2.0 / np.std([1.0, 3.0, 2.0, 6.0]))


def test_an_interval_that_includes_the_aim_has_nothing_to_tip():
    answer = run(task(0.5, 0.5))
    assert lines(answer, "tipping")[1]["verdict"] == THERE
    assert {row["tipped"] for row in lines(answer, "tipping_curve")} == {"answer"}


@pytest.mark.parametrize(("value", "end"), [(0.5, -1), (-0.5, 1)])
@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_an_interval_that_is_there_already_shows_its_nearer_end(value, end, scale):
    kind = "continuous" if scale == "difference" else "binary"
    row = lines(run(task(value, 0.5, scale=scale, kind=kind)), "tipping")[1]
    limit = value + end * 1.959963985 * 0.5
    assert row["verdict"] == THERE
    assert row["value"] == pytest.approx(limit if scale == "difference" else math.exp(limit))
    assert row["away"] == (0.0 if scale == "difference" else 1.0)


def test_the_end_nearer_to_an_aim_beyond_the_answer_is_shown():
    row = lines(run(task(1.0, 0.5, to=1.5)), "tipping")[1]
    assert row["verdict"] == THERE and row["value"] == pytest.approx(1.0 + 1.959963985 * 0.5)


def test_an_answer_without_an_interval_says_so():
    assert lines(run(task(0.5, None)), "tipping")[1]["verdict"] == NO_INTERVAL


def test_the_smallest_difference_that_matters_is_an_aim_too():
    rows = lines(run(task(-2.0, 0.1, important=0.5)), "tipping")
    assert [row["to"] for row in rows] == [0.0, 0.0, -0.5, -0.5]
    rows = lines(run(task(-0.3, 0.1, important=0.5)), "tipping")
    assert [row["to"] for row in rows] == [0.0, 0.0]


def test_on_the_scale_of_ratios_a_difference_that_matters_is_not_used_and_it_says_so():
    found = run(task(math.log(0.8), 0.1, scale="ratio", kind="binary", important=0.95))
    assert [row["to"] for row in lines(found, "tipping")] == [1.0, 1.0]
    assert "matters of score (0.95) is in the unit of the outcome" in found.tables[0].context
    assert (
        "matters"
        not in run(task(math.log(0.8), 0.1, scale="ratio", kind="binary")).tables[0].context
    )
    assert "matters" not in run(task(-2.0, 0.1, important=0.5)).tables[0].context


@pytest.mark.parametrize(
    ("target", "why"), [("compliers", "an instrument"), ("cutoff", "a rule at a cut-off")]
)
def test_what_leans_on_other_things_than_likeness_is_named_and_not_tipped(target, why):
    own = task(1.0, 0.1)
    other = Estimate((replace(term(), target=Target(target)),), np.array([3.0]), Matrix(np.eye(1)))
    found = run(replace(own, answers=(*own.answers, Answer("other", other))))
    row = lines(found, "tipping")[-1]
    assert row["estimator"] == "other" and row["value"] == 3.0
    assert (row["to"], row["away"], row["away_sd"]) == (None, None, None)
    assert row["verdict"] == f"not tipped: rests on {why}, not on children being alike"
    assert {row["estimator"] for row in lines(found, "tipping_curve")} == {"aipw"}


def test_every_pair_of_the_curve_tips_a_difference():
    for row in lines(run(task(2.0, 0.5, gap=(0.3, 2), prevalence=(0.5, 0.1))), "tipping_curve"):
        start = 2.0 if row["tipped"] == "answer" else 2.0 - 1.959963985 * 0.5
        assert start - row["gap"] * row["effect"] == pytest.approx(0.0, abs=1e-8)
        if row["cause"] == "yes or no":
            assert row["gap"] == pytest.approx(row["share_first"] - row["share_second"])


def test_every_pair_of_the_curve_tips_a_ratio():
    answer = run(task(math.log(1.5), 0.1, scale="ratio", kind="binary"))
    for row in lines(answer, "tipping_curve"):
        start = 1.5 if row["tipped"] == "answer" else 1.5 * math.exp(-1.959963985 * 0.1)
        if row["cause"] == "normal":
            assert start / row["effect"] ** row["gap"] == pytest.approx(1.0)
        elif row["effect"] is not None:
            factor = binary_factor(row["share_first"], row["share_second"], effect=row["effect"])
            assert start / factor == pytest.approx(1.0)
        assert row["effect_sd"] is None


@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_the_contour_starts_at_the_answer_and_goes_beyond_the_tipping(scale):
    kind = "continuous" if scale == "difference" else "binary"
    grid = lines(run(task(0.6, 0.1, scale=scale, kind=kind)), "tipping_contour")
    still = {row["adjusted"] for row in grid if row["gap"] == 0.0}
    assert still == {0.6 if scale == "difference" else math.exp(0.6)}
    null = 0.0 if scale == "difference" else 1.0
    assert min(row["adjusted"] for row in grid) < null


def test_unseen_outcomes_tip_by_their_share():
    """Two seen in each arm; 2 unseen with support (half), none without."""
    rows = lines(run(task(-2.0, 0.5, unseen=(("support", 2),))), "tipping_unseen")
    shifted = next(r for r in rows if r["unseen_in"] == "support" and r["tipped"] == "answer")
    assert shifted["share"] == 0.5
    assert -2.0 + 0.5 * shifted["shift"] == pytest.approx(0.0)
    assert next(r for r in rows if r["unseen_in"] == "none")["shift"] is None


def test_unseen_outcomes_are_counted_where_the_records_hold_them():
    seen = np.array([True, True, False, True])
    found = run(task(1.0, 0.1, outcome=lambda one: replace(one, observed=seen)))
    rows = lines(found, "tipping_unseen")
    row = next(r for r in rows if r["unseen_in"] == "none" and r["tipped"] == "answer")
    assert row["share"] == 0.5
    assert 1.0 - 0.5 * row["shift"] == pytest.approx(0.0)  # the second arm's mean is taken away
    assert {t.counts for t in found.tables if t.name == "tipping_unseen"} == {(1,) * len(rows)}


def test_an_imputed_outcome_was_not_seen():
    """Of two with support one outcome was imputed; told of more, they stand beside the one seen."""
    plain = task(1.0, 0.1)
    imputed = {"score": np.array([False, True, False, False])}
    for told, share in (({}, 1 / 2), ({"unseen": (("support", 3),)}, 3 / 4)):
        cohort = replace(plain.cohort, imputed=imputed)
        found = run(replace(plain, cohort=cohort, spec_options=told))
        rows = lines(found, "tipping_unseen")
        row = next(r for r in rows if r["unseen_in"] == "support" and r["tipped"] == "answer")
        assert row["share"] == share
        assert 1.0 + share * row["shift"] == pytest.approx(0.0)


def test_the_truth_comes_back_where_outcomes_were_not_seen():
    """Unseen outcomes of the first arm lie 1.5 below their like; 30% of it is unseen."""
    draw = np.random.default_rng(5)
    n = 400_000
    arm = (draw.random(n) < 0.5).astype(int)
    gone = (arm == 1) & (draw.random(n) < 0.3)
    value = 0.7 * arm + draw.standard_normal(n) - 1.5 * gone
    truth = value[arm == 1].mean() - value[arm == 0].mean()
    seen = value[(arm == 1) & ~gone].mean() - value[arm == 0].mean()
    rows = lines(run(task(seen, 0.1, to=truth, unseen=(("support", 3),))), "tipping_unseen")
    share = gone[arm == 1].mean()
    row = next(r for r in rows if r["unseen_in"] == "support" and r["tipped"] == "answer")
    assert row["shift"] * row["share"] / share == pytest.approx(-1.5, abs=0.02)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("binary", [True, False])
def test_at_the_true_strength_a_difference_is_the_truth(seed, binary):
    draw = np.random.default_rng(seed)
    n = 200_000
    arm = (draw.random(n) < 0.4).astype(int)
    shares = np.where(arm == 1, 0.5, 0.2)
    cause = (draw.random(n) < shares) if binary else draw.standard_normal(n) + 0.6 * arm
    value = 0.3 * arm + 1.1 * cause + draw.standard_normal(n)
    found, covariance, _, _ = ols(value, arm.astype(float))
    gap = 0.3 if binary else 0.6
    adjusted = adjusted_difference(found[1], gap=gap, effect=1.1)
    assert abs(adjusted - 0.3) < 4.5 * math.sqrt(covariance[1, 1] + 1.1**2 * 5 / n)


@pytest.mark.parametrize("binary", [True, False])
def test_at_the_true_strength_a_ratio_is_the_truth(binary):
    draw = np.random.default_rng(8)
    n = 2_000_000
    arm = (draw.random(n) < 0.5).astype(int)
    if binary:
        cause = (draw.random(n) < np.where(arm == 1, 0.5, 0.2)).astype(float)
        factor = binary_factor(0.5, 0.2, effect=2.5)
    else:
        cause = draw.standard_normal(n) + 0.4 * arm
        factor = 1.3**0.4
    effect = 2.5 if binary else 1.3
    risk = 0.05 * np.where(arm == 1, 0.8, 1.0) * effect**cause
    events = draw.random(n) < np.minimum(risk, 1.0)
    observed = events[arm == 1].mean() / events[arm == 0].mean()
    counts = [events[arm == a].sum() for a in (0, 1)]
    assert abs(math.log(observed / factor / 0.8)) < 4.5 * math.sqrt(sum(1 / c for c in counts))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"gap": (0.1, "wide")}, "gap must be numbers above 0"),
        ({"gap": 0}, "gap must be numbers above 0"),
        ({"to": "nothing"}, "to must be a number"),
        ({"to": (0.1, 0.2)}, "to must be a number"),
        ({"prevalence": 0.3}, "prevalence must be pairs of shares"),
        ({"prevalence": ((0.3, 1.2),)}, "prevalence must be pairs of shares"),
        ({"unseen": 12}, "unseen must give whole numbers of children by arm"),
        ({"unseen": (("help", 12),)}, "The arms are: none or support"),
        ({"unseen": (("support", 1.5),)}, "whole numbers"),
    ],
)
def test_wrong_options_are_named_with_the_mend(options, words):
    with pytest.raises(UsageError, match=words):
        run(task(1.0, 0.1, **options))


def test_every_wrong_option_is_named_at_once():
    with pytest.raises(UsageError) as fault:
        run(task(1.0, 0.1, gap="wide", to="x", prevalence=2, unseen=3))
    assert len(fault.value.problems) == 4


def test_a_ratio_cannot_come_to_nothing():
    with pytest.raises(UsageError, match="to must be a ratio above 0"):
        run(task(0.5, 0.1, scale="ratio", kind="binary", to=0))


def test_without_an_effect_there_is_nothing_to_tip():
    asked = task(1.0, 0.1)
    with pytest.raises(Unanswerable, match="leans on children being alike"):
        run(replace(asked, answers=()))


def test_only_primary_answers_are_tipped():
    asked = task(1.0, 0.1)
    other = replace(asked.answers[0], leaf="ipw")
    both = replace(asked, answers=(*asked.answers, other))
    primary = replace(both, study=replace(both.study, primary=("ipw",)))
    assert {row["estimator"] for row in lines(run(both), "tipping")} == {"aipw", "ipw"}
    assert {row["estimator"] for row in lines(run(primary), "tipping")} == {"ipw"}
