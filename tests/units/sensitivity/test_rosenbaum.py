"""Rosenbaum bounds: printed pairs, every assignment of small sets, a hidden cause of known Γ."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew, Unanswerable, UsageError
from fingerpost.core.estimand import Target
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.fit import Fit, MatchedSets
from fingerpost.estimators.matching import MATCHING
from fingerpost.sensitivity._sign_score import (
    Sets,
    aligned_scores,
    crossing,
    hodges_lehmann,
    pair_scores,
    statistic,
    upper_p,
    worst,
)
from fingerpost.sensitivity.rosenbaum import Matched, run, two_sided
from suites.sensitivity_worlds import make_cohort, make_study, make_task
from suites.worlds import World
from suites.worlds import task as estimators_task
from suites.worlds import term as world_term

# Lead in the blood of children (micrograms a decilitre) whose parents worked with lead, and of
# children of the same age and street: Morton et al. (1982), as printed by Rosenbaum (2002).
EXPOSED = [38, 23, 41, 18, 37, 36, 23, 62, 31, 34, 24, 14, 21, 17, 16, 20, 15]
EXPOSED += [10, 45, 39, 22, 35, 49, 48, 44, 35, 43, 39, 34, 13, 73, 25, 27]
CONTROL = [16, 18, 18, 24, 19, 11, 10, 15, 16, 18, 18, 13, 19, 10, 16, 16, 24]
CONTROL += [13, 9, 14, 21, 19, 7, 18, 19, 12, 11, 22, 25, 16, 13, 11, 13]
PRINTED_P = {2.0: 0.0018, 3.0: 0.0136, 4.0: 0.0388, 4.25: 0.0468, 5.0: 0.0740}
PRINTED_EFFECT = {1.0: (15.0, 15.0), 2.0: (10.25, 19.5), 3.0: (8.0, 23.0), 4.0: (6.5, 25.0)}


def pairs_of(first, second) -> Sets:
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    value = np.column_stack([first, second]).ravel()
    return Sets(value, np.arange(0, len(value) + 1, 2), np.ones(len(first)))


LEAD = pairs_of(EXPOSED, CONTROL)


def answered(cohort, term, sets: MatchedSets, value: float, leaf: str = "matching") -> Answer:
    estimate = Estimate((term,), np.array([value]), Matrix(np.eye(1)))
    return Answer(leaf, estimate, fit=Fit({}, {term: sets}))


def asked(first, second, *, kind: str = "continuous", **options):
    """Return the sensitivity task of pairs: the first of each is provided for."""
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    count = len(first)
    arm = np.repeat([1, 0], count)
    nothing = {"x": np.arange(2.0 * count)}
    cohort = make_cohort(arm, np.concatenate([first, second]), nothing, kind=kind)
    study = make_study(("x",), targets=(Target("att"),))
    term = study.estimand.terms("score", "mean")[0]
    sets = MatchedSets(
        np.tile(np.arange(count), 2), np.arange(2 * count), arm == 1, np.ones(2 * count)
    )
    own = make_task(cohort, study, **options)
    return replace(own, answers=(answered(cohort, term, sets, float((first - second).mean())),))


def table(answer: Answer, name: str) -> list[dict]:
    return next(one for one in answer.tables if one.name == name).records()


# -------------------- printed numbers


@pytest.mark.parametrize(("gamma", "printed"), PRINTED_P.items())
def test_lead_in_blood_p(gamma, printed):
    found = upper_p(LEAD, pair_scores(LEAD), gamma, binary=False)
    assert found == pytest.approx(printed, abs=5e-5)


@pytest.mark.parametrize(("gamma", "printed"), PRINTED_EFFECT.items())
def test_lead_in_blood_effect(gamma, printed):
    assert hodges_lehmann(LEAD, gamma) == pytest.approx(printed, abs=1e-6)


def test_the_leaf_shows_twice_the_one_sided_value():
    answer = run(asked(EXPOSED, CONTROL, gamma=(2, 4.25)))
    found = {row["gamma"]: row for row in table(answer, "rosenbaum")}
    assert found[4.25]["p"] == pytest.approx(2 * 0.0468, abs=1e-4)
    assert (found[2.0]["effect_low"], found[2.0]["effect_high"]) == pytest.approx((10.25, 19.5))
    (borne,) = table(answer, "rosenbaum_gamma")
    assert borne["test"] == "Wilcoxon signed rank" and borne["sets"] == 33
    again = run(asked(EXPOSED, CONTROL, gamma=borne["gamma"]))
    assert table(again, "rosenbaum")[0]["p"] == pytest.approx(0.05, abs=1e-5)


# -------------------- every assignment


def random_sets(r, *, binary: bool, count: int = 4, most: int = 4) -> Sets:
    size = r.integers(2, most + 1, count)
    value = r.integers(0, 2, size.sum()) if binary else r.integers(0, 9, size.sum())
    start = np.concatenate([[0], np.cumsum(size)])
    return Sets(value.astype(float), start, r.choice([-1.0, 1.0], count))


def chances(sets: Sets, scores, gamma: float, causes):
    """Return every total of signed scores with its chance, given who has the hidden cause."""
    totals = {0.0: 1.0}
    for at, (lo, hi) in enumerate(zip(sets.start[:-1], sets.start[1:], strict=True)):
        odds = np.where(causes[lo:hi], gamma, 1.0)
        moved: dict[float, float] = {}
        for (total, chance), (score, own) in product(
            totals.items(), zip(scores[lo:hi], odds / odds.sum(), strict=True)
        ):
            place = round(total + sets.sign[at] * score, 9)
            moved[place] = moved.get(place, 0.0) + chance * own
        totals = moved
    return totals


def test_no_hidden_cause_makes_a_yes_or_no_outcome_likelier():
    """The bound is reached, and nowhere passed: every way to place the cause, every assignment."""
    r = np.random.default_rng(3)
    for _ in range(12):
        sets = random_sets(r, binary=True, count=3, most=4)
        found, largest = statistic(sets, sets.value), 0.0
        for causes in product([False, True], repeat=len(sets.value)):
            totals = chances(sets, sets.value, 2.5, np.array(causes))
            largest = max(largest, sum(c for t, c in totals.items() if t >= found - 1e-9))
        assert upper_p(sets, sets.value, 2.5, binary=True) == pytest.approx(largest, abs=1e-9)


def test_the_worst_place_of_the_cause_has_the_largest_mean():
    r = np.random.default_rng(4)
    for _ in range(30):
        sets = random_sets(r, binary=False, count=1, most=6)
        scores = aligned_scores(sets)
        best = (-np.inf, -np.inf)
        for causes in product([False, True], repeat=len(scores)):
            odds = np.where(causes, 3.0, 1.0)
            signed, chance = sets.sign[0] * scores, odds / odds.sum()
            mean = float(chance @ signed)
            best = max(best, (round(mean, 9), float(chance @ signed**2 - mean**2)))
        mean, variance = worst(sets, scores, 3.0)
        assert mean[0] == pytest.approx(best[0], abs=1e-8)
        assert variance[0] == pytest.approx(best[1], abs=1e-8)


def test_the_normal_is_near_to_every_assignment_of_pairs():
    r = np.random.default_rng(5)
    sets = pairs_of(r.normal(0.9, 1, 18), r.normal(0, 1, 18))
    scores = pair_scores(sets)
    for gamma in (1.0, 2.0):
        causes = (scores.reshape(-1, 2) == scores.reshape(-1, 2).max(axis=1)[:, None]).ravel()
        totals = chances(sets, scores, gamma, causes)
        exact = sum(c for t, c in totals.items() if t >= statistic(sets, scores) - 1e-9)
        assert upper_p(sets, scores, gamma, binary=False) == pytest.approx(exact, abs=0.01)


def test_which_arm_is_alone_is_no_matter_for_pairs():
    turned = Sets(LEAD.value.reshape(-1, 2)[:, ::-1].ravel(), LEAD.start, -LEAD.sign)
    for gamma in (1.0, 3.0):
        one, other = (
            upper_p(sets, pair_scores(sets), gamma, binary=False) for sets in (LEAD, turned)
        )
        assert one == pytest.approx(other, rel=1e-12)
        assert hodges_lehmann(turned, gamma) == pytest.approx(hodges_lehmann(LEAD, gamma))


def test_more_hidden_bias_makes_a_larger_p_and_a_wider_range():
    grid = np.linspace(1, 12, 40)
    found = [upper_p(LEAD, pair_scores(LEAD), gamma, binary=False) for gamma in grid]
    assert (np.diff(found) > 0).all()
    low, high = np.array([hodges_lehmann(LEAD, gamma) for gamma in grid]).T
    assert (np.diff(low) <= 1e-9).all() and (np.diff(high) >= -1e-9).all()


def test_a_crossing_at_the_ends():
    assert crossing(lambda gamma: 0.2, 0.05) == 1.0
    assert crossing(lambda gamma: 0.0, 0.05) is None


# -------------------- a hidden cause of known strength


def test_at_the_true_strength_it_rejects_too_rarely_and_at_one_too_often():
    """Provision does nothing; a cause nobody recorded makes it three times as likely, and raises
    the outcome, among pairs alike in all else.
    """
    gamma, worlds, rejected = 3.0, 300, np.zeros(2)
    for seed in range(worlds):
        r = np.random.default_rng(seed)
        cause = r.random((150, 2)) < 0.5
        odds = np.where(cause, gamma, 1.0)
        first = r.random(150) < odds[:, 0] / odds.sum(axis=1)
        value = 3.0 * cause + r.standard_normal((150, 2))
        value[~first] = value[~first][:, ::-1]
        sets = pairs_of(value[:, 0], value[:, 1])
        away = float(sets.differences().mean())
        term = world_term("continuous", Target("att"))
        p_of = two_sided(Matched("matching", term, away, sets, binary=False))
        rejected += [p_of(1.0) < 0.05, p_of(gamma) < 0.05]
    assert rejected[1] / worlds <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / worlds)
    assert rejected[0] / worlds > 0.5


def test_on_the_sets_of_matching():
    """The leaf's own sets, one to one and one to two, of numbers and of yes-or-no outcomes."""
    for kind, ratio in (("continuous", 1), ("continuous", 2), ("binary", 1), ("binary", 2)):
        cohort = World(n=1500, arms=3, kind=kind).draw(2)
        few = np.flatnonzero((cohort.arm != 2) | (np.arange(1500) % 3 == 0))
        cohort = cohort.take(few)
        term = world_term(kind, Target("att"), arms=("plan", "none"))
        own = estimators_task(cohort, term)
        told = replace(own.analysis, options={"replace": False, "ratio": ratio})
        answer = MATCHING.run(replace(own, analysis=told))
        base = asked(EXPOSED, CONTROL)
        found = run(replace(base, cohort=cohort, answers=(answer,)))
        p = [row["p"] for row in table(found, "rosenbaum")]
        assert np.isfinite(p).all() and (np.diff(p) >= 0).all()
        assert table(found, "rosenbaum_gamma")[0]["sets"] == np.sum(cohort.arm == 2)


