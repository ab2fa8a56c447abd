"""Bounds where strategies are sustained over time: the answer again, unseen outcomes filled in.

A copy of a child that kept to its strategy to the end may have no outcome. Whoever departed is
stood for by weights, as in the answer itself; in place of an outcome that was not recorded stands
an end of the scale. The same estimator then answers anew, with every weight estimated again, so
that the error of each bound is that of an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Term
from fingerpost.core.inference import standard_errors
from fingerpost.core.reasons import broken_words
from fingerpost.sensitivity._answers import primary_lines
from fingerpost.sensitivity._standing import Found, Pair, Question, seen_of
from fingerpost.sensitivity._task import SensitivityTask
from fingerpost.sensitivity._unassessed import ALIKE, LEAST, WORSE

Ends = tuple[str, str]  # what is filled in, in the first and the second arm
NO_WORSE = (
    "not bounded: how much worse at most is not answered for strategies sustained over time; ask "
    "anything or no_better"
)


def followed(cohort: Cohort) -> NDArray[np.bool_]:
    """Return (n,) whose copy kept to its strategy to the end."""
    assert cohort.course is not None
    return cohort.course.followed


def shares(cohort: Cohort, one: Question) -> tuple[float, ...]:
    """Return, of the children who kept to each arm's strategy, the share without an outcome."""
    kept, seen = followed(cohort), seen_of(cohort, one.term.outcome)
    found = []
    for arm in one.arms:
        own = kept & (cohort.arm == cohort.arms.index(arm))
        found.append(float(1 - seen[own].mean()) if own.any() else float("nan"))
    return tuple(found)


def filled(cohort: Cohort, one: Question, ends: Pair | None, *, fill: Ends) -> Cohort:
    """Return the cohort with an end of the scale in place of what was not recorded of the copies
    that kept to their strategy; where it is ALIKE, weights go on standing for them.
    """
    name = one.term.outcome
    own, kept, seen = cohort.outcomes[name], followed(cohort), seen_of(cohort, name)
    value, observed = np.array(own.value), seen.copy()
    for arm, what in zip(one.arms, fill, strict=True):
        if what == ALIKE:
            continue
        assert ends is not None
        rows = kept & ~seen & (cohort.arm == cohort.arms.index(arm))
        value[rows], observed[rows] = ends[0 if what == LEAST else 1], True
    outcome = replace(own, value=value, observed=observed)
    # Filled in, an outcome is no imputed one.
    left = {key: rows for key, rows in cohort.imputed.items() if key != name}
    return replace(cohort, outcomes={**cohort.outcomes, name: outcome}, imputed=left)


def found_of(
    task: SensitivityTask, one: Question, *, ends: Pair | None, fills: Sequence[Ends]
) -> Found:
    """Return the bounds of one question. fills: for the lower and for the upper bound."""
    cohort, told = task.cohort, shares(task.cohort, one)
    if any(WORSE in fill for fill in fills):
        return Found(told, why=NO_WORSE)
    made: list[Pair] = []
    for fill in dict.fromkeys(fills):
        again = answered(task, one.term, filled(cohort, one, ends, fill=fill))
        if isinstance(again, str):
            return Found(told, why=again)
        made.append(again)
    low, high = made[0], made[-1]
    return Found(told, (low[0], high[0]), (low[1], high[1]))


def answered(task: SensitivityTask, term: Term, cohort: Cohort) -> Pair | str:
    """Return the answer to a term and its error, on the scale of estimates, of the primary leaf
    that answered it first, asked again of other children; or why there is none.
    """
    leaf = next(line.leaf for line in primary_lines(task) if line.term == term)
    answers: tuple[Answer, ...] = task.refit(cohort, task.study.given, (term,), (leaf,))
    for answer in answers:
        if answer.estimate is not None and term in answer.estimate.terms:
            at = answer.estimate.terms.index(term)
            errors = standard_errors(answer.estimate)
            if errors is not None:
                return float(answer.estimate.value[at]), float(errors[at])
    rules = [rule for answer in answers for one in answer.refusals for rule in one.rules]
    return f"not bounded: {broken_words(rules[0]) if rules else f'{leaf} gives no answer'}"
