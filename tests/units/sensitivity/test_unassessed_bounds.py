"""Bounds for the unassessed: by hand, with a planted truth at the bound, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtrit

from fingerpost.core.column import Column
from fingerpost.core.errors import UsageError
from units.sensitivity.bounds_worlds import (
    children,
    logistic,
    refusing,
    repeated,
    rows,
    run,
    task,
    term_of,
)

LEAF = "unassessed_bounds"
EFFECT = 2.0
WORLDS = 200
TOY = (
    np.array([0] * 5 + [1] * 5),
    [1, 2, 3, 0, 0, 2, 4, 6, 8, 0],
    np.array([1, 1, 1, 0, 0, 1, 1, 1, 1, 0], dtype=bool),
)


def found(cohort, **more) -> dict[str, dict]:
    return {row["assumes"]: row for row in rows(run(LEAF, task(cohort, **more)))}


def world(seed: int, *, n=400, worse=3.0):
    """Return children of whom those not seen did `worse` points worse than others like them, more
    of them with support: the truth is the lower bound of at_most with below: worse in one arm.
    """
    draw = np.random.default_rng(seed)
    x = draw.standard_normal(n)
    arm = (draw.random(n) < logistic(0.6 * x)).astype(int)
    seen = draw.random(n) < np.where(arm == 1, 0.7, 0.85)
    value = 100 + x + draw.standard_normal(n) + EFFECT * arm
    value = np.where(seen | (arm == 0), value, value - worse)
    return children(arm, value, seen, x)


def test_by_hand():
    """Means with the unseen at 0 and 10: 4 to 6 with support, 6/5 to 26/5 without; of those seen 5
    and 2."""
    told = found(repeated(children(*TOY), 50), range=(0, 10), below=1)
    ends = {name: (row["lower"], row["upper"]) for name, row in told.items()}
    assert ends["anything"] == pytest.approx((4 - 5.2, 6 - 1.2), abs=1e-12)
    assert ends["no_better"] == pytest.approx((4 - 2, 5 - 1.2), abs=1e-12)
    assert ends["at_most"] == pytest.approx((5 - 0.2 - 2, 5 - (2 - 0.4)), abs=1e-12)
    assert ends["alike"] == pytest.approx((3, 3), abs=1e-12)
    assert told["anything"]["unseen_first"] == pytest.approx(0.2)
    assert told["anything"]["unseen_second"] == pytest.approx(0.4)
    assert told["anything"]["verdict"] == "we cannot tell: the bounds hold no effect"


def test_where_lower_is_better_no_better_is_no_lower():
    arm, value, seen = TOY
    plain = found(repeated(children(*TOY), 50), range=(0, 10), below=1)
    turned = children(arm, 10 - np.array(value), seen, better="lower")
    told = found(repeated(turned, 50), range=(0, 10), below=1)
    for name, row in told.items():
        assert (-row["upper"], -row["lower"]) == pytest.approx(
            (plain[name]["lower"], plain[name]["upper"]), abs=1e-12
        )


def test_a_yes_or_no_needs_no_range_and_its_widest_bounds_are_the_unseen_shares():
    arm, _, seen = TOY
    cohort = repeated(children(arm, [1, 0, 1, 0, 0, 1, 1, 0, 1, 0], seen, kind="binary"), 50)
    told = found(cohort, assume=("anything", "alike"))
    row = told["anything"]
    assert (row["lower"], row["upper"]) == pytest.approx((3 / 5 - 4 / 5, 4 / 5 - 2 / 5), abs=1e-12)
    assert row["upper"] - row["lower"] == pytest.approx(row["unseen_first"] + row["unseen_second"])
    assert told["alike"]["lower"] == pytest.approx(3 / 4 - 2 / 3, abs=1e-9)


def test_a_ratio_is_of_the_bounds_of_the_means():
    told = found(
        repeated(children(*TOY), 50), terms=(term_of("ratio"),), assume="anything", range=(1, 10)
    )
    assert told["anything"]["lower"] == pytest.approx((20 + 1) / (6 + 20), abs=1e-12)
    assert told["anything"]["upper"] == pytest.approx((20 + 10) / (6 + 2), abs=1e-12)


def test_the_interval_holds_a_truth_on_the_bound_as_often_as_it_says():
    """The truth is 2 less 0.3 × 3 points; the bound is estimated with score and regression."""
    truth, lower, held, reach = EFFECT - 0.3 * 3, [], [], []
    for seed in range(WORLDS):
        row = found(world(7000 + seed), assume="at_most", below=3)["at_most"]
        lower.append(row["lower"])
        held.append(row["lo"] <= truth <= row["hi"])
        reach.append((row["lower"] - row["lo"]) / 1.6449)
    error = np.std(lower, ddof=1)
    assert 0.90 <= np.mean(held) <= 0.99
    assert abs(np.mean(lower) - truth) <= max(3.5 * error / np.sqrt(WORLDS), 0.10 * error)
    assert np.mean(reach) / error == pytest.approx(1, abs=0.15)


def test_the_influence_of_a_logit_that_fills_in_is_counted():
    """By the bootstrap: error of a yes or no filled in as by children alike."""
    draw = np.random.default_rng(8)
    n = 1500
    x = draw.standard_normal(n)
    arm = (draw.random(n) < logistic(x)).astype(int)
    value = (draw.random(n) < logistic(x + 0.5 * arm)).astype(float)
    seen = draw.random(n) < logistic(0.5 + x)
    cohort = children(arm, value, seen, x, kind="binary")
    row = found(cohort, assume="alike")["alike"]
    again = []
    for _ in range(100):
        drawn = replace(cohort.take(draw.integers(0, n, n)), unit=np.arange(n))
        again.append(found(drawn, assume="alike")["alike"]["lower"])
    assert (row["hi"] - row["lo"]) / 2 / 1.96 == pytest.approx(np.std(again), rel=0.2)


def test_children_alike_filled_in_give_what_was_planted_where_they_are_alike():
    cohort = world(1, n=6000, worse=0.0)
    row = found(cohort, assume="alike")["alike"]
    assert row["lo"] < EFFECT < row["hi"] and row["verdict"] == "above no effect"


def test_a_covariate_that_the_seen_of_an_arm_share_is_left_out_of_its_regression():
    cohort = world(1)
    flag = Column(np.where(cohort.arm == 1, 0.0, cohort.covariates["x"].values > 0))
    some = np.where(np.isnan(cohort.outcomes["score"].value) & (cohort.unit % 7 == 0), 1.0, 0.0)
    flagged = Column(np.maximum(flag.values, some))
    more = replace(cohort, covariates={**cohort.covariates, "flag": flagged})
    told = found(more, given=("x", "flag"), assume="alike")["alike"]
    assert told["lower"] == pytest.approx(found(cohort, assume="alike")["alike"]["lower"], abs=0.5)


def test_the_wider_the_assumption_the_wider_the_bounds():
    told = found(world(1), range=(90, 110), below=3)
    names = ("anything", "no_better", "at_most", "alike")
    lower, upper = ([told[name][end] for name in names] for end in ("lower", "upper"))
    assert lower == sorted(lower) and upper == sorted(upper, reverse=True)


def test_without_a_range_or_a_direction_what_needs_them_says_so():
    told = found(world(1))
    assert "range" in told["anything"]["verdict"] and told["anything"]["lower"] is None
    assert told["alike"]["lower"] is not None and "at_most" not in told
    cohort = world(1)
    neither = replace(cohort.outcomes["score"], better="")
    told = found(replace(cohort, outcomes={"score": neither}), range=(90, 110))
    assert "which way is better" in told["no_better"]["verdict"]


def test_values_beyond_the_range_are_counted_not_told():
    with pytest.raises(UsageError, match=r"score of \d+ children lies outside 99 to 101"):
        run(LEAF, task(world(1), range=(99, 101)))


def test_options_may_be_written_for_each_outcome():
    told = found(world(1), range=(("score", (90, 110)),), below=(("score", 3),))
    assert told["at_most"]["lower"] == found(world(1), below=3, range=(90, 110))["at_most"]["lower"]


def test_faults_of_options_come_together():
    with pytest.raises(UsageError) as told:
        run(LEAF, task(world(1), assume="at_most", range=(120, 80), outcomes="maths"))
    words = "\n".join(told.value.problems)
    assert "at_most needs `below`" in words
    assert "range must be the least and the most" in words
    assert '"maths" is not an outcome' in words
    with pytest.raises(UsageError, match='"maths" is not an outcome'):
        run(LEAF, task(world(1), range=(("maths", (80, 120)),)))
    with pytest.raises(UsageError, match="below must be a number of 0 or more"):
        run(LEAF, task(world(1), below=-1))


def test_what_the_guard_rails_refuse_with_all_children_is_refused():
    answer = run(LEAF, task(world(1), refit=refusing, range=(90, 110)))
    assert not answer.tables and answer.refusals[0].terms == (term_of(),)


def copies_of(cohort, *, m=6, level=1.0):
    """Return copies in which a third of the covariate was drawn anew, about the outcome's level."""
    x = cohort.covariates["x"].values
    gone = np.random.default_rng(8).random(cohort.n) < 1 / 3
    found = []
    for replicate in range(1, m + 1):
        draw = np.random.default_rng(replicate)
        drawn = np.where(gone, x + level * draw.standard_normal(cohort.n), x)
        found.append(replace(cohort, covariates={"x": Column(drawn)}, replicate=replicate))
    return tuple(found)


