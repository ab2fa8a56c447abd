"""Regression discontinuity: laws, worlds whose truth is known, checks that fire, faults told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew, Unanswerable, UsageError
from fingerpost.core.estimand import Term, pair
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.outcome import Outcome
from fingerpost.estimators import rdd
from fingerpost.estimators._cutoff import not_rejected
from fingerpost.estimators.rdd import RDD
from fingerpost.kernels.local_linear import Window, jump
from suites.cutoff_worlds import BACK, CUTOFF, EFFECT, SD, TERM, CutoffWorld, ask
from suites.enrolled import ASIDE

SHARP, FUZZY = CutoffWorld(), CutoffWorld(fuzzy=True)


def rows(answer, name):
    """Return a table's rows."""
    return next(table for table in answer.tables if table.name == name).records()


def one(cohort, *terms, **more):
    """Return value, lower and upper bound."""
    found = ask(cohort, *terms, **more).estimate
    return float(found.value[0]), *(float(bound) for bound in found.bounds[0])


def with_score(cohort, values):
    return replace(cohort, roles={"score": Column(np.asarray(values, dtype=float))})


def test_a_sharp_answer_is_the_jump_with_its_robust_interval():
    cohort = SHARP.draw(1)
    distance = cohort.roles["score"].values - CUTOFF
    value, lo, hi = one(cohort, bandwidth=6.0, bias_bandwidth=9.0)
    y = cohort.outcomes["y"].value[:, None]
    found = jump(distance, y, weight=np.ones(cohort.n), window=Window(6.0, 9.0))
    se = np.sqrt(np.sum(found.influence**2))
    assert value == pytest.approx(-found.plain[0])
    assert (lo, hi) == pytest.approx(
        (-found.corrected[0] - 1.959964 * se, -found.corrected[0] + 1.959964 * se)
    )
    assert standard_errors(
        ask(cohort, bandwidth=6.0, bias_bandwidth=9.0).estimate
    ) == pytest.approx(se)


def test_a_fuzzy_answer_is_a_ratio_of_jumps():
    cohort = FUZZY.draw(1)
    distance = cohort.roles["score"].values - CUTOFF
    both = np.column_stack([cohort.outcomes["y"].value, cohort.arm])
    found = jump(distance, both, weight=np.ones(cohort.n), window=Window(7.0, 7.0))
    value, *_ = one(cohort, bandwidth=7.0)
    assert value == pytest.approx(found.plain[0] / found.plain[1])
    (stage,) = rows(ask(cohort, bandwidth=7.0), "rdd_first_stage")
    strength = found.corrected[1] ** 2 / np.sum(found.influence[:, 1] ** 2)
    assert (stage["jump"], stage["F"]) == pytest.approx((found.plain[1], strength))


@pytest.mark.parametrize("world", [SHARP, FUZZY, CutoffWorld(schools=60), CutoffWorld(schools=20)])
def test_laws(world):
    """Rows in another order, contrast the other way round, arms and axis the other way round."""
    cohort = world.draw(2)
    value, lo, hi = one(cohort)
    mixed = cohort.take(np.random.default_rng(0).permutation(cohort.n))
    assert one(mixed) == pytest.approx((value, lo, hi))
    assert one(cohort, BACK) == pytest.approx((-value, -hi, -lo))
    both = ask(cohort, TERM, BACK).estimate
    assert both.value == pytest.approx([value, -value])
    assert intervals(both, 0.95)[1] == pytest.approx([-hi, -lo])
    turned = replace(cohort, arms=cohort.arms[::-1], arm=1 - cohort.arm)
    assert one(turned) == pytest.approx((value, lo, hi))
    other_way = with_score(cohort, 2 * CUTOFF - cohort.roles["score"].values)
    assert one(other_way) == pytest.approx((value, lo, hi))


def test_units_carry_over():
    cohort = FUZZY.draw(3)
    value, lo, hi = one(cohort)
    outcome = Outcome("continuous", 10 * cohort.outcomes["y"].value + 300)
    moved = with_score(
        replace(cohort, outcomes={"y": outcome}), 4 * (cohort.roles["score"].values - CUTOFF)
    )
    assert one(moved, cutoff=0.0) == pytest.approx((10 * value, 10 * lo, 10 * hi))


