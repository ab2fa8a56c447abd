"""Bounds where strategies are sustained over time: by hand, and in a world whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.course import FIRST, KEEPING, Course
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.leaves import Estimator, load
from fingerpost.core.outcome import Outcome
from fingerpost.sensitivity._task import SensitivityTask
from suites import over_time_worlds as world
from suites.sensitivity_worlds import make_study
from units.sensitivity.bounds_worlds import rows, run

LEAF = "unassessed_bounds"
# First provision, state after it, second provision: how many, mean outcome, how many not assessed.
CELLS = {
    (0, 0, 0): (240, 2.0, 24),
    (0, 0, 1): (60, 1.5, 0),
    (0, 1, 0): (80, 5.0, 16),
    (0, 1, 1): (120, 4.0, 0),
    (1, 0, 0): (100, 1.0, 0),
    (1, 0, 1): (250, 0.5, 25),
    (1, 1, 0): (30, 6.0, 0),
    (1, 1, 1): (120, 3.0, 36),
}


def refit(cohort, given, terms, leaves=None) -> tuple[Answer, ...]:
    """Return IPW's answer, as the study's own run gives it."""
    leaf = load("estimators", "ipw", kind=Estimator)
    return (replace(leaf.run(Task(cohort, terms, Analysis(given, stream="t"))), leaf="ipw"),)


def asked(cohort: Cohort, given: tuple[str, ...], term: Term, **options: object):
    answers = refit(cohort, given, (term,))
    study = replace(make_study(given, scale=term.scale), primary=("ipw",))
    return SensitivityTask(study, cohort, answers, refit, options)


def table() -> Cohort:
    """Return the children of the cells as copies; of each cell the last are not assessed."""
    cells = [(cell, mean, at >= count - gone) for cell, (count, mean, gone) in CELLS.items()
             for at in range(count)]  # fmt: skip
    provided = np.array([[cell[0], cell[2]] for cell, _, _ in cells])
    state = np.array([[0.0, cell[1]] for cell, _, _ in cells])
    y, gone = (np.array([one[at] for one in cells], dtype=float) for at in (1, 2))
    stays = np.concatenate([np.cumprod(provided == a, axis=1).astype(bool) for a in (0, 1)])
    n = len(cells)
    seen = stays[:, -1] & ~np.tile(gone.astype(bool), 2)
    stage = np.tile(np.array([FIRST, KEEPING], dtype=np.int8), (2 * n, 1))
    return Cohort(
        unit=np.tile(np.arange(n), 2),
        arms=("never", "always"),
        arm=np.repeat(np.arange(2), n),
        outcomes={
            "y": Outcome(
                "continuous", np.where(seen, np.tile(y, 2), np.nan), observed=seen, better="higher"
            )
        },
        covariates={"one": Column(np.tile(np.arange(n) % 2, 2).astype(float))},
        course=Course(stays, stage, {"state": np.tile(state, (2, 1))}),
    )


def by_hand(arm: int, end: float) -> float:
    """Return the mean of a strategy with an end of the scale for whoever was not assessed: of the
    500 who began it the share in each state, times the mean of those who went on there.
    """
    found = 0.0
    for state in (0, 1):
        began = sum(count for (a, s, _), (count, _, _) in CELLS.items() if (a, s) == (arm, state))
        count, mean, gone = CELLS[arm, state, arm]
        found += began / 500 * ((count - gone) * mean + gone * end) / count
    return found


def test_two_decisions_by_hand():
    term = Term("y", pair("always", "never"), Target("ate"))
    told = asked(table(), (), term, range=(0.0, 10.0), assume="anything")
    (row,) = rows(run(LEAF, told))
    lower = by_hand(1, 0.0) - by_hand(0, 10.0)
    upper = by_hand(1, 10.0) - by_hand(0, 0.0)
    assert (row["lower"], row["upper"]) == pytest.approx((lower, upper), abs=1e-9)
    kept = {arm: [c for c in CELLS if c[0] == c[2] == arm] for arm in (0, 1)}
    shares = [
        sum(CELLS[c][2] for c in kept[arm]) / sum(CELLS[c][0] for c in kept[arm]) for arm in (1, 0)
    ]
    assert [row["unseen_first"], row["unseen_second"]] == pytest.approx(shares)


def assessed(n: int, seed: int) -> Cohort:
    """Return children over time, of whom four in ten with no outcome of 1 were not assessed, and
    one in ten with it: under support twice as often.
    """
    draw = np.random.default_rng(seed)
    cohort = world.copies(world.lived(draw, n, "binary"), "binary")
    own = cohort.outcomes["y"]
    often = np.where(own.value == 1, 0.1, 0.3) * np.where(cohort.arm == 1, 1.5, 0.8)
    seen = own.observed & (draw.random(cohort.n) >= often)
    made = Outcome("binary", np.where(seen, own.value, np.nan), observed=seen, better="higher")
    return replace(cohort, outcomes={"y": made})


def test_bounds_hold_the_truth_that_the_answer_misses():
    """Whoever would have done badly is assessed less often: weights for being recorded cannot tell.

    Truth: both regimes lived by three hundred thousand children.
    """
    lived = world.means("binary", 300_000)
    term, truth = world.asked("binary"), lived["support"] - lived["none"]
    told = asked(assessed(10_000, 5), world.GIVEN, term)
    found = {row["assumes"]: row for row in rows(run(LEAF, told))}
    assert set(found) == {"anything", "no_better", "alike"}
    for assumes in ("anything", "no_better"):
        row = found[assumes]
        assert row["lo"] < row["lower"] < truth < row["upper"] < row["hi"], assumes
    alike, answer = found["alike"], float(told.answers[0].estimate.value[0])
    assert alike["lower"] == alike["upper"] == pytest.approx(answer, abs=1e-12)
    assert not alike["lo"] <= truth <= alike["hi"]
    widths = [found[a]["upper"] - found[a]["lower"] for a in ("anything", "no_better")]
    assert widths[0] > widths[1] > 0


def test_how_much_worse_at_most_is_said_not_to_be_answered():
    told = asked(
        assessed(3_000, 6), world.GIVEN, world.asked("binary"), assume="at_most", below=0.1
    )
    (row,) = rows(run(LEAF, told))
    assert row["lower"] is None and "how much worse at most is not answered" in row["verdict"]


def test_survivor_bounds_say_why_there_are_none_and_what_answers():
    told = asked(assessed(3_000, 6), world.GIVEN, world.asked("binary"))
    (row,) = rows(run("survivor_bounds", told))
    assert row["lower"] is None
    assert "would be seen under both is not known. unassessed_bounds answers" in row["verdict"]