def test_copies_are_pooled_by_rubin_and_not_one_of_them_shown():
    """With `alike` the bounds meet, and the interval of each copy is 1.96 errors either way."""
    made = copies_of(world(3))
    each = [found(one, assume="alike")["alike"] for one in made]
    value = np.array([row["lower"] for row in each])
    within = np.mean([((row["hi"] - row["lo"]) / 2 / 1.959964) ** 2 for row in each])
    between = (1 + 1 / 6) * value.var(ddof=1)
    share, free = between / (within + between), made[0].n - 1.0
    seen = (free + 1) / (free + 3) * free * (1 - share)
    reach = stdtrit(1 / (share**2 / 5 + 1 / seen), 0.975) * np.sqrt(within + between)
    (row,) = rows(run(LEAF, replace(task(made[0], assume="alike"), copies=made)))
    assert row["lower"] == pytest.approx(value.mean(), rel=1e-12)
    assert (row["lo"], row["hi"]) == pytest.approx(
        (value.mean() - reach, value.mean() + reach), rel=1e-6
    )
    assert between > 0.02 * within


def test_copies_that_are_one_another_give_what_one_gives_but_for_degrees_of_freedom():
    cohort = world(4)
    whole = found(cohort, range=(90, 112))
    told = replace(task(cohort, range=(90, 112)), copies=(cohort,) * 4)
    for row in rows(run(LEAF, told)):
        one = whole[row["assumes"]]
        for name in ("lower", "upper", "lo", "hi", "unseen_first"):
            assert row[name] == pytest.approx(one[name], rel=2e-3)


def test_what_one_copy_refuses_is_refused():
    made = copies_of(world(5))

    def judges(cohort, given, terms, leaves=None):
        return refusing(cohort, given, terms) if cohort.replicate == 4 else ()

    answer = run(LEAF, replace(task(made[0], refit=judges, range=(80, 120)), copies=made))
    assert [one.terms for one in answer.refusals] == [(term_of(),)]
    assert answer.tables == ()
