"""Imputed outcomes shifted: nothing at no shift, the truth at the true one, and where it tips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.inference import critical_values, intervals, pool
from fingerpost.estimators.aipw import AIPW
from fingerpost.sensitivity._delta import Asking, shifted
from fingerpost.sensitivity._task import SensitivityTask
from fingerpost.sensitivity.delta_adjusted import At, first_change, first_crossing
from fingerpost.studies.pooling import pooled_estimate
from suites.sensitivity_worlds import make_study, refit_ols
from units.sensitivity.bounds_worlds import children, logistic, rows, run, term_of

EFFECT, WORSE = 1.0, 2.0
ARMS = ("support", "none")


def refit(cohort, given, terms, leaves=None):
    answer = AIPW.run(Task(cohort, tuple(terms), Analysis(given)))
    return (replace(answer, leaf="aipw"),)


def copies(seed: int, *, n=600, m=5, kind="continuous", worse=WORSE, better=0.0):
    """Return imputed copies of children of whom those unseen with support did `worse` worse than
    the others like them, and those unseen without `better` better, which the imputation (proper
    draws within arms) does not know.
    """
    draw = np.random.default_rng(seed)
    x = draw.standard_normal(n)
    arm = (draw.random(n) < logistic(0.5 * x)).astype(int)
    seen = draw.random(n) < np.where(arm == 1, 0.7, 0.9)
    line = x + EFFECT * arm - worse * (~seen & (arm == 1)) + better * (~seen & (arm == 0))
    value = line + draw.standard_normal(n)
    if kind == "binary":
        value = (draw.random(n) < logistic(line)).astype(float)
    base = children(arm, value, seen, x, kind=kind)
    own = base.outcomes["score"]
    found = []
    for replicate in range(1, m + 1):
        filled = own.value.copy()
        for one in (0, 1):
            rows_, gone = seen & (arm == one), ~seen & (arm == one)
            design = np.column_stack([np.ones(n), x])
            bread = np.linalg.inv(design[rows_].T @ design[rows_])
            beta = bread @ design[rows_].T @ value[rows_]
            residual = value[rows_] - design[rows_] @ beta
            sigma = np.sqrt(residual @ residual / draw.chisquare(rows_.sum() - 2))
            beta = draw.multivariate_normal(beta, sigma**2 * bread)
            drawn = design[gone] @ beta + sigma * draw.standard_normal(gone.sum())
            if kind == "binary":
                drawn = (draw.random(gone.sum()) < logistic(x[gone] + EFFECT * one)).astype(float)
            filled[gone] = drawn
        outcome = replace(own, value=filled, observed=None)
        imputed = {"score": ~seen}
        one = replace(base, outcomes={"score": outcome}, imputed=imputed, replicate=replicate)
        found.append(one)
    return tuple(found)


def task(made, *, scale="difference", asks=refit, **options) -> SensitivityTask:
    terms = (term_of(scale),)
    study = make_study(("x",), scale=scale)
    each = [asks(copy, ("x",), terms)[0].estimate for copy in made]
    answer = Answer("aipw", pool(each, len(made[0].arm) - 1.0))
    return SensitivityTask(study, made[0], (answer,), asks, options, copies=made)


def tables(told) -> dict[str, list[dict]]:
    return {table.name: table.records() for table in run("delta_adjusted", told).tables}


def test_without_a_shift_it_is_the_pooled_answer():
    told = task(copies(1), delta=(-1, 1))
    (plain,) = [r for r in tables(told)["delta_grid"] if r["delta_first"] == r["delta_second"] == 0]
    estimate = told.answers[0].estimate
    assert plain["value"] == pytest.approx(float(estimate.value[0]), rel=1e-12)
    assert [plain["lo"], plain["hi"]] == pytest.approx(intervals(estimate)[0].tolist(), rel=1e-9)


def test_at_the_true_shift_the_truth_comes_back_and_without_it_does_not():
    """Missing not at random: unseen children with support did 2 worse than the imputation has it;
    the truth is 1 less what that takes from everybody's mean under support."""
    truth, held, missed = EFFECT - 0.3 * WORSE, [], []
    for seed in range(200):
        told = task(copies(4000 + seed, n=300), asks=refit_ols)
        asking = Asking(told, "score", "ols", (term_of(),), ARMS, 1.0, planes=())
        for shift, kept in ((-WORSE, held), (0.0, missed)):
            lo, hi = intervals(asking.at(shift, 0.0))[0]
            kept.append(lo <= truth <= hi)
    assert 0.90 <= np.mean(held) <= 0.99
    assert np.mean(missed) < 0.6