def test_weights_and_person_time_multiply_the_kernel():
    cohort = SHARP.draw(4)
    r = np.random.default_rng(4)
    weight, time = r.uniform(0.5, 2, cohort.n), r.uniform(0.5, 2, cohort.n)
    plain = cohort.outcomes["y"].value
    rate = Outcome("count", plain * time, exposure=time)
    by_time = replace(cohort, outcomes={"y": rate})
    by_weight = replace(cohort, weight=time)
    assert one(by_time, bandwidth=6.0) == pytest.approx(one(by_weight, bandwidth=6.0))
    whole = replace(cohort, weight=np.where(weight > 1, 1.0, 0.0))
    assert one(whole) == pytest.approx(one(cohort.take(weight > 1)))


def test_a_child_at_the_cut_off_goes_where_the_study_says():
    """With whole numbers and support at the cut-off itself, `at: below` is sharp."""
    cohort = CutoffWorld(step=1.0).draw(5)
    support = (cohort.roles["score"].values <= CUTOFF).astype(int)
    cohort = replace(cohort, arm=support)
    assert ask(cohort, at="below").regions == ()
    wrong = ask(cohort, at="above")
    assert len(wrong.regions) == 1
    assert any("the option `at`" in words for _, words in wrong.warnings)
    (first, second, *_) = rows(ask(cohort, at="below"), "rdd_children")
    assert first["children"].startswith("above") and first["support"] == 0
    assert second["children"].startswith("at or below") and second["none"] == 0


def test_children_without_a_score_leave_and_are_counted():
    cohort = SHARP.draw(6)
    gone = np.arange(cohort.n) % 10 == 0
    holes = np.where(gone, np.nan, cohort.roles["score"].values)
    answer = ask(with_score(cohort, holes))
    assert answer.estimate.value == pytest.approx(one(cohort.take(~gone))[0])
    last = rows(answer, "rdd_children")[-1]
    assert last["none"] + last["support"] == gone.sum()


def test_the_table_of_bandwidths_holds_the_answer_and_two_more():
    cohort = SHARP.draw(7)
    answer = ask(cohort)
    used, half, twice = rows(answer, "rdd_bandwidth")
    assert used["estimate"] == pytest.approx(answer.estimate.value[0])
    assert (used["lo"], used["hi"]) == pytest.approx(tuple(answer.estimate.bounds[0]))
    assert (half["h"], twice["h"]) == pytest.approx((used["h"] / 2, used["h"] * 2))
    value, lo, hi = one(cohort, bandwidth=half["h"], bias_bandwidth=half["b"])
    assert (half["estimate"], half["lo"], half["hi"]) == pytest.approx((value, lo, hi))
    distance = np.abs(cohort.roles["score"].values - CUTOFF)
    near = (distance < used["h"]).sum()
    assert used["below"] + used["at or above"] == near == answer.estimate.n[0]


def worlds(world, count, **more):
    """Return plain values, and whether each interval holds the truth, of `count` samples."""
    found = []
    for seed in range(count):
        estimate = ask(replace_given(world.draw(seed)), **more).estimate
        lo, hi = estimate.bounds[0]
        found.append((estimate.value[0], lo <= EFFECT <= hi))
    return np.array(found)


def replace_given(cohort):
    """Return the cohort without covariates: placebos take most of the time."""
    return replace(cohort, covariates={})


@pytest.mark.parametrize(
    "world",
    [SHARP, FUZZY, CutoffWorld(schools=100), CutoffWorld(step=1.0)],
    ids=["sharp", "fuzzy", "schools", "whole numbers"],
)
def test_intervals_hold_the_truth(world, monkeypatch):
    for table, instead in ASIDE["rdd"].items():
        monkeypatch.setattr(rdd, table, lambda *_, given=instead, **__: given)
    found = worlds(world, 100)
    deviation = found[:, 0].std()
    assert abs(found[:, 0].mean() - EFFECT) < max(3.5 * deviation / 10, 0.1 * deviation)
    assert found[:, 1].mean() >= 0.86


