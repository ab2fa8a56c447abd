"""Effects in standard deviations: of children as they are, and none where an outcome is half of a
difference within a child.
"""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.assignment import Randomised
from fingerpost.core.estimand import Estimand, Target
from fingerpost.core.measure import Measure
from fingerpost.core.study import Arms, OutcomeSpec, Study
from fingerpost.studies import effect_sizes
from units.estimators.drawn_cases import ARMS, ask, cohort, told

MEASURE = Measure("y", domain="attainment")


def sizes(design: str):
    """Return the table of a trial whose outcome is 0 or 2 in one arm, and 1 or 3 in the other."""
    arm = np.tile([0, 1], 20)
    task = told(cohort(np.repeat([0.0, 2.0], 20) + arm, arm))
    study = Study(
        "sizes",
        "Does it help?",
        arms=Arms("arm", tuple((arm, arm) for arm in ARMS)),
        outcomes=(OutcomeSpec("y", "y", "continuous", measure=MEASURE),),
        assignment=Randomised(design),
        estimand=Estimand((task.terms[0].contrast,), (Target("ate"),), "difference"),
        estimators=("by_stratum",),
    )
    return effect_sizes.table(study, task, [ask("by_stratum", task)])


def test_an_effect_is_over_the_standard_deviation_of_children_within_arms():
    (row,) = sizes("permuted_blocks").records()
    # 1 over √(40 / 38), times Hedges' correction for 38 degrees of freedom, 1 − 3 / 151.
    assert row["g"] == pytest.approx((1 - 3 / 151) / np.sqrt(40 / 38), abs=1e-4)
    assert row["months"] == 12


def test_half_differences_of_a_crossover_have_none_and_the_table_says_why():
    found = sizes("crossover")
    assert found.columns == ("outcome", "why")
    assert "half of the difference" in str(found.rows[0][1])
