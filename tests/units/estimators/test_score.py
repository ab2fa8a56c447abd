"""The score: what is said where covariates together tell the arm."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.analysis import Analysis, Fits, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.outcome import Outcome
from fingerpost.estimators._score import score


def test_a_level_that_tells_the_arm_with_others_is_not_spelt_out():
    """Neither covariate alone tells the arm; the two together do, the note above all."""
    random = np.random.default_rng(4)
    n = 400
    age, note = random.uniform(-1, 1, n), random.integers(0, 2, n)
    arm = (age + 1.2 * note > 0.6).astype(int)
    cohort = Cohort(
        np.arange(n),
        ("none", "support"),
        arm,
        {"score": Outcome("continuous", random.normal(size=n))},
        {"age": Column(age * 1e3), "note": Column(note, ("nothing", "in care (abuse)"))},
    )
    term = Term("score", pair("support", "none"), Target("ate"))
    task = Task(cohort, (term,), Analysis(given=("age", "note")), Fits())
    with pytest.raises(NotFitted, match="separation") as caught:
        score(task)
    assert "a level of note" in str(caught.value)
    assert "abuse" not in str(caught.value)
