"""One outcome at a time: children and fits of one are let go before those of the next are made."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np

from fingerpost.core.assignment import Observed
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Estimand, Target
from fingerpost.core.flow import Flow
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Arms, OutcomeSpec, Study
from fingerpost.studies.analysing import Kept, analysed, one_by_one, tasks

N = 240
NAMES = ("a", "b", "c")


def cohort() -> Cohort:
    """Return children of whom a and c were seen for the same, b for others."""
    rng = np.random.default_rng(1)
    x, arm = rng.normal(size=N), rng.integers(0, 2, N)
    seen = {name: np.arange(N) % 10 != (1 if name == "b" else 0) for name in NAMES}
    outcomes = {
        name: Outcome("continuous", np.where(one, x + arm, np.nan), observed=one)
        for name, one in seen.items()
    }
    return Cohort(np.arange(N), ("without", "with"), arm, outcomes, {"x": Column(x)})


def study(*names: str) -> Study:
    return Study(
        "one at a time",
        "?",
        arms=Arms("arm", (("without", "without"), ("with", "with"))),
        outcomes=tuple(OutcomeSpec(name, name) for name in names),
        assignment=Observed(("x",)),
        estimand=Estimand(((("with", 1.0), ("without", -1.0)),), (Target("ate"),), "difference"),
        estimators=("naive", "ipw"),
    )


def test_children_of_one_outcome_are_gone_when_the_next_is_analysed():
    asked, children = study("a", "b"), cohort()
    kept, held = Kept(asked, children), []
    for task in one_by_one(asked, kept):
        gc.collect()
        assert [one() for one in held] == [None] * len(held)
        held.append(weakref.ref(task.cohort))
        del task
    assert len(held) == 2


def test_fits_are_kept_for_a_later_outcome_of_the_same_children():
    asked = study(*NAMES)
    kept = Kept(asked, cohort())
    fits = [task.fits for task in one_by_one(asked, kept)]
    assert fits[0] is fits[2] is not fits[1]


def test_answers_and_flow_are_those_of_tasks_made_at_once():
    asked, children = study(*NAMES), replace(cohort(), flow=Flow(N))
    found = analysed(asked, children, say=lambda words: None)
    _, flow = tasks(asked, children)
    assert found.flow == flow
    assert [step.left for step in flow.steps] == [24, 24, 24]
    assert [one.estimate.terms[0].outcome for one in found.answers if one.leaf == "ipw"] == [*NAMES]