def test_a_line_through_a_curve_needs_the_correction():
    """In a window of one SD the plain interval misses the truth and the corrected one does not."""
    held, plain = 0, 0
    for seed in range(100):
        cohort = CutoffWorld(curve=2.5).draw(seed)
        estimate = ask(replace_given(cohort), bandwidth=SD).estimate
        lo, hi = estimate.bounds[0]
        distance = cohort.roles["score"].values - CUTOFF
        y = cohort.outcomes["y"].value[:, None]
        naive = jump(distance, y, weight=np.ones(cohort.n), window=Window(SD, SD))
        reach = 1.96 * np.sqrt(np.sum(naive.plain_influence**2))
        plain += abs(-naive.plain[0] - EFFECT) < reach
        held += lo <= EFFECT <= hi
    assert held >= 88
    assert plain <= 70


def share_of_alarms(world, name, count):
    fired = [
        any(row["jumps"] for row in rows(ask(world.draw(s), bandwidth=6.0), name))
        for s in range(count)
    ]
    return np.mean(fired)


@pytest.mark.parametrize("name", ["rdd_density", "rdd_placebo"])
def test_checks_are_quiet_where_the_design_holds(name):
    assert share_of_alarms(SHARP, name, 60) <= 0.15


def test_sorting_around_the_cut_off_is_seen():
    assert share_of_alarms(CutoffWorld(sorted_share=0.5), "rdd_density", 40) >= 0.9


def test_sorting_is_seen_in_whole_numbers_too():
    assert (
        share_of_alarms(CutoffWorld(n=2000, step=1.0, sorted_share=0.5), "rdd_density", 40) >= 0.9
    )


def test_a_covariate_that_jumps_is_seen():
    assert share_of_alarms(CutoffWorld(n=2000, other=1.0), "rdd_placebo", 40) >= 0.9


def test_a_rule_that_hardly_moves_the_arm_gives_a_set_and_no_number():
    weak = CutoffWorld(fuzzy=True, moved=0.05)
    answers = [ask(replace_given(weak.draw(seed))) for seed in range(40)]
    held = [any(lo <= EFFECT <= hi for lo, hi in one.regions[0].pieces) for one in answers]
    assert np.mean(held) >= 0.85
    bare = [one for one in answers if one.estimate is None]
    assert len(bare) >= 20
    for one_of in bare:
        pieces = one_of.regions[0].pieces
        assert pieces[0][0] == -np.inf and pieces[-1][1] == np.inf
        assert one_of.regions[0].value is None
        (refusal,) = one_of.refusals
        assert refusal.leaf == "rdd" and "does not change at the cut-off" in refusal.rules[0].words


@pytest.mark.parametrize("jumps", [(2.0, 1.0), (0.3, 0.1), (0.1, 0.3), (0.0, 0.0), (-1.0, -2.0)])
def test_the_set_is_all_values_that_are_not_rejected(jumps):
    noise = np.array([[0.04, 0.01], [0.01, 0.02]])
    pieces = not_rejected(np.array(jumps), noise, 1.96)
    for value in np.linspace(-20, 20, 2001):
        v = np.array([1.0, -value])
        accepted = (v @ jumps) ** 2 <= 1.96**2 * (v @ noise @ v)
        assert accepted == any(lo <= value <= hi for lo, hi in pieces)


def test_few_schools():
    answer = ask(CutoffWorld(n=600, schools=8).draw(1))
    assert answer.estimate.bounds is None and answer.estimate.spread is None
    assert "8 clusters" in answer.estimate.interval[0]
    answer = ask(CutoffWorld(n=600, schools=20).draw(1))
    assert "score wild bootstrap" in answer.estimate.interval[0]
    assert answer.estimate.clusters[0] == 20


def test_a_school_on_both_sides_counts_once():
    """Children of one school share its habit on both sides, which the difference takes out."""
    cohort = CutoffWorld(n=2000, schools=100).draw(2)
    whole = standard_errors(ask(cohort, bandwidth=8.0).estimate)[0]
    halves = cohort.clusters["school"] * 2 + (cohort.roles["score"].values < CUTOFF)
    apart = ask(replace(cohort, clusters={"school": halves}), bandwidth=8.0).estimate
    assert whole < 0.97 * standard_errors(apart)[0]


def test_coarse_scores_are_warned_of():
    answer = ask(CutoffWorld(step=3.0).draw(1))
    assert any("fewer than 10 values" in words for _, words in answer.warnings)
    assert ask(SHARP.draw(1)).warnings == ()