def test_with_arms_shifted_in_opposite_ways_the_truth_of_such_a_world_comes_back():
    """Unseen children with support did 1 worse, those without 1 better: imputing takes both for
    the like of the seen. Shifts of one arm, or of both alike, do not mend it."""
    by, held, missed = 1.0, [], []
    truth = EFFECT - 0.3 * by - 0.1 * by
    for seed in range(100):
        told = task(copies(6000 + seed, n=300, worse=by, better=by), asks=refit_ols)
        asking = Asking(told, "score", "ols", (term_of(),), ARMS, 1.0, planes=())
        for shift, kept in (((-by, by), held), ((-by, -by), missed), ((0.0, 0.0), missed)):
            lo, hi = intervals(asking.at(*shift))[0]
            kept.append(lo <= truth <= hi)
    assert 0.90 <= np.mean(held) <= 0.99
    assert np.mean(missed) < 0.8


def test_in_opposite_ways_the_least_shift_is_enough_and_arms_add_up():
    """Of a difference linear in the shifts, what each arm's unit moves it by adds up: the answer is
    nothing where its value over their sum is, nearer than for either alone."""
    found = {(row["shifted"], row["way"]): row for row in tables(task(copies(3)))["delta_tipping"]}
    alone = found["support", "down"]["no_effect_at"], found["none", "up"]["no_effect_at"]
    both = found["opposite ways", "down"]["no_effect_at"]
    assert both == pytest.approx(-1 / (1 / -alone[0] + 1 / alone[1]), rel=1e-9)
    changes = [found["support", "down"], found["none", "up"], found["opposite ways", "down"]]
    sizes = [abs(row["conclusion_changes_at"]) for row in changes]
    assert sizes[2] < min(sizes[:2])
    assert found["opposite ways", "up"]["no_effect_at"] is None


def test_a_plane_gives_what_fitting_every_pair_gives():
    made = copies(2)
    told = task(made)
    by_plane = Asking(told, "score", "aipw", (term_of(),), ARMS, 1.5)
    assert by_plane.linear
    by_fits = Asking(told, "score", "aipw", (term_of(),), ARMS, 1.5)
    by_fits.planes = ()
    for pair in ((0.0, 0.0), (-3.0, 0.5), (2.0, 2.0), (0.0, -7.0)):
        one, other = by_plane.at(*pair), by_fits.at(*pair)
        assert one.value == pytest.approx(other.value, rel=1e-9)
        assert intervals(one) == pytest.approx(intervals(other), rel=1e-7)


def test_where_it_tips_the_interval_ends_at_no_effect():
    made = copies(3)
    told = task(made)
    found = tables(told)["delta_tipping"]
    (row,) = [r for r in found if (r["shifted"], r["way"]) == ("support", "down")]
    asking = Asking(told, "score", "aipw", (term_of(),), ARMS, 1.0)
    at_none = asking.at(row["no_effect_at"], 0.0)
    at_change = asking.at(row["conclusion_changes_at"], 0.0)
    assert float(at_none.value[0]) == pytest.approx(0.0, abs=1e-9)
    assert float(intervals(at_change)[0, 0]) == pytest.approx(0.0, abs=5e-3)
    assert row["no_effect_at"] < row["conclusion_changes_at"] < 0


def test_shifting_both_arms_alike_where_as_many_are_imputed_changes_little():
    """A shift of everybody imputed moves the difference by the difference of the shares."""
    made = copies(5)
    asking = Asking(task(made), "score", "aipw", (term_of(),), ARMS, 1.0)
    moved = float((asking.at(1.0, 1.0).value - asking.at(0.0, 0.0).value)[0])
    assert moved == pytest.approx(0.3 - 0.1, abs=0.06)


@pytest.mark.parametrize("by", [-1.5, -0.5, 0.7, 2.0])
def test_the_odds_of_a_yes_or_no_are_multiplied(by):
    made = copies(6, n=40_000, m=2, kind="binary")
    told = task(made)
    moved = shifted(told, made[0], "score", {"support": by})
    rows_ = made[0].imputed["score"] & (made[0].arm == 1)
    before, after = (one.outcomes["score"].value[rows_] for one in (made[0], moved))
    x = made[0].covariates["x"].values[rows_]
    for low, high in ((-9, -0.3), (-0.3, 0.6), (0.6, 9)):
        part = (x > low) & (x <= high)
        odds = [np.mean(one[part]) / (1 - np.mean(one[part])) for one in (before, after)]
        assert np.log(odds[1] / odds[0]) == pytest.approx(by, abs=0.25)
    same = ~rows_
    assert np.array_equal(
        made[0].outcomes["score"].value[same], moved.outcomes["score"].value[same]
    )
    assert (after >= before).all() if by > 0 else (after <= before).all()


def test_a_yes_or_no_is_tipped_within_the_grid():
    made = copies(7, n=3000, m=3, kind="binary")
    told = task(made, delta=(-6, -3, 0, 3, 6))
    found = tables(told)
    grid = [r["value"] for r in found["delta_grid"] if r["delta_second"] == 0]
    assert grid == sorted(grid) and len(grid) == 5
    assert {abs(row["looked_to"]) for row in found["delta_tipping"]} == {6}


