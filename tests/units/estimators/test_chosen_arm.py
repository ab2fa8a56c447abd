"""The arm that was chosen: freed of the choice, on average right; bias and coverage over 2,000
trials are in benchmarks/CHOSEN_ARM.md.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from benchmarks import chosen_arm as worlds
from scipy.stats import truncnorm

from fingerpost.core.allocation import Allocation
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import TooFew, Unanswerable
from fingerpost.core.estimand import pair
from fingerpost.core.inference import standard_errors
from fingerpost.estimators import by_stratum, chosen_arm

NOBODY = worlds.World("nobody gains", (0.0, 0.0, 0.0), each=(60, 30))


def made(seed: int = 1, world: worlds.World = NOBODY):
    return worlds.draw(world, np.random.default_rng(seed))[0]


def test_the_answer_is_the_expected_difference_after_given_all_else():
    """Rao and Blackwell by brute force: differences after the choice, drawn as they might have been
    with the same average by precision and the arm chosen, have the answer as their mean.
    """
    task = made()
    cohort, (term,) = task.cohort, task.terms
    arm = cohort.arms.index(term.contrast[0][0])

    def of(time: int, code: int) -> tuple[float, float]:
        y = cohort.outcomes["y"].value[(cohort.arm == code) & (cohort.strata == time)]
        return float(y.mean()), float(y.var(ddof=1) / len(y))

    (x_1, a_1), (c_1, b_1), (x_2, a_2), (c_2, b_2) = of(0, arm), of(0, 0), of(1, arm), of(1, 0)
    best_dropped = max(of(0, code)[0] for code in range(1, 4) if code != arm)
    d_1, v_1, d_2, v_2 = x_1 - c_1, a_1 + b_1, x_2 - c_2, a_2 + b_2
    both = (d_1 * v_2 + d_2 * v_1) / (v_1 + v_2)
    # Of the four means all but R = d₁ − d₂ is held; the arm's own moves with it.
    spread, moves = (v_1 + v_2) ** 0.5, a_1 / v_1 * v_1 / (v_1 + v_2)
    least = (best_dropped - (x_1 - moves * (d_1 - d_2))) / moves
    law = truncnorm(least / spread, np.inf, scale=spread)
    found = chosen_arm.run(task).estimate
    assert found.value[0] == pytest.approx(both - v_2 / (v_1 + v_2) * law.mean())
    left = v_2 - (v_2 / (v_1 + v_2)) ** 2 * law.var()
    assert standard_errors(found)[0] ** 2 == pytest.approx(left)


def test_the_choice_is_taken_away_and_the_plain_comparison_keeps_it():
    found, plain = [], []
    for seed in range(250):
        task = made(seed)
        found.append(chosen_arm.run(task).estimate.value[0])
        plain.append(by_stratum.run(task).estimate.value[0])
    error = np.std(found) / 250**0.5
    assert abs(np.mean(found)) < 2.5 * error
    assert np.mean(plain) > 5 * error


def test_less_may_be_better_and_contrasts_may_be_turned():
    task = made()
    y = task.cohort.outcomes["y"]
    less = replace(task.cohort, outcomes={"y": replace(y, value=-y.value)})
    one = chosen_arm.run(task).estimate
    turned = replace(task.terms[0], contrast=task.terms[0].contrast[::-1])
    turned = replace(turned, contrast=tuple((name, -w) for name, w in turned.contrast))
    for other in (
        chosen_arm.run(replace(task, cohort=less)).estimate,
        chosen_arm.run(replace(task, terms=(turned,))).estimate,
    ):
        assert other.value == pytest.approx(-one.value)
        assert standard_errors(other) == pytest.approx(standard_errors(one))


def test_times_are_those_of_the_ledger_where_there_is_one():
    task = made()
    n = task.cohort.n
    names = tuple("units 1 to 240" if at == 0 else "from unit 241" for at in task.cohort.strata)
    made_ = Allocation(tuple(map(str, range(n))), task.cohort.arms, task.cohort.arm, strata=names)
    cohort = replace(task.cohort, drawn=np.arange(n), strata=np.arange(n) % 5)
    told = chosen_arm.run(replace(task, cohort=cohort, drawn=Drawn(made_))).estimate
    assert told.value == pytest.approx(chosen_arm.run(task).estimate.value)


def test_what_was_dropped_is_told_with_a_warning_and_what_cannot_be_is_refused():
    task = made()
    stayed = task.terms[0].contrast[0][0]
    gone = next(name for name in task.cohort.arms[1:] if name != stayed)

    def asked(first: str, second: str):
        return replace(task, terms=(replace(task.terms[0], contrast=pair(first, second)),))

    ((_, words),) = chosen_arm.run(asked(gone, "first")).warnings
    assert "looks worse" in words
    with pytest.raises(Unanswerable, match="two arms that might both"):
        chosen_arm.run(asked(gone, stayed))
    # One that did better than the arm that stayed was dropped all the same, and one that did worse.
    y, arm, code = task.cohort.outcomes["y"], task.cohort.arm, task.cohort.arms.index(gone)
    lifted = replace(y, value=y.value + 5.0 * (arm == code))
    other = replace(task, cohort=replace(task.cohort, outcomes={"y": lifted}))
    answer = chosen_arm.run(other)
    assert "something else" in answer.warnings[0][1]
    after = next(row for row in answer.tables[0].records() if "after" in row["children"])
    assert answer.estimate.value[0] == pytest.approx(after["estimate"])
    with pytest.raises(Unanswerable, match="one by one"):
        chosen_arm.run(replace(task, analysis=replace(task.analysis, cluster="school")))
    back = replace(task, cohort=replace(task.cohort, strata=1 - task.cohort.strata))
    assert chosen_arm.run(back).estimate.value == pytest.approx(
        chosen_arm.run(task).estimate.value
    )  # those that held more arms came first
    alone = task.cohort.take((arm != code) | (np.cumsum(arm == code) == 1))
    with pytest.raises(TooFew, match="one child"):
        chosen_arm.run(replace(task, cohort=alone))