def test_the_running_variable_is_no_placebo():
    cohort = SHARP.draw(1)
    cohort = replace(
        cohort, covariates={**cohort.covariates, "score": cohort.roles["score"]}, roles={}
    )
    names = [row["covariate"] for row in rows(ask(cohort), "rdd_placebo")]
    assert names == ["index", "boy: boy"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"running": "scare"}, 'no column "scare". Did you mean "score"'),
        ({"running": 3}, "needs `running`"),
        ({"cutoff": "85"}, "cutoff takes a number"),
        ({"cutoff": None}, "needs `cutoff`"),
        ({"cutoff": float("nan")}, "cutoff takes a number"),
        ({"cutoff": True}, "cutoff takes a number"),
        ({"bandwidth": -1}, "bandwidth takes a number above 0"),
        ({"bandwidth": (1, 2)}, "bandwidth takes a number above 0"),
        ({"bias_bandwidth": "wide"}, "bias_bandwidth takes a number above 0"),
        ({"kernel": "gaussian"}, "kernel takes triangular or uniform"),
        ({"kernel": 1}, "kernel takes triangular or uniform"),
        ({"order": 3}, "order takes 1"),
        ({"order": True}, "order takes 1"),
        ({"at": "left"}, "at takes above or below"),
    ],
)
def test_wrong_options_are_told(options, words):
    with pytest.raises(UsageError, match=words):
        ask(SHARP.draw(1), **options)


def test_a_category_is_no_running_variable():
    cohort = SHARP.draw(1)
    area = Column(np.arange(cohort.n) % 3, ("north", "south", "west"))
    with pytest.raises(UsageError, match="category of 3 levels"):
        ask(replace(cohort, roles={"score": area}))


def constant(cohort):
    return with_score(cohort, np.full(cohort.n, 80.0))


def nobody(cohort):
    return with_score(cohort, np.full(cohort.n, np.nan))


def flat(cohort):
    return replace(cohort, outcomes={"y": Outcome("continuous", np.ones(cohort.n))})


def one_arm(cohort):
    return replace(cohort, arm=np.zeros(cohort.n, dtype=int))


def five(cohort):
    return cohort.take(np.arange(5))


def weightless(cohort):
    return replace(cohort, weight=np.zeros(cohort.n))


def heavy(cohort):
    return replace(cohort, weight=np.where(np.arange(cohort.n) == 0, 1.0, 0.0))


@pytest.mark.parametrize("given", [{}, {"bandwidth": 6.0}], ids=["chosen", "given"])
@pytest.mark.parametrize("spoil", [constant, nobody, flat, one_arm, five, weightless, heavy])
def test_what_cannot_be_answered_is_refused_in_words(spoil, given):
    with pytest.raises(Unanswerable, match=r"\w+ \w+"):
        ask(spoil(SHARP.draw(1)), **given)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cutoff": 300.0}, "at or above the cut-off 300"),
        ({"cutoff": -300.0}, "below the cut-off -300"),
        ({"bandwidth": 0.05}, "distinct values|fewer than 10 children"),
        ({"bandwidth": 1e-12}, "distinct values|fewer than 10 children"),
    ],
)
def test_windows_that_hold_nobody(options, words):
    with pytest.raises((TooFew, Unanswerable), match=words):
        ask(SHARP.draw(1), **options)


def test_three_arms_and_other_contrasts_are_refused():
    cohort = SHARP.draw(1)
    with pytest.raises(Unanswerable, match="two arms apart"):
        ask(replace(cohort, arms=("none", "support", "plan")))
    with pytest.raises(Unanswerable, match="differences of the two arms"):
        ask(cohort, Term("y", (("support", 1.0),), TERM.target, "mean", "level"))
    with pytest.raises(Unanswerable, match="differences of the two arms"):
        ask(cohort, Term("y", pair("support", "none"), TERM.target, "mean", "ratio"))


def test_no_message_holds_a_childs_value():
    cohort = with_score(SHARP.draw(1), np.full(1000, 71.234567))
    with pytest.raises(Unanswerable) as fault:
        ask(cohort)
    assert "71.2" not in str(fault.value)


def test_the_descriptor_names_its_checks():
    assert {one.diagnostic for one in RDD.assumes} >= {"rdd_placebo", "rdd_density"}
    assert RDD.columns == ("running",) and RDD.needs == ("running", "cutoff")