def test_a_count_is_multiplied():
    made = copies(8)
    own = made[0].outcomes["score"]
    counted = replace(own, kind="count", value=np.abs(np.round(own.value)))
    copy = replace(made[0], outcomes={"score": counted})
    moved = shifted(task(made), copy, "score", {"none": np.log(2)})
    rows_ = copy.imputed["score"] & (copy.arm == 0)
    assert moved.outcomes["score"].value[rows_] == pytest.approx(2 * counted.value[rows_])


def test_without_imputed_outcomes_there_is_nothing_to_shift():
    made = copies(1)
    with pytest.raises(Unanswerable, match="--impute 20"):
        run("delta_adjusted", replace(task(made), copies=()))


def test_a_refusal_in_a_copy_is_told():
    made = copies(1)
    told = replace(task(made), refit=lambda *given: (Answer("guard"),))
    with pytest.raises(Unanswerable, match="gives no answer"):
        run("delta_adjusted", told)


@pytest.mark.parametrize("delta", ["much", (1, "x"), tuple(range(16))])
def test_shifts_are_numbers_and_not_too_many(delta):
    with pytest.raises(UsageError, match="delta must be up to 15 numbers"):
        run("delta_adjusted", task(copies(1), delta=delta))


def test_rows_are_told_of_the_fewest_children():
    made = copies(1)
    answer = run("delta_adjusted", task(made))
    fewest = min(
        np.count_nonzero(made[0].imputed["score"] & (made[0].arm == arm)) for arm in (0, 1)
    )
    assert all(set(table.counts) == {fewest} for table in answer.tables)
    assert len(rows(answer)) == 25 + 8


def test_a_crossing_is_found_between_points():
    assert first_crossing([0.0, 1.0, 2.0], [3.0, 1.0, -1.0]) == pytest.approx(1.5)
    assert first_crossing([0.0, 1.0], [3.0, 1.0]) is None


def ats(*limits: tuple[float, float], none: float = 0.0) -> list[At]:
    return [At((lo + hi) / 2, lo, hi, none) for lo, hi in limits]


def test_an_interval_that_passes_over_no_effect_between_two_shifts_has_changed():
    """From above no effect to below it: the lower limit crosses first, on its way from 1 to −5."""
    over = ats((1.0, 2.0), (-5.0, -4.0))
    assert first_change([0.0, -3.0], over) == pytest.approx(-0.5)
    assert first_change([0.0, 3.0], ats((-5.0, -4.0), (1.0, 2.0))) == pytest.approx(3 * 4 / 6)
    ratio = ats((1.5, 2.0), (0.2, 0.5), none=1.0)
    assert first_change([0.0, 1.0], ratio) == pytest.approx(0.5 / 1.3)


def test_an_interval_that_holds_no_effect_changes_where_either_limit_leaves_it():
    down, up = ats((-1.0, 1.0), (-2.0, 0.5), (-3.0, -0.5)), ats((-1.0, 1.0), (1.0, 3.0))
    assert first_change([0.0, 1.0, 2.0], down) == pytest.approx(1.5)
    assert first_change([0.0, 1.0], up) == pytest.approx(0.5)
    assert first_change([0.0, 1.0], ats((-1.0, 1.0), (-2.0, 3.0))) is None


def test_with_few_schools_shifted_answers_have_the_intervals_of_pooled_ones():
    """Without a shift the grid is the study's own answer, whose few schools ask for wider limits
    than t's: both are pooled by one rule."""
    made = [
        replace(one, clusters={"school": np.arange(one.n) % 12}) for one in copies(9, n=240, m=3)
    ]

    def by_school(cohort, given, terms, leaves=None):
        answer = AIPW.run(Task(cohort, tuple(terms), Analysis(given, cluster="school")))
        return (replace(answer, leaf="aipw"),)

    told = task(tuple(made), asks=by_school, delta=(0, 1))
    each = [by_school(one, ("x",), (term_of(),))[0].estimate for one in made]
    assert all(one.critical is not None for one in each)
    (plain,) = [r for r in tables(told)["delta_grid"] if r["delta_first"] == r["delta_second"] == 0]
    pooled = pooled_estimate(each, 0.95)
    assert [plain["lo"], plain["hi"]] == pytest.approx(intervals(pooled)[0].tolist(), rel=1e-9)
    assert critical_values(pooled, 0.95)[0] >= max(float(one.critical[0]) for one in each)


def test_subgroups_are_left_out_and_the_whole_is_answered():
    made = copies(1, n=200, m=2)
    told = task(made, delta=(-1, 1))
    (answer,) = told.answers
    boys = (replace(term_of(), subgroup="boy = 1"),)
    of_boys = replace(answer, estimate=replace(answer.estimate, terms=boys))
    both = replace(told, answers=(of_boys, answer))
    assert tables(both) == tables(told)
    with pytest.raises(Unanswerable, match="among all children"):
        run("delta_adjusted", replace(told, answers=(of_boys,)))