# -------------------- refusals


def test_without_matching_there_is_nothing_to_bound():
    base = asked(EXPOSED, CONTROL)
    plain = Answer("ipw", base.answers[0].estimate)
    with pytest.raises(Unanswerable, match=r"estimators: \[\{matching"):
        run(replace(base, answers=(plain,)))


def test_where_matching_failed_its_own_failure_is_pointed_to():
    """The study matches without replacement already; adding it again would mend nothing."""
    own = asked(EXPOSED, CONTROL)
    failed = replace(own, answers=(Answer("matching"),))
    study = replace(own.study, estimators=("matching",))
    with pytest.raises(Unanswerable, match="has no answer here") as told:
        run(replace(failed, study=study))
    assert "see what is said of matching" in str(told.value)
    with pytest.raises(Unanswerable, match="add estimators"):
        run(failed)


def test_sets_that_share_children_have_no_bound():
    base = asked(EXPOSED, CONTROL)
    term, sets = next(iter(base.answers[0].fit.matched.items()))
    shared = replace(sets, row=np.where(sets.row == 34, 33, sets.row))
    with pytest.raises(Unanswerable, match="replace: false"):
        run(replace(base, answers=(answered(base.cohort, term, shared, 1.0),)))
    reused = Answer("matching", base.answers[0].estimate, fit=Fit())
    with pytest.raises(Unanswerable, match="replace: false"):
        run(replace(base, answers=(reused,)))


def test_a_handful_of_sets_is_too_few():
    with pytest.raises(TooFew, match="9 matched sets"):
        run(asked(EXPOSED[:9], CONTROL[:9]))


@pytest.mark.parametrize("wrong", ["two", 0.5, (1, "x"), True, (), float("inf")])
def test_gamma_must_be_numbers_of_one_or_more(wrong):
    with pytest.raises(UsageError, match="gamma"):
        run(asked(EXPOSED, CONTROL, gamma=wrong))


def test_outcomes_that_never_differ_bear_nothing():
    answer = run(asked(np.ones(30), np.ones(30)))
    assert {row["p"] for row in table(answer, "rosenbaum")} == {1.0}
    assert table(answer, "rosenbaum_gamma")[0]["gamma"] == 1.0
