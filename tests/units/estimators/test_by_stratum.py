"""Arms compared within strata, against Neyman's formula, pairs by hand, and unlike shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import covariance, intervals, standard_errors
from units.estimators.drawn_cases import ask, cohort, told


def test_without_strata_it_is_neymans_difference():
    r = np.random.default_rng(1)
    arm = np.repeat([0, 1], [30, 20])
    y = r.normal(size=50) + arm
    found = ask("by_stratum", told(cohort(y, arm))).estimate
    first, second = y[arm == 1], y[arm == 0]
    assert found.value[0] == pytest.approx(first.mean() - second.mean())
    neyman = first.var(ddof=1) / 20 + second.var(ddof=1) / 30
    assert standard_errors(found)[0] == pytest.approx(np.sqrt(neyman))


def test_strata_of_unlike_shares_do_not_confound():
    """All children of stratum 1 score 10 more, and more of them were drawn into the arm."""
    strata = np.repeat([0, 1], [40, 60])
    arm = np.concatenate([np.arange(40) % 4 == 0, np.arange(60) % 4 > 0]).astype(int)
    y = 10.0 * strata + 2.0 * arm
    found = ask("by_stratum", told(cohort(y, arm, strata=strata))).estimate
    assert found.value[0] == pytest.approx(2.0)
    naive = y[arm == 1].mean() - y[arm == 0].mean()
    assert naive > 5


def test_pairs_are_judged_by_their_differences():
    r = np.random.default_rng(3)
    pairs = np.repeat(np.arange(60), 2)
    arm = np.tile([0, 1], 60)
    y = 3 * r.standard_normal(60)[pairs] + arm * (1 + 0.5 * r.standard_normal(60)[pairs])
    y += r.standard_normal(120)
    found = ask("by_stratum", told(cohort(y, arm, strata=pairs))).estimate
    gaps = y[arm == 1] - y[arm == 0]
    assert found.value[0] == pytest.approx(gaps.mean())
    assert standard_errors(found)[0] == pytest.approx(gaps.std(ddof=1) / np.sqrt(60))
    assert found.df[0] == pytest.approx(59) and found.critical is None  # the t test of differences


def test_of_few_pairs_the_interval_is_the_t_test_of_their_differences():
    """Eleven pairs of schools: no more than that, and no bootstrap on top."""
    r = np.random.default_rng(9)
    school = np.repeat(np.arange(22), 4)
    y = 2 * r.normal(size=11)[school // 2] + r.normal(size=22)[school] + r.normal(size=88)
    task = told(cohort(y, school % 2, strata=school // 2, school=school), unit="school")
    found = ask("by_stratum", task).estimate
    means = y.reshape(22, 4).mean(axis=1)
    gaps = means[1::2] - means[::2]
    oracle = ttest_1samp(gaps, 0.0).confidence_interval(0.95)
    [(lo, hi)] = intervals(found, 0.95)
    assert (lo, hi) == pytest.approx((oracle.low, oracle.high))


def test_one_stratum_with_a_single_unit_leaves_the_others_as_they_are():
    """Four strata of 20, and one of 3 with one unit of the arm: the error is Neyman's of the four
    and, of the fifth, its share times its distance from the answer; the df are hardly fewer.
    """
    r = np.random.default_rng(10)
    strata = np.repeat([0, 1, 2, 3, 4], [20, 20, 20, 20, 3])
    arm = np.concatenate([np.arange(80) % 2, [1, 0, 0]])
    y = r.normal(size=83) + 3.0 * strata
    found = ask("by_stratum", told(cohort(y, arm, strata=strata))).estimate
    whole = strata < 4
    four = ask("by_stratum", told(cohort(y[whole], arm[whole], strata=strata[whole]))).estimate
    share, gap = 3 / 83, y[80] - y[81:].mean()
    value = (1 - share) * four.value[0] + share * gap
    assert found.value[0] == pytest.approx(value)
    by_hand = (1 - share) ** 2 * covariance(four)[0, 0]
    by_hand += (share * (gap - value) / (1 - share)) ** 2
    assert covariance(found)[0, 0] == pytest.approx(by_hand, rel=2e-2)
    assert found.df[0] == pytest.approx(four.df[0], rel=0.05)


def test_strata_without_an_arm_are_left_out_and_counted():
    arm, strata = np.array([0, 1] * 30 + [1] * 5), np.array([0] * 60 + [1] * 5)
    y = np.arange(65.0)
    found = ask("by_stratum", told(cohort(y, arm, strata=strata)))
    assert found.estimate.n[0] == 60
    assert "1 strata with 5 children" in found.warnings[0][1]


def test_units_of_several_arms_were_not_drawn():
    found = cohort(np.arange(40.0), np.arange(40) % 2, school=np.repeat(np.arange(10), 4))
    with pytest.raises(Unanswerable, match="several arms"):
        ask("by_stratum", told(found, unit="school"))


def test_nothing_drawn_is_a_question_for_others():
    with pytest.raises(UsageError, match="leans on the draw"):
        ask("by_stratum", told(cohort(np.arange(40.0), np.arange(40) % 2), observed=True))


def test_arms_that_come_and_go_are_each_compared_with_those_who_came_beside_them():
    """Three times: a and b; all three; a and c. Each contrast is as if it had been asked alone,
    and what both lean on is in their covariance.
    """
    r = np.random.default_rng(6)
    time = np.repeat([0, 1, 2], 60)
    arm = np.concatenate([np.tile([0, 1], 30), np.tile([0, 1, 2], 20), np.tile([0, 2], 30)])
    y = r.standard_normal(180) + 0.5 * time + 0.3 * (arm == 2)
    arms = ("usual", "first", "second")
    terms = tuple(Term("y", pair(name, "usual"), Target("ate")) for name in arms[1:])

    def asked(rows, *terms):
        task = told(replace(cohort(y[rows], arm[rows], strata=time[rows]), arms=arms))
        return ask("by_stratum", replace(task, terms=terms))

    both = asked(time >= 0, *terms)
    alone = [asked(time <= 1, terms[0]).estimate, asked(time >= 1, terms[1]).estimate]
    found = both.estimate
    assert found.value == pytest.approx([one.value[0] for one in alone])
    assert standard_errors(found) == pytest.approx([standard_errors(one)[0] for one in alone])
    assert found.df == pytest.approx([one.df[0] for one in alone])
    assert found.n.tolist() == [120, 120]
    # The 20 children of the first arm who came when both were there are in either contrast.
    of = (time == 1) & (arm == 0)
    shared = 0.5**2 * y[of].var(ddof=1) / 20
    assert covariance(found)[0, 1] == pytest.approx(shared, rel=0.6) and shared > 0
    assert {words.split(" with ")[1].split(" ")[0] for _, words in both.warnings} == {"60"}
    apart = [table for table in both.tables if table.name == "strata_apart"]
    assert len(apart) == 2
    first = next(row for row in apart[1].rows if row[1:3] == ("usual", "left out"))
    assert first[3:] == (30, pytest.approx(y[(time == 0) & (arm == 0)].mean()))
